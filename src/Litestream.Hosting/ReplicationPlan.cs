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
/// What is replicated, with what: made once, when the host is built, so that a later change of directory changes
/// nothing.
/// </summary>
internal sealed class ReplicationPlan
{
    private readonly EffectiveConfigOptions _options;
    private readonly ExecutableSearch _executableSearch;
    private readonly ReleaseLine _line;

    private ReplicationPlan(
        LitestreamSettings settings,
        EffectiveConfigOptions options,
        DiscoveredDatabases discovered,
        ExecutableSearch executableSearch,
        ReleaseLine line
    )
    {
        Settings = settings;
        _options = options;
        _executableSearch = executableSearch;
        _line = line;
        Discovered = discovered;
        Config = EffectiveConfig.Create(options, line.Dialects);
        MeantNotReplicated = MeantBy(settings, Config);
        NotReplicated =
        [
            .. discovered
                .Databases.Where(found => !MeantNotReplicated.Contains(found.Path))
                .ExceptBy(Databases.Select(database => database.Path), database => database.Path),
        ];
    }

    public LitestreamSettings Settings { get; }

    public EffectiveConfig Config { get; }

    public IReadOnlyList<EffectiveDatabase> Databases => Config.Databases;

    /// <summary>What the live configuration names beyond litestream.yml.</summary>
    public DiscoveredDatabases Discovered { get; }

    /// <summary>Those of <see cref="Discovered"/> that are not in <see cref="Databases"/>.</summary>
    public IReadOnlyList<EffectiveDatabase> NotReplicated { get; }

    /// <summary>What has no backup on purpose (<c>Litestream:NotReplicated</c>).</summary>
    public PathList MeantNotReplicated { get; }

    /// <summary>Names <see cref="NotReplicated"/>, and says why.</summary>
    public LitestreamDiagnostic NotReplicatedWarning
    {
        get
        {
            var why = Settings.ReplicateDiscovered switch
            {
                false => "Litestream:ReplicateDiscovered is false.",
                null when !Config.IsGenerated =>
                    "litestream.yml is your own: add them there, or set Litestream:ReplicateDiscovered to true.",
                _ => "Another error says why.",
            };
            var names = NotReplicated.Select(database => $"'{database.Path}' ({database.Key})");
            return new LitestreamDiagnostic(
                "LSB5010",
                LitestreamSeverity.Warning,
                $"The configuration names SQLite databases that are not replicated: {string.Join(", ", names)}. {why}"
            );
        }
    }

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

    /// <exception cref="LitestreamException">The configuration file or a setting is wrong.</exception>
    public static ReplicationPlan Create(LitestreamSettings settings, IConfiguration configuration)
    {
        var file = File.Exists(settings.ConfigPath)
            ? LitestreamConfigFile.Load(settings.ConfigPath)
            : LitestreamConfigFile.Empty(settings.ConfigPath);
        var options = CreateOptions(settings, configuration) with { ConfigText = file.Text };

        var search = CreateSearch(settings);

        // No process is started to ask for the version where the file is as this package made it.
        var line = file.IsGenerated ? ReleaseLine.Default : ReleaseLine.Of(() => LitestreamExecutable.Find(search));
        var config = EffectiveConfig.Create(options, line.Dialects);
        var discovered = DiscoveredDatabases.Find(configuration, file, config);

        // A file of the user's own says what is replicated; nothing is added to it unasked.
        var isAdded = settings.ReplicateDiscovered ?? file.IsGenerated;
        var meant = MeantBy(settings, config);
        return new ReplicationPlan(
            settings,
            options with
            {
                Added = isAdded ? [.. discovered.Databases.Where(found => !meant.Contains(found.Path))] : [],
            },
            discovered,
            search,
            line
        );
    }

    private static PathList MeantBy(LitestreamSettings settings, EffectiveConfig config) =>
        PathList.Create(settings.NotReplicated ?? "", config.Resolve);

    /// <summary>
    /// The configuration without what the file says, which may be missing or wrong, and without what is discovered.
    /// </summary>
    public static EffectiveConfigOptions CreateOptions(LitestreamSettings settings, IConfiguration configuration)
    {
        // Neither a reload nor a file that is replaced while the app runs may bring a database into a later run that
        // nobody holds the lock of.
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
    public LitestreamExecutable FindExecutable() => LitestreamExecutable.Find(_executableSearch);

    /// <summary>
    /// The configuration for one run of litestream. Where the user's own file names a metrics address, that one stays.
    /// </summary>
    /// <param name="metricsAddress">Where litestream serves its metrics.</param>
    /// <param name="monitorInterval">How often it looks and sends; null: as configured.</param>
    /// <param name="excluded">The databases that are left out.</param>
    public EffectiveConfig CreateConfig(
        string? metricsAddress,
        TimeSpan? monitorInterval,
        IReadOnlySet<string> excluded
    ) =>
        EffectiveConfig.Create(
            _options with
            {
                MetricsAddress = metricsAddress,
                MonitorInterval = monitorInterval,
                Excluded = excluded,
            },
            _line.Dialects
        );
}
