namespace Litestream.Configuration;

/// <summary>What tells one replica from another.</summary>
internal static class ReplicaIdentity
{
    private static readonly string[] Keys = ["url", "account-name", "host", "endpoint", "bucket"];

    public static string TypeOf(YamlMap replica)
    {
        var type = replica.Text("type");
        if (type.Length > 0)
            return type;
        var url = replica.Text("url");
        var scheme = url.IndexOf("://", StringComparison.Ordinal);
        return scheme > 0 ? url[..scheme].ToLowerInvariant() : "file";
    }

    /// <summary>Two replicas with the same text would be written to one place.</summary>
    public static string Of(YamlMap replica, Func<string, string> expand)
    {
        var type = TypeOf(replica);
        var path = expand(replica.Text("path"));
        if (type != "file")
            path = path.Trim('/');
        return string.Join('\n', Keys.Select(k => expand(replica.Text(k)).TrimEnd('/')).Prepend(type).Append(path));
    }

    public static string Location(YamlMap replica, Func<string, string> show) => ReplicaUrl.Describe(replica, TypeOf(replica), show);
}
