using System.Globalization;

namespace Litestream.Diagnostics;

/// <summary>Numbers in messages and statements, the same in every culture.</summary>
internal static class NumberText
{
    /// <summary>A whole number, that may be negative: some cultures have a minus sign of their own.</summary>
    public static string Of(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Seconds, with a decimal point where there is a fraction, without the unit.</summary>
    public static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);

    /// <summary>Whole seconds, for what was measured, with the unit.</summary>
    public static string WholeSeconds(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s");

    /// <summary>Megabytes of 1024 * 1024 bytes, as in <c>Litestream:FreeSpaceFloor</c>, with the unit.</summary>
    public static string Megabytes(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):0.#} MB");
}
