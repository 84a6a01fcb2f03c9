using Litestream.FileSystem;

namespace Litestream.Releases;

/// <summary>What the looks at all replicas of an app share.</summary>
internal sealed class ReplicaAccess
{
    /// <summary>For looks into folders.</summary>
    public FolderThreads Threads { get; } = new();

    /// <summary>A list takes one of these: each is a process of litestream, which a storage that does not answer keeps
    /// for minutes, and an app may have 1,000 databases.</summary>
    public SemaphoreSlim Lists { get; } = new(8);
}
