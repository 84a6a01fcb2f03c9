using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class StopBudgetTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(30)]
    public void A_stop_in_which_every_step_hangs_ends_within_its_timeout_and_the_reserve(int timeout)
    {
        var elapsed = TimeSpan.Zero;
        foreach (var step in Enum.GetValues<StopStep>())
            elapsed += StopBudget.Left(step, TimeSpan.FromSeconds(timeout), elapsed);

        Assert.InRange(elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(timeout) + StopBudget.Reserve);
    }

    [Fact]
    public void The_last_commits_have_their_whole_timeout_though_the_background_does_not_end() =>
        Assert.Equal(
            TimeSpan.FromSeconds(34),
            StopBudget.Left(StopStep.Session, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(2))
        );

    [Fact]
    public void What_is_reported_has_time_though_litestream_hangs() =>
        Assert.Equal(
            TimeSpan.FromSeconds(2),
            StopBudget.Left(StopStep.End, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(36))
        );

    [Fact]
    public void Whoever_asks_again_does_not_wait_again() =>
        Assert.All(
            Enum.GetValues<StopStep>(),
            step => Assert.Equal(TimeSpan.Zero, StopBudget.Left(step, TimeSpan.Zero, TimeSpan.FromMinutes(1)))
        );
}
