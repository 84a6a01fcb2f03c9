using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>The stop of a session: the last commits are sent, and what was not sent is reported.</summary>
internal sealed class SessionStop(
    ReplicationPlan plan,
    IReadOnlyList<DatabaseSupervisor> databases,
    SessionLocks locks,
    SessionLineage lineage,
    SessionAdmission admission,
    SessionChains chains,
    SessionProcess process,
    SessionReport report,
    ILogger logger,
    TimeProvider time
)
{
    private bool _hasReportedUnsent;

    /// <summary>Sends the last commits.</summary>
    public async Task DrainAsync()
    {
        var deadline = time.GetUtcNow() + plan.Settings.ShutdownTimeout;
        await AdmitAsync().ConfigureAwait(false);
        await FinishStartAsync(plan.Settings.ShutdownTimeout / 2).ConfigureAwait(false);
        if (process.Run is not { } run)
        {
            return;
        }

        report.UpdateStopping();
        chains.BeginReaders();
        if (!run.IsRunning)
        {
            await chains.CutAsync(CancellationToken.None).ConfigureAwait(false);
        }

        await ExcludeReplacedAsync().ConfigureAwait(false);
        using var activity = LitestreamActivities.Start("litestream.drain");
        if (
            await run.DrainAsync(deadline - time.GetUtcNow(), () => ReplicatorLog.FinalPass(logger))
                .ConfigureAwait(false) is
            { } notSent
        )
        {
            activity?.SetStatus(ActivityStatusCode.Error, notSent.Code);
            report.ReportFailure(notSent);
        }

        await ReportUnsentAsync().ConfigureAwait(false);
        if (
            report.Failure is null
            && databases.Any(database => !database.IsOut)
            && !databases.Any(database => database.State.Exclusion is Exclusion.Paused or Exclusion.Question)
        )
        {
            ReplicatorLog.Drained(logger);
        }
    }

    /// <summary>
    /// Says what the replicas did not take, and how much; once. Called when no litestream runs any more, at the stop of
    /// an app whose replication has failed too.
    /// </summary>
    public async Task ReportUnsentAsync()
    {
        if (_hasReportedUnsent)
        {
            return;
        }

        _hasReportedUnsent = true;
        if (locks.Held is null)
        {
            // Another process has them, or nobody can.
            var why = $"litestream did not run here ({report.Failure?.Code ?? "LSB5003"})";
            report.Failure ??= ReportNotRun(plan.Databases, why, report.Report);
            return;
        }

        foreach (var database in databases)
        {
            if (!database.IsExcluded)
            {
                await database.FinishAsync(time.GetUtcNow()).ConfigureAwait(false);
            }

            if (database.Unsent(report.FailedBy) is { } unsent)
            {
                report.Failure ??= unsent;
                report.Report(unsent);
            }
        }
    }

    /// <summary>The same where no litestream ran at all.</summary>
    /// <returns>The first that was said; null when none was.</returns>
    public static LitestreamDiagnostic? ReportNotRun(
        IEnumerable<EffectiveDatabase> databases,
        string why,
        Action<LitestreamDiagnostic> report
    )
    {
        var found = databases
            .Where(database => database.Replicas.Count > 0)
            .Select(database => UnsentPolicy.Decide(UnsentProbe.At(database, why)))
            .OfType<LitestreamDiagnostic>()
            .ToList();
        found.ForEach(report);
        return found.FirstOrDefault();
    }

    /// <summary>
    /// What got its first table just before the stop is sent in the final pass, like everything else.
    /// </summary>
    private async Task AdmitAsync()
    {
        var now = time.GetUtcNow();
        var admitted = databases.Where(database => database.IsAdmittedAtLast(now)).ToList();
        if (admitted.Count == 0 || locks.Held is null)
        {
            return;
        }

        if (process.Run is { IsRunning: true } run)
        {
            chains.BeginReaders();
            await run.AbandonAsync(Thresholds.PlannedPatience).ConfigureAwait(false);
        }

        admitted.ForEach(database => lineage.Ask(database, wasThere: false));
    }

    /// <summary>
    /// Goes on with what the stop has interrupted before litestream ran: the locks, when the app that replicated the
    /// databases has ended just before this one, and the checks of the lineage. What this app has committed is sent in
    /// a final pass then.
    /// </summary>
    private async Task FinishStartAsync(TimeSpan patience)
    {
        if (process.IsRunning)
        {
            return;
        }

        var deadline = time.GetUtcNow() + patience;
        if (locks.Held is null)
        {
            await AcquireLocksAsync(patience).ConfigureAwait(false);
            if (locks.Held is null)
            {
                return;
            }

            foreach (var database in databases.Where(database => !database.IsExcluded))
            {
                lineage.Ask(database, wasThere: false);
            }
        }

        await lineage
            .AwaitAsync(
                [.. databases.Where(database => database.Question is not null)],
                deadline - time.GetUtcNow(),
                CancellationToken.None
            )
            .ConfigureAwait(false);
        if (process.Run is null)
        {
            await admission.ApplyAsync(isLast: true).ConfigureAwait(false);
            process.Prepare(locks.Held);
        }
    }

    private async Task AcquireLocksAsync(TimeSpan patience)
    {
        using var end = new CancellationTokenSource(patience, time);
        try
        {
            await locks.TryAcquireAsync(end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            report.Failure = new LitestreamDiagnostic(
                "LSB5005",
                LitestreamSeverity.Error,
                "The litestream of a killed app was still running when this app ended, so the commits of this "
                    + "app were not sent. The next start sends them, if the database still exists."
            );
            report.Report(report.Failure);
        }
    }

    /// <summary>
    /// Keeps out of the last upload what came in the place of a database since it was last looked at, or has not been
    /// checked yet.
    /// </summary>
    private async Task ExcludeReplacedAsync()
    {
        var replaced = databases.Where(database => database.IsReplaced).ToList();
        if (replaced.Count > 0)
        {
            await process.EndAsync().ConfigureAwait(false);
        }

        process.Exclude(replaced.Concat(lineage.Changed));
    }
}
