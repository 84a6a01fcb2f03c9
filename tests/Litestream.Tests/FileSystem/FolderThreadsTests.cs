using Litestream.FileSystem;

namespace Litestream.Tests.FileSystem;

/// <summary>Threads for looks into folders that may never return.</summary>
public sealed class FolderThreadsTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Looks_that_do_not_return_do_not_keep_others_waiting()
    {
        var threads = new FolderThreads();
        using var answer = new ManualResetEventSlim();
        var hung = Enumerable.Range(0, 50).Select(i => threads.RunAsync(() => Wait(answer, i))).ToList();
        var cancel = TestContext.Current.CancellationToken;

        Assert.Equal("there", await threads.RunAsync(() => "there").WaitAsync(Deadline, cancel));
        Assert.DoesNotContain(hung, look => look.IsCompleted);

        answer.Set();
        Assert.Equal(Enumerable.Range(0, 50), await Task.WhenAll(hung).WaitAsync(Deadline, cancel));
    }

    [Fact]
    public async Task Many_short_looks_share_a_few_threads_and_each_has_its_own_result()
    {
        var threads = new FolderThreads();
        for (var round = 0; round < 3; round++)
        {
            var looks = Enumerable
                .Range(0, 1000)
                .Select(i => threads.RunAsync(() => (i, Environment.CurrentManagedThreadId)));
            var found = await Task.WhenAll(looks).WaitAsync(Deadline, TestContext.Current.CancellationToken);
            Assert.Equal(Enumerable.Range(0, 1000), found.Select(one => one.i));
            Assert.InRange(found.Select(one => one.CurrentManagedThreadId).Distinct().Count(), 1, 200);
        }
    }

    [Fact]
    public async Task What_a_look_throws_is_thrown_to_whoever_waits_for_it()
    {
        var look = new FolderThreads().RunAsync<int>(() => throw new IOException("no such disk"));
        var thrown = await Assert.ThrowsAsync<IOException>(() => look);
        Assert.Equal("no such disk", thrown.Message);
    }

    private static int Wait(ManualResetEventSlim answer, int result)
    {
        answer.Wait();
        return result;
    }
}
