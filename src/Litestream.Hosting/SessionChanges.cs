using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Sqlite;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Databases that are added and removed while the session runs. What was asked for on any thread is applied by the loop
/// of the session. Where the litestream that runs cannot take or leave a database, it is started again for all that
/// were gathered.
/// </summary>
internal sealed class SessionChanges(
    ReplicationPlan plan,
    SupervisedDatabases databases,
    SessionLocks locks,
    SessionLineage lineage,
    SessionProcess process,
    SessionReport report,
    Func<EffectiveConfig, EffectiveDatabase, DatabaseSupervisor> supervise,
    TimeSpan gatherPause,
    ILogger logger,
    TimeProvider time
)
{
    private readonly object _gate = new();
    private readonly List<(Addition What, TaskCompletionSource<PendingLineageCheck?> Done)> _additions = [];
    private readonly List<Removal> _removals = [];
    private TaskCompletionSource _woken = NewSignal();
    private bool _isClosed;

    // Used by the loop only.
    private readonly Dictionary<DatabaseSupervisor, Fresh> _fresh = [];
    private DateTimeOffset? _restartedAt;

    /// <summary>The databases that were added a short time ago and that litestream does not have yet.</summary>
    public IReadOnlyCollection<DatabaseSupervisor> FreshDatabases => [.. _fresh.Keys];

    /// <summary>Ends when the session has taken it over.</summary>
    /// <returns>What is asked about its lineage; null when that is known.</returns>
    /// <exception cref="LitestreamException">LSB5041: the session ends. LSB5003: another process replicates it.
    /// LSB1011: its replica is another database's.</exception>
    public Task<PendingLineageCheck?> AddAsync(Addition addition)
    {
        var done = new TaskCompletionSource<PendingLineageCheck?>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_isClosed)
                throw Closed(addition.Database.Path, "added");

            _additions.Add((addition, done));
        }

        Wake();
        return done.Task;
    }

    /// <summary>Ends when all of it has arrived, and litestream does not have it any more.</summary>
    /// <exception cref="LitestreamException">LSB5041: the session ends. LSB5042: not all of it has arrived, so it is
    /// still replicated.</exception>
    public Task RemoveAsync(string path)
    {
        Removal removal;
        lock (_gate)
        {
            if (_isClosed)
                throw Closed(path, "removed");

            if (_removals.Find(one => one.Path == path) is { } known)
                return known.Done.Task;

            removal = new Removal(path, time.GetUtcNow());
            _removals.Add(removal);
        }

        Wake();
        return removal.Done.Task;
    }

    /// <summary>Waits for that time, or until there is something to apply.</summary>
    public Task WaitAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        Task woken;
        lock (_gate)
            woken = _woken.Task;

        // What was just added may get its first table at any moment, and a look at two files costs nothing.
        var pause = _fresh.Count > 0 && longest > Thresholds.FreshLook ? Thresholds.FreshLook : longest;
        return Task.WhenAny(woken, Task.Delay(pause, time, cancellationToken));
    }

    /// <summary>Takes over what was added. Called by the loop of the session.</summary>
    public async Task ApplyAsync(CancellationToken cancellationToken)
    {
        List<(Addition What, TaskCompletionSource<PendingLineageCheck?> Done)> additions;
        lock (_gate)
        {
            additions = [.. _additions];
            _additions.Clear();
            if (_woken.Task.IsCompleted)
                _woken = NewSignal();
        }

        if (additions.Count == 0)
            return;

        try
        {
            plan.Add([.. additions.Select(addition => addition.What.Added)]);
        }
        catch (Exception exception)
        {
            // No reason to end the replication of the others.
            additions.ForEach(addition => addition.Done.SetException(exception));
            return;
        }

        foreach (var (what, done) in additions)
        {
            try
            {
                done.SetResult(await TakeAsync(what, cancellationToken).ConfigureAwait(false));
            }
            catch (Exception exception)
            {
                if (databases.All(one => one.Path != what.Database.Path))
                    plan.Remove(what.Database.Path);

                done.SetException(exception);
            }
        }

        report.UpdateDatabases();
    }

    /// <summary>
    /// Whether litestream may be ended for what was gathered: not too often, and not while more is about to come.
    /// </summary>
    public bool IsDue
    {
        get
        {
            var now = time.GetUtcNow();
            lock (_gate)
            {
                if (_additions.Count > 0)
                    return false;
            }

            var isSoonMore = _fresh.Any(fresh =>
                fresh.Key.Question is { Tried.IsCompleted: false }
                && now - fresh.Value.Since < Thresholds.GatherPatience
            );
            return !isSoonMore && (_restartedAt is not { } last || now - last >= gatherPause);
        }
    }

    /// <summary>Litestream is ended for what was gathered.</summary>
    public void NoteRestart() => _restartedAt = time.GetUtcNow();

    /// <summary>Whether it was added a short time ago, and nothing has answered yet whose database it is.</summary>
    public bool IsWaitedFor(DatabaseSupervisor database) =>
        database.Question is { Tried.IsCompleted: false, Since: var since }
        && _fresh.ContainsKey(database)
        && time.GetUtcNow() - since < Thresholds.LineagePatience;

    /// <summary>Whether it was added a short time ago, and has changed since the last look.</summary>
    public bool IsChanged(DatabaseSupervisor database)
    {
        if (!_fresh.TryGetValue(database, out var fresh))
            return false;

        var now = (FileStamp.Of(database.Path), FileStamp.Of(WalFile.PathOf(database.Path)));
        var isChanged = database.Question is not null || now != fresh.Files;
        _fresh[database] = fresh with { Files = now };
        return isChanged;
    }

    /// <summary>Forgets what is no longer fresh: litestream has it, or it was added long ago.</summary>
    public void Age()
    {
        var limit = time.GetUtcNow() - Thresholds.FreshMemory;
        foreach (var (database, fresh) in _fresh.ToList())
        {
            if (fresh.Since < limit || (!database.IsOut && process.Has(database)))
                _fresh.Remove(database);
        }
    }

    /// <summary>
    /// Removes what litestream does not have, and what it leaves, and says why it has to be ended for the others.
    /// </summary>
    /// <param name="isRunning">Whether litestream runs.</param>
    /// <param name="leave">Has litestream leave a database; false: only its end does that.</param>
    public async Task<EndReason?> ApplyRemovalsAsync(bool isRunning, Func<DatabaseSupervisor, Task<bool>> leave)
    {
        EndReason? reason = null;
        var begun = time.GetUtcNow();
        foreach (var removal in Removals())
        {
            // The next look continues: the others wait for theirs.
            if (time.GetUtcNow() - begun >= Thresholds.RemovalPatience)
                break;

            if (databases.FirstOrDefault(one => one.Path == removal.Path) is not { } database)
            {
                Complete(removal, null);
            }
            else if (!isRunning || !process.Has(database))
            {
                await FinishAsync(removal, database).ConfigureAwait(false);
            }
            else if (!database.IsSettled || database.Tracker.IsPending)
            {
                if (time.GetUtcNow() - removal.Since >= database.Limits.Stall)
                {
                    var why = database.State.Problem ?? "its last commits have not arrived";
                    Complete(removal, Unsent(removal.Path, why));
                }
            }
            else if (reason is null && await leave(database).ConfigureAwait(false))
            {
                await FinishAsync(removal, database).ConfigureAwait(false);
            }
            else if (reason is not null || IsDue)
            {
                removal.Ends = true;
                reason ??= new EndReason($"'{removal.Path}' is no longer replicated") { IsPlanned = true };
            }
        }

        return reason;
    }

    /// <summary>Removes what litestream was ended for. Called while none runs.</summary>
    public async Task FinishRemovalsAsync()
    {
        foreach (var removal in Removals().Where(removal => removal.Ends))
        {
            removal.Ends = false;
            if (databases.FirstOrDefault(one => one.Path == removal.Path) is { } database)
                await FinishAsync(removal, database).ConfigureAwait(false);
        }
    }

    /// <summary>The session ends: nothing is added or removed any more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            foreach (var (what, done) in _additions)
                done.TrySetException(Closed(what.Database.Path, "added"));

            foreach (var removal in _removals)
                removal.Done.TrySetException(Closed(removal.Path, "removed"));

            _additions.Clear();
            _removals.Clear();
        }
    }

    /// <summary>Why nothing can be added or removed.</summary>
    public static LitestreamException Closed(string path, string what) =>
        new(
            "LSB5041",
            $"'{path}' was not {what}: replication has not started yet, or has ended. Do this between the start and "
                + $"the stop of the app; after a failure, start the app again."
        );

    private async Task<PendingLineageCheck?> TakeAsync(Addition addition, CancellationToken cancellationToken)
    {
        var path = addition.Database.Path;
        if (databases.FirstOrDefault(one => one.Path == path) is { } known)
            return known.Question;

        if (plan.Databases.All(database => database.Path != path))
        {
            throw new LitestreamException(
                plan.Config.Diagnostics.LastOrDefault(found =>
                    found.Code is "LSB1011" or "LSB1015" && found.Message.Contains(path, StringComparison.Ordinal)
                )
                    ?? new LitestreamDiagnostic(
                        "LSB1011",
                        LitestreamSeverity.Error,
                        $"'{path}' has the replica of another database. Give it a replica URL of its own."
                    )
            );
        }

        DatabaseSupervisor Supervise() => supervise(addition.Config, addition.Database);
        var database = locks.Held is null
            ? Supervise()
            : await locks.AddAsync(path, Supervise, addition.WasRestored, cancellationToken).ConfigureAwait(false);
        databases.Add(database);
        database.Begin(time.GetUtcNow());
        _fresh[database] = new Fresh(time.GetUtcNow(), default);
        var places = string.Join(", ", addition.Database.Replicas.Select(replica => replica.Location));
        ReplicatorLog.Added(logger, path, places);
        if (locks.Held is null)
        {
            // Its lock and its lineage come with those of the others.
            return null;
        }

        lineage.Ask(database, wasThere: false);
        database.Question?.Tried.ContinueWith(_ => Wake(), TaskScheduler.Default);
        return database.Question;
    }

    private async Task FinishAsync(Removal removal, DatabaseSupervisor database)
    {
        var hasArrived =
            database.State.Exclusion is Exclusion.None or Exclusion.Held or Exclusion.Question or Exclusion.NoRoom;
        if (hasArrived)
        {
            await database.FinishAsync(time.GetUtcNow(), Thresholds.PlannedPatience).ConfigureAwait(false);
            if (database.Unsent(null) is { } unsent)
            {
                Complete(removal, Unsent(removal.Path, unsent.Message));
                return;
            }
        }

        await database.LeaveAsync().ConfigureAwait(false);
        databases.Remove(database);
        _fresh.Remove(database);
        plan.Remove(database.Path);
        locks.Held?.Remove(database.Path, isBroken: database.Chain.BrokenBy is not null);
        database.Chain.Dispose();
        report.UpdateDatabases();
        ReplicatorLog.Removed(
            logger,
            database.Path,
            hasArrived ? "all commits have arrived" : "nothing of it was sent"
        );
        Complete(removal, null);
    }

    private static LitestreamException Unsent(string path, string why) =>
        new(
            "LSB5042",
            $"'{path}' was not removed, and is still replicated: {why.TrimEnd('.')}. "
                + "Correct that, then remove it again."
        );

    private List<Removal> Removals()
    {
        lock (_gate)
            return [.. _removals];
    }

    private void Complete(Removal removal, Exception? error)
    {
        lock (_gate)
            _removals.Remove(removal);

        if (error is null)
            removal.Done.TrySetResult();
        else
            removal.Done.TrySetException(error);
    }

    private void Wake()
    {
        lock (_gate)
            _woken.TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record Fresh(DateTimeOffset Since, (FileStamp? File, FileStamp? Wal) Files);
}
