using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Sqlite;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Keeps the chains from the WALs to the replicas whole while the app replicates, and begins full copies where they
/// could not be.
/// </summary>
internal sealed class SessionChains(
    ReplicationPlan plan,
    IReadOnlyList<DatabaseSupervisor> databases,
    SessionProcess process,
    SessionReport report,
    ILogger logger,
    TimeProvider time,
    CancellationToken applicationStopping
)
{
    private readonly HashSet<int> _bystanders = [];
    private DateTimeOffset _bystandersSince;

    // In ticks; the handler of a signal writes it.
    private long _keepReadersUntil;

    /// <summary>
    /// A signal to the whole group ends litestream while the app still writes: from now on nothing restarts the WAL.
    /// On any thread.
    /// </summary>
    public void BeginReaders()
    {
        Interlocked.Exchange(ref _keepReadersUntil, (time.GetUtcNow() + Thresholds.SignalMemory).UtcTicks);
        foreach (var database in databases.Where(database => !database.IsOut))
            database.Chain.BeginReader();
    }

    /// <summary>
    /// Litestream is about to end for the last time: where no reader of ours stands by now, somebody may restart the
    /// WAL before it is read, so a full copy has to follow.
    /// </summary>
    public void BreakUnread()
    {
        foreach (var database in databases.Where(database => !database.IsOut && process.Has(database)))
        {
            var end = new UnreadFacts(
                database.Chain.HasReader,
                MayBeOpened: !LiveDatabase.BringsAnotherLibrary && LiveDatabase.MayBeOpened(database.Path),
                HasWal: FileStamp.Of(WalFile.PathOf(database.Path)) is { Size: > 0 },
                IsRead: database.Tracker.Lineage is not null
            );
            if (ChainPolicy.IsUnread(end))
                Break(database, "no reader could keep the WAL as it was while litestream ended");
        }
    }

    /// <summary>A full copy has to follow; the log says why.</summary>
    public void Break(DatabaseSupervisor database, string reason)
    {
        if (database.Chain.BrokenBy is null)
            ReplicatorLog.ChainBroken(logger, database.Path, reason);

        database.Chain.Break(reason);
        database.ApplyChain(time.GetUtcNow());
    }

    /// <summary>
    /// Litestream ended without a reader of ours: what it had not read may be gone from the WAL, and what it had read
    /// may never have been a commit.
    /// </summary>
    public void BreakAll(string reason)
    {
        foreach (
            var database in databases.Where(database =>
                !database.IsOut && process.Has(database) && !database.Chain.HasReader && database.HasContent
            )
        )
        {
            Break(database, reason);
        }

        report.UpdateDatabases();
    }

    /// <summary>
    /// Begins the full copies that have to follow, while no litestream runs on the databases: the others are not kept
    /// waiting for those whose readers do not end.
    /// </summary>
    public async Task CutAsync(CancellationToken cancellationToken, bool isBeforeApp = false)
    {
        var deadline = time.GetUtcNow() + Thresholds.CutPatience;
        var left = databases.Where(database => !database.IsExcluded && database.Chain.IsBlocked).ToList();
        while (left.Count > 0)
        {
            await Task.WhenAll(left.Select(database => TryCutAsync(database, isBeforeApp))).ConfigureAwait(false);
            left.RemoveAll(database => !database.Chain.IsBlocked);
            if (left.Count == 0 || time.GetUtcNow() >= deadline)
                return;

            await Task.Delay(Thresholds.CutPause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Begins the full copy of a database that has to follow, while no litestream runs on it.</summary>
    /// <returns>Whether litestream may have it.</returns>
    public async Task<bool> TryCutAsync(DatabaseSupervisor database, bool isBeforeApp = false)
    {
        if (!database.Chain.IsBlocked)
            return true;

        var isCut = await Task.Run(() => database.Chain.TryCut(isBeforeApp)).ConfigureAwait(false);
        if (isCut && database.Chain.NeedsRestart)
        {
            database.ApplyChain(time.GetUtcNow());
            var message = $"{database.Chain.Explain()!["LSB5028: ".Length..]}.";
            report.Report(new LitestreamDiagnostic("LSB5028", LitestreamSeverity.Error, message));
        }

        return isCut;
    }

    /// <summary>
    /// Looks whether a litestream that is not ours is at work: a system service, or one that has started this app. It
    /// is known by its locks and its command line; one in another pid namespace
    /// cannot be seen.
    /// </summary>
    /// <param name="own">The process of ours; null when none runs.</param>
    /// <returns>The locks of each database; null where the system does not tell.</returns>
    public IReadOnlyDictionary<string, ShmLocks>? FindForeign(int? own = null)
    {
        var marks = ReplicationMark.Look(databases.Select(database => database.Path));
        var now = time.GetUtcNow();
        if (now - _bystandersSince >= Thresholds.BystanderMemory)
        {
            // A number may be another process's by now.
            _bystanders.Clear();
            _bystandersSince = now;
        }

        foreach (var database in databases)
        {
            var others = (marks?[database.Path].Processes ?? [])
                .Where(id => id != own && id != Environment.ProcessId && !_bystanders.Contains(id))
                .ToList();
            var replicators = others.FindAll(LitestreamProcess.IsReplicator);
            _bystanders.UnionWith(others.Except(replicators));
            if (!database.Chain.FindForeign(replicators))
                continue;

            database.Chain.Break("another litestream replicated it");
            database.ApplyChain(now);
            report.Report(
                new LitestreamDiagnostic(
                    "LSB5003",
                    LitestreamSeverity.Error,
                    $"{database.Chain.Explain()!["LSB5003: ".Length..]}. Two replicators would destroy the replica, "
                        + $"so this app does not replicate it. End the other one (this app then sends a full copy), or "
                        + $"set Litestream:Enabled to false here."
                )
            );
        }

        return marks;
    }

    /// <summary>Excludes a database whose replica another litestream has written to.</summary>
    public LitestreamDiagnostic ExcludeTraced(DatabaseSupervisor database)
    {
        var why = new LitestreamDiagnostic(
            "LSB5023",
            LitestreamSeverity.Error,
            $"Another litestream has written to the replica of '{database.Path}' "
                + $"({database.Tracker.Describe()}): one in another container, or one that ran "
                + $"while this app "
                + $"did not. Nothing is sent. "
                + "Make sure that no other one runs, then set Litestream:AdoptReplica to true for one start."
        );
        report.ReportExcluded(database.Exclude(Exclusion.Traced, why), isCritical: true);
        return why;
    }

    /// <summary>Looks at the mark of a database, and at what a killed process may have left in its WAL.</summary>
    /// <param name="database">The database.</param>
    /// <param name="running">The litestream that runs; null when none does.</param>
    /// <param name="marks">The locks of each database; null where the system does not tell.</param>
    /// <param name="answer">What litestream said last; null before it has.</param>
    /// <returns>Why litestream has to be started again; null when it need not.</returns>
    public async Task<EndReason?> LookAsync(
        DatabaseSupervisor database,
        ReplicatorProcess? running,
        IReadOnlyDictionary<string, ShmLocks>? marks,
        MetricsAnswer? answer
    )
    {
        if (running is null || !process.Has(database))
            return await LookWithoutLitestreamAsync(database, running).ConfigureAwait(false);

        var path = database.Path;
        var mark = MarkOf(database, running, marks);
        var hasSynced = process.Run!.HasSynced(answer, path);
        switch (database.Chain.Look(mark, hasSynced))
        {
            case ChainAction.EndReader when !KeepsReaders:
                database.Chain.EndReader();
                break;
            case ChainAction.GiveUpReader:
                Break(database, "litestream did not begin to hold the WAL in time");
                break;
            case ChainAction.Break:
                Break(database, "litestream lost its hold on the WAL");
                return Planned($"litestream lost its hold on the WAL of '{path}'");
        }

        if (database.Chain.FindGap(database.Tracker.HasSkipped) is { } gap)
        {
            Break(database, gap);
            return Planned($"'{path}' needs a full copy because {gap}");
        }

        if (!plan.Settings.AdoptReplica && HasTraces(database))
            return Planned(ExcludeTraced(database).ToString());

        if (database.Chain.ForeignReplicator is { } other)
            return Planned($"another litestream (process {NumberText.Of(other)}) replicates '{path}'");

        if (database.Chain.IsBlocked)
        {
            return mark == MarkState.Held || (mark == MarkState.Unknown && hasSynced)
                ? Planned($"'{path}' needs a full copy")
                : null;
        }

        if (database.Chain.Mend(database.Tracker.Replicated))
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
            return Planned(
                $"a killed process left a commit in the WAL of '{path}' that SQLite does not see"
            );
        }

        return null;
    }

    /// <summary>
    /// Begins readers of ours before litestream is ended by us, or leaves a database, while it still holds its marks:
    /// the next one continues where it was.
    /// </summary>
    /// <param name="running">The litestream that runs.</param>
    /// <param name="left">The databases that it is about to leave.</param>
    public async Task BridgeAsync(ReplicatorProcess running, IEnumerable<DatabaseSupervisor> left)
    {
        var deadline = time.GetUtcNow() + Thresholds.BridgePatience;
        var bridged = left.Where(database =>
                !database.IsOut && process.Has(database) && !database.Chain.HasReader
            )
            .ToList();
        bridged.ForEach(database => database.Chain.BeginReader());
        var unread = bridged.FindAll(database =>
            !database.Chain.HasReader && LiveDatabase.MayBeOpened(database.Path)
        );
        while (
            bridged.Count > 0 && ReplicationMark.Look(bridged.Select(database => database.Path)) is { } marks
        )
        {
            bridged.RemoveAll(database => MarkOf(database, running, marks) is MarkState.Held or MarkState.Unknown);
            if (bridged.Count == 0 || running.Exited.IsCompleted || time.GetUtcNow() >= deadline)
                break;

            await Task.WhenAny(running.Exited, Task.Delay(Thresholds.CutPause, time)).ConfigureAwait(false);
        }

        foreach (
            var database in bridged
                .Where(_ => OperatingSystem.IsLinux())
                .Union(unread)
                .Where(database => database.HasContent)
        )
        {
            Break(database, "litestream did not hold the WAL when it was ended");
        }
    }

    private bool KeepsReaders =>
        applicationStopping.IsCancellationRequested
        || time.GetUtcNow().UtcTicks < Interlocked.Read(ref _keepReadersUntil);

    /// <summary>
    /// Whether something has appeared that our litestream did not write: the trace of another one that cannot be seen,
    /// in another container for example.
    /// </summary>
    private static bool HasTraces(DatabaseSupervisor database) =>
        database.Tracker.IsReplicaAhead
        || (database.Tracker.Lineage is { } lineage && !database.Identity.IsOwnLineage(lineage));

    private async Task<EndReason?> LookWithoutLitestreamAsync(DatabaseSupervisor database, ReplicatorProcess? running)
    {
        if (!database.IsExcluded && database.Chain.IsBlocked)
        {
            // The litestream that runs gets it at the next look.
            return !await TryCutAsync(database).ConfigureAwait(false) || running is not null
                ? null
                : Planned($"the full copy of '{database.Path}' can begin");
        }

        if (database.IsExcluded && database.Question is null)
            database.Chain.EndReader();
        else if (database.Chain.Look(MarkState.Unknown, hasSynced: false) == ChainAction.GiveUpReader)
            Break(database, "litestream did not begin to hold the WAL in time");

        return null;
    }

    /// <summary>
    /// The mark, where the system tells: not where it does not even show the reader that we hold (some file systems
    /// show another file there than they give).
    /// </summary>
    private static MarkState MarkOf(
        DatabaseSupervisor database,
        ReplicatorProcess running,
        IReadOnlyDictionary<string, ShmLocks>? marks
    ) =>
        marks?[database.Path] is not { } locks
        || (database.Chain.HasReader && !locks.Processes.Contains(Environment.ProcessId))
            ? MarkState.Unknown
            : locks.MarkOf(running.ProcessId);

    private static EndReason Planned(string why) => new(why) { IsPlanned = true };
}
