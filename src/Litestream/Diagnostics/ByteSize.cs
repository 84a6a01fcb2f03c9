using System.Globalization;

namespace Litestream.Diagnostics;

/// <summary>A number of bytes as people read it, the same in every culture.</summary>
internal static class ByteSize
{
    private const long Kilo = 1024;
    private const long Mega = 1024 * Kilo;
    private const long Giga = 1024 * Mega;

    public static string Text(long bytes) =>
        bytes switch
        {
            < Kilo => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
            < Mega => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)Kilo:0.#} KiB"),
            < Giga => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)Mega:0.#} MiB"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)Giga:0.#} GiB"),
        };
}
