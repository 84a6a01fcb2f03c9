using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;

namespace Litestream.Replication;

/// <summary>How a foreground replication runs.</summary>
public sealed record ForegroundReplicationOptions
{
    /// <summary>
    /// A command that litestream runs and lives as long as (<c>-exec</c>); split into words by litestream, no shell.
    /// Null: it runs until it is cancelled.
    /// </summary>
    public string? Exec { get; init; }

    /// <summary>More arguments of <c>litestream replicate</c>, passed on as they are.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>How long a stop may take to send the last commits; then litestream is killed. Default 30 s.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What time is measured with.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>Replicates for as long as somebody looks at it: from a command line, not from an app.</summary>
public static class ForegroundReplication
{
    /// <summary>
    /// Takes the locks of all databases, starts <c>litestream replicate</c> and waits. Cancelling sends what was
    /// committed last and ends normally: SIGTERM, wait, and at
    /// <see cref="ForegroundReplicationOptions.StopTimeout"/> by force; where a signal to the whole process group has
    /// ended litestream already, it runs once more for a moment.
    /// </summary>
    /// <param name="executable">What to run.</param>
    /// <param name="config">What to replicate, and the secrets that go to it as environment variables.</param>
    /// <param name="options">How.</param>
    /// <param name="onLine">Gets every line of the executable, secrets masked; on any thread, one at a time.</param>
    /// <param name="onDiagnostic">Gets what the user should know.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="LitestreamException">
    /// LSB3012: a database is replicated already; LSB5009, LSB5012: it is not the one whose lineage is in its replica,
    /// or it is missing; LSB4008: a restore was interrupted and cannot be taken back; LSB3004: there is no database;
    /// LSB3001: litestream ended by itself, with an exit code other than 0 or without a command; LSB5004, LSB5005: what
    /// was committed last may not have been sent; LSB5021: it is not in the replica; LSB5025: the next replication has
    /// to begin with a full copy; LSB0003, LSB1xxx, LSB2008.
    /// </exception>
    public static async Task RunAsync(
        LitestreamExecutable executable,
        EffectiveConfigOptions config,
        ForegroundReplicationOptions options,
        Action<LogLine> onLine,
        Action<LitestreamDiagnostic> onDiagnostic,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(executable);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(onLine);
        ArgumentNullException.ThrowIfNull(onDiagnostic);

        var adopt = SettingValue.Flag(config.GetSetting, "AdoptReplica") ?? false;
        var effective = EffectiveConfig.Create(config, executable.Line.Dialects);
        if (effective.Databases.Count == 0)
        {
            throw new LitestreamException(
                "LSB3004",
                $"'{config.ConfigPath}' has no database to replicate, so nothing is replicated. Add one."
            );
        }

        using var locks =
            DatabaseLocks.TryAcquire(effective.Databases.Select(d => d.Path), out var held, out var holder)
            ?? throw OtherReplicator.Refuse(held, holder);
        locks.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null) { IsPastGate = true });
        var unclean = locks.Found.Where(found => found.Record.IsUnclean).Select(found => found.Path).ToList();
        foreach (var (_, found) in locks.Found)
        {
            await OrphanedReplicator
                .KillAsync(
                    found,
                    onEnding: id =>
                        Say(
                            LogLine.Parse(
                                string.Create(
                                    CultureInfo.InvariantCulture,
                                    $"A litestream of an app that was killed still runs as process {id}; killing "
                                        + $"it. A full copy follows."
                                )
                            )
                        ),
                    cancellationToken
                )
                .ConfigureAwait(false);
        }

        foreach (var database in effective.Databases)
        {
            OtherReplicator.RequireNone(database.Path);
            DatabaseRestore.Recover(database.Path, Say);
        }

        foreach (var database in effective.Databases.Where(d => !File.Exists(d.Path)))
        {
            Say(
                LogLine.Parse(
                    $"'{database.Path}' does not exist yet; replication starts when it does. To restore a lost "
                        + $"database, stop this and restore it first."
                )
            );
        }

        if (options.Exec is not null)
            onDiagnostic(WarnAboutExec());

        await LineageCheck.RefuseAsync(executable, effective, adopt, cancellationToken).ConfigureAwait(false);

        var databases = new List<ForegroundDatabase>();
        foreach (var database in effective.Databases)
        {
            var chain = await DatabaseChain
                .EnterAsync(
                    executable.Line,
                    database,
                    unclean.Contains(database.Path),
                    options.Time,
                    cancellationToken
                )
                .ConfigureAwait(false);
            databases.Add(new(executable, effective, database, chain, options.Time));
        }

        var empty = Held(effective);
        foreach (var database in effective.Databases.Where(d => empty.Contains(d.Path) && File.Exists(d.Path)))
        {
            Say(
                LogLine.Parse(
                    $"'{database.Path}' has no tables of the app yet; replication starts with the first one."
                )
            );
        }

        // Until it has ended in order, the next one has to begin with a full copy.
        locks.Broken = effective.Databases.Select(database => database.Path).ToHashSet(StringComparer.Ordinal);
        using var folder = RunDirectory.Create(effective.Databases[0].Path);
        ReplicatorRun? started = null;
        var run = started = new ReplicatorRun(
            executable,
            () => effective.Databases,
            (address, interval) =>
                EffectiveConfig.Create(
                    config with
                    {
                        MetricsAddress = address,
                        MonitorInterval = interval,
                        Excluded = started!.Excluded,
                    },
                    executable.Line.Dialects
                ),
            effective.MetricsAddress,
            locks,
            folder,
            new ReplicatorEvents
            {
                Line = SayWhatIsWanted,
                Starting = () => databases.ForEach(database => database.Chain.Begin()),
                Started = (_, _) => { },
                AddressNotUsed = onDiagnostic,
                Ended = () => { },
            },
            options.Time
        );
        try
        {
            // With a command of its own litestream cannot be started again when a table is there: the command would be
            // too.
            var hasWaited =
                options.Exec is null
                && (
                    await HoldBackAsync(run, effective, options.Time, cancellationToken).ConfigureAwait(false)
                    || empty.Count == effective.Databases.Count
                );
            await RunAsync(run, options, effective, databases, hasWaited, Say, onDiagnostic, cancellationToken)
                .ConfigureAwait(false);
            locks.Broken = databases
                .Where(database => !database.IsProven)
                .Select(database => database.Path)
                .ToHashSet(StringComparer.Ordinal);
            var unsent = databases.Find(database => database.Unsent is not null)?.Unsent;
            if ((ChainReaders.WhyFullCopy(databases) ?? unsent) is { } why)
                throw new LitestreamException(why);
        }
        finally
        {
            await run.EndAsync().ConfigureAwait(false);
            databases.ForEach(database => database.Dispose());
            foreach (var database in effective.Databases)
                DatabaseIdentity.NoteLineage(database.MetaPath, executable.Line.State(database.MetaPath));
        }

        void Say(LogLine line) => onLine(line);

        void SayWhatIsWanted(LogLine line)
        {
            databases.ForEach(database => database.OnLogLine(line));
            if (LogLevels.Shows(effective.LogLevel, line.Level))
                Say(line);
        }
    }

    /// <summary>The databases without a file, or without a table of the app's own: an app that makes its tables in an
    /// empty file only must find it empty.</summary>
    private static HashSet<string> Held(EffectiveConfig config) =>
        [
            .. config
                .Databases.Select(database => database.Path)
                .Where(path =>
                    !File.Exists(path)
                    || LiveDatabase.ProbeTables(path, asksMode: false).Tables is AppTables.None or AppTables.NotNow
                ),
        ];

    /// <summary>Excludes what litestream must not have yet, and waits while that is all of it, or until it is
    /// cancelled.</summary>
    /// <returns>Whether it had to wait.</returns>
    private static async Task<bool> HoldBackAsync(
        ReplicatorRun run,
        EffectiveConfig config,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var hasWaited = false;
        for (
            run.Excluded = Held(config);
            run.Excluded.Count == config.Databases.Count && !cancellationToken.IsCancellationRequested;
            run.Excluded = Held(config)
        )
        {
            hasWaited = true;
            await Task.Delay(Thresholds.Look, time, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return hasWaited;
    }

    /// <summary>What got its first table meanwhile is sent in the last pass, like everything else.</summary>
    private static async Task AdmitAtTheEndAsync(ReplicatorRun run, EffectiveConfig config, TimeSpan patience)
    {
        var held = run.Excluded.Count == 0 ? [] : Held(config);
        if (run.Excluded.All(held.Contains))
            return;
        if (run.IsRunning)
            await run.AbandonAsync(patience).ConfigureAwait(false);
        run.Excluded = held;
    }

    private static async Task RunAsync(
        ReplicatorRun run,
        ForegroundReplicationOptions options,
        EffectiveConfig config,
        List<ForegroundDatabase> databases,
        bool hasWaited,
        Action<LogLine> say,
        Action<LitestreamDiagnostic> onDiagnostic,
        CancellationToken cancellationToken
    )
    {
        if (!hasWaited)
            cancellationToken.ThrowIfCancellationRequested();
        if (cancellationToken.IsCancellationRequested)
        {
            // Cancelled while it waited for the first table. With one by now it is sent.
            ThrowIfUnsent(await DrainAsync(() => { }).ConfigureAwait(false));
            return;
        }

        IReadOnlyList<string> arguments = options.Exec is null
            ? options.Arguments
            : ["-exec", options.Exec, .. options.Arguments];
        using var endOfWatch = new CancellationTokenSource();
        var watch = Task.CompletedTask;
        var process = Start();
        var exitCode = 0;
        try
        {
            while (run.Excluded.Count > 0 && !process.Exited.IsCompleted)
            {
                await Task.WhenAny(process.Exited, Task.Delay(Thresholds.Look, options.Time, cancellationToken))
                    .ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                var held = Held(config);
                if (process.Exited.IsCompleted || run.Excluded.All(held.Contains))
                    continue;
                databases.ForEach(database => database.Chain.BeginReader());
                await run.AbandonAsync(options.StopTimeout).ConfigureAwait(false);
                await watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                run.Excluded = held;
                process = Start();
            }

            exitCode = await process.Exited.WaitAsync(cancellationToken).ConfigureAwait(false);

            // A command that ends at once may end before litestream has looked at anything.
            if (exitCode == 0 && options.Exec is not null && await FinishAsync(TimeSpan.Zero).ConfigureAwait(false))
                return;

            // A signal to the whole group reaches litestream before us.
            await Task.Delay(Thresholds.GroupSignal, options.Time, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            say(LogLine.Parse("Stopping: sending the last commits."));
        }

        // A reader of ours would be the last to close the database, and take the WAL with it: what is read last is
        // looked at instead.
        await endOfWatch.CancelAsync().ConfigureAwait(false);
        await watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // By itself and without a command it ends only when it cannot go on: then another run would be no better.
        await AdmitAtTheEndAsync(run, config, options.StopTimeout).ConfigureAwait(false);
        var isWanted = cancellationToken.IsCancellationRequested || options.Exec is not null;
        if (isWanted)
        {
            ThrowIfUnsent(
                await DrainAsync(() =>
                        say(LogLine.Parse("litestream has already ended; it runs once more to send the last commits."))
                    )
                    .ConfigureAwait(false)
            );
        }

        var isProven = databases.TrueForAll(database => database.IsProven);
        if (cancellationToken.IsCancellationRequested || (exitCode == 0 && isWanted))
        {
            if (isProven)
                say(LogLine.Parse("litestream has sent everything and ended."));
            return;
        }

        var said = process.LastError is { } error ? $": {error}" : "";
        var exec = options.Exec is null
            ? ""
            : " With LitestreamExec, a failed command looks the same, and its own exit code is lost. "
                + (isProven ? "Its commits were sent." : "Some of its commits may not have been sent.");
        throw new LitestreamException(
            "LSB3001",
            config.Secrets.Mask(
                $"litestream replicate ended by itself with exit code {NumberText.Of(exitCode)}{said}.{exec}"
            )
        );

        ReplicatorProcess Start()
        {
            var begun = run.Start(arguments);
            watch = ChainReaders.WatchAsync(begun, run, databases, onDiagnostic, options.Time, endOfWatch.Token);
            return begun;
        }

        async Task<LitestreamDiagnostic?> DrainAsync(Action onFinalPass)
        {
            var deadline = options.Time.GetUtcNow() + options.StopTimeout;
            var unsent = await run.DrainAsync(options.StopTimeout, onFinalPass).ConfigureAwait(false);
            if (unsent is null)
                await FinishAsync(deadline - options.Time.GetUtcNow()).ConfigureAwait(false);
            return unsent;
        }

        async Task<bool> FinishAsync(TimeSpan left)
        {
            foreach (var one in databases)
                await one.FinishAsync(run.Has(one.Path), left + ReplicaListing.ShortPatience).ConfigureAwait(false);
            return databases.TrueForAll(database => database.IsProven);
        }

        void ThrowIfUnsent(LitestreamDiagnostic? unsent)
        {
            if (unsent is not null)
                throw new LitestreamException(unsent with { Message = config.Secrets.Mask(unsent.Message) });
        }
    }

    private static LitestreamDiagnostic WarnAboutExec() =>
        new(
            "LSB3013",
            LitestreamSeverity.Warning,
            "With LitestreamExec, nothing restarts litestream or restores a missing database. The command gets the "
                + "replica's credentials, its exit code is lost, and if it ignores SIGTERM it is killed at the time "
                + "limit. Turn off its own replication (Litestream__Enabled=false); in production, let the app run "
                + "litestream."
        );
}
