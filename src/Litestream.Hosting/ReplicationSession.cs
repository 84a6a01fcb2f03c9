using Litestream.Commands;
using Litestream.Locking;
using Litestream.Replication;
using Litestream.Restore;
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
    private static readonly TimeSpan LockRetryInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan HealthyAfter = TimeSpan.FromSeconds(60);

    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DatabaseLocks? _locks;
    private PrivateFolder? _folder;
    private ReplicatorRun? _run;

    /// <summary>Ends when litestream runs, or it is known why not.</summary>
    public Task FirstAttempt => _firstAttempt.Task;

    /// <summary>Replicates until <paramref name="stopping"/>, then drains. Ends when no process is left; fails never, but says so in log and status.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            try
            {
                _locks = await AcquireLocksAsync(stopping).ConfigureAwait(false);
                await SuperviseAsync(stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                if (_run is not null)
                {
                    updateStatus(status => status with { State = LitestreamState.Stopping });
                    if (await _run.DrainAsync(plan.Settings.ShutdownTimeout, () => ReplicatorLog.FinalPass(logger)).ConfigureAwait(false) is { } notSent)
                    {
                        Report(notSent);
                    }
                    else
                    {
                        ReplicatorLog.Drained(logger);
                    }
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
            await EndRunAsync().ConfigureAwait(false);
            _locks?.Dispose();
            _folder?.Dispose();
        }
    }

    private async Task<DatabaseLocks> AcquireLocksAsync(CancellationToken stopping)
    {
        for (var announced = false; ; announced = true)
        {
            if (DatabaseLocks.TryAcquire(plan.Databases.Select(database => database.Path), out var path, out var holder) is { } locks)
            {
                try
                {
                    foreach (var found in locks.Found)
                    {
                        await OrphanedReplicator.EndAsync(found, plan.Settings.ShutdownTimeout, id => ReplicatorLog.EndingOrphan(logger, id), stopping).ConfigureAwait(false);
                    }

                    try
                    {
                        locks.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null));
                    }
                    catch (IOException)
                    {
                        // A full disk. The start of litestream writes the record too, and is tried again.
                    }

                    // One that came after the gate of this app and was killed then: what it left half done must not be replicated.
                    foreach (var database in plan.Databases)
                    {
                        DatabaseRestore.Recover(database.Path, line => ReplicatorLog.RestoreLine(logger, line));
                    }

                    return locks;
                }
                catch
                {
                    locks.Dispose();
                    throw;
                }
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
            $"'{path}' is already replicated by another process{(holder.App is { } app && app.IsRunning() ? $" ({app.ProcessId}, {app.Executable})" : "")}. " +
            "Two replicators would destroy the replica, so this app runs without one and takes over when the other ends.");
        updateStatus(status => status with { LastError = diagnostic.ToString() });
        ReplicatorLog.Error(logger, diagnostic);
    }

    /// <summary>Returns only by cancellation. Supervision in depth (progress, hung storage, errors that a restart cannot heal) belongs here.</summary>
    private async Task SuperviseAsync(CancellationToken stopping)
    {
        var pause = FirstPause;
        for (var hasRun = false; ;)
        {
            stopping.ThrowIfCancellationRequested();
            string what;
            try
            {
                var process = Run().Start();
                hasRun = true;
                _firstAttempt.TrySetResult();
                var exitCode = await process.Exited.WaitAsync(stopping).ConfigureAwait(false);
                if (time.GetUtcNow() - process.StartedAt >= HealthyAfter)
                {
                    pause = FirstPause;
                }

                what = $"litestream ended with exit code {exitCode}{(process.LastError is { } error ? $" ({error})" : "")}; it is started again";
            }
            catch (Exception exception) when (exception is not OperationCanceledException && (hasRun || MayPass(exception)))
            {
                // It may have been started before that went wrong.
                await EndRunAsync().ConfigureAwait(false);
                _firstAttempt.TrySetResult();
                what = $"litestream could not be started ({(exception as LitestreamException)?.Diagnostic.Message ?? exception.Message}); it is tried again";
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
                    $"{what} in {pause.TotalSeconds:0} s."));
            }

            await Task.Delay(pause * (0.9 + (Random.Shared.NextDouble() * 0.2)), time, stopping).ConfigureAwait(false);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            updateStatus(status => status with { Restarts = status.Restarts + 1 });
        }
    }

    /// <summary>
    /// Whether the first start may do better later: a disk can have room again. A wrong configuration stays wrong, and an executable that has never run does not begin to;
    /// once it has run, it can again.
    /// </summary>
    private static bool MayPass(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or LitestreamException { Diagnostic.Code: "LSB0003" };

    private ReplicatorRun Run() => _run ??= new ReplicatorRun(
        executable,
        plan.Databases,
        plan.CreateConfig,
        plan.Config.MetricsAddress,
        _locks!,
        _folder ??= PrivateFolder.Create(plan.Databases[0].Path),
        new ReplicatorEvents { Line = line => ReplicatorLog.Line(logger, line), Started = OnStarted, Ended = OnEnded },
        time);

    private Task EndRunAsync() => _run is null ? Task.CompletedTask : _run.EndAsync();

    private void OnStarted(ReplicatorProcess process, bool isFinalPass)
    {
        ReplicatorLog.Started(logger, executable.Path, process.ProcessId);
        updateStatus(status => status with { State = isFinalPass ? status.State : LitestreamState.Running, ProcessId = process.ProcessId, StartedAt = process.StartedAt });
    }

    private void OnEnded() => updateStatus(status => status with { ProcessId = null, StartedAt = null });

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
