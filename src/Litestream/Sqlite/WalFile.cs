using System.Buffers.Binary;
using Litestream.FileSystem;
using Microsoft.Win32.SafeHandles;

namespace Litestream.Sqlite;

/// <summary>
/// The end of a commit in a WAL: which life of the file (its salts), and how many bytes from its start.
/// </summary>
internal sealed record WalPosition(uint Salt1, uint Salt2, long End)
{
    /// <summary>More restarts of the WAL than happen while a commit is waited for.</summary>
    private const uint ManyRestarts = 100_000;

    /// <summary>How often the WAL was begun anew from here to there: SQLite counts the first salt up by one each time.
    /// Null when it is another file: one that was deleted and made again has other salts.</summary>
    public uint? RestartsUntil(WalPosition later) =>
        (later.Salt1 - Salt1) switch
        {
            0 when Salt2 != later.Salt2 => null,
            < ManyRestarts and var restarts => restarts,
            _ => null,
        };
}

/// <summary>
/// Reads <c>-wal</c> files: SQLite's and the executable's copies of them. The <c>-wal</c> is the only file of a live
/// database that may be opened besides through SQLite: it
/// is never locked, so closing it drops no lock of this process. (The database file and <c>-shm</c> carry the locks.)
/// </summary>
internal static class WalFile
{
    private const int HeaderSize = 32;
    private const int FrameHeaderSize = 24;
    private const uint Magic = 0x377f0682;

    /// <summary>How many bytes <see cref="ApplyTo"/> takes at most: they are held in memory.</summary>
    public const long LargestApplied = 64 * 1024 * 1024;

    /// <summary>
    /// The <c>-wal</c> of a database: beside the file itself, as SQLite has it, when the path is a link.
    /// </summary>
    public static string PathOf(string database) => DatabasePath.Real(database) + "-wal";

    /// <summary>
    /// The end of the last whole commit; a mark at the header when there is none yet; null when there is no WAL.
    /// </summary>
    /// <param name="path">The <c>-wal</c>.</param>
    /// <param name="known">A commit that was found before: the search continues from there, if the file is still in the
    /// same life.</param>
    public static WalPosition? LastCommit(string path, WalPosition? known = null) => Read(path, (file, header) =>
        {
            var start = known is not null && header.IsOf(known) ? known.End : HeaderSize;
            var ends = Frames(file, header, start).Where(frame => frame.IsCommit).Select(frame => frame.End);
            return new WalPosition(header.Salt1, header.Salt2, ends.LastOrDefault(start));
        });

    /// <summary>
    /// Whether a whole commit stands behind the frames that SQLite knows of: it was written by a process that was
    /// killed before it could say so. Reads like SQLite's recovery does, checksums too,
    /// as what an earlier transaction left behind the end is not a commit.
    /// </summary>
    /// <param name="path">The <c>-wal</c>.</param>
    /// <param name="frames">The frames that SQLite knows of.</param>
    public static bool HasCommitAfter(string path, long frames) => Read(path, (file, header) =>
        {
            var at = EndOf(frames, header.PageSize);
            var sums = new byte[8];
            var before = frames == 0 ? HeaderSize - 8 : at - header.PageSize - 8;
            if (RandomAccess.Read(file, sums, before) != sums.Length)
                return false;
            var sum = (Word(sums, 0), Word(sums, 4));
            var frame = new byte[FrameHeaderSize + header.PageSize];
            for (; RandomAccess.Read(file, frame, at) == frame.Length && header.IsOf(frame); at += frame.Length)
            {
                sum = Checksum(sum, frame.AsSpan(0, 8), header.IsBigEndian);
                sum = Checksum(sum, frame.AsSpan(FrameHeaderSize), header.IsBigEndian);
                if (sum != (Word(frame, 16), Word(frame, 20)))
                    return false;
                if (Word(frame, 4) != 0)
                    return true;
            }

            return false;
        });

    /// <summary>The pages in the frames between two places of a WAL; null when it is another WAL by now, or cannot be
    /// read.</summary>
    public static IReadOnlySet<long>? PagesBetween(string path, WalPosition to, long from) =>
        Read(path, (file, header) =>
            header.IsOf(to)
                ? Frames(file, header, Math.Max(from, HeaderSize))
                    .TakeWhile(frame => frame.End <= to.End)
                    .Select(frame => frame.Page)
                    .ToHashSet()
                : null
        );

    /// <summary>Writes the pages between two commits of a WAL into a copy of the database that ends with the first one.
    /// </summary>
    /// <param name="path">The <c>-wal</c>.</param>
    /// <param name="from">The first commit.</param>
    /// <param name="to">The second commit, at most <see cref="LargestApplied"/> bytes later.</param>
    /// <param name="copy">A file of our own, which is not open.</param>
    /// <returns>False when the WAL is another one by now; nothing is written then.</returns>
    public static bool ApplyTo(string path, WalPosition from, WalPosition to, string copy)
    {
        if ((from.Salt1, from.Salt2) != (to.Salt1, to.Salt2) || to.End - from.End > LargestApplied)
            return false;
        var pages = Read(
            path,
            (file, header) =>
            {
                var found = new List<(long Page, long Commit, byte[] Content)>();
                if (!header.IsOf(to))
                    return null;
                var frame = new byte[FrameHeaderSize + header.PageSize];
                for (var at = Math.Max(from.End, HeaderSize); at < to.End; at += frame.Length)
                {
                    if (RandomAccess.Read(file, frame, at) != frame.Length || !header.IsOf(frame))
                        return null;
                    found.Add((Word(frame, 0), Word(frame, 4), frame[FrameHeaderSize..]));
                }

                return found;
            }
        );

        // Whoever begins the WAL anew writes its header first.
        if (pages is null || Header(path) is not { } now || (now.Salt1, now.Salt2) != (to.Salt1, to.Salt2))
            return false;
        if (pages.Count == 0)
            return true;
        if (pages[^1].Commit == 0)
            return false;
        using var target = NonDatabaseFile.OpenHandle(copy, FileMode.Open, FileAccess.ReadWrite);
        foreach (var (page, _, content) in pages)
            RandomAccess.Write(target, content, (page - 1) * content.Length);
        RandomAccess.SetLength(target, pages[^1].Commit * pages[^1].Content.Length);
        return true;
    }

    /// <summary>
    /// The salts in a file's header, with <see cref="WalPosition.End"/> its length; null when there is no whole header.
    /// </summary>
    public static WalPosition? Header(string path) =>
        Read(path, (file, header) => new WalPosition(header.Salt1, header.Salt2, RandomAccess.GetLength(file)));

    /// <summary>Where a number of frames ends.</summary>
    public static long EndOf(long frames, long pageSize) => HeaderSize + (frames * (FrameHeaderSize + pageSize));

    /// <summary>Copies the beginning of a WAL to a file of our own, which belongs to whom the database
    /// belongs.</summary>
    /// <exception cref="IOException">It cannot be read, or not be written.</exception>
    public static void Copy(string path, string to, long length, string database)
    {
        using var from = Open(path);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = File.GetUnixFileMode(database);
        using var copy = NonDatabaseFile.Open(to, options);
        if (!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess && UnixCalls.Status(database) is { } owner)
            DatabaseOwner.TryChange(() => UnixCalls.ChangeOwner(copy.SafeFileHandle, owner));
        var buffer = new byte[64 * 1024];
        for (var at = 0L; at < length;)
        {
            var read = RandomAccess.Read(from, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at)), at);
            if (read == 0)
                throw new EndOfStreamException($"'{path}' has become shorter.");
            copy.Write(buffer, 0, read);
            at += read;
        }

        copy.Flush(flushToDisk: true);
    }

    /// <summary>The frames of this life of the file: what an earlier one left behind its end has other salts.
    /// </summary>
    private static IEnumerable<(long Page, bool IsCommit, long End)> Frames(
        SafeFileHandle file,
        WalHeader header,
        long at
    )
    {
        var frame = new byte[FrameHeaderSize];
        while (RandomAccess.Read(file, frame, at) == FrameHeaderSize && header.IsOf(frame))
        {
            at += FrameHeaderSize + header.PageSize;
            yield return (Word(frame, 0), Word(frame, 4) != 0, at);
        }
    }

    /// <summary>Default when the file cannot be read or has no whole header.</summary>
    private static T? Read<T>(string path, Func<SafeFileHandle, WalHeader, T?> read)
    {
        try
        {
            using var file = Open(path);
            var header = new byte[HeaderSize];
            if (RandomAccess.Read(file, header, 0) != HeaderSize || (Word(header, 0) & ~1u) != Magic)
                return default;
            var pageSize = Word(header, 8);
            return read(
                file,
                new(
                    Word(header, 16),
                    Word(header, 20),
                    pageSize == 1 ? 65536 : pageSize,
                    IsBigEndian: (Word(header, 0) & 1) == 1
                )
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return default;
        }
    }

    private static (uint, uint) Checksum((uint First, uint Second) sum, ReadOnlySpan<byte> bytes, bool isBigEndian)
    {
        unchecked
        {
            for (var at = 0; at < bytes.Length; at += 8)
            {
                sum.First += Value(bytes[at..]) + sum.Second;
                sum.Second += Value(bytes[(at + 4)..]) + sum.First;
            }
        }

        return sum;

        uint Value(ReadOnlySpan<byte> from) =>
            isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(from) : BinaryPrimitives.ReadUInt32LittleEndian(from);
    }

    private static SafeFileHandle Open(string path) =>
        NonDatabaseFile.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private sealed record WalHeader(uint Salt1, uint Salt2, long PageSize, bool IsBigEndian)
    {
        public bool IsOf(WalPosition mark) => (mark.Salt1, mark.Salt2) == (Salt1, Salt2);

        public bool IsOf(byte[] frame) => (Word(frame, 8), Word(frame, 12)) == (Salt1, Salt2);
    }
}
