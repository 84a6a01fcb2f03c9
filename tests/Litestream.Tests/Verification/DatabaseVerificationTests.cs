using Litestream.Diagnostics;
using Litestream.Sqlite;
using Litestream.Tests.Restore;
using Litestream.Tests.Sqlite;
using Litestream.Verification;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Verification;

[Trait("Uses", "litestream")]
public sealed class DatabaseVerificationTests
{
    /// <summary>For what arrives; generous, for a slow machine.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_healthy_replica_is_verified_twenty_times_out_of_twenty() => IsVerifiedEachTime(20);

    [Fact(Timeout = 30 * 60_000)]
    [Trait("Category", "Long")]
    public Task A_healthy_replica_is_verified_two_hundred_times_out_of_two_hundred() => IsVerifiedEachTime(200);

    [Fact]
    public async Task Twenty_databases_are_verified_at_once_and_one_that_is_broken_does_not_stop_the_others()
    {
        using var folder = await ReplicatedFolder.StartedAsync(20);
        await folder.SentAsync(7);
        Directory.Delete(folder.ReplicaOf(7), recursive: true);

        var results = await DatabaseVerification.RunAllAsync(
            LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases,
            new() { Timeout = Long },
            Cancel
        );

        Assert.Equal(folder.Config.Databases, results.Select(r => r.Database));
        Assert.Equal(VerificationOutcome.Failed, results[7].Outcome);
        Assert.All(
            results.Where((_, i) => i != 7),
            r => Assert.True(r.Outcome == VerificationOutcome.Verified, r.ToString())
        );
    }

    [Fact]
    public async Task At_the_level_Position_nothing_is_written()
    {
        using var folder = await ReplicatedFolder.StartedAsync();

        var result = await Verify(folder, new() { Level = VerificationLevel.Position });

        Assert.True(result.Outcome == VerificationOutcome.Verified, result.ToString());
        Assert.Null(result.RestoredBytes);
        Assert.Equal(
            "0",
            LitestreamTool.Query(
                folder.Database,
                "SELECT count(*) FROM sqlite_master WHERE name = '_litestream_verification'"
            )
        );
    }

    [Theory]
    [InlineData(VerificationLevel.Quick)]
    [InlineData(VerificationLevel.Full)]
    public async Task Without_its_row_the_last_commit_is_waited_for(VerificationLevel level)
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('last')");

        var result = await Verify(folder, new() { Write = false, Level = level });

        Assert.True(result.Outcome == VerificationOutcome.Verified, result.ToString());
        Assert.Equal(level == VerificationLevel.Full ? 4 : null, result.RowCounts?["item"]);
        Assert.Equal(
            "0",
            LitestreamTool.Query(
                folder.Database,
                "SELECT count(*) FROM sqlite_master WHERE name = '_litestream_verification'"
            )
        );
    }

    [Theory]
    [InlineData("deleted replica")]
    [InlineData("deleted snapshot")]
    [InlineData("deleted segment")]
    [InlineData("truncated segment")]
    [InlineData("truncated snapshot")]
    [InlineData("flipped byte in a segment")]
    [InlineData("flipped byte in the snapshot")]
    [InlineData("wrong format")]
    [InlineData("older generation", Traits = ["Line", "0.3"])]
    [InlineData("older copy", Traits = ["Line", "0.5"])]
    public async Task What_is_wrong_in_the_replica_is_Failed(string what)
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('x')");
        await folder.WaitUntilAsync(() => LitestreamTool.HasBackup(folder.Replica, 2));
        if (what == "older copy")
        {
            // The replica as it was, of a backup of its own.
            var copy = Path.Combine(folder.Root, "copy");
            BackedUpDatabase.Copy(folder.Replica, copy);
            LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('y')");
            await folder.WaitUntilAsync(() => LitestreamTool.HasBackup(folder.Replica, 3));
            Directory.Delete(folder.Replica, recursive: true);
            BackedUpDatabase.Copy(copy, folder.Replica);
        }

        if (what == "older generation")
        {
            // What is written while nothing replicates begins a new generation.
            folder.Stop();
            LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('y')");
            var older = folder.Generation;
            folder.Start();
            await folder.WaitUntilAsync(() =>
                folder.Generation != older && LitestreamTool.HasBackup(folder.Generation, 1)
            );
        }

        if (what != "older copy")
            await folder.SentAsync();
        Break(folder, what);

        // On 0.5 some of it is found when the time is up.
        var result = await Verify(folder, isPatient: !Repository.IsLine05);

        Assert.True(result.Outcome == VerificationOutcome.Failed, $"{result}\n{folder.Log}");

        // What only 0.5 reads is not damage to 0.3.
        Assert.Equal(what == "wrong format" && !Repository.IsLine05 ? "LSB4011" : "LSB4103", result.Code);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task Rows_that_the_replica_has_lost_are_found_by_Full_alone()
    {
        // A snapshot of the same database with fewer rows, in the place of the right one: sound, and wrong.
        using var folder = new ReplicatedFolder();
        using var other = new ReplicatedFolder();
        LitestreamTool.Sql(folder.Database, "UPDATE item SET text = 'A' WHERE id = 1");
        LitestreamTool.Sql(other.Database, "DELETE FROM item WHERE id = 2");
        foreach (var one in new[] { folder, other })
        {
            one.Start();
            await one.ArrivesAsync();
        }

        other.CopySnapshotTo(folder);

        var quick = await Verify(folder, new() { Level = VerificationLevel.Quick });
        var full = await Verify(folder);

        Assert.True(quick.Outcome == VerificationOutcome.Verified, quick.ToString());
        Assert.True(full.Outcome == VerificationOutcome.Failed, full.ToString());
        Assert.Contains("item: 2 rows instead of 3 rows", full.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("UPDATE item SET text = 'B' WHERE id = 2", "item: row id=2 has another value in column text")]
    [InlineData("UPDATE item SET text = x'62' WHERE id = 2", "item: row id=2 has another value in column text")]
    [InlineData("DELETE FROM item WHERE id = 2; INSERT INTO item(text) VALUES ('b')", "item: row id=2 is missing")]
    public async Task Values_that_the_replica_has_wrong_are_found_by_Full_alone(string change, string difference)
    {
        // A snapshot of the same database with other values, in the place of the right one: sound, with as many rows,
        // and wrong.
        using var folder = new ReplicatedFolder();
        using var other = new ReplicatedFolder();
        LitestreamTool.Sql(other.Database, change);
        foreach (var one in new[] { folder, other })
        {
            one.Start();
            await one.ArrivesAsync();
        }

        other.CopySnapshotTo(folder);

        var quick = await Verify(folder, new() { Level = VerificationLevel.Quick });
        var full = await Verify(folder);

        Assert.True(quick.Outcome == VerificationOutcome.Verified, quick.ToString());
        Assert.Contains("Level Quick: rows were neither counted nor compared", quick.Message, StringComparison.Ordinal);
        Assert.True(full is { Outcome: VerificationOutcome.Failed, Code: "LSB4103" }, full.ToString());
        Assert.Contains(difference, full.Message, StringComparison.Ordinal);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task A_stopped_replicator_is_NotReplicating()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        folder.Stop();

        var result = await Verify(folder, new() { Timeout = TimeSpan.FromSeconds(1) });

        Assert.True(result.Outcome == VerificationOutcome.NotReplicating, result.ToString());
        Assert.Equal("LSB4101", result.Code);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task A_frozen_replicator_is_NotReplicating_until_it_continues()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        await folder.SentAsync();
        folder.Freeze();
        VerificationResult frozen;
        try
        {
            frozen = await Verify(folder, new() { Timeout = TimeSpan.FromSeconds(1) });
        }
        finally
        {
            folder.Thaw();
        }

        var thawed = await Verify(folder);

        Assert.True(frozen.Outcome == VerificationOutcome.NotReplicating, frozen.ToString());
        Assert.True(thawed.Outcome == VerificationOutcome.Verified, thawed.ToString());
    }

    [Fact]
    public async Task A_database_never_replicated_is_NotReplicating_and_another_lineage_in_its_replica_is_named()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        folder.Stop();
        Directory.Delete(folder.Config.Databases[0].MetaPath, recursive: true);

        var result = await Verify(folder, new() { Timeout = TimeSpan.FromMilliseconds(300) });

        Assert.True(result.Outcome == VerificationOutcome.NotReplicating, result.ToString());
        Assert.Contains("never replicated it from here", result.Message, StringComparison.Ordinal);
        Assert.Contains("another lineage", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replica_that_is_sent_to_later_than_asked_is_Lagging_by_so_many_bytes()
    {
        using var folder = await ReplicatedFolder.StartedAsync(sync: "2m");

        // Long enough that litestream reads the commit in that time, and too short for the next upload.
        var result = await Verify(folder, new() { Timeout = TimeSpan.FromSeconds(20) });

        Assert.True(result.Outcome == VerificationOutcome.Lagging, result.ToString());
        Assert.Equal("LSB4102", result.Code);
        Assert.InRange(result.LagBytes!.Value, 4096, 100_000);
        Assert.True(result.Lag >= TimeSpan.FromSeconds(20), result.ToString());
    }

    [Fact]
    public Task A_sync_interval_of_three_seconds_is_waited_for() => IsWaitedFor("3s");

    [Fact]
    [Trait("Category", "Long")]
    public Task A_sync_interval_of_thirty_seconds_is_waited_for() => IsWaitedFor("30s");

    [Fact]
    public async Task Writers_do_not_matter_and_the_rows_of_the_moment_are_compared()
    {
        using var folder = await ReplicatedFolder.StartedAsync(checkpointPages: 50);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var written = 0;
        var writers = Enumerable
            .Range(0, 2)
            .Select(i =>
                Task.Run(() =>
                {
                    using var connection = new SqliteConnection($"Data Source={folder.Database};Pooling=False");
                    connection.Open();
                    using var command = connection.CreateCommand();
                    for (var n = 0; !stop.IsCancellationRequested; n++)
                    {
                        command.CommandText =
                            n % 50 == 49
                                ? "DELETE FROM item WHERE id > 3"
                                : "INSERT INTO item(text) VALUES (hex(randomblob(20)))";
                        command.ExecuteNonQuery();
                        Interlocked.Increment(ref written);
                        stop.Token.WaitHandle.WaitOne(5);
                    }
                })
            )
            .ToArray();
        try
        {
            var counts = new List<long>();
            for (var i = 0; i < 3; i++)
            {
                var before = Volatile.Read(ref written);
                await LitestreamTool.WaitUntilAsync(() => Volatile.Read(ref written) > before);
                var result = await Verify(folder);
                Assert.True(result.Outcome == VerificationOutcome.Verified, $"{result}\n{folder.Log}");
                counts.Add(result.RowCounts!["item"]);
            }

            Assert.True(counts.Distinct().Count() > 1, string.Join(",", counts));
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(writers);
        }
    }

    [Fact]
    public async Task Two_verifications_at_the_same_time_do_not_disturb_each_other()
    {
        using var folder = await ReplicatedFolder.StartedAsync();

        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Verify(folder)));

        Assert.All(results, r => Assert.True(r.Outcome == VerificationOutcome.Verified, r.ToString()));
        Assert.Equal("1", LitestreamTool.Query(folder.Database, "SELECT count(*) FROM _litestream_verification"));
    }

    [Fact]
    public async Task A_busy_database_is_waited_for()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        using var connection = new SqliteConnection($"Data Source={folder.Database};Pooling=False");
        connection.Open();
        var transaction = connection.BeginTransaction(deferred: false);

        var verification = Verify(folder);
        await LitestreamTool.WaitUntilAsync(() => LitestreamTool.OpenCount(folder.Database) > 1);
        Assert.False(verification.IsCompleted);
        await transaction.RollbackAsync(Cancel);

        Assert.Equal(VerificationOutcome.Verified, (await verification).Outcome);
    }

    [Fact]
    public async Task A_table_of_another_tool_with_the_name_of_ours_is_left_alone()
    {
        // As litestream-ruby makes it.
        using var folder = await ReplicatedFolder.StartedAsync();
        LitestreamTool.Sql(
            folder.Database,
            "CREATE TABLE _litestream_verification(id INTEGER PRIMARY KEY, uuid BLOB); INSERT INTO "
                + "_litestream_verification(uuid) VALUES ('theirs')"
        );

        foreach (var level in new[] { VerificationLevel.Quick, VerificationLevel.Full, VerificationLevel.Full })
        {
            var result = await Verify(folder, new() { Level = level });
            Assert.True(result.Outcome == VerificationOutcome.Verified, $"{result}\n{folder.Log}");
            Assert.Equal(level == VerificationLevel.Full ? ["item", "odd \"name"] : null, result.RowCounts?.Keys);
        }

        Assert.Equal(
            "theirs",
            LitestreamTool.Query(folder.Database, "SELECT group_concat(uuid) FROM _litestream_verification")
        );

        // Three verifications, and one more for each commit that litestream overlooked.
        Assert.Equal(
            "1 1",
            LitestreamTool.Query(
                folder.Database,
                "SELECT count(*) || ' ' || (min(number) >= 3) FROM _litestream_verification_net"
            )
        );
    }

    [Theory]
    [InlineData(VerificationLevel.Quick)]
    [InlineData(VerificationLevel.Full)]
    public async Task Collations_and_functions_of_the_app_are_not_damage(VerificationLevel level)
    {
        using var folder = new ReplicatedFolder();
        OwnFunctions.Use(folder.Database);
        folder.Start();
        await folder.ArrivesAsync();

        var result = await Verify(folder, new() { Level = level });

        Assert.True(result.Outcome == VerificationOutcome.Verified, $"{result}\n{folder.Log}");
        Assert.Contains(
            "integrity of these tables could not be checked without the app",
            result.Message,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("item (", result.Message, StringComparison.Ordinal);
        if (level == VerificationLevel.Full)
        {
            Assert.Equal(
                ["checked", "declared", "expression", "generated", "indexed", "item", "keyed", "odd \"name", "partial"],
                result.RowCounts!.Keys
            );
            Assert.All(
                result.RowCounts.Where(c => c.Key is not ("item" or "odd \"name")),
                c => Assert.Equal(OwnFunctions.Rows, c.Value)
            );
            Assert.Contains("compared by content", result.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Damage_beside_a_table_that_only_the_app_can_check_is_found()
    {
        using var folder = new ReplicatedFolder();
        OwnFunctions.Use(folder.Database);
        LitestreamTool.Sql(folder.Database, "CREATE TABLE zero(x); CREATE INDEX zero_x ON zero(x)");
        var root = LitestreamTool.Query(folder.Database, "SELECT rootpage FROM sqlite_master WHERE name = 'zero_x'");
        LitestreamTool.Sql(
            folder.Database,
            "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'zero_x'"
        );
        LitestreamTool.Sql(folder.Database, "INSERT INTO zero VALUES (1)");
        LitestreamTool.Sql(
            folder.Database,
            $"PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES ('index', 'zero_x', 'zero', {root}, "
                + $"'CREATE INDEX zero_x ON zero(x)')"
        );

        using var connection = ScratchDatabase.Open(folder.Database);

        Assert.Contains(
            "index zero_x",
            ScratchDatabase.Damage(connection, full: true, out _, Cancel),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_database_that_is_not_there_is_not_created()
    {
        using var folder = new ReplicatedFolder();
        File.Delete(folder.Database);

        foreach (var level in Enum.GetValues<VerificationLevel>())
        {
            var result = await Verify(folder, new() { Level = level });
            Assert.Equal((VerificationOutcome.Inconclusive, "LSB4105"), (result.Outcome, result.Code));
        }

        Assert.Empty(folder.FilesBesideTheDatabases());
    }

    [Fact]
    public async Task Where_nothing_has_ever_replicated_that_is_reported_and_nothing_is_left_behind()
    {
        using var folder = new ReplicatedFolder();

        var result = await Verify(folder, isPatient: false);

        Assert.Equal((VerificationOutcome.NotReplicating, "LSB4101"), (result.Outcome, result.Code));
        Assert.Contains("LitestreamStartReplicator=true", result.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(
            folder.FilesBesideTheDatabases(),
            file => file.Contains("litestream", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_file_that_is_no_SQLite_database_has_a_code_of_its_own()
    {
        using var folder = new ReplicatedFolder();
        var bytes = new byte[8192];
        new Random(1).NextBytes(bytes);
        File.WriteAllBytes(folder.Database, bytes);

        var result = await Verify(folder);

        Assert.Equal((VerificationOutcome.Inconclusive, "LSB4105"), (result.Outcome, result.Code));
        Assert.Contains("encrypted", result.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(folder.Database));
    }

    [Fact]
    [Trait("Line", "0.3")] // 0.5 reads nothing of a database before its storage has answered: NotReplicating.
    public async Task Storage_that_does_not_answer_is_neither_good_nor_bad()
    {
        // A replicator counts as alive when it reads a commit within two of its intervals.
        using var folder = new ReplicatedFolder(
            monitor: "3s",
            replica: "type: s3\n    bucket: b\n    endpoint: http://127.0.0.1:1\n    region: us-east-1\n    "
                + "access-key-id: AKIDAKID\n    secret-access-key: s3cr3ts3cr3t"
        );
        folder.Start();
        await folder.WaitUntilAsync(() => folder.GenerationName != "none");

        var result = await Verify(folder, new() { Timeout = TimeSpan.FromSeconds(15) });

        Assert.True(
            result is { Outcome: VerificationOutcome.Inconclusive, Code: "LSB4005" },
            $"{result}\n{folder.Log}"
        );
        Assert.Contains("connection refused", result.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", result.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_an_executable_of_an_unknown_release_line_it_restores_until_the_commit_is_there_and_says_so()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        var unknown = Repository.IsLine05 ? "0.9.1" : "0.4.1";
        var executable = LitestreamTool.Script(
            Path.Combine(folder.Root, "litestream"),
            $"#!/bin/sh\nif [ \"$1\" = version ]; then echo {unknown}; else exec '{LitestreamTool.Executable.Path}' "
                + $"\"$@\"; fi\n"
        );

        var full = await DatabaseVerification.RunAsync(
            executable,
            folder.Config,
            folder.Config.Databases[0],
            new() { Timeout = Long },
            Cancel
        );
        var position = await DatabaseVerification.RunAsync(
            executable,
            folder.Config,
            folder.Config.Databases[0],
            new() { Level = VerificationLevel.Position },
            Cancel
        );

        Assert.True(full.Outcome == VerificationOutcome.Verified, full.ToString());
        Assert.Contains(
            $"position of a replica is not known for litestream {unknown}",
            full.Message,
            StringComparison.Ordinal
        );
        Assert.Null(full.Committed);
        Assert.Equal((VerificationOutcome.Inconclusive, "LSB4104"), (position.Outcome, position.Code));
    }

    [Fact]
    public async Task A_cancelled_verification_leaves_nothing()
    {
        // So long that the verification does not end by itself before it is cancelled.
        using var folder = await ReplicatedFolder.StartedAsync(sync: "1m");
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var verification = DatabaseVerification.RunAsync(
            LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases[0],
            null,
            cancel.Token
        );
        await LitestreamTool.WaitUntilAsync(() =>
            LitestreamTool.Query(
                folder.Database,
                "SELECT count(*) FROM sqlite_master WHERE name = '_litestream_verification'"
            ) == "1"
        );

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => verification);
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task A_replica_that_is_not_configured_is_named_with_those_that_are()
    {
        using var folder = new ReplicatedFolder();

        var error = await Assert.ThrowsAsync<LitestreamException>(() => Verify(folder, new() { Replica = "fil" }));

        Assert.Equal("LSB3008", error.Diagnostic.Code);
        Assert.Contains("'file'", error.Message, StringComparison.Ordinal);
    }

    /// <param name="folder">The database.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="isPatient">Whether it waits longer than by default where no time is named.</param>
    private static Task<VerificationResult> Verify(
        ReplicatedFolder folder,
        VerificationOptions? options = null,
        bool isPatient = true
    )
    {
        options ??= new();
        return DatabaseVerification.RunAsync(
            LitestreamTool.Executable,
            folder.Config,
            folder.Config.Databases[0],
            isPatient ? options with { Timeout = options.Timeout ?? Long } : options,
            Cancel
        );
    }

    private static async Task IsVerifiedEachTime(int times)
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        for (var i = 0; i < times; i++)
        {
            LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('more')");

            var result = await Verify(folder);

            Assert.True(result.Outcome == VerificationOutcome.Verified, $"{i}: {result}\n{folder.Log}");
            Assert.Null(result.Code);
            Assert.Equal(4 + i, result.RowCounts!["item"]);
            Assert.Equal(0, result.RowCounts["odd \"name"]);
            Assert.Equal(2, result.RowCounts.Count);
            Assert.True(result.Replicated!.Reaches(result.Committed!), result.ToString());
            Assert.NotNull(result.RestoredBytes);
        }

        Assert.Equal("1", LitestreamTool.Query(folder.Database, "SELECT count(*) FROM _litestream_verification"));
        Assert.Equal(
            "_litestream_lock,_litestream_seq,_litestream_verification,item,odd \"name",
            LitestreamTool.Query(
                folder.Database,
                "SELECT group_concat(name) FROM (SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name)"
            )
        );
        Assert.Equal(
            [".app 0.db-litestream", "app 0.db", "app 0.db-shm", "app 0.db-wal"],
            folder.FilesBesideTheDatabases().Order(StringComparer.Ordinal)
        );
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    private static async Task IsWaitedFor(string interval)
    {
        using var folder = await ReplicatedFolder.StartedAsync(sync: interval);
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('x')");

        var result = await Verify(folder, new() { Level = VerificationLevel.Quick });

        Assert.True(result.Outcome == VerificationOutcome.Verified, result.ToString());
        Assert.NotNull(result.ArrivalTime);
    }

    private static void Break(ReplicatedFolder folder, string what)
    {
        // The first transactions of the WAL, after the snapshot.
        var segment = ReplicaFiles.Changes(folder.Replica).Except(ReplicaFiles.Starts(folder.Replica)).First();
        var snapshots = ReplicaFiles.Starts(folder.Replica);
        switch (what)
        {
            case "deleted replica":
                Directory.Delete(folder.Replica, recursive: true);
                break;
            case "deleted snapshot":
                snapshots.ToList().ForEach(File.Delete);
                break;
            case "deleted segment":
                File.Delete(segment);
                break;
            case "truncated segment":
                Truncate(segment);
                break;
            case "truncated snapshot":
                snapshots.ToList().ForEach(Truncate);
                break;
            case "flipped byte in a segment":
                Flip(segment);
                break;
            case "flipped byte in the snapshot":
                snapshots.ToList().ForEach(Flip);
                break;
            case "wrong format":
                Directory.Delete(Path.Combine(folder.Replica, AppFolder.ContentFolder), recursive: true);
                var file = Repository.IsLine05
                    ? "generations/0123456789abcdef/snapshots/00000000.snapshot.lz4"
                    : "ltx/0/0000000000000001-0000000000000001.ltx";
                file = Path.Combine(folder.Replica, file);
                Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                File.WriteAllText(file, "LTX1".PadRight(100));
                break;
            case "older generation":
                Directory.Delete(folder.Generation, recursive: true);
                break;
            case "older copy":
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(what));
        }
    }

    private static void Truncate(string file)
    {
        using var stream = new FileStream(file, FileMode.Open);
        stream.SetLength(stream.Length / 2);
    }

    private static void Flip(string file)
    {
        var bytes = File.ReadAllBytes(file);
        bytes[bytes.Length / 2] ^= 0x10;
        File.WriteAllBytes(file, bytes);
    }
}
