using System.Globalization;

namespace Litestream.Diagnostics;

/// <summary>A number of bytes as people read it, the same in every culture.</summary>
internal static class ByteSize
{
    public static string Text(long bytes)
    {
        var (size, unit) = ((double)bytes, 0);
        for (; size >= 1024 && unit < 3; unit++)
            size /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{size:0.#} {(unit == 0 ? "" : $"{"KMG"[unit - 1]}i")}B");
    }
}
