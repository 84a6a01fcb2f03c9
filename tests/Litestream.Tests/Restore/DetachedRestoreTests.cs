using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Verification;

namespace Litestream.Tests.Restore;

/// <summary>A restore whose file does not continue the lineage of the replica.</summary>
[Trait("Uses", "litestream")]
public sealed class DetachedRestoreTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_file_has_the_data_and_nothing_that_ties_it_to_the_replica()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var plain = Path.Combine(database.Folder, "plain.db");
        var folder = Directory.CreateDirectory(Path.Combine(database.Folder, "laptop")).FullName;
        var pulled = Path.Combine(folder, "dev.db");
        await BackedUpDatabase.RestoreAsync(database.Request() with { Output = plain });

        var result = await new LitestreamClient(LitestreamTool.Executable, database.Config).PullAsync(
            options: new RestoreOptions { Output = pulled },
            cancellationToken: Cancel
        );

        Assert.Equal(RestoreOutcome.Restored, result.Outcome);
        Assert.Equal([pulled], Directory.GetFileSystemEntries(folder));
        var difference = await DatabaseDiff.CompareAsync(plain, pulled, cancellationToken: Cancel);
        Assert.True(difference.IsSame, difference.ToString());
        Assert.Equal("t", LitestreamTool.Query(pulled, "SELECT group_concat(name) FROM sqlite_master"));
        Assert.Equal("wal", LitestreamTool.Query(pulled, "PRAGMA journal_mode"));
        Assert.Equal(BackedUpDatabase.Backup, database.Rows(pulled));
    }

    [Fact]
    public async Task Neither_a_replication_in_the_foreground_nor_a_verification_sends_anything_of_it()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var client = new LitestreamClient(LitestreamTool.Executable, database.Config);
        var result = await client.PullAsync(options: new RestoreOptions { Force = true }, cancellationToken: Cancel);
        var replica = Directory.GetFiles(database.Replica, "*", SearchOption.AllDirectories);

        var refused = await Assert.ThrowsAsync<LitestreamException>(() =>
            ForegroundReplication.RunAsync(
                LitestreamTool.Executable,
                new()
                {
                    ConfigPath = database.Yml,
                    BaseDirectory = database.Folder,
                    GetSetting = _ => null,
                    Environment = new Dictionary<string, string>(),
                },
                new ForegroundReplicationOptions(),
                _ => { },
                _ => { },
                Cancel
            )
        );
        var verified = await client.VerifyAsync(
            options: new VerificationOptions { StartReplicator = true },
            cancellationToken: Cancel
        );

        Assert.Equal("LSB5009", refused.Diagnostic.Code);
        Assert.Equal(VerificationOutcome.NotReplicating, verified.Outcome);
        Assert.Equal(replica, Directory.GetFiles(database.Replica, "*", SearchOption.AllDirectories));
        Assert.Contains(result.MovedAside, moved => moved.From == database.Config.Databases[0].MetaPath);
        Assert.Equal(BackedUpDatabase.Local, database.Rows(Path.Combine(database.ReplacedSet()!, database.Name)));
    }

    [Fact]
    public async Task A_dry_run_and_an_existing_file_are_as_with_any_restore()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var client = new LitestreamClient(LitestreamTool.Executable, database.Config);

        var exists = await Assert.ThrowsAsync<LitestreamException>(() => client.PullAsync(cancellationToken: Cancel));
        var dry = await client.PullAsync(
            options: new RestoreOptions { Force = true, DryRun = true },
            cancellationToken: Cancel
        );

        Assert.Equal("LSB4001", exists.Diagnostic.Code);
        Assert.Equal(RestoreOutcome.WouldRestore, dry.Outcome);
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
    }

    [Fact]
    public async Task A_place_that_an_app_holds_without_its_file_is_refused()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var place = Path.Combine(database.Folder, "held.db");
        Directory.CreateDirectory(Path.Combine(database.Folder, ".held.db-litestream"));
        using var held = DatabaseLock.TryAcquire(place, out _)!;

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            new LitestreamClient(LitestreamTool.Executable, database.Config).PullAsync(
                options: new RestoreOptions { Output = place },
                cancellationToken: Cancel
            )
        );

        Assert.Equal("LSB4006", error.Diagnostic.Code);
        Assert.False(File.Exists(place));
    }
}
