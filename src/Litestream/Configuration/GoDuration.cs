using System.Globalization;
using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>Durations in the form that the executable reads. It takes a bare number as nanoseconds and panics on zero, so neither is let through.</summary>
internal static partial class GoDuration
{
    public static bool IsPositive(string text) => Form().IsMatch(text) && text.Any(c => c is >= '1' and <= '9');

    /// <summary>The seconds of any duration that the executable can read, null when it cannot or when there is no unit. <c>0</c> needs none.</summary>
    public static double? Seconds(string text)
    {
        if (text is "0" or "+0" or "-0")
            return 0;
        var match = Syntax().Match(text);
        if (!match.Success)
            return null;

        var seconds = 0d;
        var (numbers, units) = (match.Groups["number"].Captures, match.Groups["unit"].Captures);
        for (var i = 0; i < numbers.Count; i++)
        {
            seconds += double.Parse(numbers[i].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) * units[i].Value switch
            {
                "ns" => 1e-9,
                "us" or "µs" or "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1,
                "m" => 60,
                _ => 3600,
            };
        }

        return text[0] == '-' ? -seconds : seconds;
    }

    public static string Format(TimeSpan duration) => duration.Ticks % TimeSpan.TicksPerMillisecond == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / TimeSpan.TicksPerMillisecond}ms")
        : string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / TimeSpan.TicksPerMicrosecond}us");

    /// <summary>A duration as the executable prints it, <c>-1m3.5s</c> for example; what is shorter than 100 ns is lost.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    /// <exception cref="OverflowException">It is too long for a <see cref="TimeSpan"/>.</exception>
    public static TimeSpan Parse(string text)
    {
        var magnitude = text.StartsWith('-') ? text[1..] : text;
        if (magnitude == "0")
            return TimeSpan.Zero;
        if (!Form().IsMatch(magnitude))
            throw new FormatException($"'{text}' is no duration.");

        var ticks = 0m;
        foreach (Match part in Part().Matches(magnitude))
        {
            ticks += decimal.Parse(part.Groups["number"].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) * part.Groups["unit"].Value switch
            {
                "ns" => 0.01m,
                "us" or "µs" => TimeSpan.TicksPerMicrosecond,
                "ms" => TimeSpan.TicksPerMillisecond,
                "s" => TimeSpan.TicksPerSecond,
                "m" => TimeSpan.TicksPerMinute,
                _ => TimeSpan.TicksPerHour,
            };
        }

        return TimeSpan.FromTicks(decimal.ToInt64(text.StartsWith('-') ? -ticks : ticks));
    }

    [GeneratedRegex(@"^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$")]
    private static partial Regex Form();

    [GeneratedRegex(@"^[-+]?((?<number>[0-9]+(\.[0-9]*)?|\.[0-9]+)(?<unit>ns|us|µs|μs|ms|s|m|h))+$")]
    private static partial Regex Syntax();

    [GeneratedRegex(@"(?<number>[\d.]+)(?<unit>ns|us|µs|ms|s|m|h)")]
    private static partial Regex Part();
}
