using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Verification;

namespace Litestream.Hosting;

/// <summary>The meter <c>Litestream</c>: reads the replicator's status when somebody listens.</summary>
internal sealed class LitestreamMetrics : IDisposable
{
    private const string Name = "Litestream";

    private static readonly LitestreamState[] States = Enum.GetValues<LitestreamState>();

    private readonly Meter _meter;
    private readonly bool _isOwn;
    private readonly ConcurrentDictionary<string, long> _restarts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Database, VerificationOutcome Outcome), long> _verifications = new();
    private readonly HashSet<string> _published = new(StringComparer.Ordinal);
    private volatile IReadOnlyDictionary<string, UpstreamSeries> _upstream = new Dictionary<string, UpstreamSeries>();

    private volatile Dictionary<string, double> _walBytes = [];

    public LitestreamMetrics(IMeterFactory? factory, Func<LitestreamStatus> status, TimeProvider time)
    {
        _isOwn = factory is null;
        _meter = factory?.Create(new MeterOptions(Name)) ?? new Meter(Name);
        _meter.CreateObservableGauge(
            "litestream.state",
            () => ByState(status().State),
            null,
            "1 for the state of the replicator, 0 for the others."
        );
        _meter.CreateObservableGauge(
            "litestream.health",
            () => ByDatabase<int>(status(), database => (int)database.Health),
            null,
            "0 healthy, 1 degraded, 2 unhealthy."
        );
        _meter.CreateObservableGauge(
            "litestream.lag",
            () => ByDatabase<double>(status(), database => database.Lag.TotalSeconds),
            "s",
            "Age of the oldest commit that has not arrived."
        );
        _meter.CreateObservableGauge(
            "litestream.lag.bytes",
            () => ByDatabase(status(), database => database.LagBytes),
            "By",
            "Bytes of WAL that have not arrived."
        );
        _meter.CreateObservableGauge(
            "litestream.last_sync.age",
            () => ByDatabase(status(), database => (time.GetUtcNow() - database.LastSync)?.TotalSeconds),
            "s",
            "Time since everything had arrived."
        );
        _meter.CreateObservableGauge(
            "litestream.not_replicated",
            () => status().NotReplicated.Count + status().OpenNotReplicated.Count,
            null,
            "Number of SQLite databases that the app names or has open, but does not replicate."
        );
        _meter.CreateObservableCounter(
            "litestream.restarts",
            () => _restarts.Select(one => new Measurement<long>(one.Value, Tag("reason", one.Key))),
            null,
            "Number of restarts of litestream."
        );
        _meter.CreateObservableCounter(
            "litestream.verifications",
            () =>
                _verifications.Select(one => new Measurement<long>(
                    one.Value,
                    Tag("db", one.Key.Database),
                    Tag("outcome", one.Key.Outcome.ToString())
                )),
            null,
            "Number of scheduled verifications, by outcome."
        );
    }

    /// <summary>Counts what a change of the status tells.</summary>
    public void Count(LitestreamStatus before, LitestreamStatus after)
    {
        if (after.Restarts > before.Restarts)
            _restarts.AddOrUpdate(after.LastRestartCause ?? "ended", 1, static (_, count) => count + 1);

        foreach (var database in after.Databases)
        {
            if (
                database.Verification is { } verification
                && !before.Databases.Any(one => ReferenceEquals(one.Verification, verification))
            )
            {
                _verifications.AddOrUpdate((database.Path, verification.Outcome), 1, static (_, count) => count + 1);
            }
        }
    }

    /// <summary>
    /// Takes over what litestream last reported about itself. Counters continue when litestream is started again.
    /// </summary>
    public void OnAnswer(MetricsAnswer answer)
    {
        var before = _upstream;
        var reported = new Dictionary<string, UpstreamSeries>(StringComparer.Ordinal);
        foreach (var (key, value) in answer.Series)
        {
            var series = before.GetValueOrDefault(key) ?? UpstreamSeries.Parse(key);
            reported[key] = series.With(value, answer.Counters.Contains(series.Name));
        }

        foreach (var (key, gone) in before.Where(one => one.Value.IsCounter && !reported.ContainsKey(one.Key)))
            reported[key] = gone.With(0, isCounter: true);

        _upstream = reported;
        _walBytes = SumWalBytes(reported.Values);
        foreach (var series in reported.Values.Where(series => _published.Add(series.Name)))
            Publish(series);
    }

    /// <summary>How many bytes of WAL litestream has taken over since the app started, added up over its restarts: sent
    /// to all replicas (release line 0.3), or made into LTX files to be sent (0.5, which does not count what it sends).
    /// Null before it has said so.</summary>
    /// <param name="path">The database.</param>
    public double? WalBytes(string path) =>
        _walBytes.TryGetValue(path, out var bytes) ? bytes : null;

    private static Dictionary<string, double> SumWalBytes(IEnumerable<UpstreamSeries> upstream)
    {
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (
            var series in upstream.Where(one =>
                one.Name is "litestream_replica_wal_bytes" or "litestream_total_wal_bytes"
            )
        )
        {
            if (series.Tags.FirstOrDefault(tag => tag.Key == "db").Value is string path)
                sums[path] = sums.GetValueOrDefault(path) + series.Total;
        }

        return sums;
    }

    public void Dispose()
    {
        // A factory owns its meters.
        if (_isOwn)
            _meter.Dispose();
    }

    private static IEnumerable<Measurement<int>> ByState(LitestreamState current) =>
        States.Select(state => new Measurement<int>(state == current ? 1 : 0, Tag("state", state.ToString())));

    private static IEnumerable<Measurement<T>> ByDatabase<T>(
        LitestreamStatus status,
        Func<LitestreamDatabaseStatus, T?> value
    )
        where T : struct
    {
        foreach (var database in status.Databases)
        {
            if (value(database) is { } measured)
                yield return new Measurement<T>(measured, Tag("db", database.Path));
        }
    }

    private static KeyValuePair<string, object?> Tag(string key, string value) => new(key, value);

    private void Publish(UpstreamSeries first)
    {
        IEnumerable<Measurement<double>> Observe() =>
            _upstream
                .Values.Where(series => series.Name == first.Name)
                .Select(series => new Measurement<double>(series.Total, series.Tags));
        try
        {
            if (first.IsCounter)
                _meter.CreateObservableCounter(first.Name, Observe, null, "A metric of litestream itself.");
            else
                _meter.CreateObservableGauge(first.Name, Observe, null, "A metric of litestream itself.");
        }
        catch (Exception)
        {
            // A listener of the app, which is called here, must not end the replication.
        }
    }

    /// <summary>One of litestream's own series.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Tags">Its labels.</param>
    internal sealed record UpstreamSeries(string Name, IReadOnlyList<KeyValuePair<string, object?>> Tags)
    {
        public bool IsCounter { get; private init; }

        /// <summary>With what was counted by a litestream that has ended.</summary>
        public double Total => Before + Value;

        private double Value { get; init; }

        private double Before { get; init; }

        /// <summary>Reads name and labels as litestream writes them; what is not understood is left out.</summary>
        public static UpstreamSeries Parse(string series)
        {
            var brace = series.IndexOf('{', StringComparison.Ordinal);
            var tags = new List<KeyValuePair<string, object?>>();
            for (
                var at = brace + 1;
                brace >= 0
                    && at < series.Length
                    && series.IndexOf("=\"", at, StringComparison.Ordinal) is >= 0 and var equals;

            )
            {
                var value = new StringBuilder();
                var end = equals + 2;
                for (; end < series.Length && series[end] != '"'; end++)
                {
                    if (series[end] == '\\' && end + 1 < series.Length)
                    {
                        end++;
                        value.Append(series[end] == 'n' ? '\n' : series[end]);
                    }
                    else
                    {
                        value.Append(series[end]);
                    }
                }

                tags.Add(Tag(series[at..equals], value.ToString()));

                // Past the quote and the comma.
                at = end + 2;
            }

            return new UpstreamSeries(brace < 0 ? series : series[..brace], tags);
        }

        public UpstreamSeries With(double value, bool isCounter) =>
            this with
            {
                IsCounter = isCounter,
                Value = value,
                Before = isCounter && value < Value ? Total : Before,
            };
    }
}
