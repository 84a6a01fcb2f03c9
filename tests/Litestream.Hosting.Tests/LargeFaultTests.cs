using System.Diagnostics;
using System.Globalization;
using Litestream.Testing;

namespace Litestream.Hosting.Tests;

/// <summary>
/// The faults of docs/faults.md that need a large database, or many: the real executable, the defaults, and what a bare
/// restore gives counted.
/// </summary>
public sealed class LargeFaultTests
{
    private const int Megabytes = 1000;
    private const int Databases = 200;

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_stop_amid_the_first_snapshot_of_a_gigabyte_ends_in_its_time_and_the_next_start_completes_it_and_so_it_is_with_the_restore()
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
        var watch = Stopwatch.StartNew();
        using (var app = folder.Start())
        {
            await app.SaysAsync("write snapshot");
            Say($"the first snapshot began after {watch.Elapsed.TotalSeconds:0.0} s");
            watch.Restart();
            await AppFolder.SignalAsync("TERM", app.Id);
            await app.EndedAsync();
            Say($"the stop amid it took {watch.Elapsed.TotalSeconds:0.0} s");
            Assert.DoesNotContain("snapshot written", app.Output, StringComparison.Ordinal);
            Assert.Equal(1, app.Count("LSB5005: "));
            Assert.Empty(folder.Replicators());
        }

        // With the time that it has by default, a stop amid the snapshot waits for it.
        folder.Environment.Remove("Litestream__ShutdownTimeout");
        watch.Restart();
        using (var next = folder.Start())
        {
            await next.SaysAsync("write snapshot");
            await AppFolder.SignalAsync("TERM", next.Id);
            Assert.Equal(0, await next.EndedAsync());
            Say($"the next start and its stop amid the snapshot took {watch.Elapsed.TotalSeconds:0.0} s");
            Assert.Equal(0, next.Count("LSB5005"));
            Assert.Empty(folder.Replicators());
        }

        await folder.AssertRestoredAsync();

        // The same for the restore at start.
        var lost = folder.Database + ".lost";
        File.Move(folder.Database, lost);
        folder.DeleteDatabase(keep: lost);
        watch.Restart();
        using (var cut = folder.Start())
        {
            await AppFolder.UntilAsync(() => folder.Replicators().Count == 1, "the restore ran");
            await AppFolder.SignalAsync("TERM", cut.Id);
            Assert.Equal(143, await cut.EndedAsync());
            Assert.Empty(folder.Replicators());
            Assert.False(File.Exists(folder.Database));
            Say($"the stop amid the restore took, with the start, {watch.Elapsed.TotalSeconds:0.0} s");
        }

        watch.Restart();
        using var last = folder.Start("--build-only");
        Assert.Equal(0, await last.EndedAsync());
        Say($"the restore at start took {watch.Elapsed.TotalSeconds:0.0} s");
        await RestoredContent.AssertSameAsync(lost, folder.Database);
    }

    [Fact]
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
        var watch = Stopwatch.StartNew();
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("spread one");
        await app.SaysAsync("spread one");
        await app.StatusAsync(
            "Replicating after",
            string.Join("; ", Enumerable.Repeat("Healthy 0.0 s 0 bytes ", Databases + 1))
        );
        Say($"all {Databases} in their replicas after {watch.Elapsed.TotalSeconds:0.0} s");
        var replicator = Assert.Single(folder.Replicators());

        var (appBefore, replicatorBefore) = (Usage(app.Id), Usage(replicator));
        watch.Restart();
        await AppFolder.UntilAsync(() => watch.Elapsed > TimeSpan.FromSeconds(30), "30 s had passed");
        Report("the app", appBefore, Usage(app.Id), watch.Elapsed);
        Report("litestream", replicatorBefore, Usage(replicator), watch.Elapsed);

        await app.TellAsync("spread two");
        await app.SaysAsync("spread two");
        await app.StatusAsync(
            "Replicating after",
            string.Join("; ", Enumerable.Repeat("Healthy 0.0 s 0 bytes ", Databases + 1))
        );
        Assert.Equal(0, app.Count("LSB5004"));
        watch.Restart();
        Assert.Equal(0, await app.StopAsync());
        Say($"the stop took {watch.Elapsed.TotalSeconds:0.0} s");
        foreach (var name in names)
        {
            var database = Path.Combine(folder.Work, name + ".db");
            Assert.Equal(["one", "two"], AppFolder.Rows(database));
            await RestoredContent.AssertSameAsync(database, await folder.RestoreAsync(database));
        }
    }

    private static void Say(FormattableString text) =>
        TestContext.Current.TestOutputHelper?.WriteLine(FormattableString.Invariant(text));

    /// <summary>Ticks of the processor (a hundredth of a second) and memory in pages of 4 KB.</summary>
    private static (long Ticks, long Pages) Usage(int processId)
    {
        var fields = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"))
            .Split(") ")[^1]
            .Split(' ');
        return (
            long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture),
            long.Parse(fields[21], CultureInfo.InvariantCulture)
        );
    }

    private static void Report(
        string what,
        (long Ticks, long Pages) before,
        (long Ticks, long Pages) after,
        TimeSpan time
    ) =>
        Say($"{what}, idle: {(after.Ticks - before.Ticks) / time.TotalSeconds:0.0} % CPU, {after.Pages * 4 / 1024} MB");
}
