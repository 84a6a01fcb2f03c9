namespace Litestream.Hosting.Tests;

/// <summary>The faults of docs/faults.md that happen to the replica: the real executable, the defaults, and the rows of a bare restore counted.</summary>
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
}
