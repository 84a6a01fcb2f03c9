using System.Text.RegularExpressions;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Configuration;

/// <summary>What an effective configuration is made from.</summary>
public sealed record EffectiveConfigOptions
{
    /// <summary>The litestream.yml, generated or the user's own.</summary>
    public required string ConfigPath { get; init; }

    /// <summary>What stood in it when it was read before; null: it is read now.</summary>
    public string? ConfigText { get; init; }

    /// <summary>What relative paths are relative to.</summary>
    public required string BaseDirectory { get; init; }

    /// <summary>
    /// The app's <c>DataDirectory</c>, where its SQLite puts relative paths; null when the app sets none.
    /// </summary>
    public string? DataDirectory { get; init; }

    /// <summary>How the app's SQLite provider replaces <c>|DataDirectory|</c>.</summary>
    internal DataDirectoryToken DataDirectoryToken { get; init; }

    /// <summary>The live value of a configuration key (with <c>:</c>), null when there is none.</summary>
    public required Func<string, string?> GetSetting { get; init; }

    /// <summary>The live settings by name, for what looks at their names; empty where nobody does.</summary>
    internal IReadOnlyCollection<Setting> Settings { get; init; } = [];

    /// <summary>The environment that the executable will inherit.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Where the executable serves its metrics (<c>127.0.0.1:9090</c>); null: as the file says.</summary>
    public string? MetricsAddress { get; init; }

    /// <summary>Sets how often databases are looked at and replicas are sent to; null: as the file says.</summary>
    public TimeSpan? MonitorInterval { get; init; }

    /// <summary>
    /// Databases that are not in the file, without replicas: each gets its own, where those of a generated file are or
    /// beside the database.
    /// </summary>
    internal IReadOnlyList<EffectiveDatabase> Added { get; init; } = [];

    /// <summary>
    /// False: a <c>$</c> in a file of the user's own is a dollar sign, not the beginning of a variable (what
    /// <c>-no-expand-env</c> means). Default true.
    /// </summary>
    public bool ExpandVariables { get; init; } = true;

    /// <summary>
    /// True: a replica whose type or place depends on a variable without a value is a finding, and is left out of what
    /// the executable gets. Else it is an exception.
    /// </summary>
    internal bool AllowUnknown { get; init; }

    /// <summary>Absolute paths of databases that are left out.</summary>
    internal IReadOnlySet<string> Excluded { get; init; } = new HashSet<string>();

    /// <summary>
    /// The release line of the executable that will read the configuration; a file of the user's own is checked against
    /// it.
    /// </summary>
    public ReleaseLine ReleaseLine { get; init; } = ReleaseLine.V03;

    /// <summary>The value that a variable has for the executable: that of the environment, else of the setting that is
    /// handed over as this variable. Null when it has none, or an empty one.</summary>
    internal string? Variable(string name) =>
        Environment.GetValueOrDefault(name) is { Length: > 0 } value ? value
        : EffectiveConfig.SettingVariables.FirstOrDefault(one => one.Variable == name).Setting is { } setting
        && GetSetting(setting) is { Length: > 0 } live
            ? live
        : null;
}

/// <summary>
/// The configuration that the executable is really started with: absolute paths, live settings, no secrets.
/// </summary>
public sealed partial class EffectiveConfig
{
    /// <summary>
    /// Settings that are handed to the executable as variables, each only where the variable is not set.
    /// </summary>
    internal static readonly IReadOnlyList<(string Setting, string Variable)> SettingVariables =
    [
        ("Litestream:AccessKeyId", "LITESTREAM_ACCESS_KEY_ID"),
        ("Litestream:SecretAccessKey", "LITESTREAM_SECRET_ACCESS_KEY"),
        ("Litestream:ReplicaBucket", ReplicaOverride.BucketVariable),
        ("Litestream:ReplicaRegion", "LITESTREAM_REPLICA_REGION"),
        ("Litestream:ReplicaEndpoint", "LITESTREAM_REPLICA_ENDPOINT"),
    ];

    private readonly string _baseDirectory;
    private readonly string? _dataDirectory;
    private readonly DataDirectoryToken _dataDirectoryToken;
    private readonly Lazy<YamlMap> _read;

    private EffectiveConfig(
        (string Text, string Talkative) texts,
        IReadOnlyList<EffectiveDatabase> databases,
        IReadOnlyDictionary<string, string> variables,
        IReadOnlyList<LitestreamDiagnostic> diagnostics,
        SecretMask secrets,
        EffectiveConfigOptions options
    )
    {
        _baseDirectory = Path.GetFullPath(options.BaseDirectory);
        (_dataDirectory, _dataDirectoryToken) = (options.DataDirectory, options.DataDirectoryToken);
        (Text, InfoLoggingText) = texts;
        _read = new Lazy<YamlMap>(Read);
        Databases = databases;
        Variables = variables;
        Diagnostics = diagnostics;
        Secrets = secrets;
    }

    private EffectiveConfig((string Text, string Talkative) texts, EffectiveDatabase database, EffectiveConfig of)
    {
        (_baseDirectory, _dataDirectory) = (of._baseDirectory, of._dataDirectory);
        (Text, InfoLoggingText) = texts;
        _read = new Lazy<YamlMap>(Read);
        (Databases, Variables, Diagnostics, Secrets) = ([database], of.Variables, of.Diagnostics, of.Secrets);
        (LogLevel, IsGenerated) = (of.LogLevel, of.IsGenerated);
    }

    /// <summary>The file's text.</summary>
    public string Text { get; }

    /// <summary>What <see cref="Text"/> says, read once; not to be changed.</summary>
    internal YamlMap Root => _read.Value;

    /// <summary>
    /// <see cref="Text"/> with the log level <c>info</c>, where the file wants less: at it a restore says what it
    /// takes, and a replicator what it is at.
    /// </summary>
    internal string InfoLoggingText { get; }

    /// <summary>The log level of the file.</summary>
    internal string LogLevel { get; private init; } = "";

    /// <summary>The databases in it, in the file's order.</summary>
    public IReadOnlyList<EffectiveDatabase> Databases { get; }

    /// <summary>What the child gets on top of the inherited environment. Holds secrets.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; }

    /// <summary>What the user should know.</summary>
    public IReadOnlyList<LitestreamDiagnostic> Diagnostics { get; }

    /// <summary>Whether it is made from a generated file, and not from the user's own.</summary>
    internal bool IsGenerated { get; private init; }

    /// <summary>What no message may show.</summary>
    internal SecretMask Secrets { get; }

    /// <summary>
    /// Where the executable serves its metrics (<c>host:port</c>), null where the file names no address with a port.
    /// </summary>
    internal string? MetricsAddress { get; private init; }

    /// <summary>
    /// Makes the configuration. A generated file takes its databases' paths from the live settings they came from, and
    /// its replica from
    /// <c>Litestream:ReplicaUrl</c> or a bucket in <c>Litestream:ReplicaBucket</c> or <c>LITESTREAM_REPLICA_BUCKET</c>,
    /// when they say something else than at build time.
    /// A file of the user's own keeps everything but what has to be absolute.
    /// </summary>
    /// <exception cref="LitestreamException">
    /// LSB1010 to LSB1015, LSB1017; LSB1018 when a database's path depends on a missing variable, LSB1045 when a
    /// replica's place does, LSB1046 when a replica names no folder;
    /// LSB1030 to LSB1043 for a file of the user's own, with all findings of
    /// <see cref="LitestreamConfigFile.Check"/>.
    /// </exception>
    public static EffectiveConfig Create(EffectiveConfigOptions o)
    {
        ArgumentNullException.ThrowIfNull(o);
        var raw = o.ConfigText ?? LitestreamConfigFile.ReadText(o.ConfigPath);
        IReadOnlyList<LitestreamDiagnostic> findings = LitestreamConfigFile.IsGeneratedText(raw)
            ? []
            : ConfigCheck.Run(o.ConfigPath, raw, o.ReleaseLine, o.Variable, o.ExpandVariables);
        return findings.Any(f => f.Severity == LitestreamSeverity.Error)
            ? throw new LitestreamException(findings)
            : new Builder(o, LitestreamConfigFile.Parse(o.ConfigPath, raw, o.ExpandVariables), findings).Build();
    }

    /// <summary>The database that somebody means.</summary>
    /// <param name="choice">
    /// The path as configured, the path of the file (absolute, or relative to the app's folder), the connection
    /// string's name or its configuration key (in any case).
    /// Null or empty: the only database there is.
    /// </param>
    /// <exception cref="LitestreamException">
    /// LSB3002: nothing was said and there are several, or what was said fits several; LSB3003: there is no such
    /// database (the message names the nearest); LSB3004: there is none at all.
    /// </exception>
    public EffectiveDatabase Choose(string? choice) => DatabaseChoice.One(Databases, choice, Resolve);

    /// <summary>
    /// The databases that somebody means: all of them for <c>*</c>, else the one that <see cref="Choose"/> gives.
    /// </summary>
    /// <exception cref="LitestreamException">LSB3002, LSB3003, LSB3004.</exception>
    public IReadOnlyList<EffectiveDatabase> ChooseMany(string? choice) =>
        DatabaseChoice.Many(Databases, choice, Resolve);

    /// <summary>The same with one of its databases only, for a litestream of its own.</summary>
    /// <param name="database">One of <see cref="Databases"/>.</param>
    /// <param name="metricsAddress">Where that one serves its metrics; null: nowhere.</param>
    /// <param name="monitorInterval">See <see cref="EffectiveConfigOptions.MonitorInterval"/>.</param>
    internal EffectiveConfig With(EffectiveDatabase database, string? metricsAddress, TimeSpan? monitorInterval)
    {
        var root = Read();
        var node = ((YamlList)root["dbs"]!)
            .Items.OfType<YamlMap>()
            .Where(map => !map.Has("dir"))
            .ElementAt(Databases.ToList().IndexOf(database));
        root["dbs"] = new YamlList { Items = [node] };
        root.Remove("addr");
        if (metricsAddress is not null)
            root["addr"] = new YamlScalar(metricsAddress);
        if (monitorInterval is { } interval)
            SetInterval(node, ((YamlList)node["replicas"]!).Items.OfType<YamlMap>(), interval);
        return new EffectiveConfig(Texts(root, header: "", LogLevel), database, this)
        {
            MetricsAddress = metricsAddress,
        };
    }

    private YamlMap Read() => YamlReader.Read("litestream.yml", Text);

    /// <summary>
    /// <see cref="Text"/> and <see cref="InfoLoggingText"/>; the root has the level of the second one afterwards.
    /// </summary>
    private static (string Text, string Talkative) Texts(YamlMap root, string header, string level)
    {
        var text = YamlWriter.Write(root, header);
        if (LogLevels.Shows(level, "INFO"))
            return (text, text);
        ((YamlMap)root["logging"]!)["level"] = new YamlScalar("info");
        return (text, YamlWriter.Write(root, header));
    }

    /// <summary>How often a database is looked at and its replicas are sent to.</summary>
    private static void SetInterval(YamlMap database, IEnumerable<YamlMap> replicas, TimeSpan interval)
    {
        database["monitor-interval"] = new YamlScalar(GoDuration.Format(interval), YamlStyle.Plain);
        foreach (var replica in replicas)
            replica["sync-interval"] = new YamlScalar(GoDuration.Format(interval), YamlStyle.Plain);
    }

    internal string Resolve(string path) =>
        DatabasePath.Resolve(path, _baseDirectory, _dataDirectory, _dataDirectoryToken);

    /// <summary>Calls with the path of a file that holds <see cref="Text"/>, which no other user can read and which is
    /// gone afterwards. It lies in the folder for temporary files, else beside a database, else in the app's folder.
    /// </summary>
    /// <exception cref="LitestreamException">LSB0003: it can be written nowhere.</exception>
    internal Task<T> WithFileAsync<T>(Func<string, Task<T>> use) => WithFileAsync(Path.GetTempPath(), use);

    /// <param name="temp">The folder for temporary files.</param>
    /// <param name="use">What is called.</param>
    /// <inheritdoc cref="WithFileAsync{T}(Func{string, Task{T}})" />
    internal async Task<T> WithFileAsync<T>(string temp, Func<string, Task<T>> use)
    {
        using var folder = ConfigFolder.Create(
            temp,
            [.. Databases.Select(database => database.Path)],
            _baseDirectory,
            path => Write(path),
            out var file
        );
        return await use(file).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes <c>litestream.yml</c>, mode 0600, into the directory, which is created with mode 0700 when it is missing.
    /// </summary>
    /// <returns>The path of the file.</returns>
    /// <exception cref="LitestreamException">LSB0003: it cannot be written.</exception>
    public string Write(string directory) => Write(directory, Text);

    /// <summary>Writes <see cref="InfoLoggingText"/> instead.</summary>
    /// <inheritdoc cref="Write(string)" />
    internal string WriteWithInfoLogging(string directory) => Write(directory, InfoLoggingText);

    private static string Write(string directory, string text)
    {
        var path = Path.Combine(Path.GetFullPath(directory), "litestream.yml");
        var temporary = $"{path}.{Guid.NewGuid():n}.tmp";
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(directory);
            }
            else
            {
                Directory.CreateDirectory(
                    directory,
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
                );
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using (var writer = new StreamWriter(PlainFile.Open(temporary, options)))
                writer.Write(text);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"The effective Litestream configuration cannot be written: {e.Message}",
                path,
                innerException: e
            );
        }

        return path;
    }

    [GeneratedRegex(@"^[^/\s]*:\d+$", RegexOptions.CultureInvariant)]
    private static partial Regex HostAndPort();

    private sealed class Builder(
        EffectiveConfigOptions options,
        LitestreamConfigFile file,
        IReadOnlyList<LitestreamDiagnostic> findings
    )
    {
        private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal);
        private readonly List<LitestreamDiagnostic> _diagnostics = [.. findings];
        private readonly List<KeyValuePair<string, string>> _secrets = [];
        private int _moved;

        public EffectiveConfig Build()
        {
            // What counts here and is not this process's own, the executable would not see.
            foreach (
                var (name, value) in options.Environment.Where(variable =>
                    Environment.GetEnvironmentVariable(variable.Key) != variable.Value
                )
            )
                _variables[name] = value;

            foreach (var (setting, variable) in SettingVariables)
            {
                if (
                    options.GetSetting(setting) is { Length: > 0 } value
                    && string.IsNullOrEmpty(options.Environment.GetValueOrDefault(variable))
                )
                    _variables[variable] = value;
            }

            var replicaUrl = ReplicaUrlToUse();
            var databases = new List<EffectiveDatabase>();
            var paths = new Dictionary<string, ConfigEntry>(
                OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal
            );
            var replicas = new Dictionary<string, string>(StringComparer.Ordinal);
            var left = new HashSet<YamlNode>();
            var entries = file.IsGenerated
                ? [.. file.Entries.Select(entry => ReplicaOverride.Live(entry, Lookup, Error))]
                : file.Entries;
            var added = options.Added.Select(added => AddedEntry(added, entries)).ToList();
            foreach (var entry in entries)
            {
                if (LivePath(entry) is not { } path)
                {
                    left.Add(entry.Node);
                    continue;
                }

                var real = DatabasePath.Real(path);
                if (!paths.TryAdd(real, entry))
                    throw Error(
                        "LSB1012",
                        $"{entry.Database.Key ?? entry.Database.Path} "
                            + $"and {paths[real].Database.Key ?? paths[real].Database.Path} are the same "
                            + $"database, {path}. Two "
                            + $"replications of one file damage the backup: leave one of them out.",
                        entry.Node
                    );

                var database = Rewrite(entry, path, replicaUrl, replicas);
                if (options.Excluded.Contains(path))
                    left.Add(entry.Node);
                else
                    databases.Add(database);
            }

            foreach (var (entry, path) in added)
            {
                try
                {
                    ConfigPath.Check(path, (code, message) => Error(code, message, entry.Node));
                    var database = Rewrite(entry, path, replicaUrl, replicas);
                    if (options.Excluded.Contains(path))
                        left.Add(entry.Node);
                    else
                        databases.Add(database);
                }
                catch (LitestreamException e) when (e.Diagnostic.Code is "LSB1011" or "LSB1015")
                {
                    // Those of the file are replicated all the same.
                    _diagnostics.Add(e.Diagnostic);
                    left.Add(entry.Node);
                }
            }

            var root = Root(left, added.Select(a => a.Entry.Node));
            CheckVariables(root);
            MoveSecrets(root);
            var header =
                "# The effective configuration: made by Litestream.Build each time Litestream is started, from "
                + YamlWriter.EscapeComment(file.Path)
                + "\n";
            var level = Expand(((YamlMap)root["logging"]!).Text("level"));
            var texts = Texts(root, header, level);
            if (texts.Text.Contains($"${{{EnvPlaceholders.DollarVariable}}}", StringComparison.Ordinal))
                _variables[EnvPlaceholders.DollarVariable] = "$";

            var mask = new SecretMask(options.Environment.Concat(_variables).Concat(_secrets));
            return new EffectiveConfig(
                texts,
                [
                    .. databases.Select(d =>
                        d with
                        {
                            Replicas = [.. d.Replicas.Select(r => r with { Location = mask.Mask(r.Location) })],
                        }
                    ),
                ],
                _variables,
                _diagnostics,
                mask,
                options
            )
            {
                LogLevel = level,
                IsGenerated = file.IsGenerated,
                MetricsAddress =
                    Expand(root.Text("addr")) is var address && HostAndPort().IsMatch(address) ? address : null,
            };
        }

        /// <summary>
        /// An entry for a database that is not in the file; made before the file's own replicas get what only holds
        /// here.
        /// </summary>
        private (ConfigEntry Entry, string Path) AddedEntry(EffectiveDatabase added, IReadOnlyList<ConfigEntry> entries)
        {
            var replica = ReplicaOverride.ForAdded(
                file,
                file.IsGenerated ? entries : [],
                added.ConfiguredPath,
                added.Path,
                Lookup
            );
            return (
                new ConfigEntry(
                    new YamlMap { Comment = added.Key },
                    [replica],
                    new ConfiguredDatabase(added.ConfiguredPath, added.Key, [], 0, 0)
                ),
                added.Path
            );
        }

        private string? Lookup(string name) =>
            _variables.GetValueOrDefault(name)
            ?? options.Variable(name)
            ?? (name == EnvPlaceholders.DollarVariable ? "$" : null);

        private string Expand(string marked) => EnvPlaceholders.Expand(marked, Lookup);

        private LitestreamException Error(string code, string message, YamlNode at) =>
            new(code, EnvPlaceholders.Unmark(message), file.Path, at.Line, at.Column);

        private void Tell(LitestreamDiagnostic diagnostic) => _diagnostics.Add(diagnostic);

        private void Tell(string code, LitestreamSeverity severity, string message, YamlNode at) =>
            _diagnostics.Add(new(code, severity, message, file.Path, at.Line, at.Column));

        /// <summary>The run-time replica URL; null when the built one stands.</summary>
        private string? ReplicaUrlToUse()
        {
            if (file.IsGenerated)
                return ReplicaOverride.Url(file, options.GetSetting, Lookup);
            if (!string.IsNullOrWhiteSpace(options.GetSetting(ReplicaOverride.UrlSetting)))
                Tell(
                    "LSB1022",
                    LitestreamSeverity.Warning,
                    "Litestream:ReplicaUrl is set, but this litestream.yml is your own, and its replicas are taken "
                        + "as they are. Remove one of the two.",
                    file.Root
                );
            return null;
        }

        /// <summary>
        /// The absolute path of the file that the app opens; null when there is nothing to replicate.
        /// </summary>
        private string? LivePath(ConfigEntry entry)
        {
            var path = entry.Node["path"] is YamlScalar written ? ScalarText.Of(written, Lookup) : "";
            if (entry.Database.Key is { } key && options.GetSetting(key) is { } live)
            {
                var target = SqliteConnectionSetting.Parse(live);
                switch (target.Kind)
                {
                    case SqliteTargetKind.File when target.Path is { Length: > 0 } livePath:
                        path = livePath;
                        break;
                    case SqliteTargetKind.Memory:
                        Tell(
                            "LSB1005",
                            LitestreamSeverity.Message,
                            $"{key} is a database in memory here: nothing to replicate.",
                            entry.Node
                        );
                        return null;
                    case SqliteTargetKind.ReadOnly:
                        Tell(
                            "LSB1006",
                            LitestreamSeverity.Message,
                            $"{key} is only read here: it is not replicated.",
                            entry.Node
                        );
                        return null;
                    case SqliteTargetKind.Encrypted:
                        Tell(
                            "LSB1007",
                            LitestreamSeverity.Warning,
                            $"{key} is an encrypted database here, which Litestream cannot replicate.",
                            entry.Node
                        );
                        return null;
                    case SqliteTargetKind.Unresolved:
                        Tell(
                            "LSB1008",
                            LitestreamSeverity.Warning,
                            $"{key} has a placeholder in its path that only the app itself can fill in: it is not "
                                + $"replicated. Give the real path in a setting, or in a litestream.yml of your own.",
                            entry.Node
                        );
                        return null;
                    default:
                        Tell(
                            "LSB1004",
                            LitestreamSeverity.Warning,
                            $"{key} was a SQLite file when the app was built and is something else here: it is not "
                                + $"replicated.",
                            entry.Node
                        );
                        return null;
                }
            }

            if (
                MissingIn(entry.Node.Text("path")) is { Count: > 0 } missing
                && (entry.Database.Key is not { } setting || options.GetSetting(setting) is null)
            )
                throw Error(
                    "LSB1018",
                    $"The path {entry.Database.Path} depends on the environment variable {Join(missing)}, which is "
                        + $"not set: Litestream would take another file for the database. Set it where the app runs.",
                    entry.Node
                );

            if (!file.IsGenerated)
                path = ExpandHome(path);
            ConfigPath.Check(path, (code, message) => Error(code, message, entry.Node));
            return DatabasePath.Resolve(path, options.BaseDirectory, options.DataDirectory, options.DataDirectoryToken);
        }

        private List<string> MissingIn(string marked) =>
            [
                .. EnvPlaceholders
                    .Names(marked)
                    .Where(name => string.IsNullOrEmpty(Lookup(name)))
                    .Distinct(StringComparer.Ordinal),
            ];

        private static string Join(IReadOnlyList<string> names) => string.Join(", ", names.Select(EnvPlaceholders.Shown));

        private string ExpandHome(string path) =>
            path.StartsWith("~/", StringComparison.Ordinal) && Lookup("HOME") is { Length: > 0 } home
                ? home + path[1..]
                : path;

        private EffectiveDatabase Rewrite(
            ConfigEntry entry,
            string path,
            string? replicaUrl,
            Dictionary<string, string> seen
        )
        {
            var node = entry.Node;
            node["path"] = new YamlScalar(path);
            var described = new List<ConfiguredReplica>();
            var rewritten = new List<YamlNode>();
            foreach (var built in entry.Replicas)
            {
                var replica = replicaUrl is null
                    ? built
                    : ReplicaOverride.Replace(built, replicaUrl, entry.Database.Path, Lookup);
                if (IsDefault(replica, entry))
                    replica["path"] = new YamlScalar(
                        Path.Combine(Path.GetDirectoryName(path)!, ReplicaUrl.DefaultFolder, Path.GetFileName(path))
                    );
                var identity = ReplicaIdentity.AtRun(replica, Lookup, Absolute);
                described.Add(ConfiguredReplica.Of(identity));
                if (!identity.IsKnown)
                {
                    Tell(Unknown(identity, path, replicaUrl, built));
                    continue;
                }

                if (identity is { IsFile: true, Folder: null })
                    throw Error(
                        "LSB1046",
                        NoFolder(identity, path),
                        identity.Source is { Line: > 0 } source ? source
                            : replica.Line > 0 ? replica
                            : node
                    );
                if (!seen.TryAdd(identity.Place, path))
                    throw Error(
                        "LSB1011",
                        $"The databases {seen[identity.Place]} and {path} go to one replica "
                            + $"path, {identity.Location}. A restore would pick whichever was written last: "
                            + $"give each its own.",
                        node
                    );
                rewritten.Add(AsResolved(replica, identity));
            }

            node["replicas"] = new YamlList { Items = rewritten };
            if (options.MonitorInterval is { } interval)
                SetInterval(node, rewritten.OfType<YamlMap>(), interval);

            var name = entry.Database.Key?.Split(':')[^1];
            var database = new EffectiveDatabase(entry.Database.Path, path, name, entry.Database.Key, described);
            if (Expand(node.Text("meta-path")) is { Length: > 0 } meta)
            {
                database = database with { MetaPath = Path.GetFullPath(meta, Path.GetFullPath(options.BaseDirectory)) };
                node["meta-path"] = new YamlScalar(database.MetaPath);
            }

            return database;
        }

        /// <summary>The embedded default lies beside the database, wherever that is now.</summary>
        private bool IsDefault(YamlMap replica, ConfigEntry entry) =>
            file.IsGenerated
            && ReplicaIdentity.AtBuild(replica).IsFile
            && replica.Text("path") == ReplicaUrl.DefaultPath(entry.Database.Path);

        private string Absolute(string folder) =>
            Path.GetFullPath(file.IsGenerated ? folder : ExpandHome(folder), Path.GetFullPath(options.BaseDirectory));

        /// <summary>The replica as the executable gets it: it reads the same from it that was resolved here, whatever
        /// quotes and URL escapes there were.</summary>
        private YamlMap AsResolved(YamlMap replica, ReplicaIdentity identity)
        {
            if (identity.Folder is { } folder)
            {
                if (replica.Has("url"))
                    replica = ReplicaUrl.Keep(
                        new YamlMap { ["type"] = new YamlScalar("file"), ["path"] = new YamlScalar(folder) },
                        replica,
                        "name"
                    );
                else if (replica.Has("type"))
                    replica["type"] = new YamlScalar("file");
                replica["path"] = new YamlScalar(folder);
            }

            foreach (var (key, value) in replica.Entries.ToList())
            {
                if (
                    value is YamlScalar { Style: YamlStyle.Plain } scalar
                    && ReplicaIdentity.IsText(key)
                    && EnvPlaceholders.HasVariables(scalar.Text)
                    && Expand(scalar.Text) is { Length: > 0 } text
                    && ScalarText.Of(scalar, Lookup) == text
                )
                {
                    replica[key] = new YamlScalar(scalar.Text) { Line = scalar.Line, Column = scalar.Column };
                }
            }

            return replica;
        }

        private static string NoFolder(ReplicaIdentity identity, string path) =>
            identity.Location.Contains("://", StringComparison.Ordinal)
            && !identity.Location.StartsWith("file:", StringComparison.OrdinalIgnoreCase)
                ? $"The replica of {path} has the URL {identity.Location} in `path:`, which Litestream refuses. "
                    + $"Write it as `url:`."
                : $"The replica of {path} names no folder "
                    + $"({(identity.Location.Length == 0 ? "its `path:` is empty" : identity.Location)}): "
                    + $"Litestream would "
                    + $"write into its working directory, or not start. Write `path:` with a folder.";

        private LitestreamDiagnostic Unknown(ReplicaIdentity identity, string path, string? replicaUrl, YamlMap built)
        {
            var names = Join(identity.Missing);
            YamlNode at = identity.Source is { Line: > 0 } source ? source : built;
            var diagnostic = Error(
                "LSB1045",
                $"{(replicaUrl is null ? "" : $"{ReplicaOverride.UrlSetting}: ")}The replica of {path} "
                    + $"is {identity.Location}, and the environment variable {names} is not set: nothing can "
                    + $"be replicated "
                    + $"there. Set {names} where the app runs.",
                at
            ).Diagnostic;
            return options.AllowUnknown ? diagnostic : throw new LitestreamException([diagnostic]);
        }

        private YamlMap Root(HashSet<YamlNode> left, IEnumerable<YamlNode> added)
        {
            var root = file.Root;
            IEnumerable<YamlNode> entries = root["dbs"] is YamlList list ? list.Items : [];
            root["dbs"] = new YamlList { Items = [.. entries.Concat(added).Where(i => !left.Contains(i))] };

            // What is only there to be referred to stands where it is used by now, and may be a secret.
            foreach (
                var (key, _) in root
                    .Entries.Where(e =>
                        e.Key == "exec" || !ConfigSchema.Keys.Any(k => k.Place == ConfigPlace.Root && k.Name == e.Key)
                    )
                    .ToList()
            )
                root.Remove(key);

            if (options.MetricsAddress is { } address)
                root["addr"] = new YamlScalar(address);

            // Lines with their own levels and fields, all on standard output, whatever the file says.
            var logging = root["logging"] as YamlMap ?? new YamlMap();
            logging["type"] = new YamlScalar("json");
            logging["stderr"] = new YamlScalar("false", YamlStyle.Plain);
            root["logging"] = logging;
            return root;
        }

        /// <summary>
        /// A secret that stands in the user's own file goes to the child as a variable, not into the file that is
        /// written here.
        /// </summary>
        private void MoveSecrets(YamlNode node)
        {
            if (node is YamlList list)
                list.Items.ForEach(MoveSecrets);
            if (node is not YamlMap map)
                return;

            foreach (var (key, value) in map.Entries.ToList())
            {
                if (value is YamlScalar scalar)
                    map[key] = WithoutSecret(key, scalar);
                else if (value is YamlList texts && ConfigSchema.IsSecret(key))
                    map[key] = new YamlList
                    {
                        Items =
                        [
                            .. texts
                                .Items.OfType<YamlScalar>()
                                .SelectMany(Lines)
                                .Select(text => WithoutSecret(key, text)),
                        ],
                    };
                else
                    MoveSecrets(value);
            }
        }

        private YamlScalar WithoutSecret(string key, YamlScalar scalar)
        {
            var text = Expand(scalar.Text);
            var secret = ConfigSchema.IsSecret(key) ? text : ReplicaUrl.Password(text) ?? "";
            if (scalar.IsNull || secret.Length == 0)
                return scalar;

            // A message of the executable may have it as it stands in the URL, or decoded.
            _secrets.AddRange([new("SECRET", secret), new("SECRET", Uri.UnescapeDataString(secret))]);
            if (
                (ConfigSchema.IsSecret(key) ? scalar.Text : ReplicaUrl.Password(scalar.Text)) is not { } written
                || EnvPlaceholders.IsVariable(written)
            )
                return scalar;
            if (ConfigPath.HasControl(text))
                throw Error(
                    "LSB1017",
                    $"The value of `{key}:` has a line break or another control character in it. Write it without.",
                    scalar
                );

            var variable = $"LITESTREAM_SECRET_{++_moved}";
            _variables[variable] = text;
            return new YamlScalar(EnvPlaceholders.Variable(variable)) { Line = scalar.Line, Column = scalar.Column };
        }

        /// <summary>
        /// The executable takes several keys in one text, one in each line, with comments between them; a variable
        /// holds one line.
        /// </summary>
        private static IEnumerable<YamlScalar> Lines(YamlScalar text) =>
            text.Text.Contains('\n', StringComparison.Ordinal)
                ? text
                    .Text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                    .Where(line => !line.StartsWith('#'))
                    .Select(line => new YamlScalar(line) { Line = text.Line, Column = text.Column })
                : [text];

        private void CheckVariables(YamlMap root)
        {
            foreach (var scalar in Scalars(root))
            {
                foreach (var name in EnvPlaceholders.Names(scalar.Text))
                {
                    var value = Lookup(name);
                    if (string.IsNullOrEmpty(value))
                    {
                        if (!ReplicaUrl.IsOptional(name, file.IsGenerated))
                            Tell(
                                "LSB1018",
                                LitestreamSeverity.Warning,
                                $"The environment variable {name} is not set; litestream.yml needs it.",
                                scalar
                            );
                    }
                    else if (ConfigPath.HasControl(value))
                    {
                        throw Error(
                            "LSB1017",
                            $"The value of {name} has a line break or another control character in it, which would "
                                + $"change the meaning of litestream.yml. Set it without.",
                            scalar
                        );
                    }
                }
            }
        }

        private static IEnumerable<YamlScalar> Scalars(YamlNode node) =>
            node switch
            {
                YamlScalar scalar => [scalar],
                YamlList list => list.Items.SelectMany(Scalars),
                YamlMap map => map.Entries.SelectMany(e => Scalars(e.Value)),
                _ => [],
            };
    }
}

/// <summary>A database as it is at run time.</summary>
/// <param name="ConfiguredPath">The path as it stands in the file; variables have their values in one of a generated
/// file.</param>
/// <param name="Path">The absolute path, the one string that is used everywhere: the executable compares it as a
/// string.</param>
/// <param name="Name">The connection string's name, or null.</param>
/// <param name="Key">The configuration key, or null.</param>
/// <param name="Replicas">Where it goes.</param>
public sealed record EffectiveDatabase(
    string ConfiguredPath,
    string Path,
    string? Name,
    string? Key,
    IReadOnlyList<ConfiguredReplica> Replicas
)
{
    /// <summary>
    /// The folder in which the executable keeps its own state for this database: <c>.&lt;file&gt;-litestream</c> beside
    /// it, unless the file says other.
    /// </summary>
    public string MetaPath { get; init; } = MetaPathOf(Path);

    /// <summary>Where that folder is when nothing says other.</summary>
    internal static string MetaPathOf(string path) =>
        System.IO.Path.Combine(
            System.IO.Path.GetDirectoryName(path) ?? "",
            $".{System.IO.Path.GetFileName(path)}-litestream"
        );
}
