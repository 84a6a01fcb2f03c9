
namespace Litestream.Configuration;

/// <summary>The replica that run-time settings put in the place of a generated one.</summary>
internal static class RuntimeReplica
{
    public const string BucketVariable = "LITESTREAM_REPLICA_BUCKET";

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
        return string.IsNullOrEmpty(lookup(BucketVariable)) || built.Contains(BucketVariable) ? null : $"s3://${{{BucketVariable}}}";
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
}
