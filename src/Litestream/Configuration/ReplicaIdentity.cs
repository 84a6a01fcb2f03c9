using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>
/// What a replica is: its type, its name, its place, its folder on this machine. It is resolved here and nowhere else,
/// after variables: while the app is built as far
/// as it is known, when it runs exactly. What is not known yet is null or <see cref="Missing"/>, never a guess.
/// </summary>
internal sealed partial record ReplicaIdentity
{
    /// <summary>The keys that say where a replica is. Without the variable in one of them it would be somewhere
    /// else.</summary>
    private static readonly string[] PlaceKeys = ["path", "bucket", "host", "account-name"];

    /// <summary><c>file</c>, <c>s3</c> and so on, as the executable has it; empty when it would refuse the replica,
    /// null when it is not known yet.</summary>
    public required string? Type { get; init; }

    /// <summary>Its name for the executable, in its lists, its log and its metrics: the type where the file names none.
    /// Null when it is not known yet.</summary>
    public required string? Name { get; init; }

    /// <summary>The folder of a file replica when the app runs, absolute; null for every other type, when it is not
    /// known yet, and when there is none.</summary>
    public string? Folder { get; init; }

    /// <summary>Two replicas with the same text are written to one place. Variables without a value stand in it as they
    /// are.</summary>
    public required string Place { get; init; }

    /// <summary>Where it is, for people; carries no password of a URL.</summary>
    public required string Location { get; init; }

    /// <summary>The variables without a value that its type or its place depends on.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>The key of the replica that its place stands in; null when it has none.</summary>
    public YamlScalar? Source { get; init; }

    /// <summary>Whether its type and its place are known.</summary>
    public bool IsKnown => Missing.Count == 0;

    /// <summary>Whether it is a folder for the executable, also when it is not known which.</summary>
    public bool IsFile => Type == "file";

    /// <summary>Whether a key of a replica takes a text that tells it from another.</summary>
    public static bool IsText(string key) =>
        key is "url" or "type" or "name" or "endpoint" or "region" || PlaceKeys.Contains(key);

    /// <summary>While the app is built: no variable has a value yet.</summary>
    public static ReplicaIdentity AtBuild(YamlMap replica) => AsFarAsKnown(replica, _ => null);

    /// <summary>With the values that are known here.</summary>
    public static ReplicaIdentity AsFarAsKnown(YamlMap replica, Func<string, string?> lookup) =>
        Resolve(replica, lookup, folder => folder, isRunning: false);

    /// <summary>When the app runs: a variable without a value is nothing to the executable.</summary>
    /// <param name="replica">The replica as it stands in the file.</param>
    /// <param name="lookup">The value of a variable; null or empty when it has none.</param>
    /// <param name="absolute">Makes a folder absolute.</param>
    public static ReplicaIdentity AtRun(YamlMap replica, Func<string, string?> lookup, Func<string, string> absolute) =>
        Resolve(replica, lookup, absolute, isRunning: true);

    private static ReplicaIdentity Resolve(
        YamlMap replica,
        Func<string, string?> lookup,
        Func<string, string> absolute,
        bool isRunning
    )
    {
        var missing = new List<string>();
        string Known(string key) =>
            replica[key] is YamlScalar { IsNull: false } scalar ? ScalarText.Known(scalar, lookup) : "";
        string Needed(string key)
        {
            var text = Known(key);
            missing.AddRange(EnvPlaceholders.Names(text).Except(missing));
            return text;
        }

        // The URL wins over `type:`, as it does in the executable.
        var url = Needed("url");
        var type = url.Length > 0 ? TypeOfUrl(url) : TypeOfKey(Needed("type"));
        var values = PlaceKeys.ToDictionary(
            key => key,
            key => url.Length > 0 && key != "account-name" ? Known(key) : Needed(key)
        );
        values["endpoint"] = Known("endpoint");
        values["webdav-url"] = Known("webdav-url");
        values["url"] = url;

        var folder =
            missing.Count > 0 || type != "file" ? null
            : url.Length > 0 ? FileUrl.Folder(url)
            : Scheme().IsMatch(values["path"]) || string.IsNullOrWhiteSpace(values["path"]) ? null
            : values["path"];
        folder = folder is null ? null : absolute(folder);

        var name = Known("name");
        if (EnvPlaceholders.HasVariables(name))
            name = isRunning && replica["name"] is YamlScalar written ? ScalarText.Of(written, lookup) : null;
        return new ReplicaIdentity
        {
            Type = type,
            Name = name is { Length: 0 } ? type : name,
            Folder = isRunning ? folder : null,
            Place = folder is not null ? PlaceOfFolder(folder) : PlaceOf(type, url, values),
            Location = folder ?? EnvPlaceholders.Unmark(Describe(type, values)),
            Missing = missing,
            Source =
                (
                    url.Length > 0
                        ? replica["url"]
                        : PlaceKeys
                            .Select(key => replica[key])
                            .FirstOrDefault(value =>
                                value is YamlScalar text && EnvPlaceholders.HasVariables(text.Text)
                            )
                ) as YamlScalar,
        };
    }

    private static string Describe(string? type, Dictionary<string, string> values)
    {
        if (values["url"] is { Length: > 0 } url)
            return UrlSecrets().Replace(url, "$1");
        var path = values["path"];
        var key = path.TrimStart('/');
        return type switch
        {
            "s3" => $"s3://{values["bucket"]}/{key}",
            "gcs" or "gs" => $"gs://{values["bucket"]}/{key}",
            "oss" => $"oss://{values["bucket"]}/{key}",
            "nats" => $"nats bucket {values["bucket"]}",
            "webdav" => UrlSecrets().Replace(values["webdav-url"], "$1").TrimEnd('/') + $"/{key}",
            "abs" => $"abs://{values["account-name"]}@{values["bucket"]}/{key}",
            "sftp" => $"sftp://{values["host"]}/{key}",
            _ => path,
        };
    }

    private static string? TypeOfUrl(string url) =>
        Scheme().Match(url) is { Success: true } match ? match.Groups[1].Value.ToLowerInvariant()
        : url.StartsWith("file:", StringComparison.OrdinalIgnoreCase) ? "file"
        : EnvPlaceholders.HasVariables(url) ? null
        : "";

    private static string? TypeOfKey(string type) =>
        EnvPlaceholders.HasVariables(type) ? null
        : type.Length == 0 ? "file"
        : type;

    private static string PlaceOfFolder(string folder) =>
        $"file\n{(folder.StartsWith('/') ? "/" : "")}"
        + $"{string.Join('/', folder.Split('/').Where(part => part is not ("" or ".")))}";

    /// <summary>The same for the two ways to write one place: a URL, and the keys.</summary>
    private static string PlaceOf(string? type, string url, Dictionary<string, string> values)
    {
        var (host, bucket, account, path, endpoint) = (
            values["host"],
            values["bucket"],
            values["account-name"],
            values["path"],
            values["endpoint"]
        );
        if (url.Length > 0)
        {
            if (Scheme().Match(url) is not { Success: true } scheme || type == "file")
                return $"{type}\n{url}";
            var rest = url[scheme.Length..].Split('?', '#')[0];
            var slash = rest.IndexOf('/');
            var authority = slash < 0 ? rest : rest[..slash];
            path = slash < 0 ? "" : Uri.UnescapeDataString(rest[slash..]);
            if (authority.LastIndexOf('@') is >= 0 and var at)
            {
                account = account.Length > 0 ? account : authority[..at].Split(':')[0];
                authority = authority[(at + 1)..];
            }

            (host, bucket) = (authority, authority);
            if (endpoint.Length == 0 && EndpointOption().Match(url) is { Success: true } option)
                endpoint = Uri.UnescapeDataString(option.Groups[1].Value);
            if (type == "s3" && S3Host.Read(authority) is { } known)
                (bucket, endpoint) = (known.Bucket, endpoint.Length > 0 ? endpoint : known.Endpoint);
        }

        path = string.Join('/', path.Split('/').Where(part => part is not ("" or ".")));

        // With or without TLS it is the same storage.
        endpoint = Scheme().Replace(endpoint, "").TrimEnd('/');
        return type switch
        {
            "file" => $"file\n{values["path"]}",
            "sftp" => $"sftp\n{DefaultPort().Replace(host, "").ToLowerInvariant()}\n{path}",
            "s3" => $"s3\n{endpoint.ToLowerInvariant()}\n{bucket}\n{path}",
            "abs" => $"abs\n{endpoint.ToLowerInvariant()}\n{account}\n{bucket}\n{path}",
            "gcs" or "gs" => $"gcs\n{bucket}\n{path}",
            _ => string.Join('\n', type, host, bucket, account, endpoint, values["webdav-url"], path),
        };
    }

    /// <summary>The scheme of a URL, in the first group.</summary>
    [GeneratedRegex("^([A-Za-z][A-Za-z0-9+.-]*)://")]
    public static partial Regex Scheme();

    /// <summary>The endpoint in the query of a URL, which release line 0.5 reads.</summary>
    [GeneratedRegex("[?&]endpoint=([^&#]*)")]
    private static partial Regex EndpointOption();

    [GeneratedRegex(@":22\z")]
    private static partial Regex DefaultPort();

    [GeneratedRegex(@"(?<=^[A-Za-z0-9+.-]+://)([^/:@?]*)(?::.*)?(?=@)|\?.*$")]
    private static partial Regex UrlSecrets();
}
