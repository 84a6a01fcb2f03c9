namespace Litestream.Hosting.Tests;

public sealed class SideBySideTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task As_many_as_are_allowed_run_at_once()
    {
        using var both = new CountdownEvent(2);
        var (now, most, gate) = (0, 0, new object());
        await SideBySide.RunAsync(
            [1, 2, 3, 4],
            2,
            async (one, token) =>
            {
                lock (gate)
                    most = Math.Max(most, ++now);
                if (one <= 2)
                {
                    both.Signal();
                    Assert.True(both.Wait(Deadline, token));
                }

                await Task.Yield();
                lock (gate)
                    now--;
            },
            TestContext.Current.CancellationToken
        );

        Assert.Equal(2, most);
    }

    [Fact]
    public async Task The_error_is_that_of_the_first_in_the_order_though_a_later_one_fails_sooner()
    {
        var second = new TaskCompletionSource();
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            SideBySide.RunAsync(
                [1, 2, 3],
                3,
                async (one, token) =>
                {
                    if (one == 3)
                        await Task.Delay(Timeout.Infinite, token);
                    if (one == 2)
                    {
                        second.SetResult();
                        throw new InvalidOperationException("second");
                    }

                    // What fails after it does not end it.
                    await second.Task.WaitAsync(Deadline, token);
                    await Task.Yield();
                    Assert.False(token.IsCancellationRequested);
                    throw new InvalidOperationException("first");
                },
                TestContext.Current.CancellationToken
            )
        );

        Assert.Equal("first", error.Message);
    }

    [Fact]
    public async Task What_comes_after_one_that_failed_is_ended_and_nothing_more_is_begun()
    {
        var begun = new List<int>();
        var waits = new TaskCompletionSource();
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            SideBySide.RunAsync(
                [1, 2, 3, 4],
                2,
                async (one, token) =>
                {
                    lock (begun)
                        begun.Add(one);
                    if (one == 1)
                    {
                        await waits.Task.WaitAsync(Deadline, token);
                        throw new InvalidOperationException();
                    }

                    waits.SetResult();
                    await Task.Delay(Timeout.Infinite, token);
                },
                TestContext.Current.CancellationToken
            )
        );

        Assert.Equal([1, 2], begun.Order());
    }

    [Fact]
    public async Task A_stop_ends_all_of_them()
    {
        using var stop = new CancellationTokenSource();
        var all = SideBySide.RunAsync([1, 2], 2, (_, token) => Task.Delay(Timeout.Infinite, token), stop.Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            all.WaitAsync(Deadline, TestContext.Current.CancellationToken)
        );
    }
}
