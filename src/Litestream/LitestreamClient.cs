using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Releases.V03;
using Litestream.Releases.V05;
using Litestream.Replication;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Verification;
using Microsoft.Data.Sqlite;

namespace Litestream;

/// <summary>
/// What the executable can tell and do, as .NET calls. Each call runs the executable once, with a configuration file of
/// its own that holds no secret and is gone afterwards. Calls may run at the same time. No exception holds a secret.
/// </summary>
/// <remarks>
/// In a host with <c>AddLitestream()</c>, take it from the host's services: it has the app's own configuration, also
/// where nothing is replicated (in Development).
/// </remarks>
public sealed class LitestreamClient
{
    /// <summary>Creates the client for a configuration.</summary>
    public LitestreamClient(LitestreamExecutable executable, EffectiveConfig config)
    {
        ArgumentNullException.ThrowIfNull(executable);
        ArgumentNullException.ThrowIfNull(config);
        Executable = executable;
        Config = config;
    }

    /// <summary>What the executable is started with.</summary>
    public EffectiveConfig Config { get; }

    /// <summary>What is started.</summary>
    public LitestreamExecutable Executable { get; }

    /// <summary>
    /// How long the executable may take to list something; then it is ended, and the call fails with LSB3005. Default 2
    /// minutes.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Creates a client for code outside the app's host: reads the app's settings files and the environment as the app
    /// would. User secrets and other sources of the app's own are not known here.
    /// </summary>
    /// <exception cref="LitestreamException">LSB3004: there is no litestream.yml; LSB1xxx: it or a setting is wrong;
    /// LSB2003, LSB2004, LSB2008: there is no executable that can be run.</exception>
    public static LitestreamClient Create(LitestreamClientOptions? options = null)
    {
        options ??= new LitestreamClientOptions();
        var folder = Path.GetFullPath(options.ApplicationDirectory);
        var environment = options.Environment ?? ProcessVariables.Read();
        var settings = LiveSettings.Read(folder, options.EnvironmentName, environment);
        var configPath = Path.GetFullPath(
            options.ConfigPath ?? Setting("Litestream:ConfigPath") ?? "litestream.yml",
            folder
        );
        if (!File.Exists(configPath))
        {
            throw new LitestreamException(
                "LSB3004",
                $"'{configPath}' does not exist. The build writes litestream.yml if it finds a database, and a publish "
                    + $"copies it to the app's folder."
            );
        }

        var executable = LitestreamExecutable.Find(
            new ExecutableSearch
            {
                ExecutablePath = options.ExecutablePath ?? Setting("Litestream:ExecutablePath"),
                InstallDirectory = environment.GetValueOrDefault("LITESTREAM_INSTALL_DIR"),
                ApplicationDirectory = folder,
                BaseDirectory = folder,
            }
        );
        var config = EffectiveConfig.Create(
            new EffectiveConfigOptions
            {
                ConfigPath = configPath,
                BaseDirectory = folder,
                GetSetting = settings.Get,
                Environment = environment,
            },
            executable.Line.Dialects
        );
        return new LitestreamClient(executable, config);

        string? Setting(string key) =>
            settings.Get(key) is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;
    }

    /// <summary>
    /// Checks a litestream.yml strictly: every key, its place and its value, against what a release line of Litestream
    /// reads. What that line would ignore, misread or stop at is an error; what is only doubtful a warning.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="version">The version of the executable that will read it, such as <c>0.5.17</c>; left out: the one
    /// that comes with the package.</param>
    /// <param name="variable">The value of an environment variable, null when it has none; left out: as if none were
    /// set. What depends on one without a value is not checked.</param>
    /// <param name="expandVariables">False: a <c>$</c> is a dollar sign (<c>-no-expand-env</c>).</param>
    /// <returns>All findings, in the order of the file. A file that cannot be read is one finding, LSB1010.</returns>
    public static IReadOnlyList<LitestreamDiagnostic> CheckConfiguration(
        string path,
        string? version = null,
        Func<string, string?>? variable = null,
        bool expandVariables = true
    ) => LitestreamConfigFile.Check(path, ReleaseLine.Of(version).Dialects, variable, expandVariables);

    /// <summary>The executable's version, such as <c>0.3.13</c>.</summary>
    /// <exception cref="LitestreamException">LSB2008: it cannot be started; LSB3001: it failed; LSB3005: it took too
    /// long.</exception>
    public Task<string> VersionAsync(CancellationToken cancellationToken = default) =>
        Catalog.VersionAsync(cancellationToken);

    /// <summary>The databases in the configuration, as the executable lists them, in the order of the file.</summary>
    /// <exception cref="LitestreamException">LSB2008, LSB3001, LSB3005.</exception>
    public Task<IReadOnlyList<DatabaseEntry>> DatabasesAsync(CancellationToken cancellationToken = default) =>
        Catalog.DatabasesAsync(cancellationToken);

    /// <summary>
    /// What the app that runs on this machine tells about the replication of its databases. Starts nothing and asks no
    /// storage.
    /// </summary>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for all.</param>
    /// <exception cref="LitestreamException">LSB3003, LSB3004.</exception>
    public IReadOnlyList<RunningStatus> ReadStatus(string? database = null) =>
        [.. Config.ChooseMany(database ?? "*").Select(RunningStatus.Of)];

    /// <summary>
    /// The generations in the replicas of a database. This works for a lost database too: then their times come from
    /// their content, and there is no lag.
    /// </summary>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="replica">The name of one replica; null for all. With all, one that fails is a failure.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <returns>None also where the replica does not exist: the executable does not tell the two apart.</returns>
    /// <exception cref="LitestreamException">LSB3002 to LSB3004: which database; LSB3008: no such replica; LSB3009: not
    /// in this release line; LSB3001: the executable failed; LSB3005: too slow; LSB2008: not started.</exception>
    public Task<IReadOnlyList<Generation>> GenerationsAsync(
        string? database = null,
        string? replica = null,
        CancellationToken cancellationToken = default
    ) => Generations.GenerationsAsync(Config.Choose(database), replica, cancellationToken);

    /// <summary>The snapshots in the replicas of a database, which need not exist.</summary>
    /// <inheritdoc cref="GenerationsAsync" />
    public Task<IReadOnlyList<Snapshot>> SnapshotsAsync(
        string? database = null,
        string? replica = null,
        CancellationToken cancellationToken = default
    ) => Generations.SnapshotsAsync(Config.Choose(database), replica, cancellationToken);

    /// <summary>The WAL segments in the replicas of a database, which need not exist.</summary>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="replica">The name of one replica; null for all. With all, one that fails is a failure.</param>
    /// <param name="generation">16 hexadecimal digits; null for all. None are listed for one that is not there.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <inheritdoc cref="GenerationsAsync" />
    public Task<IReadOnlyList<WalSegment>> WalSegmentsAsync(
        string? database = null,
        string? replica = null,
        string? generation = null,
        CancellationToken cancellationToken = default
    ) => Generations.WalSegmentsAsync(Config.Choose(database), replica, generation, cancellationToken);

    /// <summary>The LTX files in the replica of a database, which need not exist, by level and TXID. Release line 0.5.
    /// </summary>
    /// <inheritdoc cref="GenerationsAsync" />
    public Task<IReadOnlyList<LtxFile>> LtxFilesAsync(
        string? database = null,
        string? replica = null,
        CancellationToken cancellationToken = default
    ) =>
        new LtxCatalog(new CatalogCommands(Executable, Config, Timeout), Config).FilesAsync(
            Config.Choose(database),
            replica,
            cancellationToken
        );

    /// <summary>
    /// Restores a database: without an output or <see cref="RestoreOptions.InPlace"/> to a new, dated file beside it.
    /// </summary>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="options">How; null for the newest backup.</param>
    /// <param name="progress">Gets the lines of the executable and of the restore itself.</param>
    /// <param name="cancellationToken">Ends the executable; nothing is left behind.</param>
    /// <exception cref="LitestreamException">LSB3002 to LSB3004: which database; and those of
    /// <see cref="DatabaseRestore.RunAsync"/>.</exception>
    public Task<RestoreResult> RestoreAsync(
        string? database = null,
        RestoreOptions? options = null,
        IProgress<LogLine>? progress = null,
        CancellationToken cancellationToken = default
    ) =>
        DatabaseRestore.RunAsync(
            Executable,
            (options ?? new RestoreOptions()).For(Config, Config.Choose(database)),
            progress is null ? null : progress.Report,
            cancellationToken
        );

    /// <summary>
    /// Gets the newest backup onto this machine, as a database of its own (<see cref="RestoreRequest.Detach"/>):
    /// production's data for development. Only reads the replica, so credentials that may do no more are enough.
    /// Nothing goes back to it, as a replication of the file to that replica is refused (LSB5009).
    /// </summary>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="options">How; without an output it goes to the database's own path. What is there is an error
    /// unless it is forced away.</param>
    /// <param name="progress">Gets the lines of the executable and of the restore itself.</param>
    /// <param name="cancellationToken">Ends the executable; nothing is left behind.</param>
    /// <exception cref="LitestreamException">LSB3002 to LSB3004: which database; and those of
    /// <see cref="DatabaseRestore.RunAsync"/>.</exception>
    public Task<RestoreResult> PullAsync(
        string? database = null,
        RestoreOptions? options = null,
        IProgress<LogLine>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        options ??= new RestoreOptions();
        return RestoreAsync(
            database,
            options with
            {
                InPlace = options.InPlace || options.Output is null,
                Detach = true,
            },
            progress,
            cancellationToken
        );
    }

    /// <summary>
    /// Restores all databases side by side; one that fails does not stop the others. Results in the order of the
    /// configuration.
    /// </summary>
    /// <inheritdoc cref="RestoreAsync" />
    public Task<IReadOnlyList<RestoreResult>> RestoreAllAsync(
        RestoreOptions? options = null,
        IProgress<LogLine>? progress = null,
        CancellationToken cancellationToken = default
    ) =>
        DatabaseRestore.RunAllAsync(
            Executable,
            Config,
            Config.ChooseMany("*"),
            options ?? new RestoreOptions(),
            progress is null ? null : progress.Report,
            cancellationToken
        );

    /// <summary>
    /// What putting a restored copy in the place of a database would undo: rows and schema against the live file.
    /// Changes neither.
    /// </summary>
    /// <param name="copy">The copy, such as the output of a restore to a file of its own.</param>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="cancellationToken">Interrupts it.</param>
    /// <exception cref="LitestreamException">LSB3002 to LSB3004: which database; LSB4010, LSB4104: they cannot be
    /// compared.</exception>
    public Task<DatabaseDifference> DiffAsync(
        string copy,
        string? database = null,
        CancellationToken cancellationToken = default
    ) => DatabaseDiff.CompareAsync(Config.Choose(database).Path, copy, cancellationToken: cancellationToken);

    /// <summary>
    /// Proves that what is committed in a database can be restored; see <see cref="VerificationOptions"/>. Starts a
    /// replicator only when asked to.
    /// </summary>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="options">How; null for the full proof.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <returns>How it ended: a backup that is not sound is an outcome, no exception.</returns>
    /// <exception cref="LitestreamException">LSB3002 to LSB3004: which database.</exception>
    public Task<VerificationResult> VerifyAsync(
        string? database = null,
        VerificationOptions? options = null,
        CancellationToken cancellationToken = default
    ) =>
        DatabaseVerification.RunAsync(
            Executable,
            Config,
            Config.Choose(database),
            options,
            cancellationToken,
            VerificationReplicator.RunAsync
        );

    /// <summary>
    /// Verifies all databases side by side; one that fails does not stop the others. Results in the order of the
    /// configuration.
    /// </summary>
    /// <inheritdoc cref="VerifyAsync" />
    public Task<IReadOnlyList<VerificationResult>> VerifyAllAsync(
        VerificationOptions? options = null,
        CancellationToken cancellationToken = default
    ) =>
        DatabaseVerification.RunAllAsync(
            Executable,
            Config,
            Config.Databases,
            options,
            cancellationToken,
            VerificationReplicator.RunAsync
        );

    /// <summary>
    /// Waits until what is committed in a database now is in its replicas. Writes nothing and starts no replicator.
    /// Litestream's own <c>sync</c> is not used: on release line 0.5 it can make litestream miss commits.
    /// </summary>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="timeout">How long it may take; null: 30 s.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Whether it has arrived: what has not is a result, no exception.</returns>
    /// <exception cref="LitestreamException">LSB3002 to LSB3004: which database.</exception>
    public Task<SyncResult> SyncAsync(
        string? database = null,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default
    ) => CommitSync.RunAsync(Executable, Config, Config.Choose(database), null, timeout, cancellationToken);

    /// <summary>
    /// The fire drill: restores the backup of a database to a scratch file, asks it a query, tells what would have been
    /// lost and how long recovery took, and removes the file.
    /// </summary>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="options">How; null for the newest backup and no query.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="LitestreamException">LSB3002 to LSB3004: which database; LSB41xx: the drill failed.</exception>
    public Task<DrillResult> DrillAsync(
        string? database = null,
        DrillOptions? options = null,
        CancellationToken cancellationToken = default
    ) => DatabaseDrill.RunAsync(Executable, Config, Config.Choose(database), options, cancellationToken);

    /// <summary>
    /// Opens a database as it was at a moment: a private copy, restored to the folder for temporary files and checked
    /// (<c>PRAGMA quick_check</c>). The live database is not touched, and need not exist. The
    /// connection is open and read-only. When it is closed or disposed of, the copy is deleted; what a killed process
    /// left is deleted by the next one. Both release lines.
    /// </summary>
    /// <remarks>
    /// The state is the newest that had been sent by the moment: what was committed a moment earlier may be missing.
    /// Release line 0.5 compacts its files: after some minutes it restores the state at the end of such a file, which
    /// may be up to half a minute before the moment.
    /// </remarks>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="moment">The moment; null for the newest backup. <see cref="PointInTime.Parse"/> reads what people
    /// write.</param>
    /// <param name="replica">The name of one replica; null: the one that the executable chooses.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="LitestreamException">LSB3002 to LSB3004: which database; LSB3007: the moment is in the future;
    /// LSB3008: no such replica; LSB4002: there is no backup for the moment, with what there is; LSB0003: no room for
    /// temporary files; LSB4003, LSB4005: the backup is damaged, or the storage does not answer; LSB4104: the app has
    /// no SQLite library for Microsoft.Data.Sqlite.</exception>
    public async Task<SqliteConnection> OpenAsOfAsync(
        string? database = null,
        DateTimeOffset? moment = null,
        string? replica = null,
        CancellationToken cancellationToken = default
    )
    {
        var copy = await PastCopy
            .RestoreAsync(Executable, Config, Config.Choose(database), moment, replica, cancellationToken)
            .ConfigureAwait(false);
        return copy.OpenAndLeave();
    }

    /// <summary>
    /// What changed in a database between two moments, compared by content. Changes nothing: the copies are removed.
    /// Both release lines.
    /// </summary>
    /// <param name="from">The earlier moment; <see cref="DateTimeOffset.UtcNow"/> is the newest backup.</param>
    /// <param name="to">The later moment; null: now, the live database.</param>
    /// <param name="database">See <see cref="EffectiveConfig.Choose"/>; null for the only one.</param>
    /// <param name="replica">The name of one replica; null: the one that the executable chooses.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="LitestreamException">Those of <see cref="OpenAsOfAsync"/>; LSB3008: the moments are not in
    /// their order; LSB4010, LSB4104: they cannot be compared.</exception>
    public Task<DatabaseChanges> DiffAsync(
        DateTimeOffset from,
        DateTimeOffset? to = null,
        string? database = null,
        string? replica = null,
        CancellationToken cancellationToken = default
    ) => PastDiff.RunAsync(Executable, Config, Config.Choose(database), from, to, replica, cancellationToken);

    private IBackupCatalog Catalog => Executable.Line.Catalog(Executable, Config, Timeout);

    /// <summary>What only release line 0.3 has.</summary>
    private BackupCatalog Generations => new(new CatalogCommands(Executable, Config, Timeout), Config);
}
