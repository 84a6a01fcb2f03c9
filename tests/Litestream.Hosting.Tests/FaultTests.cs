using System.Diagnostics;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>What docs/faults.md promises, fault by fault: the real executable, the defaults, and the rows of a bare restore counted.</summary>
public sealed class FaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_commit_that_litestream_overlooks_arrives_all_the_same()
    {
        // At these intervals release line 0.3 overlooks about every third commit until the next one.
        using var folder = new AppFolder();
        folder.WriteConfig(folder.FileReplica + "\n        sync-interval: 1ms");
        await File.WriteAllTextAsync(folder.Config, (await File.ReadAllTextAsync(folder.Config, Cancel)).Replace("- path: orders.db", "- path: orders.db\n    monitor-interval: 1ms", StringComparison.Ordinal), Cancel);
        using var app = folder.Start();
        await app.SaysAsync("wal segment written");

        for (var i = 0; i < 20; i++)
        {
            await app.TellAsync($"row silent{i}");
            await app.SaysAsync($"wrote silent{i}");
            await ArrivesAsync(folder, app, $"silent{i}");
        }
    }

    [Fact]
    public async Task A_litestream_that_is_frozen_is_noticed_in_ten_seconds_and_replaced_in_thirty()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await SettledAsync(folder, app);
        var first = Assert.Single(folder.Replicators());

        await AppFolder.SignalAsync("STOP", first);
        var watch = Stopwatch.StartNew();
        await app.TellAsync("row frozen");
        await app.SaysAsync("wrote frozen");

        await app.StatusAsync("Stalled");
        var noticed = watch.Elapsed;
        await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "another litestream ran");
        var replaced = watch.Elapsed;
        await ArrivesAsync(folder, app, "frozen");
        await SettledAsync(folder, app);

        Assert.True(noticed < TimeSpan.FromSeconds(10), noticed.ToString());
        Assert.True(replaced < TimeSpan.FromSeconds(30), replaced.ToString());
        Assert.Contains("LSB5007", app.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TERM", false)]
    [InlineData("TERM", true)]
    public Task A_signal_amid_a_storm_of_writes_loses_nothing(string signal, bool toTheGroup) => StormAsync(signal, toTheGroup, times: 2);

    [Theory]
    [InlineData("TERM", false)]
    [InlineData("TERM", true)]
    [Trait("Category", "Long")]
    public Task A_signal_amid_a_storm_of_writes_loses_nothing_twenty_times(string signal, bool toTheGroup) => StormAsync(signal, toTheGroup, times: 20);

    [Fact]
    public async Task A_litestream_and_then_the_app_killed_amid_a_storm_of_writes_lose_nothing()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await SettledAsync(folder, app);
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
        await SettledAsync(folder, next);
        await next.TellAsync("stop");
        await next.EndedAsync();
        Assert.Equal(folder.DatabaseRows(), await folder.RestoredRowsAsync());
        Assert.Empty(folder.Replicators());
    }

    [Fact]
    public async Task A_replica_that_is_deleted_gets_a_new_snapshot()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await SettledAsync(folder, app);

        Directory.Move(folder.Replica, folder.Replica + ".away");

        await ArrivesAsync(folder, app, "first");
        await SettledAsync(folder, app);
        await app.TellAsync("row after");
        await ArrivesAsync(folder, app, "after");
    }

    [Fact]
    public async Task A_replica_on_a_full_disk_goes_on_when_there_is_room_again()
    {
        using var folder = new AppFolder();
        using var disk = new SmallDisk(folder.Replica, "4m");
        using var app = folder.Start();
        await SettledAsync(folder, app);
        var filler = Path.Combine(folder.Replica, "filler");
        SmallDisk.Fill(filler);

        await app.TellAsync("rows 200");
        await app.SaysAsync("wrote 200 rows");
        await app.StatusAsync("Stalled");
        await app.StatusAsync("the disk of the replica");
        File.Delete(filler);

        await ArrivesAsync(folder, app, "row 199");
        await SettledAsync(folder, app);
    }

    [Fact]
    public async Task A_database_that_is_deleted_under_the_app_leaves_the_backup_alone_and_comes_back_with_the_next_start()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await SettledAsync(folder, app);
            foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
            {
                File.Delete(file);
            }

            await app.SaysAsync("LSB5012");

            // Somebody puts another one in its place.
            File.Move(OtherDatabase(folder), folder.Database);
            await app.SaysAsync("LSB5009");
            await app.StatusAsync("Failed");
            Assert.Empty(folder.Replicators());
            Assert.Equal(["first"], await folder.RestoredRowsAsync());
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
        }

        Assert.Equal(["first"], await folder.RestoredRowsAsync());
        foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
        {
            File.Delete(file);
        }

        using var next = folder.Start();
        await SettledAsync(folder, next);
        Assert.Equal(["first", "first"], folder.DatabaseRows());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_database_that_is_replaced_under_the_app_is_not_replicated(bool byRename)
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await SettledAsync(folder, app);
        var other = OtherDatabase(folder);

        if (byRename)
        {
            File.Move(other, folder.Database, overwrite: true);
        }
        else
        {
            foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
            {
                File.Delete(file);
            }

            File.Copy(other, folder.Database);
        }

        await app.SaysAsync("LSB5009");
        await app.StatusAsync("Failed");
        Assert.Empty(folder.Replicators());
        Assert.Equal(["first"], await folder.RestoredRowsAsync());
    }

    [Fact]
    public async Task A_database_that_is_replaced_just_before_the_stop_is_not_sent()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await SettledAsync(folder, app);
        File.Move(OtherDatabase(folder), folder.Database, overwrite: true);

        await AppFolder.SignalAsync("TERM", app.Id);
        await app.EndedAsync();

        Assert.Equal(["first"], await folder.RestoredRowsAsync());
        using var next = folder.Start();
        await next.SaysAsync("LSB5009");
        Assert.Equal(["first"], await folder.RestoredRowsAsync());
    }

    [Fact]
    public async Task A_database_that_was_never_accepted_is_not_remembered_as_the_right_one()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await SettledAsync(folder, app);
            await app.TellAsync("stop");
            await app.EndedAsync();
        }

        // Another database, and a replica that cannot be asked: stopped before it is known whether it is the right one.
        File.Move(OtherDatabase(folder), folder.Database, overwrite: true);
        var generations = Path.Combine(folder.Replica, "generations");
        Directory.Move(generations, generations + ".away");
        await File.WriteAllTextAsync(generations, "", Cancel);
        using (var app = folder.Start())
        {
            await app.SaysAsync("cannot be told yet");
            await app.TellAsync("stop");
            await app.EndedAsync();
        }

        File.Delete(generations);
        Directory.Move(generations + ".away", generations);
        using var next = folder.Start();
        await next.SaysAsync("LSB5009");
    }

    [Fact]
    public async Task A_short_stall_timeout_does_not_restart_an_idle_litestream()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__StallTimeout"] = "2s";
        using var app = folder.Start();
        await SettledAsync(folder, app);
        var first = Assert.Single(folder.Replicators());
        var deadline = DateTime.UtcNow.AddSeconds(14);

        await AppFolder.UntilAsync(() => DateTime.UtcNow > deadline || folder.Replicators() is not [var id] || id != first, "the time was over");

        Assert.Equal([first], folder.Replicators());
        Assert.Equal(0, app.Count("LSB5004"));
    }

    [Theory]
    [InlineData("template", true)]
    [InlineData("template", false)]
    [InlineData("another app's", true)]
    [InlineData("another app's", false)]
    public async Task Another_database_that_was_published_over_this_one_is_not_replicated(string whose, bool withoutLog)
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await SettledAsync(folder, before);
            await before.TellAsync("stop");
            await before.EndedAsync();
        }

        using var other = new AppFolder();
        string file;
        if (whose == "template")
        {
            file = OtherDatabase(folder);
        }
        else
        {
            using (var app = other.Start())
            {
                await SettledAsync(other, app);
                await app.TellAsync("row theirs");
                await app.TellAsync("stop");
                await app.EndedAsync();
            }

            SqliteConnection.ClearAllPools();
            file = other.Database;
        }

        var backup = await folder.RestoredRowsAsync();
        File.Copy(file, folder.Database, overwrite: true);
        if (withoutLog)
        {
            File.Delete(folder.Database + "-wal");
            File.Delete(folder.Database + "-shm");
        }

        using (var app = folder.Start())
        {
            await app.SaysAsync("LSB5009");
            await app.SaysAsync("started ");
            await app.StatusAsync("Failed");
            Assert.Empty(folder.Replicators());
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
        }

        Assert.Equal(backup, await folder.RestoredRowsAsync());

        // Asked to, it goes on with it.
        folder.Environment["Litestream__AdoptReplica"] = "true";
        using (var app = folder.Start())
        {
            await SettledAsync(folder, app);
            await app.TellAsync("row adopted");
            await ArrivesAsync(folder, app, "adopted");
            await app.TellAsync("stop");
            await app.EndedAsync();
        }

        folder.Environment.Remove("Litestream__AdoptReplica");
        using var last = folder.Start();
        await SettledAsync(folder, last);
    }

    [Fact]
    public async Task A_laptop_with_a_database_of_its_own_does_not_write_to_the_replica()
    {
        using var folder = new AppFolder();
        using (var production = folder.Start())
        {
            await SettledAsync(folder, production);
            await production.TellAsync("stop");
            await production.EndedAsync();
        }

        using var laptop = new AppFolder();
        laptop.WriteConfig(folder.FileReplica);
        File.Copy(OtherDatabase(folder), laptop.Database);
        using var app = laptop.Start();
        await app.SaysAsync("LSB5009");
        await app.StatusAsync("Failed");
        await app.TellAsync("stop");
        await app.EndedAsync();

        Assert.Equal(["first", "last"], await folder.RestoredRowsAsync());
    }

    [Fact]
    public async Task A_database_whose_state_folder_is_lost_goes_on_with_its_replica()
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await SettledAsync(folder, before);
            await before.TellAsync("stop");
            await before.EndedAsync();
        }

        Directory.Delete(Path.Combine(folder.Work, ".orders.db-litestream"), recursive: true);
        using var app = folder.Start();
        await SettledAsync(folder, app);
        await app.TellAsync("row after");
        await ArrivesAsync(folder, app, "after");
    }

    [Theory]
    [InlineData("garbage executable")]
    [InlineData("other architecture")]
    public async Task What_cannot_run_fails_at_once_with_one_critical_line_and_no_loop(string what)
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await SettledAsync(folder, before);
            await before.TellAsync("stop");
            await before.EndedAsync();
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

        Assert.Equal(1, app.Count("crit:"));
        Assert.Equal(0, app.Count("LSB5004"));
        Assert.Empty(folder.Replicators());
    }

    [Fact]
    public async Task An_executable_that_has_lost_its_permission_gets_it_back()
    {
        using var folder = new AppFolder();
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder.Executable, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        using var app = folder.Start();
        await SettledAsync(folder, app);
    }

    [Fact]
    public async Task An_app_that_asks_for_it_stops_when_replication_has_failed()
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await SettledAsync(folder, before);
            await before.TellAsync("stop");
            await before.EndedAsync();
        }

        await File.WriteAllTextAsync(folder.Executable, "garbage", Cancel);
        folder.Environment["Litestream__OnFailure"] = "StopApp";
        using var app = folder.Start();

        Assert.Equal(1, await app.EndedAsync());
        Assert.Equal(1, app.Count("crit:"));
    }

    private static Task SettledAsync(AppFolder folder, AppProcess app) => folder.SettledAsync(app);

    private static async Task StormAsync(string signal, bool toTheGroup, int times)
    {
        using var folder = new AppFolder();
        await folder.StormAsync(signal, toTheGroup, times);
    }

    private static Task ArrivesAsync(AppFolder folder, AppProcess app, string row) => folder.ArrivesAsync(app, row);

    private static string OtherDatabase(AppFolder folder) => AppFolder.MakeDatabase(Path.Combine(folder.Root, "other.db"));

    /// <summary>A file system of its own, that can be full.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private readonly string _path;

        public SmallDisk(string path, string size)
        {
            _path = path;
            Directory.CreateDirectory(path);
            Run("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", path);
        }

        public static void Fill(string file)
        {
            using var stream = File.Create(file);
            try
            {
                for (var block = new byte[4096]; ;)
                {
                    stream.Write(block);
                    stream.Flush();
                }
            }
            catch (IOException)
            {
                // It is full.
            }
        }

        public void Dispose() => Run("umount", "-l", _path);

        private static void Run(string command, params string[] arguments)
        {
            using var process = Process.Start(command, arguments);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }
    }
}
