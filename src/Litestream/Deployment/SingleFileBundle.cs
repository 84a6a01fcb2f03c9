using System.IO.Compression;
using System.Text;

namespace Litestream.Deployment;

/// <summary>
/// The files inside a single-file app. A marker in the program is preceded by the position of the header; the header
/// lists the files. The layout is that of .NET 5 and later (dotnet/runtime, Microsoft.NET.HostModel,
/// Bundle/Manifest.cs).
/// </summary>
internal sealed class SingleFileBundle
{
    /// <summary>The SHA-256 of ".net core bundle" and a line feed.</summary>
    private static ReadOnlySpan<byte> Marker =>
        [
            0x8b,
            0x12,
            0x02,
            0xb9,
            0x6a,
            0x61,
            0x20,
            0x38,
            0x72,
            0x7b,
            0x93,
            0x02,
            0x14,
            0xd7,
            0xa0,
            0x32,
            0x13,
            0xf5,
            0xb9,
            0xe6,
            0xef,
            0xae,
            0x33,
            0x18,
            0xee,
            0x3b,
            0x2d,
            0xce,
            0x24,
            0xb3,
            0x6a,
            0xae,
        ];

    private readonly byte[] _program;
    private readonly Dictionary<string, (long Offset, long Size, long Compressed)> _files = new();

    private SingleFileBundle(byte[] program) => _program = program;

    /// <summary>The paths of the files, with slashes.</summary>
    public IReadOnlyCollection<string> Files => _files.Keys;

    /// <summary>Reads the list of the files; null when the program has none.</summary>
    public static SingleFileBundle? Read(byte[] program)
    {
        var at = program.AsSpan().IndexOf(Marker);
        if (at < sizeof(long))
            return null;
        var header = BitConverter.ToInt64(program, at - sizeof(long));
        if (header <= 0 || header >= program.Length)
            return null;

        var bundle = new SingleFileBundle(program);
        try
        {
            using var reader = new BinaryReader(new MemoryStream(program, writable: false), Encoding.UTF8);
            reader.BaseStream.Position = header;
            bundle.ReadHeader(reader);
        }
        catch (Exception e) when (e is IOException or FormatException or ArgumentException)
        {
            return null;
        }

        return bundle;
    }

    /// <summary>The content of a file.</summary>
    public byte[] Content(string file)
    {
        var (offset, size, compressed) = _files[file];
        var stored = _program.AsSpan((int)offset, (int)(compressed > 0 ? compressed : size));
        if (compressed == 0)
            return stored.ToArray();

        var content = new byte[size];
        using var inflate = new DeflateStream(new MemoryStream(stored.ToArray()), CompressionMode.Decompress);
        inflate.ReadExactly(content);
        return content;
    }

    private void ReadHeader(BinaryReader reader)
    {
        var version = reader.ReadUInt32();
        reader.ReadUInt32();
        var count = reader.ReadInt32();
        reader.ReadString();
        if (version >= 2)
        {
            // Position and size of deps.json and runtimeconfig.json, which are also in the list, and flags.
            reader.BaseStream.Seek(5 * sizeof(long), SeekOrigin.Current);
        }

        for (var i = 0; i < count; i++)
        {
            var offset = reader.ReadInt64();
            var size = reader.ReadInt64();
            var compressed = version >= 6 ? reader.ReadInt64() : 0;
            reader.ReadByte();
            var path = reader.ReadString();
            var stored = compressed > 0 ? compressed : size;
            if (offset < 0 || size < 0 || compressed < 0 || offset + stored > _program.Length)
                throw new FormatException("A file of the bundle lies outside it.");
            _files[path.Replace('\\', '/')] = (offset, size, compressed);
        }
    }
}
