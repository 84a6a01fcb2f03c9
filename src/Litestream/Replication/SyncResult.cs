using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Verification;

namespace Litestream.Replication;

/// <summary>Whether what was committed in a database has arrived in its replicas.</summary>
public sealed record SyncResult
{
    internal SyncResult(VerificationResult result)
    {
        (Database, HasArrived, Text) = (result.Database, result.Outcome == VerificationOutcome.Verified, result.Text);
        Code = HasArrived ? null : result.Code ?? "LSB4103";
        (Replica, Duration) = (result.Replica, result.Duration);
        (Committed, Replicated, LagBytes, Lag) = (result.Committed, result.Replicated, result.LagBytes, result.Lag);
    }

    /// <summary>The database.</summary>
    public EffectiveDatabase Database { get; }

    /// <summary>Whether the last commit that there was when this was asked is in every replica, as the replica itself
    /// lists it, without a gap. That it can be restored is not shown.</summary>
    public bool HasArrived { get; }

    /// <summary>For people, without secrets.</summary>
    public string Message => Text.ToString();

    /// <summary>Why it has not arrived, or is not known to have: LSB4101: no replicator runs, or it is stuck; LSB4102:
    /// not in time; LSB4005: the storage does not answer; LSB4103: the replica has another lineage; LSB4104, LSB5003,
    /// LSB5025, LSB5026, LSB5028: the position proves nothing; LSB5017: the database is not replicated yet; LSB4105: it
    /// is not there. Null when it has arrived.</summary>
    public string? Code { get; }

    /// <summary>The replica that decided; null before any was asked.</summary>
    public string? Replica { get; }

    /// <summary>Where the commit stands, as litestream counts; null when litestream has not read it.</summary>
    public ReplicaPosition? Committed { get; }

    /// <summary>How far the replica is known to have come; null when nothing is known.</summary>
    public ReplicaPosition? Replicated { get; }

    /// <summary>The bytes of WAL that are missing in the replica; 0 when nothing is, null when not known.</summary>
    public long? LagBytes { get; }

    /// <summary>For how long they have been missing; zero when nothing is, null when not known.</summary>
    public TimeSpan? Lag { get; }

    /// <summary>What the wait took.</summary>
    public TimeSpan Duration { get; }

    internal MessageText Text { get; }
}
