using Litestream.FileSystem;
using Litestream.Replication;

namespace Litestream.Tests.FileSystem;

/// <summary>A copy of a backup that is slow holds up no database that has room of its own.</summary>
public sealed class RoomLedgerTests
{
    private readonly RoomLedger _ledger = new();

    [Theory]
    [InlineData(100, 0, 100, 0, nameof(RoomVerdict.Room))]
    [InlineData(100, 1, 100, 0, nameof(RoomVerdict.None))]
    [InlineData(100, 0, 40, 60, nameof(RoomVerdict.Room))]
    [InlineData(100, 0, 41, 60, nameof(RoomVerdict.Wait))]
    [InlineData(100, 0, 101, 60, nameof(RoomVerdict.Wait))]
    [InlineData(100, 0, 101, 0, nameof(RoomVerdict.None))]
    [InlineData(100, 0, 0, 0, nameof(RoomVerdict.Room))]
    public void It_depends_on_what_is_free_and_on_what_others_write(
        long free,
        long kept,
        long needed,
        long taken,
        string expected
    ) => Assert.Equal(expected, RoomLedger.Decide(free, kept, needed, taken).ToString());

    [Fact]
    public async Task Those_that_have_room_and_those_on_another_disk_do_not_wait()
    {
        using var slow = await TakeAsync("/data", 60);
        using var small = await TakeAsync("/data", 40);
        using var elsewhere = await TakeAsync("/other", 100);
        using var unknown = await _ledger.TakeAsync("/data", 1000, () => null, TestContext.Current.CancellationToken);

        Assert.All([slow, small, elsewhere, unknown], Assert.NotNull);
    }

    [Fact]
    public async Task Who_would_take_the_room_of_another_waits_until_that_is_done()
    {
        var slow = await TakeAsync("/data", 60);
        var waiting = TakeAsync("/data", 41);
        Assert.False(waiting.IsCompleted);

        slow!.Dispose();
        slow.Dispose();

        using var taken = await waiting.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.NotNull(taken);
        Assert.Null(await TakeAsync("/full", 101));
    }

    [Fact]
    public async Task A_wait_can_be_cancelled()
    {
        using var slow = await TakeAsync("/data", 100);
        using var stop = new CancellationTokenSource();
        var waiting = _ledger.TakeAsync("/data", 1, () => (100, 0), stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Theory]
    [InlineData("s3://bucket/one", "s3://bucket/two", true)]
    [InlineData("s3://bucket/one", "s3://other/one", false)]
    [InlineData("sftp://host/one", "s3://host/one", false)]
    [InlineData("/backup/one", "/backup/two", false)]
    public void What_answers_for_several_databases_is_one_storage(string one, string other, bool isSame) =>
        Assert.Equal(isSame, LineageCheck.StorageOf([one]) == LineageCheck.StorageOf([other]));

    private Task<IDisposable?> TakeAsync(string volume, long needed) =>
        _ledger.TakeAsync(volume, needed, () => (100, 0), TestContext.Current.CancellationToken);
}
