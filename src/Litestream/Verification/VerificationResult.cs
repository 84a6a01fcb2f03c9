using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;

namespace Litestream.Verification;

/// <summary>What a verification found.</summary>
public enum VerificationOutcome
{
    /// <summary>The commit has arrived; at the levels that restore, what came back is right.</summary>
    Verified,

    /// <summary>Nothing replicates the database, or whatever does is stuck (LSB4101).</summary>
    NotReplicating,

    /// <summary>It is replicated, but the commit did not arrive in time (LSB4102).</summary>
    Lagging,

    /// <summary>
    /// What came back from the replica is wrong or another database's, or nothing did though it should be there
    /// (LSB4103).
    /// </summary>
    Failed,

    /// <summary>Nothing is known about the backup: the storage does not answer (LSB4005), the database cannot be opened
    /// (LSB4105), the position cannot be told (LSB4104), or the content could not be compared (LSB4106).</summary>
    Inconclusive,
}

/// <summary>How a verification ended.</summary>
/// <param name="Database">What was verified.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Message">One sentence for people, without secrets.</param>
/// <param name="Code">The diagnostic; null when <see cref="VerificationOutcome.Verified"/>.</param>
public sealed record VerificationResult(
    EffectiveDatabase Database,
    VerificationOutcome Outcome,
    string Message,
    string? Code
)
{
    /// <summary>One sentence for people, without secrets.</summary>
    public string Message
    {
        get => Text.ToString();
        init => Text = value;
    }

    /// <summary>The same, for whoever names verbs and options in words of its own.</summary>
    internal MessageText Text { get; init; } = Message;

    /// <summary>What was asked for.</summary>
    public VerificationLevel Level { get; init; }

    /// <summary>
    /// The replica that decided: the one that is wrong, or the last one that is right. Null before any was asked.
    /// </summary>
    public string? Replica { get; init; }

    /// <summary>
    /// Where the commit stands that was waited for; null when that is not known (another release line than 0.3, or no
    /// replicator has seen it).
    /// </summary>
    public ReplicaPosition? Committed { get; init; }

    /// <summary>How far the replica is known to have come; null when nothing is known.</summary>
    public ReplicaPosition? Replicated { get; init; }

    /// <summary>How many bytes of WAL are missing in the replica; 0 when verified, null when not known.</summary>
    public long? LagBytes { get; init; }

    /// <summary>
    /// For how long the commit has been missing in the replica; zero when verified, null when not known.
    /// </summary>
    public TimeSpan? Lag { get; init; }

    /// <summary>
    /// The rows of each table of the app, in the restored copy at the commit; null where none were counted.
    /// </summary>
    public IReadOnlyDictionary<string, long>? RowCounts { get; init; }

    /// <summary>The size of the restored file in bytes; null where nothing was restored.</summary>
    public long? RestoredBytes { get; init; }

    /// <summary>From the commit until it was in the replica; null when it did not arrive.</summary>
    public TimeSpan? ArrivalTime { get; init; }

    /// <summary>What the last restore took, checks included; null where nothing was restored.</summary>
    public TimeSpan? RestoreTime { get; init; }

    /// <summary>What all of it took.</summary>
    public TimeSpan Duration { get; init; }
}
