using System.Globalization;

namespace Litestream.Hosting.Tests;

/// <summary>
/// The folder of a replica on a file system that does not answer: a call into it does not return, and a process in it
/// cannot always be killed.
/// </summary>
public sealed class HangingReplicaFaultTests
{
    [Fact]
    [Trait("Category", "Long")]
    public async Task A_replica_in_a_folder_that_does_not_answer_is_noticed_and_continues_when_it_answers_again()
    {
        using var folder = new AppFolder();
        using var disk = await FrozenDisk.WithoutAnyAnswerAsync(folder.Replica);
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var first = Assert.Single(folder.Replicators());

        // Nothing waits to be sent: it is noticed all the same.
        await disk.FreezeAsync();
        await app.StatusAsync(
            "Stalled",
            "Degraded",
            $"LSB5007: the replica folder '{folder.Replica}' does not answer"
        );
        await app.StatusAsync("Stalled", "Unhealthy", "does not answer");
        await app.TellAsync("row waiting");
        await app.SaysAsync("wrote waiting");
        var threads = Threads(app);
        await app.StatusAsync(status => AppProcess.Lag(status) > TimeSpan.FromSeconds(30), "a lag of 30 s");

        Assert.Equal([first], folder.Replicators());
        Assert.InRange(Threads(app), 1, threads + 5);
        await app.StatusAsync("Unhealthy", "does not answer");
        await disk.ThawAsync();

        await folder.ArrivesAsync(app, "waiting");
        await folder.SettledAsync(app);
        Assert.Equal(0, app.Count("LSB5004"));
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("exit", Traits = ["Category", "Long"])]
    public async Task An_app_ends_in_its_time_though_the_folder_of_its_replica_does_not_answer(string how)
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__ShutdownTimeout"] = "3s";
        using var disk = await FrozenDisk.WithoutAnyAnswerAsync(folder.Replica);
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await disk.FreezeAsync();
            await app.TellAsync("row waiting");
            await app.SaysAsync("wrote waiting");
            await app.TellAsync(how);
            Assert.Equal(how == "exit" ? 7 : 0, await app.EndedAsync());
            Assert.Contains("LSB5005", app.Output, StringComparison.Ordinal);
        }

        await disk.ThawAsync();
        using var next = folder.Start();
        await folder.SettledAsync(next);
        Assert.Equal(0, await next.StopAsync());
        Assert.Contains("waiting", (await folder.RestoredRowsAsync())!);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task An_app_starts_and_ends_though_the_folder_of_its_replica_does_not_answer()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__ShutdownTimeout"] = "3s";
        folder.Environment["Litestream__StallTimeout"] = "6s";
        using var disk = await FrozenDisk.WithoutAnyAnswerAsync(folder.Replica);
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            Assert.Equal(0, await before.StopAsync());
        }

        await disk.FreezeAsync();
        using (var app = folder.Start())
        {
            await app.SaysAsync("started ");
            await app.TellAsync("row waiting");
            await app.StatusAsync(
                "Stalled",
                "Unhealthy",
                "LSB4005: Cannot yet confirm",
                "the replica has not answered yet"
            );
            Assert.Empty(folder.Replicators());
            Assert.Equal(0, await app.StopAsync());
            Assert.Equal(0, app.Count("has sent everything"));
        }

        await disk.ThawAsync();
        using var next = folder.Start();
        await folder.SettledAsync(next);
        Assert.Equal(0, await next.StopAsync());
        Assert.Contains("waiting", (await folder.RestoredRowsAsync())!);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_litestream_that_cannot_be_killed_neither_looks_healthy_nor_keeps_the_app_from_its_end()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__ShutdownTimeout"] = "3s";
        folder.Environment["Litestream__StallTimeout"] = "6s";
        using var disk = FrozenDisk.WithoutAnAnswerToWriters(folder.Replica);
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            var litestream = Assert.Single(folder.Replicators());
            await disk.FreezeAsync();
            await app.TellAsync("row waiting");

            // It is stuck, and when it is killed it loses its program but does not end: from then on nothing looks any
            // more.
            await AppFolder.UntilAsync(() => folder.Replicators().Count == 0, "it was killed");
            Assert.True(Directory.Exists($"/proc/{litestream}"), app.Output);
            await app.StatusAsync("Stalled", "Unhealthy", "LSB5007");
            Assert.Equal(0, await app.StopAsync());
            Assert.Contains("LSB5005", app.Output, StringComparison.Ordinal);
        }

        await disk.ThawAsync();
        using var next = folder.Start();
        await folder.SettledAsync(next);
        Assert.Equal(0, await next.StopAsync());
        Assert.Contains("waiting", (await folder.RestoredRowsAsync())!);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_litestream_that_hangs_while_it_sends_the_last_commits_does_not_keep_the_app_from_its_end()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__ShutdownTimeout"] = "3s";
        using var disk = FrozenDisk.WithoutAnAnswerToWriters(folder.Replica);
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await disk.FreezeAsync();
            await app.TellAsync("row waiting");
            await app.SaysAsync("wrote waiting");
            Assert.Equal(0, await app.StopAsync());
            Assert.Equal(1, app.Count("\n      LSB5005"));
        }

        await disk.ThawAsync();
        using var next = folder.Start();
        await folder.SettledAsync(next);
        Assert.Equal(0, await next.StopAsync());
        await folder.AssertRestoredAsync();
    }

    private static int Threads(AppProcess app) =>
        int.Parse(
            File.ReadLines($"/proc/{app.Id}/status")
                .First(line => line.StartsWith("Threads:", StringComparison.Ordinal))["Threads:".Length..],
            CultureInfo.InvariantCulture
        );
}
