using System.Buffers.Binary;
using Litestream.FileSystem;

namespace Litestream.Releases.V03;

/// <summary>Counts what an LZ4 frame (the form of a replica's WAL segments) unpacks to, without unpacking it.</summary>
internal static class Lz4Frame
{
    private const uint Magic = 0x184D2204;
    private const int LongestBlock = 4 * 1024 * 1024;
    private const uint Uncompressed = 0x8000_0000;

    /// <summary>
    /// The unpacked length as far as the file is whole; null when it is no LZ4 frame (an encrypted replica).
    /// </summary>
    public static long? UnpackedLength(string path)
    {
        using var stream = NonDatabaseFile.OpenRead(path);
        Span<byte> head = stackalloc byte[6];
        if (
            stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(head) != Magic
        )
        {
            return null;
        }

        // The descriptor: two bytes of flags, the content's size and a dictionary if the flags say so, a checksum of
        // it.
        var flags = head[4];
        stream.Seek(((flags & 0x08) != 0 ? 8 : 0) + ((flags & 0x01) != 0 ? 4 : 0) + 1, SeekOrigin.Current);
        var checksum = (flags & 0x10) != 0 ? 4 : 0;

        var total = 0L;
        byte[]? buffer = null;
        Span<byte> word = stackalloc byte[4];
        while (
            stream.ReadAtLeast(word, word.Length, throwOnEndOfStream: false) == word.Length
            && BinaryPrimitives.ReadUInt32LittleEndian(word) is var size and not 0
        )
        {
            var length = (int)(size & ~Uncompressed);
            if (length > LongestBlock)
                break;
            buffer ??= new byte[LongestBlock];
            if (stream.ReadAtLeast(buffer.AsSpan(0, length), length, throwOnEndOfStream: false) < length)
                break;
            total += (size & Uncompressed) != 0 ? length : BlockLength(buffer.AsSpan(0, length));
            stream.Seek(checksum, SeekOrigin.Current);
        }

        return total;
    }

    /// <summary>A block is a row of sequences: literals, then a match further up.</summary>
    private static long BlockLength(ReadOnlySpan<byte> block)
    {
        var total = 0L;
        for (var i = 0; i < block.Length;)
        {
            int token = block[i++];
            var literals = Length(token >> 4, block, ref i);
            total += literals;
            i += (int)Math.Min(literals, block.Length - i);

            // The last sequence has no match.
            if (i + 2 > block.Length)
                break;
            i += 2;
            total += 4 + Length(token & 15, block, ref i);
        }

        return total;
    }

    private static long Length(int length, ReadOnlySpan<byte> block, ref int i)
    {
        if (length < 15)
            return length;
        long total = length;
        while (i < block.Length)
        {
            var more = block[i++];
            total += more;
            if (more != 255)
                break;
        }

        return total;
    }
}
