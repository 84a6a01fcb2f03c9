using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>The locks of all databases of a session, from the gate to its end.</summary>
internal sealed class SessionLocks(
    ReplicationPlan plan,
    IReadOnlyList<DatabaseSupervisor> databases,
    SessionChains chains,
    SessionReport report,
    ILogger logger,
    TimeProvider time
)
{
    /// <summary>What is held; null before that.</summary>
    public DatabaseLocks? Held { get; private set; }

    /// <summary>Waits until no other process has them.</summary>
    /// <param name="onWaiting">Called each time that another app has them.</param>
    /// <param name="stopping">Ends the waiting.</param>
    public async Task<DatabaseLocks> AcquireAsync(Func<Task> onWaiting, CancellationToken stopping)
    {
        for (var isAnnounced = false; ; isAnnounced = true)
        {
            if (Held is { } held)
                return held;

            if (await TryAcquireAsync(stopping).ConfigureAwait(false) is not { } found)
            {
                report.UpdateWaiting(isWaiting: false);
                continue;
            }

            if (!isAnnounced)
                Announce(found.Path, found.Holder);

            report.UpdateWaiting(isWaiting: true);
            await onWaiting().ConfigureAwait(false);
            await Task.Delay(Thresholds.LockRetry, time, stopping).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Takes them, ends what a killed app has left running, and begins the readers, or the full copies where the one
    /// before did not end in order.
    /// </summary>
    /// <returns>Who has them; null when they are held.</returns>
    public async Task<(string Path, LockRecord Holder)?> TryAcquireAsync(CancellationToken cancellationToken)
    {
        if (
            DatabaseLocks.TryAcquire(plan.Databases.Select(database => database.Path), out var path, out var holder)
            is not { } locks
        )
        {
            return (path, holder);
        }

        try
        {
            await EnterAsync(locks, cancellationToken).ConfigureAwait(false);
            Held = locks;
            return null;
        }
        catch
        {
            locks.Dispose();
            throw;
        }
    }

    /// <summary>Takes the lock of a database that is added, and does what <see cref="TryAcquireAsync"/> does for the
    /// others.</summary>
    /// <param name="path">The database.</param>
    /// <param name="supervise">Makes its supervisor, once the lock is held.</param>
    /// <param name="wasRestored">Whether it was restored just now.</param>
    /// <param name="cancellationToken">Ends the waiting for an orphan.</param>
    /// <exception cref="LitestreamException">LSB5003: another process replicates it. LSB0003, LSB3012,
    /// LSB4008.</exception>
    public async Task<DatabaseSupervisor> AddAsync(
        string path,
        Func<DatabaseSupervisor> supervise,
        bool wasRestored,
        CancellationToken cancellationToken
    )
    {
        if (Held!.TryAdd(path, out var holder) is not { } found)
        {
            throw new LitestreamException(
                "LSB5003",
                $"'{path}' is already replicated by {LockHolder.Describe(holder)}. Two replicators would destroy the "
                    + "replica, so it was not added. End the other one, then add it again."
            );
        }

        try
        {
            await OrphanedReplicator
                .KillAsync(found, id => ReplicatorLog.EndingOrphan(logger, id), cancellationToken)
                .ConfigureAwait(false);
            Held.Write(path, PastGate());
            DatabaseRestore.Recover(path, line => ReplicatorLog.RestoreLine(logger, line));
            var hasWal = FileStamp.Of(WalFile.PathOf(path)) is { Size: > 0 };
            var database = supervise();
            Enter(database, found.IsUnclean);

            // Somebody may have restarted its WAL, without waiting for litestream. A WAL that litestream has read
            // before, and that was not put back, may be restarted at any moment, even while a reader of ours stands.
            if (
                !wasRestored
                && database.HasContent
                && ((hasWal && database.Tracker.Lineage is not null) || !database.Identity.IsAsLeft)
            )
            {
                chains.Break(database, "it was not replicated for a while");
            }

            return database;
        }
        catch
        {
            Held.Remove(path, isBroken: found.IsUnclean);
            throw;
        }
    }

    /// <summary>Leaves the databases as they are to be found, and releases the locks.</summary>
    public async Task ReleaseAsync()
    {
        if (Held is null)
            return;

        var left = Task.WhenAll(databases.Select(database => database.LeaveAsync()));
        await left.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Held.Broken = databases
            .Where(database => left.IsFaulted || database.Chain.BrokenBy is not null)
            .Select(database => database.Path)
            .ToHashSet(StringComparer.Ordinal);
        Held.Dispose();
    }

    private async Task EnterAsync(DatabaseLocks locks, CancellationToken cancellationToken)
    {
        var unclean = locks
            .Found.Where(found => found.Record.IsUnclean)
            .Select(found => found.Path)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var (_, record) in locks.Found)
        {
            await OrphanedReplicator
                .KillAsync(record, id => ReplicatorLog.EndingOrphan(logger, id), cancellationToken)
                .ConfigureAwait(false);
        }

        try
        {
            locks.Write(PastGate());
        }
        catch (IOException)
        {
            // A full disk. The start of litestream writes the record too, and is tried again.
        }

        // One that came after the gate of this app and was killed then: what it left half done must not be replicated.
        foreach (var database in plan.Databases)
            DatabaseRestore.Recover(database.Path, line => ReplicatorLog.RestoreLine(logger, line));

        foreach (var database in databases)
            Enter(database, unclean.Contains(database.Path));
    }

    private static LockRecord PastGate() =>
        new(ProcessIdentity.Of(Environment.ProcessId), null) { IsPastGate = true };

    private void Enter(DatabaseSupervisor database, bool isUnclean)
    {
        database.Identity.Read();
        if (!isUnclean && !plan.Settings.AdoptReplica && database.Identity.HasTraces)
        {
            chains.ExcludeTraced(database);
        }
        else if (isUnclean && database.HasContent)
        {
            chains.Break(database, "the previous app or its litestream was killed");
        }
        else if (database.WhyOutdated is { } why && database.HasContent)
        {
            chains.Break(database, why);
        }
        else
        {
            database.PutWalBack();

            // It would keep the app from leaving WAL mode.
            if (!database.MayLeaveWal)
                database.Chain.BeginReader();
        }
    }

    private void Announce(string path, LockRecord holder)
    {
        if (holder.App?.ProcessId == Environment.ProcessId && holder.App.IsRunning())
        {
            ReplicatorLog.ReplicatedByThisProcess(logger, path);
            return;
        }

        report.Report(
            new LitestreamDiagnostic(
                "LSB5003",
                LitestreamSeverity.Error,
                $"'{path}' is already replicated by {LockHolder.Describe(holder)}. "
                    + "Two replicators would destroy the replica, so this app runs without one and takes over when the "
                    + "other ends."
            )
        );
    }
}
