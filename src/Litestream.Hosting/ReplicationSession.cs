using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// From the lock to the last commit sent: one litestream after the other, each prepared, watched and ended. Its parts
/// are used by that one loop only, but for what says otherwise.
/// </summary>
internal sealed class ReplicationSession : IDisposable
{
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationToken _applicationStopping;
    private readonly CancellationTokenSource _endOfChecks = new();
    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SupervisedDatabases _databases;
    private readonly SessionReport _report;
    private readonly SessionProcess _process;
    private readonly SessionLineage _lineage;
    private readonly SessionChains _chains;
    private readonly SessionLocks _locks;
    private readonly SessionAdmission _admission;
    private readonly SessionChanges _changes;
    private readonly SessionWatch _watch;
    private readonly SessionStop _stop;
    private bool _isLineageKnown;

    public ReplicationSession(
        ReplicationPlan plan,
        LitestreamExecutable executable,
        ILogger logger,
        TimeProvider time,
        ReplicatorStatus status,
        Action<MetricsAnswer> onMetrics,
        Action onFailed,
        CancellationToken applicationStopping
    )
    {
        (_logger, _time, _applicationStopping) = (logger, time, applicationStopping);
        var access = new ReplicaAccess();
        _databases = new(plan.Databases.Select(database => Supervise(plan.Config, database)));
        _report = new(plan, _databases, status, logger, time, onFailed);
        _process = new(plan, executable, _databases, _report, logger, time);
        _lineage = new(plan, executable, _process, _report, logger, time, _endOfChecks.Token);
        _chains = new(plan, _databases, _process, _report, logger, time, applicationStopping);
        _locks = new(plan, _databases, _chains, _report, logger, time);
        _admission = new(_databases, _chains, _report, time);
        var pause = executable.Line.GatherPause;
        _changes = new(
            plan, _databases, _locks, _lineage, _process, _report, Supervise, pause, logger, time
        );
        var registration = new SessionRegistration(_process, _chains, _report, logger, time);
        _watch = new(
            plan,
            _databases,
            _process,
            _lineage,
            _chains,
            _admission,
            _changes,
            registration,
            _report,
            onMetrics,
            logger,
            time
        );
        _stop = new(plan, _databases, _locks, _lineage, _admission, _chains, _process, _report, logger, time);

        DatabaseSupervisor Supervise(EffectiveConfig config, EffectiveDatabase database) =>
            new(executable, config, database, plan.Settings, access, time, plan.JournalEvidenceOf(database));
    }

    /// <summary>Ends when litestream runs, or it is known why not.</summary>
    public Task FirstAttempt => _firstAttempt.Task;

    /// <inheritdoc cref="SessionReport.IsOver" />
    public Task IsOver => _report.IsOver;

    /// <inheritdoc cref="SessionReport.Failure" />
    public LitestreamDiagnostic? Failure => _report.Failure;

    /// <summary>
    /// Takes the locks, ends what a killed app has left running, and begins the readers, inside <c>Build()</c>: before
    /// the app can write. What goes wrong here is met again, and reported, by <see cref="RunAsync"/>.
    /// </summary>
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Thresholds.GatePatience);
            if (await _locks.TryAcquireAsync(limit.Token).ConfigureAwait(false) is not null)
            {
                // Whoever has them keeps the chain.
                return;
            }

            _chains.FindForeign();
            await _chains.CutAsync(cancellationToken, isBeforeApp: true).ConfigureAwait(false);
            _report.UpdateDatabases();
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            // RunAsync meets it again, and says so. (One that hangs in a disk and cannot be killed is waited for there
            // too.)
        }
    }

    /// <summary>
    /// Replicates until <paramref name="stopping"/>, then drains. Ends when no process is left; fails never, but says
    /// so in log and status.
    /// </summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var lockErrors = new LockErrorWatch();
        try
        {
            try
            {
                await SuperviseAsync(lockErrors, stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                // What was added just before is sent with the rest.
                await _changes.ApplyAsync(CancellationToken.None).ConfigureAwait(false);
                _changes.Close();
                await _stop.DrainAsync().ConfigureAwait(false);
            }

            _report.End();
        }
        catch (Exception exception)
        {
            _report.Fail(
                (exception as LitestreamException)?.Diagnostic
                    ?? new LitestreamDiagnostic(
                        "LSB5004",
                        LitestreamSeverity.Error,
                        $"Replication has ended: {exception.Message}"
                    )
            );
        }
        finally
        {
            _changes.Close();
            _firstAttempt.TrySetResult();
            await _process.EndAsync().ConfigureAwait(false);
            await _endOfChecks.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(
                    _databases
                        .Select(database => database.Question?.Answer ?? Task.CompletedTask)
                        .Concat(_databases.Select(database => database.EndListingAsync()))
                )
                .WaitAsync(Thresholds.EndOfLineagePatience, _time, CancellationToken.None)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _locks.ReleaseAsync().ConfigureAwait(false);
            foreach (var database in _databases)
                database.Chain.Dispose();

            Dispose();
        }
    }

    /// <summary>Called at the end of <see cref="RunAsync"/>.</summary>
    public void Dispose()
    {
        _process.Dispose();
        _endOfChecks.Dispose();
    }

    /// <inheritdoc cref="SessionChanges.AddAsync" />
    public Task<PendingLineageCheck?> AddAsync(Addition addition) => _changes.AddAsync(addition);

    /// <inheritdoc cref="SessionChanges.RemoveAsync" />
    public Task RemoveAsync(string path) => _changes.RemoveAsync(path);

    /// <summary>Why nothing of a database is sent until somebody changes that; null when that is not so.</summary>
    public LitestreamDiagnostic? RefusalOf(string path) =>
        _databases.FirstOrDefault(database => database.Path == path)?.State is
        { Exclusion: Exclusion.Refused or Exclusion.Traced or Exclusion.NoFile } state
            ? state.Excluded
            : null;

    /// <inheritdoc cref="SessionStop.ReportUnsentAsync" />
    public Task ReportUnsentAsync() => _stop.ReportUnsentAsync();

    /// <summary>Kills what still runs, when <see cref="RunAsync"/> does not end: on any thread.</summary>
    public void Kill() => _process.Kill();

    /// <summary>
    /// Begins readers in the handler of a signal, on any thread: there an exception would end the app.
    /// </summary>
    public void TryBeginReaders()
    {
        try
        {
            _chains.BeginReaders();
        }
        catch (Exception)
        {
            // Then a full copy may have to follow the next start.
        }
    }

    /// <summary>Returns only by cancellation, or when nothing can be replicated for good.</summary>
    private async Task SuperviseAsync(LockErrorWatch lockErrors, CancellationToken stopping)
    {
        var pause = Thresholds.FirstRestartPause;
        for (var hasRun = false; ;)
        {
            RestartDecision restart;
            try
            {
                await PrepareAsync(stopping).ConfigureAwait(false);
                var isOut = _databases.All(database => database.IsOut);
                var process = isOut ? null : _process.Start(_locks.Held!);
                hasRun |= process is not null;
                _report.NoteStarted();
                _firstAttempt.TrySetResult();
                var reason = await _watch.RunAsync(process, lockErrors, stopping).ConfigureAwait(false);
                if (process is null)
                {
                    // There was nothing to run for; but what is gone may have come back.
                    continue;
                }

                restart = await AfterEndAsync(process, reason, pause).ConfigureAwait(false);
                if (restart.What is null)
                {
                    pause = restart.NextPause;
                    continue;
                }
            }
            catch (Exception exception)
                when (StartFailurePolicy.MayPass(new StartFailure(exception, _locks.Held is not null, hasRun)))
            {
                // It may have been started before that went wrong.
                await _process.EndAsync().ConfigureAwait(false);
                _report.NoteFailedStart(exception);
                _firstAttempt.TrySetResult();
                restart = ProcessPolicy.AfterFailedStart(exception, pause);
            }

            _report.UpdateRestarting(restart);
            await Task.Delay(Thresholds.GroupSignal, _time, stopping).ConfigureAwait(false);
            if (_applicationStopping.IsCancellationRequested)
            {
                ReplicatorLog.EndedWithSignal(_logger);
            }
            else
            {
                // Only litestream was stopped: nothing has kept the WAL since.
                _chains.BreakAll("litestream was stopped while the app kept running");
                var what = $"{restart.What} in {NumberText.Seconds(restart.Pause)} s.";
                _report.Report(new LitestreamDiagnostic("LSB5004", LitestreamSeverity.Error, what));
            }

            await PauseAsync(Thresholds.Spread(restart.Pause), stopping).ConfigureAwait(false);
            pause = restart.NextPause;
            _report.CountRestart();
        }
    }

    /// <exception cref="LitestreamException">LSB5014: it refuses to run.</exception>
    private async Task<RestartDecision> AfterEndAsync(ReplicatorProcess process, EndReason? reason, TimeSpan pause)
    {
        if (reason is null && !process.WasToldToStop)
            _chains.BreakAll("litestream ended by itself");

        var restart = ProcessPolicy.AfterEnd(
            new EndedProcess
            {
                RanFor = _time.GetUtcNow() - process.StartedAt,
                Reason = reason,
                ExitCode = reason is null ? await process.Exited.ConfigureAwait(false) : null,
                LastError = process.LastError,
                WasToldToStop = process.WasToldToStop,
                HasReplicated = _report.HasReplicated,
            },
            pause
        );
        return restart.Refused is { } refused ? throw new LitestreamException(refused) : restart;
    }

    /// <summary>What comes before each start: the locks and the lineage once, and what has changed since.</summary>
    private async Task PrepareAsync(CancellationToken stopping)
    {
        stopping.ThrowIfCancellationRequested();
        await _locks
            .AcquireAsync(
                () =>
                {
                    _firstAttempt.TrySetResult();
                    return _changes.ApplyAsync(stopping);
                },
                stopping
            )
            .ConfigureAwait(false);
        await _changes.ApplyAsync(stopping).ConfigureAwait(false);
        await _changes.FinishRemovalsAsync().ConfigureAwait(false);
        if (!_isLineageKnown)
        {
            _report.ExpectLooks();
            var unknown = _databases.Where(database => !database.IsExcluded).ToList();
            await _lineage.CheckAsync(unknown, wereThere: false, stopping).ConfigureAwait(false);
            _isLineageKnown = true;
        }

        foreach (var database in _databases.Where(database => !database.IsExcluded))
        {
            if (!await database.Identity.IdentifyAsync(default, atOnce: true).ConfigureAwait(false))
                _lineage.NoteChanged(database);
        }

        await _lineage.CheckChangedAsync(stopping).ConfigureAwait(false);
        foreach (
            var database in _databases.Where(database => database.Question is { Answer.IsCompletedSuccessfully: true })
        )
        {
            _lineage.TakeAnswer(database);
        }

        await _admission.ApplyAsync().ConfigureAwait(false);
        _chains.FindForeign();
        await _chains.CutAsync(stopping).ConfigureAwait(false);
    }

    /// <summary>Waits until the next start, and continues to look where a start has failed: its commits wait.</summary>
    private async Task PauseAsync(TimeSpan pause, CancellationToken stopping)
    {
        for (var left = pause; left > TimeSpan.Zero; left -= Thresholds.Look)
        {
            var part = left < Thresholds.Look ? left : Thresholds.Look;
            await Task.Delay(part, _time, stopping).ConfigureAwait(false);
            await _changes.ApplyAsync(stopping).ConfigureAwait(false);
            if (_report.IsFailing)
            {
                await _admission.LookAsync(asks: false).ConfigureAwait(false);
                _report.NoteFailing();
                _report.UpdateLook();
            }
        }
    }
}
