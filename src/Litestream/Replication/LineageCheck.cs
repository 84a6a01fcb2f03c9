using System.Collections.Concurrent;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;

namespace Litestream.Replication;

/// <summary>
/// Keeps a database from taking the place of another one: a template's that was published over it, a laptop's, an
/// empty one that an app made. A replica is for one database: a restore takes the lineage that was written last.
/// </summary>
internal sealed class LineageCheck(LitestreamExecutable executable, EffectiveConfig config, EffectiveDatabase database)
{
    /// <summary>As each is a process, and most of the time is spent waiting for the same network.</summary>
    private const int AtOnce = 4;

    /// <summary>By storage: one that does not answer holds up its own databases only.</summary>
    private static readonly ConcurrentDictionary<string, SemaphoreSlim> Storages = new(StringComparer.Ordinal);

    /// <summary>As many at a time as have room.</summary>
    private static readonly RoomLedger Copies = new();

    /// <summary>How many bytes a copy of the backup leaves free on a disk of so many bytes.</summary>
    public Func<long, long> KeptFree { get; init; } = _ => 0;

    /// <summary>Whether the database continues whatever another one has left in the replica.</summary>
    public bool Adopts { get; init; }

    /// <summary>Why the executable must not be used with the replica.</summary>
    public LitestreamException? Newer { get; private set; }

    /// <summary>Looks beside the database first; the storage is asked only where that does not tell.</summary>
    /// <param name="folder">A private folder for a copy of the backup, where nothing else tells.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <exception cref="LitestreamException">The storage cannot be asked.</exception>
    public async Task<LineageResult> CheckAsync(string folder, CancellationToken cancellationToken)
    {
        if (database.Replicas.Count == 0)
            return LineageResult.Same;

        Newer = await FindNewerAsync(cancellationToken).ConfigureAwait(false);
        if (Newer is not null)
            return LineageResult.Unreadable;
        if (Adopts)
            return LineageResult.Same;

        var known = DatabaseIdentity.Read(database.MetaPath);
        if (FileStamp.Of(database.Path) is not { Size: > 0 } file)
        {
            return (await LineagesAsync(folder, cancellationToken).ConfigureAwait(false)).Count == 0
                ? LineageResult.Same
                : Newer is null ? LineageResult.Missing : LineageResult.Unreadable;
        }

        if (await IsAnothersReplicaAsync(known, folder, cancellationToken).ConfigureAwait(false))
            return LineageResult.Other;
        if (known?.File == file)
            return LineageResult.Same;

        var (readable, id) = LiveDatabase.ReadIdentityInFile(database.Path);
        if (known?.PendingId is not null)
            known = known.WithFound(id ?? LiveDatabase.ReadIdentity(database.Path));
        if (known?.Id is { } expected && readable)
        {
            // In the WAL alone it counts only while it has never been seen in the file, and for the same file.
            if (
                id == expected
                || (
                    id is null
                    && !known.IsInFile
                    && known.File?.IsSameFile(file) != false
                    && LiveDatabase.ReadIdentity(database.Path) == expected
                )
            )
            {
                return LineageResult.Same;
            }
        }
        else if (id is null && known is { Id: null, File.Identity: { } identity } && identity == file.Identity)
        {
            // (A number in the file that is not remembered came with another database that was written over this one,
            // or the app was killed just then: the backup tells.)
            return LineageResult.Same;
        }

        var lineages = await LineagesAsync(folder, cancellationToken).ConfigureAwait(false);
        if (lineages.Count == 0)
            return LineageResult.Same;
        if (Newer is not null)
            return LineageResult.Unreadable;
        if (known?.Id is not null && readable)
            return LineageResult.Other;

        // Replicated by litestream before anything was remembered, or too short for it.
        if (
            id is null
            && known?.Id is null
            && await HasOwnSignaturesAsync(lineages, cancellationToken).ConfigureAwait(false)
        )
        {
            return LineageResult.Same;
        }

        // Its state folder is lost: whether the backup is of the same database, the backup tells.
        return
            (id ?? LiveDatabase.ReadIdentity(database.Path)) is { } here
            && here == await IdentityOfBackupAsync(folder, cancellationToken).ConfigureAwait(false)
            ? LineageResult.Same
            : LineageResult.Other;
    }

    /// <summary>Whether the replica has what was sent from here.</summary>
    private async Task<bool> HasOwnSignaturesAsync(HashSet<string> lineages, CancellationToken cancellationToken)
    {
        if (
            executable.Line.State(database.MetaPath).Signatures() is { Count: > 0 } own
            && await SignaturesAsync(cancellationToken).ConfigureAwait(false) is { Count: > 0 } there
        )
        {
            return !ReplicaSignatures.Differ(there, own);
        }

        // Sent by an executable of an older release line, and nothing by this one yet.
        var older = executable.Line.Older.SelectMany(line => line.State(database.MetaPath).Signatures().Keys);
        return older.Any(lineages.Contains);
    }

    /// <summary>Only folders are asked here: see <see cref="NewerBackup"/>.</summary>
    private async Task<LitestreamException?> FindNewerAsync(CancellationToken cancellationToken)
    {
        LitestreamException? found = null;
        foreach (var replica in executable.Line.Newer.Count == 0 ? [] : database.Replicas)
        {
            var place = replica.Folder ?? database.MetaPath;
            LitestreamException? Look() => NewerBackup.Find(executable, database, replica.Name);
            found ??= await FolderQueue.LookAsync(place, Look, cancellationToken).ConfigureAwait(false);
        }

        return found;
    }

    /// <summary>
    /// Another database's replica in the place of its own: what it has sent is not there, something else is. Only
    /// folders are looked into; to ask other storage at every start would make each start depend on it.
    /// </summary>
    private async Task<bool> IsAnothersReplicaAsync(
        DatabaseIdentity? known,
        string folder,
        CancellationToken cancellationToken
    )
    {
        if (
            known?.Id is not { } id
            || executable.Line.State(database.MetaPath).Signatures() is not { Count: > 0 } own
            || ReplicationSettings.Of(config, database).Replicas.Any(replica => replica.Folder is null)
        )
        {
            return false;
        }

        var there = await SignaturesAsync(cancellationToken).ConfigureAwait(false);

        // A lineage that was begun just before a kill may not have arrived. Where all clashes, the number proves
        // nothing: litestream may have merged something of this database into the other's backup before it was ended.
        return ReplicaSignatures.Differ(there, own)
            && !known.Lineages.Any(there.ContainsKey)
            && (
                ReplicaSignatures.ClashAll(there, own)
                || await IdentityOfBackupAsync(folder, cancellationToken).ConfigureAwait(false) != id
            );
    }

    /// <summary>
    /// Refuses databases that do not continue the lineage in their replicas; one that an interrupted restore has
    /// moved is not looked at.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4011, LSB5009, LSB5012; others: no answer.</exception>
    public static async Task RefuseAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        bool adopt,
        CancellationToken cancellationToken
    )
    {
        using var folder = RunDirectory.Create(config.Databases[0].Path);
        foreach (var database in config.Databases.Where(database => !DatabaseRestore.IsPending(database.Path)))
        {
            var check = new LineageCheck(executable, config, database) { Adopts = adopt };
            await check.RefuseAsync(folder.Path, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task RefuseAsync(string folder, CancellationToken cancellationToken)
    {
        switch (await CheckAsync(folder, cancellationToken).ConfigureAwait(false))
        {
            case LineageResult.Unreadable:
                throw Newer!;
            case LineageResult.Missing:
                throw new LitestreamException(
                    "LSB5012",
                    $"'{database.Path}' does not exist, but its replica has a backup of it. Nothing was started, "
                        + $"because a new database would take the place of that backup. Restore it first "
                        + $"({VerbName.Restore})."
                );
            case LineageResult.Other:
                throw new LitestreamException(
                    "LSB5009",
                    $"'{database.Path}' is not the database in its replica "
                        + $"({string.Join(", ", database.Replicas.Select(r => r.Location))}). Nothing was "
                        + $"started, so that the backup stays intact. Restore the backup, give this database its own "
                        + $"replica, or set Litestream:AdoptReplica to true to continue with this database."
                );
        }
    }

    /// <summary>The lineages that something can be restored from, those of older release lines too.</summary>
    private async Task<HashSet<string>> LineagesAsync(string folder, CancellationToken cancellationToken)
    {
        HashSet<string> found =
        [
            .. await CollectAsync(
                    path =>
                        executable
                            .Line.Older.Prepend(executable.Line)
                            .SelectMany(line => line.Layout.Restorable(path)),
                    async catalog =>
                        (
                            await catalog
                                .FullCopiesAsync(database, replica: null, cancellationToken)
                                .ConfigureAwait(false)
                        ).Select(copy => copy.Lineage),
                    cancellationToken
                )
                .ConfigureAwait(false),
        ];
        Newer = await NewerBackup
            .FindNoteAsync(executable, config, new(database), timeout: null, cancellationToken)
            .ConfigureAwait(false);
        if (Newer is not null)
            found.Add(ReplicaNote.Generation);
        if (
            found.Count > 0
            || executable.Line.Older is not [var older]
            || database.Replicas.All(replica => replica.Folder is not null)
        )
        {
            return found;
        }

        // The executable restores what an older line has sent to such storage, and does not list it.
        if (older.State(database.MetaPath).Lineage() is { } sent)
            found.Add(sent);
        else if ((await ReadBackupAsync(folder, cancellationToken).ConfigureAwait(false)).Exists)
            found.Add(older.Name);
        return found;
    }

    /// <summary>What tells the backup from that of another database.</summary>
    private async Task<IReadOnlyDictionary<string, string>> SignaturesAsync(CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (
            var one in await CollectAsync(
                    executable.Line.Layout.Signatures,
                    async catalog => await catalog.SignaturesAsync(database, cancellationToken).ConfigureAwait(false),
                    cancellationToken
                )
                .ConfigureAwait(false)
        )
        {
            found[one.Key] = one.Value;
        }

        return found;
    }

    private async Task<List<T>> CollectAsync<T>(
        Func<string, IEnumerable<T>> look,
        Func<IBackupCatalog, Task<IEnumerable<T>>> ask,
        CancellationToken cancellationToken
    )
    {
        var found = new List<T>();
        var isListed = false;
        foreach (var replica in ReplicationSettings.Of(config, database).Replicas)
        {
            if (replica.Folder is not { } path)
            {
                isListed = true;
                continue;
            }

            found.AddRange(
                await FolderQueue.LookAsync(path, () => look(path), cancellationToken).ConfigureAwait(false)
            );
        }

        if (isListed)
        {
            found.AddRange(
                await AtStorageAsync(() => ask(executable.Line.Catalog(executable, config, null)), cancellationToken)
                    .ConfigureAwait(false)
            );
        }

        return found;
    }

    private async Task<T> AtStorageAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        var storage = StorageOf(database.Replicas.Select(replica => replica.Location));
        var places = Storages.GetOrAdd(storage, _ => new SemaphoreSlim(AtOnce));
        await places.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await ask().ConfigureAwait(false);
        }
        finally
        {
            places.Release();
        }
    }

    /// <summary>What answers, or does not, for all that is there. Pure.</summary>
    internal static string StorageOf(IEnumerable<string> locations) =>
        string.Join(
            ' ',
            locations
                .Select(place =>
                    Uri.TryCreate(place, UriKind.Absolute, out var url) && url.Authority.Length > 0
                        ? $"{url.Scheme}://{url.Authority}"
                        : place
                )
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
        );

    private async Task<long?> IdentityOfBackupAsync(string folder, CancellationToken cancellationToken) =>
        (await ReadBackupAsync(folder, cancellationToken).ConfigureAwait(false)).Id;

    /// <summary>Restores the backup to a scratch file, for the number in it.</summary>
    private async Task<(bool Exists, long? Id)> ReadBackupAsync(string folder, CancellationToken cancellationToken)
    {
        // Those of several databases may be made at the same time, in the same folder.
        var copy = Path.Combine(folder, $"backup-{Guid.NewGuid():n}.db");
        var request = new RestoreRequest(config, database) { Output = copy, IfReplicaExists = true };
        var backup = await AtStorageAsync(
                () => request.PlanAsync(executable, cancellationToken),
                cancellationToken
            )
            .ConfigureAwait(false);
        if (backup is null && executable.Line.Older.Count == 0)
            return (false, null);
        var needed = Math.Max(backup?.Bytes ?? 0, FileStamp.Of(database.Path)?.Size ?? 0);
        var disk = Mounts.Of(folder)?.Name ?? folder;
        using var room =
            await Copies.TakeAsync(disk, needed, () => Space(folder), cancellationToken).ConfigureAwait(false)
            ?? throw NoRoom(folder, needed);
        var result = await AtStorageAsync(
                () => DatabaseRestore.RunAsync(executable, request, onLine: null, cancellationToken),
                cancellationToken
            )
            .ConfigureAwait(false);
        if (result.Outcome != RestoreOutcome.Restored)
            return (false, null);
        try
        {
            return (true, LiveDatabase.ReadIdentityInFile(copy).Id);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private (long Free, long Kept)? Space(string folder) =>
        ReplicaFolders.Space(folder) is var (free, total) ? (free, KeptFree(total)) : null;

    private LitestreamException NoRoom(string folder, long needed)
    {
        var (free, kept) = Space(folder) ?? (0, 0);
        var stays = kept > 0 ? $" and keeps {NumberText.Megabytes(kept)} for the app (Litestream:FreeSpaceFloor)" : "";
        return new(
            "LSB4009",
            $"A comparison with the backup needs a copy of it ({NumberText.Megabytes(needed)}), but the disk of "
                + $"'{folder}' has only {NumberText.Megabytes(free)} free{stays}. Free some space."
        );
    }
}
