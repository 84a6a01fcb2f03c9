using System.Globalization;

namespace Litestream.Hosting.Tests;

/// <summary>
/// The faults of docs/faults.md that need a large database, or many: the real executable, the defaults, and what a bare
/// restore gives counted.
/// </summary>
public sealed class LargeFaultTests
{
    private const int Megabytes = 1000;
    private const int Databases = 200;

    [Fact(Timeout = 30 * 60_000)]
    [Trait("Category", "Long")]
    public async Task A_stop_amid_a_snapshot_or_restore_of_a_gigabyte_ends_in_time_and_the_next_start_completes_it()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__Enabled"] = "false";
        using (var before = folder.Start())
        {
            await before.SaysAsync("started ");
            await before.TellAsync($"load {Megabytes}");
            await before.SaysAsync("loaded ");
            Assert.Equal(0, await before.StopAsync());
        }

        folder.Environment.Remove("Litestream__Enabled");
        folder.Environment["Litestream__ShutdownTimeout"] = "200ms";
        using (var app = folder.Start())
        {
            await CopyBegunAsync(app, []);
            await AppFolder.SignalAsync("TERM", app.Id);
            await app.EndedAsync();
            Assert.DoesNotContain("snapshot written", app.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("snapshot complete", app.Output, StringComparison.Ordinal);
            Assert.Equal(1, app.Count("LSB5005: "));
            Assert.Empty(folder.Replicators());
        }

        // With the time that it has by default, a stop amid the snapshot waits for it.
        folder.Environment.Remove("Litestream__ShutdownTimeout");
        var left = LocalFiles();
        using (var next = folder.Start())
        {
            await CopyBegunAsync(next, left);
            await AppFolder.SignalAsync("TERM", next.Id);
            Assert.Equal(0, await next.EndedAsync());
            Assert.Equal(0, next.Count("LSB5005"));
            Assert.Empty(folder.Replicators());
        }

        await folder.AssertRestoredAsync();

        // The same for the restore at start.
        var lost = folder.Database + ".lost";
        File.Move(folder.Database, lost);
        folder.DeleteDatabase(keep: lost);
        using (var cut = folder.Start())
        {
            await AppFolder.UntilAsync(() => folder.Replicators().Count == 1, "the restore ran");
            await AppFolder.SignalAsync("TERM", cut.Id);
            Assert.Equal(143, await cut.EndedAsync());
            Assert.Empty(folder.Replicators());
            Assert.False(File.Exists(folder.Database));
        }

        using var last = folder.Start("--build-only");
        Assert.Equal(0, await last.EndedAsync());
        await RestoredContent.AssertSameAsync(lost, folder.Database);

        // 0.5 does not say that it begins; its first file beside the database is the full copy.
        Task CopyBegunAsync(AppProcess app, string[] before) =>
            Repository.IsLine05
                ? AppFolder.UntilAsync(() => LocalFiles().Except(before).Any(), () => $"a copy began\n{app.Output}")
                : app.SaysAsync("write snapshot");
        string[] LocalFiles() =>
            Directory.Exists(folder.LocalContent)
                ? Directory.GetFiles(folder.LocalContent, "*", SearchOption.AllDirectories)
                : [];
    }

    [Fact(Timeout = 30 * 60_000)]
    [Trait("Category", "Long")]
    public async Task Two_hundred_databases_in_one_app_are_all_replicated()
    {
        using var folder = new AppFolder();
        folder.Environment.Remove("ConnectionStrings__Orders");
        var names = Enumerable
            .Range(0, Databases)
            .Select(i => string.Create(CultureInfo.InvariantCulture, $"d{i:000}"))
            .ToList();
        folder.Environment["ConnectionStrings__Orders"] = "Data Source=orders.db";
        names.ForEach(name => folder.Environment["ConnectionStrings__" + name] = $"Data Source={name}.db");
        await File.WriteAllTextAsync(
            folder.Config,
            "dbs:\n"
                + string.Concat(
                    names
                        .Append("orders")
                        .Select(name =>
                            $"  - path: {name}.db\n    replicas:\n      - type: file\n        "
                            + $"path: {folder.Replica}/{name}\n"
                        )
                ),
            TestContext.Current.CancellationToken
        );
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("spread one");
        await app.SaysAsync("spread one");
        await app.StatusAsync(
            "Replicating after",
            string.Join("; ", Enumerable.Repeat("Healthy 0.0 s 0 bytes ", Databases + 1))
        );
        Assert.Single(folder.Replicators());

        await app.TellAsync("spread two");
        await app.SaysAsync("spread two");
        await app.StatusAsync(
            "Replicating after",
            string.Join("; ", Enumerable.Repeat("Healthy 0.0 s 0 bytes ", Databases + 1))
        );
        Assert.Equal(0, app.Count("LSB5004"));
        Assert.Equal(0, await app.StopAsync());
        foreach (var name in names)
        {
            var database = Path.Combine(folder.Work, name + ".db");
            Assert.Equal(["one", "two"], AppFolder.Rows(database));
            await RestoredContent.AssertSameAsync(database, await folder.RestoreAsync(database));
        }
    }
}
