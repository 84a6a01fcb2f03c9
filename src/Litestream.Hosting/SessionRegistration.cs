using Litestream.Releases;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Hands single databases to the litestream that runs, and takes them from it, where its release line can do that:
/// nothing changes for the others. Where it cannot, or does not answer, a planned restart does it.
/// </summary>
internal sealed class SessionRegistration(
    SessionProcess process,
    SessionChains chains,
    SessionReport report,
    ILogger logger,
    TimeProvider time
)
{
    /// <summary>
    /// Has the litestream that runs replicate a database that it may have: a start like any other for the database,
    /// whose WAL is kept by a reader of ours until litestream's mark is there.
    /// </summary>
    /// <param name="database">The database.</param>
    /// <param name="url">See <see cref="SessionProcess.UrlToAdd"/>.</param>
    /// <param name="running">Litestream.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>False: litestream has to be started again. True: it has the database now, or the next look decides.
    /// </returns>
    public async Task<bool> TryAddAsync(
        DatabaseSupervisor database,
        string url,
        ReplicatorProcess running,
        CancellationToken cancellationToken
    )
    {
        if (database.IsShortOfRoom())
        {
            report.Report(database.ExcludeForRoom());
            return true;
        }

        // The start finds out what it is by now.
        if (!await database.Identity.IdentifyAsync(default, atOnce: true).ConfigureAwait(false))
            return false;

        if (
            database is { HasContent: true, Chain: { HasReader: false, BrokenBy: null } }
            && database.Tracker.Lineage is not null
        )
        {
            chains.Break(database, "it was not replicated for a while");
        }

        // A full copy begins while litestream does not have it.
        if (!await chains.TryCutAsync(database).ConfigureAwait(false))
            return true;

        database.Chain.Begin();
        try
        {
            var outcome = await process.AddAsync(database, url, running, cancellationToken).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            switch (outcome)
            {
                case ControlOutcome.Unknown:
                    return false;
                case ControlOutcome.NotAsked:
                    return true;
            }
        }
        catch (IOException)
        {
            return false;
        }

        database.Begin(time.GetUtcNow());
        ReplicatorLog.Registered(logger, database.Path, running.ProcessId);
        report.UpdateDatabases();
        return true;
    }

    /// <summary>Has the litestream that runs leave a database of which all has arrived.</summary>
    /// <returns>False: litestream has to be ended for it.</returns>
    public async Task<bool> TryRemoveAsync(
        DatabaseSupervisor database,
        ReplicatorProcess running,
        CancellationToken cancellationToken
    )
    {
        if (!process.CanRemove)
            return false;

        await chains.BridgeAsync(running, [database]).ConfigureAwait(false);
        return database.Chain.BrokenBy is null
            && await process.RemoveAsync(database, running, cancellationToken).ConfigureAwait(false);
    }
}
