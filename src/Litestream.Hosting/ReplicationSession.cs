using System.Diagnostics;
using System.Globalization;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// From the lock to the last commit sent: starts litestream, watches that what is committed arrives, starts it again
/// when it ends on its own or is stuck, drains it when
/// the host stops.
/// </summary>
internal sealed partial class ReplicationSession(
    ReplicationPlan plan,
    LitestreamExecutable executable,
    ILogger logger,
    TimeProvider time,
    Action<Func<LitestreamStatus, LitestreamStatus>> updateStatus,
    Action<MetricsAnswer> onMetrics,
    Action onFailed,
    CancellationToken applicationStopping
)
{
    private static readonly TimeSpan LockRetryInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan HealthyAfter = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan IdleMetricsInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StuckPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PlannedPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan QuestionPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SuspicionPause = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan EndOfQuestionsPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan GatePatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CutPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CutPause = TimeSpan.FromMilliseconds(20);

    /// <summary>Less in a second is what an idle litestream writes.</summary>
    private const long UploadBytes = 32 * 1024;

    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _isOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<DatabaseSupervisor> _databases =
    [
        .. plan.Databases.Select(database => new DatabaseSupervisor(
            executable.Line,
            plan.Config,
            database,
            plan.Settings,
            time,
            plan.JournalEvidenceOf(database)
        )),
    ];
    private readonly List<DatabaseSupervisor> _toJudge = [];
    private LockErrorWatch? _lockErrors;
    private DateTimeOffset? _suspectedAt;
    private CancellationToken _endOfQuestions;
    private DatabaseLocks? _locks;
    private readonly object _folderGate = new();
    private RunDirectory? _folder;
    private ReplicatorRun? _run;
    private bool _hasReplicated;
    private bool _isJudged;
    private (DateTimeOffset Since, Exception Error)? _failing;

    /// <summary>Ends when litestream runs, or it is known why not.</summary>
    public Task FirstAttempt => _firstAttempt.Task;

    /// <summary>Ends when nothing can be replicated any more until the next start.</summary>
    public Task IsOver => _isOver.Task;

    /// <summary>Why not everything is replicated that should be, once it has ended; null when all was sent.</summary>
    public LitestreamDiagnostic? Failure { get; private set; }

    /// <summary>
    /// Takes the locks, ends what a killed app has left running, and begins the readers, inside <c>Build()</c>: before
    /// the app can write. What goes wrong here is met again, and told, by
    /// <see cref="RunAsync"/>.
    /// </summary>
    public async Task EnterAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(GatePatience);
            (_locks, _, _) = await TryAcquireLocksAsync(limit.Token).ConfigureAwait(false);
            if (_locks is null)
            {
                // Whoever has them keeps the chain.
                return;
            }

            FindForeign(ReplicationMark.Look(_databases.Select(database => database.Database.Path)), null);
            await CutAsync(CutPatience, cancellationToken, isBeforeApp: true).ConfigureAwait(false);
            updateStatus(status => status with { Databases = Describe(status) });
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
        _lockErrors = lockErrors;
        using var endOfQuestions = new CancellationTokenSource();
        _endOfQuestions = endOfQuestions.Token;
        try
        {
            try
            {
                await SuperviseAsync(stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                var deadline = time.GetUtcNow() + plan.Settings.ShutdownTimeout;
                await AdmitAtTheEndAsync().ConfigureAwait(false);
                await JudgeAtTheEndAsync(plan.Settings.ShutdownTimeout / 2).ConfigureAwait(false);
                if (_run is not null)
                {
                    updateStatus(status => status with { State = LitestreamState.Stopping });
                    BeginReaders();
                    if (!_run.IsRunning)
                    {
                        await CutAsync(CutPatience, CancellationToken.None).ConfigureAwait(false);
                    }

                    await ExcludeReplacedAsync().ConfigureAwait(false);
                    using var activity = LitestreamActivities.Start("litestream.drain");
                    if (
                        await _run.DrainAsync(deadline - time.GetUtcNow(), () => ReplicatorLog.FinalPass(logger))
                            .ConfigureAwait(false) is
                        { } notSent
                    )
                    {
                        activity?.SetStatus(ActivityStatusCode.Error, notSent.Code);
                        (Failure, _failedBy) = (notSent, notSent.Code);
                        Report(notSent);
                    }

                    await ReportUnsentAsync().ConfigureAwait(false);
                    if (
                        Failure is null
                        && _databases.Exists(database => !database.IsOut)
                        && !_databases.Exists(database => database.IsPaused || database.Question is not null)
                    )
                    {
                        ReplicatorLog.Drained(logger);
                    }
                }
            }

            Failure ??= _databases.Find(database => database is { Excluded: not null, IsHeld: false })?.Excluded;
            updateStatus(status => status with { State = ReplicatorStatePolicy.AtEnd(Standings()) });
        }
        catch (Exception exception)
        {
            Fail(
                (exception as LitestreamException)?.Diagnostic
                    ?? new LitestreamDiagnostic(
                        "LSB5004",
                        LitestreamSeverity.Error,
                        $"Nothing is replicated any more: {exception.Message}"
                    )
            );
        }
        finally
        {
            _firstAttempt.TrySetResult();
            await EndRunAsync().ConfigureAwait(false);
            await endOfQuestions.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_databases.Select(database => database.Question?.Answer ?? Task.CompletedTask))
                .WaitAsync(EndOfQuestionsPatience, time, CancellationToken.None)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_locks is not null)
            {
                var left = Task.WhenAll(_databases.Select(LeaveAsync));
                await left.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                _locks.Broken = _databases
                    .Where(database => left.IsFaulted || database.Chain.BrokenBy is not null)
                    .Select(database => database.Database.Path)
                    .ToHashSet(StringComparer.Ordinal);
                _locks.Dispose();
            }

            _databases.ForEach(database => database.Chain.Dispose());

            _folder?.Dispose();
        }
    }

    private async Task<DatabaseLocks> AcquireLocksAsync(CancellationToken stopping)
    {
        for (var announced = false; ; announced = true)
        {
            var (locks, path, holder) = await TryAcquireLocksAsync(stopping).ConfigureAwait(false);
            if (locks is not null)
            {
                updateStatus(status =>
                    status.State == LitestreamState.Waiting
                        ? status with
                        {
                            State = LitestreamState.Starting,
                            LastError = null,
                        }
                        : status
                );
                return locks;
            }

            if (!announced)
            {
                AnnounceHolder(path, holder);
            }

            updateStatus(status => status with { State = LitestreamState.Waiting });
            _firstAttempt.TrySetResult();
            await Task.Delay(LockRetryInterval, time, stopping).ConfigureAwait(false);
        }
    }

    private async Task<(DatabaseLocks? Locks, string HeldPath, LockRecord Holder)> TryAcquireLocksAsync(
        CancellationToken cancellationToken
    )
    {
        if (
            DatabaseLocks.TryAcquire(plan.Databases.Select(database => database.Path), out var path, out var holder)
            is not { } locks
        )
        {
            return (null, path, holder);
        }

        try
        {
            var unclean = locks
                .Found.Where(found => found.Record.IsUnclean)
                .Select(found => found.Path)
                .ToHashSet(StringComparer.Ordinal);
            foreach (var (_, record) in locks.Found)
            {
                await OrphanedReplicator
                    .KillAsync(record, id => ReplicatorLog.EndingOrphan(logger, id), cancellationToken)
                    .ConfigureAwait(false);
            }

            try
            {
                locks.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null) { IsPastGate = true });
            }
            catch (IOException)
            {
                // A full disk. The start of litestream writes the record too, and is tried again.
            }

            // One that came after the gate of this app and was killed then: what it left half done must not be
            // replicated.
            foreach (var database in plan.Databases)
            {
                DatabaseRestore.Recover(database.Path, line => ReplicatorLog.RestoreLine(logger, line));
            }

            foreach (var database in _databases)
            {
                database.ReadHistory();
                if (!unclean.Contains(database.Database.Path) && !plan.Settings.AdoptReplica && database.HasTraces)
                {
                    ExcludeTraced(database);
                    continue;
                }

                if (unclean.Contains(database.Database.Path) && FileStamp.Of(database.Database.Path) is { Size: > 0 })
                {
                    Break(database, "the app before this one, or its litestream, was killed");
                }
                else
                {
                    database.PutWalBack();

                    // It would keep the app from leaving WAL mode.
                    if (!database.MayLeaveWal)
                    {
                        database.Chain.BeginReader();
                    }
                }
            }

            return (locks, path, holder);
        }
        catch
        {
            locks.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Goes on with what the stop has interrupted before litestream ran: the locks, when the app that replicated the
    /// databases has ended just before this one, and the questions. What
    /// this app has committed is sent in a final pass then.
    /// </summary>
    private async Task JudgeAtTheEndAsync(TimeSpan patience)
    {
        if (_run is { IsRunning: true })
        {
            return;
        }

        var deadline = time.GetUtcNow() + patience;
        if (_locks is null)
        {
            using var end = new CancellationTokenSource(patience, time);
            try
            {
                (_locks, _, _) = await TryAcquireLocksAsync(end.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                Failure = new LitestreamDiagnostic(
                    "LSB5005",
                    LitestreamSeverity.Error,
                    "The litestream of an app that was killed had not ended when this app did, so nothing of this "
                        + "one was sent. What it committed is in the database only; the next start sends it, "
                        + "if the database is "
                        + "still there."
                );
                Report(Failure);
            }

            if (_locks is null)
            {
                return;
            }

            _databases
                .FindAll(database => database.Excluded is null)
                .ForEach(database => Ask(database, wasThere: false));
        }

        await DecideAsync(
                _databases.FindAll(database => database.Question is not null),
                deadline - time.GetUtcNow(),
                CancellationToken.None
            )
            .ConfigureAwait(false);
        if (_run is null)
        {
            HoldBack(isLast: true);
            await PauseWithoutRoomAsync().ConfigureAwait(false);
            _run = CreateRun();
        }
    }

    private void AnnounceHolder(string path, LockRecord holder)
    {
        if (holder.App?.ProcessId == Environment.ProcessId && holder.App.IsRunning())
        {
            ReplicatorLog.ReplicatedByThisProcess(logger, path);
            return;
        }

        var diagnostic = new LitestreamDiagnostic(
            "LSB5003",
            LitestreamSeverity.Error,
            $"'{path}' is already replicated by {LockHolder.Describe(holder)}. "
                + "Two replicators would destroy the replica, so this app runs without one and takes over when the "
                + "other ends."
        );
        updateStatus(status => status with { LastError = diagnostic.ToString() });
        ReplicatorLog.Error(logger, diagnostic);
    }

    /// <summary>
    /// Keeps out of their replicas what does not go on with the history there. What cannot be told in time is left out
    /// until it can: the watch goes on with that.
    /// </summary>
    private async Task JudgeAsync(
        IReadOnlyList<DatabaseSupervisor> databases,
        bool wereThere,
        TimeSpan patience,
        CancellationToken stopping
    )
    {
        foreach (var database in databases)
        {
            Ask(database, wereThere);

            // From the question on it is excluded, so it need not be remembered here.
            _toJudge.RemoveAll(changed => changed == database);
        }

        await DecideAsync(databases, patience, stopping).ConfigureAwait(false);
    }

    private async Task DecideAsync(
        IReadOnlyList<DatabaseSupervisor> databases,
        TimeSpan patience,
        CancellationToken stopping
    )
    {
        var deadline = time.GetUtcNow() + patience;
        for (var asked = databases; asked.Count > 0; asked = [.. asked.Where(database => !Decide(database))])
        {
            var left = deadline - time.GetUtcNow();
            try
            {
                await Task.WhenAll(asked.Select(database => database.Question?.Tried ?? Task.CompletedTask))
                    .WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, stopping)
                    .ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // Those that are answered need not wait for the others.
            }
        }

        // What is accepted is not healthy yet where a start has failed.
        NoteFailedStart();
        updateStatus(status => status with { Databases = Describe(status) });
        FailIfNothingIsLeft();
    }

    private void Ask(DatabaseSupervisor database, bool wasThere)
    {
        if (plan.Settings.AdoptReplica)
        {
            ReplicatorLog.Adopted(logger, database.Database.Path);
            database.Accept(asNewFile: wasThere);
            database.JudgeChain(time.GetUtcNow());
            return;
        }

        var guard = new LineageCheck(executable, plan.Config, database.Database)
        {
            KeptFree = plan.Settings.FreeSpaceFloor.Of,
        };
        database.Ask(
            new PendingLineageCheck(guard, database.Database.Path, wasThere, () => Folder().Path, time, _endOfQuestions)
        );
    }

    /// <summary>Takes the answer over, or says why there is none yet.</summary>
    /// <returns>False when it had to be asked anew, as the file is another one by now.</returns>
    private bool Decide(DatabaseSupervisor database)
    {
        if (database.Question is not { } question)
        {
            return true;
        }

        if (!question.Answer.IsCompletedSuccessfully)
        {
            if (database.Doubt(time.GetUtcNow()))
            {
                Report(database.Excluded!);
            }

            return true;
        }

        if (question.IsOutdated)
        {
            Ask(database, question.WasThere);
            return false;
        }

        switch (question.Answer.Result)
        {
            case LineageResult.Same:
                if (question.Trouble is not null)
                {
                    ReplicatorLog.GoesOn(logger, database.Database.Path);
                }

                database.Accept(asNewFile: question.WasThere);
                database.JudgeChain(time.GetUtcNow());
                break;
            case LineageResult.Missing:
                database.Exclude(
                    new LitestreamDiagnostic(
                        "LSB5012",
                        LitestreamSeverity.Error,
                        $"'{database.Database.Path}' "
                            + $"{(question.WasThere ? "was deleted or replaced while the app runs: what the app commits now is in no file that has a name" : "does not exist, but its replica has a backup of it")}. "
                            + "Nothing is sent, so that the backup stays as it is. Stop the app and start it again: "
                            + "it restores the database."
                    ),
                    isAwaited: true,
                    wasDeleted: question.WasThere
                );
                Tell(database, isCritical: question.WasThere);
                break;
            default:
                database.Exclude(
                    new LitestreamDiagnostic(
                        "LSB5009",
                        LitestreamSeverity.Error,
                        $"'{database.Database.Path}' is not the database whose history is in its replica "
                            + $"({string.Join(", ", database.Database.Replicas.Select(replica => replica.Location))}): it was "
                            + $"published, copied or made in its place. "
                            + "Nothing is replicated, so that the backup stays as it is. Restore the old one (a "
                            + "forced restore keeps this file), or set Litestream:AdoptReplica to true for "
                            + "one start to go on with "
                            + "this one."
                    ),
                    isAwaited: false
                );
                Tell(database, isCritical: true);
                break;
        }

        return true;
    }

    private void Tell(DatabaseSupervisor database, bool isCritical)
    {
        updateStatus(status => status with { LastError = database.Excluded!.ToString() });
        if (isCritical)
        {
            ReplicatorLog.Critical(logger, database.Excluded!);
            onFailed();
        }
        else
        {
            ReplicatorLog.Warning(logger, database.Excluded!);
        }
    }

    private void FailIfNothingIsLeft()
    {
        var standings = Standings();
        if (ReplicatorStatePolicy.IsOver(standings))
        {
            var hasFailed = ReplicatorStatePolicy.HasFailed(standings);
            updateStatus(status =>
                status with
                {
                    State = hasFailed ? LitestreamState.Failed : LitestreamState.Stalled,
                    Databases = Describe(status),
                }
            );
            _isOver.TrySetResult();
        }
    }

    private List<DatabaseStanding> Standings() => _databases.ConvertAll(database => database.Standing);

    /// <summary>Returns only by cancellation, or when nothing can be replicated for good.</summary>
    private async Task SuperviseAsync(CancellationToken stopping)
    {
        var pause = FirstPause;
        for (var hasRun = false; ;)
        {
            string what,
                cause;
            try
            {
                await PrepareAsync(stopping).ConfigureAwait(false);
                if (_databases.TrueForAll(database => database.IsOut))
                {
                    // Nothing to run for; but what is gone may come back.
                    _failing = null;
                    _firstAttempt.TrySetResult();
                    await WatchAsync(null, stopping).ConfigureAwait(false);
                    continue;
                }

                var process = Start();
                hasRun = true;
                _failing = null;
                _firstAttempt.TrySetResult();
                var reason = await WatchAsync(process, stopping).ConfigureAwait(false);
                if (reason is null && !process.WasToldToStop)
                {
                    BreakAll(process);
                }

                if (time.GetUtcNow() - process.StartedAt >= HealthyAfter)
                {
                    pause = FirstPause;
                }

                if (reason is { IsOtherFile: true } or { IsPlanned: true })
                {
                    continue;
                }

                if (reason is null && !_hasReplicated && IsRefusal(process))
                {
                    throw new LitestreamException(
                        "LSB5014",
                        $"litestream refuses to run ({process.LastError ?? "it said nothing"}), and would again. "
                            + $"Nothing is replicated. Correct its configuration or executable, and start the "
                            + $"app again."
                    );
                }

                cause = reason is not null ? "stuck" : "ended";
                what = reason is not null
                    ? $"{reason.Text}: litestream was ended and is started again"
                    : $"litestream ended with exit "
                        + $"code {NumberText.Of(await process.Exited.ConfigureAwait(false))}"
                        + $"{(process.LastError is { } error ? $" ({error})" : "")}; "
                        + $"it is started again";
            }
            catch (Exception exception)
                when (StartFailurePolicy.MayPass(new StartFailure(exception, _locks is not null, hasRun)))
            {
                // It may have been started before that went wrong.
                await EndRunAsync().ConfigureAwait(false);
                _failing = (_failing?.Since ?? time.GetUtcNow(), exception);
                NoteFailedStart();
                updateStatus(status => status with { Databases = Describe(status) });
                _firstAttempt.TrySetResult();
                cause = "not_started";
                what =
                    $"litestream could not be started "
                    + $"({(exception as LitestreamException)?.Diagnostic.Message ?? exception.Message}); it "
                    + $"is tried again";
            }

            updateStatus(status =>
                status with
                {
                    State = LitestreamState.Restarting,
                    ProcessId = null,
                    StartedAt = null,
                    LastRestartReason = what,
                    LastRestartCause = cause,
                }
            );

            // A signal to the whole group reaches litestream before the app knows that it stops.
            await Task.Delay(TimeSpan.FromMilliseconds(250), time, stopping).ConfigureAwait(false);
            if (applicationStopping.IsCancellationRequested)
            {
                ReplicatorLog.EndedWithSignal(logger);
            }
            else
            {
                // Somebody has told litestream alone to stop: nobody has kept the WAL since.
                BreakAll(null);
                Report(
                    new LitestreamDiagnostic(
                        "LSB5004",
                        LitestreamSeverity.Error,
                        $"{what} in {NumberText.Seconds(pause)} s."
                    )
                );
            }

            await PauseAsync(pause * (0.9 + (Random.Shared.NextDouble() * 0.2)), stopping).ConfigureAwait(false);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            updateStatus(status => status with { Restarts = status.Restarts + 1 });
        }
    }

    /// <summary>What comes before each start: the locks and the lineage once, and what has changed since.</summary>
    private async Task PrepareAsync(CancellationToken stopping)
    {
        stopping.ThrowIfCancellationRequested();
        _locks ??= await AcquireLocksAsync(stopping).ConfigureAwait(false);
        if (!_isJudged)
        {
            // From now on it is expected to look.
            updateStatus(status => status with { LookedAt = time.GetUtcNow() });
            var unjudged = _databases.FindAll(database => database.Excluded is null);
            await JudgeAsync(unjudged, wereThere: false, QuestionPatience, stopping).ConfigureAwait(false);
            _isJudged = true;
        }

        foreach (var database in _databases)
        {
            if (!await database.IdentifyAgainAsync().ConfigureAwait(false))
            {
                _toJudge.Add(database);
            }
        }

        await JudgeChangedAsync(stopping).ConfigureAwait(false);
        HoldBack();
        await PauseWithoutRoomAsync().ConfigureAwait(false);
        FindForeign(ReplicationMark.Look(_databases.Select(database => database.Database.Path)), null);
        await CutAsync(CutPatience, stopping).ConfigureAwait(false);
    }

    /// <summary>Waits until the next start, and goes on looking where a start has failed: its commits wait.</summary>
    private async Task PauseAsync(TimeSpan pause, CancellationToken stopping)
    {
        for (var left = pause; left > TimeSpan.Zero; left -= WatchInterval)
        {
            await Task.Delay(left < WatchInterval ? left : WatchInterval, time, stopping).ConfigureAwait(false);
            if (_failing is not null)
            {
                await LookAsync(asks: false).ConfigureAwait(false);
                NoteFailedStart();
                updateStatus(status => status with { LookedAt = time.GetUtcNow(), Databases = Describe(status) });
            }
        }
    }

    /// <summary>While a start is tried again no database is healthy that should be replicated.</summary>
    private void NoteFailedStart()
    {
        if (_failing is not var (since, error))
        {
            return;
        }

        var health = StartFailurePolicy.HealthOf(time.GetUtcNow() - since, plan.Settings.StallTimeout);
        _databases.ForEach(database =>
            database.FailStart(health, StartFailurePolicy.Explain(error, database.Database.Path))
        );
    }

    /// <summary>Looks once a second, until litestream ends or has to be ended.</summary>
    /// <returns>Why it was ended; null when it ended on its own.</returns>
    private async Task<EndReason?> WatchAsync(ReplicatorProcess? process, CancellationToken stopping)
    {
        var start = time.GetUtcNow();
        var (askedAt, uploadedAt) = (DateTimeOffset.MinValue, start);
        DateTimeOffset? silentSince = null;
        var written = 0L;
        MetricsAnswer? answer = null;
        _databases.ForEach(database => database.Begin(start));
        while (true)
        {
            var now = time.GetUtcNow();
            var bytes = process is null ? 0 : LitestreamCommand.Bytes(process.ProcessId)?.Written ?? 0;
            if (bytes - written >= UploadBytes)
            {
                uploadedAt = now;
            }

            written = bytes;
            var asks =
                process is not null
                && (
                    now - askedAt >= IdleMetricsInterval
                    || silentSince is not null
                    || _databases.Exists(database => database.Tracker.IsPending || !database.IsSettled)
                );
            await LookAsync(asks).ConfigureAwait(false);
            if (asks)
            {
                askedAt = now;
                silentSince ??= now;
                if (await _run!.ReadMetricsAsync(stopping).ConfigureAwait(false) is { } metrics)
                {
                    silentSince = null;
                    answer = metrics;
                    now = time.GetUtcNow();
                    onMetrics(metrics);
                    _databases.ForEach(database => database.Compare(metrics, now));
                }
            }

            EndReason? reason = null;
            var marks = ReplicationMark.Look(_databases.Select(database => database.Database.Path));
            FindForeign(marks, process?.ProcessId);
            foreach (var database in _databases)
            {
                // What must not be sent comes before what is only stuck.
                var found =
                    await ActAsync(database, now, uploadedAt, stopping).ConfigureAwait(false)
                    ?? await LookAtChainAsync(database, process, marks, answer).ConfigureAwait(false);
                reason = reason is { IsOtherFile: true } ? reason : found ?? reason;
            }

            if (_lockErrors!.Take() is { } lockError)
            {
                reason ??= SuspectJournal(lockError, now);
            }

            if (
                reason is null
                && process is not null
                && _run!.HasMetrics
                && now - silentSince is { } silence
                && silence >= plan.Settings.StallTimeout
            )
            {
                reason = new EndReason(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"litestream has not answered for {silence.TotalSeconds:0} s"
                    )
                );
            }

            if (reason is null && process is not null && _run!.AddressError is { } addressError)
            {
                reason = new EndReason($"litestream cannot say how it does ({addressError})");
            }

            UpdateState(process is not null);
            if (process is null)
            {
                if (reason is not null)
                {
                    return reason;
                }

                await Task.Delay(WatchInterval, time, stopping).ConfigureAwait(false);
                continue;
            }

            if (reason is not null)
            {
                await BridgeAsync(process).ConfigureAwait(false);
                await _run!
                    .AbandonAsync(
                        _toJudge.Count > 0 ? TimeSpan.Zero
                        : reason.IsPlanned ? PlannedPatience
                        : StuckPatience
                    )
                    .ConfigureAwait(false);
                await Task.WhenAll(
                        _databases
                            .Where(database => database.HasToBeginAnew)
                            .Select(database => database.RemoveRemainsAsync())
                    )
                    .ConfigureAwait(false);
                await JudgeChangedAsync(stopping).ConfigureAwait(false);
                return reason;
            }

            await Task.WhenAny(process.Exited, Task.Delay(WatchInterval, time, stopping)).ConfigureAwait(false);
            stopping.ThrowIfCancellationRequested();
            if (process.Exited.IsCompleted)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// What has no file, no table of the app's own or a rollback journal is not handed to litestream.
    /// </summary>
    private void HoldBack(bool isLast = false)
    {
        var now = time.GetUtcNow();
        _databases.FindAll(database => !database.HoldBack(now, isLast)).ForEach(RefuseJournal);

        // A reader of ours would keep the app from leaving WAL mode, which is just what is watched.
        _databases
            .FindAll(database => database.IsWatched && database.Chain.BrokenBy is null)
            .ForEach(database =>
                Break(database, "the app was watched without litestream, whether it sets a rollback journal")
            );
    }

    /// <summary>
    /// A statement of the app that waited for its timeout in vain, though a write can be begun: perhaps it was to leave
    /// WAL mode, which litestream's lock forbids. Looked into
    /// rarely, as it costs a start of litestream. In between it is told.
    /// </summary>
    private EndReason? SuspectJournal(LockError error, DateTimeOffset now)
    {
        _databases
            .FindAll(database => database.IsSuspect && error.MayConcern(database.Database.Path))
            .ForEach(database => database.Suspect(now));
        var suspects = _databases.FindAll(database =>
            !database.IsOut
            && database.MayBeSuspected
            && error.MayConcern(database.Database.Path)
            && LiveDatabase.IsWritable(database.Database.Path)
        );
        if (suspects.Count == 0 || now - _suspectedAt < SuspicionPause)
        {
            suspects.ForEach(database => database.LockErrorAt = now);
            return null;
        }

        _suspectedAt = now;
        foreach (var database in suspects)
        {
            Break(database, "it was taken from litestream, to see whether the app sets a rollback journal");
            database.Suspect(now);
        }

        return new EndReason("a statement of the app ended in 'database is locked'") { IsPlanned = true };
    }

    private void RefuseJournal(DatabaseSupervisor database)
    {
        database.Refuse();
        Tell(database, isCritical: true);
        FailIfNothingIsLeft();
    }

    /// <summary>
    /// What got its first table just before the stop is sent in the final pass, like everything else.
    /// </summary>
    private async Task AdmitAtTheEndAsync()
    {
        var now = time.GetUtcNow();
        var admitted = _databases.FindAll(database => database.IsAdmittedAtLast(now));
        if (admitted.Count == 0 || _locks is null)
        {
            return;
        }

        if (_run is { IsRunning: true })
        {
            BeginReaders();
            await _run.AbandonAsync(PlannedPatience).ConfigureAwait(false);
        }

        admitted.ForEach(database => Ask(database, wasThere: false));
    }

    private async Task PauseWithoutRoomAsync()
    {
        await LookAsync(asks: false).ConfigureAwait(false);
        _databases
            .FindAll(database => database.Excluded is null && database.IsShortOfRoom())
            .ForEach(database => Report(database.Pause()));
    }

    /// <summary>All at once: what does not answer is waited for once, not once for each database.</summary>
    private Task LookAsync(bool asks)
    {
        var now = time.GetUtcNow();
        return Task.WhenAll(_databases.Select(database => database.LookAsync(now, asks)));
    }

    private async Task<EndReason?> ActAsync(
        DatabaseSupervisor database,
        DateTimeOffset now,
        DateTimeOffset uploadedAt,
        CancellationToken stopping
    )
    {
        var wasUnhealthy = database.Health != LitestreamHealth.Healthy;
        var action = database.Examine(now, uploadedAt);
        if (action != SupervisorAction.Judge && !await database.IdentifyAsync(now).ConfigureAwait(false))
        {
            action = SupervisorAction.Judge;
        }

        database.JudgeChain(now);
        switch (action)
        {
            case SupervisorAction.Judge when database.Question is not null:
                Decide(database);
                FailIfNothingIsLeft();
                return database.Excluded is null
                    ? new EndReason($"'{database.Database.Path}' goes on with the history of its replica")
                    {
                        IsPlanned = true,
                    }
                    : null;
            case SupervisorAction.Judge when database.Excluded is not null:
                // Meanwhile its WAL has begun anew without litestream, and nobody has looked whether it is still the
                // same database.
                if (database.IsPaused)
                {
                    ReplicatorLog.Resumes(logger, database.Database.Path);
                }

                Ask(database, wasThere: !database.IsHeld);
                return database.Excluded is null
                    ? new EndReason($"'{database.Database.Path}' is there again") { IsPlanned = true }
                    : null;
            case SupervisorAction.Refuse:
                RefuseJournal(database);
                return null;
            case SupervisorAction.Pause:
                Report(database.Pause());
                return new EndReason(database.Problem!) { IsPlanned = true };
            case SupervisorAction.Judge:
                _toJudge.Add(database);
                return new EndReason($"'{database.Database.Path}' is gone or another file") { IsOtherFile = true };
            case SupervisorAction.Restart:
                if (database.HasToBeginAnew)
                {
                    // It may be another database's replica that lies there now.
                    _toJudge.Add(database);
                }

                return new EndReason(database.Reason);
            case SupervisorAction.Nudge
                when await LiveDatabase.NudgeAsync(database.Database.Path).ConfigureAwait(false):
                ReplicatorLog.Nudged(logger, database.Database.Path);
                return null;
        }

        if (database.TakeNews() is { } news)
        {
            updateStatus(status => status with { LastError = news.ToString() });
            ReplicatorLog.Warning(logger, news);
        }

        var isHealthy = database.Health == LitestreamHealth.Healthy;
        if (wasUnhealthy == isHealthy && database.Excluded is null && database.Chain.BrokenBy is null)
        {
            if (isHealthy && database.IsSettled)
            {
                ReplicatorLog.Arrived(logger, database.Database.Path);
            }
            else if (!isHealthy)
            {
                updateStatus(status => status with { LastError = database.Problem });
                ReplicatorLog.Error(
                    logger,
                    new LitestreamDiagnostic(
                        database.Problem![..7],
                        LitestreamSeverity.Error,
                        database.Problem["LSB5007: ".Length..]
                    )
                );
            }
        }

        return null;
    }

    private async Task JudgeChangedAsync(CancellationToken stopping)
    {
        if (_toJudge.Count > 0)
        {
            var changed = _toJudge.Distinct().ToList();
            await JudgeAsync(changed, wereThere: true, QuestionPatience, stopping).ConfigureAwait(false);
        }

        FailIfNothingIsLeft();
    }

    private void UpdateState(bool isRunning)
    {
        _hasReplicated |= _databases.Exists(database => database.Tracker.LastSync is not null);
        var standings = Standings();
        updateStatus(status =>
            status with
            {
                State = ReplicatorStatePolicy.Decide(status.State, isRunning, standings),
                LookedAt = time.GetUtcNow(),
                Databases = Describe(status),
            }
        );
    }

    private IReadOnlyList<LitestreamDatabaseStatus> Describe(LitestreamStatus status)
    {
        var now = time.GetUtcNow();
        return
        [
            .. _databases.Select(database =>
                database.Describe(status.Databases.FirstOrDefault(before => before.Path == database.Database.Path), now)
            ),
        ];
    }

    /// <summary>Ended at once, with an error of its own and not by a signal.</summary>
    private bool IsRefusal(ReplicatorProcess process) =>
        process.Exited is { IsCompletedSuccessfully: true, Result: 1 or 2 }
        && time.GetUtcNow() - process.StartedAt < TimeSpan.FromSeconds(5)
        && !process.WasToldToStop;

    /// <summary>Made when it is needed first, on any thread: without room for it only what needs it waits.</summary>
    private RunDirectory Folder()
    {
        lock (_folderGate)
        {
            return _folder ??= RunDirectory.Create(plan.Databases[0].Path);
        }
    }

    private ReplicatorRun CreateRun() =>
        new(
            executable,
            plan.Databases,
            (address, interval) => plan.CreateConfig(address, interval, _run!.Excluded),
            plan.Config.MetricsAddress,
            _locks!,
            Folder(),
            new ReplicatorEvents
            {
                Line = OnLine,
                Started = OnStarted,
                AddressNotUsed = diagnostic => ReplicatorLog.Warning(logger, diagnostic),
                Ended = OnEnded,
            },
            time
        );

    private ReplicatorProcess Start()
    {
        _run ??= CreateRun();
        _run.Excluded = Excluded();
        _databases.ForEach(database => database.Chain.Begin());
        using var activity = LitestreamActivities.Start("litestream.start");
        return _run.Start();
    }

    /// <summary>
    /// Keeps out of the last upload what came in the place of a database since it was last looked at, or has not been
    /// judged yet.
    /// </summary>
    private async Task ExcludeReplacedAsync()
    {
        var replaced = _databases.FindAll(database => database.IsReplaced);
        if (replaced.Count > 0)
        {
            await EndRunAsync().ConfigureAwait(false);
        }

        var excluded = Excluded();
        excluded.UnionWith(replaced.Concat(_toJudge).Select(database => database.Database.Path));
        _run!.Excluded = excluded;
    }

    private HashSet<string> Excluded() =>
        _databases
            .Where(database => database.IsOut)
            .Select(database => database.Database.Path)
            .ToHashSet(StringComparer.Ordinal);

    /// <summary>Kills what still runs, when <see cref="RunAsync"/> does not end: from any thread.</summary>
    public void Kill() => _run?.Kill();

    private Task EndRunAsync() => _run is null ? Task.CompletedTask : _run.EndAsync();

    private void OnLine(LogLine line)
    {
        if (
            line.Fields.TryGetValue("db", out var path)
            && _databases.Find(database => database.Database.Path == path) is { } found
        )
        {
            found.Tracker.OnLogLine(line, time.GetUtcNow());
        }

        // It says more than the file wants, so that it is known what it is at.
        if (LogLevels.Shows(plan.Config.LogLevel, line.Level))
        {
            ReplicatorLog.Line(logger, line);
        }
    }

    private void OnStarted(ReplicatorProcess process, bool isFinalPass)
    {
        ReplicatorLog.Started(logger, executable.Path, process.ProcessId);
        updateStatus(status =>
            status with
            {
                State = isFinalPass ? status.State : LitestreamState.Starting,
                LookedAt = time.GetUtcNow(),
                ProcessId = process.ProcessId,
                StartedAt = process.StartedAt,
            }
        );
    }

    private void OnEnded() => updateStatus(status => status with { ProcessId = null, StartedAt = null });

    private void Report(LitestreamDiagnostic diagnostic)
    {
        updateStatus(status => status with { LastError = diagnostic.ToString() });
        ReplicatorLog.Error(logger, diagnostic);
    }

    private void Fail(LitestreamDiagnostic diagnostic)
    {
        (Failure, _failedBy) = (diagnostic, diagnostic.Code);
        _databases.ForEach(database => database.FailStart(LitestreamHealth.Unhealthy, diagnostic.ToString()));
        updateStatus(status =>
            status with
            {
                State = LitestreamState.Failed,
                LastError = diagnostic.ToString(),
                Databases = Describe(status),
            }
        );
        ReplicatorLog.Critical(logger, diagnostic);
        onFailed();
    }

    /// <summary>Why litestream was ended.</summary>
    /// <param name="Text">In words.</param>
    private sealed record EndReason(string Text)
    {
        /// <summary>At once, without a last upload: it would be of a mixture of two files.</summary>
        public bool IsOtherFile { get; init; }

        /// <summary>Not for a fault of its own: it is started again at once, with more or fewer databases.</summary>
        public bool IsPlanned { get; init; }
    }
}
