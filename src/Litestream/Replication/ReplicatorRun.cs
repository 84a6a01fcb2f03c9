using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;

namespace Litestream.Replication;

/// <summary>What a <see cref="ReplicatorRun"/> reports to its owner, on any thread.</summary>
internal sealed record ReplicatorEvents
{
    /// <summary>A line of the executable, secrets masked.</summary>
    public required Action<LogLine> Line { get; init; }

    /// <summary>A litestream is about to be started, for the final pass too: the one before has ended.</summary>
    public required Action Starting { get; init; }

    /// <summary>A litestream was started; true when it is for the final pass.</summary>
    public required Action<ReplicatorProcess, bool> Started { get; init; }

    /// <summary>LSB5015, once: litestream is started without the metrics address of the user's own file.</summary>
    public required Action<LitestreamDiagnostic> AddressNotUsed { get; init; }

    /// <summary>It has ended and none runs.</summary>
    public required Action Ended { get; init; }
}

/// <summary>
/// Litestream on some databases, one process after the other: started, drained, ended. Whoever owns it holds the locks
/// for as long. Not for several threads at once.
/// </summary>
internal sealed class ReplicatorRun(
    LitestreamExecutable executable,
    Func<IReadOnlyList<EffectiveDatabase>> databases,
    Func<string?, TimeSpan?, EffectiveConfig> createConfig,
    string? ownMetricsAddress,
    DatabaseLocks locks,
    RunDirectory folder,
    ReplicatorEvents events,
    TimeProvider time
)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan FinalPassMonitorInterval = TimeSpan.FromMilliseconds(50);

    // Killed on any thread.
    private volatile ReplicatorProcess? _process;
    private ReplicatorMetrics? _metrics;
    private string? _ownAddressError;
    private LockRecord _record = LockRecord.Empty;

    // Of removed databases: the running one continues their counters when they are added again.
    private readonly Dictionary<string, double> _syncsBefore = new(StringComparer.Ordinal);
    private Task _notes = Task.CompletedTask;
    private volatile HashSet<string> _noted = [];

    /// <summary>
    /// The databases that are not in the configuration of the next start. The configuration is made by the caller's
    /// function, which has to exclude them too.
    /// </summary>
    public IReadOnlySet<string> Excluded { get; set; } = new HashSet<string>();

    public bool IsRunning => _process is { Exited.IsCompleted: false };

    /// <summary>Whether a database is there, and not excluded.</summary>
    public bool Has(string database) => File.Exists(database) && !Excluded.Contains(database);

    /// <summary>Whether it can be asked at all.</summary>
    public bool HasMetrics => _metrics is not null;

    /// <summary>
    /// Why the running one answers nowhere: what answers at its address is another process. Null when it does, or may.
    /// </summary>
    public string? AddressError => _process?.AddressError;

    /// <summary>What the running one says about itself; null when it does not answer.</summary>
    public Task<MetricsAnswer?> ReadMetricsAsync(CancellationToken cancellationToken) =>
        _metrics?.ReadAsync(cancellationToken) ?? Task.FromResult<MetricsAnswer?>(null);

    /// <summary>
    /// Ends one that is stuck: it is asked to, and killed when it has not ended after <paramref name="patience"/>.
    /// Waits for the end, however long it hangs: another one is started then.
    /// </summary>
    public async Task AbandonAsync(TimeSpan patience)
    {
        if (_process is { } process)
        {
            if (patience > TimeSpan.Zero)
            {
                process.Terminate(time.GetUtcNow());
                await Task.WhenAny(process.Exited, Task.Delay(patience, time)).ConfigureAwait(false);
            }

            Kill();
            await process.Exited.ConfigureAwait(false);
        }

        await EndAsync().ConfigureAwait(false);
    }

    /// <summary>Starts it; the one before has ended.</summary>
    /// <param name="arguments">More arguments of <c>replicate</c>.</param>
    /// <exception cref="LitestreamException">LSB2008: it cannot be executed. LSB0003: its configuration cannot be
    /// written. LSB1xxx: the configuration is wrong by now.</exception>
    /// <exception cref="IOException">Who it is cannot be written down, so it is killed; <see cref="EndAsync"/> waits
    /// for its end.</exception>
    public ReplicatorProcess Start(params IReadOnlyList<string> arguments) => Start(null, arguments);

    /// <summary>Has the one that runs replicate one more database.</summary>
    /// <param name="config">A configuration that has the database.</param>
    /// <param name="database">The database, whose lock is held.</param>
    /// <param name="add">Hands it over.</param>
    /// <exception cref="IOException">Who replicates it cannot be written down, so it was not handed over.</exception>
    public async Task<ControlOutcome> AddAsync(
        EffectiveConfig config,
        EffectiveDatabase database,
        Func<Task<ControlOutcome>> add
    )
    {
        locks.Write(database.Path, _record);
        if (_syncsBefore.ContainsKey(database.Path))
        {
            if (await ReadMetricsAsync(CancellationToken.None).ConfigureAwait(false) is not { } answer)
                return ControlOutcome.NotAsked;

            _syncsBefore[database.Path] = answer.Syncs(database.Path);
        }

        var outcome = await add().ConfigureAwait(false);
        if (outcome == ControlOutcome.Done && _process is { } process)
            LeaveNotes(config, [database], process.Exited);

        return outcome;
    }

    /// <summary>The one that runs does not have a database any more. Its counters of it stay as they are.</summary>
    public void NoteRemoved(string path) => _syncsBefore[path] = 0;

    /// <summary>Whether the one that runs has looked at a database, since it has it.</summary>
    /// <param name="answer">What it said last; null before it has.</param>
    /// <param name="path">The database.</param>
    public bool HasSynced(MetricsAnswer? answer, string path) =>
        !HasMetrics || answer?.Syncs(path) > _syncsBefore.GetValueOrDefault(path);

    /// <summary>
    /// Sends what was committed last. A litestream that is asked to stop before it has looked at a database once
    /// replicates nothing of it, and one that others have stopped already misses what came after: it runs once more
    /// then, and so it does when it failed.
    /// </summary>
    /// <param name="timeout">How long all of it may take; what runs then is killed.</param>
    /// <param name="onFinalPass">Called before each further run.</param>
    /// <returns>LSB5004 or LSB5005 when not everything was sent, null when it was.</returns>
    public async Task<LitestreamDiagnostic?> DrainAsync(TimeSpan timeout, Action onFinalPass)
    {
        var deadline = time.GetUtcNow() + timeout;
        var reserve = TimeSpan.FromTicks(Math.Min(timeout.Ticks / 2, Thresholds.EndReserve.Ticks));
        LitestreamDiagnostic? failed = null;
        for (var attempt = 0; attempt < Thresholds.LastRuns; attempt++)
        {
            if (!IsRunning)
            {
                if (!databases().Any(database => Has(database.Path)))
                    return null;
                onFinalPass();
                try
                {
                    Start(FinalPassMonitorInterval, []);
                }
                catch (Exception e) when (e is LitestreamException or IOException or UnauthorizedAccessException)
                {
                    await EndAsync().ConfigureAwait(false);
                    return LastCommits($"litestream could not be started again ({e.Message})");
                }
            }

            var process = _process!;
            await WaitForFirstSyncAsync(process, deadline - reserve).ConfigureAwait(false);
            if (process.Exited.IsCompleted)
                continue;

            process.Terminate(time.GetUtcNow());
            var left = deadline - time.GetUtcNow();
            try
            {
                await process.Exited.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                await EndAsync().ConfigureAwait(false);
                return new LitestreamDiagnostic(
                    "LSB5005",
                    LitestreamSeverity.Error,
                    $"litestream did not end within {NumberText.Seconds(timeout)} s (Litestream:ShutdownTimeout) "
                        + "and was killed. The last commits may not have been sent; "
                        + "the next start sends them, if the database still exists."
                );
            }

            var exitCode = await process.Exited.ConfigureAwait(false);
            if (process.WasStoppedByOthers || IsDeathBySignal(exitCode))
                continue;
            if (exitCode == 0)
                return null;

            // 0.3 fails when it is stopped just while it uploads a segment: its two uploads of the same file get in
            // each other's way. And it leaves without a
            // last look when a command that it ran (-exec) failed. Whether anything is really missing, one more run
            // tells.
            if (failed is not null)
                return failed;
            var why = process.LastError is { } error ? $" ({error})" : "";
            failed = LastCommits($"litestream ended with exit code {NumberText.Of(exitCode)}{why} when it was stopped");
        }

        return failed
            ?? LastCommits($"Other processes ended litestream {Thresholds.LastRuns} times during the last upload");
    }

    /// <summary>Kills what runs, without waiting for the end. From any thread.</summary>
    public void Kill() => _process?.Kill();

    /// <summary>
    /// Ends what runs, by force, and waits for the end: not for ever, as one that waits for a disk does not end before
    /// that answers. It does nothing any more then.
    /// </summary>
    public async Task EndAsync()
    {
        if (_process is { } process)
        {
            Kill();
            await Task.WhenAny(process.Exited, Task.Delay(Thresholds.KillPatience, time)).ConfigureAwait(false);

            DisposeProcess();
        }

        await _notes.ConfigureAwait(false);
        events.Ended();
    }

    private ReplicatorProcess Start(TimeSpan? monitorInterval, IReadOnlyList<string> arguments)
    {
        // A litestream whose address is taken replicates all the same, but what answers there is another process.
        if (
            ownMetricsAddress is not null
            && _ownAddressError is null
            && (_process?.AddressError ?? ReplicatorMetrics.TryListen(ownMetricsAddress)) is { } error
        )
        {
            _ownAddressError = error;
            events.AddressNotUsed(
                new LitestreamDiagnostic(
                    "LSB5015",
                    LitestreamSeverity.Warning,
                    $"litestream cannot serve its metrics at '{ownMetricsAddress}' (addr in litestream.yml): {error}. "
                        + $"Replication is not affected; the metrics are at another address. Free that address, "
                        + $"or set another one, then restart the app."
                )
            );
        }

        DisposeProcess();
        _syncsBefore.Clear();
        events.Starting();
        var own = _ownAddressError is null ? ownMetricsAddress : null;
        var address = own ?? ReplicatorMetrics.FindFreeAddress();
        var config = createConfig(own is null ? address : null, monitorInterval);
        var process = ReplicatorProcess.Start(
            executable,
            config.WriteWithInfoLogging(folder.Path),
            config,
            arguments,
            events.Line,
            time.GetUtcNow()
        );
        _process = process;
        try
        {
            _metrics = address is null ? null : new ReplicatorMetrics(address);
            _record = new LockRecord(
                ProcessIdentity.Of(Environment.ProcessId),
                ProcessIdentity.Of(process.ProcessId),
                address
            );
            locks.Write(_record);
            events.Started(process, monitorInterval is not null);
            LeaveNotes(config, config.Databases, process.Exited);
            return process;
        }
        catch
        {
            // Otherwise it would run unknown.
            process.Kill();
            throw;
        }
    }

    /// <summary>Leaves in the replicas what keeps an executable of an older release line from them, for as long as
    /// litestream runs. What does not work is tried again by the next start.</summary>
    private void LeaveNotes(EffectiveConfig config, IReadOnlyList<EffectiveDatabase> handed, Task exited)
    {
        var open = handed
            .Where(one => !_noted.Contains(one.Path) && ReplicaNote.IsNeeded(executable.Line, one))
            .ToList();
        if (open.Count > 0)
            _notes = LeaveAsync(_notes);

        async Task LeaveAsync(Task before)
        {
            await before.ConfigureAwait(false);
            if (exited.IsCompleted)
                return;

            using var end = new CancellationTokenSource();
            var leaving = WriteAsync(end.Token);
            if (await Task.WhenAny(leaving, exited).ConfigureAwait(false) != leaving)
                await end.CancelAsync().ConfigureAwait(false);
            await leaving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task WriteAsync(CancellationToken cancellationToken)
        {
            foreach (var database in open)
            {
                if (
                    await ReplicaNote
                        .WriteAsync(executable, config, database, folder.Path, cancellationToken)
                        .ConfigureAwait(false)
                )
                {
                    _noted = [.. _noted, database.Path];
                }
            }
        }
    }

    private async Task WaitForFirstSyncAsync(ReplicatorProcess process, DateTimeOffset deadline)
    {
        var silentSince = time.GetUtcNow();
        while (!process.Exited.IsCompleted && time.GetUtcNow() < deadline)
        {
            var counts = _metrics is null
                ? null
                : await _metrics.ReadAsync(CancellationToken.None).ConfigureAwait(false);
            if (counts is not null)
            {
                // A database that the app never created is nothing to wait for.
                if (databases().All(database => HasSynced(counts, database.Path) || !Has(database.Path)))
                    return;
            }
            else if (time.GetUtcNow() - silentSince > Thresholds.SilenceLimit)
            {
                return;
            }

            await Task.WhenAny(process.Exited, Task.Delay(PollInterval, time)).ConfigureAwait(false);
        }
    }

    private void DisposeProcess()
    {
        _metrics?.Dispose();
        _metrics = null;
        _process?.Dispose();
        _process = null;
    }

    /// <summary>
    /// It would have ended in order by SIGTERM and SIGINT if it could: this one came before its own handlers were
    /// there.
    /// </summary>
    private static bool IsDeathBySignal(int exitCode) => exitCode is 128 + 15 or 128 + 2;

    private static LitestreamDiagnostic LastCommits(string what) =>
        new(
            "LSB5004",
            LitestreamSeverity.Error,
            $"{what}. The last commits may not have been sent. Keep the database: the next start sends them."
        );
}
