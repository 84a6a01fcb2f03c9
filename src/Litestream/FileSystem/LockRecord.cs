using System.Text.Json;
using System.Text.Json.Serialization;

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

    public byte[] ToUtf8() =>
        JsonSerializer.SerializeToUtf8Bytes(
            new LockForm(
                App,
                Replicator,
                MetricsAddress,
                IsPastGate ? true : null,
                Orphans.Count == 0 ? null : Orphans
            ),
            LockJson.Default.LockForm
        );

    /// <summary>Reads what may have been cut off by a crash: then nothing of it counts.</summary>
    public static LockRecord Parse(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            if (
                JsonSerializer.Deserialize(utf8.Span, LockJson.Default.LockForm) is { } form
                && form.Orphans?.Contains(null!) != true
            )
            {
                return new LockRecord(form.App, form.Replicator, form.MetricsAddress)
                {
                    IsPastGate = form.PastGate == true,
                    Orphans = form.Orphans ?? [],
                };
            }
        }
        catch (JsonException)
        {
            // Torn, as below.
        }

        return Empty with
        {
            IsTorn = true,
        };
    }
}

/// <summary>A lock record as it stands in the file.</summary>
internal sealed record LockForm(
    ProcessIdentity? App,
    ProcessIdentity? Replicator,
    string? MetricsAddress,
    bool? PastGate,
    IReadOnlyList<ProcessIdentity>? Orphans
);

[JsonSerializable(typeof(LockForm))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
internal sealed partial class LockJson : JsonSerializerContext;
