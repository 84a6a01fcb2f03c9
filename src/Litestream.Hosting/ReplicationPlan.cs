using System.Collections.Concurrent;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Microsoft.Extensions.Configuration;

namespace Litestream.Hosting;

/// <summary>
/// What is replicated, with what: made when the host is built, so that a later change of directory changes nothing.
/// Afterwards only the loop of the session changes it, by what is added and removed.
/// </summary>
internal sealed class ReplicationPlan
{
    private readonly ExecutableSearch _executableSearch;
    private readonly LitestreamExecutable? _executable;
    private readonly ReleaseLine _line;
    private readonly ConcurrentDictionary<string, string> _real = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<string> _unlistedPatterns;
    private volatile EffectiveConfigOptions _options;
    private volatile EffectiveConfig _config;

    private ReplicationPlan(
        LitestreamSettings settings,
        EffectiveConfigOptions options,
        DiscoveredDatabases discovered,
        DatabasePatterns patterns,
        ExecutableSearch executableSearch,
        LitestreamExecutable? executable,
        ReleaseLine line
    )
    {
        Settings = settings;
        _options = options;
        (_executableSearch, _executable) = (executableSearch, executable);
        _line = line;
        (Discovered, Patterns) = (discovered, patterns);
        _config = EffectiveConfig.Create(options, line.Dialects);
        _unlistedPatterns = patterns.FindUnlisted(_config.Resolve, one => ReplicasOf(one, options, line));
        MeantNotReplicated = MeantBy(settings, Config);
        NotReplicated =
        [
            .. discovered
                .Databases.Concat(options.Added.Select(added => added.Database))
                .Concat(Encrypted)
                .DistinctBy(found => found.Path)
                .Where(found => !MeantNotReplicated.Contains(found.Path))
                .ExceptBy(Databases.Select(database => database.Path), database => database.Path),
        ];
    }

    public LitestreamSettings Settings { get; }

    public EffectiveConfig Config => _config;

    public IReadOnlyList<EffectiveDatabase> Databases => Config.Databases;

    /// <summary>What the live configuration names beyond litestream.yml.</summary>
    public DiscoveredDatabases Discovered { get; }

    /// <summary>The databases that the settings name by pattern.</summary>
    public DatabasePatterns Patterns { get; }

    /// <summary>Those of <see cref="Discovered"/> and of <see cref="Patterns"/> that are not in
    /// <see cref="Databases"/>, and encrypted ones.</summary>
    public IReadOnlyList<EffectiveDatabase> NotReplicated { get; }

    /// <inheritdoc cref="LitestreamStatus.EmptyPatterns" />
    public IReadOnlyList<string> FindEmptyPatterns()
    {
        // This is asked once a second, and a folder may have thousands of files.
        if (Databases.Count > 0 && _unlistedPatterns.Count == 0)
            return [];
        var empty = Patterns.FindEmpty(Config.Resolve);
        return Databases.Count == 0 ? empty : [.. empty.Intersect(_unlistedPatterns)];
    }

    /// <summary>What follows from patterns that match nothing.</summary>
    /// <param name="empty">At least one.</param>
    public string ExplainEmpty(IReadOnlyList<string> empty) =>
        $"0 databases match '{string.Join("', '", empty)}' (Litestream:DatabasePatterns). "
        + (
            empty.Intersect(_unlistedPatterns).Any()
                ? "Missing databases are restored only from replicas in folders, because other storage is not listed. "
                    + "If this machine has lost its data, restore each by its name (AddDatabaseAsync)."
                : "Nothing is replicated before one appears. If there should be one, correct the pattern."
        );

    /// <summary>What has no backup on purpose (<c>Litestream:NotReplicated</c>).</summary>
    public PathList MeantNotReplicated { get; }

    /// <summary>Names <see cref="NotReplicated"/>, and says why; null where there is nothing to say. Of encrypted ones
    /// there is a warning already.</summary>
    public LitestreamDiagnostic? NotReplicatedWarning
    {
        get
        {
            var named = NotReplicated.ExceptBy(Encrypted.Select(one => one.Path), one => one.Path).ToList();
            if (named.Count == 0)
                return null;
            var why = Settings.ReplicateDiscovered switch
            {
                false => "Litestream:ReplicateDiscovered is false.",
                null when !Config.IsGenerated =>
                    "litestream.yml is your own: add them there, or set Litestream:ReplicateDiscovered to true.",
                _ => "An earlier error says why.",
            };
            var names = named.Select(database => $"'{database.Path}' ({database.Key})");
            return new LitestreamDiagnostic(
                "LSB5010",
                LitestreamSeverity.Warning,
                $"The configuration names SQLite databases that are not replicated: {string.Join(", ", names)}. {why}"
            );
        }
    }

    private IEnumerable<EffectiveDatabase> Encrypted => Config.Encrypted.Concat(Discovered.Encrypted);

    /// <summary>
    /// Whether a database of <see cref="Databases"/> is there only because the live configuration names it.
    /// </summary>
    public bool IsDiscovered(EffectiveDatabase database) =>
        Discovered.Databases.Any(discovered => discovered.Path == database.Path);

    /// <summary>Whether the app may set a rollback journal for a database, as far as settings and code tell.</summary>
    public JournalEvidence JournalEvidenceOf(EffectiveDatabase database) =>
        database.Key is { } key
        && _options.GetSetting(key) is { } value
        && SqliteConnectionSetting.SetsRollbackJournal(value)
            ? JournalEvidence.Keyword
        : AppJournalMode.MaySetRollback ? JournalEvidence.Possible
        : JournalEvidence.None;

    /// <summary>What <see cref="Config"/> is made from.</summary>
    public EffectiveConfigOptions Options => _options;

    /// <summary>The database that is already replicated at that path, or at another name of the same file.</summary>
    public EffectiveDatabase? Find(string path)
    {
        var real = DatabasePath.Real(path);
        return Databases.FirstOrDefault(database =>
            database.Path == path || _real.GetOrAdd(database.Path, DatabasePath.Real) == real
        );
    }

    /// <summary>A configuration with one database more, and without those that were added before.</summary>
    /// <exception cref="LitestreamException">LSB1011, LSB1015: its replica or its path cannot be used. LSB1013,
    /// LSB1014, LSB1045: its replica URL cannot.</exception>
    public (EffectiveConfig Config, EffectiveDatabase Database) With(AddedDatabase added)
    {
        var config = EffectiveConfig.Create(
            _options with
            {
                Added = [added],
                Excluded = WithoutOne(_options.Excluded, added.Database.Path),
            },
            _line.Dialects
        );
        return config.Databases.FirstOrDefault(database => database.Path == added.Database.Path) is { } database
            ? (config, database)
            : throw new LitestreamException(config.Diagnostics.Last(found => found.Code is "LSB1011" or "LSB1015"));
    }

    /// <summary>Adds databases; those whose replica is another one's are not in <see cref="Databases"/> then.</summary>
    public void Add(IReadOnlyList<AddedDatabase> added)
    {
        var isNew = added.ToLookup(one => !_options.Excluded.Contains(one.Database.Path));
        Change(
            _options with
            {
                Added =
                [
                    .. _options.Added,
                    .. isNew[true].Where(one => Databases.All(known => known.Path != one.Database.Path)),
                ],
                Excluded = _options.Excluded.Except(isNew[false].Select(one => one.Database.Path)).ToHashSet(),
            }
        );
    }

    /// <summary>Removes a database.</summary>
    public void Remove(string path) =>
        Change(
            _options.Added.Any(one => one.Database.Path == path)
                ? _options with { Added = [.. _options.Added.Where(one => one.Database.Path != path)] }
                : _options with { Excluded = new HashSet<string>([.. _options.Excluded, path]) }
        );

    /// <exception cref="LitestreamException">The configuration file or a setting is wrong.</exception>
    public static ReplicationPlan Create(LitestreamSettings settings, IConfiguration configuration)
    {
        var file = File.Exists(settings.ConfigPath)
            ? LitestreamConfigFile.Load(settings.ConfigPath)
            : LitestreamConfigFile.Empty(settings.ConfigPath);
        var options = CreateOptions(settings, configuration) with { ConfigText = file.Text };

        var search = CreateSearch(settings);

        LitestreamExecutable? executable = null;
        var line = ReleaseLine.Of(() => executable = LitestreamExecutable.Find(search));
        var config = EffectiveConfig.Create(options, line.Dialects);
        var discovered = DiscoveredDatabases.Find(configuration, file, config);

        // A file of the user's own says what is replicated; nothing is added to it unasked.
        var isAdded = settings.ReplicateDiscovered ?? file.IsGenerated;
        var meant = MeantBy(settings, config);
        List<EffectiveDatabase> added =
        [
            .. isAdded ? discovered.Databases.Where(found => !meant.Contains(found.Path)) : [],
        ];
        var patterns = DatabasePatterns.Parse(settings.DatabasePatterns);
        var known = config.Databases.Concat(added).Select(database => DatabasePath.Real(database.Path)).ToHashSet();
        added.AddRange(
            patterns
                .Find(config.Resolve)
                .Concat(patterns.FindBackups(config.Resolve, one => ReplicasOf(one, options, line)))
                .Where(found => !meant.Contains(found.Path) && known.Add(DatabasePath.Real(found.Path)))
        );
        return new ReplicationPlan(
            settings,
            options with
            {
                Added = [.. added.Select(found => new AddedDatabase(found))],
            },
            discovered,
            patterns,
            search,
            executable,
            line
        );
    }

    private static IReadOnlyList<ConfiguredReplica> ReplicasOf(
        EffectiveDatabase database,
        EffectiveConfigOptions options,
        ReleaseLine line
    ) =>
        EffectiveConfig
            .Create(options with { Added = [new AddedDatabase(database)], AllowUnknown = true }, line.Dialects)
            .Databases.FirstOrDefault(one => one.Path == database.Path)
            ?.Replicas ?? [];

    private static PathList MeantBy(LitestreamSettings settings, EffectiveConfig config) =>
        PathList.Create(settings.NotReplicated ?? "", config.Resolve);

    /// <summary>
    /// The configuration without what the file says, which may be missing or wrong, and without what is discovered.
    /// </summary>
    public static EffectiveConfigOptions CreateOptions(LitestreamSettings settings, IConfiguration configuration)
    {
        // Neither a reload nor a file that is replaced while the app runs may bring a database into a later run
        // whose lock is not held.
        var values = new ConcurrentDictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        return new EffectiveConfigOptions
        {
            ConfigPath = settings.ConfigPath,
            // Relative paths mean what they mean to the app's SQLite, not what the content root would make of them.
            BaseDirectory = Directory.GetCurrentDirectory(),
            DataDirectory = AppDomain.CurrentDomain.GetData("DataDirectory") as string,
            DataDirectoryToken = AppProvider.DataDirectoryToken,
            GetSetting = key => values.GetOrAdd(key, name => configuration[name]),
            Environment = ProcessVariables.Read(),
            Settings =
            [
                .. configuration
                    .AsEnumerable()
                    .Where(pair => pair.Value is not null && pair.Key.Contains(':', StringComparison.Ordinal))
                    .Select(pair => new Setting(pair.Key, pair.Value!)),
            ],
        };
    }

    /// <summary>Where the executable is looked for.</summary>
    public static ExecutableSearch CreateSearch(LitestreamSettings settings) =>
        new()
        {
            ExecutablePath = settings.ExecutablePath,
            InstallDirectory = ProcessVariables.Read().GetValueOrDefault("LITESTREAM_INSTALL_DIR"),
            ApplicationDirectory = ApplicationFolder.FullName,
            BaseDirectory = Directory.GetCurrentDirectory(),
        };

    /// <exception cref="LitestreamException">There is no executable, or it cannot be run.</exception>
    public LitestreamExecutable FindExecutable() => _executable ?? LitestreamExecutable.Find(_executableSearch);

    /// <summary>
    /// The configuration for one run of litestream. Where the user's own file names a metrics address, that one stays.
    /// </summary>
    /// <param name="metricsAddress">Where litestream serves its metrics.</param>
    /// <param name="socketPath">Where litestream opens its control socket; null: nowhere.</param>
    /// <param name="monitorInterval">How often it looks and sends; null: as configured.</param>
    /// <param name="excluded">The databases that are excluded.</param>
    public EffectiveConfig CreateConfig(
        string? metricsAddress,
        string? socketPath,
        TimeSpan? monitorInterval,
        IReadOnlySet<string> excluded
    ) =>
        EffectiveConfig.Create(
            _options with
            {
                MetricsAddress = metricsAddress,
                SocketPath = socketPath,
                ShutdownTimeout = Settings.ShutdownTimeout,
                MonitorInterval = monitorInterval,
                Excluded = _options.Excluded.Concat(excluded).ToHashSet(),
            },
            _line.Dialects
        );

    private void Change(EffectiveConfigOptions options)
    {
        var config = EffectiveConfig.Create(options, _line.Dialects);
        (_options, _config) = (options, config);
    }

    private static HashSet<string> WithoutOne(IReadOnlySet<string> paths, string path) =>
        [.. paths.Where(one => one != path)];
}
