using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Restore;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Restore;

[Trait("Uses", "litestream")]
public sealed class DatabaseRestoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string DatabaseFile => Path.Combine(_folder.Path, "data", "app.db");

    private string Replica => Path.Combine(_folder.Path, "data", "litestream-replicas", "app.db");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("app.db")]
    [InlineData("with space/a'b \"c\" 1.db")]
    [InlineData("number #1.db", Traits = ["Line", "0.3"])] // LSB1015 on 0.5
    [InlineData("a: b/$HOME ${X} $$.db")]
    [InlineData("100%/x@y;z.db")]
    [InlineData("back\\slash/ä 漢字 😀.db")]
    [InlineData(" lead/trail ")]
    [InlineData("- x/*&!|>{}[].db")]
    public async Task A_database_of_any_name_is_replicated_and_restored(string name)
    {
        var config = Generate(name);
        var database = config.Databases[0].Path;
        Assert.Equal(Path.Combine(_folder.Path, name), database);
        Directory.CreateDirectory(Path.GetDirectoryName(database)!);
        LitestreamTool.Sql(database, "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)");
        var replica = Path.Combine(Path.GetDirectoryName(database)!, "litestream-replicas", Path.GetFileName(database));
        await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => LitestreamTool.HasBackup(replica, 1));

        var saved = RestoredContent.Save(database);
        Lose(database);
        Assert.Equal(RestoreOutcome.Restored, await Restore(config));

        await RestoredContent.AssertSameAsync(saved, database);
        File.Delete(saved);
        AssertNoTemporaryFolder(Path.GetDirectoryName(database)!);
    }

    [Fact]
    public async Task After_a_restore_into_the_original_place_replication_continues_without_a_gap()
    {
        var config = await Replicated();
        var meta = config.Databases[0].MetaPath;
        Lose(DatabaseFile);
        Assert.True(Directory.Exists(meta));

        Assert.Equal(RestoreOutcome.Restored, await Restore(config));

        Assert.Equal(["history.json"], Directory.GetFileSystemEntries(meta).Select(Path.GetFileName));
        Assert.Single(Directory.GetDirectories(Path.GetDirectoryName(meta)!, ".app.db-litestream.lost-*"));
        LitestreamTool.Sql(DatabaseFile, "INSERT INTO t VALUES (10)");
        var before = ReplicaFiles.All(Replica);
        await LitestreamTool.ReplicateUntilAsync(
            config,
            _folder.Path,
            () => ReplicaFiles.Changes(Replica).Except(before).Any()
        );
        var elsewhere = Path.Combine(_folder.Path, "elsewhere", "copy.db");
        Assert.Equal(RestoreOutcome.Restored, await Restore(config, elsewhere));
        await RestoredContent.AssertSameAsync(DatabaseFile, elsewhere);
    }

    [Fact]
    public async Task The_restored_file_is_its_owners_only_and_a_missing_folder_is_made()
    {
        var config = await Replicated();
        var output = Path.Combine(_folder.Path, "new", "folder", "copy.db");

        Assert.Equal(RestoreOutcome.Restored, await Restore(config, output));

        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(output));
        Assert.Equal(
            ["copy.db"],
            Directory.GetFileSystemEntries(Path.GetDirectoryName(output)!).Select(Path.GetFileName)
        );
        Assert.True(Directory.Exists(config.Databases[0].MetaPath));
    }

    [Fact]
    public async Task An_existing_database_stops_it_and_stays_as_it_was()
    {
        var config = await Replicated();
        var before = File.ReadAllBytes(DatabaseFile);

        var error = await Assert.ThrowsAsync<LitestreamException>(() => Restore(config));

        Assert.Equal("LSB4001", error.Diagnostic.Code);
        Assert.Equal(before, File.ReadAllBytes(DatabaseFile));
        Assert.Equal(
            RestoreOutcome.DatabaseExists,
            (
                await DatabaseRestore.RunAsync(
                    LitestreamTool.Executable,
                    new RestoreRequest(config, config.Databases[0]) { IfDatabaseNotExists = true },
                    null,
                    TestContext.Current.CancellationToken
                )
            ).Outcome
        );
    }

    [Fact]
    public async Task An_empty_file_counts_as_a_database_and_the_message_says_that_it_is_empty()
    {
        var config = await Replicated();
        var output = _folder.Write("copy.db", "");

        var error = await Assert.ThrowsAsync<LitestreamException>(() => Restore(config, output));

        Assert.Equal("LSB4001", error.Diagnostic.Code);
        Assert.Contains("0 bytes", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, new FileInfo(output).Length);
    }

    [Theory]
    [InlineData("-wal")]
    [InlineData("-shm")]
    [InlineData("-journal")]
    public async Task A_stale_file_beside_the_target_stops_it(string suffix)
    {
        var config = await Replicated();
        var output = Path.Combine(_folder.Path, "out", "copy.db");
        _folder.Write("out/copy.db" + suffix, "stale");

        var error = await Assert.ThrowsAsync<LitestreamException>(() => Restore(config, output));

        Assert.Equal("LSB4004", error.Diagnostic.Code);
        Assert.Equal([output + suffix], Directory.GetFileSystemEntries(Path.GetDirectoryName(output)!));
        Assert.Equal("stale", File.ReadAllText(output + suffix));
    }

    [Fact]
    public async Task An_empty_replica_is_not_a_backup()
    {
        var config = Generate("data/app.db");

        var error = await Assert.ThrowsAsync<LitestreamException>(() => Restore(config));

        Assert.Equal("LSB4002", error.Diagnostic.Code);
        Assert.Contains(Replica, error.Message, StringComparison.Ordinal);
        Assert.Equal(
            RestoreOutcome.NoBackup,
            (
                await DatabaseRestore.RunAsync(
                    LitestreamTool.Executable,
                    new RestoreRequest(config, config.Databases[0]) { IfReplicaExists = true },
                    null,
                    TestContext.Current.CancellationToken
                )
            ).Outcome
        );
        Assert.False(File.Exists(DatabaseFile));
        AssertNoTemporaryFolder(Path.GetDirectoryName(DatabaseFile)!);
    }

    [Fact]
    public async Task Storage_that_cannot_be_reached_is_never_no_backup_and_shows_no_secret()
    {
        var text = GeneratedConfig
            .Create(
                [new FoundDatabase("data/app.db", null, null)],
                new GeneratedConfigOptions
                {
                    ReplicaUrl = "s3://bucket/prefix?endpoint=http://127.0.0.1:1&region=us-east-1",
                }
            )
            .Text;
        var config = LitestreamTool.Effective(
            _folder.Write("litestream.yml", text),
            _folder.Path,
            new Dictionary<string, string>
            {
                ["Litestream:AccessKeyId"] = "AKIDAKIDAKID",
                ["Litestream:SecretAccessKey"] = "s3cr3ts3cr3t",
            }
        );

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            DatabaseRestore.RunAsync(
                LitestreamTool.Executable,
                new RestoreRequest(config, config.Databases[0]) { IfReplicaExists = true },
                null,
                TestContext.Current.CancellationToken
            )
        );

        Assert.Equal("LSB4005", error.Diagnostic.Code);
        // 0.5 tries for two minutes, which is about when it is ended.
        Assert.Matches(
            Repository.IsLine05 ? "connection refused|storage (may|does) not answer" : "connection refused",
            error.Message
        );
        Assert.DoesNotContain("s3cr3t", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("AKIDAKID", error.ToString(), StringComparison.Ordinal);
        AssertNoTemporaryFolder(Path.GetDirectoryName(DatabaseFile)!);
    }

    [Fact]
    public async Task A_damaged_backup_is_not_put_in_place()
    {
        var config = await Replicated();
        ReplicaFiles.Truncate(Replica);

        var output = Path.Combine(_folder.Path, "out", "copy.db");
        var error = await Assert.ThrowsAsync<LitestreamException>(() => Restore(config, output));

        Assert.Equal("LSB4003", error.Diagnostic.Code);
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(output)!));
    }

    [Fact]
    public async Task A_backup_of_a_damaged_database_does_not_pass_the_check()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(DatabaseFile)!);
        LitestreamTool.Sql(
            DatabaseFile,
            "CREATE TABLE t(x); CREATE INDEX i ON t(x); WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 "
                + "FROM n WHERE v < 3000) INSERT INTO t SELECT 'row number ' || v FROM n; PRAGMA journal_mode=DELETE"
        );
        using (var file = new FileStream(DatabaseFile, FileMode.Open))
        {
            file.Position = 4096 * 5;
            file.Write(new byte[4096]);
        }

        var config = Generate("data/app.db");
        await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => LitestreamTool.HasBackup(Replica, 1));

        var output = Path.Combine(_folder.Path, "out", "copy.db");
        var error = await Assert.ThrowsAsync<LitestreamException>(() => Restore(config, output));

        Assert.Equal("LSB4003", error.Diagnostic.Code);
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(output)!));
    }

    [Fact]
    public async Task Of_two_at_once_one_restores_and_the_other_leaves_it_alone()
    {
        var config = await Replicated();
        var output = Path.Combine(_folder.Path, "out", "copy.db");

        var all = await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(_ =>
                    Task.Run(() =>
                        DatabaseRestore.RunAsync(
                            LitestreamTool.Executable,
                            new RestoreRequest(config, config.Databases[0])
                            {
                                Output = output,
                                IfDatabaseNotExists = true,
                            },
                            null,
                            TestContext.Current.CancellationToken
                        )
                    )
                )
        );

        Assert.Equal(1, all.Count(o => o.Outcome == RestoreOutcome.Restored));
        Assert.Equal(3, all.Count(o => o.Outcome == RestoreOutcome.DatabaseExists));
        await RestoredContent.AssertSameAsync(DatabaseFile, output);
        AssertNoTemporaryFolder(Path.GetDirectoryName(output)!);
    }

    [Fact]
    public async Task What_a_killed_restore_left_is_removed_and_what_a_living_one_uses_is_not()
    {
        var config = await Replicated();
        var output = Path.Combine(_folder.Path, "out", "copy.db");
        _folder.Write("out/.copy.db.litestream-restore-dead/lock", "");
        _folder.Write("out/.copy.db.litestream-restore-dead/restored.db", "half");
        using var living = new FileStream(
            _folder.Write("out/.copy.db.litestream-restore-living/lock", ""),
            FileMode.Open,
            FileAccess.ReadWrite,
            FileShare.None
        );

        Assert.Equal(RestoreOutcome.Restored, await Restore(config, output));

        Assert.False(Directory.Exists(Path.Combine(_folder.Path, "out", ".copy.db.litestream-restore-dead")));
        Assert.True(Directory.Exists(Path.Combine(_folder.Path, "out", ".copy.db.litestream-restore-living")));
    }

    [Fact]
    public async Task A_cancelled_restore_leaves_nothing_behind()
    {
        var config = await Replicated();
        var output = Path.Combine(_folder.Path, "out", "copy.db");
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            DatabaseRestore.RunAsync(
                LitestreamTool.Executable,
                new RestoreRequest(config, config.Databases[0]) { Output = output },
                _ => cancel.Cancel(),
                cancel.Token
            )
        );

        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(output)!));
    }

    [Fact]
    public void A_file_that_appears_at_the_last_moment_is_not_replaced()
    {
        var source = _folder.Write("source", "restored");
        var target = _folder.Write("target", "the app's");

        Assert.False(AtomicPlacement.TryPlace(source, target, () => Assert.Fail("There are links.")));
        if (OperatingSystem.IsLinux())
            Assert.False(UnixCalls.RenameToFreeName(source, target));
        Assert.False(AtomicPlacement.TryPlaceOverPlaceholder(source, target));
        Assert.Equal("the app's", File.ReadAllText(target));
        File.Delete(target);
        Assert.True(AtomicPlacement.TryPlaceOverPlaceholder(source, target));
        Assert.Equal("restored", File.ReadAllText(target));
        Assert.False(File.Exists(source));
    }

    [Fact]
    public void A_database_that_appears_at_the_last_moment_is_moved_aside_by_force_only()
    {
        var output = _folder.Write("app.db", "the app's");
        var meta = Path.Combine(_folder.Path, ".app.db-litestream");
        Directory.CreateDirectory(meta);

        var swap = ReplaceTransaction.Plan(output, meta, force: false, TimeProvider.System);
        using (var work = RestoreFolder.Create(output))
        {
            File.WriteAllText(work.Restored, "restored");
            Assert.False(swap.Run(work, null));
        }

        Assert.Equal("the app's", File.ReadAllText(output));
        Assert.Equal([meta, output], Directory.GetFileSystemEntries(_folder.Path).Order(StringComparer.Ordinal));
        Assert.Contains(
            output,
            ReplaceTransaction.Plan(output, meta, force: true, TimeProvider.System).Moves.Select(move => move.From)
        );
    }

    [Fact]
    public async Task A_dangling_link_at_the_target_is_not_followed()
    {
        var config = await Replicated();
        var output = Path.Combine(_folder.Path, "link.db");
        File.CreateSymbolicLink(output, Path.Combine(_folder.Path, "nowhere.db"));

        var error = await Assert.ThrowsAsync<LitestreamException>(() => Restore(config, output));

        Assert.Equal("LSB4001", error.Diagnostic.Code);
        Assert.False(File.Exists(Path.Combine(_folder.Path, "nowhere.db")));
    }

    private static void Lose(string database)
    {
        foreach (var suffix in new[] { "", "-wal", "-shm" })
            File.Delete(database + suffix);
    }

    private static void AssertNoTemporaryFolder(string folder) =>
        Assert.Empty(Directory.GetDirectories(folder, "*litestream-restore*"));

    private static async Task<RestoreOutcome> Restore(EffectiveConfig config, string? output = null) =>
        (
            await DatabaseRestore.RunAsync(
                LitestreamTool.Executable,
                new RestoreRequest(config, config.Databases[0]) { Output = output },
                null,
                TestContext.Current.CancellationToken
            )
        ).Outcome;

    private EffectiveConfig Generate(string path)
    {
        var text = GeneratedConfig
            .Create([new FoundDatabase(path, null, null)], new GeneratedConfigOptions())
            .Text;
        return LitestreamTool.Effective(_folder.Write("litestream.yml", text), _folder.Path);
    }

    /// <summary>data/app.db with three rows, all of them in its replica.</summary>
    private async Task<EffectiveConfig> Replicated()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(DatabaseFile)!);
        LitestreamTool.Sql(DatabaseFile, "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3)");
        var config = Generate("data/app.db");
        await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => LitestreamTool.HasBackup(Replica, 1));
        return config;
    }
}
