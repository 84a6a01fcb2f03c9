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
    /// <summary>Whether the litestream that runs may get a database without a restart.</summary>
    public bool CanAdd(DatabaseSupervisor database) => process.UrlToAdd(database) is not null;

    /// <summary>
    /// Has the litestream that runs replicate a database that it may have: a start like any other for the database,
    /// whose WAL is kept by a reader of ours until litestream's mark is there.
    /// </summary>
    /// <returns>False: litestream has to be started again, which also finds out what is wrong with the
    /// database.</returns>
    public async Task<bool> TryAddAsync(DatabaseSupervisor database, ReplicatorProcess running)
    {
        if (
            process.UrlToAdd(database) is not { } url
            || database.Chain.ForeignReplicator is not null
            || database.IsShortOfRoom()
            || !await database.Identity.IdentifyAsync(default, atOnce: true).ConfigureAwait(false)
        )
        {
            return false;
        }

        database.Chain.Begin();
        try
        {
            if (!await process.AddAsync(database, url, running.ProcessId).ConfigureAwait(false))
                return false;
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
    public async Task<bool> TryRemoveAsync(DatabaseSupervisor database, ReplicatorProcess running)
    {
        if (!CanAdd(database))
            return false;

        await chains.BridgeAsync(running, [database]).ConfigureAwait(false);
        return database.Chain.BrokenBy is null
            && await process.RemoveAsync(database, running.ProcessId).ConfigureAwait(false);
    }
}
