using System.Text.Json;

namespace Litestream.FileSystem;

/// <summary>What stands in a lock file: the app that holds it, and the litestream that it runs.</summary>
/// <param name="App">The process that holds the lock.</param>
/// <param name="Replicator">The litestream that it runs, null while it runs none.</param>
/// <param name="MetricsAddress">Where that litestream answers with its counters (<c>host:port</c>), null when it does
/// not.</param>
internal sealed record LockRecord(ProcessIdentity? App, ProcessIdentity? Replicator, string? MetricsAddress = null)
{
    public static readonly LockRecord Empty = new(null, null);

    /// <summary>Litestreams that outlived their apps and were still there when this was written.</summary>
    public IReadOnlyList<ProcessIdentity> Orphans { get; init; } = [];

    /// <summary>Whether the app is done with restoring: it replicates, or waits for something to replicate.</summary>
    public bool IsPastGate { get; init; }

    /// <summary>
    /// All litestreams that it names and that still replicate. Whoever holds the lock and runs none of them has found
    /// orphans.
    /// </summary>
    public IEnumerable<ProcessIdentity> LivingReplicators =>
        (Replicator is null ? Orphans : Orphans.Prepend(Replicator)).Where(LitestreamProcess.Lives);

    /// <summary>
    /// Whether the holder before us ended without saying that all was in order: it was killed, or its litestream was.
    /// What litestream did last cannot be relied on then.
    /// </summary>
    public bool IsUnclean =>
        IsTorn
        || (
            this != Empty
            && (
                Replicator is not null
                || Orphans.Count > 0
                || App?.ProcessId != Environment.ProcessId
                || !App.IsRunning()
            )
        );

    /// <summary>Whether there was something that cannot be read: its writer was killed while it wrote.</summary>
    public bool IsTorn { get; init; }

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

            if (IsPastGate)
            {
                json.WriteBoolean("pastGate", true);
            }

            if (Orphans.Count > 0)
            {
                json.WriteStartArray("orphans");
                foreach (var orphan in Orphans)
                {
                    json.WriteStartObject();
                    WriteFields(json, orphan);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
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
                root.TryGetProperty("metricsAddress", out var address) ? address.GetString() : null
            )
            {
                IsPastGate = root.TryGetProperty("pastGate", out var pastGate) && pastGate.GetBoolean(),
                Orphans = root.TryGetProperty("orphans", out var orphans)
                    ? [.. orphans.EnumerateArray().Select(Identity)]
                    : [],
            };
        }
        catch (Exception exception)
            when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return Empty with { IsTorn = true };
        }
    }

    public static void Write(Utf8JsonWriter json, string name, ProcessIdentity? identity)
    {
        if (identity is not null)
        {
            json.WriteStartObject(name);
            WriteFields(json, identity);
            json.WriteEndObject();
        }
    }

    private static void WriteFields(Utf8JsonWriter json, ProcessIdentity identity)
    {
        json.WriteNumber("pid", identity.ProcessId);
        json.WriteNumber("startTicks", identity.StartTicks);
        json.WriteString("bootId", identity.BootId);
        json.WriteString("pidNamespace", identity.PidNamespace);
        json.WriteString("executable", identity.Executable);
    }

    public static ProcessIdentity? Read(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) ? Identity(value) : null;

    private static ProcessIdentity Identity(JsonElement value) =>
        new(
            value.GetProperty("pid").GetInt32(),
            value.GetProperty("startTicks").GetInt64(),
            value.GetProperty("bootId").GetString() ?? "",
            value.GetProperty("pidNamespace").GetString() ?? "",
            value.GetProperty("executable").GetString() ?? ""
        );
}
