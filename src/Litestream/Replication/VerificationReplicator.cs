using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Verification;

namespace Litestream.Replication;

/// <summary>
/// A litestream for one database, for the time of its verification: under the database's lock, with a metrics address
/// of its own, drained at the end.
/// </summary>
internal sealed class VerificationReplicator
{
    private readonly LitestreamExecutable _executable;
    private readonly EffectiveConfig _config;
    private readonly EffectiveDatabase _database;
    private string? _lastError;

    private VerificationReplicator(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database
    ) => (_executable, _config, _database) = (executable, config, database);

    /// <summary>
    /// Verifies while it replicates; just verifies where somebody replicates already, or where there is nothing to
    /// replicate.
    /// </summary>
    public static async Task<VerificationResult> RunAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        VerificationOptions options,
        Func<Task<VerificationResult>> verify,
        CancellationToken cancellationToken
    )
    {
        if (
            !database.Replicas.Any(replica => options.Replica is null || options.Replica == replica.Name)
            || !File.Exists(database.Path)
            || NewerBackup.Find(executable, database) is not null
            || LiveDatabase.ProbeTables(database.Path, asksMode: false).Tables == AppTables.None
        )
        {
            return await verify().ConfigureAwait(false);
        }

        try
        {
            // A litestream that was started by hand, or outlived its app, has no lock.
            if (OpenDatabases.Replicators(database.Path).Any())
                return await verify().ConfigureAwait(false);
            using var locks = DatabaseLocks.TryAcquire([database.Path], out _, out _);
            if (locks is not null)
                DatabaseRestore.Recover(database.Path, onLine: null);
            return locks is null
                ? await verify().ConfigureAwait(false)
                : await new VerificationReplicator(executable, config, database)
                    .RunAsync(locks, verify, cancellationToken)
                    .ConfigureAwait(false);
        }
        catch (LitestreamException e)
        {
            return new VerificationResult(
                database,
                VerificationOutcome.Inconclusive,
                e.Diagnostic.Message,
                e.Diagnostic.Code
            );
        }
        catch (IOException e)
        {
            return new VerificationResult(
                database,
                VerificationOutcome.Inconclusive,
                $"The litestream that replicates '{database.Path}' cannot be recorded, so none was left "
                    + $"running: {e.Message}",
                "LSB0003"
            );
        }
    }

    private async Task<VerificationResult> RunAsync(
        DatabaseLocks locks,
        Func<Task<VerificationResult>> verify,
        CancellationToken cancellationToken
    )
    {
        if (await ForeignLineageAsync(cancellationToken).ConfigureAwait(false) is { } foreign)
            return new VerificationResult(_database, VerificationOutcome.NotReplicating, foreign, "LSB4101");

        var isUnclean = locks.Found.Any(found => found.Record.IsUnclean);
        locks.Broken = new HashSet<string> { _database.Path };
        var chain = await DatabaseChain
            .EnterAsync(_executable.Line, _database, isUnclean, TimeProvider.System, cancellationToken)
            .ConfigureAwait(false);
        using var watched = new ForegroundDatabase(_executable, _config, _database, chain, TimeProvider.System);
        using var folder = RunDirectory.Create(_database.Path);
        var run = new ReplicatorRun(
            _executable,
            () => [_database],
            (address, interval) => _config.With(_database, address, interval),
            null,
            locks,
            folder,
            new ReplicatorEvents
            {
                Line = line => Keep(line, watched),
                Starting = chain.Begin,
                Started = (_, _) => { },
                AddressNotUsed = _ => { },
                Ended = () => { },
            },
            TimeProvider.System
        );
        try
        {
            VerificationResult result;
            LitestreamDiagnostic? unsent;
            using var endOfWatch = new CancellationTokenSource();
            var watch = ChainReaders.WatchAsync(
                run.Start(), run, [watched], _ => { }, TimeProvider.System, endOfWatch.Token
            );
            try
            {
                result = await verify().ConfigureAwait(false);
            }
            finally
            {
                await endOfWatch.CancelAsync().ConfigureAwait(false);
                await watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                unsent = await run.DrainAsync(VerificationOptions.ReplicatorStopTimeout, () => { })
                    .ConfigureAwait(false);
                if (unsent is null)
                {
                    await watched
                        .FinishAsync(run.Has(_database.Path), VerificationOptions.ReplicatorStopTimeout)
                        .ConfigureAwait(false);
                }

                if (watched.IsProven)
                    locks.Broken = new HashSet<string>();
            }

            unsent ??= watched.Unsent;
            if (result.Outcome == VerificationOutcome.Verified && ChainReaders.WhyFullCopy([watched]) is { } why)
            {
                return result with
                {
                    Outcome = VerificationOutcome.Inconclusive,
                    Code = why.Code,
                    Message = why.Message,
                };
            }

            return Volatile.Read(ref _lastError) is { } error && result.Outcome != VerificationOutcome.Verified
                    ? result with
                    {
                        Message = $"{result.Message} The litestream started for this reported: {error}",
                    }
                : unsent is null ? result
                : result with { Message = $"{result.Message} When it stopped: {_config.Secrets.Mask(unsent.Message)}" };
        }
        finally
        {
            await run.EndAsync().ConfigureAwait(false);
            DatabaseIdentity.NoteLineage(_database.MetaPath, _executable.Line.State(_database.MetaPath));
        }
    }

    private void Keep(LogLine line, ForegroundDatabase watched)
    {
        watched.OnLogLine(line);
        if (line.Level == "ERROR")
            Volatile.Write(ref _lastError, line.Explanation);
    }

    /// <summary>
    /// A replica is for one database. To replicate over another one than this database's (a laptop's copy, a template)
    /// would start a lineage that a restore then prefers.
    /// </summary>
    private async Task<string?> ForeignLineageAsync(CancellationToken cancellationToken)
    {
        var state = _executable.Line.State(_database.MetaPath);
        var own = state.Lineage();
        var signatures = state.Signatures();
        var client = _executable.Line.Catalog(_executable, _config, null);
        foreach (var replica in _database.Replicas)
        {
            var lineages = await client
                .LineagesAsync(_database, replica.Name, cancellationToken)
                .ConfigureAwait(false);
            if (lineages.Count == 0 && _executable.Line.Older.Count > 0)
            {
                // What an older release line has left there may be of another database.
                using var folder = ScratchDatabase.CreateFolder();
                if (
                    await new LineageCheck(_executable, _config, _database)
                        .CheckAsync(folder.Path, cancellationToken)
                        .ConfigureAwait(false) != LineageResult.Same
                )
                {
                    return $"'{_database.Path}' is not being replicated, and no litestream was started for it: the "
                        + $"backup in replica '{replica.Name}' is not of this database. A verification never "
                        + "replicates over it. Start the app where the database belongs, or restore the replica here "
                        + "first.";
                }
            }

            if (
                lineages.Count > 0
                && (
                    !lineages.Any(g => g.Name == own && g.End >= lineages.Max(other => other.End))
                    || ReplicaSignatures.Differ(
                        await client.SignaturesAsync(_database, cancellationToken).ConfigureAwait(false),
                        signatures
                    )
                )
            )
            {
                return $"'{_database.Path}' is not being replicated, and no litestream was started for it: the newest "
                    + $"changes in replica '{replica.Name}' belong to another lineage "
                    + $"({string.Join(", ", lineages.OrderByDescending(g => g.End).Take(3).Select(g => g.Name))}) than "
                    + $"this database ({own ?? "none"}). "
                    + "A verification never overwrites them. Start the app where the database belongs, or restore "
                    + "the replica here first.";
            }
        }

        return null;
    }
}
