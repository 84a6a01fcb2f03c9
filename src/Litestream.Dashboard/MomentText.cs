using System.Globalization;
using Litestream.Diagnostics;

namespace Litestream.Dashboard;

/// <summary>A moment as a form sends it.</summary>
internal static class MomentText
{
    private static readonly string[] Forms =
    [
        "yyyy-MM-dd'T'HH:mm",
        "yyyy-MM-dd'T'HH:mm:ss",
        "yyyy-MM-dd'T'HH:mm:ss.FFF",
        "yyyy-MM-dd HH:mm",
        "yyyy-MM-dd HH:mm:ss",
        "yyyy-MM-dd HH:mm:ss.FFF",
    ];

    /// <param name="text">What a field for date and time sends, or the page shows, in the time zone of the page; or
    /// what <see cref="PointInTime.Parse"/> reads.</param>
    /// <param name="zone">The time zone of the page.</param>
    /// <param name="time">What time it is.</param>
    /// <exception cref="LitestreamException">LSB3007: it is no moment, or in the future, or the clocks changed then.
    /// </exception>
    public static DateTimeOffset Parse(string text, TimeZoneInfo zone, TimeProvider time)
    {
        if (!DateTime.TryParseExact(text, Forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local))
            return PointInTime.Parse(text, time);
        if (zone.IsInvalidTime(local) || zone.IsAmbiguousTime(local))
            throw new LitestreamException(
                "LSB3007",
                $"'{text}' does not exist in the time zone of the dashboard, or exists twice, because the clocks "
                    + "changed. Enter another moment."
            );
        return local.Year is > 1970 and < 9999
            ? PointInTime.RequirePast(new DateTimeOffset(local, zone.GetUtcOffset(local)), text, time.GetUtcNow())
            : throw new LitestreamException("LSB3007", $"'{text}' is not between 1971 and now. Enter another moment.");
    }
}
