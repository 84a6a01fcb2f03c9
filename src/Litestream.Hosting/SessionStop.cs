using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
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
            return;

        report.UpdateStopping();
        chains.BeginReaders();
        chains.BreakUnread();
        if (!run.IsRunning)
            await chains.CutAsync(CancellationToken.None).ConfigureAwait(false);

        await ExcludeReplacedAsync().ConfigureAwait(false);
        using var activity = LitestreamActivities.Start("litestream.drain");
        var notSent = await SendAsync(run, deadline).ConfigureAwait(false);
        if (BreakAtGaps() is { Count: > 0 } broken && notSent is null && time.GetUtcNow() < deadline)
        {
            await chains.CutAsync(CancellationToken.None).ConfigureAwait(false);
            process.Exclude(broken.Where(database => database.Chain.IsBlocked));
            notSent = await SendAsync(run, deadline).ConfigureAwait(false);
            BreakAtGaps();
        }

        if (notSent is not null)
        {
            activity?.SetStatus(ActivityStatusCode.Error, notSent.Code);
            report.ReportFailure(notSent);
        }

        await ReportUnsentAsync(deadline).ConfigureAwait(false);
        if (
            report.Failure is null
            && databases.Any(database => !database.IsOut)
            && !databases.Any(database => database.State.Exclusion is Exclusion.NoRoom or Exclusion.Question)
        )
        {
            ReplicatorLog.Drained(logger);
        }
    }

    private Task<LitestreamDiagnostic?> SendAsync(ReplicatorRun run, DateTimeOffset deadline) =>
        run.DrainAsync(deadline - time.GetUtcNow(), () => ReplicatorLog.FinalPass(logger));

    /// <summary>
    /// A litestream that ran only for a moment may not have been looked at yet: where it did not continue what the one
    /// before it had read, a full copy has to follow. If it cannot be sent now, the next start sends it.
    /// </summary>
    private List<DatabaseSupervisor> BreakAtGaps()
    {
        var broken = new List<DatabaseSupervisor>();
        foreach (
            var database in databases.Where(one => !one.IsOut && !one.Chain.NeedsRestart && process.Has(one))
        )
        {
            if (database.Chain.FindGap(database.Tracker.HasSkipped) is { } gap)
            {
                chains.Break(database, gap);
                broken.Add(database);
            }
        }

        return broken;
    }

    /// <summary>
    /// Says what the replicas did not take, and how much; once. Called when no litestream runs any more, at the stop of
    /// an app whose replication has failed too.
    /// </summary>
    /// <param name="deadline">Until when a storage is asked; null: now. It is asked a moment longer.</param>
    public async Task ReportUnsentAsync(DateTimeOffset? deadline = null)
    {
        if (_hasReportedUnsent)
            return;

        _hasReportedUnsent = true;
        if (locks.Held is null)
        {
            // Another process has them, or no process can.
            var why = $"litestream did not run here ({report.Failure?.Code ?? "LSB5003"})";
            report.Failure ??= ReportNotRun(plan.Databases, why, report.Report);
            return;
        }

        var end = (deadline ?? time.GetUtcNow()) + ReplicaListing.ShortPatience;
        foreach (var database in databases)
        {
            database.NoteStop();
            if (!database.IsExcluded)
            {
                var now = time.GetUtcNow();
                await database.FinishAsync(now, end - now).ConfigureAwait(false);
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

        // What was added just before the stop waits for an answer, or for others.
        var added = databases
            .Where(database =>
                database.Question is { Trouble: null } || (!database.IsOut && !process.Has(database))
            )
            .ToList();
        if (admitted.Count + added.Count == 0 || locks.Held is null)
            return;

        if (process.Run is { IsRunning: true } run)
        {
            chains.BeginReaders();
            await run.AbandonAsync(Thresholds.PlannedPatience).ConfigureAwait(false);
        }

        admitted.ForEach(database => lineage.Ask(database, wasThere: false));
    }

    /// <summary>
    /// Continues what the stop has interrupted before litestream ran: the locks, when the app that replicated the
    /// databases has ended just before this one, and the checks of the lineage. What this app has committed is sent in
    /// a final pass then.
    /// </summary>
    private async Task FinishStartAsync(TimeSpan patience)
    {
        if (process.IsRunning)
            return;

        var deadline = time.GetUtcNow() + patience;
        if (locks.Held is null)
        {
            await AcquireLocksAsync(patience).ConfigureAwait(false);
            if (locks.Held is null)
                return;

            foreach (var database in databases.Where(database => !database.IsExcluded))
                lineage.Ask(database, wasThere: false);
        }

        var asked = databases.Where(database => database.Question is not null).ToList();
        await lineage
            .AwaitAsync(asked, deadline - time.GetUtcNow(), CancellationToken.None)
            .ConfigureAwait(false);
        if (process.Run is null)
        {
            await admission.ApplyAsync(isLast: true).ConfigureAwait(false);
            process.Prepare(locks.Held);
        }

        asked.ForEach(database => admission.TryAdmit(database, isLast: true));
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
            await process.EndAsync().ConfigureAwait(false);

        process.Exclude(replaced.Concat(lineage.Changed));
    }
}
