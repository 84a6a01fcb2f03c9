using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>The replica that run-time settings put in the place of a generated one.</summary>
internal static class ReplicaOverride
{
    public const string BucketVariable = "LITESTREAM_REPLICA_BUCKET";

    /// <summary>The key of the replica URL among a generated file's comments.</summary>
    public const string ReplicaUrlComment = "replica-url";

    public const string UrlSetting = "Litestream:ReplicaUrl";

    /// <summary>
    /// The URL of <c>Litestream:ReplicaUrl</c>, or the bucket of the variable; null when the built replica stands.
    /// </summary>
    /// <param name="file">A generated file.</param>
    /// <param name="getSetting">The live settings.</param>
    /// <param name="lookup">The variables, those that come from settings included.</param>
    public static string? Url(LitestreamConfigFile file, Func<string, string?> getSetting, Func<string, string?> lookup)
    {
        if (getSetting(UrlSetting) is { } url && !string.IsNullOrWhiteSpace(url))
            return url;

        // A built URL with the bucket's variable in it has a prefix of its own.
        var replicas = file.AtRunTime.ContainsKey(ReplicaUrlComment)
            ? [ForAdded(file, [], "app.db", "app.db")]
            : file.Entries.SelectMany(e => e.Replicas);
        var built = replicas.SelectMany(r => EnvPlaceholders.Names(r.Text("bucket") + r.Text("url")));
        return string.IsNullOrEmpty(lookup(BucketVariable)) || built.Contains(BucketVariable)
            ? null
            : $"s3://${{{BucketVariable}}}";
    }

    /// <summary>
    /// The replica of a database that is not in the file: where all of a generated file's are, if that is one place,
    /// and kept as all of them are; else the folder beside it.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="entries">Those of a generated file, as they are here; none for a file of the user's own.</param>
    /// <param name="configuredPath">The database as it is configured.</param>
    /// <param name="path">The database, absolute.</param>
    /// <param name="lookup">The variables; null: they stay variables.</param>
    public static YamlMap ForAdded(
        LitestreamConfigFile file,
        IEnumerable<ConfigEntry> entries,
        string configuredPath,
        string path,
        Func<string, string?>? lookup = null
    )
    {
        YamlMap replica;
        if (file.AtRunTime is { Count: > 0 } settings)
        {
            // The build found no database, and keeps the project's properties in comments.
            LitestreamException Error(string code, string message) => new(code, $"litestream.yml: {message}");
            replica = settings.TryGetValue(ReplicaUrlComment, out var url)
                ? ReplicaUrl.Parse(url, configuredPath, Error, lookup)
                : ReplicaPath.Default(path);
            foreach (var (key, value) in settings.Where(setting => setting.Key != ReplicaUrlComment))
                replica[key] = value;
        }
        else
        {
            var places = entries.SelectMany(e => e.Replicas.Select(r => Place(r, e.Database.Path))).ToList();
            replica = Common(places) ?? new YamlMap { ["type"] = "file" };
            replica["path"] = replica.Has("path")
                ? replica.Text("path") + ReplicaPath.DatabaseKey(configuredPath)
                : ReplicaPath.DefaultPath(path);
        }

        return WithRetention(replica);
    }

    /// <summary>The replica of a database that is not in the file, at a URL of its own.</summary>
    /// <param name="url">The URL or folder.</param>
    /// <param name="configuredPath">The database as it is configured.</param>
    /// <param name="lookup">The variables.</param>
    /// <exception cref="LitestreamException">LSB1013, LSB1014.</exception>
    public static YamlMap ForUrl(string url, string configuredPath, Func<string, string?> lookup) =>
        WithRetention(
            ReplicaUrl.Parse(url, configuredPath, (code, message) => new LitestreamException(code, message), lookup)
        );

    private static YamlMap WithRetention(YamlMap replica)
    {
        if (ReplicaIdentity.AtBuild(replica).IsFile && !replica.Has("retention"))
            replica["retention"] = GeneratedConfig.FolderRetention;
        return replica;
    }

    /// <summary>The replica at the URL, kept as the built one is: intervals and retention stay.</summary>
    /// <param name="built">The replica in the file.</param>
    /// <param name="url">The URL, with variables.</param>
    /// <param name="configuredPath">The database.</param>
    /// <param name="lookup">The variables; null: they stay variables.</param>
    /// <exception cref="LitestreamException">LSB1013, LSB1014.</exception>
    public static YamlMap Replace(
        YamlMap built,
        string url,
        string configuredPath,
        Func<string, string?>? lookup = null
    ) =>
        ReplicaUrl.Keep(
            ReplicaUrl.Parse(
                url,
                configuredPath,
                (code, message) => new LitestreamException(code, $"{UrlSetting}: {message}"),
                lookup
            ),
            built
        );

    /// <summary>
    /// A database of a generated file as it is where the app runs: a path with variables has their values, in the
    /// replica's path too, and a URL that is all
    /// variables is the replica that it names. What a variable without a value decides stays as it is.
    /// </summary>
    /// <exception cref="LitestreamException">LSB1013, LSB1014.</exception>
    public static ConfigEntry Live(
        ConfigEntry entry,
        Func<string, string?> lookup,
        Func<string, string, YamlNode, LitestreamException> error
    )
    {
        var marked = entry.Node.Text("path");
        List<YamlMap> replicas =
        [
            .. entry.Replicas.Select(replica =>
                ReplicaUrl.ParseBuilt(replica, marked, (code, message) => error(code, message, replica), lookup)
            ),
        ];
        if (
            !EnvPlaceholders.HasVariables(marked)
            || EnvPlaceholders.Names(marked).Any(name => string.IsNullOrEmpty(lookup(name)))
        )
        {
            return entry with { Replicas = replicas };
        }

        var path = EnvPlaceholders.Expand(marked, lookup);
        foreach (var replica in replicas)
        {
            var written = replica.Text("path");
            if (written == ReplicaPath.DefaultPath(marked))
                replica["path"] = ReplicaPath.DefaultPath(path);
            else if (ReplicaPath.Prefix(written, marked) is { } prefix)
                replica["path"] = prefix + ReplicaPath.DatabaseKey(path);
        }

        return new ConfigEntry(entry.Node, replicas, entry.Database with { Path = path });
    }

    /// <summary>
    /// A replica with only the part of its path that comes before the database's own; without a path when it is the
    /// folder beside the database. Null when that part is unknown.
    /// </summary>
    private static YamlMap? Place(YamlMap replica, string databasePath)
    {
        var place = (YamlMap)replica.Clone();
        var path = replica.Text("path");
        if (ReplicaIdentity.AtBuild(replica).IsFile && path == ReplicaPath.DefaultPath(databasePath))
            place.Remove("path");
        else if (ReplicaPath.Prefix(path, databasePath) is { } prefix)
            place["path"] = prefix;
        else
            return null;
        return place;
    }

    /// <summary>The one place that all of these are, with what they have in common; null when there is none.</summary>
    private static YamlMap? Common(List<YamlMap?> places)
    {
        if (places is not [{ } common, ..] || places.Contains(null))
            return null;

        foreach (var key in places.SelectMany(place => place!.Entries).Select(entry => entry.Key).Distinct().ToList())
        {
            if (places.All(place => place!.Has(key) == common.Has(key) && place.Text(key) == common.Text(key)))
                continue;
            if (ReplicaPath.IsLocationKey(key))
                return null;
            common.Remove(key);
        }

        return common;
    }
}
