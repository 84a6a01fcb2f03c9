using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>Where the value of a variable comes from.</summary>
public enum VariableSource
{
    /// <summary>It has none.</summary>
    None,

    /// <summary>The environment.</summary>
    Environment,

    /// <summary>A setting of the section <c>Litestream</c>, handed to the executable as this variable.</summary>
    Setting,
}

/// <summary>An environment variable that a configuration, or the executable itself, reads.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Required">True when the configuration means nothing without it.</param>
/// <param name="Source">Where its value comes from.</param>
/// <param name="Value">The value for people: <c>***</c> unless it is known to be no secret; empty when there is
/// none.</param>
/// <param name="Purpose">What it is for, in a few words.</param>
public sealed record ConfigVariable(string Name, bool Required, VariableSource Source, string Value, string Purpose)
{
    /// <summary>The setting that can give the value as well (<c>Litestream:AccessKeyId</c>), or null.</summary>
    public string? Setting { get; init; }

    /// <summary>1-based line in litestream.yml where it is first used; 0 when it is not used there.</summary>
    public int Line { get; init; }

    /// <summary>1-based column there.</summary>
    public int Column { get; init; }

    /// <summary>True when it is needed and has no value (none, or an empty one).</summary>
    public bool IsMissing => Required && Source == VariableSource.None;
}

/// <summary>Which environment variables a configuration needs, and which of them there are.</summary>
public static class ConfigVariables
{
    /// <summary>
    /// Values that are not secret. Any other is masked: a name says nothing certain about what a user keeps in a
    /// variable.
    /// </summary>
    private static readonly HashSet<string> Shown = new()
    {
        ReplicaOverride.BucketVariable,
        "LITESTREAM_REPLICA_REGION",
        "LITESTREAM_REPLICA_ENDPOINT",
        "LITESTREAM_INSTALL_DIR",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_CA_BUNDLE",
        "GOOGLE_APPLICATION_CREDENTIALS",
    };

    /// <summary>
    /// The variables in the order of the file, those that the executable reads by itself last. Starts nothing; a
    /// variable that is missing is not an exception.
    /// </summary>
    /// <exception cref="LitestreamException">LSB1010, or LSB1013 and LSB1014 for a wrong
    /// <c>Litestream:ReplicaUrl</c>.</exception>
    public static IReadOnlyList<ConfigVariable> Read(EffectiveConfigOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var file = LitestreamConfigFile.Load(options.ConfigPath, options.ExpandVariables);
        var list = new List<ConfigVariable>();
        var settings = EffectiveConfig.SettingVariables.ToDictionary(s => s.Variable, s => s.Setting);

        void Add(string name, bool required, string purpose, YamlNode? at = null)
        {
            if (list.Exists(v => v.Name == name) || name == EnvPlaceholders.DollarVariable)
                return;
            var value = options.Variable(name);
            var source =
                value is null ? VariableSource.None
                : string.IsNullOrEmpty(options.Environment.GetValueOrDefault(name)) ? VariableSource.Setting
                : VariableSource.Environment;
            list.Add(
                new ConfigVariable(
                    name,
                    required,
                    source,
                    value is null || Shown.Contains(name) ? value ?? "" : "***",
                    purpose
                )
                {
                    Setting = settings.GetValueOrDefault(name),
                    Line = at?.Line ?? 0,
                    Column = at?.Column ?? 0,
                }
            );
        }

        void AddAll(YamlNode node, string key, string where)
        {
            switch (node)
            {
                case YamlScalar scalar:
                    foreach (var name in EnvPlaceholders.Names(scalar.Text))
                    {
                        Add(
                            EnvPlaceholders.Shown(name),
                            !ReplicaPath.IsOptional(name, file.IsGenerated),
                            $"{key} {where}".TrimEnd(),
                            scalar
                        );
                    }

                    break;
                case YamlList items:
                    items.Items.ForEach(item => AddAll(item, key, where));
                    break;
                case YamlMap map:
                    foreach (var (name, value) in map.Entries)
                        AddAll(value, name, where);
                    break;
            }
        }

        LitestreamException Error(string code, string message, YamlNode at) =>
            new(code, message, file.Path, at.Line, at.Column);

        var url = file.IsGenerated ? ReplicaOverride.Url(file, options.GetSetting, options.Variable) : null;
        var replicas = new List<YamlMap>();

        // What a URL names that is all variables, its value says: the replica before and after that.
        void AddReplica(YamlMap built, string path, string where, Func<YamlMap> live)
        {
            AddAll(url is null ? built : ReplicaOverride.Replace(built, url, path), "", where);
            replicas.Add(url is null ? live() : ReplicaOverride.Replace(built, url, path, options.Variable));
            AddAll(replicas[^1], "", where);
        }

        foreach (var entry in file.Entries)
        {
            var where = $"of {entry.Database.Path}";
            foreach (var (key, value) in entry.Node.Entries.Where(e => e.Key != "replicas"))
                AddAll(value, key, where);
            foreach (var built in entry.Replicas)
            {
                AddReplica(built, entry.Database.Path, where, () =>
                    file.IsGenerated
                        ? ReplicaOverride.Live(entry with { Replicas = [built] }, options.Variable, Error).Replicas[0]
                        : built
                );
            }
        }

        // No database has them yet, and those that the app's configuration names need them.
        if (file.AtRunTime.Count > 0)
        {
            YamlMap Added(Func<string, string?>? lookup) =>
                ReplicaOverride.ForAdded(file, [], "app.db", "app.db", lookup);
            AddReplica(Added(null), "app.db", "of databases that are named at run time", () => Added(options.Variable));
        }

        // `exec:` is not in the effective configuration; entries of `dbs:` that name a folder are not in Entries.
        foreach (var (key, value) in file.Root.Entries.Where(e => e.Key != "exec"))
        {
            if (key != "dbs")
            {
                AddAll(value, key, "");
            }
            else if (value is YamlList databases)
            {
                databases
                    .Items.Where(item => !file.Entries.Any(e => e.Node == item))
                    .ToList()
                    .ForEach(item => AddAll(item, key, ""));
            }
        }

        var byType = replicas.ToLookup(replica => ReplicaIdentity.AsFarAsKnown(replica, options.Variable).Type ?? "");
        if (byType["s3"].Any())
        {
            var isKeyless =
                byType["s3"].Any(r => r.Text("access-key-id").Length == 0)
                && file.Root.Text("access-key-id").Length == 0;
            (string What, string Name)[] keys = [("key", "ACCESS_KEY_ID"), ("secret", "SECRET_ACCESS_KEY")];
            foreach (var (what, name) in isKeyless ? keys : [])
                Add($"LITESTREAM_{name}", false, $"S3 {what} if the file names none and AWS_{name} is not set");
            foreach (var (what, name) in keys)
            {
                Add(
                    $"AWS_{name}",
                    false,
                    isKeyless ? $"overrides LITESTREAM_{name} here" : $"S3 {what} if the one in the file is empty"
                );
            }

            Add("AWS_PROFILE", false, "the profile for the S3 keys if none are named");
        }

        if (byType["abs"].Any())
        {
            Add(
                "LITESTREAM_AZURE_ACCOUNT_KEY",
                byType["abs"].Any(r => r.Text("account-key").Length == 0),
                "Azure key if the file names none"
            );
        }

        if (byType["gcs"].Any())
        {
            Add(
                "GOOGLE_APPLICATION_CREDENTIALS",
                false,
                "file with Google's credentials; without it the machine's own are used"
            );
        }

        if (file.IsGenerated && url is null && byType["file"].Any())
            Add(ReplicaOverride.BucketVariable, false, "a bucket here replaces the built replica");
        Add("LITESTREAM_INSTALL_DIR", false, "folder with your own executable");
        return list;
    }
}
