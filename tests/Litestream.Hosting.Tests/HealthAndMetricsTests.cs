using System.Diagnostics.Metrics;
using Litestream.Configuration;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Verification;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Litestream.Hosting.Tests;

public sealed class HealthAndMetricsTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch;

    private static readonly LitestreamStatus Fine = new(LitestreamState.Replicating, 1, null, 0, null)
    {
        Databases = [new LitestreamDatabaseStatus("/a.db"), new LitestreamDatabaseStatus("/b.db")],
    };

    public static TheoryData<string, HealthStatus, string> Statuses =>
        new()
        {
            { "fine", HealthStatus.Healthy, "arrive" },
            { "off", HealthStatus.Healthy, "off" },
            { "nothing configured", HealthStatus.Degraded, "Nothing is replicated: LSB3004: no file" },
            { "empty again", HealthStatus.Healthy, "off" },
            { "waiting", HealthStatus.Degraded, "LSB5003" },
            { "starting", HealthStatus.Healthy, "Starting" },
            { "starting for long", HealthStatus.Degraded, "Starting for 61 s: LSB4005: no answer" },
            { "restarting", HealthStatus.Degraded, "Restarting" },
            {
                "restarting again and again",
                HealthStatus.Unhealthy,
                "LSB5004: litestream was restarted 3 times in 5 minutes; the last time: it ended."
            },
            { "runs after many restarts", HealthStatus.Degraded, "restarted 3 times" },
            { "restarts of long ago", HealthStatus.Healthy, "arrive" },
            { "stalled", HealthStatus.Degraded, "Stalled" },
            { "degraded", HealthStatus.Degraded, "LSB5007: b lags" },
            { "unhealthy", HealthStatus.Unhealthy, "LSB5007: b lags" },
            { "failed", HealthStatus.Unhealthy, "LSB5014" },
            { "left out", HealthStatus.Degraded, "/c.db" },
            { "open and not replicated", HealthStatus.Degraded, "LSB5018: open and not replicated: /d.db" },
            { "nothing matches", HealthStatus.Degraded, "LSB5031: 0 databases match 'tenants/*.db'" },
            { "nothing of a bucket matches", HealthStatus.Degraded, "LSB5031: 0 databases match 'tenants/*.db'" },
            { "verification failed", HealthStatus.Unhealthy, "LSB4103: wrong" },
            { "verification lags", HealthStatus.Degraded, "LSB4102: late" },
        };

    [Theory]
    [MemberData(nameof(Statuses))]
    public void The_check_says_the_worst_of_what_the_status_says(string what, HealthStatus expected, string description)
    {
        var status = what switch
        {
            "off" => Fine with { State = LitestreamState.Disabled, Databases = [] },
            "nothing configured" => Fine with
            {
                State = LitestreamState.Disabled,
                Databases = [],
                LastError = "LSB3004: no file",
            },
            "empty again" => Fine with
            {
                State = LitestreamState.Disabled,
                Databases = [],
                LastError = "LSB5007: was late",
            },
            "waiting" => Fine with { State = LitestreamState.Waiting, LastError = "LSB5003: another process" },
            "starting" => Fine with { State = LitestreamState.Starting, Since = Now.AddSeconds(-59) },
            "starting for long" => Fine with
            {
                State = LitestreamState.Starting,
                Since = Now.AddSeconds(-61),
                LastError = "LSB4005: no answer",
            },
            "restarting" => Fine with { State = LitestreamState.Restarting, LastRestarts = Restarts(1, 60) },
            "restarting again and again" => Fine with
            {
                State = LitestreamState.Restarting,
                LastRestarts = Restarts(1, 60, 299),
                LastRestartReason = "it ended",
            },
            "runs after many restarts" => Fine with { LastRestarts = Restarts(1, 60, 299) },
            "restarts of long ago" => Fine with { LastRestarts = Restarts(200, 299, 301, 302) },
            "stalled" => Fine with { State = LitestreamState.Stalled },
            "degraded" => With(database =>
                database with
                {
                    Health = LitestreamHealth.Degraded,
                    Problem = "LSB5007: b lags",
                }
            ),
            "unhealthy" => With(database =>
                database with
                {
                    Health = LitestreamHealth.Unhealthy,
                    Problem = "LSB5007: b lags",
                }
            ),
            "failed" => Fine with { State = LitestreamState.Failed, LastError = "LSB5014: refused" },
            "left out" => Fine with { NotReplicated = ["/c.db"] },
            "open and not replicated" => Fine with { OpenNotReplicated = ["/d.db"] },
            "nothing matches" => Fine with
            {
                State = LitestreamState.Disabled,
                Databases = [],
                EmptyPatterns = ["tenants/*.db"],
            },
            "nothing of a bucket matches" => Fine with { EmptyPatterns = ["tenants/*.db"] },
            "verification failed" => With(database =>
                database with
                {
                    Verification = Verified(VerificationOutcome.Failed, "LSB4103", "wrong"),
                }
            ),
            "verification lags" => With(database =>
                database with
                {
                    Verification = Verified(VerificationOutcome.Lagging, "LSB4102", "late"),
                }
            ),
            _ => Fine,
        };

        var result = LitestreamHealthCheck.Translate(status, OverallHealth.Of(status, Now), HealthStatus.Unhealthy);

        Assert.Equal(expected, result.Status);
        Assert.Equal(
            expected == HealthStatus.Healthy && status.State == LitestreamState.Replicating,
            OverallHealth.Of(status, Now).IsHealthy
        );
        Assert.Contains(description, result.Description, StringComparison.Ordinal);
        Assert.Equal(status.Databases.Count + 5, result.Data.Count);
    }

    private static async Task<HealthReportEntry> CheckAsync(IServiceProvider services) =>
        (
            await services
                .GetRequiredService<HealthCheckService>()
                .CheckHealthAsync(TestContext.Current.CancellationToken)
        ).Entries["litestream"];

    [Fact]
    public async Task Without_a_replicator_the_check_is_not_healthy()
    {
        var services = new ServiceCollection().AddLogging();
        services.AddHealthChecks().AddLitestream();
        await using var provider = services.BuildServiceProvider();

        var check = await CheckAsync(provider);

        Assert.Equal(HealthStatus.Degraded, check.Status);
        Assert.Contains("nothing is replicated", check.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_finds_nothing_to_replicate_is_not_healthy()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["Litestream:Enabled"] = "true",
                ["Litestream:ConfigPath"] = "/nowhere/litestream.yml",
                ["Litestream:NotReplicated"] = "*",
                ["Litestream:ExecutablePath"] = Repository.Executable,
            }
        );
        builder.Services.AddLitestream().AddHealthChecks().AddLitestream();
        using var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);

        var check = await CheckAsync(host.Services);

        Assert.Equal(HealthStatus.Degraded, check.Status);
        Assert.Contains(
            "LSB3004: '/nowhere/litestream.yml' does not exist",
            check.Description,
            StringComparison.Ordinal
        );
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_host_whose_pattern_matches_nothing_is_not_healthy_until_it_does()
    {
        var folder = Directory.CreateTempSubdirectory("health-").FullName;
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["Litestream:Enabled"] = "true",
                ["Litestream:ConfigPath"] = "/nowhere/litestream.yml",
                ["Litestream:DatabasePatterns"] = $"{folder}/*.db",
                ["Litestream:NotReplicated"] = "/elsewhere/*",
                ["Litestream:ExecutablePath"] = Repository.Executable,
            }
        );
        builder.Services.AddLitestream().AddHealthChecks().AddLitestream();
        using (var host = builder.Build())
        {
            await host.StartAsync(TestContext.Current.CancellationToken);

            var check = await CheckAsync(host.Services);

            Assert.Equal(HealthStatus.Degraded, check.Status);
            Assert.Contains(
                $"LSB5031: 0 databases match '{folder}/*.db'",
                check.Description,
                StringComparison.Ordinal
            );
            var replicator = host.Services.GetRequiredService<LitestreamReplicator>();
            AppFolder.MakeDatabase(Path.Combine(folder, "tenant.db"));
            await AppFolder.UntilAsync(
                () => replicator.Status is { Databases.Count: 1, EmptyPatterns.Count: 0 },
                "the database was found"
            );
            await host.StopAsync(TestContext.Current.CancellationToken);
        }

        TestFolder.Delete(folder);
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task A_real_host_is_healthy_and_has_its_figures()
    {
        var folder = Directory.CreateTempSubdirectory("health-").FullName;
        var database = Path.Combine(folder, "a.db");
        using (var connection = new SqliteConnection($"Data Source={database};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "CREATE TABLE t(x)";
            command.ExecuteNonQuery();
        }

        var config = Path.Combine(folder, "litestream.yml");
        await File.WriteAllTextAsync(
            config,
            $"dbs:\n  - path: {database}\n    replicas:\n      - path: {folder}/replica\n",
            TestContext.Current.CancellationToken
        );
        var begun = DateTimeOffset.UtcNow;
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["Litestream:Enabled"] = "true",
                ["Litestream:ConfigPath"] = config,
                ["Litestream:NotReplicated"] = "*",
                ["Litestream:ExecutablePath"] = Repository.Executable,
            }
        );
        builder.Services.AddMetrics().AddLitestream().AddHealthChecks().AddLitestream();
        using (var host = builder.Build())
        {
            await host.StartAsync(TestContext.Current.CancellationToken);
            var replicator = host.Services.GetRequiredService<LitestreamReplicator>();
            await AppFolder.UntilAsync(
                () =>
                    replicator.Status is
                    {
                        State: LitestreamState.Replicating,
                        Databases: [{ LastSync: not null, Lag.Ticks: 0 }]
                    },
                "everything had arrived"
            );

            HealthReportEntry entry = default;
            IReadOnlyDictionary<string, object?> data = new Dictionary<string, object?>();
            LitestreamStatus status = null!;

            // The number that the database gets now is a commit too: until it has arrived, and all are of one look.
            await AppFolder.UntilAsync(
                async () =>
                {
                    status = replicator.Status;
                    entry = await CheckAsync(host.Services);
                    data = Assert.IsType<IReadOnlyDictionary<string, object?>>(entry.Data[database], exactMatch: false);
                    return data["lagSeconds"] is 0.0
                        && Equals(data["committed"], status.Databases[0].Committed!.ToString())
                        && Equals(data["committed"], data["replicated"]);
                },
                () => $"everything had arrived: {status}"
            );
            Assert.Equal(HealthStatus.Healthy, entry.Status);
            Assert.Equal(("Healthy", 0.0), (data["health"], data["lagSeconds"]));
            Assert.Equal(status.Databases[0].Committed!.ToString(), data["committed"]);
            Assert.Equal(data["committed"], data["replicated"]);

            var factory = host.Services.GetRequiredService<IMeterFactory>();
            var seen = Observe(factory);

            // Litestream may just have committed to its own table, and not all figures may be of one look.
            await AppFolder.UntilAsync(
                () =>
                    (seen = Observe(factory))[$"litestream.lag {database}"] == 0
                    && seen.GetValueOrDefault($"litestream.lag.bytes {database}", -1) == 0
                    && seen["litestream.state Replicating"] == 1,
                "everything had arrived again"
            );
            Assert.Equal(0, seen[$"litestream.lag.bytes {database}"]);
            Assert.Equal(0, seen[$"litestream.health {database}"]);
            var sinceBegun = DateTimeOffset.UtcNow - begun;
            Assert.InRange(seen[$"litestream.last_sync.age {database}"], 0, sinceBegun.TotalSeconds);
            Assert.Equal(0, seen["litestream.not_replicated "]);
            Assert.Equal((1, 0), (seen["litestream.state Replicating"], seen["litestream.state Stalled"]));
            Assert.DoesNotContain(seen.Keys, key => key.StartsWith("litestream.restarts", StringComparison.Ordinal));
            var syncs = seen[$"litestream_sync_count {database}"];
            Assert.True(syncs >= 1);
            Assert.True(seen[$"litestream_replica_wal_bytes {database},file"] > 0);

            await AppFolder.SignalAsync("KILL", replicator.Status.ProcessId!.Value);
            await AppFolder.UntilAsync(
                () => replicator.Status is { State: LitestreamState.Replicating, Restarts: 1 },
                "litestream was started again"
            );
            seen = Observe(factory);
            Assert.Equal(1, seen["litestream.restarts ended"]);
            Assert.True(seen[$"litestream_sync_count {database}"] >= syncs);
            await host.StopAsync(TestContext.Current.CancellationToken);
        }

        TestFolder.Delete(folder);
    }

    [Fact]
    public void What_litestream_counts_continues_counting_when_it_is_started_again_and_its_gauges_are_those_of_now()
    {
        using var metrics = new LitestreamMetrics(null, () => Fine, TimeProvider.System);
        const string Types =
            "# TYPE litestream_upstream_test_count counter\n# TYPE litestream_upstream_test_size gauge\n";
        foreach (
            var (count, size) in new[]
            {
                (3, "litestream_upstream_test_size 7\n"),
                (5, "litestream_upstream_test_size 4\n"),
                (2, ""),
            }
        )
        {
            metrics.OnAnswer(
                ReplicatorMetrics.Parse(
                    $"{Types}litestream_upstream_test_count{{db=\"/a \\\"b\\\"}}\\n.db\",name=\"s3\"}} {count}\n{size}"
                )
            );
        }

        var seen = Observe(null);

        Assert.Equal(7, seen["litestream_upstream_test_count /a \"b\"}\n.db,s3"]);
        Assert.DoesNotContain("litestream_upstream_test_size ", seen.Keys);
        metrics.OnAnswer(ReplicatorMetrics.Parse(Types + "litestream_upstream_test_size 9\n"));
        seen = Observe(null);
        Assert.Equal(
            (7, 9),
            (seen["litestream_upstream_test_count /a \"b\"}\n.db,s3"], seen["litestream_upstream_test_size "])
        );
    }

    [Theory]
    [InlineData("litestream_x")]
    [InlineData("litestream_x{")]
    [InlineData("litestream_x{}")]
    [InlineData("litestream_x{db")]
    [InlineData("litestream_x{db=\"", "")]
    [InlineData("litestream_x{db=\"a\\", "a\\")]
    [InlineData("litestream_x{db=\"a\",name=\"b,c=\\\"d\"}", "a", "b,c=\"d")]
    public void A_series_is_read_as_far_as_it_goes(string series, params string[] values)
    {
        var read = LitestreamMetrics.UpstreamSeries.Parse(series);

        Assert.Equal("litestream_x", read.Name);
        Assert.Equal(values, read.Tags.Select(tag => tag.Value));
    }

    /// <summary>The instruments of one host, or of those without a factory: by name and tags.</summary>
    private static Dictionary<string, double> Observe(IMeterFactory? factory)
    {
        var seen = new Dictionary<string, double>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "Litestream" && instrument.Meter.Scope == factory)
                    self.EnableMeasurementEvents(instrument);
            },
        };
        void See<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state) =>
            seen[instrument.Name + " " + string.Join(",", tags.ToArray().Select(tag => tag.Value))] = Convert.ToDouble(
                value,
                System.Globalization.CultureInfo.InvariantCulture
            );
        listener.SetMeasurementEventCallback<double>(See);
        listener.SetMeasurementEventCallback<long>(See);
        listener.SetMeasurementEventCallback<int>(See);
        listener.Start();
        listener.RecordObservableInstruments();
        return seen;
    }

    private static LitestreamRestart[] Restarts(params int[] secondsAgo) =>
        [.. secondsAgo.Select(seconds => new LitestreamRestart(Now.AddSeconds(-seconds), "it ended"))];

    private static LitestreamStatus With(Func<LitestreamDatabaseStatus, LitestreamDatabaseStatus> change) =>
        Fine with
        {
            Databases = [Fine.Databases[0], change(Fine.Databases[1])],
        };

    private static VerificationResult Verified(VerificationOutcome outcome, string code, string message) =>
        new(new EffectiveDatabase("b.db", "/b.db", null, null, []), outcome, message, code);
}
