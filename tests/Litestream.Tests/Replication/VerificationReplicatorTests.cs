using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Tests.Verification;
using Litestream.Verification;

namespace Litestream.Tests.Replication;

/// <summary>A verification that starts a litestream of its own where nothing replicates.</summary>
[Trait("Uses", "litestream")]
public sealed class VerificationReplicatorTests
{
    /// <summary>With time enough for a slow machine, which takes 20 s to start a process.</summary>
    private static readonly VerificationOptions Asked = new()
    {
        StartReplicator = true,
        Timeout = TimeSpan.FromMinutes(3),
    };

    [Theory]
    [InlineData(VerificationLevel.Full, true)]
    [InlineData(VerificationLevel.Position, false)]
    public async Task A_database_that_nothing_replicates_is_replicated_for_the_time_of_the_verification(
        VerificationLevel level,
        bool write
    )
    {
        using var folder = new ReplicatedFolder(2, address: "127.0.0.1:1");

        var result = await Verify(folder, Asked with { Level = level, Write = write });

        Assert.True(result.Outcome == VerificationOutcome.Verified, result.ToString());
        Assert.True(LitestreamTool.HasBackup(folder.Replica));
        Assert.False(Directory.Exists(folder.ReplicaOf(1)));
        await AssertNothingRunsAsync(folder);
    }

    [Fact]
    public async Task What_is_committed_later_goes_with_the_next_one()
    {
        using var folder = new ReplicatedFolder();
        Assert.Equal(VerificationOutcome.Verified, (await Verify(folder, Asked)).Outcome);
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('later')");

        var result = await Verify(folder, Asked);

        Assert.True(result.Outcome == VerificationOutcome.Verified, result.ToString());
        var restored = Path.Combine(folder.Root, "restored.db");
        await LitestreamTool
            .Command()
            .RunAsync(["restore", "-o", restored, "file://" + folder.Replica], TestContext.Current.CancellationToken);
        await RestoredContent.AssertSameAsync(folder.Database, restored);
    }

    [Fact]
    public async Task Several_databases_have_one_each()
    {
        using var folder = new ReplicatedFolder(3);

        var results = await DatabaseVerification.RunAllAsync(
            LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases,
            Asked,
            TestContext.Current.CancellationToken,
            VerificationReplicator.RunAsync
        );

        Assert.All(results, result => Assert.True(result.Outcome == VerificationOutcome.Verified, result.ToString()));
        await AssertNothingRunsAsync(folder);
    }

    [Fact]
    public async Task Nothing_is_started_where_a_litestream_without_a_lock_replicates()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It is found by its open files.");
        using var folder = await ReplicatedFolder.StartedAsync();

        var result = await Verify(folder, Asked);

        Assert.True(result.Outcome == VerificationOutcome.Verified, result.ToString());
        Assert.DoesNotContain(
            folder.FilesBesideTheDatabases(),
            name => name.EndsWith(".lock", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Nothing_is_started_where_somebody_holds_the_lock()
    {
        using var folder = new ReplicatedFolder();
        using var held = DatabaseLock.TryAcquire(folder.Database, out _);

        var result = await Verify(folder, Asked with { Timeout = TimeSpan.FromMilliseconds(300) });

        Assert.True(result.Outcome == VerificationOutcome.NotReplicating, result.ToString());
        Assert.False(Directory.Exists(folder.Replica));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_is_started_over_another_lineage(bool withOwnGeneration)
    {
        using var folder = new ReplicatedFolder();
        Assert.Equal(VerificationOutcome.Verified, (await Verify(folder, Asked)).Outcome);
        if (withOwnGeneration)
        {
            // Another machine has continued since, with a generation of its own.
            using var other = await folder.OtherHostAsync();
            foreach (var file in ReplicaFiles.All(other.GenerationIn(folder)))
                File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddMinutes(1));
        }
        else
        {
            Directory.Delete(folder.Config.Databases[0].MetaPath, recursive: true);
        }

        var before = Directory
            .GetFiles(folder.Replica, "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)
            .ToList();

        var result = await Verify(folder, Asked);

        Assert.True(result.Outcome == VerificationOutcome.NotReplicating, result.ToString());
        Assert.Equal("LSB4101", result.Code);
        Assert.Contains("another lineage", result.Message, StringComparison.Ordinal);
        Assert.Equal(
            before,
            Directory.GetFiles(folder.Replica, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        );
        await AssertNothingRunsAsync(folder);
    }

    [Fact]
    public async Task Nothing_is_started_for_a_replica_that_there_is_not()
    {
        using var folder = new ReplicatedFolder();

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            Verify(folder, Asked with { Replica = "other" })
        );

        Assert.Equal("LSB3008", error.Diagnostic.Code);
        Assert.False(Directory.Exists(folder.Replica));
    }

    [Fact]
    public async Task Storage_that_does_not_answer_is_an_outcome_and_nothing_is_started()
    {
        using var folder = new ReplicatedFolder(
            replica: "type: s3\n    bucket: b\n    endpoint: http://127.0.0.1:1\n    region: us-east-1\n    "
                + "access-key-id: AKIDAKID\n    secret-access-key: s3cr3ts3cr3t"
        );

        var result = await Verify(folder, Asked);

        Assert.True(result.Outcome == VerificationOutcome.Inconclusive, result.ToString());
        Assert.DoesNotContain("s3cr3t", result.Message, StringComparison.Ordinal);
        await AssertNothingRunsAsync(folder);
    }

    [Fact]
    public async Task Cancelling_ends_it_and_releases_the_lock()
    {
        using var folder = new ReplicatedFolder(sync: "1h");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var running = DatabaseVerification.RunAsync(
            LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases[0],
            Asked,
            stop.Token,
            VerificationReplicator.RunAsync
        );
        await LitestreamTool.WaitUntilAsync(() =>
            DatabaseLock.Peek(folder.Database).Replicator is not null || running.IsCompleted
        );
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await AssertNothingRunsAsync(folder);
    }

    private static async Task AssertNothingRunsAsync(ReplicatedFolder folder)
    {
        Assert.Empty(OpenDatabases.Replicators(folder.Database));
        Assert.Equal(LockRecord.Empty, DatabaseLock.Peek(folder.Database));
        using (var free = DatabaseLock.TryAcquire(folder.Database, out _))
            Assert.NotNull(free);
        Assert.DoesNotContain(
            folder.FilesBesideTheDatabases(),
            name => name.Contains("litestream-run", StringComparison.Ordinal)
        );
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    private static Task<VerificationResult> Verify(ReplicatedFolder folder, VerificationOptions options) =>
        DatabaseVerification.RunAsync(
            LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases[0],
            options,
            TestContext.Current.CancellationToken,
            VerificationReplicator.RunAsync
        );
}
