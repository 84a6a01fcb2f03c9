using Litestream.Execution;
using Litestream.Sqlite;

namespace Litestream.Releases;

/// <summary>What the executable keeps beside a database: how far it has read.</summary>
internal interface ILocalState
{
    /// <summary>The lineage that it writes; null when nothing was ever replicated from here.</summary>
    string? Lineage();

    /// <summary>The size of the pages that it has sent, in bytes, where it cannot continue with another one; null where
    /// it can, or has sent nothing.</summary>
    long? PageSize => null;

    /// <summary>Makes the next litestream begin a new lineage. Called while none runs.</summary>
    void ForgetLineage();

    /// <summary>How far it has read in a lineage; null when there is nothing.</summary>
    ReplicaPosition? Newest(string lineage);

    /// <summary>When the executable last wrote to a lineage.</summary>
    DateTimeOffset? LastWrite(string lineage);

    /// <summary>Where a commit stands; null when the executable has not seen its WAL.</summary>
    ReplicaPosition? Find(string lineage, WalPosition mark);

    /// <summary>The bytes of the WAL, up to a commit that <see cref="Find"/> does not know, that the executable has not
    /// read; null when that is not known.</summary>
    long? Unread(string lineage, WalPosition mark);

    /// <summary>The first place at or after a commit that a restore can go back to, as an end in the WAL; null where
    /// that is the commit itself.</summary>
    WalPosition? RestorableEnd(ReplicaPosition place);

    /// <summary>The bytes between two places of one lineage; null when that is not known.</summary>
    long? Distance(ReplicaPosition? from, ReplicaPosition to);

    /// <summary>Where it is now, for <see cref="HasFullCopySince"/> and <see cref="LinkAfter"/>; null when nothing was
    /// ever replicated from here.</summary>
    string? Bookmark();

    /// <summary>Whether a full copy was begun after a bookmark, and a replica that has come so far has it.</summary>
    bool HasFullCopySince(string? bookmark, ReplicaPosition replicated);

    /// <summary>How what was read first after a bookmark continues what was read before it.</summary>
    ChainLink LinkAfter(string? bookmark);

    /// <summary>Whether litestream went on in the next WAL, without a full copy, before it had read a commit: it is in
    /// no file. Of a line that keeps which part of which WAL it has read.</summary>
    bool Skips(WalPosition mark) => false;

    /// <summary>Whether, since the last call, litestream went on in the same lineage without commits of the WAL that it
    /// had not read. Not for several threads.</summary>
    bool HasSkipped(string wal);

    /// <summary>What a replica has too if it is the one of this database, by name and content; empty when nothing was
    /// ever replicated from here.</summary>
    /// <seealso cref="ReplicaSignatures"/>
    IReadOnlyDictionary<string, string> Signatures();

    /// <summary>How far the executable says that it has sent; null when it does not say.</summary>
    ReplicaPosition? Sent(string lineage, MetricsAnswer metrics, string database, string replica);

    /// <summary>What a log line of the executable means; null: nothing for the replication.</summary>
    ReplicationEvent? Read(LogLine line);
}

/// <summary>How two parts of what the executable has read go together.</summary>
internal enum ChainLink
{
    /// <summary>There is no second part yet.</summary>
    None,

    /// <summary>The second part begins where the first one ends, or is a full copy.</summary>
    Whole,

    /// <summary>Something between them may be missing.</summary>
    Broken,
}

/// <summary>Compares what is here with what is in a replica.</summary>
internal static class ReplicaSignatures
{
    /// <summary>Whether a replica is another database's: it has something of the same name that is not the same, or
    /// nothing in common. False where one side has nothing.</summary>
    public static bool Differ(IReadOnlyDictionary<string, string> there, IReadOnlyDictionary<string, string> own)
    {
        if (there.Count == 0 || own.Count == 0)
            return false;
        var common = own.Where(one => there.ContainsKey(one.Key)).ToList();
        return common.Count == 0 || common.Exists(one => there[one.Key] != one.Value);
    }

    /// <summary>Whether everything of a replica that has the name of something sent from here is not the
    /// same.</summary>
    public static bool ClashAll(IReadOnlyDictionary<string, string> there, IReadOnlyDictionary<string, string> own)
    {
        var common = own.Where(one => there.ContainsKey(one.Key)).ToList();
        return common.Count > 0 && common.TrueForAll(one => there[one.Key] != one.Value);
    }
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
