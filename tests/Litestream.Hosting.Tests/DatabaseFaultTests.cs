using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>
/// The faults of docs/faults.md that happen to the database: the real executable, the defaults, and what a bare
/// restore gives compared with the database.
/// </summary>
public sealed class DatabaseFaultTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_database_deleted_under_the_app_leaves_the_backup_alone_and_comes_back_with_the_next_start()
    {
        using var folder = new AppFolder();
        string saved;
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            saved = RestoredContent.Save(folder.Database, folder.Root);
            foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
                File.Delete(file);

            await app.SaysAsync("LSB5012");

            // Somebody puts another one in its place.
            File.Move(folder.OtherDatabase(), folder.Database);
            await app.SaysAsync("LSB5009");
            await app.StatusAsync("Failed");
            Assert.Empty(folder.Replicators());
            await folder.AssertRestoredAsync(saved);
            Assert.Equal(0, await app.StopAsync());
        }

        await folder.AssertRestoredAsync(saved);
        foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
            File.Delete(file);

        using var next = folder.Start();
        await folder.SettledAsync(next);
        Assert.Equal(["first", "first"], folder.DatabaseRows());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_database_that_is_replaced_under_the_app_is_not_replicated(bool byRename)
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var saved = RestoredContent.Save(folder.Database, folder.Root);
        var other = folder.OtherDatabase();

        if (byRename)
        {
            File.Move(other, folder.Database, overwrite: true);
        }
        else
        {
            foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
                File.Delete(file);

            File.Copy(other, folder.Database);
        }

        await app.SaysAsync("LSB5009");
        await app.StatusAsync("Failed");
        Assert.Empty(folder.Replicators());
        await folder.AssertRestoredAsync(saved);
    }

    [Fact]
    public async Task A_stop_after_the_database_was_deleted_says_that_what_was_committed_since_is_lost()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var saved = RestoredContent.Save(folder.Database, folder.Root);
        foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
            File.Delete(file);

        await app.SaysAsync("LSB5012");
        await app.StopAsync();
        await folder.AssertRestoredAsync(saved);

        Assert.Equal(
            1,
            app.Count(
                $"LSB5021: The commits that the app made to '{folder.Database}' after the file was deleted are lost"
            )
        );
    }

    [Fact]
    public async Task A_database_that_is_deleted_just_before_the_stop_is_reported_as_lost()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var saved = RestoredContent.Save(folder.Database, folder.Root);
        foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
            File.Delete(file);

        await AppFolder.SignalAsync("TERM", app.Id);
        await app.EndedAsync();
        await folder.AssertRestoredAsync(saved);

        Assert.Equal(
            1,
            app.Count(
                $"LSB5021: The commits that the app made to '{folder.Database}' after the file was deleted are lost"
            )
        );
        Assert.Equal(0, app.Count("litestream has sent everything and ended"));
    }

    [Fact]
    public async Task A_database_that_is_replaced_just_before_the_stop_is_not_sent()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var saved = RestoredContent.Save(folder.Database, folder.Root);
        File.Move(folder.OtherDatabase(), folder.Database, overwrite: true);

        await AppFolder.SignalAsync("TERM", app.Id);
        await app.EndedAsync();

        await folder.AssertRestoredAsync(saved);
        using var next = folder.Start();
        await next.SaysAsync("LSB5009");
        await folder.AssertRestoredAsync(saved);
    }

    [Fact]
    public async Task A_database_that_was_never_accepted_is_not_remembered_as_the_right_one()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.StopAsync();
        }

        // Another database, and a replica that cannot be asked: stopped before it is known whether it is the right one.
        var saved = RestoredContent.Save(folder.Database, folder.Root);
        File.Move(folder.OtherDatabase(), folder.Database, overwrite: true);
        var generations = folder.ReplicaContent;
        Directory.Move(generations, generations + ".away");
        await File.WriteAllTextAsync(generations, "", Cancel);
        using (var app = folder.Start())
        {
            await app.SaysAsync("Cannot yet confirm");
            await app.StopAsync();
        }

        File.Delete(generations);
        Directory.Move(generations + ".away", generations);
        using var next = folder.Start();
        await next.SaysAsync("LSB5009");
        await folder.AssertRestoredAsync(saved);
    }

    [Fact]
    public async Task A_database_whose_replica_cannot_be_asked_does_not_keep_the_others_from_theirs()
    {
        using var folder = new AppFolder();
        var second = AppFolder.MakeDatabase(Path.Combine(folder.Work, "second.db"));
        var replica = Directory.CreateDirectory(folder.Replica + "-second").FullName;
        var generations = Path.Combine(replica, AppFolder.ContentFolder);
        await File.WriteAllTextAsync(generations, "", Cancel);
        await File.AppendAllTextAsync(
            folder.Config,
            $"\n  - path: second.db\n    replicas:\n      - type: file\n        path: '{replica}'\n",
            Cancel
        );

        // After that it is Unhealthy: long enough for a slow start of the app.
        folder.Environment["Litestream__StallTimeout"] = "30s";
        using var app = folder.Start();
        await app.StatusAsync("Stalled after 0 restarts", "second.db", "Degraded", "Cannot yet confirm");
        await folder.ArrivesAsync(app, "first");
        await app.StatusAsync("Stalled after 0 restarts", "second.db", "Unhealthy", "Cannot yet confirm");

        File.Delete(generations);
        await app.SaysAsync("is the database in its replica");
        await folder.SettledAsync(app);
        Assert.Equal(0, await app.StopAsync());
        await RestoredContent.AssertSameAsync(second, await folder.RestoreAsync(second));
        await folder.AssertRestoredAsync();
        Assert.Equal(0, app.Count("LSB5004"));
    }

    [Fact]
    public async Task Another_database_over_one_that_has_no_number_yet_is_not_replicated()
    {
        using var folder = new AppFolder();
        using var other = new AppFolder();
        foreach (var each in new[] { folder, other })
        {
            using var app = each.Start();
            await each.SettledAsync(app);
            await app.StopAsync();
        }

        // As an app leaves it that ran a moment only.
        var saved = RestoredContent.Save(folder.Database, folder.Root);
        SqliteConnection.ClearAllPools();
        var identity = Path.Combine(folder.Work, ".orders.db-litestream", "history.json");
        var remembered = JsonNode.Parse(await File.ReadAllTextAsync(identity, Cancel))!.AsObject();
        Assert.True(remembered.Remove("id"));
        remembered["inFile"] = false;
        await File.WriteAllTextAsync(identity, remembered.ToJsonString(), Cancel);
        File.Copy(other.Database, folder.Database, overwrite: true);

        using (var app = folder.Start())
        {
            await app.SaysAsync("LSB5009");
            Assert.Equal(0, await app.StopAsync());
            Assert.Equal(0, app.Count("initialized db"));
        }

        await folder.AssertRestoredAsync(saved);
    }

    [Theory]
    [InlineData("template", true)]
    [InlineData("template", false, Traits = ["Category", "Long"])]
    [InlineData("another app's", true, Traits = ["Category", "Long"])]
    [InlineData("another app's", false)]
    public async Task Another_database_that_was_published_over_this_one_is_not_replicated(string whose, bool withoutLog)
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            await before.StopAsync();
        }

        using var other = new AppFolder();
        string file;
        if (whose == "template")
        {
            file = folder.OtherDatabase();
        }
        else
        {
            using (var app = other.Start())
            {
                await other.SettledAsync(app);
                await app.TellAsync("row theirs");
                await app.StopAsync();
            }

            SqliteConnection.ClearAllPools();
            file = other.Database;
        }

        var saved = RestoredContent.Save(folder.Database, folder.Root);
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
            Assert.Equal(0, await app.StopAsync());
        }

        await folder.AssertRestoredAsync(saved);

        // Asked to, it continues with it.
        folder.Environment["Litestream__AdoptReplica"] = "true";
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.TellAsync("row adopted");
            await folder.ArrivesAsync(app, "adopted");
            await app.StopAsync();
        }

        folder.Environment.Remove("Litestream__AdoptReplica");
        using var last = folder.Start();
        await folder.SettledAsync(last);
    }

    [Fact]
    public async Task A_laptop_with_a_database_of_its_own_does_not_write_to_the_replica()
    {
        using var folder = new AppFolder();
        using (var production = folder.Start())
        {
            await folder.SettledAsync(production);
            await production.StopAsync();
        }

        using var laptop = new AppFolder();
        laptop.WriteConfig(folder.FileReplica);
        File.Copy(folder.OtherDatabase(), laptop.Database);
        using var app = laptop.Start();
        await app.SaysAsync("LSB5009");
        await app.StatusAsync("Failed");
        await app.StopAsync();

        Assert.Equal(["first", "last"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_database_whose_state_folder_is_lost_continues_with_its_replica()
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            await before.StopAsync();
        }

        Directory.Delete(Path.Combine(folder.Work, ".orders.db-litestream"), recursive: true);
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await app.TellAsync("row after");
        await folder.ArrivesAsync(app, "after");
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_database_whose_page_size_was_changed_needs_a_new_replica_and_the_old_one_stays()
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            await before.TellAsync("row old");
            await folder.ArrivesAsync(before, "old");
            await before.StopAsync();
        }

        var replica = Directory.EnumerateFiles(folder.Replica, "*", SearchOption.AllDirectories).Order().ToList();
        using (var connection = new SqliteConnection($"Data Source={folder.Database};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText =
                "PRAGMA journal_mode = delete; PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = wal";
            command.ExecuteNonQuery();
        }

        using (var app = folder.Start())
        {
            if (!Repository.IsLine05)
            {
                await folder.SettledAsync(app);
                await folder.AssertRestoredAsync();
                return;
            }

            await app.SaysAsync("has pages of 8192 bytes, and its replica has pages of 4096");
            await app.StatusAsync("Failed");
            await app.StopAsync();
        }

        Assert.Equal(replica, Directory.EnumerateFiles(folder.Replica, "*", SearchOption.AllDirectories).Order());
        Directory.Delete(Path.Combine(folder.Work, ".orders.db-litestream"), recursive: true);
        folder.WriteConfig($"type: file\n        path: {folder.Replica}-new");
        using var next = folder.Start();
        await folder.SettledAsync(next);
        Assert.Equal(0, next.Count("LSB5029"));
        await next.StopAsync();
    }

    [Fact]
    public async Task On_a_full_disk_the_app_gets_the_error_of_SQLite_and_all_commits_arrive_when_there_is_room_again()
    {
        using var folder = new AppFolder();
        using var disk = new SmallDisk(folder.Work, "24m");
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var filler = Path.Combine(folder.Work, "filler");
        SmallDisk.Fill(filler);

        await app.TellAsync("storm");
        await app.SaysAsync("failed 13");
        await app.SaysAsync("stormed ");
        await app.TellAsync("row too much");
        await AppFolder.UntilAsync(
            () => app.Count("failed 13") == 2,
            () => $"the app got the error again\n{app.Output}"
        );
        Assert.Single(folder.Replicators());
        File.Delete(filler);

        await app.TellAsync("row after");
        await folder.ArrivesAsync(app, "after");
        await folder.SettledAsync(app);
        Assert.Equal(0, app.Count("crit:"));
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
        Assert.Equal("last", folder.DatabaseRows()[^1]);
    }

    [Theory]
    [InlineData("cut to nothing", Traits = ["Category", "Long"])]
    [InlineData("overwritten")]
    public async Task What_is_not_a_database_any_more_is_not_sent_and_a_start_without_it_restores_it(string what)
    {
        using var folder = new AppFolder();
        string saved;
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.TellAsync("load 5");
            await app.SaysAsync("loaded 5 MB");
            await folder.SettledAsync(app);
            await folder.InFileAsync(app);
            saved = RestoredContent.Save(folder.Database, folder.Root);

            await SpoilAsync(folder, what);

            await app.SaysAsync(what == "overwritten" ? "LSB5009" : "LSB5012");
            await AppFolder.UntilAsync(() => folder.Replicators().Count == 0, "nothing was sent any more");
            await app.StopAsync();
            await folder.AssertRestoredAsync(saved);
        }

        // Its WAL is left to the app, which may or may not have made something of it.
        File.Delete(folder.Database + "-wal");
        File.Delete(folder.Database + "-shm");
        await SpoilAsync(folder, what);
        using (var app = folder.Start())
        {
            if (what == "cut to nothing")
                await app.SaysAsync("LSB5006");

            // The other one, the app itself cannot open.
            Assert.NotEqual(0, await app.EndedAsync());
            Assert.Empty(folder.Replicators());
        }

        await folder.AssertRestoredAsync(saved);
        foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
            File.Delete(file);

        using var next = folder.Start();
        await folder.SettledAsync(next);
        Assert.Equal(["first", "first"], folder.DatabaseRows());
    }

    private static async Task SpoilAsync(AppFolder folder, string what)
    {
        await using var file = new FileStream(folder.Database, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        var length = file.Length;
        if (what == "overwritten")
        {
            // As by an encryption in place: every byte is another one.
            var bytes = new byte[Math.Max(length, 4096)];
            Random.Shared.NextBytes(bytes);
            await file.WriteAsync(bytes, Cancel);
        }
        else
        {
            file.SetLength(0);
        }
    }
}
