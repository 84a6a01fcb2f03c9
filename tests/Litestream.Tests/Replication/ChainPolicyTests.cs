using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class ChainPolicyTests
{
    private static readonly ChainFacts Running = new(
        MarkState.Held,
        HasSynced: true,
        WasSeen: true,
        AbsentLooks: 0,
        ReaderAge: null,
        WalGrowth: 0
    );

    [Fact]
    public void A_mark_that_is_held_calls_for_nothing() => Assert.Equal(ChainAction.None, ChainPolicy.Decide(Running));

    [Theory]
    [InlineData(MarkState.Held)]
    [InlineData(MarkState.Unknown)]
    public void Our_reader_ends_when_the_mark_is_there_and_litestream_has_read_the_WAL(object mark) =>
        Assert.Equal(
            ChainAction.EndReader,
            ChainPolicy.Decide(
                Running with
                {
                    Mark = (MarkState)mark,
                    ReaderAge = TimeSpan.FromSeconds(1),
                }
            )
        );

    [Theory]
    [InlineData(MarkState.Absent, true)]
    [InlineData(MarkState.Checkpointing, true)]
    [InlineData(MarkState.Held, false)]
    [InlineData(MarkState.Unknown, false)]
    public void Our_reader_stands_until_then(object mark, bool hasSynced) =>
        Assert.Equal(
            ChainAction.None,
            ChainPolicy.Decide(
                Running with
                {
                    Mark = (MarkState)mark,
                    HasSynced = hasSynced,
                    ReaderAge = TimeSpan.FromSeconds(59),
                }
            )
        );

    [Theory]
    [InlineData(60, 0)]
    [InlineData(1, Thresholds.LargestGrowth)]
    public void Our_reader_does_not_stand_for_ever_nor_while_the_WAL_grows_without_a_limit(int seconds, long growth) =>
        Assert.Equal(
            ChainAction.GiveUpReader,
            ChainPolicy.Decide(
                Running with
                {
                    Mark = MarkState.Absent,
                    ReaderAge = TimeSpan.FromSeconds(seconds),
                    WalGrowth = growth,
                }
            )
        );

    [Theory]
    [InlineData(1, ChainAction.None)]
    [InlineData(2, ChainAction.None)]
    [InlineData(3, ChainAction.Break)]
    public void A_mark_is_lost_when_it_is_absent_in_three_looks(int looks, object expected) =>
        Assert.Equal(
            (ChainAction)expected,
            ChainPolicy.Decide(Running with { Mark = MarkState.Absent, AbsentLooks = looks })
        );

    [Fact]
    public void A_mark_that_was_never_seen_is_not_lost() =>
        Assert.Equal(
            ChainAction.None,
            ChainPolicy.Decide(Running with { Mark = MarkState.Absent, WasSeen = false, AbsentLooks = 100 })
        );

    [Theory]
    [InlineData(MarkState.Checkpointing)]
    [InlineData(MarkState.Unknown)]
    public void A_checkpoint_of_litestream_is_not_a_loss(object mark) =>
        Assert.Equal(ChainAction.None, ChainPolicy.Decide(Running with { Mark = (MarkState)mark, AbsentLooks = 0 }));

    [Fact]
    public void A_WAL_that_no_reader_keeps_at_the_end_of_litestream_may_be_unread()
    {
        var end = new UnreadFacts(HasReader: false, MayBeOpened: true, HasWal: true, IsRead: true);

        Assert.True(ChainPolicy.IsUnread(end));
        Assert.False(ChainPolicy.IsUnread(end with { HasReader = true }));
        Assert.False(ChainPolicy.IsUnread(end with { MayBeOpened = false }));
        Assert.False(ChainPolicy.IsUnread(end with { HasWal = false }));
        Assert.False(ChainPolicy.IsUnread(end with { IsRead = false }));
    }
}
