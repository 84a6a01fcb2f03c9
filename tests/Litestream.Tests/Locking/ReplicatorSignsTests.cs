using Litestream.Locking;

namespace Litestream.Tests.Locking;

public sealed class ReplicatorSignsTests
{
    [Theory]
    [InlineData(true, 0, false, true)]
    [InlineData(true, 1, false, false)]
    [InlineData(true, 0, true, false)]
    [InlineData(false, 0, false, false)]
    public void Nobody_replicates_where_the_system_tells_and_neither_a_litestream_nor_an_app_is_there(bool isTold, int replicators, bool appLives, bool areNone) =>
        Assert.Equal(areNone, new ReplicatorSigns(isTold, replicators, LockRecord.Empty, appLives).AreNone);
}
