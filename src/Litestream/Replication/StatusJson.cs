using System.Text.Json.Serialization;
using Litestream.Configuration;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Verification;

namespace Litestream.Replication;

/// <summary>
/// A status with one database as JSON: members of one object. What is null is left out, durations are seconds.
/// </summary>
internal record StatusForm
{
    public string? State { get; init; }
    public DateTimeOffset? Since { get; init; }
    public int? ReplicatorProcessId { get; init; }
    public DateTimeOffset? ReplicatorStartedAt { get; init; }
    public int? Restarts { get; init; }
    public string? LastRestartReason { get; init; }
    public string? LastError { get; init; }
    public IReadOnlyList<string>? NotReplicated { get; init; }
    public IReadOnlyList<string>? OpenNotReplicated { get; init; }
    public IReadOnlyList<string>? EmptyPatterns { get; init; }
    public DatabaseForm? Database { get; init; }

    public StatusForm() { }

    public StatusForm(LitestreamStatus status)
    {
        State = status.State.ToString();
        Since = status.Since;
        ReplicatorProcessId = status.ProcessId;
        ReplicatorStartedAt = status.StartedAt;
        Restarts = status.Restarts;
        LastRestartReason = status.LastRestartReason;
        LastError = status.LastError;
        NotReplicated = status.NotReplicated.Count == 0 ? null : status.NotReplicated;
        OpenNotReplicated = status.OpenNotReplicated.Count == 0 ? null : status.OpenNotReplicated;
        EmptyPatterns = status.EmptyPatterns.Count == 0 ? null : status.EmptyPatterns;
        Database = status.Databases is [var database, ..] ? DatabaseForm.Of(database) : null;
    }

    /// <exception cref="FormatException">Something that has to be there is missing.</exception>
    /// <exception cref="ArgumentException">A word is none of those that it can be.</exception>
    public LitestreamStatus ToStatus(EffectiveDatabase database) =>
        State is null || Since is null || Restarts is null
            ? throw new FormatException("The status is incomplete.")
            : new(
                Enum.Parse<LitestreamState>(State),
                ReplicatorProcessId,
                ReplicatorStartedAt,
                Restarts.Value,
                LastError
            )
            {
                Since = Since.Value,
                LastRestartReason = LastRestartReason,
                NotReplicated = NotReplicated ?? [],
                OpenNotReplicated = OpenNotReplicated ?? [],
                EmptyPatterns = EmptyPatterns ?? [],
                Databases = Database is null ? [] : [Database.ToStatus(database)],
            };
}

/// <summary>What stands in a status file.</summary>
internal sealed record StatusFileForm : StatusForm
{
    [JsonPropertyOrder(-4), JsonRequired]
    public int Version { get; init; }

    [JsonPropertyOrder(-3)]
    public ProcessIdentity? App { get; init; }

    [JsonPropertyOrder(-2)]
    public DateTimeOffset? AppStartedAt { get; init; }

    [JsonPropertyOrder(-1), JsonRequired]
    public DateTimeOffset WrittenAt { get; init; }

    [JsonConstructor]
    public StatusFileForm() { }

    public StatusFileForm(LitestreamStatus status)
        : base(status) { }
}

/// <summary>What is reported of one database: docs/api.md has its shape.</summary>
internal sealed record RunningStatusForm : StatusForm
{
    [JsonPropertyOrder(-4)]
    public required string Path { get; init; }

    [JsonPropertyOrder(-3)]
    public bool Running => App is not null;

    [JsonPropertyOrder(-2)]
    public RunningApp? App { get; init; }

    [JsonPropertyOrder(-1)]
    public DateTimeOffset? WrittenAt { get; init; }

    [JsonConstructor]
    public RunningStatusForm() { }

    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public RunningStatusForm(string path, LitestreamStatus status)
        : base(status) => Path = path;
}

/// <summary>One database in a status.</summary>
internal sealed record DatabaseForm(
    [property: JsonRequired] string Health,
    string? Problem,
    ReplicaPosition? Committed,
    ReplicaPosition? Replicated,
    [property: JsonRequired] double LagSeconds,
    long? LagBytes,
    DateTimeOffset? LastSync,
    DateTimeOffset? VerifiedAt,
    VerificationForm? Verification
)
{
    public static DatabaseForm Of(LitestreamDatabaseStatus database) =>
        new(
            database.Health.ToString(),
            database.Problem,
            database.Committed,
            database.Replicated,
            database.Lag.TotalSeconds,
            database.LagBytes,
            database.LastSync,
            database.VerifiedAt,
            VerificationForm.Of(database.Verification)
        );

    public LitestreamDatabaseStatus ToStatus(EffectiveDatabase database) =>
        new(database.Path)
        {
            Health = Enum.Parse<LitestreamHealth>(Health),
            Problem = Problem,
            Committed = Committed,
            Replicated = Replicated,
            Lag = TimeSpan.FromSeconds(LagSeconds),
            LagBytes = LagBytes,
            LastSync = LastSync,
            VerifiedAt = VerifiedAt,
            Verification = Verification?.ToResult(database),
        };
}

/// <summary>The last verification in a status.</summary>
internal sealed record VerificationForm(
    [property: JsonRequired] string Outcome,
    [property: JsonRequired] string Level,
    [property: JsonRequired] string Message,
    string? Code,
    [property: JsonRequired] double DurationSeconds
)
{
    public static VerificationForm? Of(VerificationResult? result) =>
        result is null
            ? null
            : new(
                result.Outcome.ToString(),
                result.Level.ToString(),
                result.Message,
                result.Code,
                result.Duration.TotalSeconds
            );

    public VerificationResult ToResult(EffectiveDatabase database) =>
        new(database, Enum.Parse<VerificationOutcome>(Outcome), Message, Code)
        {
            Level = Enum.Parse<VerificationLevel>(Level),
            Duration = TimeSpan.FromSeconds(DurationSeconds),
        };
}

[JsonSerializable(typeof(StatusFileForm))]
[JsonSerializable(typeof(RunningStatusForm))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
internal sealed partial class StatusJson : JsonSerializerContext;
