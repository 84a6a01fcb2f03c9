using Litestream.Commands;
using Litestream.Locking;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>From the lock to the last commit sent: starts litestream, starts it again when it ends on its own, drains it when the host stops.</summary>
internal sealed class ReplicationSession(
    ReplicationPlan plan,
    LitestreamExecutable executable,
    ILogger logger,
    TimeProvider time,
    Action<Func<LitestreamStatus, LitestreamStatus>> updateStatus,
    CancellationToken applicationStopping)
{
    private const int Attempts = 4;

    private static readonly TimeSpan LockRetryInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan HealthyAfter = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan FinalPassMonitorInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>After this, a litestream that does not answer on its metrics address is trusted to have looked at its databases.</summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<DatabaseLock> _locks = [];
    private PrivateFolder? _folder;
    private ReplicatorProcess? _process;
    private SyncCounters? _counters;

    /// <summary>Ends when litestream runs, or it is known why not.</summary>
    public Task FirstAttempt => _firstAttempt.Task;

    /// <summary>Replicates until <paramref name="stopping"/>, then drains. Ends when no process is left; fails never, but says so in log and status.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            try
            {
                await AcquireLocksAsync(stopping).ConfigureAwait(false);
                _folder = PrivateFolder.Create(Path.GetDirectoryName(plan.Databases[0].Path)!);
                await SuperviseAsync(stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                if (_folder is not null)
                {
                    updateStatus(status => status with { State = LitestreamState.Stopping });
                    await DrainAsync().ConfigureAwait(false);
                }
            }

            updateStatus(status => status with { State = LitestreamState.Stopped });
        }
        catch (Exception exception)
        {
            Fail((exception as LitestreamException)?.Diagnostic ?? new LitestreamDiagnostic("LSB5004", LitestreamSeverity.Error, $"Nothing is replicated any more: {exception.Message}"));
        }
        finally
        {
            _firstAttempt.TrySetResult();
            await EndProcessAsync().ConfigureAwait(false);
            ReleaseLocks();
            _folder?.Dispose();
        }
    }

    /// <summary>All locks or none: with some of them, litestream would run with databases that are another process's.</summary>
    private async Task AcquireLocksAsync(CancellationToken stopping)
    {
        for (var announced = false; !TryAcquireLocks(ref announced); announced = true)
        {
            updateStatus(status => status with { State = LitestreamState.Waiting });
            _firstAttempt.TrySetResult();
            await Task.Delay(LockRetryInterval, time, stopping).ConfigureAwait(false);
        }

        foreach (var held in _locks)
        {
            await OrphanedReplicator.EndAsync(held.Found, plan.Settings.ShutdownTimeout, processId => ReplicatorLog.EndingOrphan(logger, processId), stopping).ConfigureAwait(false);
        }

        WriteRecords(null, null);
    }

    private bool TryAcquireLocks(ref bool announced)
    {
        foreach (var path in plan.Databases.Select(database => database.Path).Order(StringComparer.Ordinal))
        {
            if (DatabaseLock.TryAcquire(path, out var holder) is { } held)
            {
                _locks.Add(held);
                continue;
            }

            _locks.ForEach(other => other.Dispose());
            _locks.Clear();
            if (!announced)
            {
                AnnounceHolder(path, holder);
                announced = true;
            }

            return false;
        }

        return true;
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
            $"'{path}' is already replicated by another process{(holder.App is { } app ? $" ({app.ProcessId}, {app.Executable})" : "")}. " +
            "Two replicators would destroy the replica, so this app runs without one and takes over when the other ends.");
        updateStatus(status => status with { LastError = diagnostic.ToString() });
        ReplicatorLog.Error(logger, diagnostic);
    }

    /// <summary>Returns only by cancellation. Supervision in depth (progress, hung storage, errors that a restart cannot heal) belongs here.</summary>
    private async Task SuperviseAsync(CancellationToken stopping)
    {
        var pause = FirstPause;
        while (true)
        {
            stopping.ThrowIfCancellationRequested();
            var process = Start(monitorInterval: null);
            _firstAttempt.TrySetResult();
            var exitCode = await process.Exited.WaitAsync(stopping).ConfigureAwait(false);
            if (time.GetUtcNow() - process.StartedAt >= HealthyAfter)
            {
                pause = FirstPause;
            }

            updateStatus(status => status with { State = LitestreamState.Restarting, ProcessId = null, StartedAt = null });

            // A signal to the whole group reaches litestream before the app knows that it stops.
            await Task.Delay(TimeSpan.FromMilliseconds(250), time, stopping).ConfigureAwait(false);
            if (applicationStopping.IsCancellationRequested)
            {
                ReplicatorLog.EndedWithSignal(logger);
            }
            else
            {
                Report(new LitestreamDiagnostic(
                    "LSB5004",
                    LitestreamSeverity.Error,
                    $"litestream ended with exit code {exitCode}{(process.LastError is { } error ? $" ({error})" : "")}; it is started again in {pause.TotalSeconds:0} s."));
            }

            await Task.Delay(pause * (0.9 + (Random.Shared.NextDouble() * 0.2)), time, stopping).ConfigureAwait(false);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            updateStatus(status => status with { Restarts = status.Restarts + 1 });
        }
    }

    private ReplicatorProcess Start(TimeSpan? monitorInterval)
    {
        DisposeProcess();
        var ownAddress = plan.OwnMetricsAddress;
        var address = ownAddress ?? SyncCounters.FindFreeAddress();
        var config = plan.CreateConfig(ownAddress is null ? address : null, monitorInterval);
        var process = ReplicatorProcess.Start(executable, config.Write(_folder!.Path), config, line => ReplicatorLog.Line(logger, line), time.GetUtcNow());
        _process = process;
        _counters = address is null ? null : new SyncCounters(address);
        WriteRecords(ProcessIdentity.Of(process.ProcessId), _counters?.Address);
        ReplicatorLog.Started(logger, executable.Path, process.ProcessId);
        updateStatus(status => status with { State = monitorInterval is null ? LitestreamState.Running : status.State, ProcessId = process.ProcessId, StartedAt = process.StartedAt });
        return process;
    }

    /// <summary>
    /// Sends what was committed last. A litestream that is told to stop before it has looked at a database once replicates nothing of it, and one that
    /// others have stopped already misses what came after: it runs once more then.
    /// </summary>
    private async Task DrainAsync()
    {
        var deadline = time.GetUtcNow() + plan.Settings.ShutdownTimeout;
        var reserve = TimeSpan.FromTicks(Math.Min(plan.Settings.ShutdownTimeout.Ticks / 2, TimeSpan.FromSeconds(5).Ticks));
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (_process is null || _process.Exited.IsCompleted)
            {
                if (!plan.Databases.Any(database => File.Exists(database.Path)))
                {
                    return;
                }

                ReplicatorLog.FinalPass(logger);
                Start(FinalPassMonitorInterval);
            }

            var process = _process!;
            await WaitForFirstSyncAsync(process, deadline - reserve).ConfigureAwait(false);
            if (process.Exited.IsCompleted)
            {
                continue;
            }

            process.Terminate(time.GetUtcNow());
            var left = deadline - time.GetUtcNow();
            try
            {
                await process.Exited.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                await EndProcessAsync().ConfigureAwait(false);
                Report(new LitestreamDiagnostic(
                    "LSB5005",
                    LitestreamSeverity.Error,
                    $"litestream did not end within {plan.Settings.ShutdownTimeout.TotalSeconds:0.#} s (Litestream:ShutdownTimeout) and was killed. What was committed last may be in the database only; " +
                    "the next start sends it, if the database is still there."));
                return;
            }

            var exitCode = await process.Exited.ConfigureAwait(false);
            if (process.WasStoppedByOthers || IsDeathBySignal(exitCode))
            {
                continue;
            }

            if (exitCode == 0)
            {
                ReplicatorLog.Drained(logger);
            }
            else
            {
                ReportLastCommits($"litestream ended with exit code {exitCode}{(process.LastError is { } error ? $" ({error})" : "")} when it was stopped");
            }

            return;
        }

        ReportLastCommits($"litestream was ended by others {Attempts} times while it sent the last commits");
    }

    /// <summary>It ended in order by SIGTERM and SIGINT if it could: this one came before its own handlers were there.</summary>
    private static bool IsDeathBySignal(int exitCode) => exitCode is 128 + 15 or 128 + 2;

    private void ReportLastCommits(string what) => Report(new LitestreamDiagnostic(
        "LSB5004", LitestreamSeverity.Error, $"{what}. What was committed last may be in the database only; the next start sends it."));

    private async Task WaitForFirstSyncAsync(ReplicatorProcess process, DateTimeOffset deadline)
    {
        var silentSince = time.GetUtcNow();
        while (!process.Exited.IsCompleted && time.GetUtcNow() < deadline)
        {
            var counts = _counters is null ? null : await _counters.ReadAsync(CancellationToken.None).ConfigureAwait(false);
            if (counts is not null)
            {
                // A database that the app never created is nothing to wait for.
                if (plan.Databases.All(database => counts.GetValueOrDefault(database.Path) >= 1 || !File.Exists(database.Path)))
                {
                    return;
                }
            }
            else if (time.GetUtcNow() - silentSince > SilenceLimit)
            {
                return;
            }

            await Task.WhenAny(process.Exited, Task.Delay(PollInterval, time)).ConfigureAwait(false);
        }
    }

    private async Task EndProcessAsync()
    {
        if (_process is { } process)
        {
            if (!process.Exited.IsCompleted)
            {
                process.Kill();
                await process.Exited.ConfigureAwait(false);
            }

            DisposeProcess();
        }

        updateStatus(status => status with { ProcessId = null, StartedAt = null });
    }

    private void DisposeProcess()
    {
        _counters?.Dispose();
        _counters = null;
        _process?.Dispose();
        _process = null;
    }

    private void WriteRecords(ProcessIdentity? replicator, string? metricsAddress)
    {
        var record = new LockRecord(ProcessIdentity.Of(Environment.ProcessId), replicator, metricsAddress);
        _locks.ForEach(held => held.Write(record));
    }

    private void ReleaseLocks()
    {
        foreach (var held in _locks)
        {
            try
            {
                held.Write(LockRecord.Empty);
            }
            catch (IOException)
            {
                // A full disk: a record of a process that has ended means nothing.
            }

            held.Dispose();
        }

        _locks.Clear();
    }

    private void Report(LitestreamDiagnostic diagnostic)
    {
        updateStatus(status => status with { LastError = diagnostic.ToString() });
        ReplicatorLog.Error(logger, diagnostic);
    }

    private void Fail(LitestreamDiagnostic diagnostic)
    {
        updateStatus(status => status with { State = LitestreamState.Failed, LastError = diagnostic.ToString() });
        ReplicatorLog.Critical(logger, diagnostic);
    }
}
