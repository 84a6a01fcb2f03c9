using System.Globalization;
using System.Text.RegularExpressions;
using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// A replica's place, from the one URL a user gives to the keys of release line 0.3. Split by hand: <c>${NAME}</c> may
/// stand anywhere,
/// which <see cref="Uri"/> refuses, and the executable's own <c>url:</c> key knows no endpoint and writes %20 into
/// folder names.
/// </summary>
internal static partial class ReplicaUrl
{
    /// <summary>The folder beside each database that its replica goes to when nothing else is said.</summary>
    public const string DefaultFolder = "litestream-replicas";

    /// <summary>
    /// Whether a variable may be missing: the executable's own defaults then hold. Without keys, those are the
    /// machine's own (a profile, an instance's role);
    /// in a file of the user's own that is not taken for granted.
    /// </summary>
    public static bool IsOptional(string variable, bool isGenerated) =>
        variable switch
        {
            "LITESTREAM_REPLICA_REGION" or "LITESTREAM_REPLICA_ENDPOINT" => true,
            "LITESTREAM_ACCESS_KEY_ID" or "LITESTREAM_SECRET_ACCESS_KEY" => isGenerated,
            _ => false,
        };

    private static readonly string[] LocationKeys =
    [
        "type",
        "name",
        "url",
        "path",
        "bucket",
        "region",
        "endpoint",
        "force-path-style",
        "skip-verify",
        "access-key-id",
        "secret-access-key",
        "account-name",
        "account-key",
        "host",
        "user",
        "password",
        "key-path",
    ];

    /// <summary>Whether a replica's key says where it is, as opposed to how it is kept.</summary>
    public static bool IsLocationKey(string key) => LocationKeys.Contains(key, StringComparer.Ordinal);

    /// <summary>The embedded default: a folder beside the database.</summary>
    public static YamlMap Default(string databasePath) =>
        new() { ["type"] = new YamlScalar("file"), ["path"] = new YamlScalar(DefaultPath(databasePath)) };

    /// <summary>
    /// The default's folder for a database as it is configured. Both separators count: the yml may go to Windows.
    /// </summary>
    public static string DefaultPath(string databasePath)
    {
        var cut = databasePath.LastIndexOfAny(['/', '\\']) + 1;
        return $"{databasePath[..cut]}{DefaultFolder}/{databasePath[cut..]}";
    }

    /// <summary>
    /// The database's own part of a replica path: its configured path without what only makes sense on one machine. The
    /// same wherever the live file is.
    /// </summary>
    public static string DatabaseKey(string configuredPath)
    {
        var text = DrivePrefix()
            .Replace(
                configuredPath.Replace("|DataDirectory|", "/", StringComparison.OrdinalIgnoreCase).Replace('\\', '/'),
                ""
            );
        return string.Join('/', text.Split('/').Where(part => part is not ("" or "." or ".." or "~")));
    }

    /// <summary>The keys of a replica for one database. The path is the URL's path and the database's.</summary>
    /// <param name="url">The URL or folder as the user gave it, unmarked.</param>
    /// <param name="configuredPath">The database as it is configured.</param>
    /// <param name="error">Makes the exception for a code and a message, with the user's place.</param>
    /// <param name="lookup">The value of a variable where the app runs; null while the app is built.</param>
    public static YamlMap Parse(
        string url,
        string configuredPath,
        Func<string, string, LitestreamException> error,
        Func<string, string?>? lookup = null
    ) => ParseMarked(EnvPlaceholders.Mark(url.Trim()), DatabaseKey(configuredPath), error, lookup);

    /// <summary>The same for a <c>url:</c> that <see cref="Parse"/> made while the app was built; any other replica as
    /// it is.</summary>
    public static YamlMap ParseBuilt(
        YamlMap replica,
        string configuredPath,
        Func<string, string, LitestreamException> error,
        Func<string, string?> lookup
    )
    {
        var key = "/" + DatabaseKey(configuredPath);
        var (url, query) = SplitQuery(
            replica
                .Text("url")
                .Replace(EnvPlaceholders.Variable(EnvPlaceholders.DollarVariable), "$", StringComparison.Ordinal)
        );
        if (!url.EndsWith(key, StringComparison.Ordinal))
            return replica;
        var parsed = ParseMarked(url[..^key.Length] + query, key[1..], error, lookup);
        return parsed.Has("url") ? replica : Keep(parsed, replica);
    }

    /// <summary>Adds how a replica is kept, as opposed to where it is.</summary>
    /// <param name="replica">Gets them.</param>
    /// <param name="built">Has them.</param>
    /// <param name="also">One key more.</param>
    public static YamlMap Keep(YamlMap replica, YamlMap built, string? also = null)
    {
        foreach (var (key, value) in built.Entries.Where(e => !IsLocationKey(e.Key) || e.Key == also))
            replica[key] = value;
        return replica;
    }

    /// <summary>Whether a variable decides what kind of place a URL names: <c>${REPLICA_URL}</c>, <c>${A}${B}</c>,
    /// <c>${SCHEME}://bucket</c>.</summary>
    private static bool IsOpen(string marked)
    {
        if (!EnvPlaceholders.HasVariables(marked) || SchemePrefix().IsMatch(marked))
            return false;
        var before = EnvPlaceholders.Literal(marked);
        return before.Length == 0
            || (SchemeStart().IsMatch(before) && marked.Contains("://", StringComparison.Ordinal));
    }

    private static YamlMap ParseMarked(
        string text,
        string key,
        Func<string, string, LitestreamException> error,
        Func<string, string?>? lookup
    )
    {
        error = Shown(error);
        if (!IsOpen(text))
            return Split(text, key, isFromVariable: false, error);

        var (open, query) = SplitQuery(text);
        if (Password(open) is { Length: > 0 } password)
            Secret(password, "the password", isFromVariable: false, error);
        ReadQuery(query.TrimStart('?'), isFromVariable: false, error);
        return lookup is not null && EnvPlaceholders.Names(text).All(name => lookup(name) is { Length: > 0 })
            ? Split(EnvPlaceholders.Expand(text, lookup).Trim(), key, isFromVariable: true, error)
            : new YamlMap { ["url"] = new YamlScalar(Join(open, key) + query) };
    }

    private static (string Url, string Query) SplitQuery(string marked) =>
        marked.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at ? (marked[..at], marked[at..]) : (marked, "");

    private static Func<string, string, LitestreamException> Shown(Func<string, string, LitestreamException> error) =>
        (code, message) => error(code, EnvPlaceholders.Unmark(message));

    /// <param name="text">Marked.</param>
    /// <param name="key">The database's own part of the path.</param>
    /// <param name="isFromVariable">Whether all of it is the value of a variable, where a secret belongs.</param>
    /// <param name="error">Makes the exception.</param>
    private static YamlMap Split(
        string text,
        string key,
        bool isFromVariable,
        Func<string, string, LitestreamException> error
    )
    {
        if (text.Any(char.IsControl))
            throw error("LSB1013", "The replica URL has a control character in it.");

        var scheme = SchemePrefix().Match(text);
        if (!scheme.Success)
        {
            // s3:/bucket would be a folder of that name, on this disk.
            var cut = CutScheme().Match(text);
            if (cut.Value.Equals("file:", StringComparison.OrdinalIgnoreCase))
            {
                var (folder, options) = SplitQuery(text[cut.Length..]);
                return File(
                    new Parts(
                        "",
                        "",
                        null,
                        Decode(folder),
                        key,
                        ReadQuery(options.TrimStart('?'), isFromVariable, error),
                        error
                    )
                );
            }

            if (cut.Success)
                throw error(
                    "LSB1013",
                    $"The replica URL begins with `{cut.Value}` without `//`. Write {cut.Value}//..., or "
                        + $"./{cut.Value}... for a folder of that name."
                );
            return Folder(text, key);
        }

        var rest = text[scheme.Length..];
        var query = "";
        if (rest.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark)
            (rest, query) = (rest[..mark], rest[(mark + 1)..]);
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var authority = slash < 0 ? rest : rest[..slash];
        var path = Decode(slash < 0 ? "" : rest[slash..]);

        // A `/` in a secret ends the host early: what follows would become a part of the replica's path, in
        // litestream.yml and in every log.
        if (
            !isFromVariable
            && authority.Contains(':', StringComparison.Ordinal)
            && !authority.Contains('@', StringComparison.Ordinal)
            && text.Contains('@', StringComparison.Ordinal)
            && !LocalHost().IsMatch(authority)
        )
        {
            throw error(
                "LSB1014",
                "The replica URL seems to hold a secret with a `/` in it, which would end up in build logs and in "
                    + "litestream.yml. Write ${NAME} in its place and set that environment variable where the app runs."
            );
        }

        var user = "";
        string? password = null;
        if (authority.LastIndexOf('@') is >= 0 and var at)
        {
            (user, authority) = (authority[..at], authority[(at + 1)..]);
            if (user.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon)
                (user, password) = (user[..colon], user[(colon + 1)..]);
        }

        var parts = new Parts(
            Decode(authority),
            Decode(user),
            password is null ? null : Secret(Decode(password), "the password", isFromVariable, error),
            path,
            key,
            ReadQuery(query, isFromVariable, error),
            error
        );
        if (StrayPercent().Match(authority + (slash < 0 ? "" : rest[slash..])) is { Success: true } stray)
            throw error(
                "LSB1013",
                $"`{stray.Value}` in the replica URL is not a percent-encoded character. Write %25 for a percent sign."
            );
        return scheme.Groups[1].Value.ToLowerInvariant() switch
        {
            "s3" => S3(parts),
            "abs" or "azure" => Azure(parts),
            "gs" or "gcs" => Google(parts),
            "sftp" => Sftp(parts),
            "file" => File(parts),
            var other => throw error(
                "LSB1013",
                $"Replica URLs of the kind `{other}://` are not known. Use s3://bucket/prefix, "
                    + $"abs://account@container/prefix, gs://bucket/prefix, sftp://user@host/folder, or a folder."
            ),
        };
    }

    /// <summary>
    /// The password in a URL, also one with characters that should be percent-encoded; null when there is none.
    /// </summary>
    public static string? Password(string url)
    {
        var start = url.IndexOf("://", StringComparison.Ordinal) + 3;
        var at = url.LastIndexOf('@');
        if (start < 3 || at < start)
            return null;

        var colon = url.IndexOf(':', start, at - start);
        var slash = url.IndexOf('/', start);
        return colon < 0 || (slash >= 0 && slash < colon) ? null : url[(colon + 1)..at];
    }

    /// <summary>Where a replica is, for people.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="value">The value of a key, empty when it has none.</param>
    public static string Describe(string type, Func<string, string> value)
    {
        if (value("url") is { Length: > 0 } url)
            return UrlSecrets().Replace(url, "$1");

        var path = value("path");
        return type switch
        {
            "file" => path,
            "s3" => $"s3://{value("bucket")}/{path.TrimStart('/')}",
            "gcs" => $"gs://{value("bucket")}/{path.TrimStart('/')}",
            "abs" => $"abs://{value("account-name")}@{value("bucket")}/{path.TrimStart('/')}",
            "sftp" => $"sftp://{value("host")}/{path.TrimStart('/')}",
            _ => path,
        };
    }

    private static YamlMap Folder(string folder, string key) =>
        new() { ["type"] = new YamlScalar("file"), ["path"] = new YamlScalar(Join(folder, key)) };

    private static YamlMap File(Parts url)
    {
        url.Allow();

        // file://${FOLDER}: the value begins with the slash.
        if (EnvPlaceholders.IsVariable(url.Authority))
            return Folder(url.Authority + url.Path, url.Key);
        if (url.Authority.Length > 0 && !url.Authority.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            throw url.Error(
                "LSB1013",
                $"`file://{EnvPlaceholders.Unmark(url.Authority)}/...` names a host. Write a folder's path as it is, "
                    + $"or file:///folder."
            );
        if (url.Path.Trim('/').Length == 0)
            throw url.Error("LSB1013", "The replica URL names no folder: file:///folder.");
        return Folder(WindowsFileUrl().IsMatch(url.Path) ? url.Path[1..] : url.Path, url.Key);
    }

    private static YamlMap S3(Parts url)
    {
        url.Allow("endpoint", "region", "force-path-style", "skip-verify", "access-key-id", "secret-access-key");
        var bucket = url.Authority;
        if (!LocalHost().IsMatch(bucket))
            url.RefusePort("For another server write s3://bucket/prefix?endpoint=http://server:9000.");
        string? region = null,
            endpoint = null,
            pathStyle = null;
        if (S3Host(bucket) is { } host)
            (bucket, region, endpoint, pathStyle) = host;
        if (bucket.Length == 0)
            throw url.Error("LSB1013", "The replica URL names no bucket: s3://bucket/prefix.");

        var map = new YamlMap
        {
            ["type"] = new YamlScalar("s3"),
            ["bucket"] = new YamlScalar(bucket),
            ["path"] = new YamlScalar(Join(url.Path, url.Key).TrimStart('/')),
            ["region"] = url.Value("region", region ?? EnvPlaceholders.Variable("LITESTREAM_REPLICA_REGION")),
            ["endpoint"] = url.Value("endpoint", endpoint ?? EnvPlaceholders.Variable("LITESTREAM_REPLICA_ENDPOINT")),
            ["access-key-id"] =
                url.User.Length > 0
                    ? new YamlScalar(url.User)
                    : url.Value("access-key-id", EnvPlaceholders.Variable("LITESTREAM_ACCESS_KEY_ID")),
            ["secret-access-key"] = url.Password is { } password
                ? new YamlScalar(password)
                : url.Value("secret-access-key", EnvPlaceholders.Variable("LITESTREAM_SECRET_ACCESS_KEY")),
        };
        if (url.Flag("force-path-style") is { } style || (style = pathStyle!) is not null)
            map["force-path-style"] = new YamlScalar(style, YamlStyle.Plain);
        if (url.Flag("skip-verify") is { } skip)
            map["skip-verify"] = new YamlScalar(skip, YamlStyle.Plain);
        return map;
    }

    private static YamlMap Azure(Parts url)
    {
        url.Allow("endpoint", "account-key");
        if (url.User.Length == 0 || url.Authority.Length == 0)
            throw url.Error(
                "LSB1013",
                "An Azure replica needs the account and the container: abs://account@container/prefix."
            );
        url.RefusePort("For another server write abs://account@container/prefix?endpoint=http://server:10000/account.");

        var map = new YamlMap
        {
            ["type"] = new YamlScalar("abs"),
            ["account-name"] = new YamlScalar(url.User),
            ["account-key"] = url.Password is { } key
                ? new YamlScalar(key)
                : url.Value("account-key", EnvPlaceholders.Variable("LITESTREAM_AZURE_ACCOUNT_KEY")),
            ["bucket"] = new YamlScalar(url.Authority),
            ["path"] = new YamlScalar(Join(url.Path, url.Key).TrimStart('/')),
        };
        if (url.Query.ContainsKey("endpoint"))
            map["endpoint"] = url.Value("endpoint", "");
        return map;
    }

    private static YamlMap Google(Parts url)
    {
        url.Allow();
        if (url.Authority.Length == 0)
            throw url.Error("LSB1013", "The replica URL names no bucket: gs://bucket/prefix.");
        url.RefusePort("Write gs://bucket/prefix.");
        return new()
        {
            ["type"] = new YamlScalar("gcs"),
            ["bucket"] = new YamlScalar(url.Authority),
            ["path"] = new YamlScalar(Join(url.Path, url.Key).TrimStart('/')),
        };
    }

    private static YamlMap Sftp(Parts url)
    {
        url.Allow("key-path", "password");
        if (url.Authority.Length == 0 || url.User.Length == 0)
            throw url.Error("LSB1013", "An SFTP replica needs the user and the host: sftp://user@host/folder.");
        if (
            Port().Match(url.Authority) is { Success: true } port
            && !EnvPlaceholders.HasVariables(port.Value)
            && !(
                ushort.TryParse(port.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                && number > 0
            )
        )
        {
            throw url.Error(
                "LSB1013",
                $"`{port.Value}` in the replica URL is not a port: that is a number from 1 to 65535."
            );
        }

        var map = new YamlMap
        {
            ["type"] = new YamlScalar("sftp"),
            ["host"] = new YamlScalar(url.Authority),
            ["user"] = new YamlScalar(url.User),
        };
        if (url.Password is not null || url.Query.ContainsKey("password"))
            map["password"] = url.Password is { } password ? new YamlScalar(password) : url.Value("password", "");
        if (url.Query.ContainsKey("key-path"))
            map["key-path"] = url.Value("key-path", "");
        map["path"] = new YamlScalar(Join(url.Path.Length == 0 ? "/" : url.Path, url.Key));
        return map;
    }

    /// <summary>The host forms that the executable itself knows in an s3 URL.</summary>
    internal static (string Bucket, string Region, string Endpoint, string? PathStyle)? S3Host(string host)
    {
        if (LocalHost().Match(host) is { Success: true } local)
            return (local.Groups[1].Value, "us-east-1", $"http://localhost{local.Groups[2].Value}", "true");
        if (Backblaze().Match(host) is { Success: true } b2)
            return (b2.Groups[1].Value, b2.Groups[2].Value, $"https://s3.{b2.Groups[2].Value}.backblazeb2.com", "true");
        if (Filebase().Match(host) is { Success: true } filebase)
            return (filebase.Groups[1].Value, "us-east-1", "https://s3.filebase.com", "false");
        if (DigitalOcean().Match(host) is { Success: true } ocean)
            return (
                ocean.Groups[1].Value,
                ocean.Groups[2].Value,
                $"https://{ocean.Groups[2].Value}.digitaloceanspaces.com",
                "false"
            );
        if (Scaleway().Match(host) is { Success: true } scaleway)
            return (
                scaleway.Groups[1].Value,
                scaleway.Groups[2].Value,
                $"https://s3.{scaleway.Groups[2].Value}.scw.cloud",
                "false"
            );
        if (Linode().Match(host) is { Success: true } linode)
            return (
                linode.Groups[1].Value,
                linode.Groups[2].Value,
                $"https://{linode.Groups[2].Value}.linodeobjects.com",
                "false"
            );
        return null;
    }

    private static Dictionary<string, string> ReadQuery(
        string query,
        bool isFromVariable,
        Func<string, string, LitestreamException> error
    )
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var cut = pair.IndexOf('=', StringComparison.Ordinal);
            var name = Decode(cut < 0 ? pair : pair[..cut]);
            var value = cut < 0 ? "true" : Decode(pair[(cut + 1)..]);

            // forcePathStyle and force-path-style are the same setting.
            var key = CamelCase().Replace(name, "-$1").ToLowerInvariant();
            if (SecretMask.IsSecretName(key) && key != "key-path")
                value = Secret(value, $"`{name}`", isFromVariable, error);
            values[key] = value;
        }

        return values;
    }

    private static string Secret(
        string value,
        string what,
        bool isFromVariable,
        Func<string, string, LitestreamException> error
    ) =>
        value.Length == 0
        || isFromVariable
        || WholeVariable().IsMatch(EnvPlaceholders.ToFile(value)) && EnvPlaceholders.HasVariables(value)
            ? value
            : throw error(
                "LSB1014",
                $"The replica URL holds a secret ({what}), which would end up in build logs and in litestream.yml. "
                    + $"Write ${{NAME}} in its place and set that environment variable where the app runs."
            );

    private static string Join(string prefix, string key) =>
        prefix.Length == 0 ? key
        : prefix.EndsWith('/') || prefix.EndsWith('\\') ? prefix + key
        : $"{prefix}/{key}";

    private static string Decode(string text) =>
        text.Contains('%', StringComparison.Ordinal) ? Uri.UnescapeDataString(text) : text;

    private sealed record Parts(
        string Authority,
        string User,
        string? Password,
        string Path,
        string Key,
        Dictionary<string, string> Query,
        Func<string, string, LitestreamException> Error
    )
    {
        public void Allow(params string[] names)
        {
            if (Query.Keys.FirstOrDefault(k => !names.Contains(k, StringComparer.Ordinal)) is { } unknown)
            {
                throw Error(
                    "LSB1013",
                    names.Length == 0
                        ? $"The replica URL has an option `{EnvPlaceholders.Unmark(unknown)}`; this kind of URL "
                            + $"takes none."
                        : $"The replica URL has an option `{EnvPlaceholders.Unmark(unknown)}`; known "
                            + $"are: {string.Join(", ", names)}."
                );
            }
        }

        public void RefusePort(string instead)
        {
            if (Port().IsMatch(Authority))
                throw Error(
                    "LSB1013",
                    $"The replica URL names a port, `{EnvPlaceholders.Unmark(Authority)}`, and a bucket has "
                        + $"none. {instead}"
                );
        }

        public YamlScalar Value(string name, string otherwise) => new(Query.GetValueOrDefault(name, otherwise));

        public string? Flag(string name)
        {
            if (!Query.TryGetValue(name, out var value))
                return null;
            return FlagText.Parse(value) switch
            {
                true => "true",
                false => "false",
                null => throw Error("LSB1013", $"'{name}' in the replica URL has to be {FlagText.Forms}."),
            };
        }
    }

    [GeneratedRegex(@"^([A-Za-z][A-Za-z0-9+.-]*)://")]
    private static partial Regex SchemePrefix();

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9+.-]*$")]
    private static partial Regex SchemeStart();

    [GeneratedRegex(@"^(s3|abs|azure|gs|gcs|sftp|file):", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex CutScheme();

    [GeneratedRegex(@"^[A-Za-z]:(?=/|$)")]
    private static partial Regex DrivePrefix();

    [GeneratedRegex(@"^/[A-Za-z]:/")]
    private static partial Regex WindowsFileUrl();

    [GeneratedRegex(@"(?<=[a-z])([A-Z])")]
    private static partial Regex CamelCase();

    [GeneratedRegex(@"^\$(\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)$")]
    private static partial Regex WholeVariable();

    [GeneratedRegex(@"(?<=^[A-Za-z0-9+.-]+://)([^/:@?]*)(?::.*)?(?=@)|\?.*$")]
    private static partial Regex UrlSecrets();

    /// <summary>What follows the colon; an IPv6 address in brackets has colons of its own.</summary>
    [GeneratedRegex(@"(?<=:)[^:\[\]]*$")]
    private static partial Regex Port();

    [GeneratedRegex(@"%(?![0-9A-Fa-f]{2}).{0,2}")]
    private static partial Regex StrayPercent();

    [GeneratedRegex(@"^(?:(.+)\.)?localhost(:\d+)?$")]
    private static partial Regex LocalHost();

    [GeneratedRegex(@"^(?:(.+)\.)?s3\.([^.]+)\.backblazeb2\.com$")]
    private static partial Regex Backblaze();

    [GeneratedRegex(@"^(?:(.+)\.)?s3\.filebase\.com$")]
    private static partial Regex Filebase();

    [GeneratedRegex(@"^(?:(.+)\.)?([^.]+)\.digitaloceanspaces\.com$")]
    private static partial Regex DigitalOcean();

    [GeneratedRegex(@"^(?:(.+)\.)?s3\.([^.]+)\.scw\.cloud$")]
    private static partial Regex Scaleway();

    [GeneratedRegex(@"^(?:(.+)\.)?([^.]+)\.linodeobjects\.com$")]
    private static partial Regex Linode();
}
