using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Litestream.FileSystem;

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
/// database that may be opened besides through SQLite:
/// nobody locks it, so closing it drops no lock of this process. (The database file and <c>-shm</c> carry the locks.)
/// </summary>
internal static class WalFile
{
    private const int HeaderSize = 32;
    private const int FrameHeaderSize = 24;
    private const uint Magic = 0x377f0682;

    /// <summary>
    /// The <c>-wal</c> of a database: beside the file itself, as SQLite has it, when the path is a link.
    /// </summary>
    public static string PathOf(string database) => DatabasePath.Real(database) + "-wal";

    /// <summary>
    /// The end of the last whole commit; a mark at the header when there is none yet; null when there is no WAL.
    /// </summary>
    /// <param name="path">The <c>-wal</c>.</param>
    /// <param name="known">A commit that was found before: the search goes on from there, if the file is still in the
    /// same life.</param>
    public static WalPosition? LastCommit(string path, WalPosition? known = null)
    {
        try
        {
            using var file = Open(path);
            if (ReadHeader(file) is not { } header)
                return null;

            Span<byte> frame = stackalloc byte[FrameHeaderSize];
            var end =
                known is not null && (known.Salt1, known.Salt2) == (header.Salt1, header.Salt2)
                    ? known.End
                    : HeaderSize;
            for (
                var at = end;
                RandomAccess.Read(file, frame, at) == FrameHeaderSize;
                at += FrameHeaderSize + header.PageSize
            )
            {
                // What an earlier life of the file left behind its end has other salts.
                if (Word(frame, 8) != header.Salt1 || Word(frame, 12) != header.Salt2)
                    break;
                if (Word(frame, 4) != 0)
                    end = at + FrameHeaderSize + header.PageSize;
            }

            return new WalPosition(header.Salt1, header.Salt2, end);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Whether a whole commit stands behind the frames that SQLite knows of: it was written by a process that was
    /// killed before it could say so. Reads like SQLite's recovery does, checksums too,
    /// as what an earlier transaction left behind the end is no commit.
    /// </summary>
    /// <param name="path">The <c>-wal</c>.</param>
    /// <param name="frames">The frames that SQLite knows of.</param>
    public static bool HasCommitAfter(string path, long frames)
    {
        try
        {
            using var file = Open(path);
            if (ReadHeader(file) is not { } header)
                return false;
            var size = FrameHeaderSize + (int)header.PageSize;
            var at = HeaderSize + (frames * size);
            Span<byte> sums = stackalloc byte[8];
            if (RandomAccess.Read(file, sums, frames == 0 ? HeaderSize - 8 : at - size + 16) != sums.Length)
                return false;
            var sum = (Word(sums, 0), Word(sums, 4));
            for (var frame = new byte[size]; RandomAccess.Read(file, frame, at) == size; at += size)
            {
                if (Word(frame, 8) != header.Salt1 || Word(frame, 12) != header.Salt2)
                    return false;
                sum = Checksum(sum, frame.AsSpan(0, 8), header.IsBigEndian);
                sum = Checksum(sum, frame.AsSpan(FrameHeaderSize), header.IsBigEndian);
                if (sum != (Word(frame, 16), Word(frame, 20)))
                    return false;
                if (Word(frame, 4) != 0)
                    return true;
            }

            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

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
                throw new EndOfStreamException($"{path} has become shorter.");
            copy.Write(buffer, 0, read);
            at += read;
        }

        copy.Flush(flushToDisk: true);
    }

    /// <summary>The pages in the frames between two places of a WAL; null when it is another WAL by now, or cannot be
    /// read.</summary>
    public static IReadOnlySet<long>? PagesBetween(string path, WalPosition to, long from)
    {
        try
        {
            using var file = Open(path);
            if (ReadHeader(file) is not { } header || (header.Salt1, header.Salt2) != (to.Salt1, to.Salt2))
                return null;
            var pages = new HashSet<long>();
            Span<byte> frame = stackalloc byte[FrameHeaderSize];
            for (
                var at = Math.Max(from, HeaderSize);
                at < to.End && RandomAccess.Read(file, frame, at) == FrameHeaderSize;
                at += FrameHeaderSize + header.PageSize
            )
                pages.Add(Word(frame, 0));
            return pages;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static (uint, uint) Checksum((uint First, uint Second) sum, ReadOnlySpan<byte> bytes, bool isBigEndian)
    {
        unchecked
        {
            for (var at = 0; at < bytes.Length; at += 8)
            {
                var (one, other) = isBigEndian
                    ? (Word(bytes, at), Word(bytes, at + 4))
                    : (
                        BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]),
                        BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 4)..])
                    );
                sum.First += one + sum.Second;
                sum.Second += other + sum.First;
            }
        }

        return sum;
    }

    /// <summary>Where a number of frames ends.</summary>
    public static long EndOf(long frames, long pageSize) => HeaderSize + (frames * (FrameHeaderSize + pageSize));

    /// <summary>
    /// The salts in a file's header, with <see cref="WalPosition.End"/> its length; null when there is no whole header.
    /// </summary>
    public static WalPosition? Header(string path)
    {
        try
        {
            using var file = Open(path);
            return ReadHeader(file) is { } header
                ? new WalPosition(header.Salt1, header.Salt2, RandomAccess.GetLength(file))
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle Open(string path) =>
        NonDatabaseFile.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    [SkipLocalsInit]
    private static (uint Salt1, uint Salt2, long PageSize, bool IsBigEndian)? ReadHeader(
        Microsoft.Win32.SafeHandles.SafeFileHandle file
    )
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        if (RandomAccess.Read(file, header, 0) != HeaderSize || (Word(header, 0) & ~1u) != Magic)
            return null;
        var pageSize = Word(header, 8);
        return (Word(header, 16), Word(header, 20), pageSize == 1 ? 65536 : pageSize, (Word(header, 0) & 1) == 1);
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
}
