using System.Text.RegularExpressions;
using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// Finds everything in a litestream.yml that the executable would ignore without a word, read as something else, or
/// stop at. Where it would lose data or do nothing,
/// the finding is an error; what is only doubtful is a warning.
/// </summary>
internal sealed partial class ConfigCheck
{
    private readonly string _file;
    private readonly ReleaseLine _line;
    private readonly Func<string, string?> _variable;
    private readonly List<LitestreamDiagnostic> _findings = [];

    private ConfigCheck(string file, ReleaseLine line, Func<string, string?> variable)
    {
        _file = file;
        _line = line;
        _variable = variable;
    }

    private string Name => ConfigSchema.Name(_line);

    /// <summary>All findings in the order of the file.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="raw">The text.</param>
    /// <param name="line">The release line of the executable that will read it.</param>
    /// <param name="variable">The value of a variable, null or empty when it has none. What depends on one without a
    /// value is not judged.</param>
    /// <param name="expandVariables">Whether <c>$</c> begins a variable.</param>
    public static IReadOnlyList<LitestreamDiagnostic> Run(
        string file,
        string raw,
        ReleaseLine line,
        Func<string, string?> variable,
        bool expandVariables
    )
    {
        var check = new ConfigCheck(file, line, variable);
        try
        {
            check.CheckFile(YamlReader.Read(file, raw, expandVariables, check._findings));
        }
        catch (LitestreamException e)
        {
            check._findings.Add(e.Diagnostic);
        }

        // What an anchor brings to several places is found at each of them.
        return [.. check._findings.Distinct().OrderBy(f => f.Line).ThenBy(f => f.Column)];
    }

    private void CheckFile(YamlMap root)
    {
        CheckKeys(root, ConfigPlace.Root, []);
        foreach (var scalar in Scalars(root))
            CheckDollars(scalar);

        if (root["exec"] is YamlScalar { IsNull: false } exec)
            Warn("LSB1020", exec, "`exec:` is left out: the app starts Litestream, not the other way round.");

        switch (root["dbs"])
        {
            case null
                when IsMeant(root, ConfigPlace.Root, "dbs")
                    || root.Entries.Any(e => e.Value is YamlList && ConfigSchema.Keys.All(k => k.Name != e.Key)):
                break;
            case null or YamlScalar { IsNull: true }:
                Fail(
                    "LSB1043",
                    root["dbs"] ?? root,
                    "There is no database in the file, so nothing would be backed up. Add a list `dbs:` with a "
                        + "`path:` each."
                );
                break;
            case YamlList { Items.Count: 0 } list:
                Fail(
                    "LSB1043",
                    list,
                    "`dbs:` is empty, so nothing would be backed up. Add a `- path:` for each database."
                );
                break;
            case YamlList list:
                CheckDatabases(root, list);
                break;
        }
    }

    private void CheckDatabases(YamlMap root, YamlList list)
    {
        var paths = new Dictionary<string, YamlMap>(StringComparer.Ordinal);
        var places = new Dictionary<string, YamlMap>(StringComparer.Ordinal);
        foreach (var database in list.Items.OfType<YamlMap>())
        {
            if (CheckPath(database) is { } path && !paths.TryAdd(path, database))
                Fail(
                    "LSB1012",
                    database,
                    $"{EnvPlaceholders.Unmark(database.Text("path"))} is there twice (line {paths[path].Line} too). "
                        + $"Two replications of one file damage the backup: leave one of them out."
                );

            foreach (var replica in CheckReplicas(root, database))
            {
                if (
                    replica.Entries.Count > 0
                    && !places.TryAdd(ReplicaIdentity.AsFarAsKnown(replica, _variable).Place, replica)
                )
                {
                    Fail(
                        "LSB1011",
                        replica,
                        $"This replica and the one in "
                            + $"line {places[ReplicaIdentity.AsFarAsKnown(replica, _variable).Place].Line} go "
                            + $"to one place. A "
                            + $"restore would pick whichever was written last: give each its own path."
                    );
                }
            }
        }
    }

    private List<YamlMap> CheckReplicas(YamlMap root, YamlMap database)
    {
        var (single, several) = (NullIfEmpty(database["replica"]), NullIfEmpty(database["replicas"]));
        if (single is not null && several is not null)
            Fail("LSB1010", single, "This database has `replica:` and `replicas:`; keep one of them.");

        List<YamlMap> replicas =
        [
            .. (several as YamlList)?.Items.OfType<YamlMap>() ?? [],
            .. single is YamlMap one ? new[] { one } : [],
        ];
        if (
            (single is null && several is null && !IsMeant(database, ConfigPlace.Database, "replicas"))
            || several is YamlList { Items.Count: 0 }
        )
            Fail(
                "LSB1043",
                several ?? database,
                "This database has no replica, so it would not be backed up. Add `replicas:` with one entry, or "
                    + "remove the database."
            );
        if (_line == ReleaseLine.V05 && several is YamlList { Items: [_, var second, ..] })
            Fail(
                "LSB1042",
                second,
                "Litestream 0.5 takes one replica for each database and does not start with more. Keep one of them."
            );

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var replica in replicas)
        {
            CheckReplica(root, replica);
            var name = ReplicaIdentity.AsFarAsKnown(replica, _variable).Name;
            if (name is { Length: > 0 } && _line == ReleaseLine.V03 && !names.Add(name))
                Fail(
                    "LSB1037",
                    replica["name"] ?? replica,
                    $"Two replicas of this database are "
                        + $"called {(replica.Has("name") ? EnvPlaceholders.Unmark(replica.Text("name")) : name)}"
                        + $"{(replica.Has("name") ? "" : ", the name of a replica without `name:`")}; "
                        + $"Litestream would not start. Give each a `name:` of its own."
                );
        }

        return replicas;
    }

    /// <summary>The path for comparisons; null when there is none, or a folder.</summary>
    private string? CheckPath(YamlMap database)
    {
        var path = database["path"] as YamlScalar;
        if (_line == ReleaseLine.V05 && NullIfEmpty(database["dir"]) is { } folder)
        {
            if (path is { IsNull: false, Text.Length: > 0 })
                Fail("LSB1038", path, "An entry has `path:` or `dir:`, not both.");
            if (database.Text("pattern").Length == 0)
                Fail("LSB1038", folder, "`dir:` needs a `pattern:`, such as \"*.db\".");
            return null;
        }

        if (path is null or { IsNull: true } or { Text.Length: 0 })
        {
            if (
                database["path"] is not (YamlMap or YamlList)
                && !database.Has("dir")
                && (path is not null || !IsMeant(database, ConfigPlace.Database, "path"))
            )
                Fail("LSB1010", database["path"] ?? database, "This entry of `dbs:` has no `path:`.");
            return null;
        }

        // A variable without a value may become anything.
        var text = EnvPlaceholders.Expand(path.Text, name => _variable(name) is { Length: > 0 } value ? value : "x");
        var written = EnvPlaceholders.Unmark(path.Text);
        if (text.Length == 0)
        {
            Fail("LSB1010", path, $"This entry of `dbs:` has no `path:`: of `{Short(written)}` nothing is left.");
            return null;
        }

        try
        {
            ConfigPath.Check(
                text,
                (code, message) =>
                    new LitestreamException(code, message.Replace(text, written, StringComparison.Ordinal))
            );
        }
        catch (LitestreamException e)
        {
            Fail(e.Diagnostic.Code, path, e.Diagnostic.Message);
            return null;
        }

        if (UrlLike().IsMatch(text) && !(_line == ReleaseLine.V05 && SqliteUrl().IsMatch(text)))
            Fail(
                "LSB1015",
                path,
                $"{written} is a URL; {Name} would take it for a path in the working directory. Write the path of "
                    + $"the file alone."
            );
        else if (ConnectionString().IsMatch(text))
            Fail(
                "LSB1015",
                path,
                "This is a connection string; Litestream would take all of it for the name of a file. Write the "
                    + "path of the file alone."
            );
        else if (text == ":memory:")
            Fail(
                "LSB1015",
                path,
                "A database in memory cannot be replicated; Litestream would take this for the name of a file."
            );
        else if (_line == ReleaseLine.V05 && text.IndexOfAny(['#', '%']) >= 0)
            Fail(
                "LSB1015",
                path,
                $"The path {written} has a `#` or a `%` in it. Litestream 0.5 would open another file: rename the "
                    + $"file or the folder."
            );
        return Path.GetFullPath(written, Path.GetPathRoot(Environment.CurrentDirectory)!);
    }

    private void CheckReplica(YamlMap root, YamlMap replica)
    {
        var url = replica["url"] as YamlScalar;
        var urlText = url is null or { IsNull: true } ? "" : Resolve(url);
        var type = TypeOf(replica);
        if (urlText is { Length: > 0 })
        {
            CheckUrl(url!, urlText, key => IsSaid(root, replica, key));
            if (
                replica["type"] is YamlScalar { IsNull: false } typeNode
                && Resolve(typeNode) is { Length: > 0 } said
                && type is not null
                && said != type
            )
                Fail(
                    "LSB1038",
                    typeNode,
                    $"`type:` says {said} and `url:` says {type}; the URL would win. Remove `type:`."
                );
        }

        if (url is { IsNull: false, Text.Length: > 0 })
        {
            foreach (var key in (string[])["path", "bucket", "host"])
            {
                if (NullIfEmpty(replica[key]) is { } other)
                    Fail(
                        "LSB1038",
                        other,
                        $"`url:` and `{key}:` both say where this replica is, and Litestream refuses that. Keep the "
                            + $"URL, or `type:` with its own keys."
                    );
            }

            return;
        }

        if (
            replica["path"] is YamlScalar { IsNull: false } path
            && Resolve(path) is { } place
            && UrlLike().IsMatch(place)
        )
            Fail(
                EnvPlaceholders.HasVariables(path.Text) ? "LSB1046" : "LSB1038",
                path,
                "A URL stands in `path:`, which Litestream refuses. Name the key `url:`."
            );

        var needed = type switch
        {
            "file" => "path",
            "s3" or "gcs" or "gs" or "nats" or "oss" => "bucket",
            "abs" => "bucket account-name",
            "sftp" => "host user",
            "webdav" => "webdav-url",
            _ => "",
        };
        foreach (var key in needed.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!IsSaid(root, replica, key) && !IsMeant(replica, ConfigPlace.Replica, key))
                Fail(
                    "LSB1038",
                    replica,
                    $"This replica of type {type} has no `{key}:`{(replica.Has("type") ? "" : " and no `url:`")}, "
                        + $"so Litestream does not know where to write. Add it."
                );
        }
    }

    /// <summary>
    /// Whether a replica has a value for a key, of its own or, on the 0.5 line, from the top of the file.
    /// </summary>
    private bool IsSaid(YamlMap root, YamlMap replica, string key) =>
        NullIfEmpty(replica[key]) is not null
        || (
            _line == ReleaseLine.V05
            && ConfigSchema.Keys.Any(k => k.Place == ConfigPlace.Root && k.Name == key)
            && NullIfEmpty(root[key]) is not null
        );

    private void CheckUrl(YamlScalar node, string url, Func<string, bool> isSaid)
    {
        // A variable without a value may become anything that fits.
        var parsed = GoUrl.Parse(
            EnvPlaceholders.Expand(node.Text, name => _variable(name) is { Length: > 0 } value ? value : "x"),
            out var problem
        );
        if (parsed is null)
        {
            Fail(
                "LSB1048",
                node,
                $"The URL {problem}; Litestream would not start. Correct it, or write the place with `type:` and "
                    + $"its own keys."
            );
            return;
        }

        if (parsed.Scheme.Length == 0)
        {
            Fail(
                "LSB1039",
                node,
                "A replica's URL begins with s3://, abs://, sftp://, file:// or another scheme that Litestream "
                    + "knows. A folder goes into `path:`."
            );
            return;
        }

        if (!CheckType(node, parsed.Scheme))
            return;

        // In a file URL nothing is an option, and nothing is dropped.
        if (parsed.Scheme == "file" && url.IndexOfAny(['?', '#']) >= 0)
        {
            Fail(
                "LSB1039",
                node,
                "In a file URL Litestream takes a `?` or a `#`, with what follows it, for a part of the folder's "
                    + "name. Write the folder as `path:`, and options as keys beside it."
            );
            return;
        }

        var end = url.IndexOfAny(['?', '#']);
        var query = end >= 0 && url[end] == '?' ? url[(end + 1)..].Split('#')[0] : "";
        if (url.Contains('#', StringComparison.Ordinal))
            Fail("LSB1039", node, "Litestream drops what follows a `#` in a URL. Choose a path without it.");
        CheckQuery(node, parsed.Scheme, query);
        CheckPlace(node, parsed, isSaid);
    }

    /// <summary>What a URL says of the bucket, the host and the folder.</summary>
    private void CheckPlace(YamlScalar node, GoUrl url, Func<string, bool> isSaid)
    {
        var local = url.HostName == "localhost" || url.HostName.EndsWith(".localhost", StringComparison.Ordinal);
        switch (url.Scheme)
        {
            case "s3" when url.User is not null:
                Fail(
                    "LSB1039",
                    node,
                    "Litestream ignores what stands before the `@` of an s3 URL. Use `access-key-id:` and "
                        + "`secret-access-key:`, with variables as values."
                );
                break;
            case "sftp" when url.Host.Length == 0 || (string.IsNullOrEmpty(url.User) && !isSaid("user")):
                Fail(
                    "LSB1038",
                    node,
                    "An SFTP URL needs the host, and the user unless `user:` stands beside it: sftp://user@host/folder."
                );
                break;
            case "abs" when url.Host.Length == 0 || (string.IsNullOrEmpty(url.User) && !isSaid("account-name")):
                Fail(
                    "LSB1038",
                    node,
                    "An Azure URL needs the container, and the account unless `account-name:` stands beside it: "
                        + "abs://account@container/prefix."
                );
                break;
            case "s3" when (ReplicaUrl.S3Host(url.HostName)?.Bucket ?? url.HostName).Length == 0:
            case "gcs" or "gs" or "oss" when url.Host.Length == 0:
                Fail("LSB1038", node, $"The URL names no bucket: {url.Scheme}://bucket/prefix.");
                break;
            case "s3" when url.Port.Length > 0 && !local && _line == ReleaseLine.V03:
                Fail(
                    "LSB1039",
                    node,
                    "Litestream ignores the port of an s3 URL and takes the host for the name of a bucket at "
                        + "Amazon. Write `type: s3`, `endpoint: http://host:port`, `bucket:` and `path:` instead."
                );
                break;
            case "gcs" or "gs" or "abs" when url.Port.Length > 0:
                Fail(
                    "LSB1039",
                    node,
                    "Litestream takes the port in this URL for a part of the bucket's name. Leave it out."
                );
                break;
            case "file" when url.Host.Length > 0:
                Warn(
                    "LSB1039",
                    node,
                    "A file URL has three slashes: file:///folder. Litestream takes what is between the second and "
                        + "the third for the first folder of the path."
                );
                break;
            case "file"
                when url.Path.Contains('%', StringComparison.Ordinal)
                    || url.Path.Contains(' ', StringComparison.Ordinal)
                    || WindowsDrive().IsMatch(url.Path):
                Warn(
                    "LSB1039",
                    node,
                    "Litestream writes percent signs, %20 for a space, and the slash before a drive letter of a "
                        + "file URL into the folder's name. Write the folder as `path:` instead."
                );
                break;
        }
    }

    private void CheckQuery(YamlScalar node, string scheme, string query)
    {
        string[] known =
            _line == ReleaseLine.V05 && scheme is "s3" or "oss"
                ?
                [
                    "endpoint",
                    "region",
                    "forcePathStyle",
                    "skipVerify",
                    "signPayload",
                    "sign-payload",
                    "requireContentMD5",
                    "require-content-md5",
                    "storageClass",
                    "storage-class",
                    "partSize",
                    "part-size",
                    "concurrency",
                ]
                : [];
        foreach (
            var option in query
                .Split('&', StringSplitOptions.RemoveEmptyEntries)
                .Select(part => part.Split('=')[0])
                .Where(option => !known.Contains(option, StringComparer.Ordinal))
        )
        {
            var keys = ConfigSchema
                .Keys.Where(k =>
                    k.Place == ConfigPlace.Replica
                    && k.IsOf(_line)
                    && k.ReplicaTypes.Contains(scheme, StringComparer.Ordinal)
                )
                .Select(k => k.Name);
            var key = NearestName.Of(option, keys);
            Fail(
                "LSB1039",
                node,
                $"{Name} ignores `{option}` in the "
                    + $"URL. "
                    + $"{(key is null ? "Remove it." : $"Write it as a key of the replica, `{key}:`, beside `url:`.")}"
            );
        }
    }

    private void CheckKeys(YamlMap map, ConfigPlace place, IReadOnlyList<string> types)
    {
        foreach (var (name, value) in map.Entries)
        {
            var at = map.PlaceOf(name);
            var here = ConfigSchema.Keys.Where(k => k.Place == place && k.Name == name).ToList();
            var key = here.Find(k => k.IsOf(_line));
            if (key is null)
            {
                // 0.3 ignores `replica:`; what this project makes of the file has it as a list of one.
                if (place == ConfigPlace.Database && name == "replica")
                {
                    Add(
                        "LSB1031",
                        LitestreamSeverity.Warning,
                        at,
                        $"`replica:` is a key of Litestream 0.5. The app and the commands take it as `replicas:` "
                            + $"with one entry, but Litestream 0.3, started by hand with this file, would back up "
                            + $"nothing. {here[0].Instead}"
                    );
                    CheckValue(here[0], value, name);
                }
                else if (!(place == ConfigPlace.Root && HasAnchor(value)))
                {
                    Misplaced(place, name, value, at, here.Find(k => Fits(k, value)));
                }

                continue;
            }

            if (
                types.Count > 0
                && key.For.Length > 0
                && !types.Any(t => key.ReplicaTypes.Contains(t, StringComparer.Ordinal))
            )
            {
                var known = key.ReplicaTypes.Where(t => ReplicaTypes().Contains(t, StringComparer.Ordinal));
                Add(
                    "LSB1032",
                    LitestreamSeverity.Error,
                    at,
                    $"A replica of type {types[0]} has no `{name}:`; it belongs to one of "
                        + $"type {string.Join(" or ", known)}."
                        + $"{(map.Has("type") || map.Has("url") ? "" : " Without `type:` or `url:` a replica is a folder: add `type:`.")}"
                );
                continue;
            }

            CheckValue(key, value, name);
        }
    }

    private void Misplaced(ConfigPlace place, string name, YamlNode value, (int Line, int Column) at, ConfigKey? other)
    {
        // A place of this line that the value fits counts more than one of the other line that it does not.
        var places = ConfigSchema.Keys.Where(k => k.Name == name && k.IsOf(_line)).ToList();
        var fitting = places.Where(k => Fits(k, value)).ToList();
        var elsewhere = ConfigSchema.Keys.Where(k => k.Name == name && !k.IsOf(_line)).ToList();
        if (other is null && (fitting.Count > 0 || (places.Count > 0 && elsewhere.Count == 0)))
        {
            var names = (fitting.Count > 0 ? fitting : places)
                .Select(k => ConfigSchema.Name(k.Place))
                .Distinct(StringComparer.Ordinal);
            Add(
                "LSB1032",
                LitestreamSeverity.Error,
                at,
                $"`{name}:` is ignored in {ConfigSchema.Name(place)}. It belongs in {string.Join(" or ", names)}: "
                    + $"move it there, with the indentation of its neighbours."
            );
        }
        else if ((other ?? elsewhere.FirstOrDefault()) is { } key)
        {
            var line = _line == ReleaseLine.V03 ? ReleaseLine.V05 : ReleaseLine.V03;
            Add(
                "LSB1031",
                LitestreamSeverity.Error,
                at,
                places.Count > 0
                    ? $"`{name}:` in {ConfigSchema.Name(place)} is for {ConfigSchema.Name(line)}; {Name} ignores it "
                        + $"there. {key.Instead}"
                    : $"`{name}:` is a key "
                        + $"of {ConfigSchema.Name(line)}{(key.Place == place ? "" : $", in {ConfigSchema.Name(key.Place)}")}; {Name} "
                        + $"does not know it. {key.Instead}"
            );
        }
        else
        {
            // Where nearly everything is unknown, the file is something else, and to compare all of it takes long.
            var near =
                _findings.Count > 100
                    ? null
                    : NearestName.Of(
                        name,
                        ConfigSchema.Keys.Where(k => k.Place == place && k.IsOf(_line)).Select(k => k.Name)
                    )
                        ?? (place == ConfigPlace.Root && value is YamlList ? "dbs" : null)
                        ?? NearestName.Of(name, ConfigSchema.Keys.Where(k => k.IsOf(_line)).Select(k => k.Name));
            Add(
                "LSB1030",
                LitestreamSeverity.Error,
                at,
                $"`{Short(name)}:` is no key of {Name}, which would ignore "
                    + $"it. {(near is null ? "Remove it." : $"Did you mean `{near}:`?")}"
            );
        }
    }

    private void CheckValue(ConfigKey key, YamlNode value, string name)
    {
        if (value is YamlScalar { IsNull: true })
            return;

        switch (key.Kind)
        {
            case ConfigKind.Block when value is YamlMap map:
                CheckKeys(
                    map,
                    key.Inside!.Value,
                    key.Inside == ConfigPlace.Replica && TypeOf(map) is { } type ? [type] : []
                );
                break;
            case ConfigKind.Blocks when value is YamlList list:
                foreach (var item in list.Items)
                {
                    if (item is YamlMap entry)
                        CheckKeys(
                            entry,
                            key.Inside!.Value,
                            key.Inside == ConfigPlace.Replica && TypeOf(entry) is { } own ? [own] : []
                        );
                    else
                        Shape(
                            key,
                            item,
                            key.Inside == ConfigPlace.Database
                                ? "Each entry of `dbs:` is a mapping that begins with `- path: ...`."
                                : $"Each entry of `{name}:` is a mapping."
                        );
                }

                break;
            case ConfigKind.Block:
                Shape(
                    key,
                    value,
                    key.Inside == ConfigPlace.Replica
                        ? "`replica:` must be a mapping."
                        : $"`{name}:` must be a mapping, with its keys in the lines below, indented."
                );
                break;
            case ConfigKind.Blocks:
                Shape(
                    key,
                    value,
                    key.Inside == ConfigPlace.Database
                        ? "`dbs:` must be a list: one `- path: ...` for each database."
                        : $"`{name}:` must be a list."
                );
                break;
            case ConfigKind.Texts:
                CheckTexts(key, value, name);
                break;
            default:
                if (value is YamlScalar scalar)
                    CheckScalar(key, scalar, name);
                else
                    Fail(
                        "LSB1033",
                        value,
                        $"`{name}:` takes one value, not a {(value is YamlMap ? "mapping" : "list")}; Litestream "
                            + $"would not start."
                    );
                break;
        }
    }

    private void CheckTexts(ConfigKey key, YamlNode value, string name)
    {
        if (value is not YamlList list)
        {
            Fail("LSB1033", value, $"`{name}:` must be a list of texts; Litestream would not start.");
            return;
        }

        foreach (var item in list.Items)
        {
            if (item is not YamlScalar text)
                Fail("LSB1033", item, $"Each entry of `{name}:` is a text; Litestream would not start.");
            else if (key.Secret)
                CheckSecret(name, text);
            if (
                key.Place == ConfigPlace.Age
                && item is YamlScalar age
                && (age.IsNull ? "" : Resolve(age)) is { } keys
                && (name == "recipients" ? AgeKey.RecipientProblem(keys) : AgeKey.IdentityProblem(keys)) is { } problem
            )
                Fail("LSB1049", item, $"This entry of `{name}:` {problem}; Litestream would not start.");
        }
    }

    private void CheckScalar(ConfigKey key, YamlScalar scalar, string name)
    {
        if (key.Secret)
            CheckSecret(name, scalar);
        else if (ReplicaUrl.Password(scalar.Text) is { Length: > 0 } password && !EnvPlaceholders.IsVariable(password))
            Warn(
                "LSB1044",
                scalar,
                "A password stands in this URL. Write ${NAME} in its place and set that environment variable where "
                    + "the app runs."
            );

        // A quoted value is a text in YAML, whatever it says.
        if (key.Kind is ConfigKind.Flag or ConfigKind.Count && scalar.Style != YamlStyle.Plain)
        {
            Fail(
                "LSB1033",
                scalar,
                $"`{name}:` takes {(key.Kind == ConfigKind.Flag ? "true or false" : "a number")} without quotes; "
                    + $"with quotes Litestream would not start."
            );
            return;
        }

        if (Resolve(scalar) is not { } text)
            return;

        var shown = Short(EnvPlaceholders.Unmark(scalar.Text));
        switch (key.Kind)
        {
            case ConfigKind.Flag when GoYaml.KindOf(text) != GoYamlKind.Flag:
                Fail("LSB1033", scalar, $"`{name}:` is true or false, not `{shown}`; Litestream would not start.");
                break;
            case ConfigKind.Count when GoYaml.Number(text) is null || GoYaml.HasDecimals(text):
                Fail("LSB1033", scalar, $"`{name}:` is a whole number, not `{shown}`.");
                break;
            case ConfigKind.Count when key.Above is not null || key.Least is not null:
                CheckLimit(key, scalar, name, GoYaml.Number(text));
                break;
            case ConfigKind.Size when !Size().IsMatch(text):
                Fail(
                    "LSB1033",
                    scalar,
                    $"`{name}:` is a size such as 5MB or 5MiB, not `{shown}`; Litestream would not start."
                );
                break;
            case ConfigKind.Duration when GoDuration.Seconds(text) is { } seconds:
                CheckLimit(key, scalar, name, seconds);
                break;
            case ConfigKind.Duration when scalar.Style == YamlStyle.Plain && GoYaml.Number(text) == 0:
                CheckLimit(key, scalar, name, 0);
                break;
            case ConfigKind.Duration:
                Fail(
                    "LSB1034",
                    scalar,
                    $"`{name}: {shown}` {Duration(scalar, text)} Write a number with its unit: 500ms, 1s, 30m, 24h "
                        + $"(a week is 168h)."
                );
                break;
            case ConfigKind.Address when text.Length > 0 && !Address().IsMatch(text):
                Fail(
                    "LSB1040",
                    scalar,
                    $"`{name}:` needs a port, such as \"127.0.0.1:9090\" or \":9090\"; Litestream would not start "
                        + $"with `{shown}`."
                );
                break;
            case ConfigKind.Address when text.Length > 0:
                CheckPort(scalar, name, text[(text.LastIndexOf(':') + 1)..]);
                break;
            case ConfigKind.Word when name == "type" && key.Place == ConfigPlace.Replica:
                if (text.Length > 0)
                    CheckType(scalar, text);
                break;
            case ConfigKind.Word
                when text.Length > 0
                    && !key.Words(_line)
                        .Contains(name == "level" ? text.ToLowerInvariant() : text, StringComparer.Ordinal):
                var other = key.Words(_line == ReleaseLine.V03 ? ReleaseLine.V05 : ReleaseLine.V03)
                    .Contains(text, StringComparer.Ordinal);
                Fail(
                    "LSB1036",
                    scalar,
                    $"`{name}: {shown}` is not "
                        + $"known{(other ? $" to {Name}" : "")}: "
                        + $"{(name == "type" && _line == ReleaseLine.V03 ? "Litestream would stop with a panic" : "it would be ignored")}. "
                        + $"{Choice(text, key.Words(_line))}"
                );
                break;
        }
    }

    /// <summary>With a port that cannot be, Litestream runs without its metrics and says so nowhere.</summary>
    private void CheckPort(YamlScalar scalar, string name, string port)
    {
        if (port.All(char.IsAsciiDigit))
        {
            if (!ushort.TryParse(port, out _))
                Fail(
                    "LSB1040",
                    scalar,
                    $"`{name}:` has the port {Short(port)}, and the highest one is 65535; Litestream would serve no "
                        + $"metrics."
                );
        }
        else
        {
            Warn(
                "LSB1040",
                scalar,
                $"`{name}:` has a name for its port, which not every machine knows; Litestream would serve no "
                    + $"metrics there. Write the number."
            );
        }
    }

    private void CheckLimit(ConfigKey key, YamlScalar scalar, string name, double? value)
    {
        if (value <= key.Above)
            Fail(
                "LSB1035",
                scalar,
                $"`{name}: {Short(EnvPlaceholders.Unmark(scalar.Text))}` must be more than 0. {key.Otherwise}"
            );
        else if (value < key.Least)
            Fail(
                "LSB1035",
                scalar,
                $"`{name}: {Short(EnvPlaceholders.Unmark(scalar.Text))}` must be at "
                    + $"least {(key.Least > 0 ? GoDuration.Format(TimeSpan.FromSeconds(key.Least.Value)) : "0")}. "
                    + $"{key.Otherwise}"
            );
    }

    private bool CheckType(YamlScalar node, string type)
    {
        string[] schemes = _line == ReleaseLine.V05 ? [.. ReplicaTypes(), "webdavs"] : ReplicaTypes();
        if (schemes.Contains(type, StringComparer.Ordinal))
            return true;

        var instead = (type, _line) switch
        {
            ("gs", ReleaseLine.V03) => "Litestream 0.3 calls it `gcs`.",
            ("gcs", ReleaseLine.V05) => "Litestream 0.5 calls it `gs`.",
            ("azure", _) => "Litestream calls it `abs`.",
            ("minio" or "r2" or "b2" or "aws", _) => "Write `s3` and an `endpoint:`.",
            _ => Choice(type, ReplicaTypes()),
        };

        // The value of a variable is nobody's business.
        var shown = node.Text.Contains(type, StringComparison.OrdinalIgnoreCase)
            ? Short(type)
            : "that a variable names here";
        Fail("LSB1036", node, $"{Name} knows no replica of the type {shown} and would not start. {instead}");
        return false;
    }

    private void CheckSecret(string name, YamlScalar scalar)
    {
        if (!scalar.IsNull && scalar.Text.Length > 0 && !EnvPlaceholders.IsVariable(scalar.Text))
            Warn(
                "LSB1044",
                scalar,
                $"The value of `{name}:` stands in the file, which is shipped with the app. Write \"${{NAME}}\" and "
                    + $"set that environment variable where the app runs."
            );
    }

    private void CheckDollars(YamlScalar scalar)
    {
        foreach (var text in EnvPlaceholders.Swallowed(scalar.Text).Distinct(StringComparer.Ordinal))
            Fail(
                "LSB1041",
                scalar,
                $"Litestream would swallow `{Short(text)}`: it puts variables in the place of `$`, there is no "
                    + $"escape and no default value. Put the whole value into an environment variable and "
                    + $"write ${{NAME}}."
            );
        if (EnvPlaceholders.HasDoubtful(scalar.Text))
            Warn(
                "LSB1041",
                scalar,
                "Litestream takes `$` and what follows for a variable here. If that is meant, write it with braces, "
                    + "`${NAME}`; if not, put the whole value into an environment variable."
            );
    }

    /// <summary>
    /// The type of a replica as the executable sees it; null when it depends on a variable without a value.
    /// </summary>
    private string? TypeOf(YamlMap replica)
    {
        var hasUrl = replica["url"] is YamlScalar { IsNull: false, Text.Length: > 0 };
        if (
            !hasUrl
            && (
                replica["type"] is YamlMap or YamlList
                || (
                    !replica.Has("type")
                    && (IsMeant(replica, ConfigPlace.Replica, "type") || IsMeant(replica, ConfigPlace.Replica, "url"))
                )
            )
        )
            return null;

        return ReplicaIdentity.AsFarAsKnown(replica, _variable).Type switch
        {
            null or "" => null,
            "webdavs" => "webdav",
            var type => hasUrl || ReplicaTypes().Contains(type, StringComparer.Ordinal) ? type : null,
        };
    }

    /// <summary>Whether a key that is missing is there after all, misspelt: that is one mistake, not two.</summary>
    private static bool IsMeant(YamlMap map, ConfigPlace place, string missing) =>
        map.Entries.Any(e =>
            !ConfigSchema.Keys.Any(k => k.Place == place && k.Name == e.Key)
            && NearestName.Of(e.Key, [missing]) is not null
        );

    private string[] ReplicaTypes() =>
        ConfigSchema.Keys.First(k => k.Place == ConfigPlace.Replica && k.Name == "type").Words(_line);

    /// <summary>
    /// What the executable will see; null when a variable in it has no value here. A URL is looked at with its
    /// variables.
    /// </summary>
    private string? Resolve(YamlScalar scalar)
    {
        if (EnvPlaceholders.Names(scalar.Text).All(name => _variable(name) is { Length: > 0 }))
            return ScalarText.Of(scalar, _variable);
        return Scheme().IsMatch(scalar.Text) ? scalar.Text : null;
    }

    private static string Duration(YamlScalar scalar, string text) =>
        text switch
        {
            _ when GoYaml.Number(text) is not null => scalar.Style == YamlStyle.Plain
                ? "has no unit; Litestream would take it for nanoseconds."
                : "has no unit.",
            _ when GoDuration.HasForm(text) => "is longer than Litestream can count (292 years).",
            _ when text.EndsWith('d') || text.EndsWith('w') => "has a unit that Litestream does not know.",
            _ => "is not a duration.",
        };

    private static string Choice(string text, string[] words) =>
        NearestName.Of(text, words) is { } near ? $"Did you mean `{near}`?" : $"Known are {string.Join(", ", words)}.";

    private static bool Fits(ConfigKey key, YamlNode value) =>
        value switch
        {
            YamlScalar { IsNull: true } => true,
            YamlScalar => key.Kind is not (ConfigKind.Block or ConfigKind.Blocks or ConfigKind.Texts),
            YamlList => key.Kind is ConfigKind.Blocks or ConfigKind.Texts,
            _ => key.Kind == ConfigKind.Block,
        };

    private static bool HasAnchor(YamlNode node) =>
        node.IsAnchored
        || node switch
        {
            YamlList list => list.Items.Any(HasAnchor),
            YamlMap map => map.Entries.Any(e => HasAnchor(e.Value)),
            _ => false,
        };

    private static YamlNode? NullIfEmpty(YamlNode? node) =>
        node is YamlScalar { IsNull: true } or YamlScalar { Text.Length: 0 } ? null : node;

    private static IEnumerable<YamlScalar> Scalars(YamlNode node) =>
        node switch
        {
            YamlScalar scalar => [scalar],
            YamlList list => list.Items.SelectMany(Scalars),
            YamlMap map => map.Entries.SelectMany(e => Scalars(e.Value)),
            _ => [],
        };

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "...";

    /// <summary>
    /// A list or mapping that the rest of the library needs: reading the file fails with the same code.
    /// </summary>
    private void Shape(ConfigKey key, YamlNode at, string message) =>
        Fail(key.Inside is ConfigPlace.Database or ConfigPlace.Replica ? "LSB1010" : "LSB1033", at, message);

    private void Fail(string code, YamlNode at, string message) =>
        Add(code, LitestreamSeverity.Error, (at.Line, at.Column), message);

    private void Warn(string code, YamlNode at, string message) =>
        Add(code, LitestreamSeverity.Warning, (at.Line, at.Column), message);

    private void Add(string code, LitestreamSeverity severity, (int Line, int Column) at, string message) =>
        _findings.Add(new(code, severity, EnvPlaceholders.Unmark(message), _file, at.Line, at.Column));

    [GeneratedRegex(@"^(?<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")]
    private static partial Regex Scheme();

    [GeneratedRegex("^[0-9A-Za-z_]+://")]
    private static partial Regex UrlLike();

    [GeneratedRegex("^sqlite3?://")]
    private static partial Regex SqliteUrl();

    [GeneratedRegex(@"^\s*(data ?source|filename)\s*=", RegexOptions.IgnoreCase)]
    private static partial Regex ConnectionString();

    [GeneratedRegex("^/[A-Za-z]:")]
    private static partial Regex WindowsDrive();

    [GeneratedRegex(@"^[0-9][0-9.,]*\s*([kmgtpe]i?)?b?\z", RegexOptions.IgnoreCase)]
    private static partial Regex Size();

    [GeneratedRegex(@"^(\[[^\]]*\]|[^:\[\]]*):[A-Za-z0-9-]+\z")]
    private static partial Regex Address();
}
