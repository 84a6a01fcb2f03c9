using Litestream.Diagnostics;

namespace Litestream.Releases;

/// <summary>The files of a replica that is a folder.</summary>
internal interface IReplicaLayout
{
    /// <summary>The name of the folder in the replica that holds all that this line has there.</summary>
    string Content { get; }

    /// <summary>The lineages that something can be restored from.</summary>
    /// <exception cref="LitestreamException">LSB4005: the folder cannot be read.</exception>
    IReadOnlyList<string> Restorable(string folder);

    /// <summary>What tells the backup from that of another database: see
    /// <see cref="ILocalState.Signatures"/>.</summary>
    /// <exception cref="LitestreamException">LSB4005: the folder cannot be read.</exception>
    IReadOnlyDictionary<string, string> Signatures(string folder);

    /// <summary>Whether a lineage has a full copy; true also where that cannot be read.</summary>
    bool HasFullCopy(string folder, string lineage);

    /// <summary>Removes what is in a lineage without a full copy: nothing can be restored from it, and a restore would
    /// prefer it.</summary>
    void RemoveRemains(string folder, string lineage);

    /// <summary>Reads how far a folder has come in a lineage; null where that is unknown (it is encrypted). It
    /// throws LSB4005 where the folder cannot be read.</summary>
    Func<string, ReplicaProgress?> Reader(string folder);

    /// <summary>What this line has in a folder, as far as it was made by a moment (null: all of it); null when there is
    /// nothing.</summary>
    /// <exception cref="LitestreamException">LSB4005: the folder cannot be read.</exception>
    BackupFiles? Find(string folder, DateTimeOffset? moment = null);
}

/// <summary>What one release line has in a replica that is a folder.</summary>
/// <param name="Folder">The folder in the replica that holds all of it, and nothing else.</param>
/// <param name="Oldest">When the first full copy was made.</param>
/// <param name="Newest">When the last file was made.</param>
/// <param name="Bytes">How large the files are.</param>
internal sealed record BackupFiles(string Folder, DateTimeOffset Oldest, DateTimeOffset Newest, long Bytes)
{
    /// <summary>How much of it a restore of the newest state reads.</summary>
    public long RestoreBytes { get; init; } = Bytes;
}
