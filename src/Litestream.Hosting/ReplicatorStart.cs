using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Replication;
using Microsoft.Extensions.Hosting;

namespace Litestream.Hosting;

/// <summary>
/// What comes before the session: the settings, the restore of what is missing, the executable. Used by one thread
/// after the other: where the host is built, where it starts, where it replicates without the app.
/// </summary>
internal sealed class ReplicatorStart(
    PlanSource source,
    ReplicatorLifetime lifetime,
    ReplicatorStatus status,
    LitestreamMetrics metrics,
    IHostApplicationLifetime appLifetime,
    BackgroundLogger logger,
    bool logsNowhere,
    TimeProvider time
)
{
    private bool _isPrepared;

    /// <summary>What is replicated, or should be; null before that is known, and where nothing is.</summary>
    public ReplicationPlan? Plan { get; private set; }

    /// <summary>What would be replicated if a database were added; null where there is one, and where nothing is to be
    /// replicated.</summary>
    public ReplicationPlan? Idle { get; private set; }

    /// <summary>Whether the app, or what it runs as, does not want replication.</summary>
    public bool IsOff { get; private set; }

    /// <summary>With what; null before it is found, and where there is none.</summary>
    public LitestreamExecutable? Executable { get; private set; }

    /// <summary>Restores what is missing, and begins the session; once.</summary>
    /// <exception cref="LitestreamException">The configuration is wrong, or a database cannot be restored: the app must
    /// not start.</exception>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (_isPrepared)
            return;

        _isPrepared = true;
        if (HostEvents.IsForeignProcess)
        {
            Disable();
            return;
        }

        var settings = source.ReadSettings();
        foreach (var diagnostic in UnknownNames.Of(source.CreateOptions(), isBuild: false))
            ReplicatorLog.Diagnostic(logger, diagnostic);

        if (!settings.Enabled)
        {
            Disable();
            if (source.SaysWhetherEnabled)
                ReplicatorLog.Off(logger);
            else
                ReplicatorLog.OffInDevelopment(logger);

            return;
        }

        var plan = source.Create(settings);
        ReportDiscovered(plan);
        lifetime.WatchOpenDatabases(
            new OpenDatabaseWatch(plan, logger, time, OpenSqliteFiles.OfThisProcess, status.Update)
        );
        if (plan.Databases.Count == 0 && plan.Patterns.IsEmpty)
        {
            ReportNothing(plan, settings.ConfigPath);
            Idle = plan;
            Disable();
            return;
        }

        lifetime.Expect(plan);
        if (!await RestoreAsync(plan, cancellationToken).ConfigureAwait(false))
            return;

        ReportEmptyPatterns(plan);
        Executable = FindExecutable(plan);
        SetPlan(plan);
        if (Executable is not null)
        {
            // Before the app can write: what it does between Build() and Run() is under litestream's mark, or a reader
            // of ours.
            await BeginAsync(plan, Executable, appLifetime.ApplicationStopping, cancellationToken)
                .ConfigureAwait(false);
        }
    }

    /// <summary>Begins a session without a database: one is added next.</summary>
    /// <exception cref="LitestreamException">LSB2003, LSB2004, LSB2008: there is no executable that can be
    /// run.</exception>
    public async Task BeginIdleAsync()
    {
        var plan = Idle!;
        Executable = plan.FindExecutable();
        SetPlan(plan);
        status.Update(before => before with { LastError = null });
        await BeginAsync(plan, Executable, appLifetime.ApplicationStopping, CancellationToken.None)
            .ConfigureAwait(false);
        Idle = null;
    }

    /// <summary>Replicates without the app until it is cancelled, then sends what was committed last.</summary>
    /// <exception cref="LitestreamException">LSB3004: there is no database; LSB4011: a newer release
    /// line wrote its replica last; LSB5009, LSB5012: it is not the one whose
    /// lineage is in its replica, or it is missing; LSB5005, LSB5014 and others: it failed for good, or not everything
    /// was sent.</exception>
    public async Task ReplicateAsync(ReplicationPlan plan, CancellationToken cancellationToken)
    {
        if (plan.Databases.Count == 0)
        {
            throw new LitestreamException(
                "LSB3004",
                $"'{plan.Settings.ConfigPath}' has no database to replicate, so nothing is replicated. Add one."
            );
        }

        Executable = plan.FindExecutable();
        SetPlan(plan);
        try
        {
            // Nothing restores it here: that is somebody else's turn, before this.
            await LineageCheck
                .RefuseAsync(Executable, plan.Config, plan.Settings.AdoptReplica, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (LitestreamException exception)
            when (exception.Diagnostic.Code is not ("LSB4011" or "LSB5009" or "LSB5012"))
        {
            // A storage that does not answer yet; the session says so and waits for it.
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }

        var session = await BeginAsync(plan, Executable, cancellationToken, cancellationToken).ConfigureAwait(false);
        var end = Task.Delay(Timeout.Infinite, cancellationToken);
        await Task.WhenAny(lifetime.Run, status.Failed, session.IsOver, end).ConfigureAwait(false);
        await lifetime.StopAsync().ConfigureAwait(false);
        if ((lifetime.NotStopped ?? session.Failure) is { } failure)
            throw new LitestreamException(failure);
    }

    /// <summary>
    /// Nothing of ours that was not foreseen ends the app: it continues without replication, and logs that.
    /// </summary>
    public void FailUnexpectedly(Exception exception)
    {
        var diagnostic = UnexpectedError.Diagnostic(exception, "Nothing is replicated.");
        Fail(diagnostic);
        if (logsNowhere)
            Console.Error.WriteLine(diagnostic);
    }

    /// <summary>Nothing is replicated for good: that may be the end of the app.</summary>
    public void OnFailed()
    {
        if (Plan!.Settings.OnFailure == OnFailure.StopApp)
        {
            Environment.ExitCode = 1;
            status.NoteFailed();

            // Once it has started, and on another thread: what stops the app waits for us.
            appLifetime.ApplicationStarted.Register(() => Task.Run(appLifetime.StopApplication));
        }
    }

    private async Task<ReplicationSession> BeginAsync(
        ReplicationPlan plan,
        LitestreamExecutable executable,
        CancellationToken applicationStopping,
        CancellationToken cancellationToken
    )
    {
        // A replica in a folder that does not answer must not keep the app from its work.
        ReplicatorLifetime
            .OnOwnThread(() => StartAnnouncement.Write(plan, source.ContentRoot, logger))
            .Wait((int)Thresholds.AnnouncementPatience.TotalMilliseconds, CancellationToken.None);
        status.Update(before =>
            before with
            {
                Databases = [.. plan.Databases.Select(database => new LitestreamDatabaseStatus(database.Path))],
            }
        );
        var session = new ReplicationSession(
            plan,
            executable,
            logger,
            time,
            status,
            metrics.OnAnswer,
            OnFailed,
            applicationStopping
        );
        await lifetime.BeginAsync(session, plan, executable, cancellationToken).ConfigureAwait(false);
        return session;
    }

    /// <returns>False when it was not done, and the app continues without replication.</returns>
    private async Task<bool> RestoreAsync(ReplicationPlan plan, CancellationToken cancellationToken)
    {
        try
        {
            await new RestoreGate(plan.Settings, plan.Config, plan.FindExecutable, logger)
                .RunAsync(plan.Databases, cancellationToken)
                .ConfigureAwait(false);
            return true;
        }
        catch (LitestreamException)
        {
            // The app does not start, and says why.
            lifetime.ExpectNothing();
            throw;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // With a database missing the app would start empty over a full replica; with all of them there it loses
            // nothing by starting.
            var unexpected = UnexpectedError.Diagnostic(exception, "The restore at start failed.");
            if (plan.Databases.Any(database => !File.Exists(database.Path)))
            {
                lifetime.ExpectNothing();
                throw new LitestreamException(unexpected with { Code = "LSB5002" }, exception);
            }

            FailUnexpectedly(exception);
            return false;
        }
    }

    /// <summary>
    /// Null where there is none: the app's data is safe where it is; that nothing is replicated must be seen, but is no
    /// reason to be down.
    /// </summary>
    private LitestreamExecutable? FindExecutable(ReplicationPlan plan)
    {
        try
        {
            return plan.FindExecutable();
        }
        catch (LitestreamException exception)
        {
            Fail(
                exception.Diagnostic.Code == "LSB2008"
                    ? exception.Diagnostic
                    : new LitestreamDiagnostic(
                        "LSB5001",
                        LitestreamSeverity.Error,
                        $"Nothing is replicated: {exception.Diagnostic.Message}"
                    )
            );
            return null;
        }
    }

    private void Fail(LitestreamDiagnostic diagnostic)
    {
        lifetime.NoteNotRunning($"litestream never ran ({diagnostic.Code})");
        status.Update(before => before with { State = LitestreamState.Failed, LastError = diagnostic.ToString() });
        ReplicatorLog.Critical(logger, diagnostic);
    }

    private void Disable()
    {
        IsOff = Idle is null;
        status.Update(before => before with { State = LitestreamState.Disabled });
    }

    private void SetPlan(ReplicationPlan plan)
    {
        Plan = plan;
        lifetime.SetPlan(plan);
    }

    private void ReportNothing(ReplicationPlan plan, string configPath)
    {
        foreach (var diagnostic in plan.Config.Diagnostics)
            ReplicatorLog.Diagnostic(logger, diagnostic);

        if (plan.NotReplicatedWarning is null)
        {
            var nothing = new LitestreamDiagnostic(
                OverallHealth.NothingConfigured,
                LitestreamSeverity.Warning,
                File.Exists(configPath)
                    ? $"'{configPath}' has no database to replicate, so nothing is replicated. Add one."
                    : $"'{configPath}' does not exist, so nothing is replicated. The build writes it "
                        + $"if it finds a database; Litestream:ConfigPath can name another file."
            );
            ReplicatorLog.Warning(logger, nothing);
            if (!IsMeant(plan.Config.Diagnostics))
                status.Update(before => before with { LastError = nothing.ToString() });
        }
    }

    /// <summary>Whether all that the configuration names needs no backup here: it is in memory, or only read.</summary>
    private static bool IsMeant(IReadOnlyList<LitestreamDiagnostic> findings) =>
        findings.Any(found => found.Code is "LSB1005" or "LSB1006")
        && findings.All(found => found.Severity == LitestreamSeverity.Message);

    /// <summary>What is missing and could be restored has been by now.</summary>
    private void ReportEmptyPatterns(ReplicationPlan plan)
    {
        var empty = plan.FindEmptyPatterns();
        if (empty.Count == 0)
            return;

        status.Update(before => before with { EmptyPatterns = empty });
        ReplicatorLog.Warning(
            logger,
            new LitestreamDiagnostic("LSB5031", LitestreamSeverity.Warning, plan.ExplainEmpty(empty))
        );
    }

    private void ReportDiscovered(ReplicationPlan plan)
    {
        foreach (var diagnostic in plan.Discovered.Diagnostics)
            ReplicatorLog.Diagnostic(logger, diagnostic);

        if (plan.NotReplicated.Count == 0)
            return;

        status.Update(before =>
            before with
            {
                NotReplicated = [.. plan.NotReplicated.Select(database => database.Path)],
            }
        );
        if (plan.NotReplicatedWarning is { } warning)
            ReplicatorLog.Warning(logger, warning);
    }
}
