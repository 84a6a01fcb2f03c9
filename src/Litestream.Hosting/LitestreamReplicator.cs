using System.Diagnostics.Metrics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Replication;
using Litestream.Verification;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>Runs one of Litestream's commands to its end. Errors are reported, not thrown.</summary>
internal delegate Task<int> CommandRunner(
    LitestreamReplicator replicator,
    IReadOnlyList<string> arguments,
    TextWriter output,
    Func<int> signal,
    CancellationToken cancellationToken
);

/// <summary>
/// Runs litestream as a child of the app for as long as the host runs: restores what is missing when the host is built,
/// starts before the app's services,
/// stops after their last write. One per host; get it from the host's services.
/// </summary>
public sealed class LitestreamReplicator : IHostedLifecycleService, IAsyncDisposable, IDisposable
{
    private readonly BackgroundLogger _logger;
    private readonly TimeProvider _time;
    private readonly bool _logsNowhere;
    private readonly bool _zeroCode;
    private readonly CommandRunner _runCommand;
    private readonly PlanSource _source;
    private readonly ReplicatorStatus _status;
    private readonly LitestreamMetrics _metrics;
    private readonly ReplicatorLifetime _lifetime;
    private readonly ReplicatorStart _start;
    private readonly RuntimeDatabases _runtime;
    private bool _isStarted;

    internal LitestreamReplicator(IServiceProvider services, bool zeroCode, CommandRunner runCommand)
    {
        var time = _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        (_zeroCode, _runCommand) = (zeroCode, runCommand);
        _logger = new(services.GetRequiredService<ILoggerFactory>().CreateLogger(ReplicatorLog.Category), time);
        _logsNowhere = !services.GetServices<ILoggerProvider>().Any();
        _source = new(services.GetRequiredService<IConfiguration>(), services.GetRequiredService<IHostEnvironment>());
        _status = new(time, (before, after) => _metrics!.Count(before, after));
        _metrics = new(services.GetService<IMeterFactory>(), () => Status, time);
        _lifetime = new(_logger, _status, time);
        _start = new(
            _source,
            _lifetime,
            _status,
            _metrics,
            services.GetRequiredService<IHostApplicationLifetime>(),
            _logger,
            _logsNowhere,
            time
        );
        _runtime = new(_start, _lifetime, _logger);
    }

    /// <summary>What it does at the moment.</summary>
    public LitestreamStatus Status => _status.Current;

    /// <summary>
    /// Replicates one database more from now on, such as that of a new tenant. Where the file does not exist it is
    /// restored first, if its replica has a backup; the app may open or create it when this has returned. Litestream is
    /// started again for it, at once where it comes alone, else once for several, every 2 s (release line 0.5) or 10 s
    /// (0.3); the database does not have to exist by then. It is not remembered: after the next start of the app, add
    /// it again.
    /// </summary>
    /// <param name="path">The file, absolute or as the app names it to SQLite. One that is already replicated stays as
    /// it is.</param>
    /// <param name="replicaUrl">Where it goes, as <c>LitestreamReplicaUrl</c>: the path of the database is added to it.
    /// Null: where the databases of a generated litestream.yml are, else beside the database.</param>
    /// <param name="cancellationToken">Ends the waiting; a restore that is under way leaves nothing behind.</param>
    /// <returns>Where replication is off (<c>Litestream:Enabled</c>), at once.</returns>
    /// <exception cref="LitestreamException">It is not replicated: LSB1011, its replica is another database's; LSB1012,
    /// it is already replicated to another place; LSB1013 to LSB1015 and LSB1045, its URL or path cannot be used;
    /// LSB5002, LSB5006, LSB400x, it cannot be restored; LSB5003, another process replicates it; LSB5009 and others, it
    /// is not the database in its replica; LSB5041, replication does not run.</exception>
    public Task AddDatabaseAsync(
        string path,
        string? replicaUrl = null,
        CancellationToken cancellationToken = default
    ) => _runtime.AddAsync(path, replicaUrl, cancellationToken);

    /// <summary>
    /// Ends the replication of one database, when all that is committed has arrived. Close it, or do not write to it,
    /// before that. The file and its backup stay, and it can be added again.
    /// </summary>
    /// <param name="path">The file, as for <see cref="AddDatabaseAsync"/>. One that is not replicated is nothing to
    /// do.</param>
    /// <param name="cancellationToken">Ends the waiting; it is removed all the same.</param>
    /// <exception cref="LitestreamException">LSB5042: commits have not arrived within <c>Litestream:StallTimeout</c>,
    /// so it is still replicated; LSB5041: replication has ended.</exception>
    public Task RemoveDatabaseAsync(string path, CancellationToken cancellationToken = default) =>
        _runtime.RemoveAsync(path, cancellationToken);

    /// <inheritdoc cref="ReplicatorStatus.Look" />
    internal (LitestreamStatus Status, OverallHealth Health) Look() => _status.Look();

    /// <summary>The version of the executable that runs; null before it is known.</summary>
    internal string? Version => _start.Executable?.Version;

    /// <summary>The last lines of the log.</summary>
    internal RecentLog RecentLog => _logger.Recent;

    /// <summary>What is replicated; null before that is known, and where nothing is.</summary>
    internal ReplicationPlan? CurrentPlan => _start.Plan;

    /// <inheritdoc cref="RuntimeDatabases.BeingAdded" />
    internal IReadOnlyList<string> BeingAdded => _runtime.BeingAdded;

    /// <inheritdoc cref="LitestreamMetrics.WalBytes" />
    internal double? WalBytes(string path) => _metrics.WalBytes(path);

    /// <summary>Verifies one database now, and puts what came out into the status, as a scheduled verification
    /// does.</summary>
    /// <param name="path">The file, absolute.</param>
    /// <param name="kind">Who asked, as the line of the log begins.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="LitestreamException">Those of <see cref="CreateClient"/>; LSB3003.</exception>
    internal async Task<VerificationResult> VerifyAsync(string path, string kind, CancellationToken cancellationToken)
    {
        var plan = CreatePlan();
        var result = await CreateClient()
            .VerifyAsync(
                path,
                new VerificationOptions { Timeout = plan.Settings.VerificationTimeout },
                cancellationToken
            )
            .ConfigureAwait(false);
        new VerificationReport(_logger, _time, () => Status, _status.Update).Report(result, kind);
        return result;
    }

    /// <summary>A client for the configuration that is replicated, or would be.</summary>
    /// <exception cref="LitestreamException">LSB3004: there is no litestream.yml; LSB1xxx: it or a setting is wrong;
    /// LSB2003, LSB2004, LSB2008: there is no executable that can be run.</exception>
    internal LitestreamClient CreateClient()
    {
        var plan = CreatePlan();
        return new LitestreamClient(_start.Executable ?? plan.FindExecutable(), plan.Config);
    }

    /// <summary>What is replicated, or would be.</summary>
    /// <exception cref="LitestreamException">LSB3004, LSB1xxx.</exception>
    internal ReplicationPlan CreatePlan() => _start.Plan ?? _source.Require();

    /// <inheritdoc cref="PlanSource.CreateOptions" />
    internal EffectiveConfigOptions CreateOptions() => _source.CreateOptions();

    /// <inheritdoc cref="PlanSource.FindExecutable" />
    internal LitestreamExecutable FindExecutable() => _source.FindExecutable();

    /// <inheritdoc cref="ReplicatorStart.ReplicateAsync" />
    internal Task ReplicateAsync(ReplicationPlan plan, CancellationToken cancellationToken) =>
        _start.ReplicateAsync(plan, cancellationToken);

    /// <summary>Runs one of Litestream's commands in the place of the app. Signals end it.</summary>
    internal async Task<int> RunCommandAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        CommandProcess.DivertOutput();
        using var signals = new SignalWatch();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, signals.Token);
        return await _runCommand(this, arguments, CommandProcess.Output, () => signals.ExitCode, stop.Token)
            .ConfigureAwait(false);
    }

    /// <summary>
    /// Runs inside <c>Build()</c>. A zero-code failure ends the process with one log line and an exit code: there is no
    /// code of the app that could catch it.
    /// </summary>
    internal void OnHostBuilt(IHost host)
    {
        if (CommandProcess.Arguments is { } arguments && !HostEvents.IsForeignProcess)
        {
            if (HostEvents.AutoStarts)
                Exit(host, Task.Run(() => RunCommandAsync(arguments, CancellationToken.None)).GetAwaiter().GetResult());

            // The app's own code runs it; nothing is restored for it.
            return;
        }

        var signals = new SignalWatch();
        try
        {
            using (signals)
                Task.Run(() => _start.PrepareAsync(signals.Token)).GetAwaiter().GetResult();
        }
        catch (Exception) when (signals.ExitCode != 0)
        {
            // The signal may have ended the restore before it reached us: either way it is what ends the app.
        }
        catch (LitestreamException exception) when (_zeroCode)
        {
            foreach (var finding in exception.Diagnostics.Where(finding => finding != exception.Diagnostic))
                ReplicatorLog.Diagnostic(_logger, finding);

            Exit(host, 1, exception.Diagnostic);
        }
        catch (Exception exception) when (exception is not LitestreamException)
        {
            _start.FailUnexpectedly(exception);
        }

        if (signals.ExitCode != 0)
            Exit(host, signals.ExitCode);

        _logger.Flush(Thresholds.LogPatience);
    }

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => StartAsync(cancellationToken);

    // The web host from before the generic one knows no StartingAsync.
    Task IHostedService.StartAsync(CancellationToken cancellationToken) =>
        _isStarted ? Task.CompletedTask : StartAsync(cancellationToken);

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

        _isStarted = true;

        try
        {
            // A host that raises no events (a custom one) is restored here, before the app's own services start.
            await _start.PrepareAsync(cancellationToken).ConfigureAwait(false);
            if (!_lifetime.IsStopping)
                await StartReplicationAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not (LitestreamException or OperationCanceledException))
        {
            _start.FailUnexpectedly(exception);
        }
    }

    private async Task StartReplicationAsync(CancellationToken cancellationToken)
    {
        if (_start.Plan is { Patterns.IsEmpty: false } plan)
            _lifetime.WatchPatterns(new PatternWatch(plan, _runtime, _status.Update, _logger, _time));

        var published = _source.PublishedDatabases(_start.Plan);
        _lifetime.Publish(() => _start.Plan?.Databases ?? published);
        if (_start.Plan is null)
            return;

        if (_lifetime.Session is not { } session)
        {
            _start.OnFailed();
            return;
        }

        // A storage that has to be asked first and does not answer must not keep the app from its work.
        await Task.WhenAny(session.FirstAttempt, Task.Delay(Thresholds.FirstAttemptPatience, cancellationToken))
            .ConfigureAwait(false);
        _logger.Flush(Thresholds.LogPatience);
    }

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // The host's own shutdown budget may be used up by the app by now; this one is separate
    // (Litestream:ShutdownTimeout).
    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => _lifetime.StopAsync();

    /// <summary>Sends what is missing and ends litestream, if the host has not done so.</summary>
    public async ValueTask DisposeAsync()
    {
        await _lifetime.StopAsync().ConfigureAwait(false);
        _metrics.Dispose();
        _logger.Dispose();
    }

    /// <inheritdoc cref="DisposeAsync" />
    public void Dispose()
    {
        _lifetime.Dispose();
        _metrics.Dispose();
        _logger.Dispose();
    }

    private void Exit(IHost host, int exitCode, LitestreamDiagnostic? diagnostic = null)
    {
        if (diagnostic is not null)
        {
            ReplicatorLog.Critical(_logger, diagnostic);
            if (_logsNowhere)
                Console.Error.WriteLine(diagnostic);
        }

        // Writes out what the loggers still hold. Services may be disposable in the asynchronous way only.
        _logger.Flush(Thresholds.LogPatience);
        if (host is IAsyncDisposable disposable)
            Task.Run(() => disposable.DisposeAsync().AsTask()).GetAwaiter().GetResult();
        else
            host.Dispose();

        Environment.Exit(exitCode);
    }
}
