using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting.Tests;

/// <summary>Hosts in this process that register Litestream by hand, with the real executable.</summary>
public sealed class HostTests : IDisposable
{
    private const string Secret = "kP9-secret-0815";

    private readonly string _folder = Directory.CreateTempSubdirectory("host-").FullName;

    [Fact]
    public async Task The_status_tells_what_runs_and_the_lines_keep_their_level_and_fields()
    {
        CreateDatabase("a.db");
        var log = new RecordedLog();
        using var host = Build(log, WriteConfig("a.db"));
        var replicator = host.Services.GetRequiredService<LitestreamReplicator>();

        // It has run since the host was built.
        var running = replicator.Status;
        Assert.True(
            running is { State: LitestreamState.Starting } or { Databases: [{ LastSync: not null }] },
            $"{running}"
        );

        // The number that the database gets when all has arrived is a commit too.
        await host.StartAsync(TestContext.Current.CancellationToken);
        await AppFolder.UntilAsync(
            () =>
                (running = replicator.Status)
                    is { State: LitestreamState.Replicating, Databases: [{ Lag.Ticks: 0, LagBytes: 0 } one] }
                && one.Committed == one.Replicated,
            () => $"everything had arrived: {running}"
        );

        var database = Assert.Single(running.Databases);
        Assert.Equal(
            (Path.Combine(_folder, "a.db"), LitestreamHealth.Healthy, null, TimeSpan.Zero, 0),
            (database.Path, database.Health, database.Problem, database.Lag, database.LagBytes)
        );
        Assert.Equal(database.Committed, database.Replicated);
        Assert.NotNull(database.LastSync);
        Assert.NotNull(ProcessIdentity.Of(running.ProcessId!.Value));
        Assert.NotNull(running.StartedAt);
        Assert.Equal(0, running.Restarts);
        AssertNoError(running);
        var sent = Repository.IsLine05 ? "compaction complete" : "wal segment written";
        bool IsSent(RecordedLine line) => line.Text.StartsWith(sent, StringComparison.Ordinal);
        await AppFolder.UntilAsync(() => log.Lines.Any(IsSent), "something was sent");
        var line = log.Lines.First(IsSent);
        Assert.Equal(
            ("Litestream", LogLevel.Information, Repository.IsLine05 ? "a.db" : Path.Combine(_folder, "a.db")),
            (line.Category, line.Level, line.State["db"])
        );

        // The database's number has arrived too: 0.3 fails, and says so, when it is stopped just while it uploads.
        await AppFolder.UntilAsync(
            () =>
                (Repository.IsLine05 || log.Lines.Count(IsSent) >= 2)
                && replicator.Status is { Databases: [{ LagBytes: 0 }] },
            "the number was sent"
        );

        await host.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal(LitestreamState.Stopped, replicator.Status.State);
        Assert.Null(replicator.Status.ProcessId);
        Assert.Null(ProcessIdentity.Of(running.ProcessId.Value));
        Assert.DoesNotContain(log.Lines, line => line.Level >= LogLevel.Error && !IsLate(line.Text));
    }

    [Fact]
    public async Task The_lock_names_the_app_and_its_litestream_while_it_runs_and_nothing_afterwards()
    {
        CreateDatabase("a.db");
        using var host = Build(new RecordedLog(), WriteConfig("a.db"));
        await host.StartAsync(TestContext.Current.CancellationToken);
        var id = await ProcessIdAsync(host);

        Assert.Null(DatabaseLock.TryAcquire(Path.Combine(_folder, "a.db"), out var holder));
        Assert.Equal(ProcessIdentity.Of(Environment.ProcessId), holder.App);
        Assert.Equal(ProcessIdentity.Of(id), holder.Replicator);
        Assert.StartsWith("127.0.0.1:", holder.MetricsAddress, StringComparison.Ordinal);

        await host.StopAsync(TestContext.Current.CancellationToken);

        using var free = DatabaseLock.TryAcquire(Path.Combine(_folder, "a.db"), out _);
        Assert.Equal(LockRecord.Empty, free!.Found);
    }

    [Fact]
    public async Task The_live_connection_string_wins_over_the_built_path_and_every_database_is_replicated()
    {
        CreateDatabase("moved.db");
        CreateDatabase("b.db");
        var config = Path.Combine(_folder, "litestream.yml");
        await File.WriteAllTextAsync(
            config,
            GeneratedConfig
                .Create(
                    [
                        new FoundDatabase("built.db", "Orders", "ConnectionStrings:Orders"),
                        new FoundDatabase(Path.Combine(_folder, "b.db"), null, null),
                    ],
                    new GeneratedConfigOptions()
                )
                .Text,
            TestContext.Current.CancellationToken
        );
        using var host = Build(
            new RecordedLog(),
            config,
            ("ConnectionStrings:Orders", $"Data Source={_folder}/moved.db")
        );

        await host.StartAsync(TestContext.Current.CancellationToken);
        await host.StopAsync(TestContext.Current.CancellationToken);

        var replicas = Path.Combine(_folder, "litestream-replicas");
        Assert.True(Directory.Exists(Path.Combine(replicas, "moved.db", AppFolder.ContentFolder)));
        Assert.True(Directory.Exists(Path.Combine(replicas, "b.db", AppFolder.ContentFolder)));
    }

    [Fact]
    public async Task Two_hosts_of_one_process_do_not_replicate_the_same_database_twice()
    {
        CreateDatabase("a.db");
        var log = new RecordedLog();
        var config = WriteConfig("a.db");
        using var one = Build(new RecordedLog(), config);
        using var other = Build(log, config);

        await one.StartAsync(TestContext.Current.CancellationToken);
        await other.StartAsync(TestContext.Current.CancellationToken);

        await AppFolder.UntilAsync(
            () => one.Services.GetRequiredService<LitestreamReplicator>().Status.State == LitestreamState.Replicating,
            "the first host replicated"
        );
        await AppFolder.UntilAsync(
            () => other.Services.GetRequiredService<LitestreamReplicator>().Status.State == LitestreamState.Waiting,
            "the other host waited"
        );
        Assert.DoesNotContain(log.Lines, line => line.Level >= LogLevel.Error);
        await one.StopAsync(TestContext.Current.CancellationToken);
        await AppFolder.UntilAsync(
            () => other.Services.GetRequiredService<LitestreamReplicator>().Status.State == LitestreamState.Replicating,
            "the other host took over"
        );
        await other.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Disposing_a_running_host_drains_too()
    {
        CreateDatabase("a.db");
        var host = Build(new RecordedLog(), WriteConfig("a.db"));
        await host.StartAsync(TestContext.Current.CancellationToken);
        var id = await ProcessIdAsync(host);

        host.Dispose();

        Assert.Null(ProcessIdentity.Of(id));
        Assert.True(Directory.Exists(Path.Combine(_folder, "replica-a.db", AppFolder.ContentFolder)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_metrics_address_of_the_users_own_stays(bool isVariable)
    {
        CreateDatabase("a.db");
        var address = ReplicatorMetrics.FindFreeAddress()!;
        Environment.SetEnvironmentVariable("LSB_TEST_METRICS_PORT", address[(address.LastIndexOf(':') + 1)..]);
        var config = WriteConfig("a.db");
        await File.WriteAllTextAsync(
            config,
            $"addr: \"{(isVariable ? "127.0.0.1:${LSB_TEST_METRICS_PORT}" : address)}\"\n"
                + $"{await File.ReadAllTextAsync(config, TestContext.Current.CancellationToken)}",
            TestContext.Current.CancellationToken
        );
        using var host = Build(new RecordedLog(), config);
        await host.StartAsync(TestContext.Current.CancellationToken);

        using var counters = new ReplicatorMetrics(address);
        MetricsAnswer? answer = null;
        await AppFolder.UntilAsync(
            async () => (answer = await counters.ReadAsync(TestContext.Current.CancellationToken)) is not null,
            () => $"litestream answered at {address}"
        );

        Assert.Contains(
            answer!.Series.Keys,
            name => name.Contains(Path.Combine(_folder, "a.db"), StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("127.0.0.1:")]
    [InlineData("localhost:")]
    [InlineData(":")]
    [InlineData("nobody.invalid:")]
    public async Task A_metrics_address_that_cannot_be_opened_is_reported_once_and_does_not_keep_it_from_replicating(
        string host
    )
    {
        CreateDatabase("a.db");
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var config = WriteConfig("a.db");
        await File.WriteAllTextAsync(
            config,
            $"addr: \"{host}{((IPEndPoint)other.LocalEndpoint).Port}\"\n"
                + $"{await File.ReadAllTextAsync(config, TestContext.Current.CancellationToken)}",
            TestContext.Current.CancellationToken
        );
        var log = new RecordedLog();
        using var app = Build(log, config);
        var replicator = app.Services.GetRequiredService<LitestreamReplicator>();
        await app.StartAsync(TestContext.Current.CancellationToken);
        await AppFolder.UntilAsync(() => replicator.Status.State == LitestreamState.Replicating, "it replicated");

        Assert.Equal(0, replicator.Status.Restarts);
        AssertNoError(replicator.Status);
        var warnings = log
            .Lines.Where(line =>
                line.Level >= LogLevel.Warning
                && !line.Text.Contains("LSB1101", StringComparison.Ordinal)
                && !IsLate(line.Text)
            )
            .Select(line => line.Text)
            .ToList();
        Assert.True(
            warnings is [var only]
                && only.StartsWith("LSB5015: ", StringComparison.Ordinal)
                && only.Contains("addr", StringComparison.Ordinal),
            string.Join('\n', warnings)
        );
        await app.StopAsync(TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("dbs: [")]
    [InlineData(null)]
    public async Task A_litestream_yml_that_is_replaced_while_the_app_runs_counts_from_its_next_start(string? broken)
    {
        CreateDatabase("a.db");
        CreateDatabase("b.db");
        var config = WriteConfig("a.db");
        using var host = Build(new RecordedLog(), config);
        await host.StartAsync(TestContext.Current.CancellationToken);
        var replicator = host.Services.GetRequiredService<LitestreamReplicator>();
        var first = await ProcessIdAsync(host);

        WriteConfig("b.db");
        if (broken is not null)
            await File.WriteAllTextAsync(config, broken, TestContext.Current.CancellationToken);

        await AppFolder.SignalAsync("KILL", first);
        await AppFolder.UntilAsync(
            () => replicator.Status is { State: LitestreamState.Replicating, ProcessId: { } id } && id != first,
            "litestream was started again"
        );
        await host.StopAsync(TestContext.Current.CancellationToken);

        Assert.True(Directory.Exists(Path.Combine(_folder, "replica-a.db", AppFolder.ContentFolder)));
        Assert.False(Directory.Exists(Path.Combine(_folder, "replica-b.db")));
    }

    [Fact]
    public async Task Secrets_are_in_no_log_line_no_file_and_no_argument()
    {
        CreateDatabase("a.db");
        var log = new RecordedLog();
        var config = Path.Combine(_folder, "litestream.yml");
        await File.WriteAllTextAsync(
            config,
            GeneratedConfig
                .Create(
                    [new FoundDatabase(Path.Combine(_folder, "a.db"), null, null)],
                    new GeneratedConfigOptions { ReplicaUrl = "s3://bucket/app" }
                )
                .Text,
            TestContext.Current.CancellationToken
        );

        // Known as it is, so that the storage, which does not answer, need not be asked whether it continues its
        // lineage.
        new DatabaseIdentity(null, false, FileStamp.Of(Path.Combine(_folder, "a.db"))).Write(
            Path.Combine(_folder, ".a.db-litestream")
        );
        using var host = Build(
            log,
            config,
            ("Litestream:AccessKeyId", "id"),
            ("Litestream:SecretAccessKey", Secret),
            ("Litestream:ReplicaEndpoint", "http://127.0.0.1:1"),
            ("Litestream:ReplicaRegion", "us-east-1"),
            ("Litestream:RestoreOnStart", "Never"),
            ("Litestream:ShutdownTimeout", "5s")
        );
        await host.StartAsync(TestContext.Current.CancellationToken);
        var id = await ProcessIdAsync(host);

        var arguments = (
            await File.ReadAllTextAsync($"/proc/{id}/cmdline", TestContext.Current.CancellationToken)
        ).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        var written = arguments[^1];
        Assert.Equal(["replicate", "-config"], arguments[1..^1]);
        Assert.Contains(
            Secret,
            await File.ReadAllTextAsync($"/proc/{id}/environ", TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain(
            Secret,
            await File.ReadAllTextAsync(written, TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(written));
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(Path.GetDirectoryName(written)!)
            );
        }

        await host.StopAsync(TestContext.Current.CancellationToken);

        // A stop that is out of time leaves it to a session that ends later.
        await AppFolder.UntilAsync(() => !Directory.Exists(Path.GetDirectoryName(written)), $"'{written}' was gone");
        Assert.DoesNotContain(
            log.Lines,
            line =>
                line.Text.Contains(Secret, StringComparison.Ordinal)
                || line.State.Values.Any(value => value?.ToString()?.Contains(Secret, StringComparison.Ordinal) == true)
        );
        Assert.Contains(log.Lines, line => line.Level == LogLevel.Error);
    }

    [Fact]
    public async Task A_database_in_a_folder_that_cannot_be_written_is_named_and_the_app_runs()
    {
        // A file where the folder should be: even root cannot write there.
        await File.WriteAllTextAsync(Path.Combine(_folder, "file"), "", TestContext.Current.CancellationToken);
        var log = new RecordedLog();
        using var host = Build(log, WriteConfig("file/a.db"), ("Litestream:RestoreOnStart", "Never"));

        await host.StartAsync(TestContext.Current.CancellationToken);

        await AppFolder.UntilAsync(
            () => host.Services.GetRequiredService<LitestreamReplicator>().Status.State == LitestreamState.Failed,
            "it had failed"
        );
        await AppFolder.UntilAsync(() => log.Lines.Any(IsSaid), "it was said");
        await host.StopAsync(TestContext.Current.CancellationToken);
        Assert.Single(log.Lines, line => IsSaid(line));

        static bool IsSaid(RecordedLine line) =>
            line.Level == LogLevel.Critical && line.Text.Contains("LSB0003", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_ends_in_its_time_though_the_disk_of_the_database_does_not_answer()
    {
        var token = TestContext.Current.CancellationToken;
        var log = new RecordedLog();
        using var disk = FrozenDisk.WithoutAnAnswerToWriters(Path.Combine(_folder, "disk"));
        CreateDatabase("disk/a.db");
        var host = Build(log, WriteConfig("disk/a.db"), ("Litestream:ShutdownTimeout", "1s"));
        await host.StartAsync(token);
        var replicator = host.Services.GetRequiredService<LitestreamReplicator>();
        await AppFolder.UntilAsync(
            () => replicator.Status.State == LitestreamState.Replicating,
            () => $"it replicated: {replicator.Status}"
        );
        await disk.FreezeAsync();

        // Until somebody thaws it: the test does so only afterwards.
        await host.StopAsync(token).WaitAsync(TimeSpan.FromSeconds(60), token);
        await Task.Run(host.Dispose, token).WaitAsync(TimeSpan.FromSeconds(60), token);

        await AppFolder.UntilAsync(() => log.Lines.Any(IsSaid), "it was said");
        Assert.Single(log.Lines, line => IsSaid(line));

        static bool IsSaid(RecordedLine line) => line.Text.Contains("LSB5005", StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_with_every_kind_of_character_is_read_as_the_path_it_is() =>
        Assert.Equal(
            3,
            ReplicatorMetrics
                .Parse(
                    "# TYPE litestream_sync_count counter\nlitestream_sync_count{db=\"/a \\\"b\\\"}\\\\n.db\"} "
                        + "3\nlitestream_sync_error_count{db=\"/x\"} 0\n"
                )
                .Syncs("/a \"b\"}\\n.db")
        );

    [Fact]
    public void A_record_that_was_cut_off_names_no_process()
    {
        var whole = new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null, "127.0.0.1:9090").ToUtf8();

        Assert.NotNull(LockRecord.Parse(whole).App);
        Assert.Equal("127.0.0.1:9090", LockRecord.Parse(whole).MetricsAddress);
        for (var length = 1; length < whole.Length; length++)
        {
            // But whoever wrote it was killed while it did.
            Assert.True(
                LockRecord.Parse(whole.AsMemory(0, length)) is { App: null, Replicator: null, IsUnclean: true }
            );
        }
    }

    public void Dispose() => TestFolder.Delete(_folder);

    /// <summary>That of litestream, which the start of the host does not wait for without end.</summary>
    private static async Task<int> ProcessIdAsync(IHost host)
    {
        var replicator = host.Services.GetRequiredService<LitestreamReplicator>();
        int? id = null;
        await AppFolder.UntilAsync(
            () => (id = replicator.Status.ProcessId) is not null,
            () => $"litestream ran: {replicator.Status}"
        );
        return id!.Value;
    }

    /// <summary>No error but that commits are late.</summary>
    private static void AssertNoError(LitestreamStatus status) =>
        Assert.True(status.LastError is null || IsLate(status.LastError), status.LastError);

    /// <summary>Commits are late for a moment, as they may be on a busy machine.</summary>
    private static bool IsLate(string text) => text.StartsWith("LSB5007: ", StringComparison.Ordinal);

    private static IHost Build(RecordedLog log, string config, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { EnvironmentName = "Production" }
        );
        builder.Configuration.AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))
        );
        builder.Configuration["Litestream:ConfigPath"] = config;

        // Other tests of this process have databases open too.
        builder.Configuration["Litestream:NotReplicated"] ??= "*";
        builder.Configuration["Litestream:ExecutablePath"] = Repository.Executable;
        builder.Logging.AddProvider(log);
        builder.Services.AddLitestream();
        return builder.Build();
    }

    private string WriteConfig(string database)
    {
        var config = Path.Combine(_folder, "litestream.yml");
        File.WriteAllText(
            config,
            $"dbs:\n  - path: {_folder}/{database}\n    replicas:\n      - type: file\n        "
                + $"path: {_folder}/replica-{database}\n"
        );
        return config;
    }

    private void CreateDatabase(string name)
    {
        using var connection = new SqliteConnection($"Data Source={_folder}/{name};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "CREATE TABLE orders(text TEXT); INSERT INTO orders VALUES ('x')";
        command.ExecuteNonQuery();
    }

    private sealed record RecordedLine(
        string Category,
        LogLevel Level,
        string Text,
        IReadOnlyDictionary<string, object?> State
    );

    private sealed class RecordedLog : ILoggerProvider
    {
        public ConcurrentQueue<RecordedLine> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

        public void Dispose() { }

        private sealed class Logger(RecordedLog log, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(
                LogLevel logLevel,
                EventId eventId,
                TState state,
                Exception? exception,
                Func<TState, Exception?, string> formatter
            ) =>
                log.Lines.Enqueue(
                    new RecordedLine(
                        category,
                        logLevel,
                        formatter(state, exception),
                        state is IEnumerable<KeyValuePair<string, object?>> values
                            ? new Dictionary<string, object?>(values, StringComparer.Ordinal)
                            : []
                    )
                );
        }
    }
}
