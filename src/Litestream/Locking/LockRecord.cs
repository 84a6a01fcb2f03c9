using System.Text.Json;

namespace Litestream.Locking;

/// <summary>What stands in a lock file: the app that holds it, and the litestream that it runs.</summary>
/// <param name="App">The process that holds the lock.</param>
/// <param name="Replicator">The litestream that it runs, null while it runs none.</param>
/// <param name="MetricsAddress">Where that litestream answers with its counters (<c>host:port</c>), null when it does not.</param>
internal sealed record LockRecord(ProcessIdentity? App, ProcessIdentity? Replicator, string? MetricsAddress = null)
{
    public static readonly LockRecord Empty = new(null, null);

    public byte[] ToUtf8()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            Write(json, "app", App);
            Write(json, "replicator", Replicator);
            if (MetricsAddress is not null)
            {
                json.WriteString("metricsAddress", MetricsAddress);
            }

            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    /// <summary>Reads what may have been cut off by a crash: what is not complete is nobody.</summary>
    public static LockRecord Parse(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8);
            var root = document.RootElement;
            return new LockRecord(
                Read(root, "app"),
                Read(root, "replicator"),
                root.TryGetProperty("metricsAddress", out var address) ? address.GetString() : null);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return Empty;
        }
    }

    private static void Write(Utf8JsonWriter json, string name, ProcessIdentity? identity)
    {
        if (identity is not null)
        {
            json.WriteStartObject(name);
            json.WriteNumber("pid", identity.ProcessId);
            json.WriteNumber("startTicks", identity.StartTicks);
            json.WriteString("bootId", identity.BootId);
            json.WriteString("pidNamespace", identity.PidNamespace);
            json.WriteString("executable", identity.Executable);
            json.WriteEndObject();
        }
    }

    private static ProcessIdentity? Read(JsonElement root, string name) => root.TryGetProperty(name, out var value)
        ? new ProcessIdentity(
            value.GetProperty("pid").GetInt32(),
            value.GetProperty("startTicks").GetInt64(),
            value.GetProperty("bootId").GetString() ?? "",
            value.GetProperty("pidNamespace").GetString() ?? "",
            value.GetProperty("executable").GetString() ?? "")
        : null;
}
