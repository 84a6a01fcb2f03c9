using System.Globalization;
using System.Text.RegularExpressions;

namespace Litestream.Diagnostics;

/// <summary>A moment in the past as people write it.</summary>
public static partial class PointInTime
{
    /// <summary>This moment.</summary>
    internal const string Now = "now";

    private static readonly string[] LocalForms =
    [
        "yyyy-MM-dd'T'HH:mm",
        "yyyy-MM-dd'T'HH:mm:ss",
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF",
        "yyyy-MM-dd HH:mm",
        "yyyy-MM-dd HH:mm:ss",
        "yyyy-MM-dd HH:mm:ss.FFFFFFF",
    ];

    private static readonly string[] OffsetForms = [.. LocalForms.Select(form => form + "zzz")];

    private static readonly string[] ClockForms = ["H:mm", "H:mm:ss"];

    /// <summary>
    /// Reads RFC 3339 (<c>2026-11-24T10:15:30Z</c>, <c>2026-11-24 10:15:30+01:00</c>), a time of this machine's time
    /// zone (<c>2026-11-24 10:15</c>, seconds if you like),
    /// <c>today 10:15</c>, <c>yesterday 10:15</c>, or an age: <c>10 minutes ago</c>, <c>2h ago</c>, <c>1h30m ago</c>,
    /// <c>3 days ago</c>, or <c>now</c>.
    /// </summary>
    /// <param name="text">What was written.</param>
    /// <param name="time">Says what time it is, and where.</param>
    /// <exception cref="LitestreamException">LSB3007: it is none of these, or in the future, or a local time that does
    /// not exist or exists twice, because the clocks changed.</exception>
    public static DateTimeOffset Parse(string text, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(time);
        // The executable's own log lines have nanoseconds, which are more digits than a time can hold here.
        var trimmed = LongFraction().Replace(text.Trim(), "$1");
        var now = time.GetUtcNow();
        var moment = (trimmed.Equals(Now, StringComparison.OrdinalIgnoreCase) ? now : (DateTimeOffset?)null)
            ?? Absolute(trimmed)
            ?? Local(trimmed, text, time)
            ?? Ago(trimmed, now)
            ?? throw Wrong(
                text,
                "is not understood. Write 2026-11-24T10:15:30Z, 2026-11-24 10:15 (local), yesterday 10:15, "
                    + "10 minutes ago or 2h ago"
            );
        return RequirePast(moment, text, now);
    }

    /// <exception cref="LitestreamException">LSB3007: it is in the future.</exception>
    internal static DateTimeOffset RequirePast(DateTimeOffset moment, string text, DateTimeOffset now) =>
        moment <= now
            ? moment
            : throw Wrong(
                text,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"is in the future: {moment:yyyy-MM-dd'T'HH:mm:sszzz}; it "
                        + $"is now {now.ToOffset(moment.Offset):yyyy-MM-dd'T'HH:mm:sszzz}"
                )
            );

    /// <summary>
    /// A moment as people read it, with the time zone said out loud: <c>2026-11-24 10:15:00 +01:00 (Europe/Berlin)</c>.
    /// </summary>
    /// <param name="moment">The moment.</param>
    /// <param name="time">Says where that is.</param>
    public static string Describe(DateTimeOffset moment, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{TimeZoneInfo.ConvertTime(moment, time.LocalTimeZone):yyyy-MM-dd HH:mm:ss.FFF zzz} "
                + $"({time.LocalTimeZone.Id})"
        );
    }

    private static DateTimeOffset? Absolute(string text)
    {
        var upper = text.ToUpperInvariant();
        var withOffset = upper.EndsWith('Z') ? upper[..^1] + "+00:00" : upper;
        return DateTimeOffset.TryParseExact(
            withOffset,
            OffsetForms,
            CultureInfo.InvariantCulture,
            DateTimeStyles.None,
            out var moment
        )
            ? moment
            : null;
    }

    private static DateTimeOffset? Local(string text, string original, TimeProvider time)
    {
        var zone = time.LocalTimeZone;
        if (
            !DateTime.TryParseExact(
                text.ToUpperInvariant(),
                LocalForms,
                CultureInfo.InvariantCulture,
                DateTimeStyles.None,
                out var local
            )
        )
        {
            if (
                DayForm().Match(text) is not { Success: true } day
                || !TimeOnly.TryParseExact(
                    day.Groups["clock"].Value,
                    ClockForms,
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.None,
                    out var clock
                )
            )
            {
                return null;
            }

            var today = DateOnly.FromDateTime(time.GetLocalNow().DateTime);
            local = (
                day.Groups["day"].Value.Equals("today", StringComparison.OrdinalIgnoreCase) ? today : today.AddDays(-1)
            ).ToDateTime(clock);
        }

        if (zone.IsInvalidTime(local) || zone.IsAmbiguousTime(local))
        {
            throw Wrong(
                original,
                $"{(zone.IsInvalidTime(local) ? "does not exist" : "exists twice")}: the clocks changed ({zone.Id}). "
                    + "Add the offset from UTC, as in 2026-11-24T10:15:30+01:00"
            );
        }

        var offset = zone.GetUtcOffset(local);
        return local.Ticks - offset.Ticks >= DateTime.MinValue.Ticks
            && local.Ticks - offset.Ticks <= DateTime.MaxValue.Ticks
            ? new DateTimeOffset(local, offset)
            : throw Wrong(original, "is before the year 1 or after the year 9999 in UTC");
    }

    private static DateTimeOffset? Ago(string text, DateTimeOffset now)
    {
        if (AgoForm().Match(text) is not { Success: true } match)
            return null;

        var age = 0.0;
        foreach (var (number, unit) in match.Groups["number"].Captures.Zip(match.Groups["unit"].Captures))
        {
            age +=
                double.Parse(number.ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture)
                * char.ToLowerInvariant(unit.ValueSpan[0]) switch
                {
                    's' => 1,
                    'm' => 60,
                    'h' => 3600,
                    'd' => 86400,
                    _ => 7 * 86400,
                };
        }

        return age < (now - DateTimeOffset.MinValue).TotalSeconds ? now - TimeSpan.FromSeconds(age) : null;
    }

    private static LitestreamException Wrong(string text, string why) => new("LSB3007", $"The time '{text}' {why}.");

    [GeneratedRegex(@"(\.[0-9]{7})[0-9]+")]
    private static partial Regex LongFraction();

    [GeneratedRegex(
        @"^(?<day>today|yesterday)\s+(at\s+)?(?<clock>[0-9:]+)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex DayForm();

    // No months and years: `m` would be a trap, and their length is not fixed.
    [GeneratedRegex(
        @"^((?<number>[0-9]+(\.[0-9]+)?)\s*(?<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)"
            + @"(\s+and\s+|\s*,\s*|\s*))+(?<=[\s])ago$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex AgoForm();
}
