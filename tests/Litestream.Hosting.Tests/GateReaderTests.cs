namespace Litestream.Hosting.Tests;

/// <summary>
/// What the app commits between the gate and the moment from which litestream holds the WAL: a reader of ours keeps
/// the WAL as it is for so long. The litestream here is one that is slow to start.
/// </summary>
public sealed class GateReaderTests
{
    [Fact]
    public async Task What_the_app_commits_before_litestream_holds_the_WAL_arrives_without_a_full_copy()
    {
        using var folder = new AppFolder();
        await RunOnceAsync(folder);
        var letGo = SlowDown(folder);

        // It does not answer for as long as it waits.
        folder.Environment["Litestream__StallTimeout"] = "2m";
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.SaysAsync(" as process ");

        // Pages that litestream must read before another commit takes their place in the WAL. The few of that commit
        // leave those standing that litestream read last, so that it would not see that the WAL was restarted.
        await RunAsync(app, "UPDATE account SET balance = balance + 1");
        await RunAsync(app, "PRAGMA wal_checkpoint(RESTART)");
        await RunAsync(app, "UPDATE account SET balance = balance - 1 WHERE id = 7");
        await app.TellAsync("row meanwhile");
        await app.SaysAsync("wrote meanwhile");
        Assert.Empty(folder.Replicators());
        letGo();

        await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
        await RestoredContent.AssertSameAsync(
            folder.Database,
            await folder.RestoreAsync(folder.Database),
            () => app.Output
        );

        // What the app commits meanwhile is late after some seconds, and the health says so (LSB5007).
        Assert.True(app.Count("LSB50") == app.Count("LSB5007"), app.Output);
        Assert.Single(folder.FullCopies());

        // The reader has ended: nothing keeps the WAL from being restarted any more.
        await RunAsync(app, "UPDATE account SET balance = balance + 2");
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
        Assert.Single(folder.FullCopies());
    }

    [Theory]
    [InlineData("a minute has passed")]
    [InlineData("the WAL has grown by 100 MB")]
    public async Task A_litestream_that_does_not_start_in_time_has_the_reader_end_and_a_full_copy_follows(string limit)
    {
        using var folder = new AppFolder();
        await RunOnceAsync(folder);
        var letGo = SlowDown(folder);
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await RunAsync(app, "UPDATE account SET balance = balance + 1");
        if (limit == "the WAL has grown by 100 MB")
        {
            await app.TellAsync("load 110");
            await app.SaysAsync("loaded 110 MB");
        }

        await app.SaysAsync(
            $"LSB5025: A full copy of '{folder.Database}' must be sent: litestream did not begin to hold the WAL in "
                + "time."
        );
        await app.StatusAsync(
            status =>
                status.Contains("LSB5025", StringComparison.Ordinal)
                && !status.Contains(" Healthy ", StringComparison.Ordinal),
            "not healthy, with LSB5025"
        );

        // Only without a reader can the WAL be emptied.
        await AppFolder.UntilAsync(
            () => new FileInfo(folder.Database + "-wal").Length == 0,
            () => $"the WAL was emptied\n{app.Output}"
        );
        await RunAsync(app, "UPDATE account SET balance = balance - 1 WHERE id % 1000 = 0");
        Assert.Equal(0, app.Count("The full copy of '"));
        letGo();

        await app.SaysAsync("The full copy of '");
        await app.StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
        await RestoredContent.AssertSameAsync(
            folder.Database,
            await folder.RestoreAsync(folder.Database),
            () => app.Output
        );
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
    }

    /// <summary>An app that replicated its database, and ended in order. Its WAL holds some hundred pages.</summary>
    private static async Task RunOnceAsync(AppFolder folder)
    {
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("accounts");
        await app.SaysAsync("has accounts");
        await folder.SettledAsync(app);
        await RunAsync(app, "UPDATE account SET balance = balance + 3 WHERE id <= 5000");
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
        Assert.Single(folder.FullCopies());
    }

    /// <summary>
    /// Puts an executable of ours in the place of litestream, which waits before it becomes litestream. What else it is
    /// asked, such as its version, it answers at once.
    /// </summary>
    /// <returns>Lets it become litestream.</returns>
    private static Action SlowDown(AppFolder folder)
    {
        var go = Path.Combine(folder.Root, "go");
        File.WriteAllText(
            folder.Executable,
            $"#!/bin/sh\nwhile [ \"$1\" = replicate ] && [ ! -e '{go}' ]; do sleep 0.2; done\nexec "
                + $"'{Repository.Executable}' \"$@\"\n"
        );
        return () => File.WriteAllText(go, "");
    }

    private static async Task RunAsync(AppProcess app, string sql)
    {
        var count = app.Count("\nran ");
        await app.TellAsync("sql " + sql);
        await AppFolder.UntilAsync(() => app.Count("\nran ") > count, () => $"it ran '{sql}'\n{app.Output}");
    }
}
