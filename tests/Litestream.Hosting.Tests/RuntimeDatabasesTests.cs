using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Releases;
using Litestream.Replication;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>Databases that the app adds and removes while it runs.</summary>
public sealed class RuntimeDatabasesTests
{
    [Theory]
    [InlineData("tenant.db")]
    [InlineData("tenants/über uns $HOME & co 'é'.db")]
    public async Task A_database_that_is_added_is_replicated_with_all_that_it_held_before(string name)
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var path = Path.Combine(folder.Work, name);
        await app.TellAsync($"add {name}");
        await app.SaysAsync($"added {name}");
        await WriteAsync(app, name, "first");
        await ArrivedAsync(folder, app, path);
        await WriteAsync(app, name, "second");
        await ArrivedAsync(folder, app, path);

        await AssertRestoredAsync(folder, path);
        Assert.Equal(0, await app.StopAsync());
        await AssertRestoredAsync(folder, path);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_database_that_the_app_has_open_when_it_is_added_is_replicated_without_a_warning()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var path = Path.Combine(folder.Work, "open.db");
        using var open = new SqliteConnection($"Data Source={path};Pooling=False");
        await open.OpenAsync(TestContext.Current.CancellationToken);
        Execute(open, "PRAGMA journal_mode = wal; CREATE TABLE orders(text TEXT NOT NULL)");
        Execute(open, "INSERT INTO orders VALUES ('before')");
        Assert.True(new FileInfo(path + "-wal").Length > 0);
        await app.TellAsync("add open.db");
        await app.SaysAsync("added open.db");
        await WriteAsync(app, "open.db", "after");
        await ArrivedAsync(folder, app, path);
        Assert.Equal(0, app.Count("LSB5025"));
        Assert.Equal(0, await app.StopAsync());
        await AssertRestoredAsync(folder, path);
    }

    [Fact]
    public async Task A_database_that_is_missing_is_restored_before_it_can_be_opened()
    {
        using var folder = new AppFolder();
        var path = Path.Combine(folder.Work, "tenant.db");
        using (var app = await StartAsync(folder))
        {
            await AddWithRowAsync(app, folder, "tenant.db", "before");
            Assert.Equal(0, await app.StopAsync());
        }

        Delete(path);
        using var next = await StartAsync(folder);
        await next.TellAsync("add tenant.db");
        await next.SaysAsync("added tenant.db");
        Assert.Equal(["before"], AppFolder.Rows(path));
        await WriteAsync(next, "tenant.db", "after");
        await ArrivedAsync(folder, next, path);
        await AssertRestoredAsync(folder, path);
        Assert.Equal(0, await next.StopAsync());
    }

    [Fact]
    public async Task What_is_removed_has_arrived_stays_on_the_disk_and_can_be_added_again()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var path = await AddWithRowAsync(app, folder, "tenant.db", "one");
        await WriteAsync(app, "tenant.db", "two");
        await app.TellAsync("remove tenant.db");
        await app.SaysAsync("removed tenant.db");
        await AssertRestoredAsync(folder, path);
        Assert.Equal(["one", "two"], AppFolder.Rows(path));
        await app.StatusAsync(status => !status.Contains(';'), "one database");

        // Updates and checkpoints that litestream does not see.
        await WriteAsync(app, "tenant.db", "three");
        for (var i = 0; i < 50; i++)
            Execute(path, "UPDATE orders SET text = text || randomblob(500); PRAGMA wal_checkpoint(RESTART)");

        await WriteAsync(app, "tenant.db", "four");
        await app.TellAsync("add tenant.db");
        await AppFolder.UntilAsync(() => app.Count("added tenant.db") == 2, () => $"it was added again\n{app.Output}");
        await ArrivedAsync(folder, app, path);
        await AssertRestoredAsync(folder, path);
        Assert.Equal(0, await app.StopAsync());
        await AssertRestoredAsync(folder, path);
    }

    [Fact]
    public async Task What_is_added_again_while_it_is_being_removed_is_replicated_afterwards()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var path = await AddWithRowAsync(app, folder, "tenant.db", "one");
        await app.TellAsync("remove tenant.db");

        // The app reads one command after the other: the first one has begun.
        await DatabasesAsync(app);
        await app.TellAsync("add tenant.db");
        await app.SaysAsync("removed tenant.db");
        await AppFolder.UntilAsync(() => app.Count("added tenant.db") == 2, () => $"it was added again\n{app.Output}");
        await WriteAsync(app, "tenant.db", "two");
        await ArrivedAsync(folder, app, path);
        Assert.Equal(0, await app.StopAsync());
        await AssertRestoredAsync(folder, path);
    }

    [Fact]
    public async Task Of_a_link_the_file_is_replicated_and_both_names_are_one_database()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var path = Path.Combine(folder.Work, "data", "real.db");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AppFolder.MakeDatabase(path);
        File.CreateSymbolicLink(Path.Combine(folder.Work, "link.db"), "data/real.db");
        await app.TellAsync("add link.db");
        await app.SaysAsync("added link.db");
        await WriteAsync(app, "link.db", "through the link");
        await ArrivedAsync(folder, app, path);
        await app.TellAsync("add data/real.db");
        await app.SaysAsync("added data/real.db");
        await app.StatusAsync(status => status.Split(';').Length == 2, "two databases");
        await app.TellAsync("remove link.db");
        await app.SaysAsync("removed link.db");
        await app.StatusAsync(status => !status.Contains(';'), "one database");
        Assert.Equal(0, await app.StopAsync());
        await AssertRestoredAsync(folder, path);
    }

    [Fact]
    public async Task Adding_and_removing_twice_changes_nothing()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        await AddWithRowAsync(app, folder, "tenant.db", "one");
        await app.TellAsync("add ./tenant.db");
        await app.SaysAsync("added ./tenant.db");
        await app.TellAsync("remove other.db");
        await app.SaysAsync("removed other.db");
        await app.StatusAsync(status => status.Split(';').Length == 2, "two databases");
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    public async Task Several_that_are_added_at_once_cost_one_restart_and_the_others_no_full_copy()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var names = Enumerable.Range(0, 8).Select(i => $"tenant{i}.db").ToList();
        names.ForEach(name => AppFolder.MakeDatabase(Path.Combine(folder.Work, name)));
        var starts = app.Count("Started ");
        var copies = folder.FullCopies();
        var watch = Stopwatch.StartNew();
        foreach (var name in names)
            await app.TellAsync($"add {name}");

        foreach (var name in names)
            await app.SaysAsync($"added {name}\n");

        // One for those that came first and one for the others, unless the machine took longer than the pause between.
        var line = ReleaseLine.Of(Repository.Version);
        var later = (int)(watch.Elapsed / line.GatherPause);
        foreach (var name in names)
            await ArrivedAsync(folder, app, Path.Combine(folder.Work, name));

        // What is added to 0.5 changes how long it keeps backups here, and that needs a restart.
        Assert.InRange(app.Count("Started ") - starts, 1, line.Control is null ? 2 + later : 1);
        Assert.Single(copies);
        Assert.Empty(folder.FullCopies().Except(copies));
        foreach (var name in names)
            await AssertRestoredAsync(folder, Path.Combine(folder.Work, name));

        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task What_is_added_and_removed_changes_nothing_for_the_litestream_that_runs()
    {
        using var folder = new AppFolder();
        KeepAsAddedOnes(folder);
        using var app = await StartAsync(folder);
        var copies = folder.FullCopies();
        var replicator = Assert.Single(folder.Replicating());
        string PathOf(string name) => Path.Combine(folder.Work, name);
        string[] names = ["new.db", "old.db", "again.db"];
        AppFolder.MakeDatabase(PathOf("old.db"));
        await AddWithRowAsync(app, folder, "new.db", "new");
        await app.TellAsync("add old.db");
        await app.SaysAsync("added old.db");
        await WriteAsync(app, "old.db", "old");
        await ArrivedAsync(folder, app, PathOf("old.db"));
        await AddWithRowAsync(app, folder, "again.db", "one");

        // While it is not replicated, nobody keeps its WAL.
        await app.TellAsync("remove again.db");
        await app.SaysAsync("removed again.db");
        var locks = ReplicationMark.Look([PathOf("again.db")])![PathOf("again.db")];
        Assert.DoesNotContain(replicator, locks.Processes);
        const string Unseen = "UPDATE orders SET text = text || randomblob(500); PRAGMA wal_checkpoint(RESTART)";
        for (var i = 0; i < 50; i++)
            Execute(PathOf("again.db"), Unseen);

        await app.TellAsync("add again.db");
        await AppFolder.UntilAsync(() => app.Count("added again.db") == 2, () => $"it was added again\n{app.Output}");
        await WriteAsync(app, "again.db", "two");
        await ArrivedAsync(folder, app, PathOf("again.db"));
        foreach (var name in names)
            await AssertRestoredAsync(folder, PathOf(name));

        Assert.Equal(replicator, Assert.Single(folder.Replicating()));
        Assert.Equal(1, app.Count("Started "));
        Assert.Empty(folder.FullCopies().Except(copies));

        // The next one has them, too.
        await AppFolder.SignalAsync("KILL", replicator);
        foreach (var name in names)
        {
            await WriteAsync(app, name, "after the kill");
            await ArrivedAsync(folder, app, PathOf(name));
            await AssertRestoredAsync(folder, PathOf(name));
        }

        await WriteAsync(app, "new.db", "last");
        Assert.Equal(0, await app.StopAsync());
        foreach (var name in names)
            await AssertRestoredAsync(folder, PathOf(name));

        await folder.AssertRestoredAsync();
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task Where_another_litestream_has_taken_the_socket_a_restart_adds_the_database()
    {
        using var folder = new AppFolder();
        KeepAsAddedOnes(folder);
        using var app = await StartAsync(folder);
        var socket = Path.Combine(Assert.Single(folder.RunDirectories), "socket");
        var other = Path.Combine(folder.Root, "other.yml");
        await File.WriteAllTextAsync(
            other,
            $"socket: {{enabled: true, path: '{socket}'}}\n",
            TestContext.Current.CancellationToken
        );
        using var thief = Process.Start(
            new ProcessStartInfo(Repository.Executable, ["replicate", "-config", other])
            {
                RedirectStandardOutput = true,
            }
        )!;
        try
        {
            while (
                await thief.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line
                && !line.Contains("control socket listening", StringComparison.Ordinal)
            ) { }

            await AddWithRowAsync(app, folder, "tenant.db", "one");
            Assert.Equal(2, app.Count("Started "));
        }
        finally
        {
            thief.Kill();
            await thief.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, await app.StopAsync());
        await AssertRestoredAsync(folder, Path.Combine(folder.Work, "tenant.db"));
    }

    [Fact]
    public async Task One_that_is_added_while_litestream_is_down_is_replicated_with_the_next()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        await AppFolder.SignalAsync("KILL", Assert.Single(folder.Replicators()));
        var path = await AddWithRowAsync(app, folder, "tenant.db", "one");
        await AssertRestoredAsync(folder, path);
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task After_a_kill_of_the_app_one_that_is_added_again_gets_a_full_copy()
    {
        using var folder = new AppFolder();
        var path = Path.Combine(folder.Work, "tenant.db");
        using (var app = await StartAsync(folder))
        {
            await AddWithRowAsync(app, folder, "tenant.db", "one");
            await app.TellAsync("add late.db");
            await app.SaysAsync("added late.db");
            await WriteAsync(app, "late.db", "late");
            await AppFolder.SignalAsync("KILL", app.Id);
            await app.EndedAsync();
        }

        using var next = await StartAsync(folder);
        foreach (var name in new[] { "tenant.db", "late.db" })
        {
            await next.TellAsync($"add {name}");
            await next.SaysAsync($"added {name}");
            await WriteAsync(next, name, "next");
        }

        await next.SaysAsync($"The full copy of '{path}' has arrived");
        await ArrivedAsync(folder, next, path);
        await ArrivedAsync(folder, next, Path.Combine(folder.Work, "late.db"));
        Assert.Equal(0, await next.StopAsync());
        await AssertRestoredAsync(folder, path);
        await AssertRestoredAsync(folder, Path.Combine(folder.Work, "late.db"));
    }

    [Fact]
    public async Task What_is_added_just_before_the_stop_is_sent()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        await AddWithRowAsync(app, folder, "first.db", "one");
        await app.TellAsync("add tenant.db");
        await app.SaysAsync("added tenant.db");
        await WriteAsync(app, "tenant.db", "one");
        Assert.Equal(0, await app.StopAsync());
        await AssertRestoredAsync(folder, Path.Combine(folder.Work, "tenant.db"));
    }

    [Fact]
    public async Task What_cannot_be_added_is_refused_with_a_code()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        await AddWithRowAsync(app, folder, "tenant.db", "one");
        foreach (
            var (what, code) in new[]
            {
                ("what?.db", "LSB1015"),
                ("sub/", "LSB1015"),
                (":memory:", "LSB1015"),
                ("Data Source=four.db", "LSB1015"),
                ("file:four.db", "LSB1015"),
                ($"two.db => {folder.Root}/all", "added"),
                ($"../{Path.GetFileName(folder.Work)}/two.db => {folder.Root}/elsewhere", "LSB1012"),
                ($"../two.db => {folder.Root}/all", "LSB1011"),
                ("three.db => s3://user:hunter2@bucket/x", "LSB1014"),
            }
        )
        {
            await app.TellAsync($"add {what}");
            await app.SaysAsync(code == "added" ? $"added {what}" : $"not added {what}: {code}");
        }

        Assert.DoesNotContain("hunter2", app.Output.Split(": LSB1014:")[^1], StringComparison.Ordinal);
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    public async Task Another_database_than_the_one_in_the_replica_is_refused_and_seen_in_the_health()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var path = await AddWithRowAsync(app, folder, "tenant.db", "one");
        await app.TellAsync("remove tenant.db");
        await app.SaysAsync("removed tenant.db");
        var saved = RestoredContent.Save(path, folder.Root);
        Delete(path);
        AppFolder.MakeDatabase(path);
        await app.TellAsync("add tenant.db");
        await app.SaysAsync("not added tenant.db: LSB5009");
        await app.StatusAsync("Unhealthy", "LSB5009");
        await AssertRestoredAsync(folder, path, saved);

        // The same database as before is picked up again.
        await app.TellAsync("remove tenant.db");
        await AppFolder.UntilAsync(() => app.Count("removed tenant.db") == 2, () => $"it was removed\n{app.Output}");
        Delete(path);
        await app.TellAsync("add tenant.db");
        await AppFolder.UntilAsync(
            () => app.Count("\nadded tenant.db") == 2,
            () => $"it was added again\n{app.Output}"
        );
        await WriteAsync(app, "tenant.db", "two");
        await ArrivedAsync(folder, app, path);
        await AssertRestoredAsync(folder, path);
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    public async Task An_app_without_a_database_can_add_its_first_one()
    {
        using var folder = new AppFolder();
        BePatient(folder);
        File.Delete(folder.Config);
        folder.Environment.Remove("ConnectionStrings__Orders");
        using var app = folder.Start();
        await app.SaysAsync("started ");
        var path = await AddWithRowAsync(app, folder, "tenant.db", "one");
        await AssertRestoredAsync(folder, path);
        await app.TellAsync("remove tenant.db");
        await app.SaysAsync("removed tenant.db");
        await app.StatusAsync("status Disabled");
        await app.StopAsync();
    }

    [Fact]
    public async Task Where_replication_is_off_nothing_is_added_and_nothing_fails()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__Enabled"] = "false";
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("add tenant.db");
        await app.SaysAsync("added tenant.db");
        await app.StatusAsync("status Disabled");
        await app.StopAsync();
        Assert.False(File.Exists(Path.Combine(folder.Work, "tenant.db")));
    }

    [Fact]
    public async Task A_file_that_is_deleted_and_comes_back_is_replicated_again()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var path = await AddWithRowAsync(app, folder, "tenant.db", "one");
        await app.StatusAsync(status => !status.Contains("LSB", StringComparison.Ordinal), "no problem");
        var saved = RestoredContent.Save(path, folder.Root);
        foreach (var ending in new[] { "", "-wal", "-shm" })
            File.Delete(path + ending);

        await app.StatusAsync("LSB5012");
        File.Move(saved, path);
        await WriteAsync(app, "tenant.db", "two");
        await ArrivedAsync(folder, app, path);
        await AssertRestoredAsync(folder, path);
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    public async Task A_pattern_finds_what_appears_while_the_app_runs_and_restores_what_is_missing_at_the_next_start()
    {
        using var folder = new AppFolder();
        BePatient(folder);
        File.Delete(folder.Config);
        folder.Environment.Remove("ConnectionStrings__Orders");
        await File.WriteAllTextAsync(
            Path.Combine(folder.Work, "appsettings.json"),
            $$"""
            {
              "Litestream": {
                "DatabasePatterns": [ "tenants/*.db", "sites/*/shop.db" ],
                "ReplicaUrl": "{{folder.Root}}/replicas"
              }
            }
            """,
            TestContext.Current.CancellationToken
        );
        string[] names = ["tenants/a.db", "tenants/with space $X.db", "sites/blue/shop.db"];
        string ReplicaOf(string name) => Path.Combine(folder.Root, "replicas", name);
        string PathOf(string name) => Path.Combine(folder.Work, name);
        using (var app = folder.Start())
        {
            await app.SaysAsync("started ");
            await WriteAsync(app, "tenants/notes.txt", "not a database of the pattern");
            foreach (var name in names)
            {
                await WriteAsync(app, name, $"first of {name}");
                await ArrivedAsync(folder, app, PathOf(name), ReplicaOf(name));
            }

            // What was removed stays so, and what cannot be replicated is named.
            await app.TellAsync("remove tenants/a.db");
            await app.SaysAsync("removed tenants/a.db");
            await WriteAsync(app, "tenants/why?.db", "cannot be replicated");
            await app.SaysAsync("LSB1015");
            await WriteAsync(app, "tenants/last.db", "last");
            await ArrivedAsync(folder, app, PathOf("tenants/last.db"), ReplicaOf("tenants/last.db"));
            await app.StatusAsync(status => status.Split(';').Length == 3, "three databases");
            Assert.Equal(0, await app.StopAsync());
        }

        Assert.False(Directory.Exists(ReplicaOf("tenants/notes.txt")));
        File.Delete(PathOf("tenants/why?.db"));
        Delete(PathOf("tenants/a.db"));
        Directory.Delete(PathOf("sites"), recursive: true);
        using var next = folder.Start();
        await next.SaysAsync("started ");
        foreach (var name in names)
        {
            Assert.Equal([$"first of {name}"], AppFolder.Rows(PathOf(name)));
            await WriteAsync(next, name, "after");
            await ArrivedAsync(folder, next, PathOf(name), ReplicaOf(name));
            await AssertRestoredAsync(folder, PathOf(name), replica: ReplicaOf(name));
        }

        Assert.Equal(0, await next.StopAsync());
    }

    [Theory]
    [InlineData("tenants/app.db")]
    [InlineData("tenants/**/app.db")]
    public async Task A_pattern_that_cannot_be_used_ends_the_start(string pattern)
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__DatabasePatterns"] = pattern;
        using var app = folder.Start();
        await app.SaysAsync("LSB1061");
        Assert.Equal(1, await app.EndedAsync());
    }

    [Fact(Timeout = 20 * 60_000)]
    [Trait("Category", "Long")]
    public async Task Two_hundred_that_are_added_at_once_are_all_replicated()
    {
        using var folder = new AppFolder();
        using var app = await StartAsync(folder);
        var names = Enumerable.Range(0, 200).Select(i => $"tenants/{i}.db").ToList();
        Directory.CreateDirectory(Path.Combine(folder.Work, "tenants"));
        names.ForEach(name => AppFolder.MakeDatabase(Path.Combine(folder.Work, name)));
        var starts = app.Count("Started ");
        var watch = Stopwatch.StartNew();
        foreach (var name in names)
            await app.TellAsync($"add {name}");

        foreach (var name in names)
            await app.SaysAsync($"added {name}\n", TimeSpan.FromMinutes(5));

        var added = watch.Elapsed;
        while ((await DatabasesAsync(app)).Split("Healthy arrived").Length != 202)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(10), $"They did not arrive:\n{app.Output}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        TestContext.Current.TestOutputHelper!.WriteLine(
            $"added after {added}, replicated after {watch.Elapsed}, {app.Count("Started ") - starts} starts"
        );
        Assert.Equal(0, await app.StopAsync());
        foreach (var name in names)
            await AssertRestoredAsync(folder, Path.Combine(folder.Work, name));
    }

    /// <summary>On a busy machine litestream is not started again for that, and nothing stays unsent.</summary>
    private static void BePatient(AppFolder folder)
    {
        folder.Environment["Litestream__StallTimeout"] = "2m";
        folder.Environment["Litestream__ShutdownTimeout"] = "2m";
    }

    /// <summary>Backups are kept as long as those of databases that are added: else 0.5 is started again for the first
    /// of them.</summary>
    private static void KeepAsAddedOnes(AppFolder folder) =>
        File.AppendAllText(folder.Config, $"\nsnapshot:\n  retention: {GeneratedConfig.FolderRetention}\n");

    private static async Task<AppProcess> StartAsync(AppFolder folder)
    {
        BePatient(folder);
        var app = folder.Start();
        await app.SaysAsync("started ");
        await folder.SettledAsync(app);
        return app;
    }

    private static async Task<string> AddWithRowAsync(AppProcess app, AppFolder folder, string name, string text)
    {
        var path = Path.Combine(folder.Work, name);
        await app.TellAsync($"add {name}");
        await app.SaysAsync($"added {name}");
        await WriteAsync(app, name, text);
        await ArrivedAsync(folder, app, path);
        return path;
    }

    private static async Task WriteAsync(AppProcess app, string name, string text)
    {
        await app.TellAsync($"into {name} <= {text}");
        await app.SaysAsync($"wrote {name} <= {text}");
    }

    /// <summary>Waits until all of a database is in its replica, and the status says so.</summary>
    private static async Task ArrivedAsync(
        AppFolder folder,
        AppProcess app,
        string path,
        string? replica = null
    )
    {
        await app.SaysAsync("started ");
        for (var watch = Stopwatch.StartNew(); ; await Task.Delay(100, TestContext.Current.CancellationToken))
        {
            var last = await DatabasesAsync(app);
            if (
                last.Contains($"{path} Healthy arrived", StringComparison.Ordinal)
                && await RestoreAsync(folder, path, replica) is (var restored, _)
                && restored is not null
                && AppFolder.Rows(restored).SequenceEqual(AppFolder.Rows(path))
            )
            {
                return;
            }

            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(5), $"{path} did not arrive: {last}\n{app.Output}");
        }
    }

    /// <summary>What the status says of each database.</summary>
    private static async Task<string> DatabasesAsync(AppProcess app)
    {
        var count = app.Count("\ndatabases ");
        await app.TellAsync("databases");
        await AppFolder.UntilAsync(() => app.Count("\ndatabases ") > count, () => $"it told\n{app.Output}");
        var output = app.Output;
        return output[output.LastIndexOf("\ndatabases ", StringComparison.Ordinal)..].Split('\n')[1];
    }

    private static async Task AssertRestoredAsync(
        AppFolder folder,
        string path,
        string? expected = null,
        string? replica = null
    )
    {
        var (restored, error) = await RestoreAsync(folder, path, replica);
        Assert.True(restored is not null, error);
        await RestoredContent.AssertSameAsync(expected ?? path, restored);
    }

    private static async Task<(string? Path, string Error)> RestoreAsync(
        AppFolder folder,
        string path,
        string? replica = null
    )
    {
        replica ??= ReplicaPath.DefaultPath(path);
        var config = Path.Combine(folder.Root, $"{Guid.NewGuid():N}.yml");
        static string Quoted(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
        await File.WriteAllTextAsync(
            config,
            $"dbs:\n  - path: {Quoted(path)}\n    replicas:\n      - type: file\n        path: {Quoted(replica)}\n",
            TestContext.Current.CancellationToken
        );
        var output = Path.Combine(folder.Root, $"restored-{Guid.NewGuid():N}.db");
        using var process = Process.Start(
            new ProcessStartInfo(
                Repository.Executable,
                ["restore", "-no-expand-env", "-config", config, "-o", output, path]
            )
            {
                RedirectStandardError = true,
            }
        )!;
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode == 0 ? output : null, error);
    }

    private static void Execute(string path, string sql)
    {
        using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString
        );
        connection.Open();
        Execute(connection, sql);
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>The database with all that is beside it, as a lost disk takes it. Its replica stays.</summary>
    private static void Delete(string path)
    {
        foreach (var file in new[] { "", "-wal", "-shm" })
            File.Delete(path + file);

        var state = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}-litestream");
        if (Directory.Exists(state))
            Directory.Delete(state, recursive: true);
    }
}
