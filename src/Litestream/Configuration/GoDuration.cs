using System.Globalization;
using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>Durations in the form that the executable reads. It takes a bare number as nanoseconds and panics on zero, so neither is let through.</summary>
internal static partial class GoDuration
{
    public static bool IsPositive(string text) => Form().IsMatch(text) && text.Any(c => c is >= '1' and <= '9');

    public static string Format(TimeSpan duration) => duration.Ticks % TimeSpan.TicksPerMillisecond == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / TimeSpan.TicksPerMillisecond}ms")
        : string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / TimeSpan.TicksPerMicrosecond}us");

    [GeneratedRegex(@"^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$")]
    private static partial Regex Form();
}
