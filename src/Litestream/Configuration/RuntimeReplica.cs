
namespace Litestream.Configuration;

/// <summary>The replica that run-time settings put in the place of a generated one.</summary>
internal static class RuntimeReplica
{
    public const string BucketVariable = "LITESTREAM_REPLICA_BUCKET";

    /// <summary>The key of the replica URL among a generated file's comments.</summary>
    public const string ReplicaUrlComment = "replica-url";

    public const string UrlSetting = "Litestream:ReplicaUrl";

    /// <summary>The URL of <c>Litestream:ReplicaUrl</c>, or the bucket of the variable; null when the built replica stands.</summary>
    /// <param name="file">A generated file.</param>
    /// <param name="getSetting">The live settings.</param>
    /// <param name="lookup">The variables, those that come from settings included.</param>
    public static string? Url(LitestreamConfigFile file, Func<string, string?> getSetting, Func<string, string?> lookup)
    {
        if (getSetting(UrlSetting) is { } url && !string.IsNullOrWhiteSpace(url))
            return url;

        // A built URL with the bucket's variable in it has a prefix of its own.
        var built = file.Entries.SelectMany(e => e.Replicas).SelectMany(r => VariableText.Names(r.Text("bucket")));
        if (file.AtRunTime.ContainsKey(ReplicaUrlComment))
            built = VariableText.Names(ForAdded(file, "app.db", "app.db").Text("bucket"));
        return string.IsNullOrEmpty(lookup(BucketVariable)) || built.Contains(BucketVariable) ? null : $"s3://${{{BucketVariable}}}";
    }

    /// <summary>
    /// The replica of a database that is not in the file: where all of a generated file's are, if that is one place, and kept as all of them are; else the folder beside it.
    /// </summary>
    /// <param name="file">As it was read.</param>
    /// <param name="configuredPath">The database as it is configured.</param>
    /// <param name="path">The database, absolute.</param>
    public static YamlMap ForAdded(LitestreamConfigFile file, string configuredPath, string path)
    {
        if (file.AtRunTime is { Count: > 0 } settings)
            return FromComments(settings, configuredPath, path);

        var places = file.IsGenerated ? file.Entries.SelectMany(e => e.Replicas.Select(r => Place(r, e.Database.Path))).ToList() : [];
        var replica = Common(places) ?? new YamlMap { ["type"] = new YamlScalar("file") };
        replica["path"] = new YamlScalar(replica.Has("path") ? replica.Text("path") + ReplicaUrl.DatabaseKey(configuredPath) : ReplicaUrl.DefaultPath(path));
        if (ReplicaIdentity.TypeOf(replica) == "file" && !replica.Has("retention"))
            replica["retention"] = new YamlScalar(GeneratedConfig.FolderRetention);
        return replica;
    }

    /// <summary>The same for a file that the build found no database for: it keeps the project's properties in comments.</summary>
    private static YamlMap FromComments(IReadOnlyDictionary<string, string> settings, string configuredPath, string path)
    {
        var replica = settings.TryGetValue(ReplicaUrlComment, out var url)
            ? ReplicaUrl.Parse(url, configuredPath, (code, message) => new(code, $"litestream.yml: {message}"))
            : ReplicaUrl.Default(path);
        foreach (var (key, value) in settings.Where(setting => setting.Key != ReplicaUrlComment))
            replica[key] = new YamlScalar(value);
        if (ReplicaIdentity.TypeOf(replica) == "file" && !replica.Has("retention"))
            replica["retention"] = new YamlScalar(GeneratedConfig.FolderRetention);
        return replica;
    }

    /// <summary>The replica at the URL, kept as the built one is: intervals and retention stay.</summary>
    /// <exception cref="LitestreamException">LSB1013, LSB1014.</exception>
    public static YamlMap Replace(YamlMap built, string url, string configuredPath)
    {
        var replica = ReplicaUrl.Parse(url, configuredPath, (code, message) => new LitestreamException(code, $"{UrlSetting}: {message}"));
        foreach (var (key, value) in built.Entries)
        {
            if (!ReplicaUrl.IsLocationKey(key))
                replica[key] = value;
        }

        return replica;
    }

    /// <summary>A replica with only the part of its path that comes before the database's own; without a path when it is the folder beside the database. Null when that part cannot be told.</summary>
    private static YamlMap? Place(YamlMap replica, string databasePath)
    {
        var place = (YamlMap)replica.Clone();
        var path = replica.Text("path");
        var key = ReplicaUrl.DatabaseKey(databasePath);
        if (ReplicaIdentity.TypeOf(replica) == "file" && path == ReplicaUrl.DefaultPath(databasePath))
            place.Remove("path");
        else if (path == key || path.EndsWith("/" + key, StringComparison.Ordinal))
            place["path"] = new YamlScalar(path[..^key.Length]);
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
            if (ReplicaUrl.IsLocationKey(key))
                return null;
            common.Remove(key);
        }

        return common;
    }
}
