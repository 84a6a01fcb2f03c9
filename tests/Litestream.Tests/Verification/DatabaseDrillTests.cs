using Litestream.Diagnostics;
using Litestream.Restore;
using Litestream.Tests.Sqlite;
using Litestream.Verification;

namespace Litestream.Tests.Verification;

[Trait("Uses", "litestream")]
public sealed class DatabaseDrillTests
{
    /// <summary>For what arrives; generous, for a slow machine.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_newest_backup_answers_the_query_and_nothing_would_have_been_lost()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('new')");
        Assert.Equal(VerificationOutcome.Verified, (await Verify(folder)).Outcome);
        await folder.SentAsync();

        var result = await Drill(
            folder,
            new()
            {
                Query =
                    "SELECT count(*) AS items, max(text) AS newest, NULL AS void, x'0aff' AS blob, 1.5 AS "
                    + "real FROM item",
            }
        );

        Assert.Equal(
            [new("items", "4"), new("newest", "new"), new("void", null), new("blob", "0AFF"), new("real", "1.5")],
            result.Answer
        );
        Assert.Equal(TimeSpan.Zero, result.RecoveryPoint);
        Assert.True(result.RecoveryTime >= result.RestoreTime && result.RestoreTime > TimeSpan.Zero);
        Assert.True(result.Bytes > 4096);
        Assert.NotNull(result.BackupTime);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task What_was_restored_is_compared_with_the_database_row_by_row()
    {
        using var folder = new ReplicatedFolder();
        using var other = new ReplicatedFolder();
        LitestreamTool.Sql(
            folder.Database,
            "CREATE TABLE still(id INTEGER PRIMARY KEY, x); INSERT INTO still VALUES (1, 'right')"
        );
        LitestreamTool.Sql(
            other.Database,
            "CREATE TABLE still(id INTEGER PRIMARY KEY, x); INSERT INTO still VALUES (1, 'wrong')"
        );
        foreach (var one in new[] { folder, other })
        {
            one.Start();
            await one.ArrivesAsync();
        }

        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('new')");
        Assert.Equal(VerificationOutcome.Verified, (await Verify(folder)).Outcome);
        await folder.SentAsync();
        var good = await Drill(folder, new());
        other.CopySnapshotTo(folder);
        var error = await Assert.ThrowsAsync<LitestreamException>(() => Drill(folder, new()));

        Assert.StartsWith("The content matches the database: ", good.ContentNote, StringComparison.Ordinal);
        Assert.Equal("LSB4103", error.Diagnostic.Code);
        Assert.Contains("still: row id=1 has another value in column x", error.Message, StringComparison.Ordinal);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task What_was_committed_after_the_newest_backup_is_what_would_have_been_lost()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        folder.Stop();
        var newest = ReplicaFiles.Newest(folder.Replica);
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('lost')");
        var lost =
            new[] { folder.Database, folder.Database + "-wal" }.Where(File.Exists).Max(File.GetLastWriteTimeUtc)
            - newest;

        var result = await Drill(folder, new() { Query = "SELECT count(*) FROM item" });

        Assert.Equal("3", result.Answer[0].Value);
        Assert.InRange(result.RecoveryPoint!.Value, lost - TimeSpan.FromSeconds(1.1), lost + TimeSpan.FromSeconds(1.1));
        Assert.NotEqual(TimeSpan.Zero, result.RecoveryPoint);
    }

    [Fact]
    public async Task Without_the_database_there_is_nothing_to_compare_with_and_the_drill_works()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        folder.Stop();
        foreach (var suffix in new[] { "", "-wal", "-shm" })
            File.Delete(folder.Database + suffix);

        var result = await Drill(folder, new() { Query = "SELECT count(*) FROM item" });

        Assert.Equal("3", result.Answer[0].Value);
        Assert.Null(result.RecoveryPoint);
        Assert.NotNull(result.BackupTime);
        Assert.False(File.Exists(folder.Database));
    }

    [Theory]
    [InlineData("SELECT * FROM item WHERE id = 99", "returned no row")]
    [InlineData("SELECT * FROM nowhere", "no such table")]
    public async Task A_query_without_an_answer_fails_the_drill(string query, string says)
    {
        using var folder = await ReplicatedFolder.StartedAsync();

        var error = await Assert.ThrowsAsync<LitestreamException>(() => Drill(folder, new() { Query = query }));

        Assert.Equal("LSB4111", error.Diagnostic.Code);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task A_moment_after_the_last_change_is_the_last_change()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        folder.Stop();
        var newest = ReplicaFiles.Newest(folder.Replica);
        await LitestreamTool.WaitUntilAsync(() => DateTime.UtcNow > newest.AddSeconds(1));

        var result = await Drill(
            folder,
            new() { Query = "SELECT count(*) FROM item", Timestamp = DateTimeOffset.UtcNow }
        );

        Assert.Equal("3", result.Answer[0].Value);
    }

    [Fact]
    public async Task An_empty_replica_and_a_time_before_the_first_backup_are_not_a_backup()
    {
        using var empty = new ReplicatedFolder();
        using var folder = await ReplicatedFolder.StartedAsync();

        Assert.Equal(
            "LSB4002",
            (await Assert.ThrowsAsync<LitestreamException>(() => Drill(empty, new()))).Diagnostic.Code
        );
        Assert.Equal(
            "LSB4002",
            (
                await Assert.ThrowsAsync<LitestreamException>(() =>
                    Drill(folder, new() { Timestamp = DateTimeOffset.UtcNow.AddDays(-1) })
                )
            )
                .Diagnostic
                .Code
        );
    }

    [Theory]
    [InlineData(null)]
    [InlineData("error")]
    [Trait("Line", "0.3")]
    public async Task What_another_host_has_written_to_the_replica_is_not_a_backup_of_this_database(string? logLevel)
    {
        // Litestream's own commits would make the generation of this host the newest one again.
        using var folder = new ReplicatedFolder(logLevel: logLevel, checkpointInterval: "1h");
        folder.Start();
        await folder.ArrivesAsync();
        using var other = await folder.OtherHostAsync();

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            Drill(folder, new() { Query = "SELECT count(*) FROM item" })
        );
        var later = await Assert.ThrowsAsync<LitestreamException>(() =>
            Drill(folder, new() { Timestamp = DateTimeOffset.UtcNow.AddSeconds(2) })
        );
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('mine')");
        Assert.Equal(VerificationOutcome.Verified, (await Verify(folder)).Outcome);
        await folder.SentAsync();
        var mine = await Drill(folder, new());

        Assert.All([error, later], e => Assert.Equal("LSB4103", e.Diagnostic.Code));
        Assert.Contains(folder.GenerationName, error.Message, StringComparison.Ordinal);
        Assert.Contains(other.GenerationName, error.Message, StringComparison.Ordinal);
        Assert.Equal((folder.GenerationName, TimeSpan.Zero), (mine.Generation, mine.RecoveryPoint));
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_generation_of_this_database_that_has_no_snapshot_yet_leaves_open_what_would_have_been_lost()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        var older = folder.GenerationName;
        await BeginGenerationAsync(folder);
        folder.Stop();
        Directory.Delete(folder.Generation, recursive: true);

        var result = await Drill(folder, new() { Query = "SELECT count(*) FROM item" });

        Assert.Equal((older, "3"), (result.Generation, result.Answer[0].Value));
        Assert.Null(result.RecoveryPoint);
        Assert.Contains(folder.GenerationName, result.RecoveryPointNote, StringComparison.Ordinal);
        Assert.Contains(older, result.RecoveryPointNote, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_moment_in_an_older_generation_of_this_database_is_drilled()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        var older = folder.GenerationName;
        // The time of a file is finer than the clock here, which matters to 0.5.
        var moment = ReplicaFiles
            .Changes(folder.Replica)
            .Max(File.GetLastWriteTimeUtc)
            .AddMilliseconds(Repository.IsLine05 ? 1 : 0);
        await LitestreamTool.WaitUntilAsync(() => DateTime.UtcNow > moment.AddSeconds(1));
        await BeginGenerationAsync(folder);

        var result = await Drill(folder, new() { Timestamp = moment });

        Assert.Equal(older, result.Generation);
        Assert.NotNull(result.RecoveryPoint);
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_replica_that_lags_behind_is_not_taken_for_the_one_that_holds_the_last_commit()
    {
        using var folder = new ReplicatedFolder(replica: "name: good\n    path: good");
        folder.Start();
        var good = Path.Combine(folder.Root, "good");
        await folder.WaitUntilAsync(() => LitestreamTool.HasBackup(good, 1));
        Assert.Equal(
            VerificationOutcome.Verified,
            (await Verify(folder, VerificationLevel.Position)).Outcome
        );

        // What the second one has got was sent to it late, so that a restore prefers it.
        var late = Path.Combine(folder.Root, "late", "generations", folder.GenerationName, "snapshots");
        Directory.CreateDirectory(late);
        var snapshot = Directory.GetFiles(good, "*.snapshot.lz4", SearchOption.AllDirectories).Single();
        File.Copy(snapshot, Path.Combine(late, Path.GetFileName(snapshot)));
        File.SetLastWriteTimeUtc(Path.Combine(late, Path.GetFileName(snapshot)), DateTime.UtcNow.AddMinutes(10));
        File.WriteAllText(
            Path.Combine(folder.Root, "two.yml"),
            $"dbs:\n- path: \"{folder.Database}\"\n  replicas:\n  - name: good\n    path: \"{good}\"\n  - name: "
                + $"late\n    path: \"{Path.Combine(folder.Root, "late")}\"\n"
        );
        var config = LitestreamTool.Effective(Path.Combine(folder.Root, "two.yml"), folder.Root, fast: false);

        var result = await DatabaseDrill.RunAsync(
            LitestreamTool.Executable,
            config,
            config.Databases[0],
            new(),
            Cancel
        );

        Assert.True(result.RecoveryPoint is null, result.ToString());
        Assert.Contains("replica 'late', which lags behind", result.RecoveryPointNote, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replica_is_known_by_its_name_whatever_the_executable_calls_it()
    {
        using var folder = new ReplicatedFolder(replica: "name: near by\n    path: good");
        folder.Start();
        await folder.WaitUntilAsync(() => LitestreamTool.HasBackup(Path.Combine(folder.Root, "good"), 1));
        var database = folder.Config.Databases[0];
        var verified = await Verify(folder);
        Assert.True(verified is { Outcome: VerificationOutcome.Verified, Replica: "near by" }, verified.ToString());
        await folder.SentAsync(replica: Path.Combine(folder.Root, "good"));

        var result = await Drill(folder, new());
        Assert.True(result.RecoveryPoint == TimeSpan.Zero, result.RecoveryPointNote);

        using var past = await PastCopy.RestoreAsync(
            LitestreamTool.Executable,
            folder.Config,
            database,
            null,
            null,
            Cancel
        );
        Assert.Equal("near by", past.Source.Replica);
        Assert.NotNull(past.Newest);
    }

    [Fact]
    public async Task What_only_the_app_can_check_is_a_note()
    {
        using var folder = new ReplicatedFolder();
        OwnFunctions.Use(folder.Database);
        folder.Start();
        await folder.WaitUntilAsync(() => LitestreamTool.HasBackup(folder.Replica, 1));

        var result = await Drill(folder, new());

        Assert.Contains(
            "indexed (no such collation sequence: APP)",
            result
                .IntegrityNote.Replace("SQLite Error 1: ", "", StringComparison.Ordinal)
                .Replace("'", "", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_drill_that_takes_too_long_is_ended()
    {
        using var folder = await ReplicatedFolder.StartedAsync();

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            Drill(
                folder,
                new()
                {
                    Timeout = TimeSpan.FromSeconds(2),
                    Query = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n) SELECT max(v) FROM n",
                }
            )
        );

        Assert.Equal("LSB3005", error.Diagnostic.Code);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    /// <summary>What is written while nothing replicates begins a new generation (on 0.5: a full copy).</summary>
    private static async Task BeginGenerationAsync(ReplicatedFolder folder)
    {
        var older = folder.GenerationName;
        folder.Stop();
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('newer')");
        var before = ReplicaFiles.All(folder.Replica);
        folder.Start();
        await folder.WaitUntilAsync(() =>
            Repository.IsLine05
                ? ReplicaFiles.Changes(folder.Replica).Except(before).Any()
                : folder.GenerationName is var name
                    && name != older
                    && name != "none"
                    && LitestreamTool.HasBackup(folder.Generation, 1)
        );
    }

    private static Task<VerificationResult> Verify(
        ReplicatedFolder folder,
        VerificationLevel level = VerificationLevel.Full
    ) =>
        DatabaseVerification.RunAsync(
            LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases[0],
            new() { Level = level, Timeout = Long },
            Cancel
        );

    private static Task<DrillResult> Drill(ReplicatedFolder folder, DrillOptions options) =>
        DatabaseDrill.RunAsync(LitestreamTool.Executable, folder.Config, folder.Config.Databases[0], options, Cancel);
}
