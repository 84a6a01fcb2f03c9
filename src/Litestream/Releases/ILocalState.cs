using Litestream.Execution;
using Litestream.Sqlite;

namespace Litestream.Releases;

/// <summary>What the executable keeps beside a database: how far it has read.</summary>
internal interface ILocalState
{
    /// <summary>The lineage that it writes; null when nothing was ever replicated from here.</summary>
    string? Lineage();

    /// <summary>Makes the next litestream begin a new lineage. Called while none runs.</summary>
    void ForgetLineage();

    /// <summary>How far it has read in a lineage; null when there is nothing.</summary>
    ReplicaPosition? Newest(string lineage);

    /// <summary>When the executable last wrote to a lineage.</summary>
    DateTimeOffset? LastWrite(string lineage);

    /// <summary>Where a commit stands; null when the executable has not seen its WAL.</summary>
    ReplicaPosition? Find(string lineage, WalPosition mark);

    /// <summary>The bytes between two places of one lineage; null when that is not known.</summary>
    long? Distance(ReplicaPosition? from, ReplicaPosition to);

    /// <summary>How far the executable says that it has sent; null when it does not say.</summary>
    ReplicaPosition? Sent(string lineage, MetricsAnswer metrics, string database, string replica);

    /// <summary>What a log line of the executable means; null: nothing for the replication.</summary>
    ReplicationEvent? Read(LogLine line);
}

/// <summary>What the executable says that it does.</summary>
internal enum ReplicationStep
{
    /// <summary>A lineage begins.</summary>
    LineageBegun,

    /// <summary>A full copy is being sent.</summary>
    CopyBegun,

    /// <summary>It has been sent.</summary>
    CopySent,

    /// <summary>Changes have been sent, up to a position.</summary>
    Sent,

    /// <summary>Something failed.</summary>
    Failed,
}

/// <summary>One step.</summary>
/// <param name="Step">What is done.</param>
/// <param name="Lineage">The lineage that begins.</param>
/// <param name="Position">Up to where it was sent.</param>
internal sealed record ReplicationEvent(
    ReplicationStep Step,
    string? Lineage = null,
    ReplicaPosition? Position = null
);
