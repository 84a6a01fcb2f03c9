using Litestream.Releases.V05;

namespace Litestream.Hosting.Tests;

/// <summary>
/// The faults of docs/faults.md that happen to the replica: the real executable, the defaults, and what a bare
/// restore gives compared with the database.
/// </summary>
public sealed class ReplicaFaultTests
{
    private static readonly TimeSpan LongerThanTheStallTimeout = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_replica_that_is_deleted_gets_a_new_snapshot()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);

        Directory.Move(folder.Replica, folder.Replica + ".away");

        await folder.ArrivesAsync(app, "first");
        await folder.SettledAsync(app);
        await app.TellAsync("row after");
        await folder.ArrivesAsync(app, "after");
        await folder.AssertRestoredAsync();
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_file_that_is_missing_in_the_middle_of_a_replica_is_named_and_litestream_is_not_started_again()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);

        // So that what is lost is not merged with the first of all.
        await folder.MergedAsync();
        var litestream = Assert.Single(folder.Replicating());
        await app.TellAsync("row lost");
        await folder.ArrivesAsync(app, "lost");
        var lost = TxIdRange.Of(Path.GetFileName(ReplicaFiles.Changes(folder.Replica)[^1]))!.Value;
        await app.TellAsync("row waiting");
        await app.SaysAsync("wrote waiting");

        await app.StatusAsync(
            status =>
            {
                // Litestream may just have merged it.
                foreach (var file in ReplicaFiles.All(folder.Replica))
                {
                    if (TxIdRange.Of(Path.GetFileName(file)) is { Min: > 1 } range && Covers(range))
                        File.Delete(file);
                }

                return status.Contains("Unhealthy", StringComparison.Ordinal)
                    && status.Contains("LSB5007: files are missing in replica", StringComparison.Ordinal)
                    && AppProcess.Lag(status) > LongerThanTheStallTimeout;
            },
            "Unhealthy for long, as files are missing"
        );
        Assert.Equal(litestream, Assert.Single(folder.Replicating()));
        Assert.Equal(0, app.Count("LSB5004"));

        bool Covers(TxIdRange range) => range.Min <= lost.Max && range.Max >= lost.Min;
    }

    [Fact]
    public async Task A_replica_on_a_full_disk_continues_when_there_is_room_again()
    {
        using var folder = new AppFolder();
        using var disk = new SmallDisk(folder.Replica, "4m");
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var filler = Path.Combine(folder.Replica, "filler");
        SmallDisk.Fill(filler);

        await app.TellAsync("rows 200");
        await app.SaysAsync("wrote 200 rows");
        await app.StatusAsync("Stalled");
        await app.StatusAsync("the disk of the replica");
        File.Delete(filler);

        await folder.ArrivesAsync(app, "row 199");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_replica_that_has_become_read_only_is_noticed_and_continues_when_it_can_be_written_again()
    {
        using var folder = new AppFolder();
        using var disk = new SmallDisk(folder.Replica, "16m");
        using var app = folder.Start();
        await folder.SettledAsync(app);

        await disk.RemountAsync("ro");
        await app.TellAsync("row waiting");
        await app.StatusAsync("Stalled", "LSB5007", "is read-only");
        await app.StatusAsync("Unhealthy");
        Assert.DoesNotContain("waiting", (await folder.RestoredRowsAsync())!);
        await disk.RemountAsync("rw");

        await folder.ArrivesAsync(app, "waiting");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_file_in_the_place_of_the_replica_is_noticed_and_it_continues_when_the_replica_is_back()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);

        await WhileFrozenAsync(
            folder,
            () =>
            {
                Directory.Move(folder.Replica, folder.Replica + ".away");
                File.WriteAllText(folder.Replica, "in the way");
            }
        );
        await app.TellAsync("row waiting");
        await app.StatusAsync(
            "Stalled",
            "LSB5007",
            $"the folder of the replica of '{folder.Database}' is a file: '{folder.Replica}'"
        );
        await app.StatusAsync("Unhealthy");
        await WhileFrozenAsync(
            folder,
            () =>
            {
                File.Delete(folder.Replica);
                Directory.Move(folder.Replica + ".away", folder.Replica);
            }
        );

        await folder.ArrivesAsync(app, "waiting");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false, Traits = ["Category", "Long"])]
    public async Task Another_databases_replica_in_the_place_of_this_one_is_not_written_to(bool whileItRuns)
    {
        using var other = new AppFolder();
        using (var app = other.Start())
        {
            await other.SettledAsync(app);
            await app.TellAsync("row theirs");
            await app.StopAsync();
        }

        var theirs = RestoredContent.Save(other.Database);
        using var folder = new AppFolder();
        if (whileItRuns)
        {
            using var app = folder.Start();
            await folder.SettledAsync(app);

            // So that litestream has nothing on its way, and 0.5 nothing to merge.
            await app.TellAsync("row own");
            await folder.ArrivesAsync(app, "own");
            await folder.SettledAsync(app);
            await folder.MergedAsync();
            await WhileFrozenAsync(folder, Exchange);
            await app.SaysAsync("LSB5009");
            await app.StatusAsync("Failed");
            Assert.Empty(folder.Replicators());
            await app.TellAsync("row unsent");
            Assert.Equal(0, await app.StopAsync());
        }
        else
        {
            using (var before = folder.Start())
            {
                await folder.SettledAsync(before);
                await before.StopAsync();
            }

            Exchange();
            using var app = folder.Start();
            await app.SaysAsync("LSB5009");
            await app.StatusAsync("Failed");
            Assert.Equal(0, await app.StopAsync());
        }

        await folder.AssertRestoredAsync(theirs);

        // With its own one it continues.
        Directory.Delete(folder.Replica, recursive: true);
        Directory.Move(folder.Replica + ".away", folder.Replica);
        using var next = folder.Start();
        await folder.SettledAsync(next);
        await next.StopAsync();
        await folder.AssertRestoredAsync();

        void Exchange()
        {
            Directory.Move(folder.Replica, folder.Replica + ".away");
            Directory.Move(other.Replica, folder.Replica);
        }
    }

    /// <summary>Litestream merges from the files beside the database: in the moments before it is ended it may write
    /// some of them into a replica that is not its own.</summary>
    [Theory]
    [Trait("Line", "0.5")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Another_databases_replica_with_something_merged_from_here_is_not_written_to(bool whileItRuns)
    {
        using var other = new AppFolder();
        using (var app = other.Start())
        {
            await other.SettledAsync(app);
            await app.TellAsync("row theirs");
            await other.ArrivesAsync(app, "theirs");
            await app.StopAsync();
        }

        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            await before.TellAsync("row own");
            await folder.ArrivesAsync(before, "own");
            await folder.SettledAsync(before);
            await folder.MergedAsync();
            if (!whileItRuns)
                Assert.Equal(0, await before.StopAsync());
            foreach (var merged in Directory.EnumerateFiles(Path.Combine(folder.ReplicaContent, "1")))
            {
                var theirs = Directory.CreateDirectory(Path.Combine(other.ReplicaContent, "1")).FullName;
                File.Copy(merged, Path.Combine(theirs, Path.GetFileName(merged)), overwrite: true);
            }

            await WhileFrozenAsync(
                folder,
                () =>
                {
                    Directory.Move(folder.Replica, folder.Replica + ".away");
                    Directory.Move(other.Replica, folder.Replica);
                }
            );
            using var app = whileItRuns ? null : folder.Start();
            await (app ?? before).SaysAsync("LSB5009");
            await (app ?? before).StatusAsync("Failed");
            Assert.Empty(folder.Replicators());
            Assert.Equal(0, await (app ?? before).StopAsync());
        }

        // With its own one it continues.
        Directory.Delete(folder.Replica, recursive: true);
        Directory.Move(folder.Replica + ".away", folder.Replica);
        using var next = folder.Start();
        await folder.SettledAsync(next);
        await next.StopAsync();
        await folder.AssertRestoredAsync();
    }

    /// <summary>Does something to the place of the replica while litestream, if it runs, waits: it would make the
    /// folder anew at any moment.</summary>
    private static async Task WhileFrozenAsync(AppFolder folder, Action action)
    {
        var running = folder.Replicating();
        foreach (var litestream in running)
            await AppFolder.SignalAsync("STOP", litestream, mayHaveEnded: true);
        action();
        foreach (var litestream in running)
            await AppFolder.SignalAsync("CONT", litestream, mayHaveEnded: true);
    }
}
