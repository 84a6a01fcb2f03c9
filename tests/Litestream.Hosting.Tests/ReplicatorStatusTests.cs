using Litestream.Replication;
using Microsoft.Extensions.Time.Testing;

namespace Litestream.Hosting.Tests;

public sealed class ReplicatorStatusTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ReplicatorStatus _status;

    public ReplicatorStatusTests()
    {
        _status = new ReplicatorStatus(_time, (_, _) => { });
        _status.SetStallTimeout(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void A_status_that_nothing_has_brought_up_to_date_is_not_healthy()
    {
        var start = _time.GetUtcNow();
        _status.Update(before =>
            before with
            {
                State = LitestreamState.Replicating,
                LookedAt = start,
                Databases = [new LitestreamDatabaseStatus("/a.db")],
            }
        );

        _time.Advance(TimeSpan.FromSeconds(34));
        Assert.True(_status.Look().Health.IsHealthy);

        _time.Advance(TimeSpan.FromSeconds(1));
        var (status, health) = _status.Look();
        Assert.Equal((LitestreamState.Stalled, start), (status.State, status.Since));
        Assert.Equal(LitestreamHealth.Unhealthy, Assert.Single(status.Databases).Health);
        Assert.StartsWith("LSB5007: since 12:00:00 (UTC)", status.LastError, StringComparison.Ordinal);
        Assert.Equal(LitestreamHealth.Unhealthy, health.Health);
        Assert.Equal(LitestreamState.Replicating, _status.Last.State);
    }

    [Fact]
    public void Three_restarts_within_five_minutes_are_in_the_health_until_they_are_over()
    {
        _status.Update(before => before with { State = LitestreamState.Replicating });
        for (var i = 1; i <= 3; i++)
        {
            _status.Update(before => before with { Restarts = i, LastRestartReason = "it ended" });
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Contains("3 times", Assert.Single(_status.Look().Health.Problems), StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Empty(_status.Look().Health.Problems);
    }

    [Fact]
    public void The_last_ten_restarts_are_remembered_with_their_reasons()
    {
        for (var i = 1; i <= 11; i++)
            _status.Update(before => before with { Restarts = i, LastRestartReason = $"reason {i}" });
        Assert.Equal(
            Enumerable.Range(2, 10).Select(i => $"reason {i}"),
            _status.Current.LastRestarts.Select(restart => restart.Reason)
        );
    }

    [Fact]
    public void Whoever_waits_for_the_end_of_it_learns_when_it_has_failed()
    {
        Assert.False(_status.Failed.IsCompleted);

        _status.Update(before => before with { State = LitestreamState.Failed });

        Assert.True(_status.Failed.IsCompleted);
    }
}
