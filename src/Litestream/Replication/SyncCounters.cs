using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Litestream.Replication;

/// <summary>Reads from litestream's metrics how often it has looked at each database.</summary>
internal sealed class SyncCounters : IDisposable
{
    private const string Metric = "litestream_sync_count{db=\"";

    // A proxy from the environment has no business with the loopback interface.
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(2) };
    private readonly Uri _address;

    public SyncCounters(string address) =>
        _address = new Uri($"http://{(address.StartsWith(':') ? "127.0.0.1" + address : address)}/metrics");

    /// <summary>Host and port.</summary>
    public string Address => _address.Authority;

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

    /// <summary>The count by database path, or null when nobody answers.</summary>
    public async Task<IReadOnlyDictionary<string, double>?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Parse(await _client.GetStringAsync(_address, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }

    public static IReadOnlyDictionary<string, double> Parse(string text)
    {
        var counts = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n'))
        {
            // The label's end is the last quote: a path may hold quotes and braces of its own, escaped or not.
            if (line.StartsWith(Metric, StringComparison.Ordinal) && line.LastIndexOf("\"}", StringComparison.Ordinal) is > 0 and var end &&
                double.TryParse(line.AsSpan(end + 2), NumberStyles.Float, CultureInfo.InvariantCulture, out var count))
            {
                var label = line[Metric.Length..end];
                counts[label.Replace("\\\\", "\0", StringComparison.Ordinal).Replace("\\\"", "\"", StringComparison.Ordinal)
                    .Replace("\\n", "\n", StringComparison.Ordinal).Replace('\0', '\\')] = count;
            }
        }

        return counts;
    }

    public void Dispose() => _client.Dispose();
}
