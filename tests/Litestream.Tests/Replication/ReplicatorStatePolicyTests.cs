using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class ReplicatorStatePolicyTests
{
    private static readonly DatabaseStanding Fine = new(Exclusion.None, LitestreamHealth.Healthy, IsSettled: true);
    private static readonly DatabaseStanding Traced = new(Exclusion.Traced, LitestreamHealth.Degraded, IsSettled: true);
    private static readonly DatabaseStanding Refused = new(
        Exclusion.Refused,
        LitestreamHealth.Unhealthy,
        IsSettled: true
    );

    [Fact]
    public void An_only_database_that_waits_to_be_adopted_leaves_the_replicator_degraded_and_not_failed()
    {
        Assert.True(ReplicatorStatePolicy.IsOver([Traced]));
        Assert.False(ReplicatorStatePolicy.HasFailed([Traced]));
        var state = ReplicatorStatePolicy.Decide(LitestreamState.Starting, isRunning: false, [Traced]);
        Assert.Equal(LitestreamState.Stalled, state);

        var status = new LitestreamStatus(state, null, null, 0, "LSB5023: written to by another one")
        {
            Databases =
            [
                new LitestreamDatabaseStatus("/app.db")
                {
                    Health = Traced.Health,
                    Problem = "LSB5023: written to by another one",
                },
            ],
        };
        var overall = OverallHealth.Of(status, DateTimeOffset.UnixEpoch);
        Assert.Equal(LitestreamHealth.Degraded, overall.Health);
        Assert.Contains("LSB5023", Assert.Single(overall.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Exclusion.Refused, true, true)]
    [InlineData(Exclusion.Traced, true, true)]
    [InlineData(Exclusion.NoFile, false, false)]
    [InlineData(Exclusion.NoRoom, false, false)]
    [InlineData(Exclusion.Held, false, false)]
    [InlineData(Exclusion.Question, false, false)]
    [InlineData(Exclusion.None, false, false)]
    public void With_a_refused_one_beside_it_the_replicator_has_failed_when_nothing_else_can_come(
        object other,
        bool isOver,
        bool hasFailed
    )
    {
        DatabaseStanding[] all = [Refused, new((Exclusion)other, LitestreamHealth.Degraded, IsSettled: true)];
        Assert.Equal(isOver, ReplicatorStatePolicy.IsOver(all));
        Assert.Equal(hasFailed, ReplicatorStatePolicy.HasFailed(all));
    }

    [Theory]
    [InlineData(Exclusion.Traced)]
    [InlineData(Exclusion.Refused)]
    [InlineData(Exclusion.NoFile)]
    [InlineData(Exclusion.NoRoom)]
    [InlineData(Exclusion.Question)]
    public void Without_litestream_an_excluded_database_stalls_the_replicator(object exclusion) =>
        Assert.Equal(
            LitestreamState.Stalled,
            ReplicatorStatePolicy.Decide(
                LitestreamState.Replicating,
                isRunning: false,
                [Fine with { Exclusion = (Exclusion)exclusion }]
            )
        );

    [Fact]
    public void What_has_failed_stays_so_until_litestream_runs()
    {
        Assert.Equal(
            LitestreamState.Failed,
            ReplicatorStatePolicy.Decide(LitestreamState.Failed, isRunning: false, [Refused])
        );
        Assert.Equal(
            LitestreamState.Stalled,
            ReplicatorStatePolicy.Decide(LitestreamState.Failed, isRunning: true, [Fine, Refused])
        );
    }

    [Theory]
    [InlineData(LitestreamState.Starting, true, LitestreamState.Replicating)]
    [InlineData(LitestreamState.Starting, false, LitestreamState.Starting)]
    [InlineData(LitestreamState.Replicating, false, LitestreamState.Replicating)]
    [InlineData(LitestreamState.Restarting, false, LitestreamState.Starting)]
    public void It_replicates_once_all_have_arrived(LitestreamState before, bool isSettled, LitestreamState expected) =>
        Assert.Equal(
            expected,
            ReplicatorStatePolicy.Decide(before, isRunning: true, [Fine, Fine with { IsSettled = isSettled }])
        );

    [Fact]
    public void A_database_that_has_no_file_yet_is_a_start_and_no_fault() =>
        Assert.Equal(
            LitestreamState.Starting,
            ReplicatorStatePolicy.Decide(
                LitestreamState.Starting,
                isRunning: false,
                [new(Exclusion.Held, LitestreamHealth.Healthy, IsSettled: false)]
            )
        );

    [Fact]
    public void At_the_end_one_that_waits_to_be_adopted_was_stopped_and_a_refused_one_has_failed()
    {
        Assert.Equal(LitestreamState.Stopped, ReplicatorStatePolicy.AtEnd([Traced]));
        Assert.Equal(LitestreamState.Failed, ReplicatorStatePolicy.AtEnd([Refused]));
        Assert.Equal(LitestreamState.Stopped, ReplicatorStatePolicy.AtEnd([Refused, Fine]));
    }
}
