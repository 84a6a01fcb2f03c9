using Litestream.Execution;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Sqlite;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// The loop of the supervision: looks at litestream and at the databases, has <see cref="DatabasePolicy"/> and
/// <see cref="ProcessPolicy"/> decide, and does what follows.
/// </summary>
internal sealed class SessionWatch(
    ReplicationPlan plan,
    IReadOnlyList<DatabaseSupervisor> databases,
    SessionProcess process,
    SessionLineage lineage,
    SessionChains chains,
    SessionAdmission admission,
    SessionReport report,
    Action<MetricsAnswer> onMetrics,
    ILogger logger,
    TimeProvider time
)
{
    /// <summary>Looks once a second, until litestream ends or has to be ended.</summary>
    /// <returns>Why it was ended; null when it ended on its own.</returns>
    public async Task<EndReason?> RunAsync(
        ReplicatorProcess? running,
        LockErrorWatch lockErrors,
        CancellationToken stopping
    )
    {
        var start = time.GetUtcNow();
        var look = new ProcessLook(start);
        foreach (var database in databases)
        {
            database.Begin(start);
        }

        while (true)
        {
            var now = await ObserveAsync(running, look, stopping).ConfigureAwait(false);
            var marks = chains.FindForeign(running?.ProcessId);
            var found = new List<EndReason?>();
            foreach (var database in databases)
            {
                found.Add(
                    await ActAsync(database, now, look.UploadedAt).ConfigureAwait(false)
                        ?? await chains.LookAsync(database, running, marks, look.Answer).ConfigureAwait(false)
                );
            }

            if (lockErrors.Take() is { } error && found.TrueForAll(reason => reason is null))
            {
                found.Add(admission.Suspect(error, now));
            }

            var isAsked = running is not null && process.Run!.HasMetrics;
            var seen = new ProcessObservation
            {
                Databases = found,
                Silence = isAsked ? now - look.SilentSince : null,
                AddressError = running is null ? null : process.Run!.AddressError,
            };
            var reason = ProcessPolicy.Decide(seen, plan.Settings.StallTimeout);
            report.UpdateState(running is not null);
            if (running is null)
            {
                if (reason is not null)
                {
                    return reason;
                }

                await Task.Delay(Thresholds.Look, time, stopping).ConfigureAwait(false);
                continue;
            }

            if (reason is not null)
            {
                await EndAsync(running, reason, stopping).ConfigureAwait(false);
                return reason;
            }

            await Task.WhenAny(running.Exited, Task.Delay(Thresholds.Look, time, stopping)).ConfigureAwait(false);
            stopping.ThrowIfCancellationRequested();
            if (running.Exited.IsCompleted)
            {
                return null;
            }
        }
    }

    /// <summary>Looks at the databases, and asks litestream where that is due.</summary>
    /// <returns>The time that the look holds for.</returns>
    private async Task<DateTimeOffset> ObserveAsync(
        ReplicatorProcess? running,
        ProcessLook look,
        CancellationToken stopping
    )
    {
        var now = time.GetUtcNow();
        look.NoteWritten(running is null ? 0 : LitestreamCommand.Bytes(running.ProcessId)?.Written ?? 0, now);
        var asks =
            running is not null
            && ProcessPolicy.Asks(
                now - look.AskedAt,
                look.SilentSince is not null,
                databases.Any(database => database.Tracker.IsPending || !database.IsSettled)
            );
        await admission.LookAsync(asks).ConfigureAwait(false);
        if (!asks)
        {
            return now;
        }

        look.NoteAsked(now);
        if (await process.Run!.ReadMetricsAsync(stopping).ConfigureAwait(false) is not { } metrics)
        {
            return now;
        }

        look.NoteAnswer(metrics);
        now = time.GetUtcNow();
        onMetrics(metrics);
        foreach (var database in databases)
        {
            database.ApplyMetrics(metrics, now);
        }

        return now;
    }

    /// <summary>Does what the look at a database calls for.</summary>
    /// <returns>Why litestream has to be ended; null when it has not.</returns>
    private async Task<EndReason?> ActAsync(
        DatabaseSupervisor database,
        DateTimeOffset now,
        DateTimeOffset uploadedAt
    )
    {
        var wasHealthy = database.State.Health == LitestreamHealth.Healthy;
        var decision = await database.DecideAsync(now, uploadedAt).ConfigureAwait(false);
        switch (decision.Action)
        {
            case DatabaseAction.CheckLineage when database.IsExcluded:
                return CheckLineageOfExcluded(database);
            case DatabaseAction.CheckLineage:
                lineage.NoteChanged(database);
                return new EndReason($"'{database.Path}' was deleted or replaced") { IsOtherFile = true };
            case DatabaseAction.Refuse:
                admission.Refuse(database);
                return null;
            case DatabaseAction.Pause:
                var why = database.Pause();
                report.Report(why);
                return new EndReason(why.ToString()) { IsPlanned = true };
            case DatabaseAction.Restart:
                if (database.State.NeedsNewLineage)
                {
                    // It may be another database's replica that is there now.
                    lineage.NoteChanged(database);
                }

                return new EndReason(decision.Reason);
            case DatabaseAction.Nudge
                when await LiveDatabase.NudgeAsync(database.Path).ConfigureAwait(false):
                ReplicatorLog.Nudged(logger, database.Path);
                return null;
        }

        report.ReportNews(database, wasHealthy);
        return null;
    }

    /// <summary>Takes the answer over, or asks: meanwhile its WAL has begun anew without litestream, and nobody has
    /// looked whether it is still the same database.</summary>
    private EndReason? CheckLineageOfExcluded(DatabaseSupervisor database)
    {
        var isAsked = database.Question is not null;
        if (isAsked)
        {
            lineage.TakeAnswer(database);
            report.FailIfNothingIsLeft();
        }
        else
        {
            if (database.State.Exclusion == Exclusion.Paused)
            {
                ReplicatorLog.Resumes(logger, database.Path);
            }

            lineage.Ask(database, wasThere: database.State.Exclusion != Exclusion.Held);
        }

        var what = isAsked ? "is the database in its replica" : "can be replicated again";
        return database.IsExcluded ? null : new EndReason($"'{database.Path}' {what}") { IsPlanned = true };
    }

    private async Task EndAsync(ReplicatorProcess running, EndReason reason, CancellationToken stopping)
    {
        await chains.BridgeAsync(running, lineage.Changed).ConfigureAwait(false);
        await process
            .Run!.AbandonAsync(ProcessPolicy.EndPatience(reason, isOtherFile: lineage.Changed.Count > 0))
            .ConfigureAwait(false);
        await Task.WhenAll(
                databases
                    .Where(database => database.State.NeedsNewLineage)
                    .Select(database => database.RemoveRemainsAsync())
            )
            .ConfigureAwait(false);
        await lineage.CheckChangedAsync(stopping).ConfigureAwait(false);
    }
}
