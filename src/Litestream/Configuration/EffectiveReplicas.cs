using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>Makes the entry of each database what the executable gets: an absolute path, replicas with their places.
/// </summary>
/// <param name="context">What the steps share.</param>
/// <param name="places">The databases by the places of their replicas and of their state, of all that have been made so
/// far.</param>
/// <param name="replicaUrl">The run-time replica URL; null when the built one stands.</param>
internal sealed class EffectiveReplicas(
    EffectiveConfigContext context,
    Dictionary<string, string> places,
    string? replicaUrl
)
{
    private IReadOnlyList<string> Types => context.Dialects[0].Find(ConfigPlace.Replica, "type")!.Words;

    public EffectiveDatabase Rewrite(ConfigEntry entry, string path)
    {
        var node = entry.Node;
        node["path"] = path;
        var described = new List<ConfiguredReplica>();
        var rewritten = new List<YamlNode>();
        foreach (var built in entry.Replicas)
        {
            var replica = replicaUrl is null
                ? built
                : ReplicaOverride.Replace(built, replicaUrl, entry.Database.Path, context.Lookup);
            if (context.File.IsGenerated && replica.Text("type") == "gcs" && !Types.Contains("gcs"))
                replica["type"] = "gs";

            // The embedded default is beside the database, wherever that is now.
            if (
                context.File.IsGenerated
                && ReplicaIdentity.AtBuild(replica).IsFile
                && replica.Text("path") == ReplicaPath.DefaultPath(entry.Database.Path)
            )
            {
                replica["path"] = Path.Combine(
                    Path.GetDirectoryName(path)!,
                    ReplicaPath.DefaultFolder,
                    Path.GetFileName(path)
                );
            }

            var identity = ReplicaIdentity.AtRun(replica, context.Lookup, context.Absolute);
            described.Add(ConfiguredReplica.Of(identity));
            if (!identity.IsKnown)
                ReportUnknown(identity, path, built);
            else
                rewritten.Add(Resolved(replica, identity, path, node));
        }

        node["replicas"] = new YamlList { Items = rewritten };
        node.Remove("restore-if-db-not-exists");
        if (context.Options.MonitorInterval is { } interval)
            EffectiveConfig.SetInterval(node, interval);

        var key = entry.Database.Key;
        var database = new EffectiveDatabase(entry.Database.Path, path, key?.Split(':')[^1], key, described);
        if (context.Expand(node.Text("meta-path")) is { Length: > 0 } meta)
        {
            database = database with { MetaPath = context.Absolute(meta) };
            node["meta-path"] = database.MetaPath;
        }

        // Litestream would take what it has read of one for what it has read of the other.
        var state = $"state\n{DatabasePath.Real(database.MetaPath)}";
        if (!places.TryAdd(state, path))
        {
            throw context.Error(
                "LSB1011",
                $"The databases '{places[state]}' and '{path}' have the same state folder, '{database.MetaPath}'. "
                    + "Their backups would be mixed: give each database its own `meta-path:`.",
                node
            );
        }

        return database;
    }

    /// <summary>The replica as the executable gets it: it reads the same from it that was resolved here, whatever
    /// quotes and URL escapes there were.</summary>
    private YamlMap Resolved(YamlMap replica, ReplicaIdentity identity, string path, YamlMap node)
    {
        if (identity is { IsFile: true, Folder: null })
        {
            throw context.Error(
                "LSB1046",
                NoFolder(identity, path),
                identity.Source is { Line: > 0 } source ? source
                    : replica.Line > 0 ? replica
                    : node
            );
        }

        var place = PlaceOf(identity);
        if (!places.TryAdd(place, path))
        {
            throw context.Error(
                "LSB1011",
                $"The databases '{places[place]}' and '{path}' have the same replica path, "
                    + $"'{identity.Location}'. A restore would take the backup that was written last: give each "
                    + "database its own path.",
                node
            );
        }

        if (
            identity.Type == "s3"
            && context.Dialects[0].NeedsRegion
            && context.File.IsGenerated
            && context.Expand(replica.Text("region")).Length == 0
            && context.Expand(replica.Text("endpoint")).Length == 0
        )
        {
            context.Report(
                "LSB1059",
                LitestreamSeverity.Warning,
                $"The bucket '{identity.Location}' of '{path}' has no region. {context.Dialects[0].Reader} asks Amazon "
                    + "for it first, and hangs silently where it gets no answer. Set Litestream:ReplicaRegion.",
                node
            );
        }

        if (identity.Folder is { } folder)
        {
            if (replica.Has("url"))
                replica = ReplicaUrl.Keep(ReplicaPath.Folder(folder), replica, "name");
            else if (replica.Has("type"))
                replica["type"] = "file";
            replica["path"] = folder;
        }

        foreach (var (key, value) in replica.Entries.ToList())
        {
            if (
                value is YamlScalar { Style: YamlStyle.Plain } scalar
                && ReplicaIdentity.IsText(key)
                && EnvPlaceholders.HasVariables(scalar.Text)
                && context.Expand(scalar.Text) is { Length: > 0 } text
                && ScalarText.Of(scalar, context.Lookup) == text
            )
            {
                replica[key] = scalar.With(scalar.Text);
            }
        }

        return replica;
    }

    /// <summary>What tells a replica from another one: two folders can be one through links.</summary>
    private string PlaceOf(ReplicaIdentity identity) =>
        identity.Folder is { } folder && context.File.Entries.Count + context.Options.Added.Count > 1
            ? $"{identity.Type}\n{context.Options.Folders.Find(folder)}"
            : identity.Place;

    private static string NoFolder(ReplicaIdentity identity, string path) =>
        identity.Location.Contains("://") && !identity.Location.StartsWith("file:", StringComparison.OrdinalIgnoreCase)
            ? $"The replica of '{path}' has the URL '{identity.Location}' in `path:`, which Litestream refuses. Write "
                + "it as `url:`."
            : $"The replica of '{path}' names no folder "
                + $"({(identity.Location.Length == 0 ? "its `path:` is empty" : identity.Location)}): Litestream would "
                + "write to its working directory, or would not start. Write a folder in `path:`.";

    private void ReportUnknown(ReplicaIdentity identity, string path, YamlNode built)
    {
        var names = EffectiveConfigContext.Join(identity.Missing);
        var diagnostic = context
            .Error(
                "LSB1045",
                $"{(replicaUrl is null ? "" : $"{ReplicaOverride.UrlSetting}: ")}The replica of '{path}' is "
                    + $"'{identity.Location}', but the environment variable {names} is not set, so nothing can be "
                    + $"replicated there. Set {names} where the app runs.",
                identity.Source is { Line: > 0 } source ? source : built
            )
            .Diagnostic;
        context.Diagnostics.Add(
            context.Options.AllowUnknown ? diagnostic : throw new LitestreamException([diagnostic])
        );
    }
}
