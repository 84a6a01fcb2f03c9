using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases.V03;
using Litestream.Releases.V05;
using Litestream.Tests.Databases;

namespace Litestream.Tests;

/// <summary>What the client says, against what the files of the replica say.</summary>
[Trait("Uses", "litestream")]
public sealed class LitestreamClientTests : IDisposable
{
    /// <summary>Release line 0.5 has one for each database.</summary>
    private static readonly string[] Replicas = Repository.IsLine05 ? ["near by"] : ["near by", "far"];

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("app.db")]
    [InlineData("two  spaces/zürich 🐘 漢字.db")]
    [Trait("Line", "0.3")]
    public async Task The_lists_are_what_the_files_of_the_replicas_say(string name)
    {
        var client = await ReplicatedAsync(name);
        var path = client.Config.Databases[0].Path;

        // Numbers from ten on tell hexadecimal names from decimal columns.
        var wal = Directory.GetFiles(In("near by"), "*.wal.lz4", SearchOption.AllDirectories)[0];
        File.Copy(wal, Path.Combine(Path.GetDirectoryName(wal)!, "0000001f_0000abcd.wal.lz4"));
        var snapshot = Directory.GetFiles(In("far"), "*.snapshot.lz4", SearchOption.AllDirectories)[0];
        File.Copy(snapshot, Path.Combine(Path.GetDirectoryName(snapshot)!, "0000002b.snapshot.lz4"));

        var database = Assert.Single(await client.DatabasesAsync(Cancellation));
        Assert.Equal(In(name), database.Path);
        Assert.Equal(Replicas, database.Replicas);

        var snapshots = await client.SnapshotsAsync(cancellationToken: Cancellation);
        Assert.Equal(
            Files("*.snapshot.lz4")
                .Select(f => new Snapshot(f.Replica, f.Generation, f.Numbers[0], f.Size, f.Written))
                .ToHashSet(),
            snapshots.ToHashSet()
        );
        Assert.Contains(snapshots, s => s is { Replica: "far", Index: 0x2b });

        var segments = await client.WalSegmentsAsync(cancellationToken: Cancellation);
        Assert.Equal(
            Files("*.wal.lz4")
                .Select(f => new WalSegment(f.Replica, f.Generation, f.Numbers[0], f.Numbers[1], f.Size, f.Written))
                .ToHashSet(),
            segments.ToHashSet()
        );
        Assert.Contains(segments, s => s is { Replica: "near by", Index: 0x1f, Offset: 0xabcd });

        var generations = await client.GenerationsAsync(cancellationToken: Cancellation);
        Assert.Equal(TimesInTheFiles(), generations.Select(g => (g.Replica, g.Name, g.Start, g.End)).ToHashSet());
        Assert.All(generations, g => Assert.NotNull(g.Lag));

        var far = Assert.Single(await client.GenerationsAsync(path, "far", Cancellation));
        Assert.Equal("far", far.Replica);
        Assert.All(await client.SnapshotsAsync(name, "far", Cancellation), s => Assert.Equal("far", s.Replica));
        Assert.Equal(
            segments.Where(s => s.Replica == "far"),
            await client.WalSegmentsAsync(null, "far", far.Name, Cancellation)
        );
        Assert.Empty(await client.WalSegmentsAsync(null, null, "0123456789abcdef", Cancellation));
        Assert.Equal("0.3.13", await client.VersionAsync(Cancellation));
    }

    [Theory]
    [Trait("Line", "0.5")]
    [InlineData("app.db")]
    [InlineData("two  spaces/zürich 🐘 漢字.db")]
    public async Task The_list_is_what_the_files_of_the_replica_say(string name)
    {
        var client = await ReplicatedAsync(name);
        var path = client.Config.Databases[0].Path;

        // Numbers from ten on tell hexadecimal names from decimal ones.
        var newest = ReplicaFiles.Changes(In("near by"))[^1];
        File.Copy(newest, Path.Combine(Path.GetDirectoryName(newest)!, "000000000000001f-00000000000000ab.ltx"));
        var expected = ReplicaFiles
            .All(In("near by"))
            .Select(file => new FileInfo(file))
            .Select(file => new LtxFile(
                "near by",
                int.Parse(file.Directory!.Name, CultureInfo.InvariantCulture),
                file.Name[..16],
                file.Name[17..33],
                file.Length,
                new DateTimeOffset(
                    file.LastWriteTimeUtc.AddTicks(-(file.LastWriteTimeUtc.Ticks % TimeSpan.TicksPerSecond))
                )
            ));

        var files = await client.LtxFilesAsync(cancellationToken: Cancellation);

        Assert.Equal(expected.ToHashSet(), files.ToHashSet());
        Assert.Contains(files, file => file is { MinTxId: "000000000000001f", MaxTxId: "00000000000000ab" });
        Assert.Equal(files, await client.LtxFilesAsync(path, "near by", Cancellation));
        Assert.Equal(files, LtxLayout.List(In("near by"), "near by"));
        File.Delete(path);
        Assert.Equal(files, await client.LtxFilesAsync(cancellationToken: Cancellation));
        Directory.Delete(In("near by"), recursive: true);
        Assert.Empty(await client.LtxFilesAsync(cancellationToken: Cancellation));
        Assert.Empty(LtxLayout.List(In("near by"), "near by"));
        Assert.Equal(Repository.Version, await client.VersionAsync(Cancellation));
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task The_lag_is_negative_where_the_replica_is_newer_than_the_file()
    {
        var client = await ReplicatedAsync("app.db");
        File.Delete(In("app.db-wal"));
        File.SetLastWriteTimeUtc(In("app.db"), Files("*.lz4").Max(f => f.Written).UtcDateTime.AddHours(-1));

        Assert.All(
            await client.GenerationsAsync(cancellationToken: Cancellation),
            g => Assert.InRange(g.Lag!.Value, TimeSpan.FromHours(-1.01), TimeSpan.FromHours(-0.99))
        );
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_lost_database_still_has_its_generations_with_the_times_of_their_files_and_no_lag()
    {
        var client = await ReplicatedAsync("app.db");
        var before = await client.GenerationsAsync(cancellationToken: Cancellation);
        File.Delete(In("app.db"));

        var after = await client.GenerationsAsync(cancellationToken: Cancellation);

        Assert.Equal(before.Select(g => g with { Lag = null }), after);
        Assert.Equal("far", Assert.Single(await client.GenerationsAsync("app.db", "far", Cancellation)).Replica);
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_generation_without_a_file_has_no_times_and_a_replica_without_a_folder_no_generations()
    {
        var client = await ReplicatedAsync("app.db");
        Directory.Delete(In("far"), recursive: true);
        Assert.Empty(await client.GenerationsAsync(replica: "far", cancellationToken: Cancellation));
        Assert.Empty(await client.SnapshotsAsync(replica: "far", cancellationToken: Cancellation));
        Assert.Empty(await client.WalSegmentsAsync(replica: "far", cancellationToken: Cancellation));

        Directory.CreateDirectory(In("far/generations/0123456789abcdef"));
        Assert.Equal(
            new Generation("far", "0123456789abcdef", null, null, null),
            Assert.Single(await client.GenerationsAsync(replica: "far", cancellationToken: Cancellation))
        );
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task Databases_without_a_replica_and_names_that_a_table_cannot_show_are_listed_right()
    {
        // A file of the user's own without a replica would be refused.
        var yml = _folder.Write(
            "litestream.yml",
            $"""
            {GeneratedConfig.Marker}
            dbs:
              - path: "{In("none.db")}"
              - path: "{In("space at the end ")}"
                replicas:
                  - {"{"} name: "a,b", type: file, path: "{In("r1")}" {"}"}
                  - {"{"} name: c, type: file, path: "{In("r2")}" {"}"}
            """
        );
        var databases = await Client(LitestreamTool.Effective(yml, _folder.Path)).DatabasesAsync(Cancellation);

        Assert.Equal([In("none.db"), In("space at the end ")], databases.Select(d => d.Path));
        Assert.Empty(databases[0].Replicas);
        Assert.Equal(["a,b", "c"], databases[1].Replicas);
    }

    [Fact]
    public async Task Storage_that_fails_is_an_error_despite_exit_code_0_and_the_other_replica_can_still_be_asked()
    {
        var client = await ReplicatedAsync("app.db");
        Directory.Delete(In(Replicas[^1]), recursive: true);
        _folder.Write($"{Replicas[^1]}/{AppFolder.ContentFolder}", "a file where a folder should be");

        foreach (var list in Lists(client, null))
        {
            var error = await Assert.ThrowsAsync<LitestreamException>(list);
            Assert.Equal("LSB3001", error.Diagnostic.Code);
            Assert.Contains("not a directory", error.Message, StringComparison.Ordinal);
        }

        if (Replicas.Length == 1)
            return;
        foreach (var list in Lists(client, "near by"))
            await list();
    }

    [Fact]
    public async Task A_list_of_the_other_release_line_is_refused_with_what_replaces_it()
    {
        var client = await ReplicatedAsync("app.db");
        Func<Task>[] calls = Repository.IsLine05
            ?
            [
                () => client.GenerationsAsync(cancellationToken: Cancellation),
                () => client.SnapshotsAsync(cancellationToken: Cancellation),
                () => client.WalSegmentsAsync(cancellationToken: Cancellation),
            ]
            : [() => client.LtxFilesAsync(cancellationToken: Cancellation)];

        foreach (var call in calls)
        {
            var refused = await Assert.ThrowsAsync<LitestreamException>(call);
            Assert.Equal("LSB3009", refused.Diagnostic.Code);
            Assert.Contains(Repository.IsLine05 ? "Ltx" : "Snapshots", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_replica_that_is_not_there_is_reported_before_anything_is_started()
    {
        var client = await ReplicatedAsync("app.db");

        foreach (
            var list in Lists(
                new LitestreamClient(new LitestreamExecutable("/no/such/executable"), client.Config),
                "nearby"
            )
        )
        {
            var error = await Assert.ThrowsAsync<LitestreamException>(list);
            Assert.Equal("LSB3008", error.Diagnostic.Code);
            Assert.EndsWith(
                "has no replica 'nearby'. Did you mean 'near by'? Replicas: "
                    + $"{string.Join(", ", Replicas.Select(replica => $"'{replica}'"))}.",
                error.Message,
                StringComparison.Ordinal
            );
        }
    }

    [Theory]
    [InlineData("/bin/false", "`litestream generations` ended with exit code 1: it printed nothing")]
    [InlineData(
        "/bin/echo",
        "`litestream generations` printed no table with the columns name, generation, lag, start, end: generations "
            + "-config "
    )]
    [Trait("Line", "0.3")]
    public async Task Another_executable_is_found_out(string executable, string said)
    {
        var client = await ReplicatedAsync("app.db");

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            new LitestreamClient(new LitestreamExecutable(executable), client.Config).GenerationsAsync(
                cancellationToken: Cancellation
            )
        );

        Assert.Equal("LSB3001", error.Diagnostic.Code);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Storage_that_never_answers_ends_at_the_time_limit_and_nothing_is_left()
    {
        using var storage = new SilentStorage();
        var config = S3Config(storage.Endpoint);
        var lists = Lists(Client(config), null).Count;

        for (var i = 0; i < lists; i++)
        {
            // On a slow machine the executable takes longer than the shortest limit to get as far as the storage.
            var before = storage.Count;
            for (var seconds = 2.5; storage.Count == before && seconds < 200; seconds *= 4)
            {
                var client = Client(config, TimeSpan.FromSeconds(seconds));
                var error = await Assert.ThrowsAsync<LitestreamException>(Lists(client, null)[i]);
                Assert.Equal("LSB3005", error.Diagnostic.Code);
                Assert.Contains(
                    string.Create(CultureInfo.InvariantCulture, $"took longer than {seconds} s"),
                    error.Message,
                    StringComparison.Ordinal
                );
            }
        }

        // One connection at least from each, and all of them closed: the executables have ended.
        Assert.True(await storage.CountUntilClosedAsync() >= lists);
        AssertNoConfigurationIsLeft();
    }

    [Fact]
    public async Task Cancelling_ends_the_executable_first()
    {
        using var storage = new SilentStorage();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var client = Client(S3Config(storage.Endpoint));
        Task listing = Repository.IsLine05
            ? client.LtxFilesAsync(cancellationToken: stop.Token)
            : client.SnapshotsAsync(cancellationToken: stop.Token);
        await storage.ConnectedAsync();

        await stop.CancelAsync();

        var cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listing);
        Assert.Equal(stop.Token, cancelled.CancellationToken);
        Assert.True(await storage.CountUntilClosedAsync() >= 1);
        AssertNoConfigurationIsLeft();
    }

    [Theory]
    [InlineData("plain-Secret-0815")]
    [InlineData("with\"quote\\and&sign/%=")]
    public async Task A_secret_is_in_no_exception_wherever_it_came_from(string secret)
    {
        // The bucket and the replica's name make the executable repeat the secret, in a URL and in a field of its line.
        string Yml(string key) =>
            $"""
                dbs:
                  - path: {In("app.db")}
                    replicas:
                      - type: s3
                        name: '{secret}'
                        bucket: '{secret}'
                        endpoint: http://127.0.0.1:1
                        region: us-east-1
                        access-key-id: '{key}'
                        secret-access-key: '{key}'
                """;
        LitestreamTool.Sql(In("app.db"), "CREATE TABLE t(x)");
        var settings = new Dictionary<string, string> { ["Litestream:SecretAccessKey"] = secret };
        var environment = new Dictionary<string, string> { ["MY_PASSWORD"] = secret };
        EffectiveConfig[] configs =
        [
            LitestreamTool.Effective(_folder.Write("literal.yml", Yml(secret)), _folder.Path),
            LitestreamTool.Effective(
                _folder.Write("setting.yml", Yml("${LITESTREAM_SECRET_ACCESS_KEY}")),
                _folder.Path,
                settings
            ),
            LitestreamTool.Effective(
                _folder.Write("variable.yml", Yml("some-key")),
                _folder.Path,
                environment: environment
            ),
        ];

        await Task.WhenAll(
            configs
                // Release line 0.5 tries for two minutes.
                .SelectMany(config => Lists(Client(config, TimeSpan.FromMinutes(10)), null))
                .Select(async list =>
                {
                    var error = await Assert.ThrowsAsync<LitestreamException>(list);
                    Assert.Equal("LSB3001", error.Diagnostic.Code);
                    Assert.Contains("http://127.0.0.1:1/***?", error.Message, StringComparison.Ordinal);
                    foreach (
                        var form in new[]
                        {
                            secret,
                            Uri.EscapeDataString(secret),
                            secret.Replace("\"", "\\\"", StringComparison.Ordinal),
                        }
                    )
                    {
                        Assert.DoesNotContain(form, error.ToString(), StringComparison.Ordinal);
                    }
                })
        );
    }

    [Fact]
    public async Task Many_calls_at_the_same_time_do_not_disturb_each_other()
    {
        var client = await ReplicatedAsync("app.db");
        async Task<IReadOnlyList<object>> ListAsync() =>
            Repository.IsLine05
                ? [.. await client.LtxFilesAsync(cancellationToken: Cancellation)]
                : [.. await client.WalSegmentsAsync(cancellationToken: Cancellation)];
        var expected = await ListAsync();
        Assert.NotEmpty(expected);

        var all = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => ListAsync()));

        Assert.All(all, files => Assert.Equal(expected, files));
        AssertNoConfigurationIsLeft();
    }

    [Fact]
    public async Task Code_outside_the_host_gets_the_apps_own_settings_and_executable()
    {
        var app = In("app folder");
        _folder.Write(
            "app folder/litestream.yml",
            GeneratedConfig
                .Create([new("built.db", "Shop", "ConnectionStrings:Shop")], new GeneratedConfigOptions())
                .Text
        );
        _folder.Write("app folder/appsettings.json", """{ "ConnectionStrings": { "Shop": "Data Source=all.db" } }""");
        _folder.Write(
            "app folder/appsettings.Staging.json",
            """{ "ConnectionStrings": { "Shop": "Data Source=staging.db" } }"""
        );
        var variables = new Dictionary<string, string>
        {
            ["LITESTREAM_INSTALL_DIR"] = Path.GetDirectoryName(LitestreamTool.Executable.Path)!,
        };

        var client = LitestreamClient.Create(
            new LitestreamClientOptions
            {
                ApplicationDirectory = app,
                EnvironmentName = "Staging",
                Environment = variables,
            }
        );

        Assert.Equal(LitestreamTool.Executable, client.Executable);
        Assert.Equal(Path.Combine(app, "staging.db"), Assert.Single(await client.DatabasesAsync(Cancellation)).Path);
        Assert.Equal(
            Path.Combine(app, "all.db"),
            LitestreamClient
                .Create(new LitestreamClientOptions { ApplicationDirectory = app, Environment = variables })
                .Config.Choose("Shop")
                .Path
        );

        var missing = Assert.Throws<LitestreamException>(() =>
            LitestreamClient.Create(
                new LitestreamClientOptions
                {
                    ApplicationDirectory = app,
                    ConfigPath = "other.yml",
                    Environment = variables,
                }
            )
        );
        Assert.Equal("LSB3004", missing.Diagnostic.Code);
        Assert.Contains(Path.Combine(app, "other.yml"), missing.Message, StringComparison.Ordinal);
        Assert.Equal(
            "LSB2003",
            Assert
                .Throws<LitestreamException>(() =>
                    LitestreamClient.Create(
                        new LitestreamClientOptions
                        {
                            ApplicationDirectory = app,
                            Environment = new Dictionary<string, string>(),
                        }
                    )
                )
                .Diagnostic.Code
        );
    }

    private static LitestreamClient Client(EffectiveConfig config, TimeSpan? timeout = null) =>
        new(LitestreamTool.Executable, config) { Timeout = timeout ?? TimeSpan.FromMinutes(5) };

    private static IReadOnlyList<Func<Task>> Lists(LitestreamClient client, string? replica) =>
        Repository.IsLine05
            ? [() => client.LtxFilesAsync(replica: replica, cancellationToken: Cancellation)]
            :
        [
            () => client.GenerationsAsync(replica: replica, cancellationToken: Cancellation),
            () => client.SnapshotsAsync(replica: replica, cancellationToken: Cancellation),
            () => client.WalSegmentsAsync(replica: replica, cancellationToken: Cancellation),
        ];

    private async Task<LitestreamClient> ReplicatedAsync(string name)
    {
        var yml = _folder.Write(
            "litestream.yml",
            $"""
            dbs:
              - path: "{name}"
                replicas:

            """
                + string.Concat(
                    Replicas.Select(replica => $"      - {{ name: {replica}, type: file, path: \"{replica}\" }}\n")
                )
        );
        var config = LitestreamTool.Effective(yml, _folder.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(config.Databases[0].Path)!);
        LitestreamTool.Sql(config.Databases[0].Path, "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        var written = false;
        await LitestreamTool.ReplicateUntilAsync(
            config,
            _folder.Path,
            () =>
            {
                if (!written && Replicas.All(replica => LitestreamTool.HasBackup(In(replica), 1)))
                {
                    LitestreamTool.Sql(config.Databases[0].Path, "INSERT INTO t VALUES (randomblob(20000))");
                    written = true;
                }

                return Replicas.All(replica => LitestreamTool.HasBackup(In(replica), 2));
            }
        );
        return Client(config);
    }

    private EffectiveConfig S3Config(string endpoint)
    {
        LitestreamTool.Sql(In("app.db"), "CREATE TABLE t(x)");
        return LitestreamTool.Effective(
            _folder.Write(
                "s3.yml",
                $"dbs: [{{ path: app.db, replicas: [{{ type: s3, bucket: b, endpoint: '{endpoint}', region: "
                    + $"us-east-1, access-key-id: some-key, secret-access-key: some-secret }}] }}]\n"
            ),
            _folder.Path
        );
    }

    /// <summary>The files of both replicas; the numbers in their names are hexadecimal.</summary>
    private List<(string Replica, string Generation, long[] Numbers, long Size, DateTimeOffset Written)> Files(
        string pattern
    ) =>
        [
            .. from replica in Replicas
            from file in new DirectoryInfo(In(replica)).EnumerateFiles(pattern, SearchOption.AllDirectories)
            let numbers = file
                .Name.Split('.')[0]
                .Split('_')
                .Select(part => long.Parse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))
                .ToArray()
            select (
                replica,
                file.Directory!.Parent!.Name,
                numbers,
                file.Length,
                new DateTimeOffset(
                    file.LastWriteTimeUtc.AddTicks(-(file.LastWriteTimeUtc.Ticks % TimeSpan.TicksPerSecond))
                )
            ),
        ];

    private HashSet<(string, string, DateTimeOffset?, DateTimeOffset?)> TimesInTheFiles() =>
        [
            .. Files("*.lz4")
                .GroupBy(f => (f.Replica, f.Generation))
                .Select(files =>
                    (
                        files.Key.Replica,
                        files.Key.Generation,
                        (DateTimeOffset?)files.Min(f => f.Written),
                        (DateTimeOffset?)files.Max(f => f.Written)
                    )
                ),
        ];

    /// <summary>
    /// Other tests use the folder of temporary files as well: only what speaks of this test's databases counts.
    /// </summary>
    private void AssertNoConfigurationIsLeft() =>
        Assert.DoesNotContain(
            Directory
                .EnumerateDirectories(Path.GetTempPath(), "litestream-*")
                .Select(folder => Path.Combine(folder, "litestream.yml")),
            yml =>
            {
                try
                {
                    return File.ReadAllText(yml).Contains(_folder.Path, StringComparison.Ordinal);
                }
                catch (IOException)
                {
                    return false;
                }
            }
        );

    private string In(string path) => Path.Combine(_folder.Path, path);

    /// <summary>A server that takes every connection and never says a word.</summary>
    private sealed class SilentStorage : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly List<Task> _connections = [];
        private readonly TaskCompletionSource _connected = new();

        public SilentStorage()
        {
            _listener.Start();
            _ = AcceptAsync();
        }

        public string Endpoint => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

        /// <summary>How many connections there were.</summary>
        public int Count
        {
            get
            {
                lock (_connections)
                    return _connections.Count;
            }
        }

        public Task ConnectedAsync() => _connected.Task.WaitAsync(TimeSpan.FromMinutes(3), Cancellation);

        /// <summary>Waits until the other side has closed all connections.</summary>
        public async Task<int> CountUntilClosedAsync()
        {
            Task[] connections;
            lock (_connections)
                connections = [.. _connections];
            await Task.WhenAll(connections).WaitAsync(TimeSpan.FromMinutes(3), Cancellation);
            return connections.Length;
        }

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync(Cancellation);
                    lock (_connections)
                        _connections.Add(ReadToEndAsync(client));
                    _connected.TrySetResult();
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // Disposed.
            }
        }

        private static async Task ReadToEndAsync(TcpClient client)
        {
            using (client)
            {
                try
                {
                    var buffer = new byte[4096];
                    while (await client.GetStream().ReadAsync(buffer, Cancellation) > 0) { }
                }
                catch (IOException)
                {
                    // Reset: closed as well.
                }
            }
        }
    }
}
