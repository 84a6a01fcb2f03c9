using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Verification;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting.Tests;

/// <summary>
/// What runs beside the replication: the heartbeat and the scheduled verification, with the real executable.
/// </summary>
public sealed class BackgroundTests : IDisposable
{
    private const string Token = "tok-4711";

    private readonly string _folder = Directory.CreateTempSubdirectory("background-").FullName;
    private readonly LineLog _log = new();

    [Fact]
    public async Task The_heartbeat_is_called_as_soon_as_everything_arrives()
    {
        CreateDatabase();
        using var outside = new Outside(200);
        using var host = Build(("Litestream:HeartbeatUrl", outside.Url));
        await host.StartAsync(TestContext.Current.CancellationToken);

        await AppFolder.UntilAsync(() => outside.Requests.Count == 1, "the heartbeat was called");

        Assert.Equal($"GET /{Token}?key={Token}", outside.Requests.Single());
        Assert.Equal(LitestreamState.Replicating, Status(host).State);
        await host.StopAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain(_log.Lines, line => line.Text.Contains("LSB5011", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_heartbeat_is_silent_while_nothing_arrives()
    {
        CreateDatabase();
        await File.WriteAllTextAsync(Path.Combine(_folder, "replica"), "", TestContext.Current.CancellationToken);

        // Known as it is, so that the storage, which does not answer, need not be asked whether it continues its
        // lineage.
        new DatabaseIdentity(null, false, FileStamp.Of(Database)).Write(Path.Combine(_folder, ".a.db-litestream"));
        using var outside = new Outside(200);
        using var host = Build(
            ("Litestream:HeartbeatUrl", outside.Url),
            ("Litestream:RestoreOnStart", "Never"),
            ("Litestream:ShutdownTimeout", "2s")
        );
        await host.StartAsync(TestContext.Current.CancellationToken);

        await AppFolder.UntilAsync(
            () => Status(host).State == LitestreamState.Stalled,
            "it was noticed that nothing arrives"
        );
        await host.StopAsync(TestContext.Current.CancellationToken);

        Assert.Empty(outside.Requests);
    }

    [Theory]
    [InlineData(LitestreamState.Replicating, LitestreamHealth.Degraded)]
    [InlineData(LitestreamState.Replicating, LitestreamHealth.Unhealthy)]
    [InlineData(LitestreamState.Starting, LitestreamHealth.Healthy)]
    [InlineData(LitestreamState.Waiting, LitestreamHealth.Healthy)]
    public async Task The_heartbeat_waits_until_all_is_well(LitestreamState state, LitestreamHealth health)
    {
        using var outside = new Outside(200);
        using var stopping = new CancellationTokenSource();
        var looks = 0;
        var tooEarly = -1;
        LitestreamStatus Look()
        {
            var isWell = ++looks > 10;
            tooEarly = isWell ? tooEarly : outside.Requests.Count;
            return new(isWell ? LitestreamState.Replicating : state, 1, null, 0, null)
            {
                Databases = [new("/a.db"), new("/b.db") { Health = isWell ? LitestreamHealth.Healthy : health }],
            };
        }

        var run = new Heartbeat(
            new Uri(outside.Url),
            _log.CreateLogger(""),
            TimeProvider.System,
            () => HealthOf(Look())
        )
        {
            Interval = TimeSpan.FromMilliseconds(20),
        }.RunAsync(stopping.Token);

        await AppFolder.UntilAsync(() => !outside.Requests.IsEmpty, "it was called");
        await stopping.CancelAsync();
        await run;

        Assert.Equal(0, tooEarly);
    }

    [Fact]
    public async Task A_heartbeat_without_an_answer_does_not_hold_up_the_stop()
    {
        CreateDatabase();
        using var outside = new Outside();
        using var host = Build(("Litestream:HeartbeatUrl", outside.Url));
        await host.StartAsync(TestContext.Current.CancellationToken);
        await AppFolder.UntilAsync(() => outside.Requests.Count == 1, "the heartbeat was called");
        var before = Failures();

        await host.StopAsync(TestContext.Current.CancellationToken);

        // Had the stop waited for the heartbeat, that would have failed with a warning.
        Assert.Equal(LitestreamState.Stopped, Status(host).State);
        Assert.Equal(before, Failures());

        int Failures() => _log.Lines.Count(line => line.Text.Contains("LSB5011", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_heartbeat_that_fails_is_reported_once_until_it_works_again_and_never_its_path()
    {
        using var outside = new Outside(500, 302, 200, 404, 404, 200);
        using var stopping = new CancellationTokenSource();
        var status = new LitestreamStatus(LitestreamState.Replicating, 1, null, 0, null)
        {
            Databases = [new LitestreamDatabaseStatus("/a.db")],
        };
        var run = new Heartbeat(
            new Uri(outside.Url),
            _log.CreateLogger(""),
            TimeProvider.System,
            () => HealthOf(status)
        )
        {
            Interval = TimeSpan.FromMilliseconds(20),
        }.RunAsync(stopping.Token);

        await AppFolder.UntilAsync(() => outside.Requests.Count >= 7, "it was called until it worked again");
        await stopping.CancelAsync();
        await run;

        Assert.Equal(["500", "404"], _log.Lines.Select(line => line.Text.Split("it returned ")[1][..3]));
        Assert.All(
            _log.Lines,
            line =>
            {
                Assert.StartsWith(
                    "LSB5011: The heartbeat URL at 'http://127.0.0.1' cannot be called:",
                    line.Text,
                    StringComparison.Ordinal
                );
                Assert.Equal(LogLevel.Warning, line.Level);
                Assert.DoesNotContain(Token, line.Text, StringComparison.Ordinal);
            }
        );
        Assert.All(outside.Requests, request => Assert.StartsWith($"GET /{Token}", request, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_heartbeat_nothing_listens_to_says_why()
    {
        using var stopping = new CancellationTokenSource();

        // Bound, so that nothing else gets the port, and not listening.
        using var nobody = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var status = new LitestreamStatus(LitestreamState.Replicating, 1, null, 0, null)
        {
            Databases = [new LitestreamDatabaseStatus("/a.db")],
        };
        var run = new Heartbeat(
            new Uri($"http://{nobody.LocalEndPoint}/{Token}"),
            _log.CreateLogger(""),
            TimeProvider.System,
            () => HealthOf(status)
        ).RunAsync(stopping.Token);

        await AppFolder.UntilAsync(() => !_log.Lines.IsEmpty, "it was said");
        await stopping.CancelAsync();
        await run;

        Assert.Contains("Connection refused", Assert.Single(_log.Lines).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_scheduled_verification_that_could_not_run_leaves_no_proof_of_an_earlier_one()
    {
        var database = new EffectiveDatabase("a.db", "/a.db", null, null, []);
        var status = new LitestreamStatus(LitestreamState.Replicating, 1, null, 0, null)
        {
            Databases =
            [
                new LitestreamDatabaseStatus("/a.db")
                {
                    Verification = new VerificationResult(database, VerificationOutcome.Verified, "fine", null),
                },
            ],
        };
        var report = new VerificationReport(
            _log.CreateLogger(""),
            TimeProvider.System,
            () => status,
            update => status = update(status)
        );

        report.Report(
            ScheduledVerification.NotRun(database, VerificationLevel.Full, new IOException("the disk is gone")),
            "Scheduled verification"
        );

        Assert.Contains("the disk is gone", Assert.Single(HealthOf(status).Problems), StringComparison.Ordinal);
        Assert.Equal(LogLevel.Warning, Assert.Single(_log.Lines).Level);
    }

    [Fact]
    public async Task A_scheduled_verification_is_in_the_status_whether_it_is_good_or_bad()
    {
        CreateDatabase();

        // 0.5 compacts what it has kept beside the database: that would mend the replica.
        using var host = Build(
            Repository.IsLine05 ? "levels:\n  - interval: 24h\n" : "",
            ("Litestream:Verification:Interval", "1s")
        );
        await host.StartAsync(TestContext.Current.CancellationToken);

        await AppFolder.UntilAsync(() => Status(host).Databases[0].Verification is not null, "it was verified");
        var good = Status(host).Databases[0];
        Assert.Equal(
            (VerificationOutcome.Verified, VerificationLevel.Full),
            (good.Verification!.Outcome, good.Verification.Level)
        );
        Assert.NotNull(good.VerifiedAt);
        Assert.Empty(Said(LogLevel.Warning));

        // 0.5 makes a snapshot of what was sent a moment later: it would be whole.
        var replica = Path.Combine(_folder, "replica");
        await AppFolder.UntilAsync(
            () =>
                !Repository.IsLine05
                || ReplicaFiles.Starts(replica).Any(file => file.Contains("/ltx/9/", StringComparison.Ordinal)),
            "there was a snapshot"
        );
        ReplicaFiles.Truncate(replica);

        await AppFolder.UntilAsync(
            () => Status(host).Databases[0].Verification!.Outcome != VerificationOutcome.Verified,
            "it was found that the backup is broken"
        );
        var bad = Status(host).Databases[0];
        Assert.Equal((VerificationOutcome.Failed, "LSB4103"), (bad.Verification!.Outcome, bad.Verification.Code));
        Assert.True(bad.VerifiedAt > good.VerifiedAt);

        // The next verification says it again.
        var said = $"LSB4103: {bad.Verification.Message}";
        await AppFolder.UntilAsync(() => Said(LogLevel.Error).Contains(said), $"it was said: {said}");
        Assert.All(Said(LogLevel.Error), text => Assert.StartsWith("LSB4103: ", text, StringComparison.Ordinal));
        await AppFolder.UntilAsync(
            () => Status(host).LastError!.StartsWith("LSB4103: ", StringComparison.Ordinal),
            "it was the last error"
        );
        Assert.Equal(
            HealthStatus.Unhealthy,
            LitestreamHealthCheck.Translate(Status(host), HealthOf(Status(host)), HealthStatus.Unhealthy).Status
        );
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_database_that_is_not_replicated_is_excluded_from_the_verification_and_reported_once()
    {
        CreateDatabase();
        var (other, replica) = (Path.Combine(_folder, "b.db"), Path.Combine(_folder, "replica-b"));
        Query("CREATE TABLE orders(text TEXT); INSERT INTO orders VALUES ('x')", other);
        var options = $"  - path: {other}\n    replicas:\n      - type: file\n        path: {replica}\n";
        using (var first = Build(options))
        {
            await first.StartAsync(TestContext.Current.CancellationToken);
            await AppFolder.UntilAsync(
                () => Status(first).State == LitestreamState.Replicating,
                "both were replicated"
            );
            await first.StopAsync(TestContext.Current.CancellationToken);
        }

        // Another one in its place.
        SqliteConnection.ClearAllPools();
        File.Delete(other);
        Query("CREATE TABLE others(text TEXT)", other);
        using var host = Build(
            options,
            ("Litestream:Verification:Interval", "200ms"),
            ("Litestream:Verification:Level", "Quick")
        );
        await host.StartAsync(TestContext.Current.CancellationToken);

        DateTimeOffset? last = null;
        for (var i = 0; i < 3; i++)
        {
            await AppFolder.UntilAsync(
                () => Status(host).Databases[0].VerifiedAt > (last ?? DateTimeOffset.MinValue),
                "the other one was verified again"
            );
            last = Status(host).Databases[0].VerifiedAt;
        }

        await host.StopAsync(TestContext.Current.CancellationToken);
        Assert.Equal(VerificationOutcome.Verified, Status(host).Databases[0].Verification!.Outcome);
        Assert.Null(Status(host).Databases[0].NotVerified);
        Assert.Equal(
            ("LSB5009", null, null),
            (
                Status(host).Databases[1].NotVerified,
                Status(host).Databases[1].Verification,
                Status(host).Databases[1].VerifiedAt
            )
        );
        Assert.Equal(
            ["LSB5009", "LSB5021"],
            Said(LogLevel.Error)
                .Where(text => text.StartsWith("LSB", StringComparison.Ordinal))
                .Select(text => text[..7])
        );
        Assert.Equal(
            $"Scheduled verification: '{other}' is excluded while it is not replicated (LSB5009).",
            Assert.Single(_log.Lines, line => line.Text.Contains("is excluded", StringComparison.Ordinal)).Text
        );
        Assert.Equal("0", Query("SELECT count(*) FROM sqlite_schema WHERE name = '_litestream_verification'", other));
    }

    [Fact]
    public async Task Where_the_app_has_another_SQLite_library_a_verification_sees_whether_the_last_commit_arrived()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__Verification__Interval"] = "1s";
        folder.Environment["Logging__LogLevel__Litestream"] = "Debug";
        using var app = folder.Start();
        await app.TellAsync("another-library");
        await app.SaysAsync("has another library");

        await app.SaysAsync("The scheduled verification uses level Position here.");
        var before = app.Count("Scheduled verification: The last commit of");
        await AppFolder.UntilAsync(
            () => app.Count("Scheduled verification: The last commit of") >= before + 2,
            "it was verified again"
        );
        Assert.Equal(1, app.Count("LSB4104"));
        await app.TellAsync("stop");
        Assert.Equal(0, await app.EndedAsync());
    }

    [Fact]
    public async Task Start_verification_drain_and_restore_are_activities()
    {
        CreateDatabase();
        using var test = new Activity("test").Start();
        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Litestream",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.TraceId == test.TraceId)
                    ended.Enqueue(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using (var host = Build(("Litestream:Verification:Interval", "1s"), ("Litestream:Verification:Level", "Quick")))
        {
            await host.StartAsync(TestContext.Current.CancellationToken);
            await AppFolder.UntilAsync(
                () => ended.Any(activity => activity.OperationName == "litestream.verification"),
                "it was verified"
            );
            await host.StopAsync(TestContext.Current.CancellationToken);
        }

        // A verification that was at work when the host stopped may end after all else.
        Assert.Equal("litestream.start", ended.First().OperationName);
        Assert.Equal(
            "litestream.drain",
            ended.Last(activity => activity.OperationName != "litestream.verification").OperationName
        );
        var verified = Assert.Single(
            ended.First(activity => activity.OperationName == "litestream.verification").Events
        );
        Assert.Equal(Database, verified.Tags.Single(tag => tag.Key == "db").Value);
        Assert.Equal("Verified", verified.Tags.Single(tag => tag.Key == "outcome").Value);
        ended.Clear();
        foreach (var file in Directory.GetFiles(_folder, "a.db*"))
            File.Delete(file);

        using var again = Build();

        // Litestream may have been started by now too, and that verification may have ended only now.
        var restore = Assert.Single(
            ended,
            activity => activity.OperationName is not ("litestream.start" or "litestream.verification")
        );
        Assert.Equal(
            ("litestream.restore", Database, "Restored"),
            (restore.OperationName, restore.GetTagItem("db"), restore.GetTagItem("outcome"))
        );
        Assert.Equal(ActivityStatusCode.Unset, restore.Status);
    }

    [Fact]
    public async Task A_verification_at_work_does_not_hold_up_the_stop_and_says_nothing()
    {
        CreateDatabase();
        using var host = Build(
            ("Litestream:Verification:Interval", "100ms"),
            ("Litestream:Verification:Level", "quick")
        );
        await host.StartAsync(TestContext.Current.CancellationToken);
        await AppFolder.UntilAsync(() => Status(host).Databases[0].Verification is not null, "it was verified");
        Assert.Equal(VerificationLevel.Quick, Status(host).Databases[0].Verification!.Level);

        var written = Rows();
        await AppFolder.UntilAsync(() => Rows() != written, "the next one was at work");
        await host.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal(LitestreamState.Stopped, Status(host).State);
        Assert.Equal(
            [".a.db-litestream", "replica"],
            Directory.GetDirectories(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
        Assert.Empty(Said(LogLevel.Warning));
    }

    [Fact]
    public void A_level_that_is_not_understood_is_named()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([KeyValuePair.Create("Litestream:Verification:Level", (string?)"deep")])
            .Build();

        var wrong = Assert.Throws<LitestreamException>(() => LitestreamSettings.Read(configuration, false, _folder));

        Assert.Equal("LSB1019", wrong.Diagnostic.Code);
        Assert.Contains(
            "Litestream:Verification:Level has the value 'deep'; it must be Position, Quick or Full",
            wrong.Diagnostic.Message,
            StringComparison.Ordinal
        );
    }

    public void Dispose() => TestFolder.Delete(_folder);

    private string Database => Path.Combine(_folder, "a.db");

    /// <summary>What was said of at least that level, but that the replica is on the same disk, and that commits are
    /// late, as they may be on a busy machine.</summary>
    private List<string> Said(LogLevel level) =>
        [
            .. _log
                .Lines.Where(line => line.Level >= level)
                .Select(line => line.Text)
                .Where(text =>
                    !text.Contains("LSB1101", StringComparison.Ordinal)
                    && !text.Contains("LSB5007", StringComparison.Ordinal)
                ),
        ];

    private static LitestreamStatus Status(IHost host) =>
        host.Services.GetRequiredService<LitestreamReplicator>().Status;

    private IHost Build(params (string Key, string Value)[] settings) => Build("", settings);

    private IHost Build(string moreDatabases, params (string Key, string Value)[] settings)
    {
        var config = Path.Combine(_folder, "litestream.yml");
        File.WriteAllText(
            config,
            $"dbs:\n  - path: {Database}\n    replicas:\n      - type: file\n        "
                + $"path: {_folder}/replica\n{moreDatabases}"
        );
        var builder = Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { EnvironmentName = "Production" }
        );
        builder.Configuration.AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))
        );
        builder.Configuration["Litestream:ConfigPath"] = config;

        // Other tests of this process have databases open too.
        builder.Configuration["Litestream:NotReplicated"] ??= "*";

        // By default a commit has 11 s to arrive.
        builder.Configuration["Litestream:Verification:Timeout"] ??= "2m";
        builder.Configuration["Litestream:ExecutablePath"] = Repository.Executable;
        builder.Logging.AddProvider(_log);
        builder.Services.AddLitestream();
        return builder.Build();
    }

    private void CreateDatabase() => Query("CREATE TABLE orders(text TEXT); INSERT INTO orders VALUES ('x')");

    private string? Rows() => Query("SELECT group_concat(m.token) FROM _litestream_verification m");

    private string? Query(string sql, string? database = null)
    {
        using var connection = new SqliteConnection($"Data Source={database ?? Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar()?.ToString();
    }

    /// <summary>
    /// What is called from outside: answers with these codes, the last one again and again; without any, never.
    /// </summary>
    private sealed class Outside : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly string _address = $"http://{ReplicatorMetrics.FindFreeAddress()}/";
        private readonly List<HttpListenerContext> _unanswered = [];

        public Outside(params int[] answers)
        {
            _listener.Prefixes.Add(_address);
            _listener.Start();
            _ = AnswerAsync(answers);
        }

        public string Url => $"{_address}{Token}?key={Token}";

        public ConcurrentQueue<string> Requests { get; } = new();

        public void Dispose() => _listener.Close();

        private async Task AnswerAsync(int[] answers)
        {
            try
            {
                while (true)
                {
                    var context = await _listener.GetContextAsync();
                    if (answers.Length == 0)
                    {
                        _unanswered.Add(context);
                    }
                    else
                    {
                        context.Response.StatusCode = answers[Math.Min(Requests.Count, answers.Length - 1)];
                        context.Response.RedirectLocation = $"{_address}elsewhere";
                        context.Response.Close();
                    }

                    Requests.Enqueue($"{context.Request.HttpMethod} {context.Request.RawUrl}");
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }

    private static OverallHealth HealthOf(LitestreamStatus status) => OverallHealth.Of(status, DateTimeOffset.UtcNow);

    private sealed class LineLog : ILoggerProvider
    {
        public ConcurrentQueue<(LogLevel Level, string Text)> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => new Logger(this);

        public void Dispose() { }

        private sealed class Logger(LineLog log) : ILogger
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
            ) => log.Lines.Enqueue((logLevel, formatter(state, exception)));
        }
    }
}
