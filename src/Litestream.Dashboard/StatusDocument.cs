using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Litestream.Dashboard.Pages;

namespace Litestream.Dashboard;

/// <summary>What <c>GET {path}/api/status</c> answers. Durations are seconds, times UTC.</summary>
/// <param name="At">When it was made.</param>
/// <param name="IsSafe">Whether all databases are safe.</param>
/// <param name="Databases">The databases, the one with the most trouble first.</param>
/// <param name="Litestream">The litestream process.</param>
/// <param name="Warnings">What is wrong.</param>
public sealed record StatusDocument(
    DateTimeOffset At,
    bool IsSafe,
    IReadOnlyList<StatusDatabase> Databases,
    StatusProcess Litestream,
    IReadOnlyList<StatusWarning> Warnings
)
{
    internal static StatusDocument Of(DashboardModel model) =>
        new(
            model.Now.ToUniversalTime(),
            model.Databases.Count > 0
                && model.Databases.All(one => one.Row.Verdict.Kind == Monitoring.VerdictKind.Safe),
            [
                .. model.Databases.Select(one => new StatusDatabase(
                    one.Row.Id,
                    one.Row.Name,
                    one.Row.Verdict.Kind.ToString(),
                    one.Row.Verdict.Word,
                    one.Row.Verdict.Reason
                )
                {
                    Health = one.Health,
                    Committed = one.Committed.Length == 0 ? null : one.Committed,
                    Replicated = one.Replicated.Length == 0 ? null : one.Replicated,
                    LagSeconds = one.Health is null ? null : one.Lag.TotalSeconds,
                    LagBytes = one.LagBytes,
                    ArrivedAt = one.Row.ArrivedAt,
                    ProvedAt = one.Row.ProofAt,
                    RestoreFrom = one.Row.From,
                    RestoreTo = one.Row.To,
                    ListedAt = one.ListedAt,
                }),
            ],
            new StatusProcess(model.Process.State, model.Process.Since)
            {
                ProcessId = model.Process.ProcessId,
                Version = model.Process.Version.Length == 0 ? null : model.Process.Version,
                StartedAt = model.Process.StartedAt,
                Restarts = model.Process.Restarts,
                LastRestartReason = model.Process.LastRestartReason,
            },
            [.. model.Warnings.Select(one => new StatusWarning(one.Code, one.Message))]
        );
}

/// <summary>A database in a <see cref="StatusDocument"/>.</summary>
/// <param name="Id">Its name in the URLs of the dashboard.</param>
/// <param name="Path">Its path, relative to the content root; elsewhere what the app calls it.</param>
/// <param name="Verdict">NotReplicated, Stalled, ProofFailed, Behind, Unknown, Restoring, NoProof or Safe.</param>
/// <param name="Text">The same for people.</param>
/// <param name="Reason">Why, with a code; empty where nothing is wrong.</param>
public sealed record StatusDatabase(string Id, string Path, string Verdict, string Text, string Reason)
{
    /// <summary>Healthy, Degraded or Unhealthy; null where it is not replicated.</summary>
    public string? Health { get; init; }

    /// <summary>The last commit, as litestream counts.</summary>
    public string? Committed { get; init; }

    /// <summary>How far the replica has come.</summary>
    public string? Replicated { get; init; }

    /// <summary>How long the oldest commit has waited that has not arrived; null where it is not replicated.</summary>
    public double? LagSeconds { get; init; }

    /// <summary>The bytes of WAL that have not arrived; null when that is not known.</summary>
    public long? LagBytes { get; init; }

    /// <summary>When its last commit arrived; null when none has since the app started.</summary>
    public DateTimeOffset? ArrivedAt { get; init; }

    /// <summary>When it was last proved that its commits come back; null when it never was.</summary>
    public DateTimeOffset? ProvedAt { get; init; }

    /// <summary>The oldest moment that can be restored, as of <see cref="ListedAt"/>; null when none can, or when that
    /// was not listed yet.</summary>
    public DateTimeOffset? RestoreFrom { get; init; }

    /// <summary>The newest one.</summary>
    public DateTimeOffset? RestoreTo { get; init; }

    /// <summary>When the backups were last listed, which is done while somebody looks at the page; null when they were
    /// not yet.</summary>
    public DateTimeOffset? ListedAt { get; init; }
}

/// <summary>The litestream process in a <see cref="StatusDocument"/>.</summary>
/// <param name="State">What the replicator does.</param>
/// <param name="Since">Since when.</param>
public sealed record StatusProcess(string State, DateTimeOffset Since)
{
    /// <summary>Its process id; null when none runs.</summary>
    public int? ProcessId { get; init; }

    /// <summary>The version of the executable; null when it is not known.</summary>
    public string? Version { get; init; }

    /// <summary>When it was started; null when none runs.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How often it was started again.</summary>
    public int Restarts { get; init; }

    /// <summary>Why, the last time; null when it was not.</summary>
    public string? LastRestartReason { get; init; }
}

/// <summary>Something that is wrong, in a <see cref="StatusDocument"/>.</summary>
/// <param name="Code">Its code; empty when it has none.</param>
/// <param name="Message">What it is.</param>
public sealed record StatusWarning(string Code, string Message);

[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(PageChanges))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class DashboardJson : JsonSerializerContext
{
    /// <summary>Without escapes for HTML, which a script never reads it as: they would double its size.</summary>
    public static DashboardJson Readable { get; } =
        new(
            new JsonSerializerOptions
            {
                PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
                Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            }
        );
}
