using Litestream.Diagnostics;

namespace Litestream.Dashboard;

/// <summary>A moment as a form sends it.</summary>
internal static class MomentText
{
    /// <param name="text">What a field for date and time sends, or the page shows, or what else
    /// <see cref="PointInTime.Parse"/> reads: without an offset, in the time zone of the page.</param>
    /// <param name="zone">The time zone of the page.</param>
    /// <param name="time">What time it is.</param>
    /// <exception cref="LitestreamException">LSB3007: it is not a moment, or in the future, or the clocks changed then.
    /// </exception>
    public static DateTimeOffset Parse(string text, TimeZoneInfo zone, TimeProvider time) =>
        PointInTime.Parse(text, new PageTime(zone, time));

    /// <summary>The time where the page is read, which may be another one than that of this machine.</summary>
    private sealed class PageTime(TimeZoneInfo zone, TimeProvider time) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => zone;

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();
    }
}
