using Litestream.FileSystem;

namespace Litestream.Releases.V05;

/// <summary>An LTX file in a replica: the pages that some transactions have changed. Release line 0.5.</summary>
/// <param name="Replica">The name of the replica.</param>
/// <param name="Level">How often it was compacted: 0 as it was sent, 9 a snapshot.</param>
/// <param name="MinTxId">The first transaction in it, 16 hexadecimal digits.</param>
/// <param name="MaxTxId">The last transaction in it, 16 hexadecimal digits.</param>
/// <param name="Size">Bytes in the replica.</param>
/// <param name="Created">When its last transaction was sent (whole seconds).</param>
public sealed record LtxFile(
    string Replica,
    int Level,
    string MinTxId,
    string MaxTxId,
    long Size,
    DateTimeOffset Created
);

/// <summary>The transactions of an LTX file, by its name.</summary>
internal readonly record struct TxIdRange(long Min, long Max)
{
    private const string Extension = ".ltx";

    /// <summary><c>&lt;min&gt;-&lt;max&gt;.ltx</c>, each 16 hexadecimal digits; null when it is another file.</summary>
    public static TxIdRange? Of(string fileName) =>
        fileName.Length == 33 + Extension.Length
        && fileName[16] == '-'
        && fileName.EndsWith(Extension, StringComparison.Ordinal)
        && TxIdPosition.Parse(fileName.AsSpan(0, 16)) is { } min
        && TxIdPosition.Parse(fileName.AsSpan(17, 16)) is { } max
        && min <= max
            ? new(min, max)
            : null;

    /// <summary>The last transaction that can be restored: without a gap from the first one on; null when not even
    /// that is there.</summary>
    public static long? Reach(IEnumerable<TxIdRange> files)
    {
        long? reach = null;
        foreach (var file in files.OrderBy(file => file.Min))
        {
            if (file.Min > (reach ?? 0) + 1)
                break;
            reach = Math.Max(reach ?? 0, file.Max);
        }

        return reach;
    }

    /// <summary>How far the replica with these files has come.</summary>
    public static ReplicaProgress Progress(IReadOnlyCollection<(TxIdRange Range, DateTimeOffset Time)> files)
    {
        if (files.Count == 0)
            return ReplicaProgress.Nothing;
        var newest = files.Max(file => file.Range.Max);
        var progress = Reach(files.Select(file => file.Range)) is { } reach
            ? new ReplicaProgress(new TxIdPosition(reach), true, files.Max(file => file.Time))
            : ReplicaProgress.Nothing;
        return progress.Position is TxIdPosition { TxId: var at } && at >= newest
            ? progress
            : progress with
            {
                AfterGap = new TxIdPosition(newest),
            };
    }
}

/// <summary>What stands at the begin of an LTX file of level 0: which part of the WAL is in it.</summary>
/// <param name="Salt1">The first salt of the WAL.</param>
/// <param name="Salt2">The second salt of the WAL.</param>
/// <param name="Offset">Where in the WAL it begins.</param>
/// <param name="Size">The bytes of the WAL in it.</param>
/// <param name="Pages">The pages of the database.</param>
/// <param name="PageSize">Their size.</param>
/// <param name="Time">When it was made.</param>
internal sealed record LtxHeader(
    uint Salt1,
    uint Salt2,
    long Offset,
    long Size,
    uint Pages,
    uint PageSize,
    DateTimeOffset Time
)
{
    /// <summary>No LTX file is shorter.</summary>
    public const int Length = 100;

    private const uint LeastPageSize = 512;

    private const uint MostPageSize = 65536;

    /// <summary>Two check sums.</summary>
    private const int TrailerLength = 16;

    /// <summary>The length of the index, before the trailer.</summary>
    private const int IndexSizeLength = 8;

    /// <summary>The page that SQLite never uses, as its locks are there.</summary>
    private const long LockPlace = 0x40000000;

    /// <summary>Where litestream continues.</summary>
    public long End => Offset + Size;

    /// <summary>Null when the file is not there, or no LTX file.</summary>
    public static LtxHeader? Read(string path)
    {
        try
        {
            using var file = NonDatabaseFile.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            Span<byte> header = stackalloc byte[Length];
            if (RandomAccess.Read(file, header, 0) != Length || !header[..4].SequenceEqual("LTX1"u8))
                return null;
            if (UInt32(header, 8) is not (>= LeastPageSize and <= MostPageSize))
                return null;
            return new(
                UInt32(header, 64),
                UInt32(header, 68),
                (long)UInt64(header, 48),
                (long)UInt64(header, 56),
                UInt32(header, 12),
                UInt32(header, 8),
                DateTimeOffset.FromUnixTimeMilliseconds((long)UInt64(header, 32))
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            return null;
        }
    }

    /// <summary>Whether the file has all pages of the database: its index at the end names each.</summary>
    public bool IsFullCopy(string path)
    {
        try
        {
            using var file = NonDatabaseFile.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var end = RandomAccess.GetLength(file) - TrailerLength - IndexSizeLength;
            var bytes = new byte[IndexSizeLength];
            if (end < Length || RandomAccess.Read(file, bytes, end) != IndexSizeLength)
                return false;
            var size = (long)UInt64(bytes, 0);

            // Each page takes three numbers of a byte at least.
            var expected = Pages - (Pages > LockPlace / PageSize ? 1 : 0);
            if (size < expected * 3 || size > Math.Min(end - Length, Array.MaxLength))
                return false;
            var index = new byte[size];
            if (RandomAccess.Read(file, index, end - size) != size)
                return false;
            return CountPages(index) == expected;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Page, place and length of each, as numbers of seven bits a byte, up to a page 0.</summary>
    private static long CountPages(ReadOnlySpan<byte> index)
    {
        var at = 0;
        for (var pages = 0L; ; pages++)
        {
            if (Number(index, ref at) is null or 0)
                return pages;
            Number(index, ref at);
            Number(index, ref at);
        }
    }

    private static ulong? Number(ReadOnlySpan<byte> bytes, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; at < bytes.Length; shift += 7)
        {
            var next = bytes[at++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }

        return null;
    }

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private static ulong UInt64(ReadOnlySpan<byte> bytes, int at) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes[at..]);
}
