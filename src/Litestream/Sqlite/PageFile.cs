using System.Buffers.Binary;
using Litestream.FileSystem;
using Microsoft.Win32.SafeHandles;

namespace Litestream.Sqlite;

/// <summary>
/// The pages of a database file that nothing else uses, and that has neither a WAL nor a journal. Never a live one: a
/// handle that is closed in the app's process would drop the app's locks.
/// </summary>
internal sealed class PageFile : IDisposable
{
    private const int HeaderSize = 100;
    private const int SmallestPage = 512;

    private readonly SafeFileHandle _file;
    private readonly CancellationToken _cancellationToken;

    private PageFile(SafeFileHandle file, int pageSize, int reserved, CancellationToken cancellationToken)
    {
        (_file, _cancellationToken) = (file, cancellationToken);
        (PageSize, Usable, Pages) = (pageSize, pageSize - reserved, RandomAccess.GetLength(file) / pageSize);
    }

    /// <summary>The size of a page.</summary>
    public int PageSize { get; }

    /// <summary>How much of a page holds content.</summary>
    public int Usable { get; }

    /// <summary>How many pages there are.</summary>
    public long Pages { get; }

    /// <summary>Opens a file; null when its pages alone are not the database, or are of no known form.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="cancellationToken">Ends what is read from it later.</param>
    public static PageFile? Open(string path, CancellationToken cancellationToken)
    {
        if (new FileInfo(path + "-wal") is { Exists: true, Length: > 0 } || File.Exists(path + "-journal"))
            return null;
        var file = NonDatabaseFile.OpenHandle(
            path,
            FileMode.Open,
            FileAccess.Read,
            FileShare.ReadWrite | FileShare.Delete
        );
        Span<byte> header = stackalloc byte[HeaderSize];
        if (RandomAccess.Read(file, header, 0) == HeaderSize && header.StartsWith("SQLite format 3\0"u8))
        {
            var word = BinaryPrimitives.ReadUInt16BigEndian(header[16..]);
            var pageSize = word == 1 ? 65536 : word;
            if (pageSize >= SmallestPage && (pageSize & (pageSize - 1)) == 0 && pageSize - header[20] >= 480)
                return new PageFile(file, pageSize, header[20], cancellationToken);
        }

        file.Dispose();
        return null;
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Reads a page.</summary>
    /// <param name="number">Its number; the first is 1.</param>
    /// <param name="page">Takes it; as long as a page.</param>
    /// <exception cref="InvalidDataException">There is no such page.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public void Read(long number, Span<byte> page)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        if (number < 1 || number > Pages)
            throw new InvalidDataException($"Page {number} does not exist.");
        var at = (number - 1) * PageSize;
        while (page.Length > 0)
        {
            var count = RandomAccess.Read(_file, page, at);
            if (count == 0)
                throw new InvalidDataException($"Page {number} is cut off.");
            page = page[count..];
            at += count;
        }
    }
}
