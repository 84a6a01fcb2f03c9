using Litestream.Restore;

namespace Litestream.Hosting.Tests;

/// <summary>An app that gets an executable of another release line, as one PackageReference gives it.</summary>
[Trait("Line", "0.5")] // It runs the executables of both lines, once.
public sealed class ReleaseLineChangeTests
{
    private const string Old = "0.3.13";
    private const string New = "0.5.17";
    private const int Days = 6;

    private static readonly string[] EveryDay = [.. Enumerable.Range(1, Days).Select(day => $"day {day}")];

    [Fact]
    public async Task A_week_of_restore_points_outlives_an_upgrade()
    {
        using var folder = new AppFolder();
        var week = await WeekAsync(folder);

        Use(folder, New);
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await WriteAsync(folder, app, "new");
            Assert.Equal(0, await app.StopAsync());
        }

        Assert.Equal([.. EveryDay, "new"], folder.DatabaseRows().Where(IsOfTest));
        await folder.AssertRestoredAsync();
        await AssertWeekAsync(folder, week);
        var client = LitestreamClient.Create(
            new LitestreamClientOptions { ApplicationDirectory = folder.App, Environment = Variables(folder) }
        );
        var (moment, content) = week[2];
        var output = Path.Combine(folder.Root, "by-client.db");
        var result = await client.RestoreAsync(
            options: new RestoreOptions { Output = output, Timestamp = moment },
            cancellationToken: TestContext.Current.CancellationToken
        );
        Assert.Equal("a backup of release line 0.3", result.Source!.ToString());
        await RestoredContent.AssertSameAsync(content, output);

        // Before the first of all.
        var early = (await CommandRun.OfAsync(
            folder,
            ["restore", "--output", "early.db", "--timestamp", Text(moment.AddDays(-30))]
        )).FailedWith(1, "LSB4002");
        Assert.Contains("of release line 0.3, ", early.Error, StringComparison.Ordinal);

        (await CommandRun.OfAsync(folder, ["verify", "--start-replicator", "--timeout", "2m"])).Succeeded();
        (await CommandRun.OfAsync(folder, ["drill", "--query", "SELECT*FROM/**/orders"])).Succeeded();
        (await CommandRun.OfAsync(folder, ["drill", "--timestamp", Text(moment)])).Succeeded();
        var list = (await CommandRun.OfAsync(folder, ["ltx"])).Succeeded();
        Assert.Contains($"'{Generations(folder)}' holds a backup of", list.Output, StringComparison.Ordinal);
        var doctor = await CommandRun.OfAsync(folder, ["doctor"]);
        Assert.Contains(
            $"'{Generations(folder)}' (",
            doctor.Output,
            StringComparison.Ordinal
        );
        Assert.Contains(".orders.db-litestream/generations' and '", doctor.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("There is no backup", doctor.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_downgrade_is_refused_wherever_it_would_go_back_in_time()
    {
        using var folder = new AppFolder();
        var week = await WeekAsync(folder);
        await RunAsync(folder, New, "new");
        Use(folder, Old);
        var before = Files(folder.Replica);

        // With the database there the app runs, and nothing is sent.
        foreach (var adopt in (bool[])[false, true])
        {
            folder.Environment["Litestream__AdoptReplica"] = adopt ? "true" : null;
            using var app = folder.Start();
            await app.SaysAsync("LSB4011");
            await app.SaysAsync("started ");
            await app.StatusAsync("Failed after", "LSB4011");
            await app.StopAsync();
        }

        folder.Environment.Remove("Litestream__AdoptReplica");
        var replicate = (await CommandRun.OfAsync(folder, ["replicate"])).FailedWith(1, "LSB4011");
        Assert.Contains($"such as '{folder.Replica}-0.3'", replicate.Error, StringComparison.Ordinal);
        (await CommandRun.OfAsync(folder, ["restore", "--output", "old.db"])).FailedWith(1, "LSB4011");
        (await CommandRun.OfAsync(folder, ["restore", "--force"])).FailedWith(1, "LSB4011");
        (await CommandRun.OfAsync(folder, ["restore", "--dry-run", "--output", "old.db"])).FailedWith(1, "LSB4011");
        (await CommandRun.OfAsync(folder, ["drill"])).FailedWith(1, "LSB4011");
        Assert.NotEqual(0, (await CommandRun.OfAsync(folder, ["verify", "--start-replicator"])).ExitCode);
        (await CommandRun.OfAsync(folder, ["doctor"])).FailedWith(1, "LSB3011");
        Assert.False(File.Exists(Path.Combine(folder.Work, "old.db")));
        Assert.Equal(before, Files(folder.Replica));

        // What 0.3 sent is what it was then, and it may say so.
        await AssertWeekAsync(folder, week);

        // Without a database the app does not start empty, and not with an old state.
        folder.DeleteDatabase();
        using (var app = folder.Start("--build-only"))
        {
            Assert.NotEqual(0, await app.EndedAsync());
            Assert.Contains("LSB4011", app.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("built ", app.Output, StringComparison.Ordinal);
        }

        Assert.False(File.Exists(folder.Database));
        Assert.Equal(before, Files(folder.Replica));
    }

    [Fact]
    public async Task What_the_message_says_leads_back_to_the_old_line_and_forward_again()
    {
        using var folder = new AppFolder();
        var config = await WithAbsolutePathAsync(folder);
        await RunAsync(folder, Old, "old");
        await RunAsync(folder, New, "new");
        folder.DeleteDatabase();

        // Restored with the new line, replicated by the old one to a place of its own.
        Use(folder, New);
        (await CommandRun.OfAsync(folder, ["restore"])).Succeeded();
        await File.WriteAllTextAsync(
            folder.Config,
            config.Replace(folder.Replica, folder.Replica + "-0.3", StringComparison.Ordinal),
            TestContext.Current.CancellationToken
        );
        await RunAsync(folder, Old, "back");
        Assert.Equal(["old", "new", "back"], folder.DatabaseRows().Where(IsOfTest));
        await RestoredContent.AssertSameAsync(
            folder.Database,
            await folder.RestoreAsync(folder.Database, Executable(Old))
        );

        // The new line's own place again: what happened meanwhile is in it.
        await File.WriteAllTextAsync(folder.Config, config, TestContext.Current.CancellationToken);
        await RunAsync(folder, New, "forward");
        Assert.Equal(["old", "new", "back", "forward"], folder.DatabaseRows().Where(IsOfTest));
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_lost_database_comes_back_at_the_first_start_of_the_new_line()
    {
        using var folder = new AppFolder();
        await RunAsync(folder, Old, "old");
        var rows = folder.DatabaseRows();
        folder.DeleteDatabase();
        Use(folder, New);

        (await CommandRun.OfAsync(folder, ["replicate"])).FailedWith(1, "LSB5012");
        var dry = (await CommandRun.OfAsync(folder, ["restore", "--dry-run"])).Succeeded();
        Assert.Contains("a backup of release line 0.3", dry.Output, StringComparison.Ordinal);
        using (var app = folder.Start("--build-only"))
        {
            Assert.Equal(0, await app.EndedAsync());
            Assert.Contains($"built {rows.Count}", app.Output, StringComparison.Ordinal);
        }

        Assert.Equal(rows, folder.DatabaseRows());
        await RunAsync(folder, New, "new");
        Assert.Equal(["old", "new"], folder.DatabaseRows().Where(IsOfTest));
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task Another_database_than_the_one_that_the_old_line_sent_is_refused()
    {
        using var folder = new AppFolder();
        await RunAsync(folder, Old, "old");
        folder.DeleteDatabase();
        AppFolder.MakeDatabase(folder.Database);
        Use(folder, New);

        using (var app = folder.Start())
        {
            await app.SaysAsync("LSB5009");
            await app.StopAsync();
        }

        Assert.NotEqual(0, (await CommandRun.OfAsync(folder, ["verify", "--start-replicator"])).ExitCode);
        Assert.False(Directory.Exists(Path.Combine(folder.Replica, "ltx")));
    }

    [Fact]
    public async Task A_database_that_a_bare_litestream_of_the_old_line_sent_is_continued()
    {
        using var folder = new AppFolder();
        await WithAbsolutePathAsync(folder);
        AppFolder.MakeDatabase(folder.Database);
        using (var bare = System.Diagnostics.Process.Start(Executable(Old), ["replicate", "-config", folder.Config]))
        {
            await AppFolder.UntilAsync(
                () =>
                    Directory.Exists(folder.Replica)
                    && Directory.EnumerateFiles(folder.Replica, "*.wal.lz4", SearchOption.AllDirectories).Any(),
                "the bare litestream had sent it"
            );
            await AppFolder.SignalAsync("TERM", bare.Id);
            await bare.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await RunAsync(folder, New, "new");

        Assert.Equal(["other", "new"], folder.DatabaseRows().Where(row => IsOfTest(row) || row == "other"));
        await folder.AssertRestoredAsync();
    }

    /// <summary>A restore to each day gives what the database held then.</summary>
    private static async Task AssertWeekAsync(
        AppFolder folder,
        IReadOnlyList<(DateTimeOffset Moment, string Content)> week
    )
    {
        foreach (var (moment, content) in week)
        {
            var output = Path.Combine(folder.Root, $"restored-{Guid.NewGuid():n}.db");
            (await CommandRun.OfAsync(
                folder,
                ["restore", "--output", output, "--timestamp", Text(moment)]
            )).Succeeded();
            await RestoredContent.AssertSameAsync(content, output);
        }
    }

    /// <summary>
    /// An app on 0.3 with a row a day, whose replica has the times of a week: a moment of each day, with what the
    /// database held then.
    /// </summary>
    private static async Task<IReadOnlyList<(DateTimeOffset Moment, string Content)>> WeekAsync(AppFolder folder)
    {
        await WithAbsolutePathAsync(folder);
        Use(folder, Old);
        var now = DateTimeOffset.UtcNow;
        var week = new List<(DateTimeOffset, string)>();
        var days = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            for (var day = 1; day <= Days; day++)
            {
                await WriteAsync(folder, app, EveryDay[day - 1]);
                var begin = now.AddDays(day - Days - 1);
                week.Add((begin.AddHours(12), RestoredContent.Save(folder.Database, folder.Root)));
                foreach (var file in Files(folder.Replica))
                    days.TryAdd(file, begin);
            }

            Assert.Equal(0, await app.StopAsync());
        }

        foreach (var file in Files(folder.Replica))
            File.SetLastWriteTimeUtc(file, days.GetValueOrDefault(file, now.AddHours(-1)).UtcDateTime);
        return week;
    }

    private static async Task RunAsync(AppFolder folder, string version, string row)
    {
        Use(folder, version);
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await WriteAsync(folder, app, row);
        Assert.Equal(0, await app.StopAsync());
    }

    private static async Task WriteAsync(AppFolder folder, AppProcess app, string row)
    {
        await app.TellAsync($"row {row}");
        await app.SaysAsync($"wrote {row}");
        await folder.ArrivesAsync(app, row);
    }

    /// <summary>For the client, which has no working directory of its own.</summary>
    private static async Task<string> WithAbsolutePathAsync(AppFolder folder)
    {
        folder.WriteConfig(folder.FileReplica, folder.Database);
        return await File.ReadAllTextAsync(folder.Config, TestContext.Current.CancellationToken);
    }

    private static void Use(AppFolder folder, string version) =>
        File.Copy(Executable(version), folder.Executable, overwrite: true);

    private static string Executable(string version)
    {
        var path = Repository.In("runtimes", version, "linux-x64", "litestream");
        Assert.SkipUnless(File.Exists(path), $"litestream {version} is not here: {path}");
        return path;
    }

    private static Dictionary<string, string> Variables(AppFolder folder) =>
        folder.Environment.ToDictionary(one => one.Key, one => one.Value ?? "", StringComparer.Ordinal);

    private static List<string> Files(string path) =>
        [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static string Generations(AppFolder folder) => Path.Combine(folder.Replica, "generations");

    private static bool IsOfTest(string row) =>
        row.StartsWith("day", StringComparison.Ordinal) || row is "old" or "new" or "back" or "forward";

    private static string Text(DateTimeOffset moment) =>
        moment.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
}
