using System.Buffers.Binary;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace Litestream.Sqlite;

/// <summary>
/// The short way to compare content: a backup that is right is usually the same page by page, and then so is every
/// row. That is as fast as the files can be read. Where pages differ, nothing is
/// said, and the rows are compared.
/// </summary>
internal static class DatabaseImage
{
    private const int Block = 1 << 20;
    private const int HeaderSize = 100;
    private const byte TableLeaf = 0x0d;

    /// <summary>
    /// What in the header decides how pages are read: the page size, what is reserved in each page, the format, the
    /// encoding.
    /// </summary>
    private static readonly (int Offset, int Length)[] Format = [(16, 2), (20, 4), (44, 4), (56, 4)];

    /// <summary>
    /// Whether all pages are the same, but those of the tables of the executable and of this library.
    /// </summary>
    /// <param name="one">A connection to the one file, which nothing writes to and which has no WAL.</param>
    /// <param name="onePath">Its path.</param>
    /// <param name="other">A connection to the other file, which nothing else uses. Its WAL is put into it.</param>
    /// <param name="otherPath">Its path.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static bool IsSame(
        SqliteConnection one,
        string onePath,
        SqliteConnection other,
        string otherPath,
        CancellationToken cancellationToken
    )
    {
        other.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
        if (new FileInfo(otherPath + "-wal") is { Exists: true, Length: > 0 })
            return false;
        if (new FileInfo(onePath).Length != new FileInfo(otherPath).Length)
            return false;
        var schema = Schema(one);
        if (!schema.SequenceEqual(Schema(other)))
            return false;
        var own = schema.Where(row => row.IsOwnTable).Select(row => row.RootPage).ToHashSet();
        using var file = Open(onePath);
        using var otherFile = Open(otherPath);
        return IsSame(file, otherFile, own, cancellationToken);
    }

    private static SafeFileHandle Open(string path) =>
        NonDatabaseFile.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private static bool IsSame(
        SafeFileHandle one,
        SafeFileHandle other,
        HashSet<long> own,
        CancellationToken cancellationToken
    )
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        Span<byte> otherHeader = stackalloc byte[HeaderSize];
        if (RandomAccess.Read(one, header, 0) != HeaderSize || RandomAccess.Read(other, otherHeader, 0) != HeaderSize)
            return false;
        foreach (var (offset, length) in Format)
        {
            if (!header.Slice(offset, length).SequenceEqual(otherHeader.Slice(offset, length)))
                return false;
        }

        var word = BinaryPrimitives.ReadUInt16BigEndian(header[16..]);
        var pageSize = word == 1 ? 65536 : word;
        var (bytes, otherBytes) = (new byte[Block], new byte[Block]);
        for (long at = 0; ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = Fill(one, bytes, at);
            if (count != Fill(other, otherBytes, at))
                return false;
            if (count == 0)
                return true;
            if (!bytes.AsSpan(0, count).SequenceEqual(otherBytes.AsSpan(0, count)))
            {
                for (var page = 0; page < count; page += pageSize)
                {
                    var here = bytes.AsSpan(page, Math.Min(pageSize, count - page));
                    var there = otherBytes.AsSpan(page, here.Length);
                    var number = ((at + page) / pageSize) + 1;
                    if (!here.SequenceEqual(there) && !MayDiffer(number, here, there, own))
                        return false;
                }
            }

            at += count;
        }
    }

    /// <summary>
    /// The first page is the header and the schema, which has been compared. A table of our own that is more than one
    /// page is not recognised.
    /// </summary>
    private static bool MayDiffer(long number, ReadOnlySpan<byte> page, ReadOnlySpan<byte> other, HashSet<long> own) =>
        number == 1 || (own.Contains(number) && page[0] == TableLeaf && other[0] == TableLeaf);

    private static int Fill(SafeFileHandle file, byte[] bytes, long at)
    {
        var count = 0;
        while (count < bytes.Length && RandomAccess.Read(file, bytes.AsSpan(count), at + count) is var read and > 0)
            count += read;
        return count;
    }

    private static List<Row> Schema(SqliteConnection connection) =>
        connection.Rows(
            "SELECT type, name, tbl_name, rootpage, sql FROM main.sqlite_master ORDER BY rowid",
            row => new Row(
                row.GetString(0),
                row.GetString(1),
                row.GetString(2),
                row.IsDBNull(3) ? 0 : row.GetInt64(3),
                row.IsDBNull(4) ? null : row.GetString(4)
            )
        );

    private sealed record Row(string Type, string Name, string Table, long RootPage, string? Sql)
    {
        public bool IsOwnTable => Type == "table" && RootPage != 0 && DatabaseContent.IsOwn(Name);
    }
}
