using Litestream.Dashboard.Monitoring;

namespace Litestream.Dashboard.Tests;

/// <summary>The last hour of a database.</summary>
public sealed class SampleRingTests
{
    private static readonly DateTimeOffset s_start = new(2026, 11, 30, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Each_part_has_its_longest_lag_and_its_bytes()
    {
        var ring = new SampleRing();
        ring.Add(s_start, TimeSpan.FromSeconds(1), 1000);
        ring.Add(s_start.AddSeconds(5), TimeSpan.FromSeconds(4), 1500);
        ring.Add(s_start.AddSeconds(9), TimeSpan.Zero, 1700);
        ring.Add(s_start.AddSeconds(31), TimeSpan.FromSeconds(2), 1800);
        var points = ring.Read(s_start.AddSeconds(31));
        Assert.Equal(120, points.Count);
        Assert.Equal((4f, 700.0), (points[^2].Lag, points[^2].Bytes));
        Assert.Equal((2f, 100.0), (points[^1].Lag, points[^1].Bytes));
        Assert.All(points.SkipLast(2), point => Assert.Equal((null, null), (point.Lag, point.Bytes)));
    }

    [Fact]
    public void What_is_older_than_an_hour_is_gone()
    {
        var ring = new SampleRing();
        ring.Add(s_start, TimeSpan.FromSeconds(9), null);
        Assert.Single(ring.Read(s_start.AddMinutes(59)), point => point.Lag is not null);
        Assert.DoesNotContain(ring.Read(s_start.AddMinutes(61)), point => point.Lag is not null);
        ring.Add(s_start.AddHours(1), TimeSpan.FromSeconds(3), null);
        Assert.Equal(3f, ring.Read(s_start.AddHours(1))[^1].Lag);
    }

    [Fact]
    public void A_counter_that_begins_anew_sends_nothing_negative()
    {
        var ring = new SampleRing();
        ring.Add(s_start, TimeSpan.Zero, 5000);
        ring.Add(s_start.AddSeconds(1), TimeSpan.Zero, 100);
        ring.Add(s_start.AddSeconds(2), TimeSpan.Zero, 300);
        Assert.Equal(200.0, ring.Read(s_start.AddSeconds(2))[^1].Bytes);
    }
}
