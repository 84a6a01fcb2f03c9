namespace Litestream.Replication;

/// <summary>Whether a database continues the lineage that its replicas hold.</summary>
internal enum LineageResult
{
    /// <summary>It does, or the replicas are empty.</summary>
    Same,

    /// <summary>
    /// It does not: replicating it would begin a lineage that a restore prefers to the one that is there.
    /// </summary>
    Other,

    /// <summary>There is no database, but a backup of one.</summary>
    Missing,

    /// <summary>A newer release line wrote the replica last: see <see cref="LineageCheck.Newer"/>.</summary>
    Unreadable,
}
