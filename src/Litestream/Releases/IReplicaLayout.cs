using Litestream.Diagnostics;

namespace Litestream.Releases;

/// <summary>The files of a replica that is a folder.</summary>
internal interface IReplicaLayout
{
    /// <summary>The lineages that something can be restored from.</summary>
    /// <exception cref="LitestreamException">LSB4005: the folder cannot be read.</exception>
    IReadOnlyList<string> Restorable(string folder);

    /// <summary>Whether a lineage has a full copy; true also where that cannot be read.</summary>
    bool HasFullCopy(string folder, string lineage);

    /// <summary>Removes what is in a lineage without a full copy: nothing can be restored from it, and a restore would
    /// prefer it.</summary>
    void RemoveRemains(string folder, string lineage);

    /// <summary>Reads how far a folder has come in a lineage; null where that cannot be told (it is encrypted). It
    /// throws LSB4005 where the folder cannot be read.</summary>
    Func<string, ReplicaProgress?> Reader(string folder);

    /// <summary>A sentence where the folder holds another line's files; else empty.</summary>
    string OtherFiles(string folder);
}
