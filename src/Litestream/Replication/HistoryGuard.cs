using Litestream.Commands;
using Litestream.Configuration;
using Litestream.Locking;
using Litestream.Restore;
using Litestream.Verification;

namespace Litestream.Replication;

/// <summary>Whether a database goes on with the history that its replicas hold.</summary>
internal enum HistoryVerdict
{
    /// <summary>It does, or the replicas are empty.</summary>
    Same,

    /// <summary>It does not: replicating it would begin a history that a restore prefers to the one that is there.</summary>
    Other,

    /// <summary>There is no database, but a backup of one.</summary>
    Missing,
}

/// <summary>
/// Keeps a database from going on in the place of another one: a template's that was published over it, a laptop's, an empty one that an app made. A replica
/// has one history, and a restore takes whichever was written last.
/// </summary>
internal sealed class HistoryGuard(LitestreamExecutable executable, EffectiveConfig config, EffectiveDatabase database)
{
    /// <summary>Looks beside the database first; the storage is asked only where that does not tell.</summary>
    /// <param name="folder">A private folder for a copy of the backup, where nothing else tells.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <exception cref="LitestreamException">The storage cannot be asked.</exception>
    public async Task<HistoryVerdict> JudgeAsync(string folder, CancellationToken cancellationToken)
    {
        if (database.Replicas.Count == 0)
            return HistoryVerdict.Same;

        var known = DatabaseHistory.Read(database.MetaPath);
        if (FileStamp.Of(database.Path) is not { Size: > 0 } file)
            return (await GenerationsAsync(cancellationToken).ConfigureAwait(false)).Count == 0 ? HistoryVerdict.Same : HistoryVerdict.Missing;
        if (await IsAnothersReplicaAsync(known?.Id, folder, cancellationToken).ConfigureAwait(false))
            return HistoryVerdict.Other;
        if (known?.File == file)
            return HistoryVerdict.Same;

        var (readable, id) = LiveDatabase.ReadIdentityInFile(database.Path);
        if (known?.Id is { } expected && readable)
        {
            // In the WAL alone it counts only while it has never been seen in the file, and for the same file.
            if (id == expected || (id is null && !known.IsInFile && known.File?.IsSameFile(file) != false && LiveDatabase.ReadIdentity(database.Path) == expected))
                return HistoryVerdict.Same;
        }
        else if (known is { Id: null, File.Identity: { } identity } && identity == file.Identity)
        {
            return HistoryVerdict.Same;
        }

        var generations = await GenerationsAsync(cancellationToken).ConfigureAwait(false);
        if (generations.Count == 0)
            return HistoryVerdict.Same;
        if (known?.Id is not null && readable)
            return HistoryVerdict.Other;

        // Replicated by litestream before anything was remembered, or too short for it.
        if (known is not { Id: not null } && new ShadowWal(database.MetaPath).Generation() is { } own && generations.Contains(own))
            return HistoryVerdict.Same;

        // Its state folder is lost: whether the backup is of the same database, the backup tells.
        return (id ?? LiveDatabase.ReadIdentity(database.Path)) is { } here && here == await IdentityOfBackupAsync(folder, cancellationToken).ConfigureAwait(false)
            ? HistoryVerdict.Same
            : HistoryVerdict.Other;
    }

    /// <summary>
    /// Another database's replica in the place of its own: what it has sent is not there, something else is. Only folders are looked into; to ask other storage at every start would make
    /// each start depend on it.
    /// </summary>
    private async Task<bool> IsAnothersReplicaAsync(long? id, string folder, CancellationToken cancellationToken)
    {
        if (id is null || new ShadowWal(database.MetaPath).Generation() is not { } own || ReplicationSettings.Of(config, database).Replicas.Any(replica => replica.Folder is null))
            return false;
        var generations = await GenerationsAsync(cancellationToken).ConfigureAwait(false);
        return generations.Count > 0 && !generations.Contains(own) && await IdentityOfBackupAsync(folder, cancellationToken).ConfigureAwait(false) != id;
    }

    /// <summary>The generations that something can be restored from.</summary>
    private async Task<HashSet<string>> GenerationsAsync(CancellationToken cancellationToken)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var isListed = false;
        foreach (var replica in ReplicationSettings.Of(config, database).Replicas)
        {
            if (replica.Folder is not { } path)
            {
                isListed = true;
                continue;
            }

            try
            {
                found.UnionWith(new DirectoryInfo(Path.Combine(path, "generations")).EnumerateDirectories()
                    .Where(generation => Directory.Exists(Path.Combine(generation.FullName, "snapshots")) && generation.EnumerateFiles("snapshots/*.snapshot.lz4").Any())
                    .Select(generation => generation.Name));
            }
            catch (DirectoryNotFoundException) when (!File.Exists(path) && !File.Exists(Path.Combine(path, "generations")))
            {
                // Nothing has been sent there yet. (A file in the place of a folder says nothing.)
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new LitestreamException("LSB4005", $"The replica {path} cannot be read: {e.Message}", innerException: e);
            }
        }

        if (isListed)
            found.UnionWith((await new LitestreamClient(executable, config).SnapshotsAsync(database.Path, cancellationToken: cancellationToken).ConfigureAwait(false)).Select(snapshot => snapshot.Generation));
        return found;
    }

    private async Task<long?> IdentityOfBackupAsync(string folder, CancellationToken cancellationToken)
    {
        var copy = Path.Combine(folder, "history.db");
        var result = await DatabaseRestore.RunAsync(executable, new RestoreRequest(config, database) { Output = copy, IfReplicaExists = true }, onLine: null, cancellationToken).ConfigureAwait(false);
        if (result.Outcome != RestoreOutcome.Restored)
            return null;
        try
        {
            return LiveDatabase.ReadIdentityInFile(copy).Id;
        }
        finally
        {
            File.Delete(copy);
        }
    }
}
