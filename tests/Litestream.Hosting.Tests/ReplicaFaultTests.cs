namespace Litestream.Hosting.Tests;

/// <summary>
/// The faults of docs/faults.md that happen to the replica: the real executable, the defaults, and the rows of a bare
/// restore counted.
/// </summary>
public sealed class ReplicaFaultTests
{
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
    }

    [Fact]
    public async Task A_replica_on_a_full_disk_goes_on_when_there_is_room_again()
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
    }

    [Fact]
    public async Task A_replica_that_has_become_read_only_is_noticed_and_goes_on_when_it_can_be_written_again()
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
    }

    [Fact]
    public async Task A_file_in_the_place_of_the_replica_is_noticed_and_it_goes_on_when_the_replica_is_back()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);

        Directory.Move(folder.Replica, folder.Replica + ".away");
        await File.WriteAllTextAsync(folder.Replica, "in the way", TestContext.Current.CancellationToken);
        await app.TellAsync("row waiting");
        await app.StatusAsync(
            "Stalled",
            "LSB5007",
            $"the folder of the replica of '{folder.Database}' is a file: '{folder.Replica}'"
        );
        await app.StatusAsync("Unhealthy");
        File.Delete(folder.Replica);
        Directory.Move(folder.Replica + ".away", folder.Replica);

        await folder.ArrivesAsync(app, "waiting");
        await folder.SettledAsync(app);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
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
            Exchange();
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

        // With its own one it goes on.
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
}
