using System.Text.Json;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases.V03;
using Litestream.Releases.V05;
using Litestream.Restore;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Restore;

/// <summary>Which state is restored, which databases, and what a dry run says of it.</summary>
[Trait("Uses", "litestream")]
public sealed class RestoreSelectionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string DatabaseFile => Path.Combine(_folder.Path, "app.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_moment_between_two_commits_gives_exactly_the_rows_of_that_moment()
    {
        var config = Config("app.db", ("file", "replica"));
        var moments = new List<(DateTimeOffset At, int Rows)>();
        using var connection = Open(DatabaseFile);
        Run(connection, "CREATE TABLE t(x)");
        var rows = 0;
        var began = DateTimeOffset.UtcNow.AddSeconds(1.5);
        await LitestreamTool.ReplicateUntilAsync(
            config,
            _folder.Path,
            () =>
            {
                // The listings have whole seconds: the first change is to be in another one than the beginning.
                if (!LitestreamTool.IsSent(config.Databases[0], ReplicaFolder) || SettledMoment() < began)
                    return false;
                if (rows > 0)
                    moments.Add((SettledMoment(), rows));
                if (rows == 5)
                    return true;
                Run(connection, $"INSERT INTO t VALUES ({++rows})");
                return false;
            }
        );
        Assert.Equal(5, moments.Count);

        foreach (var (at, count) in moments)
        {
            var output = Path.Combine(_folder.Path, $"at-{count}.db");
            var result = await Restore(config, request => request with { Output = output, Timestamp = at });
            Assert.Equal(RestoreOutcome.Restored, result.Outcome);
            Assert.Equal(string.Join(',', Enumerable.Range(1, count)), Rows(output));
        }

        // The executable itself finds nothing after the last change.
        var later = Path.Combine(_folder.Path, "later.db");
        Assert.Equal(
            RestoreOutcome.Restored,
            (
                await Restore(
                    config,
                    request => request with { Output = later, Timestamp = DateTimeOffset.UtcNow.AddDays(1) }
                )
            ).Outcome
        );
        Assert.Equal("1,2,3,4,5", Rows(later));

        var before = await Assert.ThrowsAsync<LitestreamException>(() =>
            Restore(
                config,
                request =>
                    request with
                    {
                        Output = later + "2",
                        Timestamp = DateTimeOffset.UtcNow.AddDays(-1),
                        IfReplicaExists = true,
                    }
            )
        );
        Assert.Equal("LSB4002", before.Diagnostic.Code);
        Assert.Contains(
            Repository.IsLine05
                ? "Existing backups: TXID 0000000000000001 to "
                : "Existing backups: replica file, generation ",
            before.Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_moment_between_two_generations_gives_the_end_of_the_older_one()
    {
        var config = Config("app.db", ("file", "replica"));
        LitestreamTool.Sql(DatabaseFile, "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => Segments("replica") > 0);
        var first = Path.GetFileName(
            Assert.Single(Directory.GetDirectories(Path.Combine(_folder.Path, "replica", "generations")))
        );

        // The listings have whole seconds.
        await LitestreamTool.WaitUntilAsync(() => SettledMoment() > NewestFile("replica").AddSeconds(1.2));
        var between = DateTimeOffset.UtcNow;
        Directory.Delete(config.Databases[0].MetaPath, recursive: true);
        LitestreamTool.Sql(DatabaseFile, "INSERT INTO t VALUES (2)");
        await LitestreamTool.ReplicateUntilAsync(
            config,
            _folder.Path,
            () =>
                Directory
                    .GetDirectories(Path.Combine(_folder.Path, "replica", "generations"))
                    .Where(g => !g.EndsWith(first, StringComparison.Ordinal))
                    .Any(g => LitestreamTool.HasBackup(g, 1))
        );

        var old = Path.Combine(_folder.Path, "old.db");
        var result = await Restore(config, request => request with { Output = old, Timestamp = between });
        Assert.Equal(first, result.Source!.Lineage);
        Assert.Equal("1", Rows(old));

        var byName = Path.Combine(_folder.Path, "name.db");
        Assert.Equal(
            first,
            (await Restore(config, request => request with { Output = byName, Generation = first })).Source!.Lineage
        );
        Assert.Equal("1", Rows(byName));

        var newest = Path.Combine(_folder.Path, "newest.db");
        Assert.NotEqual(first, (await Restore(config, request => request with { Output = newest })).Source!.Lineage);
        Assert.Equal("1,2", Rows(newest));

        var none = await Assert.ThrowsAsync<LitestreamException>(() =>
            Restore(
                config,
                request =>
                    request with
                    {
                        Output = newest + "2",
                        Generation = "0123456789abcdef",
                        IfReplicaExists = true,
                    }
            )
        );
        Assert.Equal("LSB4002", none.Diagnostic.Code);
        Assert.Contains("generation 0123456789abcdef. Existing backups: ", none.Message, StringComparison.Ordinal);
    }

    /// <summary>Release line 0.5 continues the replica, where 0.3 begins a generation.</summary>
    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_moment_before_the_state_folder_was_lost_gives_the_rows_of_that_moment()
    {
        var config = Config("app.db", ("file", "replica"));
        LitestreamTool.Sql(DatabaseFile, "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => Segments("replica") > 0);
        var first = Path.GetFileNameWithoutExtension(ReplicaFiles.Changes(ReplicaFolder)[^1])[17..];

        // The listings have whole seconds.
        await LitestreamTool.WaitUntilAsync(() => SettledMoment() > NewestFile("replica").AddSeconds(1.2));
        var between = DateTimeOffset.UtcNow;
        Directory.Delete(config.Databases[0].MetaPath, recursive: true);
        LitestreamTool.Sql(DatabaseFile, "INSERT INTO t VALUES (2)");
        var segments = Segments("replica");
        await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => Segments("replica") > segments);

        var old = Path.Combine(_folder.Path, "old.db");
        var result = await Restore(config, request => request with { Output = old, Timestamp = between });
        Assert.Equal(first, ((LtxSource)result.Source!).TxId);
        Assert.Equal("1", Rows(old));

        var newest = Path.Combine(_folder.Path, "newest.db");
        result = await Restore(config, request => request with { Output = newest });
        Assert.NotEqual(first, ((LtxSource)result.Source!).TxId);
        Assert.Equal("1,2", Rows(newest));
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_TXID_gives_the_state_at_the_end_of_that_file()
    {
        var config = Config("app.db", ("file", "replica"));
        LitestreamTool.Sql(DatabaseFile, "CREATE TABLE t(x)");
        for (var i = 1; i <= 3; i++)
        {
            LitestreamTool.Sql(DatabaseFile, $"INSERT INTO t VALUES ({i})");
            var segments = Segments("replica");
            await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => Segments("replica") > segments);
        }

        var states = new List<string>();
        for (var txId = 1; txId <= Segments("replica"); txId++)
        {
            var output = Path.Combine(_folder.Path, $"txid-{txId}.db");
            var result = await Restore(config, request => request with { Output = output, TxId = txId });
            Assert.Equal(TxIdPosition.Format(txId), ((LtxSource)result.Source!).TxId);
            states.Add(Rows(output));
        }

        Assert.Equal("1", states[0]);
        Assert.Equal("1,2,3", states[^1]);
        Assert.Equal(states.Order(StringComparer.Ordinal), states);

        var none = await Assert.ThrowsAsync<LitestreamException>(() =>
            Restore(
                config,
                request =>
                    request with
                    {
                        Output = Path.Combine(_folder.Path, "none.db"),
                        TxId = states.Count + 1,
                        IfReplicaExists = true,
                    }
            )
        );
        Assert.Equal("LSB4002", none.Diagnostic.Code);
        Assert.Contains(
            $"TXID {TxIdPosition.Format(states.Count + 1)}. Existing backups: ",
            none.Message,
            StringComparison.Ordinal
        );
    }

    /// <summary>The executable says the same of both, and without a backup an app starts without data.</summary>
    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_replica_without_its_first_file_is_damaged_and_not_empty()
    {
        var config = Config("app.db", ("file", "replica"));
        LitestreamTool.Sql(DatabaseFile, "CREATE TABLE t(x)");
        for (var i = 1; i <= 2; i++)
        {
            LitestreamTool.Sql(DatabaseFile, $"INSERT INTO t VALUES ({i})");
            var segments = Segments("replica");
            await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => Segments("replica") > segments);
        }

        foreach (var file in ReplicaFiles.Starts(ReplicaFolder))
            File.Delete(file);
        Assert.NotEmpty(ReplicaFiles.All(ReplicaFolder));
        var output = Path.Combine(_folder.Path, "copy.db");

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            Restore(config, request => request with { Output = output, IfReplicaExists = true })
        );

        Assert.Equal("LSB4003", error.Diagnostic.Code);
        Assert.Contains("has files from TXID 0000000000000002 on", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(output));
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task An_index_gives_the_state_at_the_end_of_that_wal()
    {
        var config = Config("app.db", ("file", "replica"));
        LitestreamTool.Sql(DatabaseFile, "CREATE TABLE t(x)");
        for (var i = 1; i <= 3; i++)
        {
            // Each run of the executable begins a new WAL.
            LitestreamTool.Sql(DatabaseFile, $"INSERT INTO t VALUES ({i})");
            var segments = Segments("replica");
            await LitestreamTool.ReplicateUntilAsync(config, _folder.Path, () => Segments("replica") > segments);
        }

        var last = (GenerationSource)
            (
                await Restore(config, request => request with { Output = Path.Combine(_folder.Path, "last.db") })
            ).Source!;
        var indexes = new List<string>();
        for (var index = last.SnapshotIndex; index <= last.Index; index++)
        {
            var output = Path.Combine(_folder.Path, $"index-{index}.db");
            var result = await Restore(config, request => request with { Output = output, Index = index });
            Assert.Equal(index, ((GenerationSource)result.Source!).Index);
            indexes.Add(Rows(output));
        }

        Assert.Equal("1,2,3", indexes[^1]);
        Assert.Equal(indexes.Order(StringComparer.Ordinal), indexes);
    }

    /// <summary>Release line 0.5 has one replica for each database.</summary>
    [Fact]
    [Trait("Line", "0.3")]
    public async Task The_replica_that_is_named_is_the_one()
    {
        var config = Config("app.db", ("one", "first"), ("two", "second"));
        LitestreamTool.Sql(DatabaseFile, "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        await LitestreamTool.ReplicateUntilAsync(
            config,
            _folder.Path,
            () => Segments("first") > 0 && Segments("second") > 0
        );

        foreach (var name in new[] { "one", "two" })
        {
            var output = Path.Combine(_folder.Path, name + ".db");
            var result = await Restore(
                config,
                request =>
                    request with
                    {
                        Output = output,
                        Replica = name,
                        Parallelism = 1,
                        Arguments = ["-parallelism", "2"],
                    }
            );
            Assert.Equal(name, result.Source!.Replica);
            Assert.Equal("1", Rows(output));
        }

        Directory.Delete(Path.Combine(_folder.Path, "first"), recursive: true);
        Assert.Equal(
            RestoreOutcome.NoBackup,
            (
                await Restore(
                    config,
                    request =>
                        request with
                        {
                            Output = Path.Combine(_folder.Path, "none.db"),
                            Replica = "one",
                            IfReplicaExists = true,
                        }
                )
            ).Outcome
        );
    }

    [Theory]
    [InlineData("replica", "Did you mean 'file'?")]
    [InlineData("both", "not to both", Traits = ["Line", "0.3"])]
    [InlineData("index", "between 0", Traits = ["Line", "0.3"])]
    [InlineData("moment and TXID", "not to both", Traits = ["Line", "0.5"])]
    [InlineData("TXID", "The TXID is zero", Traits = ["Line", "0.5"])]
    [InlineData("year", "the year 1", Traits = ["Line", "0.5"])]
    [InlineData("generation", "are for release line 0.3", Traits = ["Line", "0.5"])]
    [InlineData("parallelism", "at least 1")]
    [InlineData("timeout", "longer than zero")]
    [InlineData("-o", "'-o' cannot be passed")]
    [InlineData("--config=x", "'--config=x' cannot be passed")]
    [InlineData("-timestamp=", "'-timestamp=' cannot be passed")]
    public async Task A_wrong_option_is_reported_before_anything_is_done(string what, string message)
    {
        var config = Config("app.db", ("file", "replica"));

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            Restore(
                config,
                request =>
                    what switch
                    {
                        "replica" => request with { Replica = "fiel" },
                        "both" => request with { Timestamp = DateTimeOffset.UtcNow, Index = 1 },
                        "index" => request with { Index = -1 },
                        "moment and TXID" => request with { Timestamp = DateTimeOffset.UtcNow, TxId = 1 },
                        "TXID" => request with { TxId = 0 },
                        "year" => request with { Timestamp = DateTimeOffset.MinValue },
                        "generation" => request with { Generation = "0123456789abcdef" },
                        "parallelism" => request with { Parallelism = 0 },
                        "timeout" => request with { Timeout = TimeSpan.Zero },
                        _ => request with { Arguments = [what] },
                    }
            )
        );

        Assert.Equal("LSB3008", error.Diagnostic.Code);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(["litestream.yml"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task An_argument_that_the_executable_does_not_know_is_its_error()
    {
        var config = Config("app.db", ("file", "replica"));

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            Restore(config, request => request with { Arguments = ["-nonsense"] })
        );

        Assert.Equal("LSB3001", error.Diagnostic.Code);
        Assert.Contains("-nonsense", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_storage_that_does_not_answer_ends_at_the_timeout()
    {
        using var silent = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        silent.Start();
        _folder.Write(
            "litestream.yml",
            $"dbs:\n  - path: app.db\n    replicas:\n      - type: s3\n        bucket: b\n        path: p\n        "
                + $"region: us-east-1\n        endpoint: http://{silent.LocalEndpoint}\n        "
                + $"access-key-id: a\n      "
                + $"  secret-access-key: bbbb\n"
        );
        var config = LitestreamTool.Effective(Path.Combine(_folder.Path, "litestream.yml"), _folder.Path);

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            Restore(config, request => request with { Timeout = TimeSpan.FromMilliseconds(200) })
        );

        Assert.Equal("LSB3005", error.Diagnostic.Code);
        Assert.Empty(Directory.GetDirectories(_folder.Path));
    }

    [Fact]
    public async Task A_dry_run_says_what_would_be_restored_and_moved_where_and_touches_nothing()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var before = Snapshot(database.Data);

        await BackedUpDatabase.FailsAsync("LSB4001", database.Request() with { DryRun = true });
        var plan = await BackedUpDatabase.RestoreAsync(database.Request() with { DryRun = true, Force = true });

        Assert.Equal(before, Snapshot(database.Data));
        Assert.Equal(RestoreOutcome.WouldRestore, plan.Outcome);
        Assert.Equal(
            ["app.db", "app.db-wal", "app.db-shm", ".app.db-litestream"],
            plan.MovedAside.Select(moved => Path.GetFileName(moved.From))
        );
        Assert.All(plan.MovedAside, moved => Assert.Contains("app.db.replaced-", moved.To, StringComparison.Ordinal));
        var files = ReplicaFiles.All(database.Replica).Select(file => new FileInfo(file)).ToList();

        // On 0.3 a restore reads all of them; on 0.5 a file of several transactions stands for those.
        Assert.Equal(
            Repository.IsLine05
                ? await BytesOfTheExecutablesPlanAsync(database.Replica)
                : files.Sum(file => file.Length),
            plan.Bytes
        );
        Assert.InRange(
            plan.Source!.Time!.Value,
            files.Min(file => file.LastWriteTimeUtc).AddSeconds(-1),
            files.Max(file => file.LastWriteTimeUtc)
        );

        var done = await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });
        Assert.Equal(done.Source, plan.Source with { Time = null });
    }

    [Fact]
    public async Task A_dry_run_without_a_backup_says_that_there_is_none()
    {
        var config = Config("app.db", ("file", "replica"));

        Assert.Equal(
            RestoreOutcome.NoBackup,
            (await Restore(config, request => request with { DryRun = true, IfReplicaExists = true })).Outcome
        );
        Assert.Equal(
            "LSB4002",
            (
                await Assert.ThrowsAsync<LitestreamException>(() =>
                    Restore(config, request => request with { DryRun = true })
                )
            )
                .Diagnostic
                .Code
        );
        Assert.Equal(["litestream.yml"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task All_databases_are_restored_side_by_side_and_one_that_fails_does_not_stop_the_others()
    {
        var config = await ThreeDatabasesAsync();
        ReplicaFiles.Truncate(Path.Combine(_folder.Path, "replica-b"), 20);
        foreach (var name in new[] { "a", "b", "c" })
            File.Delete(Path.Combine(_folder.Path, name + ".db"));

        var results = await DatabaseRestore.RunAllAsync(
            LitestreamTool.Executable,
            config,
            config.Databases,
            new RestoreOptions { InPlace = true },
            null,
            TestContext.Current.CancellationToken
        );

        Assert.Equal(
            [RestoreOutcome.Restored, RestoreOutcome.Failed, RestoreOutcome.Restored],
            results.Select(result => result.Outcome)
        );
        Assert.Equal("LSB4003", results[1].Error!.Diagnostic.Code);
        Assert.Equal(config.Databases.Select(database => database.Path), results.Select(result => result.Output));
        Assert.Equal("'a'", Rows(results[0].Output, "quote(x)"));
        Assert.Equal("'c'", Rows(results[2].Output, "quote(x)"));
        Assert.False(File.Exists(results[1].Output));
    }

    [Fact]
    public async Task Without_an_output_the_client_makes_a_dated_file_beside_the_database()
    {
        var config = await ThreeDatabasesAsync();
        var client = new LitestreamClient(LitestreamTool.Executable, config);

        var one = await client.RestoreAsync("a.db", cancellationToken: TestContext.Current.CancellationToken);
        var all = await client.RestoreAllAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Matches(@"/a-\d{8}T\d{6}Z\.db$", one.Output);
        Assert.Equal("'a'", Rows(one.Output, "quote(x)"));
        Assert.Equal(["'a'", "'b'", "'c'"], all.Select(result => Rows(result.Output, "quote(x)")));
        Assert.Empty(all.SelectMany(result => result.MovedAside));
        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            client.RestoreAllAsync(
                new RestoreOptions { Output = "x.db" },
                cancellationToken: TestContext.Current.CancellationToken
            )
        );
        Assert.Equal("LSB3008", error.Diagnostic.Code);
        Assert.Equal(
            "LSB3008",
            (
                await Assert.ThrowsAsync<LitestreamException>(() =>
                    client.RestoreAsync(
                        "a.db",
                        new RestoreOptions { Output = "x.db", InPlace = true },
                        cancellationToken: TestContext.Current.CancellationToken
                    )
                )
            )
                .Diagnostic
                .Code
        );
    }

    private static Task<RestoreResult> Restore(EffectiveConfig config, Func<RestoreRequest, RestoreRequest> change) =>
        DatabaseRestore.RunAsync(
            LitestreamTool.Executable,
            change(new RestoreRequest(config, config.Databases[0])),
            null,
            TestContext.Current.CancellationToken
        );

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = path,
                Pooling = false,
                DefaultTimeout = 120,
            }.ToString()
        );
        connection.Open();
        return connection;
    }

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static string Rows(string database, string column = "x") =>
        LitestreamTool.Query(database, $"SELECT group_concat({column}) FROM (SELECT x FROM t ORDER BY rowid)");

    /// <summary>
    /// A moment after every file there is: the system dates files with a clock that moves in steps.
    /// </summary>
    private static DateTimeOffset SettledMoment()
    {
        var now = DateTimeOffset.UtcNow;
        SpinWait.SpinUntil(() => DateTimeOffset.UtcNow > now.AddMilliseconds(20));
        now = DateTimeOffset.UtcNow;
        SpinWait.SpinUntil(() => DateTimeOffset.UtcNow > now.AddMilliseconds(20));
        return now;
    }

    private static List<(string, long, DateTime)> Snapshot(string folder) =>
        [
            .. Directory
                .GetFileSystemEntries(folder, "*", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .Select(entry =>
                    (entry, File.Exists(entry) ? new FileInfo(entry).Length : -1, File.GetLastWriteTimeUtc(entry))
                ),
        ];

    private string ReplicaFolder => Path.Combine(_folder.Path, "replica");

    private int Segments(string replica) => ReplicaFiles.Changes(Path.Combine(_folder.Path, replica)).Count;

    private DateTimeOffset NewestFile(string replica) => ReplicaFiles.Newest(Path.Combine(_folder.Path, replica));

    private static async Task<long> BytesOfTheExecutablesPlanAsync(string replica)
    {
        var result = await LitestreamTool
            .Command()
            .RunAsync(
                ["restore", "-dry-run", "-json", "-o", "/none/of.db", "file://" + replica],
                TestContext.Current.CancellationToken
            );
        using var json = JsonDocument.Parse(result.StandardOutput);
        return json.RootElement.GetProperty("files").EnumerateArray().Sum(file => file.GetProperty("size").GetInt64());
    }

    private EffectiveConfig Config(string database, params (string Name, string Folder)[] replicas)
    {
        var lines = replicas.Select(replica =>
            $"      - name: {replica.Name}\n        type: file\n        path: {replica.Folder}\n        "
            + $"sync-interval: 20ms\n"
        );
        return LitestreamTool.Effective(
            _folder.Write("litestream.yml", $"dbs:\n  - path: {database}\n    replicas:\n{string.Concat(lines)}"),
            _folder.Path
        );
    }

    private async Task<EffectiveConfig> ThreeDatabasesAsync()
    {
        var names = new[] { "a", "b", "c" };
        var config = LitestreamTool.Effective(
            _folder.Write(
                "litestream.yml",
                "dbs:\n"
                    + string.Concat(
                        names.Select(name =>
                            $"  - path: {name}.db\n    replicas:\n      - type: file\n        path: "
                            + $"replica-{name}\n        sync-interval: 20ms\n"
                        )
                    )
            ),
            _folder.Path
        );
        foreach (var name in names)
        {
            LitestreamTool.Sql(
                Path.Combine(_folder.Path, name + ".db"),
                $"CREATE TABLE t(x); INSERT INTO t VALUES ('{name}')"
            );
        }

        await LitestreamTool.ReplicateUntilAsync(
            config,
            _folder.Path,
            () => names.All(name => Segments("replica-" + name) > 0)
        );

        // The last process that had them open was the executable, which leaves these; nothing has them open now.
        foreach (var name in names)
            LitestreamTool.Sql(Path.Combine(_folder.Path, name + ".db"), "PRAGMA journal_mode = delete");
        return config;
    }
}
