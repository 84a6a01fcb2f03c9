using System.Diagnostics;
using System.Runtime.InteropServices;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Replication;

namespace Litestream.Hosting;

/// <summary>
/// Starts the session and what runs beside it, and stops all of it: once, in its time, whatever hangs. The stop may
/// be asked for on any thread.
/// </summary>
internal sealed class ReplicatorLifetime(BackgroundLogger logger, ReplicatorStatus status, TimeProvider time)
    : IDisposable
{
    private const ConfigureAwaitOptions Quietly = ConfigureAwaitOptions.SuppressThrowing;

    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _endBackground = new();
    private readonly CancellationTokenSource _endPublishing = new();

    // All fields below are written under it, but for the plan, which is set before there is a session. Those that are
    // not volatile are also read under it.
    private readonly object _gate = new();
    private readonly List<PosixSignalRegistration> _signals = [];
    private volatile ReplicationPlan? _plan;
    private volatile ReplicationSession? _session;
    private volatile Task? _run;
    private volatile LitestreamDiagnostic? _notStopped;
    private ReplicationPlan? _notRunning;
    private string _whyNotRunning = "the app was stopped before litestream ran";
    private bool _hasReportedEnd;
    private Stopwatch? _stopWatch;
    private Task _background = Task.CompletedTask;
    private Task _publishing = Task.CompletedTask;
    private Task _watching = Task.CompletedTask;
    private OpenDatabaseWatch? _openDatabases;
    private PatternWatch? _patterns;

    /// <summary>Whether it stops, or has stopped.</summary>
    public bool IsStopping => _stopping.IsCancellationRequested;

    public ReplicationSession? Session => _session;

    /// <summary>Ends with the session.</summary>
    public Task Run => _run ?? Task.CompletedTask;

    /// <summary>Why it could not be stopped in its time; null when it could.</summary>
    public LitestreamDiagnostic? NotStopped => _notStopped;

    private TimeSpan ShutdownTimeout => _plan?.Settings.ShutdownTimeout ?? TimeSpan.Zero;

    /// <summary>These databases should be replicated: unless a session begins, the end says what they lack.</summary>
    public void Expect(ReplicationPlan plan)
    {
        lock (_gate)
            _notRunning = plan;

        StopWithProcess();
    }

    /// <summary>The app does not start, and says why.</summary>
    public void ExpectNothing()
    {
        lock (_gate)
            _notRunning = null;
    }

    /// <summary>Why no session begins.</summary>
    public void NoteNotRunning(string why)
    {
        lock (_gate)
            _whyNotRunning = why;
    }

    /// <summary>How long the stop may take, and what it is about.</summary>
    public void SetPlan(ReplicationPlan plan)
    {
        _plan = plan;
        status.SetStallTimeout(plan.Settings.StallTimeout);
    }

    /// <summary>Watches which databases the app opens, once it has started.</summary>
    public void WatchOpenDatabases(OpenDatabaseWatch watch)
    {
        lock (_gate)
            _openDatabases = watch;
    }

    /// <summary>Watches which databases match a pattern, once the app has started.</summary>
    public void WatchPatterns(PatternWatch watch)
    {
        lock (_gate)
            _patterns = watch;
    }

    /// <summary>The app has started: others see the status from now on.</summary>
    /// <param name="databases">The databases whose status others may want to know.</param>
    public void Publish(Func<IReadOnlyList<EffectiveDatabase>> databases)
    {
        var publisher = new StatusPublisher(databases, () => status.Current, time);
        lock (_gate)
        {
            _publishing = Task.Run(() => publisher.RunAsync(_endPublishing.Token), CancellationToken.None);
            var (openDatabases, patterns) = (_openDatabases, _patterns);
            _watching = Task.WhenAll(
                Watch(openDatabases is null ? null : openDatabases.RunAsync),
                Watch(patterns is null ? null : patterns.RunAsync)
            );
        }
    }

    /// <summary>Begins a session, and what runs beside it.</summary>
    /// <param name="session">The session.</param>
    /// <param name="plan">What it replicates.</param>
    /// <param name="executable">With what.</param>
    /// <param name="cancellationToken">Ends what comes before it runs.</param>
    public async Task BeginAsync(
        ReplicationSession session,
        ReplicationPlan plan,
        LitestreamExecutable executable,
        CancellationToken cancellationToken
    )
    {
        await session.EnterAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT })
            {
                // Without a word about what the signal does: that is the host's.
                _signals.Add(
                    PosixSignalRegistration.Create(
                        signal,
                        _ => OnOwnThread(session.TryBeginReaders).Wait(Thresholds.SignalPatience)
                    )
                );
            }

            _session = session;
            _run = Task.Run(() => session.RunAsync(_stopping.Token), CancellationToken.None);
            _stopWatch = null;
            _notRunning = null;

            // Before anything else can fail: they end what has been started.
            StopWithProcess();
            _background = Task.WhenAll(Background(plan, executable));
        }
    }

    /// <summary>Sends what is missing and ends litestream. Whoever asks again does not wait again.</summary>
    public async Task StopAsync()
    {
        Task background,
            publishing;
        Task? run;
        Stopwatch watch;
        lock (_gate)
        {
            watch = _stopWatch ??= Stopwatch.StartNew();
            background = Task.WhenAll(_background, _watching);
        }

        Task WaitAsync(StopStep step, Task task) => task.WaitAsync(Left(step));
        TimeSpan Left(StopStep step) => StopBudget.Left(step, ShutdownTimeout, watch.Elapsed);

        // First, so that nothing of ours is committed while the last commits are sent.
        var cancelled = _endBackground.CancelAsync();
        await WaitAsync(StopStep.Background, Task.WhenAll(cancelled, background)).ConfigureAwait(Quietly);
        lock (_gate)
        {
            (run, publishing) = (_run, _publishing);

            // Not here: what runs then may hang in a disk.
            _ = _stopping.CancelAsync();
        }

        if (run is not null)
        {
            await WaitAsync(StopStep.Session, run).ConfigureAwait(Quietly);
            if (!run.IsCompleted)
            {
                GiveUp(run);
            }
            else
            {
                var unsent = OnOwnThread(() => _session!.ReportUnsentAsync().GetAwaiter().GetResult());
                await WaitAsync(StopStep.Unsent, unsent).ConfigureAwait(Quietly);
            }

            List<PosixSignalRegistration> signals;
            lock (_gate)
            {
                signals = [.. _signals];
                _signals.Clear();
            }

            signals.ForEach(signal => signal.Dispose());
        }

        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        AppDomain.CurrentDomain.UnhandledException -= OnUnhandledException;
        await WaitAsync(StopStep.End, OnOwnThread(ReportEnd)).ConfigureAwait(Quietly);
        cancelled = _endPublishing.CancelAsync();
        await WaitAsync(StopStep.Status, Task.WhenAll(cancelled, publishing)).ConfigureAwait(Quietly);
        logger.Flush(Left(StopStep.Log));
    }

    /// <summary>Stops. What hangs may still need its token, so none is disposed.</summary>
    public void Dispose() => StopAsync().GetAwaiter().GetResult();

    /// <summary>A file system that does not answer must not keep the app from its end, nor take one of its
    /// pooled threads.</summary>
    public static Task OnOwnThread(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private Task Watch(Func<CancellationToken, Task>? run) =>
        run is null ? Task.CompletedTask : Task.Run(() => run(_endBackground.Token), CancellationToken.None);

    private IEnumerable<Task> Background(ReplicationPlan plan, LitestreamExecutable executable)
    {
        if (plan.Settings.HeartbeatUrl is { } url)
        {
            var heartbeat = new Heartbeat(url, logger, time, () => status.Look().Health);
            yield return Task.Run(() => heartbeat.RunAsync(_endBackground.Token), CancellationToken.None);
        }

        if (plan.Settings.VerificationInterval is { } interval)
        {
            var verification = new ScheduledVerification(
                plan,
                executable,
                interval,
                logger,
                time,
                () => status.Current,
                status.Update
            );
            yield return Task.Run(() => verification.RunAsync(_endBackground.Token), CancellationToken.None);
        }
    }

    private void StopWithProcess()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        AppDomain.CurrentDomain.UnhandledException -= OnUnhandledException;
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        AppDomain.CurrentDomain.UnhandledException += OnUnhandledException;
    }

    private void OnProcessExit(object? sender, EventArgs e) => StopBeforeTheEnd();

    private void OnUnhandledException(object sender, UnhandledExceptionEventArgs e)
    {
        if (e.IsTerminating)
            StopBeforeTheEnd();
    }

    /// <summary>The process ends without the host: no thread but this one is waited for any more.</summary>
    private void StopBeforeTheEnd()
    {
        try
        {
            Task.Run(StopAsync).Wait(ShutdownTimeout + StopBudget.Reserve);
        }
        catch (Exception)
        {
            // There is no log any more.
        }
    }

    /// <summary>What it waits for hangs in the system and cannot be ended; the process can.</summary>
    private void GiveUp(Task run)
    {
        // Litestream was killed in time, and what hangs is the look at what it left.
        var reported = _session!.Failure is { Code: "LSB5005" } killed ? killed : null;
        var notStopped = reported ?? new LitestreamDiagnostic(
            "LSB5005",
            LitestreamSeverity.Error,
            $"Replication did not end within {NumberText.Seconds(ShutdownTimeout)} s "
                + "(Litestream:ShutdownTimeout) and was abandoned: a disk or a file system does not answer. "
                + $"The last commits{UnsentPolicy.AtLastLook(status.Last.Databases)} may not have been sent; "
                + "the next start sends them, if the database still exists."
        );
        lock (_gate)
        {
            if (_run != run)
                return;

            // Who asks again does not wait again.
            (_run, _notStopped) = (null, notStopped);
        }

        _session.Kill();
        status.Update(before => before with { State = LitestreamState.Failed, LastError = notStopped.ToString() });
        if (reported is null)
            ReplicatorLog.Error(logger, notStopped);
    }

    /// <summary>
    /// Says once which databases have no backup, or have it only in part, where no session of litestream does.
    /// </summary>
    private void ReportEnd()
    {
        ReplicationPlan? notRunning;
        string why;
        OpenDatabaseWatch? openDatabases;
        lock (_gate)
        {
            if (_hasReportedEnd)
                return;

            _hasReportedEnd = true;
            (notRunning, why, openDatabases) = (_notRunning, _whyNotRunning, _openDatabases);
        }

        try
        {
            if (notRunning is not null)
                SessionStop.ReportNotRun(notRunning.Databases, why, unsent => ReplicatorLog.Error(logger, unsent));

            openDatabases?.Look();
            var last = status.Last;
            var lacking = UnsentProbe.Sizes(last.NotReplicated.Concat(last.OpenNotReplicated));
            if (UnsentPolicy.WithoutReplica(lacking) is { } diagnostic)
                ReplicatorLog.Warning(logger, diagnostic);
        }
        catch (Exception exception)
        {
            ReplicatorLog.Error(
                logger,
                UnexpectedError.Diagnostic(exception, "The databases without a backup could not be checked.")
            );
        }
    }
}
