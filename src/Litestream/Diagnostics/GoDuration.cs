using System.Globalization;
using System.Text.RegularExpressions;

namespace Litestream.Diagnostics;

/// <summary>
/// Durations in the form that the executable reads. It takes a bare number as nanoseconds and panics on zero, so
/// neither is let through.
/// </summary>
internal static partial class GoDuration
{
    public static bool IsPositive(string text) => Nanoseconds(text) > 0;

    /// <summary>The seconds of any duration that the executable can read, null when it cannot or when there is no
    /// unit. <c>0</c> needs none.</summary>
    public static double? Seconds(string text) => (double?)Nanoseconds(text) / 1e9;

    private static decimal? Nanoseconds(string text)
    {
        if (text is "0" or "+0" or "-0")
            return 0;
        var match = Syntax().Match(text);
        if (!match.Success)
            return null;

        // The executable counts nanoseconds in 64 bits and refuses what does not fit.
        var (nanoseconds, negative) = (0m, text[0] == '-');
        var (numbers, units) = (match.Groups["number"].Captures, match.Groups["unit"].Captures);
        for (var i = 0; i < numbers.Count; i++)
        {
            var unit = units[i].Value switch
            {
                "ns" => 1m,
                "us" or "µs" or "μs" => 1_000m,
                "ms" => 1_000_000m,
                "s" => 1_000_000_000m,
                "m" => 60_000_000_000m,
                _ => 3_600_000_000_000m,
            };
            var number = numbers[i].Value;
            var point = number.IndexOf('.');
            var whole = (point < 0 ? number : number[..point]).TrimStart('0');
            if (whole.Length > 19 || Whole(whole) > 9223372036854775808m / unit)
                return null;

            // Digits beyond these are less than a nanosecond.
            var fraction = point < 0 ? "" : number[(point + 1)..Math.Min(number.Length, point + 16)];
            nanoseconds += Whole(whole) * unit;
            if (fraction.Length > 0)
                nanoseconds += decimal.Truncate(Whole(fraction) * unit / (decimal)Math.Pow(10, fraction.Length));
            if (nanoseconds > (negative ? 9223372036854775808m : 9223372036854775807m))
                return null;
        }

        return negative ? -nanoseconds : nanoseconds;
    }

    /// <summary>Whether it is written as a duration, however long it is.</summary>
    public static bool HasForm(string text) => Syntax().IsMatch(text);

    private static decimal Whole(string digits) =>
        digits.Length == 0 ? 0 : decimal.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);

    public static string Format(TimeSpan duration) =>
        duration.Ticks % TimeSpan.TicksPerMillisecond == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / TimeSpan.TicksPerMillisecond}ms")
            : string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / TimeSpan.TicksPerMicrosecond}us");

    /// <summary>A duration as the executable reads and prints it, <c>-1m3.5s</c> for example; what is shorter than
    /// 100 ns is lost.</summary>
    /// <exception cref="FormatException">It is something else, or longer than the executable can count.</exception>
    public static TimeSpan Parse(string text) =>
        Nanoseconds(text) is { } nanoseconds
            ? TimeSpan.FromTicks(decimal.ToInt64(nanoseconds / TimeSpan.NanosecondsPerTick))
            : throw new FormatException($"'{text}' is not a duration.");

    [GeneratedRegex(@"^[-+]?((?<number>[0-9]+(\.[0-9]*)?|\.[0-9]+)(?<unit>ns|us|µs|μs|ms|s|m|h))+\z")]
    private static partial Regex Syntax();
}
