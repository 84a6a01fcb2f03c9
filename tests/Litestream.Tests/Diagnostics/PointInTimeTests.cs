using System.Globalization;
using Litestream.Diagnostics;

namespace Litestream.Tests.Diagnostics;

public sealed class PointInTimeTests
{
    // In Berlin it is 2026-11-24 12:00 then; the clocks went back on 2026-10-25 at 03:00 and forward on 2026-03-29 at
    // 02:00.
    private static readonly Clock Berlin = new(
        new DateTimeOffset(2026, 11, 24, 11, 0, 0, TimeSpan.Zero),
        TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin")
    );

    [Theory]
    [InlineData("2026-11-24T10:15:30Z", "2026-11-24T10:15:30Z")]
    [InlineData("2026-11-24t10:15:30z", "2026-11-24T10:15:30Z")]
    [InlineData("2026-11-24T10:15:30.25+02:00", "2026-11-24T08:15:30.25Z")]
    [InlineData("2026-11-23 10:15:30-05:00", "2026-11-23T15:15:30Z")]
    [InlineData("2026-11-24T10:15Z", "2026-11-24T10:15:00Z")]
    [InlineData("2026-11-24T03:15:55.103207844Z", "2026-11-24T03:15:55.1032078Z")]
    [InlineData("2026-11-24 11:15", "2026-11-24T10:15:00Z")]
    [InlineData("  2026-11-24 11:15:30 ", "2026-11-24T10:15:30Z")]
    [InlineData("2026-11-24T11:15:30.5", "2026-11-24T10:15:30.5Z")]
    [InlineData("2026-07-01 12:00", "2026-07-01T10:00:00Z")]
    [InlineData("today 0:30", "2026-11-23T23:30:00Z")]
    [InlineData("Yesterday at 22:00", "2026-11-23T21:00:00Z")]
    [InlineData("yesterday 22:00:05", "2026-11-23T21:00:05Z")]
    [InlineData("10 minutes ago", "2026-11-24T10:50:00Z")]
    [InlineData("2h ago", "2026-11-24T09:00:00Z")]
    [InlineData("1h30m ago", "2026-11-24T09:30:00Z")]
    [InlineData("1 hour and 30 minutes ago", "2026-11-24T09:30:00Z")]
    [InlineData("1.5 hours ago", "2026-11-24T09:30:00Z")]
    [InlineData("90 SECS ago", "2026-11-24T10:58:30Z")]
    [InlineData("3 days ago", "2026-11-21T11:00:00Z")]
    [InlineData("1 week ago", "2026-11-17T11:00:00Z")]
    [InlineData(" Now", "2026-11-24T11:00:00Z")]
    public void Times_as_people_write_them_are_read(string text, string expected) =>
        Assert.Equal(
            DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture).UtcDateTime,
            PointInTime.Parse(text, Berlin).UtcDateTime
        );

    [Fact]
    public void A_moment_is_reported_with_its_time_zone()
    {
        Assert.Equal(
            "2026-11-24 11:15:00 +01:00 (Europe/Berlin)",
            PointInTime.Describe(PointInTime.Parse("2026-11-24T10:15:00Z", Berlin), Berlin)
        );
        Assert.Equal(
            "2026-07-01 12:00:00.5 +02:00 (Europe/Berlin)",
            PointInTime.Describe(PointInTime.Parse("2026-07-01 12:00:00.5", Berlin), Berlin)
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("2026-11-24")]
    [InlineData("10:15")]
    [InlineData("24.11.2026 10:15")]
    [InlineData("11/24/2026 10:15")]
    [InlineData("2026-11-24 25:00")]
    [InlineData("2026-02-30 10:00")]
    [InlineData("3 months ago")]
    [InlineData("ten minutes ago")]
    [InlineData("10 minutes")]
    [InlineData("ago")]
    [InlineData("-5 minutes ago")]
    [InlineData("9999999999999999 weeks ago")]
    [InlineData("1764000000")]
    public void Anything_else_is_refused_with_examples(string text)
    {
        var error = Assert.Throws<LitestreamException>(() => PointInTime.Parse(text, Berlin));

        Assert.Equal("LSB3007", error.Diagnostic.Code);
        Assert.Contains(
            $"'{text}' is not understood. Write 2026-11-24T10:15:30Z,",
            error.Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("2026-11-24T11:00:01Z")]
    [InlineData("2026-11-24 12:01")]
    [InlineData("today 23:00")]
    public void The_future_is_refused(string text) =>
        Assert.Contains(
            "is in the future",
            Assert.Throws<LitestreamException>(() => PointInTime.Parse(text, Berlin)).Message,
            StringComparison.Ordinal
        );

    [Theory]
    [InlineData("2026-10-25 02:30", "exists twice")]
    [InlineData("2026-03-29 02:30", "does not exist")]
    public void A_local_time_that_is_not_one_moment_is_refused(string text, string why)
    {
        var error = Assert.Throws<LitestreamException>(() => PointInTime.Parse(text, Berlin));

        Assert.Equal("LSB3007", error.Diagnostic.Code);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0001-01-01 00:00", "Europe/Berlin")]
    [InlineData("9999-12-31 23:59", "America/New_York")]
    public void A_local_time_at_the_end_of_the_calendar_is_refused(string text, string zone)
    {
        var there = new Clock(Berlin.GetUtcNow(), TimeZoneInfo.FindSystemTimeZoneById(zone));

        var error = Assert.Throws<LitestreamException>(() => PointInTime.Parse(text, there));

        Assert.Equal("LSB3007", error.Diagnostic.Code);
        Assert.Contains(text, error.Message, StringComparison.Ordinal);
    }

    private sealed class Clock(DateTimeOffset now, TimeZoneInfo zone) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => zone;

        public override DateTimeOffset GetUtcNow() => now;
    }
}
