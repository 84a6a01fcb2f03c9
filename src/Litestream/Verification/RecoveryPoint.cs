using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Sqlite;

namespace Litestream.Verification;

/// <summary>What would have been lost.</summary>
/// <param name="Lost">See <see cref="DrillResult.RecoveryPoint"/>.</param>
/// <param name="Note">How it was found, or why not.</param>
/// <param name="Backup">The time of the newest thing in the replica.</param>
/// <param name="Complete">The replicas that hold the last commit.</param>
internal sealed record RecoveryPoint(
    TimeSpan? Lost,
    string Note,
    DateTimeOffset? Backup,
    IReadOnlyList<string> Complete
);

/// <summary>Finds what would have been lost if the database were lost now.</summary>
internal sealed class RecoveryPointFinder(
    ReleaseLine line,
    IBackupCatalog catalog,
    ILocalState state,
    EffectiveConfig config,
    EffectiveDatabase database,
    DrillOptions options
)
{
    /// <summary>
    /// From the newest thing in the replica to the last commit here, when that is not in the replica.
    /// </summary>
    public async Task<RecoveryPoint> FindAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset? backup;
        try
        {
            backup = await catalog
                .NewestAsync(database, options.Replica, options.Timestamp, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (LitestreamException e)
        {
            return new(null, $"The data loss is unknown: {e.Diagnostic.Message}", null, []);
        }

        // Only looked at from outside: a drill must not disturb the app.
        var wal = WalFile.PathOf(database.Path);
        if (!File.Exists(database.Path))
            return new(null, $"There is no database here to compare with. The backup is from {backup:u}.", backup, []);
        var lastCommit = new[] { database.Path, wal }
            .Where(File.Exists)
            .Max(f => new DateTimeOffset(File.GetLastWriteTimeUtc(f)));

        if (options.Timestamp is { } timestamp)
        {
            return new(
                Positive(lastCommit - timestamp),
                $"From the requested time {timestamp:u} to the last commit of the database.",
                backup,
                []
            );
        }

        if (
            await CompleteAsync(wal, cancellationToken).ConfigureAwait(false) is
            { Count: > 0 } complete
        )
        {
            return new(TimeSpan.Zero, "The last commit of the database is in the replica.", backup, complete);
        }

        return backup is null
            ? new(null, "The replica is empty.", null, [])
            : new(
                Positive(lastCommit - backup.Value),
                $"From {backup:u}, the newest data in the replica, to {lastCommit:u}, the last commit.",
                backup,
                []
            );
    }

    /// <summary>The replicas that hold the last commit here.</summary>
    private async Task<List<string>> CompleteAsync(string wal, CancellationToken cancellationToken)
    {
        if (
            state.Lineage() is not { } lineage
            || WalFile.LastCommit(wal) is not { } mark
            || state.Find(lineage, mark) is not { } last
        )
        {
            return [];
        }

        var complete = new List<string>();
        var settings = ReplicationSettings.Of(config, database);
        foreach (var chosen in settings.Replicas.Where(r => options.Replica is null || r.Name == options.Replica))
        {
            using var probe = new ReplicaProbe(line, chosen, settings.MetricsAddress, database, catalog);
            try
            {
                await probe.AskAsync(lineage, cancellationToken).ConfigureAwait(false);
            }
            catch (LitestreamException)
            {
                continue;
            }

            if (probe.Progress?.Position?.Reaches(last) == true)
                complete.Add(chosen.Name);
        }

        return complete;
    }

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;
}
