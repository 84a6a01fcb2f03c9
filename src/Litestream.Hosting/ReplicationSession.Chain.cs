using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases.V03;
using Litestream.Replication;
using Litestream.Sqlite;

namespace Litestream.Hosting;

/// <summary>
/// How the chain from the WAL to the replica is kept while the app replicates, and what is done where it could not be.
/// </summary>
internal sealed partial class ReplicationSession
{
    private static readonly TimeSpan BridgePatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BystanderMemory = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SignalMemory = TimeSpan.FromSeconds(10);

    private readonly HashSet<int> _bystanders = [];
    private DateTimeOffset _bystandersSince;
    private DateTimeOffset _keepReadersUntil;
    private bool _hasReportedUnsent;
    private string? _failedBy;

    /// <summary>
    /// A signal to the whole group ends litestream while the app still writes: from now on nobody restarts the WAL.
    /// From any thread.
    /// </summary>
    public void BeginReaders()
    {
        _keepReadersUntil = time.GetUtcNow() + SignalMemory;
        _databases.FindAll(database => !database.IsOut).ForEach(database => database.Chain.BeginReader());
    }

    /// <summary>The same in the handler of a signal, where an exception would end the app.</summary>
    public void TryBeginReaders()
    {
        try
        {
            BeginReaders();
        }
        catch (Exception)
        {
            // Then a full copy may have to follow the next start.
        }
    }

    /// <summary>A full copy has to follow; the log says why.</summary>
    private void Break(DatabaseSupervisor database, string reason)
    {
        if (database.Chain.BrokenBy is null)
        {
            ReplicatorLog.ChainBroken(logger, database.Database.Path, reason);
        }

        database.Chain.Break(reason);
        database.JudgeChain(time.GetUtcNow());
    }

    /// <summary>
    /// Litestream ended without a reader of ours: what it had not read may be gone from the WAL, and what it had read
    /// may never have been a commit.
    /// </summary>
    /// <param name="process">The one that ended; null where that is known already.</param>
    private void BreakAll(ReplicatorProcess? process)
    {
        foreach (
            var database in _databases.Where(database =>
                !database.IsOut
                && _run?.Excluded.Contains(database.Database.Path) == false
                && !database.Chain.HasReader
                && FileStamp.Of(database.Database.Path) is { Size: > 0 }
            )
        )
        {
            Break(
                database,
                process is null ? "litestream was stopped beside the running app" : "litestream ended by itself"
            );
        }

        updateStatus(status => status with { Databases = Describe(status) });
    }

    /// <summary>
    /// Begins the full copies that have to follow, while no litestream runs on the databases: the others are not kept
    /// waiting for those whose readers do not end.
    /// </summary>
    private async Task CutAsync(TimeSpan patience, CancellationToken cancellationToken, bool isBeforeApp = false)
    {
        var deadline = time.GetUtcNow() + patience;
        for (
            var left = _databases.FindAll(database => database is { Excluded: null, Chain.IsBlocked: true });
            left.Count > 0;

        )
        {
            await Task.WhenAll(left.Select(database => TryCutAsync(database, isBeforeApp))).ConfigureAwait(false);
            left.RemoveAll(database => !database.Chain.IsBlocked);
            if (left.Count == 0 || time.GetUtcNow() >= deadline)
            {
                return;
            }

            await Task.Delay(CutPause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task TryCutAsync(DatabaseSupervisor database, bool isBeforeApp = false)
    {
        var isCut = await Task.Run(() => database.Chain.TryCut(isBeforeApp)).ConfigureAwait(false);
        if (isCut && database.Chain.NeedsRestart)
        {
            database.JudgeChain(time.GetUtcNow());
            var message = $"{database.Chain.Explain()!["LSB5028: ".Length..]}.";
            Report(new LitestreamDiagnostic("LSB5028", LitestreamSeverity.Error, message));
        }
    }

    /// <summary>
    /// Looks whether a litestream that is not ours is at work: a system service, or one that has started this app. It
    /// is known by its locks and its command line; one in another pid namespace
    /// cannot be seen.
    /// </summary>
    private void FindForeign(IReadOnlyDictionary<string, ShmLocks>? marks, int? own)
    {
        var now = time.GetUtcNow();
        if (now - _bystandersSince >= BystanderMemory)
        {
            // A number may be another process's by now.
            _bystanders.Clear();
            _bystandersSince = now;
        }

        foreach (var database in _databases)
        {
            var path = database.Database.Path;
            var others = (marks?[path].Processes ?? [])
                .Where(id => id != own && id != Environment.ProcessId && !_bystanders.Contains(id))
                .ToList();
            var replicators = others.FindAll(LitestreamProcess.IsReplicator);
            _bystanders.UnionWith(others.Except(replicators));
            if (!database.Chain.FindForeign(replicators))
            {
                continue;
            }

            database.Chain.Break("another litestream was at work on it");
            database.JudgeChain(now);
            Report(
                new LitestreamDiagnostic(
                    "LSB5003",
                    LitestreamSeverity.Error,
                    $"{database.Chain.Explain()!["LSB5003: ".Length..]}. Two of them would destroy the replica, so "
                        + $"this app does not replicate it. End that one, or set Litestream:Enabled to false "
                        + $"here. When it has "
                        + $"ended, this app sends a full copy."
                )
            );
        }
    }

    /// <summary>
    /// Looks whether a generation has appeared that our litestream did not begin: the trace of another one that cannot
    /// be seen, in another container for example.
    /// </summary>
    /// <returns>Why litestream has to be started again; null when it need not.</returns>
    private EndReason? LookForTraces(DatabaseSupervisor database)
    {
        if (
            plan.Settings.AdoptReplica
            || database.Watch.Generation is not { } generation
            || database.IsOwnGeneration(generation)
        )
        {
            return null;
        }

        ExcludeTraced(database);
        return new EndReason(database.Problem!) { IsPlanned = true };
    }

    private void ExcludeTraced(DatabaseSupervisor database)
    {
        database.ExcludeForTraces(
            new LitestreamDiagnostic(
                "LSB5023",
                LitestreamSeverity.Error,
                $"Another litestream has written to the replica of '{database.Database.Path}' "
                    + $"(generation {database.Watch.Generation}): one in another container, or one that ran "
                    + $"while this app "
                    + $"did not. Nothing is sent. "
                    + "Make sure that none runs, then set Litestream:AdoptReplica to true for one start."
            )
        );
        Tell(database, isCritical: true);
    }

    /// <summary>Looks at the mark of a database, and at what a killed process may have left in its WAL.</summary>
    /// <returns>Why litestream has to be started again; null when it need not.</returns>
    private async Task<EndReason?> LookAtChainAsync(
        DatabaseSupervisor database,
        ReplicatorProcess? process,
        IReadOnlyDictionary<string, ShmLocks>? marks,
        MetricsAnswer? answer
    )
    {
        var path = database.Database.Path;
        var runs = process is not null && !_run!.Excluded.Contains(path);
        if (database.Excluded is null && database.Chain.IsBlocked && !runs)
        {
            await TryCutAsync(database).ConfigureAwait(false);
            return database.Chain.IsBlocked
                ? null
                : new EndReason($"the full copy of '{path}' can begin") { IsPlanned = true };
        }

        if (!runs)
        {
            if (database is { Excluded: not null, Question: null })
            {
                database.Chain.EndReader();
            }
            else if (database.Chain.Look(MarkState.Unknown, hasSynced: false) == ChainAction.GiveUpReader)
            {
                Break(database, "litestream did not begin to hold the WAL in time");
            }

            return null;
        }

        var mark = MarkOf(database, process!, marks);
        var hasSynced = answer?.Syncs(path) >= 1;
        switch (database.Chain.Look(mark, hasSynced))
        {
            case ChainAction.EndReader:
                if (!applicationStopping.IsCancellationRequested && time.GetUtcNow() >= _keepReadersUntil)
                {
                    database.Chain.EndReader();
                }

                break;
            case ChainAction.GiveUpReader:
                Break(database, "litestream did not begin to hold the WAL in time");
                break;
            case ChainAction.Break:
                Break(database, "litestream lost its hold on the WAL");
                return new EndReason($"litestream lost its hold on the WAL of '{path}'") { IsPlanned = true };
        }

        if (LookForTraces(database) is { } traces)
        {
            return traces;
        }

        if (database.Chain.ForeignReplicator is { } other)
        {
            return new EndReason($"another litestream (process {other}) is at work on '{path}'") { IsPlanned = true };
        }

        if (database.Chain.IsBlocked)
        {
            return mark == MarkState.Held || (mark == MarkState.Unknown && hasSynced)
                ? new EndReason($"'{path}' needs a full copy") { IsPlanned = true }
                : null;
        }

        if (database.Chain.Mend(database.Watch.Replicated, database.Watch.IsPending))
        {
            ReplicatorLog.ChainMended(logger, path);
            return null;
        }

        if (
            mark == MarkState.Held
            && database.Chain.BrokenBy is null
            && await Task.Run(() => database.Chain.HasGhost(FileStamp.Of(WalFile.PathOf(path)))).ConfigureAwait(false)
        )
        {
            Break(database, "another process was killed while it committed");
            return new EndReason(
                $"a process that was killed has left a commit in the WAL of '{path}' that SQLite does not know of"
            )
            {
                IsPlanned = true,
            };
        }

        return null;
    }

    /// <summary>
    /// The mark, where the system tells: not where it does not even show the reader that we hold (some file systems
    /// show another file there than they give).
    /// </summary>
    private static MarkState MarkOf(
        DatabaseSupervisor database,
        ReplicatorProcess process,
        IReadOnlyDictionary<string, ShmLocks>? marks
    ) =>
        marks?[database.Database.Path] is not { } locks
        || (database.Chain.HasReader && !locks.Processes.Contains(Environment.ProcessId))
            ? MarkState.Unknown
            : locks.MarkOf(process.ProcessId);

    /// <summary>
    /// Begins readers of ours before litestream is ended by us, while it still holds its marks: the next one goes on
    /// where it was.
    /// </summary>
    private async Task BridgeAsync(ReplicatorProcess process)
    {
        var deadline = time.GetUtcNow() + BridgePatience;
        var bridged = _databases.FindAll(database =>
            !database.IsOut
            && !_toJudge.Contains(database)
            && !_run!.Excluded.Contains(database.Database.Path)
            && !database.Chain.HasReader
        );
        bridged.ForEach(database => database.Chain.BeginReader());
        var unread = bridged.FindAll(database =>
            !database.Chain.HasReader && LiveDatabase.MayBeOpened(database.Database.Path)
        );
        while (
            bridged.Count > 0 && ReplicationMark.Look(bridged.Select(database => database.Database.Path)) is { } marks
        )
        {
            bridged.RemoveAll(database => MarkOf(database, process, marks) is MarkState.Held or MarkState.Unknown);
            if (bridged.Count == 0 || process.Exited.IsCompleted || time.GetUtcNow() >= deadline)
            {
                break;
            }

            await Task.WhenAny(process.Exited, Task.Delay(CutPause, time)).ConfigureAwait(false);
        }

        foreach (
            var database in bridged
                .Where(_ => OperatingSystem.IsLinux())
                .Union(unread)
                .Where(database => FileStamp.Of(database.Database.Path) is { Size: > 0 })
        )
        {
            Break(database, "litestream did not hold the WAL when it was ended");
        }
    }

    /// <summary>
    /// Leaves a database as an app does that closes its last connection: complete in its file, without a WAL where
    /// nobody else has it open. What litestream needs to go on where it was is kept aside.
    /// </summary>
    private static async Task LeaveAsync(DatabaseSupervisor database)
    {
        WalMark? saved = null;
        if (database is { Chain: { BrokenBy: null, HasReader: true, CanSaveWal: true }, HasUnsent: false })
        {
            database.Chain.RenewReader();
            LiveDatabase.CheckpointPassively(database.Database.Path);
            saved = await database.Chain.SaveWalAsync().ConfigureAwait(false);
        }

        database.Leave(saved);
        database.Chain.EndReader();
        if (saved is not null)
        {
            LiveDatabase.CloseCleanly(database.Database.Path);
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
        if (_locks is null)
        {
            // Another process has them, or nobody can.
            var why = $"litestream did not run here ({Failure?.Code ?? "LSB5003"})";
            Failure ??= ReportNotRun(plan.Databases, why, Report);
            return;
        }

        foreach (var database in _databases)
        {
            if (database.Excluded is null)
            {
                await database.FinishAsync(time.GetUtcNow()).ConfigureAwait(false);
            }

            if (database.Unsent(_failedBy) is { } unsent)
            {
                Failure ??= unsent;
                Report(unsent);
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
            .Select(database => UnsentPolicy.Decide(UnsentLook.At(database, why)))
            .OfType<LitestreamDiagnostic>()
            .ToList();
        found.ForEach(report);
        return found.FirstOrDefault();
    }
}
