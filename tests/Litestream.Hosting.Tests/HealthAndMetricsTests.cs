using System.Diagnostics.Metrics;
using Litestream.Configuration;
using Litestream.Verification;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Litestream.Hosting.Tests;

public sealed class HealthAndMetricsTests
{
    private static readonly LitestreamStatus Fine = new(LitestreamState.Replicating, 1, null, 0, null) { Databases = [new LitestreamDatabaseStatus("/a.db"), new LitestreamDatabaseStatus("/b.db")] };

    public static TheoryData<string, HealthStatus, string> Statuses => new()
    {
        { "fine", HealthStatus.Healthy, "arrives" },
        { "off", HealthStatus.Healthy, "off" },
        { "waiting", HealthStatus.Degraded, "LSB5003" },
        { "restarting", HealthStatus.Degraded, "Restarting" },
        { "degraded", HealthStatus.Degraded, "LSB5007: b lags" },
        { "unhealthy", HealthStatus.Unhealthy, "LSB5007: b lags" },
        { "failed", HealthStatus.Unhealthy, "LSB5014" },
        { "left out", HealthStatus.Degraded, "/c.db" },
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
            "waiting" => Fine with { State = LitestreamState.Waiting, LastError = "LSB5003: another process" },
            "restarting" => Fine with { State = LitestreamState.Restarting },
            "degraded" => With(database => database with { Health = LitestreamHealth.Degraded, Problem = "LSB5007: b lags" }),
            "unhealthy" => With(database => database with { Health = LitestreamHealth.Unhealthy, Problem = "LSB5007: b lags" }),
            "failed" => Fine with { State = LitestreamState.Failed, LastError = "LSB5014: refused" },
            "left out" => Fine with { NotReplicated = ["/c.db"] },
            "verification failed" => With(database => database with { Verification = Verified(VerificationOutcome.Failed, "LSB4103", "wrong") }),
            "verification lags" => With(database => database with { Verification = Verified(VerificationOutcome.Lagging, "LSB4102", "late") }),
            _ => Fine,
        };

        var result = LitestreamHealthCheck.Judge(status, HealthStatus.Unhealthy);

        Assert.Equal(expected, result.Status);
        Assert.Contains(description, result.Description, StringComparison.Ordinal);
        Assert.Equal(status.Databases.Count + 2, result.Data.Count);
    }

    [Fact]
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
        await File.WriteAllTextAsync(config, $"dbs:\n  - path: {database}\n    replicas:\n      - path: {folder}/replica\n", TestContext.Current.CancellationToken);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Litestream:Enabled"] = "true",
            ["Litestream:ConfigPath"] = config,
            ["Litestream:ExecutablePath"] = AppFolder.RealExecutable,
        });
        builder.Services.AddMetrics().AddLitestream().AddHealthChecks().AddLitestream();
        using (var host = builder.Build())
        {
            await host.StartAsync(TestContext.Current.CancellationToken);
            var replicator = host.Services.GetRequiredService<LitestreamReplicator>();
            await AppFolder.UntilAsync(() => replicator.Status is { State: LitestreamState.Replicating, Databases: [{ LastSync: not null }] }, "everything had arrived");

            var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(TestContext.Current.CancellationToken);
            var entry = report.Entries["litestream"];
            Assert.Equal(HealthStatus.Healthy, entry.Status);
            Assert.Contains("Healthy, lag 0.0 s", Assert.IsType<string>(entry.Data[database]), StringComparison.Ordinal);

            var seen = new Dictionary<string, double>(StringComparer.Ordinal);
            using var listener = new MeterListener();
            listener.InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "Litestream")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            };
            listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => seen[instrument.Name + " " + string.Join(",", tags.ToArray().Select(tag => tag.Value))] = value);
            listener.Start();
            listener.RecordObservableInstruments();
            Assert.Equal(0, seen["litestream.replication.lag " + database]);
            Assert.Equal(0, seen["litestream.replication.health " + database]);
            Assert.True(seen[$"litestream.upstream litestream_sync_count{{db=\"{database}\"}}"] >= 1);
            await host.StopAsync(TestContext.Current.CancellationToken);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static LitestreamStatus With(Func<LitestreamDatabaseStatus, LitestreamDatabaseStatus> change) => Fine with { Databases = [Fine.Databases[0], change(Fine.Databases[1])] };

    private static VerificationResult Verified(VerificationOutcome outcome, string code, string message) => new(new EffectiveDatabase("b.db", "/b.db", null, null, []), outcome, message, code);
}
