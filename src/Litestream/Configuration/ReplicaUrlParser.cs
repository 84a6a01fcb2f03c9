using System.Globalization;
using System.Text.RegularExpressions;
using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// Takes a replica URL apart and makes the keys of release line 0.3 of it. By hand: <c>${NAME}</c> may stand anywhere,
/// which <see cref="Uri"/> refuses, and the executable's own <c>url:</c> key knows no endpoint and writes %20 into
/// folder names.
/// </summary>
/// <param name="Key">The database's own part of the path.</param>
/// <param name="Error">Makes the exception for a code and a message.</param>
internal sealed partial record ReplicaUrlParser(string Key, Func<string, string, LitestreamException> Error)
{
    private string _authority = "";
    private string _user = "";
    private string? _password;
    private string _path = "";
    private Dictionary<string, string> _query = [];

    /// <summary>Whether all of it is the value of a variable, where a secret belongs.</summary>
    public bool IsFromVariable { get; init; }

    private string ObjectPath => WithKey(_path).TrimStart('/');

    /// <summary>A prefix with the database's own part behind it.</summary>
    public string WithKey(string prefix) =>
        prefix.Length == 0 ? Key
        : prefix.EndsWith('/') || prefix.EndsWith('\\') ? prefix + Key
        : $"{prefix}/{Key}";

    /// <exception cref="LitestreamException">LSB1014.</exception>
    public void RefuseSecrets(string url, string query)
    {
        if (ReplicaUrl.Password(url) is { } password)
            Secret(password, "the password");
        ReadQuery(query);
    }

    /// <summary>The keys.</summary>
    /// <param name="text">The URL, or a folder; marked.</param>
    /// <exception cref="LitestreamException">LSB1013, LSB1014.</exception>
    public YamlMap Parse(string text)
    {
        if (text.Any(char.IsControl))
            throw Bad("The replica URL contains a control character. Remove it.");
        var scheme = ReplicaIdentity.Scheme().Match(text);
        if (!scheme.Success)
            return WithoutScheme(text);

        var (rest, query) = ReplicaUrl.SplitQuery(text[scheme.Length..]);
        var slash = rest.IndexOf('/');
        var authority = slash < 0 ? rest : rest[..slash];

        // A `/` in a secret ends the host early: what follows would become a part of the replica's path, in
        // litestream.yml and in every log.
        if (
            !IsFromVariable
            && authority.Contains(':')
            && !authority.Contains('@')
            && text.Contains('@')
            && S3Host.Read(authority) is null
        )
        {
            throw Error(
                "LSB1014",
                "The replica URL seems to contain a secret with a `/` in it, which would end up in build logs and in "
                    + "litestream.yml. Write ${NAME} instead, and set that environment variable where the app runs."
            );
        }

        _path = Decode(slash < 0 ? "" : rest[slash..]);
        if (authority.LastIndexOf('@') is >= 0 and var at)
        {
            var user = authority[..at].Split(':', 2);
            authority = authority[(at + 1)..];
            _user = Decode(user[0]);
            _password = user.Length > 1 ? Secret(Decode(user[1]), "the password") : null;
        }

        _authority = Decode(authority);
        _query = ReadQuery(query);
        if (StrayPercent().Match(authority + (slash < 0 ? "" : rest[slash..])) is { Success: true } stray)
        {
            throw Bad(
                $"`{stray.Value}` in the replica URL is not a percent-encoded character. Write %25 for a percent sign."
            );
        }

        return scheme.Groups[1].Value.ToLowerInvariant() switch
        {
            "s3" => S3(),
            "abs" or "azure" => Azure(),
            "gs" or "gcs" => Google(),
            "sftp" => Sftp(),
            "file" => File(),
            var other => throw Bad(
                $"The scheme `{other}://` of the replica URL is not known. Use s3://bucket/prefix, "
                    + "abs://account@container/prefix, gs://bucket/prefix, sftp://user@host/folder, or a folder."
            ),
        };
    }

    private YamlMap WithoutScheme(string text)
    {
        // s3:/bucket would be a folder of that name, on this disk.
        if (CutScheme().Match(text) is not { Success: true } cut)
            return ReplicaPath.Folder(WithKey(text));
        if (!cut.Value.Equals("file:", StringComparison.OrdinalIgnoreCase))
        {
            throw Bad(
                $"The replica URL begins with `{cut.Value}` without `//`. Write {cut.Value}//..., or "
                    + $"./{cut.Value}... for a folder of that name."
            );
        }

        var (folder, options) = ReplicaUrl.SplitQuery(text[cut.Length..]);
        (_path, _query) = (Decode(folder), ReadQuery(options));
        return File();
    }

    private YamlMap File()
    {
        Allow();

        // file://${FOLDER}: the value begins with the slash.
        if (EnvPlaceholders.IsVariable(_authority))
            return ReplicaPath.Folder(WithKey(_authority + _path));
        if (_authority.Length > 0 && !_authority.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            throw Bad(
                $"`file://{_authority}/...` names a host. Write the path of the folder as it is, or file:///folder."
            );
        }

        if (_path.Trim('/').Length == 0)
            throw Bad("The replica URL names no folder. Write file:///folder.");
        return ReplicaPath.Folder(WithKey(WindowsFileUrl().IsMatch(_path) ? _path[1..] : _path));
    }

    private YamlMap S3()
    {
        Allow("endpoint", "region", "force-path-style", "skip-verify", "access-key-id", "secret-access-key");
        var host = S3Host.Read(_authority);
        if (host is null)
            RefusePort("For another server write s3://bucket/prefix?endpoint=http://server:9000.");
        var map = new YamlMap
        {
            ["type"] = "s3",
            ["bucket"] = Bucket(host?.Bucket ?? _authority, "s3"),
            ["path"] = ObjectPath,
            ["region"] = Value("region", host?.Region, "LITESTREAM_REPLICA_REGION"),
            ["endpoint"] = Value("endpoint", host?.Endpoint, "LITESTREAM_REPLICA_ENDPOINT"),
            ["access-key-id"] = _user.Length > 0 ? _user : Value("access-key-id", null, "LITESTREAM_ACCESS_KEY_ID"),
            ["secret-access-key"] = _password ?? Value("secret-access-key", null, "LITESTREAM_SECRET_ACCESS_KEY"),
        };
        SetFlag(map, "force-path-style", host?.PathStyle);
        SetFlag(map, "skip-verify", null);
        return map;
    }

    private YamlMap Azure()
    {
        Allow("endpoint", "account-key");
        if (_user.Length == 0 || _authority.Length == 0)
            throw Bad("An Azure replica needs the account and the container: abs://account@container/prefix.");
        RefusePort("For another server write abs://account@container/prefix?endpoint=http://server:10000/account.");
        var map = new YamlMap
        {
            ["type"] = "abs",
            ["account-name"] = _user,
            ["account-key"] = _password ?? Value("account-key", null, "LITESTREAM_AZURE_ACCOUNT_KEY"),
            ["bucket"] = _authority,
            ["path"] = ObjectPath,
        };
        if (_query.TryGetValue("endpoint", out var endpoint))
            map["endpoint"] = endpoint;
        return map;
    }

    private YamlMap Google()
    {
        Allow();
        var bucket = Bucket(_authority, "gs");
        RefusePort("Write gs://bucket/prefix.");
        return new()
        {
            ["type"] = "gcs",
            ["bucket"] = bucket,
            ["path"] = ObjectPath,
        };
    }

    private YamlMap Sftp()
    {
        Allow("key-path", "password");
        if (_authority.Length == 0 || _user.Length == 0)
            throw Bad("An SFTP replica needs the user and the host: sftp://user@host/folder.");
        if (
            Port().Match(_authority) is { Success: true } port
            && !EnvPlaceholders.HasVariables(port.Value)
            && !(ushort.TryParse(port.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0)
        )
        {
            throw Bad($"`{port.Value}` in the replica URL is not a port: that is a number from 1 to 65535.");
        }

        var map = new YamlMap
        {
            ["type"] = "sftp",
            ["host"] = _authority,
            ["user"] = _user,
        };
        if ((_password ?? _query.GetValueOrDefault("password")) is { } password)
            map["password"] = password;
        if (_query.TryGetValue("key-path", out var file))
            map["key-path"] = file;
        map["path"] = WithKey(_path.Length == 0 ? "/" : _path);
        return map;
    }

    private string Bucket(string name, string scheme) =>
        name.Length > 0 ? name : throw Bad($"The replica URL names no bucket. Write {scheme}://bucket/prefix.");

    private void Allow(params string[] names)
    {
        if (_query.Keys.FirstOrDefault(k => !names.Contains(k)) is { } unknown)
        {
            throw Bad(
                $"The replica URL has the unknown option `{unknown}`. "
                    + (names.Length == 0 ? "This kind of URL has none." : $"Options: {string.Join(", ", names)}.")
            );
        }
    }

    private void RefusePort(string instead)
    {
        if (Port().IsMatch(_authority))
            throw Bad($"The replica URL has a port, `{_authority}`, but a bucket has none. {instead}");
    }

    private string Value(string option, string? otherwise, string variable) =>
        _query.GetValueOrDefault(option, otherwise ?? EnvPlaceholders.Variable(variable));

    private void SetFlag(YamlMap map, string name, string? otherwise)
    {
        if (_query.TryGetValue(name, out var value))
        {
            otherwise = FlagText.Parse(value) switch
            {
                true => "true",
                false => "false",
                null => throw Bad($"'{name}' in the replica URL must be {FlagText.Forms}."),
            };
        }

        if (otherwise is not null)
            map[name] = new YamlScalar(otherwise, YamlStyle.Plain);
    }

    private Dictionary<string, string> ReadQuery(string query)
    {
        var values = new Dictionary<string, string>();
        foreach (var pair in query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            var value = parts.Length > 1 ? Decode(parts[1]) : "true";

            // forcePathStyle and force-path-style are the same setting.
            var key = CamelCase().Replace(Decode(parts[0]), "-$1").ToLowerInvariant();
            values[key] = SecretMask.IsSecretName(key) && key != "key-path" ? Secret(value, $"`{key}`") : value;
        }

        return values;
    }

    private string Secret(string value, string what) =>
        value.Length == 0
        || IsFromVariable
        || (WholeVariable().IsMatch(EnvPlaceholders.ToFile(value)) && EnvPlaceholders.HasVariables(value))
            ? value
            : throw Error(
                "LSB1014",
                $"The replica URL contains a secret ({what}), which would end up in build logs and in litestream.yml. "
                    + "Write ${NAME} instead, and set that environment variable where the app runs."
            );

    private LitestreamException Bad(string message) => Error("LSB1013", EnvPlaceholders.Unmark(message));

    private static string Decode(string text) => text.Contains('%') ? Uri.UnescapeDataString(text) : text;

    [GeneratedRegex("^(s3|abs|azure|gs|gcs|sftp|file):", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex CutScheme();

    [GeneratedRegex("^/[A-Za-z]:/")]
    private static partial Regex WindowsFileUrl();

    [GeneratedRegex("(?<=[a-z])([A-Z])")]
    private static partial Regex CamelCase();

    [GeneratedRegex(@"^\$(\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)$")]
    private static partial Regex WholeVariable();

    /// <summary>What follows the colon; an IPv6 address in brackets has colons of its own.</summary>
    [GeneratedRegex(@"(?<=:)[^:\[\]]*$")]
    private static partial Regex Port();

    [GeneratedRegex("%(?![0-9A-Fa-f]{2}).{0,2}")]
    private static partial Regex StrayPercent();
}
