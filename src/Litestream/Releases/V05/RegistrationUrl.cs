using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;

namespace Litestream.Releases.V05;

/// <summary>
/// The replica of a database as <c>/register</c> takes it: a URL and nothing else. A database that is registered has
/// litestream's defaults for all that its configuration could say, and reads the keys of S3 from the environment.
/// </summary>
internal static partial class RegistrationUrl
{
    private static readonly string[] OfThisProcess = ["dbs", "addr", "socket", "shutdown-sync-timeout"];

    private static readonly string[] FolderKeys = ["type", "name", "path"];

    private static readonly string[] S3Keys =
    [
        "type",
        "name",
        "bucket",
        "path",
        "region",
        "endpoint",
        "force-path-style",
        "access-key-id",
        "secret-access-key",
    ];

    /// <inheritdoc cref="IControlSocket.ReplicaUrl" />
    public static string? Of(EffectiveConfig running, EffectiveConfig config, EffectiveDatabase database)
    {
        var index = config.Databases.ToList().FindIndex(one => one.Path == database.Path);
        if (index < 0 || Rest(running.Root) != Rest(config.Root) || config.Root.Entries.Any(IsForReplicas))
            return null;
        var node = config.Root.Maps("dbs").Where(map => !map.Has("dir")).ElementAtOrDefault(index);
        return
            node?["replicas"] is YamlList { Items: [YamlMap replica] }
            && node.Entries.All(entry => entry.Key is "path" or "replicas" || IsDefault(entry))
            ? Of(replica, config)
            : null;
    }

    private static string? Of(YamlMap replica, EffectiveConfig config)
    {
        string Text(string key) => EnvPlaceholders.Expand(replica.Text(key), config.Variable);
        bool HasOnly(string[] keys) =>
            replica.Entries.All(entry => keys.Contains(entry.Key) || IsDefault(entry));

        // What the environment gives a registered database, and what the configuration gives this one.
        bool IsSameKey(string key, string variable) =>
            Text(key) is ""
            || Text(key) == (config.Variable($"AWS_{variable}") ?? config.Variable($"LITESTREAM_{variable}"));

        return Text("type") switch
        {
            // It takes the escapes of a URL for the name of the folder.
            "" or "file" when HasOnly(FolderKeys) => Text("path") is var folder && PlainPath().IsMatch(folder)
                ? $"file://{folder}"
                : null,
            "s3"
                when HasOnly(S3Keys)
                    && config.Variable("AWS_SESSION_TOKEN") is null or ""
                    && config.Variable("LITESTREAM_S3_ENDPOINT") is null or ""
                    && IsSameKey("access-key-id", "ACCESS_KEY_ID")
                    && IsSameKey("secret-access-key", "SECRET_ACCESS_KEY") => S3(Text),
            _ => null,
        };
    }

    private static string? S3(Func<string, string> text)
    {
        var (bucket, path, endpoint) = (text("bucket"), text("path"), text("endpoint"));
        if (
            !PlainBucket().IsMatch(bucket)
            || !PlainPath().IsMatch($"/{path}")
            || !PlainEndpoint().IsMatch(endpoint)
            || text("force-path-style") is not ("" or "true" or "false")
        )
        {
            return null;
        }

        var options = new[]
        {
            ("region", text("region")),
            ("endpoint", endpoint),
            ("forcePathStyle", text("force-path-style")),
        };
        var query = options
            .Where(option => option.Item2.Length > 0)
            .Select(option => $"{option.Item1}={Uri.EscapeDataString(option.Item2)}");
        return $"s3://{bucket}/{path}?{string.Join('&', query)}".TrimEnd('?');
    }

    /// <summary>What holds for all databases, and must be what litestream was started with.</summary>
    private static string Rest(YamlMap root)
    {
        var rest = new YamlMap();
        foreach (var (key, value) in root.Entries.Where(entry => !OfThisProcess.Contains(entry.Key)))
            rest[key] = value;
        return YamlWriter.Write(rest);
    }

    /// <summary>At the top of the file it holds for all replicas, but for those that are registered.</summary>
    private static bool IsForReplicas(KeyValuePair<string, YamlNode> entry) =>
        ConfigDialect05.Dialect.Find(ConfigPlace.Replica, entry.Key) is not null && !IsDefault(entry);

    /// <summary>An interval that says what litestream does anyway.</summary>
    private static bool IsDefault(KeyValuePair<string, YamlNode> entry) =>
        entry is { Key: "monitor-interval" or "sync-interval", Value: YamlScalar { Text: var text } }
        && GoDuration.IsPositive(text)
        && GoDuration.Parse(text) == TimeSpan.FromSeconds(1);

    /// <summary>A path that a URL leaves as it is, without steps that would be cleaned away.</summary>
    [GeneratedRegex(@"^(/(?!\.{1,2}(/|$))[A-Za-z0-9_.~-]+)+$")]
    private static partial Regex PlainPath();

    [GeneratedRegex("^[a-z0-9][a-z0-9-]*$")]
    private static partial Regex PlainBucket();

    [GeneratedRegex("^(https?://[A-Za-z0-9.-]+(:[0-9]+)?)?$")]
    private static partial Regex PlainEndpoint();
}
