using Litestream.Replication;
using Litestream.Sqlite;

namespace Litestream.Hosting;

/// <summary>
/// Decides which databases litestream gets, at a start or later: not one without a file, a table of the app's own or
/// room, nor one whose app sets a rollback journal.
/// </summary>
internal sealed class SessionAdmission(
    IReadOnlyList<DatabaseSupervisor> databases,
    SessionChains chains,
    SessionReport report,
    TimeProvider time
)
{
    private DateTimeOffset? _suspectedAt;

    /// <summary>All at once: what does not answer is waited for once, not once for each database.</summary>
    /// <param name="asks">Whether litestream is asked next how far it has come.</param>
    public Task LookAsync(bool asks)
    {
        var now = time.GetUtcNow();
        return Task.WhenAll(databases.Select(database => database.LookAsync(now, asks)));
    }

    /// <summary>Whether litestream may have a database now; where not, it is excluded.</summary>
    /// <param name="database">The database.</param>
    /// <param name="isLast">Whether the app has written its last, so that nothing can be waited for.</param>
    public bool TryAdmit(DatabaseSupervisor database, bool isLast = false)
    {
        if (!database.HoldBack(time.GetUtcNow(), isLast))
            Refuse(database);

        // A reader of ours would keep the app from leaving WAL mode, which is just what is watched.
        if (database is { IsWatched: true, Chain.BrokenBy: null })
            chains.Break(database, "it was excluded to see whether the app sets a rollback journal");

        return !database.IsExcluded;
    }

    /// <summary>Excludes what litestream must not have. Called while none runs.</summary>
    /// <param name="isLast">Whether the app has written its last, so that nothing can be waited for.</param>
    public async Task ApplyAsync(bool isLast = false)
    {
        foreach (var database in databases)
            TryAdmit(database, isLast);

        await LookAsync(asks: false).ConfigureAwait(false);
        foreach (var database in databases.Where(database => !database.IsExcluded && database.IsShortOfRoom()))
            report.Report(database.ExcludeForRoom());
    }

    /// <summary>The app sets a rollback journal.</summary>
    public void Refuse(DatabaseSupervisor database)
    {
        report.ReportExcluded(database.Refuse(), isCritical: true);
        report.FailIfNothingIsLeft();
    }

    /// <summary>
    /// A statement of the app that waited for its timeout in vain, though a write can be begun: perhaps it was to leave
    /// WAL mode, which litestream's lock forbids. Looked into rarely, as it costs a start of litestream. In between the
    /// health says so.
    /// </summary>
    public EndReason? Suspect(LockError error, DateTimeOffset now)
    {
        foreach (var database in databases.Where(one => one.IsSuspect && error.MayConcern(one.Path)))
            database.Suspect(now);

        var suspects = databases
            .Where(database =>
                database is { IsOut: false, MayBeSuspected: true }
                && error.MayConcern(database.Path)
                && LiveDatabase.IsWritable(database.Path)
            )
            .ToList();
        if (suspects.Count == 0 || now - _suspectedAt < Thresholds.SuspicionPause)
        {
            suspects.ForEach(database => database.NoteLockError(now));
            return null;
        }

        _suspectedAt = now;
        foreach (var database in suspects)
        {
            chains.Break(database, "it was excluded to see whether the app sets a rollback journal");
            database.Suspect(now);
        }

        return new EndReason("a statement of the app failed with 'database is locked'") { IsPlanned = true };
    }
}
