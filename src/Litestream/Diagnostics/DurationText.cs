using System.Globalization;
using System.Text.RegularExpressions;

namespace Litestream.Diagnostics;

/// <summary>
/// How a duration is written: the same forms for options, settings, properties and metadata. In a litestream.yml that
/// somebody wrote only those of the executable count (<see cref="GoDuration"/>).
/// </summary>
internal static partial class DurationText
{
    /// <summary>The forms of <see cref="Wait"/>, as a message lists them.</summary>
    public const string WaitForms =
        "seconds (90), a duration with units (90s, 1m30s, 500ms, 1h) or hh:mm:ss (00:01:30), from 1 ms to 24 days";

    /// <summary>The forms of <see cref="Replica"/>, as a message lists them.</summary>
    public const string ReplicaForms =
        "a duration with units (500ms, 90s, 1h30m; a week is 168h) or hh:mm:ss (00:01:30), more than 0 and at most "
        + "292 years";

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    /// <summary>What a timer can wait.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(24);

    /// <summary>How long something of ours may take. A number alone is seconds; null when it is no such duration.
    /// </summary>
    public static TimeSpan? Wait(string text)
    {
        const NumberStyles Plain = NumberStyles.AllowDecimalPoint;
        var simple = Simplify(text);
        TimeSpan? duration =
            !decimal.TryParse(simple, Plain, CultureInfo.InvariantCulture, out var seconds) ? Parse(simple)
            : seconds <= (decimal)Longest.TotalSeconds
                ? TimeSpan.FromTicks(decimal.ToInt64(seconds * TimeSpan.TicksPerSecond))
            : null;
        return duration >= Shortest && duration <= Longest ? duration : null;
    }

    /// <summary>
    /// An interval of a replica, as the executable reads it. A number alone is refused: for the executable it would be
    /// nanoseconds, and a retention of 7 is meant in days. Null when it is no such duration.
    /// </summary>
    public static string? Replica(string text)
    {
        var simple = Simplify(text);
        if (GoDuration.IsPositive(simple))
            return simple;
        if (Parse(simple) is not { } clock)
            return null;
        var written =
            clock.Ticks % TimeSpan.TicksPerSecond == 0
                ? string.Create(CultureInfo.InvariantCulture, $"{clock.Ticks / TimeSpan.TicksPerSecond}s")
                : GoDuration.Format(clock);
        return GoDuration.IsPositive(written) ? written : null;
    }

    private static TimeSpan? Parse(string text)
    {
        if (GoDuration.IsPositive(text))
            return GoDuration.Parse(text);
        if (Clock().Match(text) is not { Success: true } match)
            return null;

        // TimeSpan reads 24:00:00 as 24 days.
        decimal Part(string name) =>
            match.Groups[name] is { Success: true } group
                ? decimal.Parse(group.Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture)
                : 0;
        var seconds = (((((Part("days") * 24) + Part("hours")) * 60) + Part("minutes")) * 60) + Part("seconds");
        return TimeSpan.FromTicks(decimal.ToInt64(seconds * TimeSpan.TicksPerSecond));
    }

    private static string Simplify(string text) => text.Trim().ToLowerInvariant();

    [GeneratedRegex(
        @"^((?<days>[0-9]{1,6})\.(?=[01]?[0-9]:|2[0-3]:))?(?<hours>[0-9]{1,7}):(?<minutes>[0-5]?[0-9])"
            + @"(:(?<seconds>[0-5]?[0-9](\.[0-9]{1,7})?))?\z"
    )]
    private static partial Regex Clock();
}
