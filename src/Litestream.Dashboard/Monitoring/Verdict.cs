using System.Globalization;
using Litestream.Hosting;
using Litestream.Replication;
using Litestream.Verification;

namespace Litestream.Dashboard.Monitoring;

/// <summary>Whether the data of a database is safe right now, the worst first.</summary>
public enum VerdictKind
{
    /// <summary>Nothing of it is sent.</summary>
    NotReplicated,

    /// <summary>Commits do not arrive.</summary>
    Stalled,

    /// <summary>What came back from the replica was wrong.</summary>
    ProofFailed,

    /// <summary>Commits arrive later than they should.</summary>
    Behind,

    /// <summary>It is not known, at the start for example.</summary>
    Unknown,

    /// <summary>It is being restored from its replica and checked.</summary>
    Restoring,

    /// <summary>Commits arrive, but there is no recent proof that they can be restored.</summary>
    NoProof,

    /// <summary>Commits arrive, and a full verification or a drill has proved lately that they come back.</summary>
    Safe,
}

/// <summary>The verdict on a database.</summary>
/// <param name="Kind">Which one.</param>
/// <param name="Word">For people.</param>
/// <param name="Reason">Why, with the code of the diagnostic where there is one; empty where nothing is wrong.</param>
public sealed record Verdict(VerdictKind Kind, string Word, string Reason)
{
    /// <summary>A drill or a full verification that ended well is a proof. Where none is scheduled it holds for so
    /// long.</summary>
    internal static readonly TimeSpan ProofLifetime = TimeSpan.FromDays(1);

    /// <summary>Whether the reason says more than that there is no proof.</summary>
    internal bool HasProblem =>
        Kind == VerdictKind.NoProof ? RecentLog.CodeIn(Reason).Length > 0 : Reason.Length > 0;

    /// <param name="status">Of the replicator.</param>
    /// <param name="database">Of the database, with the newest verification.</param>
    /// <param name="proofAt">When it was last proved that the commits come back; null when it never was.</param>
    /// <param name="disproof">When a drill last found that what comes back is wrong, and what; null when none did.
    /// </param>
    /// <param name="notArrived">When a verification last found that a commit does not arrive, and what it said; null
    /// when none did, or when one has ended well since.</param>
    /// <param name="interval">How often it is verified; null when it is not scheduled.</param>
    /// <param name="now">The time.</param>
    internal static Verdict Of(
        LitestreamStatus status,
        LitestreamDatabaseStatus database,
        DateTimeOffset? proofAt,
        (DateTimeOffset At, string What)? disproof,
        (DateTimeOffset At, string What)? notArrived,
        TimeSpan? interval,
        DateTimeOffset now
    )
    {
        var problem = database.Problem ?? "";
        switch (status.State)
        {
            case LitestreamState.Disabled:
                return NotReplicated("Replication is off.");
            case LitestreamState.Failed:
                return NotReplicated(database.Problem ?? status.LastError ?? "");
            case LitestreamState.Stopping or LitestreamState.Stopped:
                return new(VerdictKind.Unknown, "unknown", "The app is stopping.");
            case LitestreamState.Waiting:
                return new(
                    VerdictKind.Unknown,
                    "unknown",
                    status.LastError ?? "LSB5003: another process replicates it."
                );
        }

        if (database.ExcludedBy is not null)
            return NotReplicated(problem);
        if (database.Health == LitestreamHealth.Unhealthy)
        {
            return database.Lag > TimeSpan.Zero
                ? new(VerdictKind.Stalled, $"stalled for {Age(database.Lag)}", problem)
                : new(VerdictKind.Stalled, "stalled", problem);
        }

        if (database.Health == LitestreamHealth.Degraded)
        {
            return database.Lag > TimeSpan.Zero
                ? new(VerdictKind.Behind, $"behind by {Age(database.Lag)}", problem)
                : new(VerdictKind.Unknown, "unknown", problem);
        }

        if (
            status.State is not (LitestreamState.Replicating or LitestreamState.Stalled)
            || database.LookedAt is null
            || database.LastSync is null
        )
        {
            return new(VerdictKind.Unknown, "unknown", $"Litestream is {WordOf(status.State)}.");
        }

        // The newest of them counts.
        if (
            database.Verification is { Outcome: VerificationOutcome.Failed } failed
            && !(proofAt > database.VerifiedAt)
        )
        {
            return new(VerdictKind.ProofFailed, "proof failed", $"{failed.Code}: {failed.Message}");
        }

        if (disproof is var (at, what) && !(proofAt > at))
            return new(VerdictKind.ProofFailed, "proof failed", what);

        // The proof is of what had arrived before. After a verification that is inconclusive it still counts, as
        // nothing was learnt.
        if (notArrived is var (missedAt, missed) && !(proofAt > missedAt))
            return new(VerdictKind.NoProof, "no proof yet", missed);
        if (proofAt is null || now - proofAt > Lifetime(interval, database.Verification?.Duration ?? TimeSpan.Zero))
        {
            return new(
                VerdictKind.NoProof,
                "no proof yet",
                database.Verification switch
                {
                    { Outcome: VerificationOutcome.Verified, Level: not VerificationLevel.Full } =>
                        "The last verification did not compare the content.",
                    { Outcome: not VerificationOutcome.Verified } last => $"{last.Code}: {last.Message}",
                    _ when proofAt is not null => "The last proof is too old.",
                    _ => "Commits arrive. No full verification or fire drill has shown yet that they can be restored.",
                }
            );
        }

        return new(VerdictKind.Safe, "safe", "");
    }

    /// <summary>A scheduled verification comes up to a tenth of its interval late, and takes about as long as the last
    /// one.</summary>
    internal static TimeSpan Lifetime(TimeSpan? interval, TimeSpan duration) =>
        interval is { } scheduled ? (scheduled * 1.1) + duration + TimeSpan.FromMinutes(1) : ProofLifetime;

    /// <summary>A span of time as people say it: 12 s, 3 min, 5 h, 2 d.</summary>
    internal static string Age(TimeSpan age)
    {
        var (value, unit) = age switch
        {
            { TotalSeconds: < 120 } => (Math.Max(0, age.TotalSeconds), "s"),
            { TotalMinutes: < 120 } => (age.TotalMinutes, "min"),
            { TotalHours: < 48 } => (age.TotalHours, "h"),
            _ => (age.TotalDays, "d"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{value:0} {unit}");
    }

    private static Verdict NotReplicated(string reason) => new(VerdictKind.NotReplicated, "not replicated", reason);

    private static string WordOf(LitestreamState state) =>
        state switch
        {
            LitestreamState.Starting => "starting",
            LitestreamState.Restarting => "being restarted",
            _ => "not ready",
        };
}
