using System.Text;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>
/// A litestream.yml to start from: the generated one, with the current replica settings, as a commented file for the
/// user to edit.
/// </summary>
/// <param name="Text">The whole file: UTF-8, LF, no secret.</param>
/// <param name="Instructions">What goes with it, line by line: settings, environment variables, user secrets.</param>
public sealed record ConfigTemplate(string Text, IReadOnlyList<string> Instructions)
{
    private const string Header = """
        # litestream.yml: which databases Litestream backs up, and where to.
        #
        # This file is yours. It is shipped with the app unchanged, and the build generates none any more. If you add a
        # database to the app, add it here too. The settings Litestream:ReplicaUrl and LitestreamReplicaUrl have no
        # effect. Delete the file to have one generated again.
        #
        # - A name in braces after a dollar sign is an environment variable. Set it where the app runs, so that this
        #   file contains no secret. The form with |2- accepts any character in the value.
        # - Durations have a unit: 500ms, 1s, 30m, 24h. There is none for days: a week is 168h.
        # - Check the result with `dotnet msbuild -t:LitestreamConfig`, the variables with -t:LitestreamEnv, and
        #   everything with -t:LitestreamDoctor.
        #
        # All keys: https://litestream.io/reference/config/ (this file is for {0})

        # Serves metrics for Prometheus at http://127.0.0.1:9090/metrics. Without it the app picks a free port.
        # addr: "127.0.0.1:9090"


        """;

    private const string Validation =
        "How often the replica is restored and compared: each time costs a download.";

    private static readonly Dictionary<string, string> Keys = new()
    {
        ["region"] = "May be empty: it is looked up, or us-east-1 if there is an endpoint.",
        ["endpoint"] = "Empty means Amazon. For MinIO, R2, B2 and others: https://host:port",
        ["access-key-id"] = "Empty means the usual AWS variables, profiles and roles of the machine.",
        ["account-key"] = "The key of the storage account.",
        ["sync-interval"] = "How often changes are sent.",
        ["snapshot-interval"] =
            "How often a new full copy is made. A restore reads the newest one and all changes since.",
        ["retention"] = "How long full copies and their changes are kept: how far back a restore can go.",
    };

    private static readonly (string Key, string Value)[] Examples =
    [
        ("sync-interval", "1s"),
        ("snapshot-interval", "24h"),
        ("retention", "24h"),
    ];

    /// <summary>The databases, with the replicas that each has.</summary>
    private sealed record Entries(ConfigDialect Dialect, List<(ConfigEntry Entry, List<YamlMap> Replicas)> Databases)
    {
        /// <summary>Whether a database has one replica, and all have the same snapshots.</summary>
        public bool IsShared => Dialect.SnapshotKeys.Count > 0;
    }

    /// <summary>Makes the file from a generated one, so that both give the same effective configuration.</summary>
    /// <param name="options">As for the effective configuration; the file at
    /// <see cref="EffectiveConfigOptions.ConfigPath"/> is a generated one.</param>
    /// <param name="dialect">Of the executable that is going to read it.</param>
    /// <exception cref="LitestreamException">LSB3010: the file is the user's own already; LSB1010, LSB1013,
    /// LSB1014.</exception>
    internal static ConfigTemplate Create(EffectiveConfigOptions options, ConfigDialect dialect)
    {
        ArgumentNullException.ThrowIfNull(options);
        var raw = LitestreamConfigFile.ReadText(options.ConfigPath);
        if (!LitestreamConfigFile.IsGeneratedText(raw))
            throw Exists(options.ConfigPath);
        var file = LitestreamConfigFile.Parse(options.ConfigPath, raw, expandVariables: true);
        if (file.Entries.Count == 0)
        {
            throw new LitestreamException(
                "LSB3004",
                "No database is known, so your own litestream.yml would replicate nothing, not even the databases "
                    + "that the app's configuration names at run time. Name a database in the project first: "
                    + "<LitestreamDatabase Include=\"data/app.db\" />."
            );
        }

        var url = ReplicaOverride.Url(file, options.GetSetting, options.Variable);
        var text = new StringBuilder(
            Header.ReplaceLineEndings("\n").Replace("{0}", dialect.Reader, StringComparison.Ordinal)
        );
        var entries = new Entries(
            dialect,
            [
                .. file.Entries.Select(entry =>
                    (
                        entry,
                        entry
                            .Replicas.Select(built =>
                                url is null ? built : ReplicaOverride.Replace(built, url, entry.Database.Path)
                            )
                            .ToList()
                    )
                ),
            ]
        );
        WriteShared(text, entries);
        text.Append("dbs:\n");
        var names = new List<string>();
        foreach (var (entry, replicas) in entries.Databases)
        {
            text.Append(entry == file.Entries[0] ? "" : "\n");
            WriteDatabase(text, entries, entry, replicas, url, names);
        }

        text.Append(GeneratedConfig.ExcludedComments(file.Excluded));

        return new ConfigTemplate(text.ToString(), Instruct(url, [.. names.Distinct()], options.GetSetting));
    }

    /// <summary>Writes it; never over a file.</summary>
    /// <exception cref="LitestreamException">LSB3010: the file exists. LSB0003: it cannot be written.</exception>
    public void Write(string path)
    {
        try
        {
            using var file = NonDatabaseFile.CreateNew(path);
            file.Write(Encoding.UTF8.GetBytes(Text));
        }
        catch (IOException) when (Path.Exists(path))
        {
            throw Exists(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"litestream.yml cannot be written: {e.Message}",
                path,
                innerException: e
            );
        }
    }

    private static LitestreamException Exists(string path) =>
        new(
            "LSB3010",
            "This project has its own litestream.yml, which is never overwritten. Edit it, or move it away first.",
            path
        );

    /// <summary>What all databases share, and the line wants at the top.</summary>
    private static void WriteShared(StringBuilder text, Entries entries)
    {
        if (!entries.IsShared)
            return;
        var root = new YamlMap
        {
            ["dbs"] = new YamlList
            {
                Items =
                [
                    .. entries.Databases.Select(database =>
                        (YamlNode)new YamlMap { ["replicas"] = new YamlList { Items = [.. database.Replicas] } }
                    ),
                ],
            },
        };
        entries.Dialect.Adapt(root);
        var snapshot = root["snapshot"] as YamlMap;
        var before = snapshot is null ? "# " : "";
        text.Append(before).Append("snapshot:\n");
        foreach (var (name, key) in entries.Dialect.SnapshotKeys)
        {
            Comment(text, 2, Keys[name]);
            if (snapshot?[key] is { } value)
                Line(text, 2, "", key, value);
            else
                Comment(text, before.Length > 0 ? 0 : 2, $"{(before.Length > 0 ? "  " : "")}{key}: \"24h\"");
        }

        text.Append('\n');
        Comment(text, 0, Validation);
        text.Append("# validation:\n#   interval: \"24h\"\n\n");
    }

    private static void WriteDatabase(
        StringBuilder text,
        Entries entries,
        ConfigEntry entry,
        List<YamlMap> replicas,
        string? url,
        List<string> names
    )
    {
        const string DataDirectory = "|DataDirectory|";
        const string Path = "The path as the app opens it; a relative path starts at its working directory.";
        Comment(
            text,
            2,
            entry.Database.Key is { } key ? $"{key}. {Path} It does not follow the setting: change both." : Path
        );
        Line(text, 2, "- ", "path", entry.Node["path"]!);
        text.Append(entries.IsShared ? "    replica:\n" : "    replicas:\n");
        var dash = entries.IsShared ? "" : "- ";
        var hasFolder = false;
        foreach (var replica in replicas)
        {
            if (ReplicaIdentity.AtBuild(replica).IsFile && replica.Text("path") is { } folder)
            {
                hasFolder = true;
                if (folder.StartsWith(DataDirectory, StringComparison.OrdinalIgnoreCase))
                    replica["path"] = folder[DataDirectory.Length..].TrimStart('/', '\\');
                Comment(
                    text,
                    6,
                    "A folder. On the same disk as the database, it helps against a lost file, not against a lost disk."
                );
            }

            WriteReplica(text, replica, 6, "", dash, Keys);
            names.AddRange(replica.Scalars.SelectMany(scalar => EnvPlaceholders.Names(scalar.Text)));
            foreach (var (name, value) in Examples.Where(example => !replica.Has(example.Key)))
            {
                if (entries.Dialect.SnapshotKeys.ContainsKey(name))
                    continue;
                Comment(text, 6 + dash.Length, Keys[name]);
                Comment(text, 6 + dash.Length, $"{name}: \"{value}\"");
            }

            if (entries.IsShared)
                continue;
            Comment(text, 8, Validation);
            Comment(text, 8, "validation-interval: \"24h\"");
        }

        if (!hasFolder || url is not null)
            return;
        Comment(
            text,
            6,
            entries.IsShared
                ? "S3, or a compatible storage: these lines instead of those above."
                : "S3, or a compatible storage, instead of the folder:"
        );
        var example = ReplicaUrl.Parse(
            $"s3://${{{ReplicaOverride.BucketVariable}}}",
            entry.Database.Path,
            (code, message) => new LitestreamException(code, message)
        );
        WriteReplica(text, example, 6, "# ", dash, []);
    }

    /// <summary>The keys of a replica, each with what is said of it above.</summary>
    private static void WriteReplica(
        StringBuilder text,
        YamlMap replica,
        int indent,
        string before,
        string dash,
        Dictionary<string, string> comments
    )
    {
        foreach (var (name, value) in replica.Entries)
        {
            if (comments.TryGetValue(name, out var comment))
                Comment(text, indent, comment);
            Line(text, indent, before + dash, name, value);
            if (dash.Trim().Length > 0)
                (dash, indent) = before.Length == 0 ? ("", indent + 2) : ("  ", indent);
        }
    }

    private static void Comment(StringBuilder text, int indent, string comment) =>
        text.Append(' ', indent).Append("# ").Append(YamlWriter.EscapeComment(comment)).Append('\n');

    /// <summary>One key as <see cref="YamlWriter"/> writes it, so that every value is read as it is meant.</summary>
    private static void Line(StringBuilder text, int indent, string dash, string key, YamlNode value)
    {
        foreach (var line in YamlWriter.Write(new YamlMap { [key] = value }).TrimEnd('\n').Split('\n'))
        {
            text.Append(' ', indent).Append(dash).Append(line).Append('\n');
            dash = dash.Replace('-', ' ');
        }
    }

    private static List<string> Instruct(string? url, List<string> names, Func<string, string?> getSetting)
    {
        var settings = EffectiveConfig.SettingVariables.ToDictionary(
            s => s.Variable,
            s => s.Setting["Litestream:".Length..]
        );
        var known = names.Where(settings.ContainsKey).ToLookup(SecretMask.IsSecretName, n => settings[n]);
        var isSet = url is not null && !string.IsNullOrWhiteSpace(getSetting(ReplicaOverride.UrlSetting));
        var example = known[false]
            .Select(name => $"    \"{name}\": \"\"")
            .Prepend("    \"RestoreOnStart\": \"IfMissing\"");
        List<string> lines =
        [
            .. isSet
                ? new[]
                {
                    "The file now has the replica of Litestream:ReplicaUrl. Remove that setting: it is not used "
                        + "together with your own litestream.yml.",
                    "",
                }
                : [],
            "appsettings.json, for settings that are not secret (all are optional):",
            "",
            "  \"Litestream\": {",
            .. string.Join(",\n", example).Split('\n'),
            "  }",
            "",
        ];
        if (names.Count == 0)
            return [.. lines, "The file needs no environment variable."];

        lines.AddRange([
            "Environment variables to set where the app runs, in its service manager, container or secret store "
                + "(never in a file of the repository):",
            "",
            .. names.Select(n => $"  {n}=..."),
            "",
        ]);
        if (known.Contains(true))
        {
            lines.AddRange([
                "On your own machine, where Litestream is off in the Development environment unless you turn it on:",
                "",
                "  dotnet user-secrets init",
                .. known[true].Select(n => $"  dotnet user-secrets set \"Litestream:{n}\" \"...\""),
                "  dotnet user-secrets set \"Litestream:Enabled\" \"true\"",
                "",
                "Only the running app reads user secrets. For the commands (LitestreamRestore and so on), set the "
                    + "environment variables in your shell.",
            ]);
        }

        return lines;
    }
}
