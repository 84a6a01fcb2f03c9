using System.Diagnostics.Metrics;
using Litestream.Replication;

namespace Litestream.Hosting;

/// <summary>The meter <c>Litestream</c>: reads the replicator's status when somebody listens.</summary>
internal sealed class LitestreamMetrics : IDisposable
{
    public const string Name = "Litestream";

    private readonly Meter _meter;
    private readonly bool _isOwn;
    private volatile MetricsAnswer? _upstream;

    public LitestreamMetrics(IMeterFactory? factory, Func<LitestreamStatus> status, TimeProvider time)
    {
        _isOwn = factory is null;
        _meter = factory?.Create(new MeterOptions(Name)) ?? new Meter(Name);
        _meter.CreateObservableGauge("litestream.replication.lag", () => Each(status(), database => database.Lag.TotalSeconds), "s", "How long ago the oldest commit was seen that has not arrived.");
        _meter.CreateObservableGauge("litestream.replication.lag_bytes", () => Each(status(), database => (double?)database.LagBytes), "By", "The bytes of WAL that have not arrived.");
        _meter.CreateObservableGauge("litestream.replication.last_sync_age", () => Each(status(), database => (time.GetUtcNow() - database.LastSync)?.TotalSeconds), "s", "How long ago everything had arrived.");
        _meter.CreateObservableGauge("litestream.replication.health", () => Each(status(), database => (double)database.Health), null, "0 healthy, 1 degraded, 2 unhealthy.");
        _meter.CreateObservableGauge("litestream.verification.failed", () => Each(status(), database => database.Verification is null ? null : database.Verification.Outcome == Verification.VerificationOutcome.Verified ? 0 : 1), null, "Whether the last scheduled verification was not Verified.");
        _meter.CreateObservableCounter("litestream.restarts", () => (long)status().Restarts, null, "How often litestream had to be started again.");
        _meter.CreateObservableGauge("litestream.upstream", Upstream, null, "Litestream's own series, as it was last asked: the tag series has name and labels.");
    }

    /// <summary>What litestream last said about itself.</summary>
    public void Hear(MetricsAnswer answer) => _upstream = answer;

    public void Dispose()
    {
        // A factory owns its meters.
        if (_isOwn)
        {
            _meter.Dispose();
        }
    }

    private static IEnumerable<Measurement<double>> Each(LitestreamStatus status, Func<LitestreamDatabaseStatus, double?> value) =>
        status.Databases.Select(database => (database.Path, Value: value(database))).Where(one => one.Value is not null).Select(one => new Measurement<double>(one.Value!.Value, new KeyValuePair<string, object?>("db", one.Path)));

    private IEnumerable<Measurement<double>> Upstream() =>
        _upstream?.Series.Select(series => new Measurement<double>(series.Value, new KeyValuePair<string, object?>("series", series.Key))) ?? [];
}
