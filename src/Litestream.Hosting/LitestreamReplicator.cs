using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Runtime.InteropServices;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Replication;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Runs litestream as a child of the app for as long as the host runs: restores what is missing when the host is built,
/// starts before the app's services,
/// stops after their last write. One per host; get it from the host's services.
/// </summary>
public sealed class LitestreamReplicator : IHostedLifecycleService, IAsyncDisposable, IDisposable
{
    private const int RememberedRestarts = 10;

    private static readonly TimeSpan AnnouncementPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LogPatience = TimeSpan.FromSeconds(1);

    /// <summary>Longer than a round of the session takes at most, beyond the timeout for litestream itself.</summary>
    private static readonly TimeSpan RoundPatience = TimeSpan.FromSeconds(15);

    /// <summary>A reader begins at once. In a disk that hangs it does not, and the signal must not wait.</summary>
    private static readonly TimeSpan SignalPatience = TimeSpan.FromSeconds(1);

    private const ConfigureAwaitOptions Quietly = ConfigureAwaitOptions.SuppressThrowing;

    private readonly IConfiguration _configuration;
    private readonly IHostEnvironment _environment;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly PatientLog _logger;
    private readonly bool _logsNowhere;
    private readonly TimeProvider _time;
    private readonly bool _zeroCode;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _endBackground = new();
    private readonly CancellationTokenSource _endPublishing = new();
    private readonly object _gate = new();
    private readonly LitestreamMetrics _metrics;
    private readonly List<PosixSignalRegistration> _signals = [];
    private ReplicationPlan? _plan;
    private ReplicationPlan? _notRunning;
    private string _whyNotRunning = "the app was stopped before litestream ran";
    private bool _hasReportedEnd;
    private LitestreamExecutable? _executable;
    private bool _prepared;
    private bool _started;
    private ReplicationSession? _session;
    private Task? _run;
    private Stopwatch? _stopWatch;
    private LitestreamDiagnostic? _notStopped;
    private Task _background = Task.CompletedTask;
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _publishing = Task.CompletedTask;
    private OpenDatabaseWatch? _openDatabases;
    private Task _watching = Task.CompletedTask;
    private volatile LitestreamStatus _status;

    private LitestreamReplicator(IServiceProvider services, bool zeroCode)
    {
        _configuration = services.GetRequiredService<IConfiguration>();
        _environment = services.GetRequiredService<IHostEnvironment>();
        _lifetime = services.GetRequiredService<IHostApplicationLifetime>();
        _logger = new PatientLog(services.GetRequiredService<ILoggerFactory>().CreateLogger(ReplicatorLog.Category));
        _logsNowhere = !services.GetServices<ILoggerProvider>().Any();
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        _zeroCode = zeroCode;
        _status = new(LitestreamState.Starting, null, null, 0, null) { Since = _time.GetUtcNow() };
        _metrics = new LitestreamMetrics(services.GetService<IMeterFactory>(), () => Status, _time);
    }

    /// <summary>What it does at the moment.</summary>
    public LitestreamStatus Status =>
        Doubt(_status, _time.GetUtcNow() - ((_plan?.Settings.StallTimeout ?? TimeSpan.Zero) + RoundPatience));

    internal static LitestreamReplicator Create(IServiceProvider services, bool zeroCode) => new(services, zeroCode);

    /// <summary>A client for the configuration that is replicated, or would be.</summary>
    /// <exception cref="LitestreamException">LSB3004: there is no litestream.yml; LSB1xxx: it or a setting is wrong;
    /// LSB2003, LSB2004, LSB2008: there is no executable that can be run.</exception>
    internal LitestreamClient CreateClient()
    {
        var plan = CreatePlan();
        return new LitestreamClient(_executable ?? plan.FindExecutable(), plan.Config);
    }

    /// <summary>What is replicated, or would be.</summary>
    /// <exception cref="LitestreamException">LSB3004, LSB1xxx.</exception>
    internal ReplicationPlan CreatePlan()
    {
        if (_plan is { } plan)
        {
            return plan;
        }

        var settings = ReadSettings();
        plan = ReplicationPlan.Create(settings, _configuration);
        return plan.Databases.Count > 0 || File.Exists(settings.ConfigPath)
            ? plan
            : throw new LitestreamException(
                "LSB3004",
                $"There is no '{settings.ConfigPath}'. The build writes it where it finds a database; "
                    + $"Litestream:ConfigPath names another."
            );
    }

    /// <summary>What the configuration is made from, also where it is missing or wrong.</summary>
    /// <exception cref="LitestreamException">LSB1019: a setting is wrong.</exception>
    internal EffectiveConfigOptions CreateOptions() => ReplicationPlan.CreateOptions(ReadSettings(), _configuration);

    /// <summary>The app's executable, whatever its configuration is like.</summary>
    /// <exception cref="LitestreamException">LSB2003, LSB2004, LSB2008.</exception>
    internal LitestreamExecutable FindExecutable() =>
        LitestreamExecutable.Find(ReplicationPlan.CreateSearch(ReadSettings()));

    /// <summary>Replicates without the app until it is cancelled, then sends what was committed last.</summary>
    /// <exception cref="LitestreamException">LSB3004: there is no database; LSB5009, LSB5012: it is not the one whose
    /// history is in its replica, or it is missing; LSB5005, LSB5014 and others: it failed for good, or not everything
    /// was sent.</exception>
    internal async Task ReplicateAsync(ReplicationPlan plan, CancellationToken cancellationToken)
    {
        if (plan.Databases.Count == 0)
        {
            throw new LitestreamException(
                "LSB3004",
                $"'{plan.Settings.ConfigPath}' has no database to replicate here."
            );
        }

        (_plan, _executable) = (plan, plan.FindExecutable());
        try
        {
            // Nothing restores it here: that is somebody else's turn, before this.
            await ForegroundReplication
                .RefuseForeignAsync(_executable, plan.Config, plan.Settings.AdoptReplica, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (LitestreamException exception) when (exception.Diagnostic.Code is not ("LSB5009" or "LSB5012"))
        {
            // A storage that does not answer yet; the session says so and waits for it.
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }

        var session = await BeginAsync(plan, _executable, cancellationToken, cancellationToken).ConfigureAwait(false);
        var end = Task.Delay(Timeout.Infinite, cancellationToken);
        await Task.WhenAny(_run!, _failed.Task, session.IsOver, end).ConfigureAwait(false);
        await StopAsync().ConfigureAwait(false);
        if ((_notStopped ?? session.Failure) is { } failure)
        {
            throw new LitestreamException(failure);
        }
    }

    /// <summary>
    /// Runs inside <c>Build()</c>. A zero-code failure ends the process with one log line and an exit code: there is no
    /// code of the app that could catch it.
    /// </summary>
    internal void OnHostBuilt(IHost host)
    {
        if (CommandProcess.Arguments is { } arguments && !HostEvents.IsForeignProcess)
        {
            if (HostEvents.AutoStarts && CommandProcess.RunAsync is { } run)
            {
                Exit(host, Task.Run(() => run(this, arguments, CancellationToken.None)).GetAwaiter().GetResult());
            }

            // The app's own code runs it; nothing is restored for it.
            return;
        }

        var signals = new SignalWatch();
        try
        {
            using (signals)
            {
                Task.Run(() => PrepareAsync(signals.Token)).GetAwaiter().GetResult();
            }
        }
        catch (Exception) when (signals.ExitCode != 0)
        {
            // The signal may have ended the restore before it reached us: either way it is what ends the app.
        }
        catch (LitestreamException exception) when (_zeroCode)
        {
            foreach (var finding in exception.Diagnostics.Where(finding => finding != exception.Diagnostic))
            {
                ReplicatorLog.Diagnostic(_logger, finding);
            }

            Exit(host, 1, exception.Diagnostic);
        }
        catch (Exception exception) when (exception is not LitestreamException)
        {
            FailUnexpectedly(exception);
        }

        if (signals.ExitCode != 0)
        {
            Exit(host, signals.ExitCode);
        }

        _logger.Flush(LogPatience);
    }

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => StartAsync(cancellationToken);

    // The web host from before the generic one knows no StartingAsync.
    Task IHostedService.StartAsync(CancellationToken cancellationToken) =>
        _started ? Task.CompletedTask : StartAsync(cancellationToken);

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        HostEvents.HostIsBuilt();
        if (CommandProcess.Arguments is not null && !HostEvents.IsForeignProcess)
        {
            throw new LitestreamException(
                "LSB3016",
                "The first argument is 'litestream', but the app does not run Litestream's commands. Add this after "
                    + "Build(): if (await app.RunLitestreamCommandAsync(args) is { } exitCode) return exitCode;"
            );
        }

        _started = true;

        try
        {
            // A host that raises no events (a custom one) is restored here, before the app's own services start.
            await PrepareAsync(cancellationToken).ConfigureAwait(false);
            if (!_stopping.IsCancellationRequested)
            {
                await StartReplicationAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is not (LitestreamException or OperationCanceledException))
        {
            FailUnexpectedly(exception);
        }
    }

    /// <summary>
    /// Nothing of ours that was not foreseen ends the app: it goes on without replication, and says so.
    /// </summary>
    private void FailUnexpectedly(Exception exception)
    {
        var diagnostic = UnexpectedError.Diagnostic(exception, "Nothing is replicated.");
        _whyNotRunning = $"litestream never ran ({diagnostic.Code})";
        UpdateStatus(status => status with { State = LitestreamState.Failed, LastError = diagnostic.ToString() });
        ReplicatorLog.Critical(_logger, diagnostic);
        if (_logsNowhere)
        {
            Console.Error.WriteLine(diagnostic);
        }
    }

    private async Task StartReplicationAsync(CancellationToken cancellationToken)
    {
        var publisher = new StatusPublisher(PublishedDatabases(), () => Status, _time);
        lock (_gate)
        {
            _publishing = Task.Run(() => publisher.RunAsync(_endPublishing.Token), CancellationToken.None);
            _watching = _openDatabases is { } watch
                ? Task.Run(() => watch.RunAsync(_endBackground.Token), CancellationToken.None)
                : Task.CompletedTask;
        }

        if (_plan is null)
        {
            return;
        }

        if (_session is not { } session)
        {
            OnFailed();
            return;
        }

        // A storage that has to be asked first and does not answer is no reason to keep the app from its work.
        await Task.WhenAny(session.FirstAttempt, Task.Delay(StartPatience, cancellationToken)).ConfigureAwait(false);
        _logger.Flush(LogPatience);
    }

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // The host's own shutdown budget may be used up by the app by now; this one is separate
    // (Litestream:ShutdownTimeout).
    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => StopAsync();

    /// <summary>Sends what is missing and ends litestream, if the host has not done so.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _metrics.Dispose();
        _logger.Dispose();
    }

    /// <inheritdoc cref="DisposeAsync" />
    public void Dispose()
    {
        StopAsync().GetAwaiter().GetResult();
        _metrics.Dispose();
        _logger.Dispose();
    }

    private async Task StopAsync()
    {
        Task background,
            publishing;
        Task? run;
        Stopwatch watch;
        lock (_gate)
        {
            // Whoever asks again does not wait again.
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
            run = _run;
            publishing = _publishing;

            // Not here: what goes on then may hang in a disk.
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
        _logger.Flush(Left(StopStep.Log));
    }

    /// <summary>A file system that does not answer is no reason to keep the app from its end, nor to take one of its
    /// pooled threads.</summary>
    private static Task OnOwnThread(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>
    /// Says once which databases have no backup, or have it only in part, where no session of litestream does.
    /// </summary>
    private void ReportEnd()
    {
        ReplicationPlan? notRunning;
        lock (_gate)
        {
            if (_hasReportedEnd)
            {
                return;
            }

            _hasReportedEnd = true;
            notRunning = _notRunning;
        }

        try
        {
            if (notRunning is not null)
            {
                ReplicationSession.ReportNotRun(
                    notRunning.Databases,
                    _whyNotRunning,
                    unsent => ReplicatorLog.Error(_logger, unsent)
                );
            }

            _openDatabases?.Look();
            var status = _status;
            var lacking = UnsentLook.Sizes(status.NotReplicated.Concat(status.OpenNotReplicated));
            if (UnsentPolicy.WithoutReplica(lacking) is { } diagnostic)
            {
                ReplicatorLog.Warning(_logger, diagnostic);
            }
        }
        catch (Exception exception)
        {
            ReplicatorLog.Error(
                _logger,
                UnexpectedError.Diagnostic(exception, "What has no backup could not be looked at.")
            );
        }
    }

    /// <summary>What it waits for hangs in the system and cannot be ended; the process can.</summary>
    private void GiveUp(Task run)
    {
        lock (_gate)
        {
            if (_run != run)
            {
                return;
            }

            // Who asks again does not wait again.
            _run = null;
        }

        _session!.Kill();
        _notStopped = new LitestreamDiagnostic(
            "LSB5005",
            LitestreamSeverity.Error,
            $"Replication did not end within {NumberText.Seconds(_plan!.Settings.ShutdownTimeout)} s "
                + "(Litestream:ShutdownTimeout) and is left as it is: a disk or a file system does not answer. "
                + $"What was committed last{UnsentPolicy.AtLastLook(_status.Databases)} may be in the database only; "
                + "the next start sends it, if the database is still there."
        );
        UpdateStatus(status => status with { State = LitestreamState.Failed, LastError = _notStopped.ToString() });
        ReplicatorLog.Error(_logger, _notStopped);
    }

    /// <summary>Whatever keeps the session from its looks, what it saw last is no longer true.</summary>
    private static LitestreamStatus Doubt(LitestreamStatus status, DateTimeOffset limit)
    {
        if (
            status.State is not (LitestreamState.Starting or LitestreamState.Replicating or LitestreamState.Stalled)
            || status.LookedAt is not { } lookedAt
            || lookedAt > limit
            || status.Databases.All(database => database.Health == LitestreamHealth.Unhealthy)
        )
        {
            return status;
        }

        var problem = string.Create(
            CultureInfo.InvariantCulture,
            $"LSB5007: since {lookedAt:HH:mm:ss} (UTC) it has not been seen whether what is committed arrives: what "
                + $"looks hangs in a file system, or in ending litestream"
        );
        return status with
        {
            State = LitestreamState.Stalled,
            Since = status.State == LitestreamState.Stalled ? status.Since : lookedAt,
            LastError = problem,
            Databases =
            [
                .. status.Databases.Select(database =>
                    database with
                    {
                        Health = LitestreamHealth.Unhealthy,
                        Problem = database.Problem ?? problem,
                    }
                ),
            ],
        };
    }

    /// <summary>
    /// The databases whose status others may want to know: also where nothing is replicated, if it can be told which
    /// they are.
    /// </summary>
    private IReadOnlyList<EffectiveDatabase> PublishedDatabases()
    {
        if (HostEvents.IsForeignProcess)
        {
            return [];
        }

        try
        {
            return (
                _plan
                ?? ReplicationPlan.Create(
                    LitestreamSettings.Read(_configuration, _environment.IsDevelopment(), ApplicationFolder.FullName),
                    _configuration
                )
            ).Databases;
        }
        catch (Exception)
        {
            return [];
        }
    }

    private async Task<ReplicationSession> BeginAsync(
        ReplicationPlan plan,
        LitestreamExecutable executable,
        CancellationToken applicationStopping,
        CancellationToken cancellationToken
    )
    {
        // A replica in a folder that does not answer is no reason to keep the app from its work.
        Task.Factory.StartNew(
                () => AnnounceSafely(plan),
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default
            )
            .Wait((int)AnnouncementPatience.TotalMilliseconds, CancellationToken.None);
        UpdateStatus(status =>
            status with
            {
                Databases = [.. plan.Databases.Select(database => new LitestreamDatabaseStatus(database.Path))],
            }
        );
        var session = new ReplicationSession(
            plan,
            executable,
            _logger,
            _time,
            UpdateStatus,
            _metrics.Hear,
            OnFailed,
            applicationStopping
        );
        await session.EnterAsync(cancellationToken).ConfigureAwait(false);
        foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT })
        {
            // Without a word about what the signal does: that is the host's.
            _signals.Add(
                PosixSignalRegistration.Create(signal, _ => OnOwnThread(session.TryBeginReaders).Wait(SignalPatience))
            );
        }

        lock (_gate)
        {
            _session = session;
            _run = Task.Run(() => session.RunAsync(_stopping.Token), CancellationToken.None);
            _stopWatch = null;
            _notRunning = null;

            // Before anything else can fail: they end what has been started.
            AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
            AppDomain.CurrentDomain.UnhandledException -= OnUnhandledException;
            AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
            AppDomain.CurrentDomain.UnhandledException += OnUnhandledException;
            _background = RunInBackground(plan, executable);
        }

        return session;
    }

    private TimeSpan ShutdownTimeout => _plan?.Settings.ShutdownTimeout ?? TimeSpan.Zero;

    private LitestreamSettings ReadSettings() =>
        LitestreamSettings.Read(_configuration, _environment.IsDevelopment(), ApplicationFolder.FullName);

    private Task RunInBackground(ReplicationPlan plan, LitestreamExecutable executable)
    {
        var tasks = new List<Task>();
        if (plan.Settings.HeartbeatUrl is { } url)
        {
            var heartbeat = new Heartbeat(url, _logger, _time, () => Status);
            tasks.Add(Task.Run(() => heartbeat.RunAsync(_endBackground.Token), CancellationToken.None));
        }

        if (plan.Settings.VerificationInterval is { } interval)
        {
            var verification = new ScheduledVerification(
                plan,
                executable,
                interval,
                _logger,
                _time,
                () => Status,
                UpdateStatus
            );
            tasks.Add(Task.Run(() => verification.RunAsync(_endBackground.Token), CancellationToken.None));
        }

        return Task.WhenAll(tasks);
    }

    private void OnProcessExit(object? sender, EventArgs e) => StopBeforeTheEnd();

    private void OnUnhandledException(object sender, UnhandledExceptionEventArgs e)
    {
        if (e.IsTerminating)
        {
            StopBeforeTheEnd();
        }
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
            // Nobody is left to be told.
        }
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (_prepared)
        {
            return;
        }

        _prepared = true;
        if (HostEvents.IsForeignProcess)
        {
            UpdateStatus(status => status with { State = LitestreamState.Disabled });
            return;
        }

        var settings = ReadSettings();
        foreach (
            var diagnostic in UnknownNames.Of(ReplicationPlan.CreateOptions(settings, _configuration), isBuild: false)
        )
        {
            ReplicatorLog.Diagnostic(_logger, diagnostic);
        }

        if (!settings.Enabled)
        {
            UpdateStatus(status => status with { State = LitestreamState.Disabled });
            if (_configuration[$"{LitestreamSettings.Section}:{nameof(settings.Enabled)}"] is { Length: > 0 })
            {
                ReplicatorLog.Off(_logger);
            }
            else
            {
                ReplicatorLog.OffInDevelopment(_logger);
            }

            return;
        }

        var plan = ReplicationPlan.Create(settings, _configuration);
        ReportDiscovered(plan);
        _openDatabases = new OpenDatabaseWatch(plan, _logger, _time, OpenSqliteFiles.OfThisProcess, UpdateStatus);
        if (plan.Databases.Count == 0)
        {
            plan.Config.Diagnostics.ToList().ForEach(diagnostic => ReplicatorLog.Diagnostic(_logger, diagnostic));
            if (plan.NotReplicated.Count == 0)
            {
                ReplicatorLog.Warning(
                    _logger,
                    new LitestreamDiagnostic(
                        "LSB3004",
                        LitestreamSeverity.Warning,
                        File.Exists(settings.ConfigPath)
                            ? $"'{settings.ConfigPath}' has no database to replicate here."
                            : $"There is no '{settings.ConfigPath}', so nothing is replicated. The build writes it "
                                + $"where it finds a database; Litestream:ConfigPath names another."
                    )
                );
            }

            UpdateStatus(status => status with { State = LitestreamState.Disabled });
            return;
        }

        _notRunning = plan;
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        AppDomain.CurrentDomain.UnhandledException += OnUnhandledException;
        try
        {
            await new RestoreGate(plan, plan.FindExecutable, _logger).RunAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (LitestreamException)
        {
            // The app does not start, and says why.
            _notRunning = null;
            throw;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // With a database missing the app would start empty over a full replica; with all of them there it loses
            // nothing by starting.
            var unexpected = UnexpectedError.Diagnostic(exception, "The restore at start was not done.");
            if (plan.Databases.Any(database => !File.Exists(database.Path)))
            {
                _notRunning = null;
                throw new LitestreamException(unexpected with { Code = "LSB5002" }, exception);
            }

            FailUnexpectedly(exception);
            return;
        }

        try
        {
            _executable = plan.FindExecutable();
        }
        catch (LitestreamException exception)
        {
            // The app's data is safe where it is; that nothing is replicated must be seen, but is no reason to be down.
            var diagnostic =
                exception.Diagnostic.Code == "LSB2008"
                    ? exception.Diagnostic
                    : new LitestreamDiagnostic(
                        "LSB5001",
                        LitestreamSeverity.Error,
                        $"Nothing is replicated: {exception.Diagnostic.Message}"
                    );
            UpdateStatus(status => status with { State = LitestreamState.Failed, LastError = diagnostic.ToString() });
            ReplicatorLog.Critical(_logger, diagnostic);
            _whyNotRunning = $"litestream never ran ({diagnostic.Code})";
        }

        _plan = plan;
        if (_executable is not null)
        {
            // Before the app can write: what it does between Build() and Run() is under litestream's mark, or a reader
            // of ours.
            await BeginAsync(plan, _executable, _lifetime.ApplicationStopping, cancellationToken).ConfigureAwait(false);
        }
    }

    private void ReportDiscovered(ReplicationPlan plan)
    {
        foreach (var diagnostic in plan.Discovered.Diagnostics)
        {
            ReplicatorLog.Diagnostic(_logger, diagnostic);
        }

        if (plan.NotReplicated.Count == 0)
        {
            return;
        }

        UpdateStatus(status =>
            status with
            {
                NotReplicated = [.. plan.NotReplicated.Select(database => database.Path)],
            }
        );
        ReplicatorLog.Warning(_logger, plan.NotReplicatedWarning);
    }

    /// <summary>What is said at the start is no reason to fail.</summary>
    private void AnnounceSafely(ReplicationPlan plan)
    {
        try
        {
            Announce(plan);
        }
        catch (Exception exception)
        {
            ReplicatorLog.Error(
                _logger,
                UnexpectedError.Diagnostic(
                    exception,
                    "What is replicated could not be listed in full; it is replicated all the same."
                )
            );
        }
    }

    private void Announce(ReplicationPlan plan)
    {
        foreach (var diagnostic in plan.Config.Diagnostics)
        {
            ReplicatorLog.Diagnostic(_logger, diagnostic);
        }

        foreach (var database in plan.Databases)
        {
            foreach (var replica in database.Replicas)
            {
                var target = replica.Describe();
                if (plan.IsDiscovered(database))
                {
                    ReplicatorLog.ReplicatesDiscovered(_logger, database.Path, database.Key, target);
                }
                else
                {
                    ReplicatorLog.Replicates(_logger, database.Path, target);
                }

                if (replica.Folder is { } folder && Mounts.AreTheSame(database.Path, folder))
                {
                    ReplicatorLog.Warning(
                        _logger,
                        new LitestreamDiagnostic(
                            "LSB1101",
                            LitestreamSeverity.Warning,
                            $"The replica of '{database.Path}' is a folder on the same disk ('{replica.Location}'): "
                                + $"it helps against a lost file, not against a lost disk. Set "
                                + $"Litestream:ReplicaUrl to storage elsewhere."
                        )
                    );
                }
            }

            if (Mounts.Of(database.Path) is { } drive && Mounts.NetworkFormat(drive) is { } format)
            {
                ReplicatorLog.Warning(
                    _logger,
                    new LitestreamDiagnostic(
                        "LSB5013",
                        LitestreamSeverity.Warning,
                        $"'{database.Path}' is on a network file system ({format}), where SQLite's locks, its WAL "
                            + $"mode and the lock against a second replicator do not work reliably. Keep the "
                            + $"database on a local "
                            + $"disk, and let the replica go over the network."
                    )
                );
            }

            var inContentRoot = Path.GetFullPath(database.ConfiguredPath, _environment.ContentRootPath);
            var isRelative =
                !Path.IsPathRooted(database.ConfiguredPath)
                && Path.GetFullPath(database.ConfiguredPath) == database.Path;
            if (isRelative && inContentRoot != database.Path && File.Exists(inContentRoot))
            {
                ReplicatorLog.Warning(
                    _logger,
                    new LitestreamDiagnostic(
                        "LSB5008",
                        LitestreamSeverity.Warning,
                        $"'{database.ConfiguredPath}' is '{database.Path}' to SQLite, which goes by the working "
                            + $"directory, but there is also '{inContentRoot}' in the content root. "
                            + "The first one is replicated. Use an absolute path, or start the app from its "
                            + "content root."
                    )
                );
            }
        }
    }

    private void OnFailed()
    {
        if (_plan!.Settings.OnFailure == OnFailure.StopApp)
        {
            Environment.ExitCode = 1;
            _failed.TrySetResult();

            // Once it has started, and on another thread: what stops the app waits for us.
            _lifetime.ApplicationStarted.Register(() => Task.Run(_lifetime.StopApplication));
        }
    }

    private void UpdateStatus(Func<LitestreamStatus, LitestreamStatus> update)
    {
        lock (_gate)
        {
            var before = _status;
            var after = update(before);
            if (after.State != before.State)
            {
                after = after with { Since = _time.GetUtcNow() };
            }

            if (after.Restarts != before.Restarts)
            {
                after = after with
                {
                    RestartTimes = [.. before.RestartTimes.TakeLast(RememberedRestarts - 1), _time.GetUtcNow()],
                };
            }

            _status = after;
            _metrics.Count(before, after);
            if (after.State == LitestreamState.Failed)
            {
                _failed.TrySetResult();
            }
        }
    }

    private void Exit(IHost host, int exitCode, LitestreamDiagnostic? diagnostic = null)
    {
        if (diagnostic is not null)
        {
            ReplicatorLog.Critical(_logger, diagnostic);
            if (_logsNowhere)
            {
                Console.Error.WriteLine(diagnostic);
            }
        }

        // Writes out what the loggers still hold. Services may be disposable in the asynchronous way only.
        _logger.Flush(LogPatience);
        if (host is IAsyncDisposable disposable)
        {
            Task.Run(() => disposable.DisposeAsync().AsTask()).GetAwaiter().GetResult();
        }
        else
        {
            host.Dispose();
        }

        Environment.Exit(exitCode);
    }
}
