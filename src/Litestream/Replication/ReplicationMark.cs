using System.Globalization;
using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>Whether a litestream holds its mark on a database.</summary>
internal enum MarkState
{
    /// <summary>The system does not tell (anything but Linux).</summary>
    Unknown,

    /// <summary>It does not hold it.</summary>
    Absent,

    /// <summary>It holds it: nothing restarts the WAL before it has read it.</summary>
    Held,

    /// <summary>It does not hold it at the moment, as it is just checkpointing.</summary>
    Checkpointing,
}

/// <summary>Who holds locks on the <c>-shm</c> of a database.</summary>
/// <param name="Locks">The locks on it, of all processes that can be seen.</param>
internal sealed record ShmLocks(IReadOnlyList<ShmLock> Locks)
{
    /// <summary>The processes that have the database open in WAL mode, as far as the system tells.</summary>
    public IEnumerable<int> Processes => Locks.Select(held => held.ProcessId).Distinct();

    /// <summary>The mark of one process.</summary>
    public MarkState MarkOf(int processId)
    {
        var own = Locks.Where(held => held.ProcessId == processId).ToList();
        return own.Exists(held => held is { IsWrite: false } && held.Covers(ShmLock.FirstRead, ShmLock.LastRead))
                ? MarkState.Held
            : own.Exists(held => held.IsWrite && held.Covers(ShmLock.Write, ShmLock.Checkpoint))
                ? MarkState.Checkpointing
            : MarkState.Absent;
    }
}

/// <summary>A lock on a <c>-shm</c>, whose bytes from 120 on stand for SQLite's locks of the WAL.</summary>
/// <param name="ProcessId">Who holds it.</param>
/// <param name="IsWrite">Whether no other process may have it.</param>
/// <param name="First">The first byte.</param>
/// <param name="Last">The last byte: the system joins locks that are side by side.</param>
internal readonly record struct ShmLock(int ProcessId, bool IsWrite, long First, long Last)
{
    /// <summary>The byte of the one writer.</summary>
    public const int Write = 120;

    /// <summary>The byte of the one who checkpoints.</summary>
    public const int Checkpoint = 121;

    /// <summary>The bytes of the readers; the first of them stands for "all of the WAL is in the database
    /// file".</summary>
    public const int FirstRead = 123;

    /// <summary>The last byte of the readers.</summary>
    public const int LastRead = 127;

    public bool Covers(int from, int to) => First <= to && Last >= from;
}

/// <summary>
/// Reads the mark of a litestream, the read transaction that keeps others from restarting the WAL before it has read
/// it, from the system's list of locks. That opens nothing of the
/// database. For both release lines.
/// </summary>
internal static class ReplicationMark
{
    private const string Locks = "/proc/locks";

    /// <summary>The locks on the <c>-shm</c> of each database, from one look; null where the system does not
    /// tell.</summary>
    public static IReadOnlyDictionary<string, ShmLocks>? Look(IEnumerable<string> databases)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            var locksOn = Parse(NonDatabaseFile.ReadLines(Locks));
            return databases
                .Distinct()
                .ToDictionary(
                    database => database,
                    database => locksOn(UnixCalls.Status(NameOf(database) + "-shm")?.Identity),
                    StringComparer.Ordinal
                );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>SQLite opens what a link leads to, and its <c>-shm</c> is there. Other links on the way lead to the
    /// same file.</summary>
    private static string NameOf(string database) =>
        new FileInfo(database).LinkTarget is null ? database : DatabasePath.Real(database);

    /// <summary>The locks on a file, from the lines of the list.</summary>
    public static Func<FileIdentity?, ShmLocks> Parse(IEnumerable<string> lines)
    {
        var locks = lines
            .Select(Read)
            .OfType<(FileIdentity File, ShmLock Lock)>()
            .ToLookup(one => one.File.Inode);
        return file => new ShmLocks(
            file is { } wanted
                ? [.. locks[wanted.Inode].Where(one => MayBe(one.File, wanted)).Select(one => one.Lock)]
                : []
        );
    }

    /// <summary>
    /// Whether a file in the list with the inode of another one may be that one. On two disks they are two files. A
    /// file system without a disk of its own (device 0: overlayfs, btrfs) may show another device there than it gives
    /// for the file.
    /// </summary>
    private static bool MayBe(FileIdentity shown, FileIdentity file) =>
        shown.Major == 0 || file.Major == 0 || (shown.Major, shown.Minor) == (file.Major, file.Minor);

    private static (FileIdentity File, ShmLock Lock)? Read(string line)
    {
        // 1: POSIX ADVISORY READ 1234 fe:01:5678 123 123 (what waits for a lock has an arrow before it, and is none)
        var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return
            fields is [_, "POSIX", _, var kind, var process, var place, var first, var last]
            && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out var processId)
            && processId > 0
            && FileIdentity.Parse(place) is { } file
            && long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var from)
            ? (
                file,
                new ShmLock(
                    processId,
                    kind == "WRITE",
                    from,
                    long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var to)
                        ? to
                        : long.MaxValue
                )
            )
            : null;
    }
}
