using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Litestream.Releases;

/// <summary>What a running litestream says about itself on its metrics address.</summary>
internal sealed class ReplicatorMetrics : IDisposable
{
    private const string Prefix = "litestream_";
    private const string TypePrefix = "# TYPE ";
    private const string CounterType = " counter";

    // A proxy from the environment has no business with the loopback interface.
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false });
    private readonly Uri _address;

    /// <param name="address">Host and port; the port alone is one of this machine.</param>
    /// <param name="patience">How long an answer may take; null: one second.</param>
    public ReplicatorMetrics(string address, TimeSpan? patience = null)
    {
        _address = new Uri($"http://{(address.StartsWith(':') ? "127.0.0.1" + address : address)}/metrics");
        _client.Timeout = patience ?? TimeSpan.FromSeconds(1);
    }

    /// <summary>A loopback address that is free now, or null where there is none to be had.</summary>
    public static string? FindFreeAddress()
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return listener.LocalEndpoint.ToString();
        }
        catch (SocketException)
        {
            return null;
        }
    }

    /// <summary>Whether litestream could serve its metrics there now.</summary>
    /// <returns>Why not; null when it can.</returns>
    public static string? TryListen(string address)
    {
        var colon = address.LastIndexOf(':');
        if (
            !ushort.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            || port == 0
        )
        {
            return "its port is not a number from 1 to 65535";
        }

        try
        {
            var host = address[..colon].Trim('[', ']');
            var ip =
                host.Length > 0
                    ? IPAddress.TryParse(host, out var given)
                        ? given
                        : Dns.GetHostAddresses(host).OrderBy(one => one.AddressFamily).First()
                    : null;
            using var listener =
                ip is not null ? new TcpListener(ip, port)
                : Socket.OSSupportsIPv6 ? TcpListener.Create(port)
                : new TcpListener(IPAddress.Any, port);
            listener.Start();
            return null;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return e.Message;
        }
    }

    /// <summary>The metrics, or null if there is no answer in time.</summary>
    public async Task<MetricsAnswer?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Parse(await _client.GetStringAsync(_address, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception exception)
            when (exception is HttpRequestException or IOException
                || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            )
        {
            return null;
        }
    }

    /// <summary>Keeps litestream's own series; those of the Go runtime are dropped.</summary>
    public static MetricsAnswer Parse(string text)
    {
        var series = new Dictionary<string, double>(StringComparer.Ordinal);
        var counters = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            if (
                line.StartsWith(TypePrefix, StringComparison.Ordinal)
                && line.EndsWith(CounterType, StringComparison.Ordinal)
            )
            {
                counters.Add(line[TypePrefix.Length..^CounterType.Length].ToString());
            }

            if (!line.StartsWith(Prefix, StringComparison.Ordinal))
                continue;

            // The labels end at the last brace: a path may hold quotes and braces of its own, escaped or not.
            var end = line.LastIndexOf('}');
            var space = end < 0 ? line.IndexOf(' ') : end + 1;
            if (
                space > 0
                && double.TryParse(line[space..], NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            )
            {
                series[line[..space].ToString()] = value;
            }
        }

        return new MetricsAnswer(series, counters);
    }

    public void Dispose() => _client.Dispose();
}

/// <summary>One answer.</summary>
/// <param name="Series">The values by name and labels, as they are written:
/// <c>litestream_sync_count{db="/data/app.db"}</c>.</param>
/// <param name="Counters">The names that only count up, from zero each time litestream is started.</param>
internal sealed record MetricsAnswer(IReadOnlyDictionary<string, double> Series, IReadOnlySet<string> Counters)
{
    /// <summary>How often the database was looked at since this litestream started; 0 when never.</summary>
    public double Syncs(string database) => Series.GetValueOrDefault(SyncCount(database));

    /// <summary>
    /// Whether that litestream replicates the database at all: its counters are there from the start.
    /// </summary>
    public bool Knows(string database) => Series.ContainsKey(SyncCount(database));

    /// <summary>The number that a series has for one replica of one database; null when it has none.</summary>
    public long? OfReplica(string series, string database, string replica) =>
        Series.TryGetValue($"{series}{{db=\"{Escape(database)}\",name=\"{Escape(replica)}\"}}", out var value)
            ? (long)value
            : null;

    private static string SyncCount(string database) => $"litestream_sync_count{{db=\"{Escape(database)}\"}}";

    private static string Escape(string label) =>
        label
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
}
