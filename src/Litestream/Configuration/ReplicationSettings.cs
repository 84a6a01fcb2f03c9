using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>How a database is replicated: what the configuration says, with the executable's defaults.</summary>
/// <param name="MonitorInterval">How often the database is looked at.</param>
/// <param name="CheckpointInterval">How often it is checkpointed, and with it sent again what was overlooked.</param>
/// <param name="MetricsAddress">Where the replicator answers: as an app with its own replicator has noted beside the
/// database, else as the file says.</param>
/// <param name="Replicas">Where it goes.</param>
internal sealed record ReplicationSettings(
    TimeSpan MonitorInterval,
    TimeSpan CheckpointInterval,
    string? MetricsAddress,
    IReadOnlyList<ReplicaSettings> Replicas
)
{
    private const int DefaultMaxCheckpointPages = 10_000;

    /// <summary>At how many pages of WAL litestream waits for readers (release line 0.3).</summary>
    public int MaxCheckpointPages { get; init; } = DefaultMaxCheckpointPages;

    private static readonly TimeSpan DefaultInterval = TimeSpan.FromSeconds(1);

    /// <summary>The longest that a commit takes on its way when all is well.</summary>
    public TimeSpan Round(IEnumerable<ReplicaSettings> replicas) =>
        MonitorInterval + replicas.Select(r => r.SyncInterval).DefaultIfEmpty(DefaultInterval).Max();

    public static ReplicationSettings Of(EffectiveConfig config, EffectiveDatabase database)
    {
        var environment = ProcessVariables.Read();
        string? Lookup(string name) => config.Variables.GetValueOrDefault(name) ?? environment.GetValueOrDefault(name);
        string Expand(string marked) => EnvPlaceholders.Expand(marked, Lookup);
        TimeSpan Interval(YamlMap map, string key, TimeSpan otherwise) =>
            Expand(map.Text(key)) is var text && GoDuration.IsPositive(text) ? GoDuration.Parse(text) : otherwise;

        var node = config
            .Root.Maps("dbs")
            .FirstOrDefault(db => string.Equals(Expand(db.Text("path")), database.Path, StringComparison.Ordinal))
            ?? new YamlMap();
        var address = DatabaseLock.Peek(database.Path).MetricsAddress ?? Expand(config.Root.Text("addr"));
        var replicas = node.Maps("replicas")
            .Select(replica =>
            {
                var identity = ReplicaIdentity.AtRun(replica, Lookup, Path.GetFullPath);
                return new ReplicaSettings(
                    identity.Name ?? "",
                    identity.Type ?? "",
                    Interval(replica, "sync-interval", DefaultInterval),
                    identity.Folder
                );
            });

        return new ReplicationSettings(
            Interval(node, "monitor-interval", DefaultInterval),
            Interval(node, "checkpoint-interval", TimeSpan.FromMinutes(1)),
            address.Length > 0 ? address : null,
            [.. replicas]
        )
        {
            MaxCheckpointPages =
                int.TryParse(Expand(node.Text("max-checkpoint-page-count")), out var pages) && pages > 0
                    ? pages
                    : DefaultMaxCheckpointPages,
        };
    }
}

/// <summary>One replica.</summary>
/// <param name="Name">Its name, or its type where it has none.</param>
/// <param name="Type">Its type.</param>
/// <param name="SyncInterval">How often it is sent to.</param>
/// <param name="Folder">Of a file replica: where it is.</param>
internal sealed record ReplicaSettings(string Name, string Type, TimeSpan SyncInterval, string? Folder);
