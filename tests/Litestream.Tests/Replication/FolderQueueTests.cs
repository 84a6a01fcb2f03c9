using Litestream.Replication;

namespace Litestream.Tests.Replication;

public sealed class FolderQueueTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_folder_that_does_not_answer_has_one_thread_however_often_it_is_asked()
    {
        var stop = TestContext.Current.CancellationToken;
        var folder = $"/folder/{Guid.NewGuid()}";
        using var answers = new ManualResetEventSlim();
        var looks = 0;
        var isPooled = false;
        var asked = Enumerable.Range(0, 50).Select(_ => FolderQueue.LookAsync(folder, Look, stop)).ToList();

        // Another one is not kept waiting.
        Assert.Equal(7, await FolderQueue.LookAsync(folder + "-2", () => 7, stop).WaitAsync(Deadline, stop));
        await LitestreamTool.WaitUntilAsync(() => Volatile.Read(ref looks) == 1);
        Assert.All(asked, look => Assert.False(look.IsCompleted));
        answers.Set();

        Assert.Equal(Enumerable.Range(1, 50), (await Task.WhenAll(asked).WaitAsync(Deadline, stop)).Order());
        Assert.False(isPooled);

        int Look()
        {
            isPooled |= Thread.CurrentThread.IsThreadPoolThread;
            var number = Interlocked.Increment(ref looks);
            answers.Wait(Deadline, CancellationToken.None);
            return number;
        }
    }

    [Fact]
    public async Task Whoever_waits_for_a_folder_can_be_stopped_and_an_error_lets_the_next_one_look()
    {
        var stop = TestContext.Current.CancellationToken;
        var folder = $"/folder/{Guid.NewGuid()}";
        using var answers = new ManualResetEventSlim();
        using var end = new CancellationTokenSource();
        var failing = FolderQueue.LookAsync<int>(
            folder,
            () => throw new IOException(answers.Wait(Deadline, CancellationToken.None) ? "answered" : "late"),
            stop
        );
        var waiting = FolderQueue.LookAsync(folder, () => 1, end.Token);
        await end.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Deadline, stop));
        answers.Set();
        var error = await Assert.ThrowsAsync<IOException>(() => failing.WaitAsync(Deadline, stop));
        Assert.Equal("answered", error.Message);
        Assert.Equal(2, await FolderQueue.LookAsync(folder, () => 2, stop).WaitAsync(Deadline, stop));
    }
}
