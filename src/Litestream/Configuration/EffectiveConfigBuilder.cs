using System.Text.RegularExpressions;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Configuration;

/// <summary>Makes an effective configuration: which databases are in it, and what the file says besides.</summary>
internal sealed partial class EffectiveConfigBuilder(EffectiveConfigContext context)
{
    private readonly EffectiveConfigOptions _options = context.Options;
    private readonly LitestreamConfigFile _file = context.File;
    private readonly List<EffectiveDatabase> _databases = [];
    private readonly List<EffectiveDatabase> _encrypted = [];
    private readonly HashSet<YamlNode> _excluded = [];

    public EffectiveConfig Build()
    {
        var places = new Dictionary<string, string>();
        var replicas = new EffectiveReplicas(context, places, ReplicaUrlToUse());
        var ownReplicas = new EffectiveReplicas(context, places, null);
        var paths = new Dictionary<string, ConfigEntry>(
            OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal
        );
        var entries = _file.IsGenerated
            ? [.. _file.Entries.Select(entry => ReplicaOverride.Live(entry, context.Lookup, context.Error))]
            : _file.Entries;

        // Made before the file's own replicas get what only holds here.
        var added = _options.Added.Select(database => AddedEntry(database, _file.IsGenerated ? entries : [])).ToList();
        foreach (var entry in entries)
        {
            if (LivePath(entry) is not { } path)
            {
                _excluded.Add(entry.Node);
                continue;
            }

            if (!paths.TryAdd(DatabasePath.Real(path), entry))
            {
                var other = paths[DatabasePath.Real(path)].Database;
                throw context.Error(
                    "LSB1012",
                    $"'{entry.Database.Key ?? entry.Database.Path}' and '{other.Key ?? other.Path}' are the same "
                        + $"database, '{path}'. Two replicators on one file damage the backup: remove one of them.",
                    entry.Node
                );
            }

            Add(entry, path, replicas);
        }

        foreach (var (entry, path, hasOwnUrl) in added)
        {
            try
            {
                CheckPath(path, entry);
                Add(entry, path, hasOwnUrl ? ownReplicas : replicas);
            }
            catch (LitestreamException e) when (e.Diagnostic.Code is "LSB1011" or "LSB1015")
            {
                // Those of the file are replicated all the same.
                context.Diagnostics.Add(e.Diagnostic);
                _excluded.Add(entry.Node);
            }
        }

        var root = Root(added.Select(a => a.Entry.Node));
        CheckVariables(root);
        var secrets = new ConfigSecrets(context);
        secrets.Move(root);
        var mask = new SecretMask(_options.Environment.Concat(context.Variables).Concat(secrets.Found));
        var config = new EffectiveConfig(
            _options,
            root,
            "# The effective configuration: made by Litestream.Build each time Litestream is started, from "
                + $"{YamlWriter.EscapeComment(_file.Path)}\n",
            context.Expand(((YamlMap)root["logging"]!).Text("level"))
        )
        {
            Databases =
            [
                .. _databases.Select(d =>
                    d with
                    {
                        Replicas = [.. d.Replicas.Select(r => r with { Location = mask.Mask(r.Location) })],
                    }
                ),
            ],
            Encrypted = _encrypted,
            Variables = context.Variables,
            Diagnostics = context.Diagnostics,
            Secrets = mask,
            IsGenerated = _file.IsGenerated,
            MetricsAddress =
                context.Expand(root.Text("addr")) is var address && HostAndPort().IsMatch(address) ? address : null,
            SocketPath =
                (root["socket"] as YamlMap)?.Text("path") == _options.SocketPath ? _options.SocketPath : null,
        };
        if (config.Text.Contains($"${{{EnvPlaceholders.DollarVariable}}}"))
            context.Variables[EnvPlaceholders.DollarVariable] = "$";
        return config;
    }

    private void Add(ConfigEntry entry, string path, EffectiveReplicas replicas)
    {
        var database = replicas.Rewrite(entry, path);
        if (_options.Excluded.Contains(path))
            _excluded.Add(entry.Node);
        else
            _databases.Add(database);
    }

    /// <summary>An entry for a database that is not in the file.</summary>
    private (ConfigEntry Entry, string Path, bool HasOwnUrl) AddedEntry(
        AddedDatabase added,
        IReadOnlyList<ConfigEntry> entries
    )
    {
        var (path, key) = (added.Database.ConfiguredPath, added.Database.Key);
        var replica = added.ReplicaUrl is { } url
            ? ReplicaOverride.ForUrl(url, path, context.Lookup)
            : ReplicaOverride.ForAdded(_file, entries, path, added.Database.Path, context.Lookup);
        return (
            new ConfigEntry(
                new YamlMap { Comment = key },
                [replica],
                new ConfiguredDatabase(path, key, [], 0, 0)
            ),
            added.Database.Path,
            added.ReplicaUrl is not null
        );
    }

    /// <summary>The run-time replica URL; null when the built one stands.</summary>
    private string? ReplicaUrlToUse()
    {
        if (_file.IsGenerated)
            return ReplicaOverride.Url(_file, _options.GetSetting, context.Lookup);
        if (!string.IsNullOrWhiteSpace(_options.GetSetting(ReplicaOverride.UrlSetting)))
        {
            context.Report(
                "LSB1022",
                LitestreamSeverity.Warning,
                "Litestream:ReplicaUrl has no effect: this litestream.yml is your own, and its replicas are used. "
                    + "Remove the setting or the file.",
                _file.Root
            );
        }

        return null;
    }

    /// <summary>
    /// The absolute path of the file that the app opens; null when there is nothing to replicate.
    /// </summary>
    private string? LivePath(ConfigEntry entry)
    {
        var path = entry.Node["path"] is YamlScalar written ? ScalarText.Of(written, context.Lookup) : "";
        if (entry.Database.Key is { } key && _options.GetSetting(key) is { } live)
        {
            var target = SqliteConnectionSetting.Parse(live);
            if (Problem(target) is var (code, severity, what))
            {
                context.Report(code, severity, $"'{key}' {what}", entry.Node);
                if (target is { Kind: SqliteTargetKind.Encrypted, Path: { } refused })
                    _encrypted.Add(new(entry.Database.Path, _options.Resolve(refused), key.Split(':')[^1], key, []));
                return null;
            }

            path = target.Path!;
        }
        else if (context.Missing(entry.Node.Text("path")) is { } missing)
        {
            throw context.Error(
                "LSB1018",
                $"The path '{entry.Database.Path}' depends on the environment variable {missing}, which is not set: "
                    + "Litestream would use another file as the database. Set the variable where the app runs.",
                entry.Node
            );
        }

        path = context.ExpandHome(path);
        CheckPath(path, entry);
        var file = Target(_options.Resolve(path), entry);
        CheckPath(file, entry);
        return file;
    }

    /// <inheritdoc cref="ConfigPath.FollowLink" />
    private string Target(string file, ConfigEntry entry)
    {
        try
        {
            return ConfigPath.FollowLink(file);
        }
        catch (LitestreamException e)
        {
            throw context.Error(e.Diagnostic.Code, e.Diagnostic.Message, entry.Node);
        }
    }

    private static (string Code, LitestreamSeverity Severity, string What)? Problem(SqliteTarget target) =>
        target.Kind switch
        {
            SqliteTargetKind.File when target.Path is { Length: > 0 } => null,
            SqliteTargetKind.Memory => (
                "LSB1005",
                LitestreamSeverity.Message,
                "is a database in memory here: there is nothing to replicate."
            ),
            SqliteTargetKind.ReadOnly => (
                "LSB1006",
                LitestreamSeverity.Message,
                "is opened read-only here: it is not replicated."
            ),
            SqliteTargetKind.Encrypted => (
                "LSB1007",
                LitestreamSeverity.Warning,
                "is an encrypted database here, which Litestream cannot replicate."
            ),
            SqliteTargetKind.Unresolved => (
                "LSB1008",
                LitestreamSeverity.Warning,
                "has a placeholder in its path that only the app itself can fill in: it is not replicated. Give the "
                    + "real path in a setting, or in your own litestream.yml."
            ),
            _ => (
                "LSB1004",
                LitestreamSeverity.Warning,
                "was a SQLite file when the app was built, but is something else here: it is not replicated."
            ),
        };

    private void CheckPath(string path, ConfigEntry entry)
    {
        if ((ConfigPath.Problem(path) ?? context.Dialects[0].PathProblem(path, path)) is { } problem)
            throw context.Error("LSB1015", problem, entry.Node);
    }

    private YamlMap Root(IEnumerable<YamlNode> added)
    {
        var root = _file.Root;
        IEnumerable<YamlNode> entries = root["dbs"] is YamlList list ? list.Items : [];
        root["dbs"] = new YamlList { Items = [.. entries.Concat(added).Where(i => !_excluded.Contains(i))] };

        // What is only there to be referred to stands where it is used by now, and may be a secret.
        foreach (var key in root.Entries.Select(e => e.Key).ToList())
        {
            if (key == "exec" || context.Dialects.All(d => d.Find(ConfigPlace.Root, key) is null))
                root.Remove(key);
        }

        context.Dialects[0].Adapt(root);
        if (_options.MetricsAddress is { } address)
            root["addr"] = address;
        if (_options.SocketPath is { } socket && !root.Has("socket"))
        {
            root["socket"] = new YamlMap
            {
                ["enabled"] = new YamlScalar("true", YamlStyle.Plain),
                ["path"] = socket,
                ["permissions"] = new YamlScalar("0600", YamlStyle.Plain),
            };
        }

        const string Patience = "shutdown-sync-timeout";
        if (
            _options.ShutdownTimeout is { } all
            && context.Dialects[0].Find(ConfigPlace.Root, Patience) is not null
            && !root.Has(Patience)
        )
        {
            // One or two whose storage does not answer leave time for the others, and for the end in order.
            var one = all * (_databases.Count > 1 ? 0.4 : 0.8);
            root[Patience] = new YamlScalar(GoDuration.Format(one), YamlStyle.Plain);
        }

        // Lines with their own levels and fields, all on standard output, whatever the file says.
        var logging = root["logging"] as YamlMap ?? new YamlMap();
        logging["type"] = "json";
        logging["stderr"] = new YamlScalar("false", YamlStyle.Plain);
        root["logging"] = logging;
        return root;
    }

    private void CheckVariables(YamlMap root)
    {
        foreach (var scalar in root.Scalars)
        {
            foreach (var name in EnvPlaceholders.Names(scalar.Text))
            {
                var value = context.Lookup(name);
                if (!string.IsNullOrEmpty(value))
                {
                    if (ConfigPath.HasControl(value))
                    {
                        throw context.Error(
                            "LSB1017",
                            $"The value of {name} contains a line break or another control character, which would "
                                + "change the meaning of litestream.yml. Remove it from the value.",
                            scalar
                        );
                    }
                }
                else if (!ReplicaPath.IsOptional(name, _file.IsGenerated))
                {
                    context.Report(
                        "LSB1018",
                        LitestreamSeverity.Warning,
                        $"The environment variable {name} is not set; litestream.yml needs it.",
                        scalar
                    );
                }
            }
        }
    }

    [GeneratedRegex(@"^[^/\s]*:\d+$", RegexOptions.CultureInvariant)]
    private static partial Regex HostAndPort();
}
