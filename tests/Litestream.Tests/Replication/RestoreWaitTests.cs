using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class RestoreWaitTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly RestoreWaitLook Idle = new() { IdleFor = Limit, SameRecordFor = Limit };

    [Fact]
    public void An_app_past_its_gate_is_not_waited_for()
    {
        Assert.Equal(RestoreWaitStep.GoOn, Decide(new() { IsPastGate = true, IsRunning = true }));
        Assert.Equal(RestoreWaitStep.GoOn, Decide(Idle with { IsPastGate = true, IsElsewhere = true }));
        Assert.Equal(RestoreWaitStep.Wait, Decide(new() { IsPastGate = true, IsElsewhere = true }));
    }

    [Fact]
    public void A_restore_is_waited_for_as_long_as_it_takes() =>
        Assert.Equal(RestoreWaitStep.Wait, Decide(Idle with { IsRunning = true, IsRestoring = true }));

    [Fact]
    public void Whoever_holds_the_lock_and_does_nothing_is_waited_for_only_so_long()
    {
        Assert.Equal(RestoreWaitStep.Wait, Decide(new() { IdleFor = Limit - TimeSpan.FromSeconds(1) }));

        // One that is seen, one that has written no record, and one whose record names a process that has ended.
        Assert.Equal(RestoreWaitStep.GiveUp, Decide(Idle with { IsRunning = true }));
        Assert.Equal(RestoreWaitStep.GiveUp, Decide(Idle));
        Assert.Equal(RestoreWaitStep.GiveUp, Decide(Idle with { IsPastGate = true }));
        Assert.Equal(RestoreWaitStep.GiveUp, Decide(Idle with { IsElsewhere = true }));
    }

    [Fact]
    public void What_is_done_is_not_waited_for() =>
        Assert.Equal(RestoreWaitStep.GoOn, Decide(Idle with { IsDone = true }));

    private static RestoreWaitStep Decide(RestoreWaitLook look) => RestoreWait.Decide(look, Limit);
}
