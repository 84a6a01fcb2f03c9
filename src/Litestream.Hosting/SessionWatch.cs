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
    SessionChanges changes,
    SessionRegistration registration,
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
            database.Begin(start);

        while (true)
        {
            await changes.ApplyAsync(stopping).ConfigureAwait(false);
            var now = await ObserveAsync(running, look, stopping).ConfigureAwait(false);
            var marks = chains.FindForeign(running?.ProcessId);
            var found = new List<EndReason?>();
            foreach (var database in databases)
            {
                found.Add(
                    await ActAsync(database, running, now, look.UploadedAt, stopping).ConfigureAwait(false)
                        ?? await chains.LookAsync(database, running, marks, look.Answer).ConfigureAwait(false)
                );
            }

            if (lockErrors.Take() is { } error && found.TrueForAll(reason => reason is null))
                found.Add(admission.Suspect(error, now));

            if (found.TrueForAll(one => one is null))
                found.Add(await ApplyRemovalsAsync(running, stopping).ConfigureAwait(false));

            var isAsked = running is not null && process.Run!.HasMetrics;
            var seen = new ProcessObservation
            {
                Databases = found,
                Silence = isAsked ? now - look.SilentSince : null,
                AddressError = running is null ? null : process.Run!.AddressError,
            };
            var reason = ProcessPolicy.Decide(seen, plan.Settings.StallTimeout);
            report.UpdateState(running is not null);
            reason ??= await PauseAsync(running, look, stopping).ConfigureAwait(false);
            if (reason is not null)
            {
                if (running is not null)
                    await EndAsync(running, reason, stopping).ConfigureAwait(false);

                return reason;
            }

            if (running?.Exited.IsCompleted == true)
                return null;
        }
    }

    /// <summary>Waits for the next look, or the end of litestream. Meanwhile what was just added is looked at, and
    /// nothing else: what is counted in looks must not be counted faster.</summary>
    private async Task<EndReason?> PauseAsync(
        ReplicatorProcess? running,
        ProcessLook look,
        CancellationToken stopping
    )
    {
        var exited = running?.Exited ?? new TaskCompletionSource<int>().Task;
        var next = time.GetUtcNow() + Thresholds.Look;
        while (next - time.GetUtcNow() is var left && left > TimeSpan.Zero && !exited.IsCompleted)
        {
            await Task.WhenAny(exited, changes.WaitAsync(left, stopping)).ConfigureAwait(false);
            stopping.ThrowIfCancellationRequested();
            await changes.ApplyAsync(stopping).ConfigureAwait(false);
            EndReason? reason = null;
            foreach (var database in changes.FreshDatabases.Where(changes.IsChanged))
            {
                var now = time.GetUtcNow();
                reason =
                    await ActAsync(database, running, now, look.UploadedAt, stopping).ConfigureAwait(false) ?? reason;
            }

            reason ??= await ApplyRemovalsAsync(running, stopping).ConfigureAwait(false);
            if (reason is not null)
                return reason;
        }

        changes.Age();
        return null;
    }

    private Task<EndReason?> ApplyRemovalsAsync(ReplicatorProcess? running, CancellationToken stopping) =>
        changes.ApplyRemovalsAsync(
            running is not null,
            database => registration.TryRemoveAsync(database, running!, stopping)
        );

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
                databases.Any(database =>
                    database.Tracker.IsPending || !database.IsSettled || database.Chain.HasReader
                )
            );
        await admission.LookAsync(asks).ConfigureAwait(false);
        if (!asks)
            return now;

        look.NoteAsked(now);
        if (await process.Run!.ReadMetricsAsync(stopping).ConfigureAwait(false) is not { } metrics)
            return now;

        look.NoteAnswer(metrics);
        now = time.GetUtcNow();
        onMetrics(metrics);
        foreach (var database in databases)
            database.ApplyMetrics(metrics, now);

        return now;
    }

    /// <summary>Does what the look at a database calls for.</summary>
    /// <returns>Why litestream has to be ended; null when it has not.</returns>
    private async Task<EndReason?> ActAsync(
        DatabaseSupervisor database,
        ReplicatorProcess? running,
        DateTimeOffset now,
        DateTimeOffset uploadedAt,
        CancellationToken stopping
    )
    {
        if (!database.IsOut && running is not null && !process.Has(database))
            return await AdmitAsync(database, running, "can be replicated now", stopping).ConfigureAwait(false);

        var wasHealthy = database.State.Health == LitestreamHealth.Healthy;
        var decision = await database.DecideAsync(now, uploadedAt).ConfigureAwait(false);
        switch (decision.Action)
        {
            case DatabaseAction.CheckLineage when database.IsExcluded:
                return await CheckLineageOfExcludedAsync(database, running, stopping).ConfigureAwait(false);
            case DatabaseAction.CheckLineage:
                lineage.NoteChanged(database);
                return new EndReason($"'{database.Path}' was deleted or replaced") { IsOtherFile = true };
            case DatabaseAction.Refuse:
                admission.Refuse(database);
                return null;
            case DatabaseAction.ExcludeForRoom:
                var why = database.ExcludeForRoom();
                report.Report(why);
                return running is not null && !process.Has(database)
                    ? null
                    : new EndReason(why.ToString()) { IsPlanned = true };
            case DatabaseAction.Restart or DatabaseAction.Nudge
                when database.Chain.IsBlocked && running is not null && !process.Has(database):
                // Its full copy cannot begin, which no restart changes; and litestream, which does not have it, would
                // not see a nudge.
                break;
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

    /// <summary>Takes the answer over, or asks: meanwhile its WAL has begun anew without litestream, and it is
    /// unknown whether it is still the same database.</summary>
    private async Task<EndReason?> CheckLineageOfExcludedAsync(
        DatabaseSupervisor database,
        ReplicatorProcess? running,
        CancellationToken stopping
    )
    {
        var isAsked = database.Question is not null;
        if (isAsked)
        {
            if (changes.IsWaitedFor(database))
                return null;

            if (
                running is not null
                && database.Question!.Answer.IsCompletedSuccessfully
                && process.UrlToAdd(database) is null
                && !changes.IsDue
            )
            {
                // Others were added a moment ago, too: litestream is started again for all of them.
                return null;
            }

            lineage.TakeAnswer(database);
            report.FailIfNothingIsLeft();
        }
        else
        {
            if (database.State.Exclusion == Exclusion.NoRoom)
                ReplicatorLog.Resumes(logger, database.Path);

            lineage.Ask(database, wasThere: database.State.Exclusion != Exclusion.Held);
        }

        var what = isAsked ? "is the database in its replica" : "can be replicated again";
        return database.IsExcluded ? null : await AdmitAsync(database, running, what, stopping).ConfigureAwait(false);
    }

    /// <returns>Why litestream has to be started again; null when it has the database now, or may not have it yet.
    /// </returns>
    private async Task<EndReason?> AdmitAsync(
        DatabaseSupervisor database,
        ReplicatorProcess? running,
        string what,
        CancellationToken stopping
    )
    {
        var url = running is null ? null : process.UrlToAdd(database);
        if (running is not null && url is null && !changes.IsDue)
            return null;

        if (!admission.TryAdmit(database))
            return null;

        if (url is not null && await registration.TryAddAsync(database, url, running!, stopping).ConfigureAwait(false))
            return null;

        if (running is not null)
            changes.NoteRestart();

        return new EndReason($"'{database.Path}' {what}") { IsPlanned = true };
    }

    private async Task EndAsync(ReplicatorProcess running, EndReason reason, CancellationToken stopping)
    {
        // What litestream has read of another file is of no use.
        await chains.BridgeAsync(running, databases.Except(lineage.Changed)).ConfigureAwait(false);
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
