using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Releases;

/// <summary>
/// Keeps an executable away from a replica that a newer release line wrote last. It does not see those files: it says
/// that there is no backup, or restores its own old state, and what it sends is preferred to what is there.
/// </summary>
internal static class NewerBackup
{
    /// <summary>
    /// Looks into the replicas that are folders, and beside the database. In other storage the executable cannot list
    /// the
    /// newer line's files: only <see cref="ReplicaNote"/> tells of them, for which the storage has to be asked.
    /// </summary>
    /// <param name="executable">What would be started.</param>
    /// <param name="database">The database, which need not exist.</param>
    /// <param name="replica">The name of one replica; null for all.</param>
    /// <param name="moment">Only what was made by then counts; null: all.</param>
    /// <returns>Why the executable must not be used, LSB4011; null when it may.</returns>
    /// <exception cref="LitestreamException">LSB4005: a folder cannot be read.</exception>
    public static LitestreamException? Find(
        LitestreamExecutable executable,
        EffectiveDatabase database,
        string? replica = null,
        DateTimeOffset? moment = null
    )
    {
        var line = executable.Line;
        foreach (var newer in line.Newer)
        {
            foreach (var one in database.Replicas.Where(one => replica is null || one.Name == replica))
            {
                if (one.Folder is { } folder)
                {
                    var own = line.Layout.Find(folder, moment)?.Newest;
                    if (newer.Layout.Find(folder, moment)?.Newest is { } last && !(own > last))
                        return Explain(executable, newer, database, one, last, own);
                }
                else
                {
                    var own = line.LastRead(database.MetaPath);
                    if (newer.LastRead(database.MetaPath) is { } last && !(own > last) && !(moment <= own))
                        return Explain(executable, newer, database, one, last, own);
                }
            }
        }

        return null;
    }

    /// <summary>Before a restore: looks on a thread of its own, not for longer than a folder may take to answer, and
    /// asks
    /// other storage.</summary>
    /// <exception cref="LitestreamException">LSB4011; LSB4005: a replica cannot be read, or does not
    /// answer.</exception>
    public static async Task RefuseAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        RestoreSelection selection,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        // A generation that is named is meant.
        if (executable.Line.Newer.Count == 0 || selection.Lineage is not null)
            return;
        try
        {
            var found = await Task
                .Factory.StartNew(
                    () => Find(executable, selection.Database, selection.Replica, selection.Timestamp),
                    CancellationToken.None,
                    TaskCreationOptions.LongRunning,
                    TaskScheduler.Default
                )
                .WaitAsync(patience, cancellationToken)
                .ConfigureAwait(false);
            found ??= await FindNoteAsync(executable, config, selection, patience, cancellationToken)
                .ConfigureAwait(false);
            if (found is not null)
                throw found;
        }
        catch (LitestreamException e) when (e.Diagnostic.Code is "LSB3001" or "LSB3005")
        {
            var why = e.Diagnostic.Code == "LSB3005" ? "the storage does not answer." : e.Diagnostic.Message;
            throw new LitestreamException(
                "LSB4005",
                $"'{selection.Database.Path}' could not be restored from {Places(selection)}: {why}",
                innerException: e
            );
        }
        catch (TimeoutException e)
        {
            throw new LitestreamException(
                "LSB4005",
                $"'{selection.Database.Path}' could not be restored from {Places(selection)}: it does not answer for "
                    + $"{NumberText.Seconds(patience)} s.",
                innerException: e
            );
        }
    }

    /// <summary>Asks storage that is not a folder.</summary>
    public static async Task<LitestreamException?> FindNoteAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        RestoreSelection selection,
        TimeSpan? timeout,
        CancellationToken cancellationToken
    )
    {
        var (database, replica) = (selection.Database, selection.Replica);
        var isThere = await ReplicaNote
            .IsThereAsync(executable, config, database, replica, selection.Timestamp, timeout, cancellationToken)
            .ConfigureAwait(false);
        if (!isThere)
            return null;
        var place = database.Replicas.First(one => one.Folder is null && (replica is null || one.Name == replica));
        return Explain(executable, executable.Line.Newer[0], database, place, last: null, own: null);
    }

    private static LitestreamException Explain(
        LitestreamExecutable executable,
        ReleaseLine newer,
        EffectiveDatabase database,
        ConfiguredReplica replica,
        DateTimeOffset? last,
        DateTimeOffset? own
    )
    {
        var instead = own is { } old ? $"its own state of {Text(old)}" : "no backup there";
        var left = Path.Combine(database.MetaPath, newer.LocalEntries[0]);
        var next =
            $"a new replica path, such as '{replica.Location}-{executable.Line.Name}'"
            + (replica.Folder is null && Directory.Exists(left) ? $", and delete '{left}'" : "");
        return new LitestreamException(
            "LSB4011",
            $"The replica '{replica.Location}' of '{database.Path}' was last written by litestream {newer.Name}"
                + $"{(last is { } time ? $" ({Text(time)})" : "")}, but this is "
                + $"{executable.Version ?? executable.Line.Name}, which would find {instead}. Nothing is "
                + $"replicated or restored. Use an executable of release line {newer.Name}, or go back with {next} "
                + $"(restore a missing database with {newer.Name} first)."
        );
    }

    private static string Places(RestoreSelection selection) =>
        string.Join(
            ", ",
            selection
                .Database.Replicas.Where(one => selection.Replica is null || one.Name == selection.Replica)
                .Select(one => one.Location)
        );

    private static string Text(DateTimeOffset time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
