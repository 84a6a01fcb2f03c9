using Litestream.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;

namespace Litestream.Hosting.Tests;

/// <summary>A replica on the database's own disk takes the last room from the app, unless it stops before.</summary>
public sealed class FreeSpaceFaultTests
{
    [Fact]
    public async Task A_replica_beside_the_database_leaves_the_last_room_to_the_app_and_continues_when_there_is_more()
    {
        using var folder = new AppFolder();
        using var disk = new SmallDisk(folder.Work, "24m");
        folder.WriteConfig($"type: file\n        path: '{folder.Work}/litestream-replicas/orders.db'");
        folder.Environment["Litestream__FreeSpaceFloor"] = "8MB";
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var filler = Path.Combine(folder.Work, "filler");
        SmallDisk.Fill(filler, leave: 7 * 1024 * 1024);

        await app.SaysAsync("LSB5016");
        await app.StatusAsync("Stalled", "Degraded");
        await AppFolder.UntilAsync(() => folder.Replicators().Count == 0, "litestream had ended");
        var free = new DriveInfo(folder.Work).AvailableFreeSpace;
        for (var i = 1; i <= 10; i++)
        {
            await app.TellAsync("rows 2000");
            await AppFolder.UntilAsync(() => app.Count("wrote 2000 rows") == i, () => $"the app wrote\n{app.Output}");
        }

        // Of the app's own, so no more than its database and its WAL take.
        Assert.Empty(folder.Replicators());
        Assert.Equal(20001, folder.DatabaseRows().Count);
        var grown = new FileInfo(folder.Database).Length + new FileInfo(folder.Database + "-wal").Length;
        Assert.InRange(free - new DriveInfo(folder.Work).AvailableFreeSpace, 1, grown + (64 * 1024));
        Assert.Equal(1, app.Count("\n      LSB5016"));
        File.Delete(filler);

        await app.SaysAsync("has room again");
        await app.TellAsync("row last");
        await folder.ArrivesAsync(app, "last");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
        Assert.Equal(0, app.Count("LSB5004"));
    }

    [Fact]
    public async Task A_start_without_room_replicates_nothing_until_there_is_some_and_never_what_replaced_the_database()
    {
        using var folder = new AppFolder();
        using var disk = new SmallDisk(folder.Work, "24m");
        folder.WriteConfig($"type: file\n        path: '{folder.Work}/litestream-replicas/orders.db'");
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
        }

        var saved = RestoredContent.Save(folder.Database);

        // By default 5 % of such a disk.
        var filler = Path.Combine(folder.Work, "filler");
        SmallDisk.Fill(filler, leave: 1024 * 1024);
        using (var app = folder.Start())
        {
            await app.SaysAsync("LSB5016");
            Assert.Contains("1.2 MB must stay free for the app", app.Output, StringComparison.Ordinal);
            Assert.Equal(0, app.Count("initialized db"));
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
            Assert.True(app.Count("has sent everything") == 0, app.Output);
        }

        using var next = folder.Start();
        await next.SaysAsync("LSB5016");
        await AppFolder.UntilAsync(
            () => folder.DatabaseRows() is ["first", "last", "first", "last", "first"],
            () => $"the app wrote\n{next.Output}"
        );
        File.Move(folder.OtherDatabase(), folder.Database, overwrite: true);
        File.Delete(filler);
        await next.SaysAsync("LSB5009");
        await next.StatusAsync("Failed");
        Assert.Equal(0, next.Count("initialized db"));
        await folder.AssertRestoredAsync(saved);
    }

    [Fact]
    public async Task A_backup_that_there_is_no_room_for_is_not_copied_to_compare_it()
    {
        using var folder = new AppFolder();
        using var disk = new SmallDisk(folder.Work, "24m");
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.StopAsync();
        }

        // Only the backup tells now, and a copy of it would leave the app less than 5 % of the disk.
        Directory.Delete(Path.Combine(folder.Work, ".orders.db-litestream"), recursive: true);
        var filler = Path.Combine(folder.Work, "filler");
        SmallDisk.Fill(filler, leave: 1024 * 1024);

        // After that it is Unhealthy: long enough for a slow start of the app.
        folder.Environment["Litestream__StallTimeout"] = "30s";
        using var next = folder.Start();
        await next.StatusAsync(
            "Stalled",
            "Degraded",
            "LSB4009",
            "keeps 1.2 MB for the app (Litestream:FreeSpaceFloor)"
        );
        await next.StatusAsync("Stalled", "Unhealthy", "LSB4009");
        Assert.Equal(0, next.Count("initialized db"));

        File.Delete(filler);
        await folder.SettledAsync(next);
        Assert.Equal(0, await next.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Theory]
    [InlineData("size=24m,nr_inodes=40", true)]
    [InlineData("size=4m", false, Traits = ["Category", "Long"])]
    public async Task A_start_on_a_full_disk_is_never_healthy_and_continues_when_there_is_room(
        string limits,
        bool isForInodes
    )
    {
        using var folder = new AppFolder();

        // After that it is Unhealthy: long enough for a slow start of the app.
        folder.Environment["Litestream__StallTimeout"] = "25s";
        folder.Environment["Litestream__FreeSpaceFloor"] = "0";
        using var disk = new SmallDisk(folder.Work, limits);
        AppFolder.MakeDatabase(folder.Database);

        // While it is open its WAL stays, so that the app can use it: nothing else can be made any more.
        using var connection = new SqliteConnection($"Data Source={folder.Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode = wal; UPDATE orders SET text = 'kept'";
        command.ExecuteNonQuery();
        var filler = Directory.CreateDirectory(Path.Combine(folder.Work, "filler")).FullName;
        if (isForInodes)
            SmallDisk.FillInodes(filler);
        else
            SmallDisk.Fill(Path.Combine(filler, "filler"));

        folder.Environment["HOSTED_APP_Idle"] = isForInodes ? "false" : "true";
        using var app = folder.Start();
        await app.SaysAsync("LSB5004: litestream could not be started (");
        await app.SaysAsync("started ");
        await app.StatusAsync("Restarting", "Degraded", "LSB5004");
        await app.StatusAsync("Restarting", "Unhealthy", "No space left on device");
        Assert.DoesNotContain(
            app.Output.Split('\n').Where(line => line.StartsWith("status ", StringComparison.Ordinal)),
            line => line.Contains("Healthy", StringComparison.Ordinal)
        );
        Assert.Equal(0, app.Count("fail: Litestream[1]"));

        Directory.Delete(filler, recursive: true);
        await folder.SettledAsync(app);
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Theory]
    [InlineData(null, 1000, 50)]
    [InlineData(null, 1L << 50, 256 << 20)]
    [InlineData("10%", 1000, 100)]
    [InlineData("1.5 mb", 1L << 50, 3 << 19)]
    [InlineData("2GB", 1000, 1000)]
    [InlineData("0", 1000, 0)]
    public void The_floor_is_a_size_or_a_share_of_the_disk(string? setting, long disk, long expected) =>
        Assert.Equal(expected, Floor(setting).Of(disk));

    [Theory]
    [InlineData("500")]
    [InlineData("101%")]
    [InlineData("-1MB")]
    [InlineData("much")]
    public void A_floor_that_is_not_understood_is_named(string setting) =>
        Assert.Contains(
            $"Litestream:FreeSpaceFloor has the value '{setting}'",
            Assert.Throws<LitestreamException>(() => Floor(setting)).Message,
            StringComparison.Ordinal
        );

    private static FreeSpaceFloor Floor(string? setting) =>
        LitestreamSettings
            .Read(
                new ConfigurationBuilder()
                    .AddInMemoryCollection([KeyValuePair.Create("Litestream:FreeSpaceFloor", setting)])
                    .Build(),
                false,
                "/"
            )
            .FreeSpaceFloor;
}
