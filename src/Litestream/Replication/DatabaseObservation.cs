using Litestream.FileSystem;
using Litestream.Releases;

namespace Litestream.Replication;

/// <summary>What one look at a database has found.</summary>
internal sealed record DatabaseObservation
{
    public required DateTimeOffset Now { get; init; }

    /// <summary>The file; null when it is not there.</summary>
    public FileStamp? File { get; init; }

    /// <summary>How long ago the oldest commit was seen that has not arrived.</summary>
    public TimeSpan Lag { get; init; }

    /// <summary>The bytes that have not arrived; null when that is not known.</summary>
    public long? LagBytes { get; init; }

    public bool IsPending { get; init; }

    /// <summary>Whether litestream has noticed the last commit, so that it is its turn to send it.</summary>
    public bool IsNoticed { get; init; }

    /// <summary>When everything had arrived, the last time; null before that.</summary>
    public DateTimeOffset? LastSync { get; init; }

    /// <summary>When something last arrived, or a litestream was started.</summary>
    public DateTimeOffset ProgressAt { get; init; }

    /// <summary>When the litestream that runs was started.</summary>
    public DateTimeOffset BegunAt { get; init; }

    /// <summary>When litestream was last seen to write to its storage or anything else.</summary>
    public DateTimeOffset UploadedAt { get; init; }

    /// <summary>The lineage that something has arrived in; null before that.</summary>
    public string? ReplicatedLineage { get; init; }

    /// <inheritdoc cref="LagTracker.Gap" />
    public ReplicaGap? Gap { get; init; }

    /// <summary>What litestream complained about since something arrived; null when it has not.</summary>
    public (string Message, DateTimeOffset At)? Error { get; init; }

    /// <summary>Since when a snapshot has been under way; null when none is.</summary>
    public DateTimeOffset? SnapshotSince { get; init; }

    /// <summary>What the last look into the folders of its replicas found that has ended.</summary>
    public FolderProbe Folders { get; init; } = new();

    /// <summary>The folder that does not answer, and since when; null when all do.</summary>
    public (string Folder, DateTimeOffset Since)? SilentFolder { get; init; }

    /// <summary>When the folders last answered again after one had not.</summary>
    public DateTimeOffset FoldersAnsweredAt { get; init; }

    /// <inheritdoc cref="ReplicaListing.Storage" />
    public StorageAnswer Storage { get; init; }

    /// <summary>The room on its own disk; null where no replica is there, or the system does not tell.</summary>
    public DiskRoom? Room { get; init; }

    /// <summary>Whether litestream may have it; null where that is not the question.</summary>
    public HeldDatabase? Held { get; init; }
}

/// <summary>The room on a disk.</summary>
/// <param name="Free">What is free.</param>
/// <param name="Kept">What has to stay free for the app.</param>
internal readonly record struct DiskRoom(long Free, long Kept);

/// <summary>A database that litestream does not have yet.</summary>
/// <param name="Admission">Whether it gets it now.</param>
/// <param name="IsWatched">Whether it is watched whether the app sets a rollback journal.</param>
/// <param name="IsSuspect">Whether it was taken from litestream for that.</param>
internal readonly record struct HeldDatabase(Admission Admission, bool IsWatched, bool IsSuspect);
