using System.Diagnostics;
using Litestream.Replication;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>
/// The faults of docs/faults.md that happen to processes: the real executable, the defaults, and what a bare
/// restore gives compared with the database.
/// </summary>
public sealed class ProcessFaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_commit_that_litestream_overlooks_arrives_all_the_same() => CommitThenSilenceAsync("1ms", times: 20);

    [Theory(Timeout = 60 * 60_000)]
    [InlineData("1ms")]
    [InlineData("1s")]
    [Trait("Category", "Long")]
    public Task After_each_of_two_hundred_commits_with_silence_between_them_the_replica_has_it(string interval) =>
        CommitThenSilenceAsync(interval, times: 200);

    [Fact]
    public async Task A_litestream_that_is_frozen_is_noticed_and_replaced()
    {
        using var folder = new AppFolder();

        // So long that its status is seen before it is replaced.
        folder.Environment["Litestream__StallTimeout"] = "40s";
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var first = Assert.Single(folder.Replicators());

        await AppFolder.SignalAsync("STOP", first);
        await app.TellAsync("row frozen");
        await app.SaysAsync("wrote frozen");

        await app.StatusAsync("Stalled");
        await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "another litestream ran");
        await folder.ArrivesAsync(app, "frozen");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();

        Assert.Contains("LSB5007", app.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TERM", false)]
    [InlineData("TERM", true)]
    public Task A_signal_amid_a_storm_of_writes_loses_nothing(string signal, bool toTheGroup) =>
        StormAsync(signal, toTheGroup, times: 2);

    [Theory(Timeout = 30 * 60_000)]
    [InlineData("TERM", false)]
    [InlineData("TERM", true)]
    [Trait("Category", "Long")]
    public Task A_signal_amid_a_storm_of_writes_loses_nothing_twenty_times(string signal, bool toTheGroup) =>
        StormAsync(signal, toTheGroup, times: 20);

    [Fact]
    public async Task A_litestream_and_then_the_app_killed_amid_a_storm_of_writes_lose_nothing()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.TellAsync("storm");
            await AppFolder.UntilAsync(() => folder.DatabaseRows().Count > 50, "it stormed");
            var first = Assert.Single(folder.Replicators());
            await AppFolder.SignalAsync("KILL", first);
            await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "another litestream ran");
            var count = folder.DatabaseRows().Count;
            await AppFolder.UntilAsync(() => folder.DatabaseRows().Count > count, "it stormed on");
            await AppFolder.SignalAsync("KILL", app.Id);
            await app.EndedAsync();
        }

        using var next = folder.Start();
        await folder.SettledAsync(next);
        await next.StopAsync();
        await folder.AssertRestoredAsync();
        Assert.Empty(folder.Replicators());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false, Traits = ["Category", "Long"])]
    public async Task What_waited_in_a_WAL_that_is_gone_arrives_with_the_next_litestream(bool isSilent)
    {
        // Whoever closes the database last, while no litestream has it open, moves all of its WAL to the file and
        // deletes it.
        using var folder = new AppFolder();
        folder.Environment["ConnectionStrings__Orders"] = "Data Source=orders.db;Pooling=False";

        // So long that the frozen litestream is not replaced before it is killed here.
        folder.Environment["Litestream__StallTimeout"] = "60s";
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var first = Assert.Single(folder.Replicators());
        await AppFolder.SignalAsync("STOP", first);
        await app.TellAsync("row waiting");
        await app.StatusAsync("Stalled", "Degraded");

        // The app is frozen meanwhile: a second after the end of litestream it would hold the WAL for the next one.
        await AppFolder.SignalAsync("STOP", app.Id);
        await AppFolder.SignalAsync("KILL", first);
        await AppFolder.UntilAsync(() => !AppFolder.HoldsLocks(first), "litestream's locks were gone");
        Insert(folder.Database, "in the file");
        Assert.False(File.Exists(folder.Database + "-wal"));
        await AppFolder.SignalAsync("CONT", app.Id);
        await app.SaysAsync("LSB5004");
        if (!isSilent)
        {
            await AppFolder.UntilAsync(() => folder.Replicators().Count == 1, "another litestream ran");
            await app.TellAsync("row after");
        }

        await folder.SettledAsync(app);
        var second = Assert.Single(folder.Replicators());
        await app.TellAsync("row at last");
        await folder.ArrivesAsync(app, "at last");
        await folder.SettledAsync(app);
        Assert.Equal([second], folder.Replicators());
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
        Assert.Equal(0, app.Count("has arrived for"));
    }

    [Fact]
    public async Task A_short_stall_timeout_does_not_restart_an_idle_litestream()
    {
        using var folder = new AppFolder();

        // Shorter than the 10 s after which an idle one is asked again.
        folder.Environment["Litestream__StallTimeout"] = "9s";
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var first = Assert.Single(folder.Replicators());

        await folder.IdleAsync(looks: 14);

        Assert.Equal([first], folder.Replicators());
        Assert.Equal(0, app.Count("LSB5004"));
        await folder.AssertRestoredAsync();
    }

    [Theory]
    [InlineData("garbage executable")]
    [InlineData("other architecture")]
    public async Task What_cannot_run_fails_at_once_with_one_critical_line_and_no_loop(string what)
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            await before.StopAsync();
        }

        switch (what)
        {
            case "garbage executable":
                await File.WriteAllTextAsync(folder.Executable, "garbage", Cancel);
                break;
            case "other architecture":
                // Our own one, said to be for another processor.
                var bytes = await File.ReadAllBytesAsync(folder.Executable, Cancel);
                bytes[18] = 0xb7;
                await File.WriteAllBytesAsync(folder.Executable, bytes, Cancel);
                break;
        }

        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.StatusAsync("Failed");
        await app.SaysAsync("crit:");

        Assert.Equal(1, app.Count("crit:"));
        Assert.Equal(0, app.Count("LSB5004"));
        Assert.Empty(folder.Replicators());
        await app.TellAsync("row unsent");
        await app.SaysAsync("wrote unsent");
        await app.StopAsync();
        Assert.Equal(1, app.Count("LSB5021"));
        Assert.Matches("LSB5021: Up to \\d+ bytes of ", app.Output);
    }

    [Fact]
    public async Task A_configuration_with_a_mistake_stops_the_app_before_it_can_open_the_database()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(folder.FileReplica + "\n        sync-intervall: 1s");
        using var app = folder.Start();

        Assert.Equal(1, await app.EndedAsync());
        Assert.Equal(1, app.Count("crit:"));
        Assert.Contains("LSB1030", app.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.Database));
    }

    [Fact]
    public async Task A_configuration_that_litestream_refuses_is_not_tried_again_and_a_right_one_sends_all_rows()
    {
        using var folder = new AppFolder();

        // What is known to be refused does not get as far as to litestream.
        await File.WriteAllTextAsync(
            folder.Executable,
            $"#!/bin/sh\nif [ \"$1\" = replicate ]; then set -- replicate -frobnicate; fi\nexec "
                + $"'{Repository.Executable}' \"$@\"\n",
            Cancel
        );
        folder.Environment["Litestream__RestoreOnStart"] = "Never";
        var watch = Stopwatch.StartNew();
        using (var app = folder.Start())
        {
            await app.SaysAsync("started ");
            await app.SaysAsync("LSB5014");

            // One that takes so long to refuse, on a busy machine, is tried again.
            var tries = (int)(watch.Elapsed / Thresholds.Refusal);
            await app.StatusAsync("Failed");
            Assert.Equal(1, app.Count("crit:"));
            Assert.InRange(app.Count("LSB5004"), 0, tries);
            Assert.Empty(folder.Replicators());
            await app.TellAsync("row meanwhile");
            Assert.Equal(0, await app.StopAsync());
            Assert.Equal(1, app.Count("LSB5021"));
            Assert.Matches("LSB5021: (?:Up to )?\\d+ bytes of ", app.Output);
        }

        File.Copy(Repository.Executable, folder.Executable, overwrite: true);
        using var next = folder.Start();
        await folder.SettledAsync(next);
        await next.StopAsync();
        Assert.Equal(["first", "meanwhile", "last", "first", "last"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task An_executable_that_has_lost_its_permission_gets_it_back()
    {
        using var folder = new AppFolder();
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder.Executable, UnixFileMode.UserRead | UnixFileMode.UserWrite);

        using var app = folder.Start();
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task An_app_that_asks_for_it_stops_when_replication_has_failed()
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            await before.StopAsync();
        }

        await File.WriteAllTextAsync(folder.Executable, "garbage", Cancel);
        folder.Environment["Litestream__OnFailure"] = "StopApp";
        using var app = folder.Start();

        Assert.Equal(1, await app.EndedAsync());
        Assert.Equal(1, app.Count("crit:"));
    }

    /// <summary>A row, by somebody who closes the database then.</summary>
    private static void Insert(string database, string text)
    {
        using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "INSERT INTO orders(text) VALUES ($text)";
        command.Parameters.AddWithValue("$text", text);
        command.ExecuteNonQuery();
    }

    private static async Task StormAsync(string signal, bool toTheGroup, int times)
    {
        using var folder = new AppFolder();
        await folder.StormAsync(signal, toTheGroup, times);
    }

    private static async Task CommitThenSilenceAsync(string interval, int times)
    {
        // At intervals of 1 ms release line 0.3 overlooks about every third commit until the next one.
        using var folder = new AppFolder();
        folder.WriteConfig(folder.FileReplica, interval: interval);
        folder.Environment["Logging__LogLevel__Litestream"] = "Debug";
        using var app = folder.Start();
        await app.SentAsync();

        for (var i = 0; i < times; i++)
        {
            await app.TellAsync($"row silent{i}");
            await app.SaysAsync($"wrote silent{i}");
            await folder.ArrivesAsync(app, $"silent{i}");
        }

        await folder.AssertRestoredAsync();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{times} commits at {interval}: {app.Count("nudged it")} were overlooked and nudged."
        );
    }
}
