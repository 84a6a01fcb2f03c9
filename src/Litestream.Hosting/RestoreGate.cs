using System.Diagnostics;
using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Restores what is missing before the app can open it. Fails closed: an app that starts empty over a full replica
/// orphans its data, so only the
/// certainty that there is no backup lets it start without one.
/// </summary>
internal sealed class RestoreGate(
    LitestreamSettings settings,
    EffectiveConfig config,
    Func<LitestreamExecutable> executable,
    ILogger logger
)
{
    /// <summary>No database without a table is larger than this: the largest page size is 64 KiB.</summary>
    private const long LargestEmptyDatabase = 2 * 65536;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>How long another process may hold a lock and restore nothing.</summary>
    private TimeSpan Limit =>
        OperatingSystem.IsLinux() || settings.StallTimeout > Thresholds.UnseenPatience
            ? settings.StallTimeout
            : Thresholds.UnseenPatience;

    /// <exception cref="LitestreamException">LSB5002, LSB5006 or what the restore says: the app must not
    /// start.</exception>
    public async Task RunAsync(
        IReadOnlyList<EffectiveDatabase> databases,
        CancellationToken cancellationToken
    )
    {
        await EachAsync(databases, FinishInterruptedAsync, cancellationToken).ConfigureAwait(false);
        if (settings.RestoreOnStart == RestoreOnStart.Never)
            return;

        var replicated = databases.Where(database => database.Replicas.Count > 0).ToList();
        await EachAsync(replicated, PrepareAsync, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Side by side: most of the time of a restore is spent waiting for its storage.</summary>
    private static Task EachAsync(
        IReadOnlyList<EffectiveDatabase> databases,
        Func<EffectiveDatabase, CancellationToken, Task> action,
        CancellationToken cancellationToken
    ) => SideBySide.RunAsync(databases, Environment.ProcessorCount, action, cancellationToken);

    private async Task PrepareAsync(EffectiveDatabase database, CancellationToken cancellationToken)
    {
        if (!File.Exists(database.Path))
            await RestoreAsync(database, cancellationToken).ConfigureAwait(false);
        else if (HasNoTables(database.Path))
            await RefuseEmptyOverFullAsync(database, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// A restore that was killed while it moved files is finished or taken back, whatever the settings say; one that is
    /// under way is waited for.
    /// </summary>
    private async Task FinishInterruptedAsync(EffectiveDatabase database, CancellationToken cancellationToken)
    {
        if (!DatabaseRestore.IsPending(database.Path))
            return;

        using var held = await LockAsync(database, () => !DatabaseRestore.IsPending(database.Path), cancellationToken)
            .ConfigureAwait(false);
        if (held is not null)
            DatabaseRestore.Recover(database.Path, line => ReplicatorLog.RestoreLine(logger, line));
    }

    private async Task RestoreAsync(EffectiveDatabase database, CancellationToken cancellationToken)
    {
        if (FindExecutable(database) is not { } found)
            return;

        using var held = await LockAsync(database, () => File.Exists(database.Path), cancellationToken)
            .ConfigureAwait(false);
        if (File.Exists(database.Path))
            return;

        if (held is null)
        {
            await RefuseMissingOverFullAsync(database, found, cancellationToken).ConfigureAwait(false);
            return;
        }

        await OrphanedReplicator
            .KillAsync(held.Found, processId => ReplicatorLog.EndingOrphan(logger, processId), cancellationToken)
            .ConfigureAwait(false);
        held.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null));
        var replica = Describe(database);
        ReplicatorLog.Restoring(logger, database.Path, replica);
        using var activity = LitestreamActivities.Start("litestream.restore");
        activity?.SetTag("db", database.Path).SetStatus(ActivityStatusCode.Error);
        var watch = Stopwatch.StartNew();
        var result = await DatabaseRestore
            .RunAsync(
                found,
                new RestoreRequest(config, database)
                {
                    IfDatabaseNotExists = true,
                    IfReplicaExists = true,
                    HeldLock = held,
                },
                line => ReplicatorLog.RestoreLine(logger, line),
                cancellationToken
            )
            .ConfigureAwait(false);
        activity?.SetTag("outcome", result.Outcome.ToString()).SetStatus(ActivityStatusCode.Unset);
        switch (result.Outcome)
        {
            case RestoreOutcome.Restored:
                ReplicatorLog.Restored(logger, database.Path, watch.Elapsed.TotalSeconds);
                break;
            case RestoreOutcome.NoBackup when settings.RestoreOnStart == RestoreOnStart.Required:
                throw new LitestreamException(
                    "LSB5002",
                    $"'{database.Path}' does not exist and {Describe(database)} has no backup of it, but "
                        + $"Litestream:RestoreOnStart is Required. Set it to IfMissing for the first start."
                );
            case RestoreOutcome.NoBackup:
                ReplicatorLog.NoBackupYet(logger, database.Path);
                if (database.Replicas.FirstOrDefault(found.Line.MayOverlook) is { } unread)
                {
                    ReplicatorLog.MayOverlookBackup(
                        logger,
                        database.Path,
                        found.Version,
                        found.Line.Older[^1].Name,
                        unread.Location
                    );
                }

                break;
        }
    }

    /// <summary>The executable, or null where it is missing but certainly nothing is lost by that.</summary>
    private LitestreamExecutable? FindExecutable(EffectiveDatabase database)
    {
        try
        {
            return executable();
        }
        catch (LitestreamException exception)
        {
            if (settings.RestoreOnStart != RestoreOnStart.Required && database.Replicas.All(IsEmptyFolder))
                return null;

            throw new LitestreamException(
                "LSB5002",
                $"'{database.Path}' does not exist, and {Describe(database)} cannot be searched for a "
                    + $"backup: {exception.Diagnostic.Message} Correct that and start the app again. To start without "
                    + $"the data, set Litestream:RestoreOnStart to Never.",
                innerException: exception
            );
        }

        static bool IsEmptyFolder(ConfiguredReplica replica) =>
            replica.Folder is { } folder
            && (!Directory.Exists(folder) || !Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Any());
    }

    /// <summary>
    /// The lock, or null when another process has done what was to be done, or does not need to be waited for: it is
    /// past its own gate.
    /// </summary>
    /// <exception cref="LitestreamException">LSB5002: another process holds it, and restores nothing.</exception>
    private async Task<DatabaseLock?> LockAsync(
        EffectiveDatabase database,
        Func<bool> isDone,
        CancellationToken cancellationToken
    )
    {
        var watch = Stopwatch.StartNew();
        var (seen, seenAt, workedAt) = (LockRecord.Empty, TimeSpan.Zero, TimeSpan.Zero);
        bool? announced = null;
        while (true)
        {
            if (DatabaseLock.TryAcquire(database.Path, out var holder) is { } held)
                return held;

            var isRestoring = DatabaseRestore.IsAtWork(database.Path, holder.App);
            if (!IsSame(holder, seen))
                (seen, seenAt, workedAt) = (holder, watch.Elapsed, watch.Elapsed);
            else if (isRestoring)
                workedAt = watch.Elapsed;

            var look = new RestoreWaitLook
            {
                IsDone = isDone(),
                IsPastGate = holder.Replicator is not null || holder.IsPastGate,
                IsRunning = holder.App?.IsRunning() == true,
                IsElsewhere = holder.App?.IsElsewhere == true,
                IsRestoring = isRestoring,
                SameRecordFor = watch.Elapsed - seenAt,
                IdleFor = watch.Elapsed - workedAt,
            };
            switch (RestoreWait.Decide(look, Limit))
            {
                case RestoreWaitStep.GoOn:
                    return null;
                case RestoreWaitStep.GiveUp:
                    throw GiveUp(database, holder);
            }

            if (announced != isRestoring)
            {
                announced = isRestoring;
                Announce(database, holder, isRestoring);
            }

            await Task.Delay(PollInterval, cancellationToken).ConfigureAwait(false);
        }
    }

    private LitestreamException GiveUp(EffectiveDatabase database, LockRecord record)
    {
        var (holder, held) = (LockHolder.Describe(record), DatabaseLock.PathFor(database.Path));
        var limit = string.Create(
            CultureInfo.InvariantCulture,
            $"{Limit.TotalSeconds:0.#} s (Litestream:StallTimeout)"
        );
        return new LitestreamException(
            "LSB5002",
            $"'{database.Path}' cannot be restored: {holder} holds '{held}' but has restored nothing for {limit}. "
                + "End that process, then start this one."
        );
    }

    private void Announce(EffectiveDatabase database, LockRecord record, bool isRestoring)
    {
        var holder = LockHolder.Describe(record);
        if (isRestoring)
            ReplicatorLog.WaitingForRestore(logger, database.Path, holder);
        else
            ReplicatorLog.WaitingForLock(logger, database.Path, holder, Limit.TotalSeconds);
    }

    private static bool IsSame(LockRecord one, LockRecord other) =>
        (one.App, one.Replicator, one.IsPastGate) == (other.App, other.Replicator, other.IsPastGate);

    /// <summary>
    /// Another app is past its own gate, and its database is missing: it has not created it yet, or the file was
    /// deleted or moved while that app runs.
    /// A backup tells: with one, a database that this app creates would go on in place of the lost one.
    /// </summary>
    private async Task RefuseMissingOverFullAsync(
        EffectiveDatabase database,
        LitestreamExecutable found,
        CancellationToken cancellationToken
    )
    {
        if (
            await HasBackupWithTablesAsync(database, found, cancellationToken).ConfigureAwait(false)
            && !File.Exists(database.Path)
        )
        {
            var holder = LockHolder.Describe(DatabaseLock.Peek(database.Path));
            throw new LitestreamException(
                "LSB5002",
                $"'{database.Path}' does not exist and cannot be restored from {Describe(database)}: {holder} holds "
                    + $"'{DatabaseLock.PathFor(database.Path)}'. "
                    + "End that process, which may still use the deleted file, then start this one."
            );
        }
    }

    /// <summary>
    /// A database that was opened before the host was built is there, but empty. With a backup that would be the end of
    /// the backup's lineage.
    /// </summary>
    private async Task RefuseEmptyOverFullAsync(EffectiveDatabase database, CancellationToken cancellationToken)
    {
        if (FindExecutable(database) is not { } found)
            return;

        if (await HasBackupWithTablesAsync(database, found, cancellationToken).ConfigureAwait(false))
        {
            throw new LitestreamException(
                "LSB5006",
                $"'{database.Path}' exists but has no tables, while {Describe(database)} has a backup with "
                    + $"tables. Either code opened it before the host was built, or an empty file was put there. "
                    + "Delete the empty file, and open the database only after Build()."
            );
        }
    }

    private async Task<bool> HasBackupWithTablesAsync(
        EffectiveDatabase database,
        LitestreamExecutable found,
        CancellationToken cancellationToken
    )
    {
        using var folder = RunDirectory.Create(database.Path);
        var copy = Path.Combine(folder.Path, "backup.db");
        var result = await DatabaseRestore
            .RunAsync(
                found,
                new RestoreRequest(config, database) { Output = copy, IfReplicaExists = true },
                line => ReplicatorLog.RestoreLine(logger, line),
                cancellationToken
            )
            .ConfigureAwait(false);
        return result.Outcome == RestoreOutcome.Restored && !HasNoTables(copy);
    }

    /// <summary>
    /// Asks through the app's own SQLite, and only where the size leaves it open: the file itself must never be opened
    /// by us (POSIX locks).
    /// </summary>
    private static bool HasNoTables(string path)
    {
        var length = new FileInfo(path).Length;
        if (length is 0 or > LargestEmptyDatabase)
            return length == 0;

        try
        {
            LiveDatabase.RequireLibrary(path);

            // Read only, so that closing it as the last connection neither checkpoints nor deletes the write-ahead log.
            using var connection = new SqliteConnection(
                new SqliteConnectionStringBuilder
                {
                    DataSource = path,
                    Mode = SqliteOpenMode.ReadOnly,
                    Pooling = false,
                }.ConnectionString
            );
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText =
                @"SELECT count(*) FROM sqlite_master WHERE name NOT LIKE '\_litestream\_%' ESCAPE '\'";
            return command.ExecuteScalar() is 0L;
        }
        catch (Exception)
        {
            // Another SQLite than Microsoft.Data.Sqlite's, an encrypted file, a lock: not known to be empty.
            return false;
        }
    }

    private static string Describe(EffectiveDatabase database) =>
        string.Join(", ", database.Replicas.Select(replica => replica.Describe()));
}
