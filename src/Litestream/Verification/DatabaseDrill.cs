using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases.V03;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Verification;

/// <summary>How a fire drill is done.</summary>
public sealed record DrillOptions
{
    /// <summary>A query of the user's own that must return a row on the restored database; null: none.</summary>
    public string? Query { get; init; }

    /// <summary>The moment to restore to; null: the newest backup.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The replica to restore from, by name; null: the one that the executable chooses.</summary>
    public string? Replica { get; init; }

    /// <summary>How long restore, check and query may take together; null: without limit.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>What a fire drill found.</summary>
/// <param name="Database">What was restored.</param>
/// <param name="RecoveryPoint">What would have been lost (RPO): the time from the newest thing in the replica (or from
/// the timestamp asked for) to the last commit of the database; zero when that commit is in the replica. Null where it
/// cannot be told (no database here, an empty replica): see <see cref="DrillResult.RecoveryPointNote"/>.</param>
/// <param name="RecoveryTime">What recovery took (RTO): the restore, the integrity check and the query.</param>
/// <param name="Bytes">The size of the restored database.</param>
public sealed record DrillResult(EffectiveDatabase Database, TimeSpan? RecoveryPoint, TimeSpan RecoveryTime, long Bytes)
{
    /// <summary>How the recovery point was found, or why not, in words.</summary>
    public string RecoveryPointNote { get; init; } = "";

    /// <summary>The generation that was restored; empty when the executable does not say.</summary>
    public string Generation { get; init; } = "";

    /// <summary>
    /// What of the restored file could not be checked, for the lack of a collation, function or module that only the
    /// app has; else empty.
    /// </summary>
    public string IntegrityNote { get; init; } = "";

    /// <summary>
    /// How the content of the restored file compares with the database here, where its last commit is in the replica:
    /// every row, by type and bytes; else why it was not compared. (Where it is
    /// not the same, the drill fails with LSB4103.)
    /// </summary>
    public string ContentNote { get; init; } = "";

    /// <summary>
    /// The time of the newest thing in the replica (of what was asked for, with a timestamp); null when it is not
    /// known.
    /// </summary>
    public DateTimeOffset? BackupTime { get; init; }

    /// <summary>
    /// The first row that the query returned, by column, as text; null values stay null. Empty without a query.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Answer { get; init; } = [];

    /// <summary>What the restore alone took.</summary>
    public TimeSpan RestoreTime { get; init; }
}

/// <summary>
/// The fire drill: the newest backup is restored to a scratch file, checked, asked the user's question, and removed.
/// </summary>
public static class DatabaseDrill
{
    private static readonly TimeSpan LivePatience = TimeSpan.FromSeconds(30);

    /// <summary>Runs the drill. The database itself is not changed. While it is in use, it is copied through SQLite as
    /// a full verification does, to be compared with what was restored.</summary>
    /// <exception cref="LitestreamException">LSB4002, LSB4003, LSB4005 as for a restore, which is also given up when it
    /// shows no sign of life for 2 minutes (LSB4005); LSB4103: there is a backup of the database here, and a restore
    /// takes what another host or database has written to the replica, or gives back other content than the database
    /// has; LSB4111: the query failed or returned no row; LSB3005: timed out; LSB3008: no such replica; LSB4104: no
    /// SQLite library.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static async Task<DrillResult> RunAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        DrillOptions? options,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(executable);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(database);
        options ??= new();
        if (options.Replica is { } name && !database.Replicas.Any(r => r.Name == name))
            throw BackupCatalog.NoSuchReplica(database, name);
        LiveDatabase.RequireLibrary(database.Path);

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (options.Timeout is { } timeout)
            limit.CancelAfter(timeout);
        try
        {
            return await RunAsync(executable, config, database, options, TimeProvider.System, limit.Token)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LitestreamException(
                "LSB3005",
                $"The drill of {database.Path} was ended because it took longer than "
                    + $"{NumberText.Seconds(options.Timeout!.Value)} s.",
                innerException: e
            );
        }
        catch (OperationCanceledException)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private static async Task<DrillResult> RunAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        DrillOptions options,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var client = new BackupCatalog(executable, config);
        var shadow = new ShadowWal(database.MetaPath);
        var before = shadow.Generation();
        using var live = options.Timestamp is null
            ? await CopyLiveAsync(config, database, time, cancellationToken).ConfigureAwait(false)
            : new(null, "A moment of the past was asked for: the content was not compared with that of now.");
        var (recoveryPoint, note, backup, complete) = await RecoveryPointAsync(
                client,
                config,
                database,
                options,
                shadow,
                cancellationToken
            )
            .ConfigureAwait(false);

        using var copy = new ScratchCopy(executable, config, database, client.Timeout);
        if (!File.Exists(database.Path))
        {
            copy.LeastBytes = await BytesAsync(executable, config, database, options, cancellationToken)
                .ConfigureAwait(false);
        }

        var start = time.GetTimestamp();
        List<string> arguments = [];
        if (options.Replica is not null)
            arguments.AddRange(["-replica", options.Replica]);
        if (options.Timestamp is { } timestamp)
            arguments.AddRange([
                "-timestamp",
                timestamp.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture),
            ]);
        RestoreSource? restored;
        try
        {
            restored = await copy.RestoreAsync(arguments, cancellationToken).ConfigureAwait(false);
        }
        catch (LitestreamException e)
        {
            throw new LitestreamException(
                e.Diagnostic.Code,
                $"{database.Path} could not be restored: {e.Diagnostic.Message}",
                innerException: e
            );
        }

        // 0.3 knows no moment after a generation's last file, although nothing has changed since: as for a restore.
        if (
            restored is null
            && options.Timestamp is not null
            && await BackupSelection
                .LastBeforeAsync(
                    executable,
                    new RestoreRequest(config, database) { Timestamp = options.Timestamp, Replica = options.Replica },
                    cancellationToken
                )
                .ConfigureAwait(false)
                is { } last
        )
        {
            restored = await copy.RestoreAsync(["-replica", last.Replica, "-generation", last.Name], cancellationToken)
                .ConfigureAwait(false);
        }

        if (restored is null)
            throw new LitestreamException(
                "LSB4002",
                $"There is no backup "
                    + $"of {database.Path}{(options.Timestamp is { } then ? $" of {then:u} or before" : "")} "
                    + $"in "
                    + $"{string.Join(", ", database.Replicas.Where(r => options.Replica is null || r.Name == options.Replica).Select(r => r.Location))}."
            );
        var restoreTime = time.GetElapsedTime(start);

        // A generation that has begun here meanwhile is this database's as well.
        if (
            File.Exists(database.Path)
            && shadow.Generation() is { } own
            && restored.Generation.Length > 0
            && restored.Generation != own
            && restored.Generation != before
            && await OtherHistoryAsync(client, database, options, restored, own, cancellationToken)
                .ConfigureAwait(false)
                is { } other
        )
        {
            (recoveryPoint, note) = (null, other);
        }
        else if (complete.Count > 0 && restored.Replica.Length > 0 && !complete.Contains(restored.Replica))
        {
            (recoveryPoint, note) = (
                null,
                $"The last commit of the database is in replica {string.Join(", ", complete)}, and what was "
                    + $"restored is replica {restored.Replica}, which lags behind: how much would have been "
                    + $"lost cannot be told."
            );
        }

        var (answer, integrity) = await Task.Run(
                () => Ask(copy.Path, database, options.Query, cancellationToken),
                cancellationToken
            )
            .ConfigureAwait(false);
        var recoveryTime = time.GetElapsedTime(start);
        var content =
            recoveryPoint == TimeSpan.Zero && complete.Count > 0
                ? await CompareContentAsync(copy, live, shadow, restored, cancellationToken).ConfigureAwait(false)
            : live.Why.Length > 0 ? live.Why
            : "The content was not compared with that of the database, whose last commit is not known to be in the "
                + "replica.";
        return new DrillResult(database, recoveryPoint, recoveryTime, copy.Bytes)
        {
            ContentNote = content,
            RecoveryPointNote = note,
            IntegrityNote = integrity,
            Generation = restored.Generation,
            BackupTime = backup,
            Answer = answer,
            RestoreTime = restoreTime,
        };
    }

    /// <summary>How many (compressed) bytes a restore of a lost database fetches; zero where the replica does not tell.
    /// </summary>
    private static async Task<long> BytesAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        DrillOptions options,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var request = new RestoreRequest(config, database)
            {
                Timestamp = options.Timestamp,
                Replica = options.Replica,
            };
            var found = await BackupSelection.FindAsync(executable, request, cancellationToken).ConfigureAwait(false);
            return found?.Bytes ?? 0;
        }
        catch (LitestreamException)
        {
            // The restore says it.
            return 0;
        }
    }

    /// <summary>Copies the database as it is before the restore, where it has a WAL: without one it is not in use, and
    /// nothing is left beside it so.</summary>
    private static async Task<LiveContent> CopyLiveAsync(
        EffectiveConfig config,
        EffectiveDatabase database,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        if (!File.Exists(database.Path) || WalFile.Header(WalFile.PathOf(database.Path)) is null)
            return new(
                null,
                File.Exists(database.Path) ? "The content was not compared: the database is not in use." : ""
            );
        try
        {
            var limit = ReaderLimit.Of(ReplicationSettings.Of(config, database).MaxCheckpointPages);
            var (copy, why) = await Task.Run(
                    () => LiveCopy.TakeAsync(database.Path, limit, LivePatience, time, cancellationToken),
                    cancellationToken
                )
                .ConfigureAwait(false);
            return new(copy, copy is null ? $"The content could not be compared: {why}." : "");
        }
        catch (SqliteException e)
        {
            return new(null, $"The content could not be compared: {e.Message}");
        }
    }

    /// <summary>The restored file against the database; where that was written to meanwhile, the replica cut at the
    /// commit that was copied.</summary>
    /// <exception cref="LitestreamException">LSB4103: it is not the same.</exception>
    private static async Task<string> CompareContentAsync(
        ScratchCopy copy,
        LiveContent live,
        ShadowWal shadow,
        RestoreSource restored,
        CancellationToken cancellationToken
    )
    {
        if (live.Copy is not { } before)
            return live.Why;
        try
        {
            return await CompareContentAsync(copy, before, shadow, restored, cancellationToken).ConfigureAwait(false);
        }
        catch (LitestreamException e) when (e.Diagnostic.Code == "LSB0003")
        {
            return $"The content could not be compared. {e.Diagnostic.Message}";
        }
        catch (Exception e) when (ScratchError.IsMachineFault(e))
        {
            return $"The content could not be compared: {ScratchError.Explain(e)}.";
        }
        catch (SqliteException e)
        {
            throw new LitestreamException(
                "LSB4003",
                $"What was restored cannot be read: {e.Message}",
                innerException: e
            );
        }
    }

    private static async Task<string> CompareContentAsync(
        ScratchCopy copy,
        LiveCopy before,
        ShadowWal shadow,
        RestoreSource restored,
        CancellationToken cancellationToken
    )
    {
        var comparison = await CompareAsync(copy.Path, stopAtFirst: true).ConfigureAwait(false);
        if (comparison.Count > 0)
        {
            if (
                shadow.Generation() is not { } generation
                || before.Mark is not { } mark
                || shadow.Find(generation, mark) is not { } place
                || restored.Replica.Length == 0
                || await copy.RestoreUpToAsync(place, restored.Replica, cancellationToken).ConfigureAwait(false)
                    is not { } cut
            )
            {
                return "The content could not be compared: the database was written to meanwhile.";
            }

            comparison = await CompareAsync(cut, stopAtFirst: false).ConfigureAwait(false);
        }

        return comparison.Count > 0
                ? throw new LitestreamException(
                    "LSB4103",
                    $"What was restored is not what the database held: {comparison.Describe()}."
                )
            : comparison.IsSame ? $"The content is that of the database: {comparison}."
            : $"Not all of the content could be compared: {comparison}.";

        Task<ContentComparison> CompareAsync(string file, bool stopAtFirst) =>
            Task.Run(
                () => before.CompareWith(file, new() { StopAtFirst = stopAtFirst }, cancellationToken),
                cancellationToken
            );
    }

    /// <summary>
    /// Why what was restored cannot be compared with the database here, whose generation is another one; null when it
    /// can.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4103: the database here has a backup of its own, and another one was
    /// taken.</exception>
    private static async Task<string?> OtherHistoryAsync(
        BackupCatalog client,
        EffectiveDatabase database,
        DrillOptions options,
        RestoreSource restored,
        string own,
        CancellationToken cancellationToken
    )
    {
        var what =
            $"What was restored is "
            + $"generation {restored.Generation}"
            + $"{(restored.Replica.Length > 0 ? $" of replica {restored.Replica}" : "")}, "
            + $"and {own} is that of {database.Path}";
        DateTimeOffset? begun;
        bool isLater;
        try
        {
            var generations = await client
                .GenerationsAsync(
                    database,
                    restored.Replica.Length > 0 ? restored.Replica : options.Replica,
                    cancellationToken
                )
                .ConfigureAwait(false);
            begun = (await client.SnapshotsAsync(database, options.Replica, cancellationToken).ConfigureAwait(false))
                .Where(s => s.Generation == own)
                .Select(s => (DateTimeOffset?)s.Created)
                .Min();
            isLater = generations.Any(g => g.Name == restored.Generation && g.End > begun);
        }
        catch (LitestreamException e)
        {
            return $"{what}: it may be an older history of it, or another host or database writes to the replica, "
                + $"so what would have been lost cannot be told ({e.Diagnostic.Message})";
        }

        // Generations of one database follow each other: none is written to once the next has begun.
        if (isLater)
            throw new LitestreamException(
                "LSB4103",
                $"{what}: another host or database writes to the replica as well, and a restore takes what that one "
                    + $"wrote. Let only one of them replicate to this place, and give the other a replica of its own."
            );
        if (begun is null)
            return $"{what}, of which there is no snapshot yet: it may be an older history of the database, or "
                + $"another host's or database's, so what would have been lost cannot be told.";
        return options.Timestamp is null ? $"{what}: what would have been lost cannot be told." : null;
    }

    private static (List<KeyValuePair<string, string?>> Answer, string Note) Ask(
        string path,
        EffectiveDatabase database,
        string? query,
        CancellationToken cancellationToken
    )
    {
        try
        {
            using var connection = ScratchDatabase.Open(path);
            if (ScratchDatabase.Damage(connection, full: true, out var note, cancellationToken) is { } damage)
                throw new LitestreamException(
                    "LSB4003",
                    $"The backup of {database.Path} does not give a sound database: {damage}."
                );
            note = note.TrimStart();
            if (query is null)
                return ([], note);
            using var interrupt = cancellationToken.Register(() => SQLitePCL.raw.sqlite3_interrupt(connection.Handle!));
            using var command = connection.CreateCommand();
            command.CommandText = query;
            using var reader = command.ExecuteReader();
            if (!reader.Read())
                throw new LitestreamException(
                    "LSB4111",
                    $"The query of the drill returned no row from the restored {database.Path}: {query}"
                );
            return (
                [
                    .. Enumerable
                        .Range(0, reader.FieldCount)
                        .Select(i => new KeyValuePair<string, string?>(reader.GetName(i), Text(reader.GetValue(i)))),
                ],
                note
            );
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (SqliteException e)
        {
            throw new LitestreamException(
                query is null ? "LSB4003" : "LSB4111",
                $"The restored {database.Path} "
                    + $"{(query is null ? "cannot be read" : $"cannot answer the query of the drill ({query})")}: "
                    + $"{e.Message}",
                innerException: e
            );
        }
    }

    private static string? Text(object value) =>
        value switch
        {
            DBNull => null,
            byte[] bytes => Convert.ToHexString(bytes),
            _ => Convert.ToString(value, CultureInfo.InvariantCulture),
        };

    /// <summary>
    /// From the newest thing in the replica to the last commit here, when that is not in the replica.
    /// </summary>
    private static async Task<(
        TimeSpan? RecoveryPoint,
        string Note,
        DateTimeOffset? BackupTime,
        IReadOnlyList<string> Complete
    )> RecoveryPointAsync(
        BackupCatalog client,
        EffectiveConfig config,
        EffectiveDatabase database,
        DrillOptions options,
        ShadowWal shadow,
        CancellationToken cancellationToken
    )
    {
        DateTimeOffset? backup;
        try
        {
            var snapshots = await client
                .SnapshotsAsync(database, options.Replica, cancellationToken)
                .ConfigureAwait(false);
            var segments = await client
                .WalSegmentsAsync(database, options.Replica, null, cancellationToken)
                .ConfigureAwait(false);
            backup = snapshots
                .Select(s => s.Created)
                .Concat(segments.Select(s => s.Created))
                .Where(created => options.Timestamp is null || created <= options.Timestamp)
                .Select(created => (DateTimeOffset?)created)
                .Max();
        }
        catch (LitestreamException e)
        {
            return (null, $"What would have been lost cannot be told: {e.Diagnostic.Message}", null, []);
        }

        // Only looked at from outside: a drill must not disturb the app.
        var wal = WalFile.PathOf(database.Path);
        if (!File.Exists(database.Path))
            return (null, $"There is no database here to compare with. The backup is of {backup:u}.", backup, []);
        var lastCommit = new[] { database.Path, wal }
            .Where(File.Exists)
            .Max(f => new DateTimeOffset(File.GetLastWriteTimeUtc(f)));

        if (options.Timestamp is { } timestamp)
            return (
                Positive(lastCommit - timestamp),
                $"From {timestamp:u}, which was asked for, to the last commit of the database.",
                backup,
                []
            );
        if (
            await CompleteAsync(client, config, database, options.Replica, wal, shadow, cancellationToken)
                .ConfigureAwait(false) is
            { Count: > 0 } complete
        )
            return (TimeSpan.Zero, "The last commit of the database is in the replica.", backup, complete);
        return backup is null
            ? (null, "The replica is empty.", null, [])
            : (
                Positive(lastCommit - backup.Value),
                $"From {backup:u}, the newest in the replica, to {lastCommit:u}, the last commit of the database.",
                backup,
                []
            );
    }

    /// <summary>The replicas that hold the last commit here.</summary>
    private static async Task<List<string>> CompleteAsync(
        BackupCatalog client,
        EffectiveConfig config,
        EffectiveDatabase database,
        string? replica,
        string wal,
        ShadowWal shadow,
        CancellationToken cancellationToken
    )
    {
        if (
            shadow.Generation() is not { } generation
            || WalFile.LastCommit(wal) is not { } mark
            || shadow.Find(generation, mark) is not { } last
        )
            return [];
        var complete = new List<string>();
        var settings = ReplicationSettings.Of(config, database);
        foreach (var chosen in settings.Replicas.Where(r => replica is null || r.Name == replica))
        {
            using var watch = new ReplicaWatch(chosen, settings.MetricsAddress, database, client, shadow);
            try
            {
                await watch.AskAsync(generation, cancellationToken).ConfigureAwait(false);
            }
            catch (LitestreamException)
            {
                continue;
            }

            if (watch.Reach?.Position?.Reaches(last) == true)
                complete.Add(chosen.Name);
        }

        return complete;
    }

    /// <summary>The database as it was before the restore, or why it is not compared.</summary>
    private sealed record LiveContent(LiveCopy? Copy, string Why) : IDisposable
    {
        public void Dispose() => Copy?.Dispose();
    }

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;
}
