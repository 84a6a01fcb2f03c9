using System.Globalization;
using Litestream.Verification;

namespace Litestream.Replication;

/// <summary>
/// The one answer to how a replicator does. The health check, the heartbeat, the status command and the doctor all take
/// it from here, so that they agree.
/// </summary>
/// <param name="Health">The worst of what the status says.</param>
/// <param name="Problems">What is wrong, each with its code; empty when nothing is.</param>
/// <param name="IsProven">Whether it was seen that what is committed arrives. False at the start and where nothing is
/// replicated.</param>
internal sealed record OverallHealth(LitestreamHealth Health, IReadOnlyList<string> Problems, bool IsProven)
{
    /// <summary>The code of an app that is not turned off, and has nothing that it could replicate.</summary>
    public const string NothingConfigured = "LSB3004";

    /// <summary>Whether all is well, and was looked at.</summary>
    public bool IsHealthy => IsProven && Health == LitestreamHealth.Healthy && Problems.Count == 0;

    /// <summary>The health as one word for people and scripts: <c>Unknown</c> before anything is proven.</summary>
    public string Word => Problems.Count > 0 || IsProven ? Health.ToString() : "Unknown";

    /// <summary>Computes it from a status.</summary>
    public static OverallHealth Of(LitestreamStatus status, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(status);
        var problems = new List<string>();
        var isBad = status.State == LitestreamState.Failed;
        if (StateProblem(status, now) is { } problem)
            problems.Add(status.LastError is { } error ? $"{problem}: {error}" : problem);

        var restarts = status.LastRestarts.Count(restart => now - restart.At < Thresholds.RestartMemory);
        if (restarts >= Thresholds.ManyRestarts)
        {
            isBad |= status.State != LitestreamState.Replicating;
            problems.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"LSB5004: litestream was restarted {restarts} times in "
                        + $"{Thresholds.RestartMemory.TotalMinutes:0} minutes; the last time: "
                        + $"{status.LastRestartReason}."
                )
            );
        }

        foreach (var database in status.Databases)
        {
            isBad |=
                database.Health == LitestreamHealth.Unhealthy
                || database.Verification?.Outcome == VerificationOutcome.Failed;
            if (database.Health != LitestreamHealth.Healthy)
                problems.Add(database.Problem ?? $"'{database.Path}' is {database.Health}");
            if (database.Verification is { Outcome: not VerificationOutcome.Verified } verification)
                problems.Add($"{verification.Code}: {verification.Message}");
        }

        if (status.NotReplicated.Count > 0)
            problems.Add($"LSB5010: not replicated: {string.Join(", ", status.NotReplicated)}");
        if (status.OpenNotReplicated.Count > 0)
            problems.Add($"LSB5018: open and not replicated: {string.Join(", ", status.OpenNotReplicated)}");
        problems.AddRange(status.EmptyPatterns.Select(pattern => $"LSB5031: 0 databases match '{pattern}'"));

        var health =
            isBad ? LitestreamHealth.Unhealthy
            : problems.Count > 0 ? LitestreamHealth.Degraded
            : LitestreamHealth.Healthy;
        return new OverallHealth(
            health,
            [.. problems.Distinct()],
            status is { State: LitestreamState.Replicating, Databases.Count: > 0 }
        );
    }

    private static string? StateProblem(LitestreamStatus status, DateTimeOffset now) =>
        status.State switch
        {
            LitestreamState.Failed or LitestreamState.Waiting or LitestreamState.Restarting => status.State.ToString(),
            LitestreamState.Disabled
                when status.LastError?.StartsWith(NothingConfigured, StringComparison.Ordinal) == true =>
                "Nothing is replicated",
            LitestreamState.Starting when now - status.Since >= Thresholds.StartPatience => FormattableString.Invariant(
                $"Starting for {(now - status.Since).TotalSeconds:0} s"
            ),

            // Otherwise the databases say why.
            LitestreamState.Stalled
                when status.Databases.All(database => database.Health == LitestreamHealth.Healthy) =>
                status.State.ToString(),
            _ => null,
        };
}
