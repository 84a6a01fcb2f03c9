using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Verification;

/// <summary>
/// The fire drill: the newest backup is restored to a scratch file, checked, asked the user's question, and removed.
/// </summary>
public static class DatabaseDrill
{
    /// <summary>Runs the drill. The database itself is not changed. While it is in use, it is copied through SQLite as
    /// a full verification does, to be compared with what was restored.</summary>
    /// <exception cref="LitestreamException">LSB4002, LSB4003, LSB4005 as for a restore, which is also given up when it
    /// shows no sign of life for 2 minutes (LSB4005); LSB4103: there is a backup of the database here, and a restore
    /// takes what another host or database has written to the replica, or gives back other content than the database
    /// has; LSB4011: a newer release line wrote the replica last; LSB4111: the query failed or returned no row;
    /// LSB3005: timed out; LSB3008: no such replica; LSB4104: no
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
        ReplicaNames.Require(database, options.Replica);
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
                $"The drill of '{database.Path}' was cancelled because it took longer than "
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
        var selection = new RestoreSelection(database) { Timestamp = options.Timestamp, Replica = options.Replica };
        var line = executable.Line;
        var catalog = line.Catalog(executable, config, null);
        await NewerBackup
            .RefuseAsync(executable, config, selection, catalog.Timeout, cancellationToken)
            .ConfigureAwait(false);
        var state = line.State(database.MetaPath);
        var before = state.Lineage();
        using var live = options.Timestamp is null
            ? await LiveContent.CopyAsync(config, database, time, cancellationToken).ConfigureAwait(false)
            : new LiveContent(
                null,
                "The content was not compared, because a past state was restored."
            );
        var finder = new RecoveryPointFinder(line, catalog, state, config, database, options);
        var (recoveryPoint, note, backup, complete) = await finder.FindAsync(cancellationToken).ConfigureAwait(false);

        using var copy = new ScratchCopy(executable, config, database, catalog.Timeout);
        var start = time.GetTimestamp();
        var restored = await copy.RequireAsync(catalog, selection, cancellationToken).ConfigureAwait(false);
        var restoreTime = time.GetElapsedTime(start);

        // A lineage that has begun here meanwhile is this database's as well.
        if (
            File.Exists(database.Path)
            && state.Lineage() is { } own
            && restored.Lineage.Length > 0
            && restored.Lineage != own
            && restored.Lineage != before
            && await DescribeOtherAsync(line, catalog, database, options, restored, own, cancellationToken)
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
                $"The last commit is in replica {string.Join(", ", complete.Select(name => $"'{name}'"))}, but the "
                    + $"drill restored replica '{restored.Replica}', which lags behind. The data loss is unknown."
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
                ? await live.CompareAsync(database.Path, copy, state, restored, cancellationToken).ConfigureAwait(false)
            : live.Why.Length > 0 ? new ContentOutcome(live.Why)
            : new ContentOutcome("The content was not compared, because the last commit may not be in the replica.");
        return new DrillResult(database, recoveryPoint, recoveryTime, copy.Bytes)
        {
            ContentNote = content.Note,
            ContentMatches = content.Matches,
            RecoveryPointNote = note,
            IntegrityNote = integrity,
            Generation = restored.Lineage,
            BackupTime = backup,
            Answer = answer,
            RestoreTime = restoreTime,
        };
    }

    /// <summary>
    /// Why what was restored cannot be compared with the database here, whose lineage is another one; null when it
    /// can.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4103: the database here has a backup of its own, and another one was
    /// taken.</exception>
    private static async Task<string?> DescribeOtherAsync(
        ReleaseLine line,
        IBackupCatalog catalog,
        EffectiveDatabase database,
        DrillOptions options,
        RestoreSource restored,
        string own,
        CancellationToken cancellationToken
    )
    {
        var what =
            $"The drill restored {line.LineageWord} {restored.Lineage}"
            + $"{(restored.Replica.Length > 0 ? $" of replica '{restored.Replica}'" : "")}, "
            + $"but '{database.Path}' has {line.LineageWord} {own}";
        DateTimeOffset? begun;
        bool isLater;
        try
        {
            var lineages = await catalog
                .LineagesAsync(
                    database,
                    restored.Replica.Length > 0 ? restored.Replica : options.Replica,
                    cancellationToken
                )
                .ConfigureAwait(false);
            begun = (await catalog.FullCopiesAsync(database, options.Replica, cancellationToken).ConfigureAwait(false))
                .Where(s => s.Lineage == own)
                .Select(s => (DateTimeOffset?)s.Created)
                .Min();
            isLater = lineages.Any(g => g.Name == restored.Lineage && g.End > begun);
        }
        catch (LitestreamException e)
        {
            return $"{what}. The data loss is unknown: the restored one may be older, or belong to another host or "
                + $"database that writes to the replica ({e.Diagnostic.Message})";
        }

        // Lineages of one database follow each other: none is written to once the next has begun.
        if (isLater)
        {
            throw new LitestreamException(
                "LSB4103",
                $"{what}. Another host or database also writes to the replica, and a restore takes its data. Let "
                    + $"only one of them replicate to this place, and give the other its own replica."
            );
        }

        if (begun is null)
        {
            return $"{what}, which has no full copy yet. The data loss is unknown: the restored one may be older, "
                + $"or belong to another host or database.";
        }

        return options.Timestamp is null ? $"{what}. The data loss is unknown." : null;
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
            {
                throw new LitestreamException(
                    "LSB4003",
                    $"The backup of '{database.Path}' does not give a sound database: {damage}."
                );
            }

            note = note.TrimStart();
            if (query is null)
                return ([], note);
            using var interrupt = cancellationToken.Register(() => SQLitePCL.raw.sqlite3_interrupt(connection.Handle!));
            using var command = connection.CreateCommand();
            command.CommandText = query;
            using var reader = command.ExecuteReader();
            if (!reader.Read())
            {
                throw new LitestreamException(
                    "LSB4111",
                    $"The query of the drill returned no row from the restored '{database.Path}': {query}"
                );
            }

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
                $"The restored '{database.Path}' "
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
}
