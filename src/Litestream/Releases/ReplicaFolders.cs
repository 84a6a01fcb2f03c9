using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Releases;

/// <summary>What a look into the folders of a database's replicas found.</summary>
internal sealed record FolderProbe
{
    /// <summary>The lineage that was looked for.</summary>
    public string? Lineage { get; init; }

    /// <summary>
    /// Why one cannot be written to: litestream neither continues then nor logs that. Null when nothing is in the way.
    /// </summary>
    public string? Obstacle { get; init; }

    /// <summary>Whether one has no full copy of the lineage, or has another database's: it does not give this one back,
    /// whatever is sent to it.</summary>
    public bool IsWiped { get; init; }

    /// <summary>How far each has come, by the replica's name; only where that was asked for.</summary>
    public IReadOnlyDictionary<string, ReplicaProgress?> Progress { get; init; } =
        new Dictionary<string, ReplicaProgress?>();

    /// <summary>When the list was begun that <see cref="Progress"/> is of: what was committed later is not in it,
    /// whatever its numbers say. Null where folders were looked into.</summary>
    public DateTimeOffset? ListedAt { get; init; }
}

/// <summary>
/// The folders that a database is replicated to. Nothing else looks into them while the app runs: on a network file
/// system whose server is gone a call does not return for as long as that lasts, and cannot be interrupted. So the
/// looks are on threads of their own, one at a time for each database, and waited for only so long.
/// </summary>
internal sealed class ReplicaFolders(
    IReplicaLayout layout,
    ILocalState state,
    EffectiveDatabase database,
    ReplicationSettings settings,
    ReplicaAccess access,
    TimeProvider time
)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>What this look does not find counts as not sent.</summary>
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RemovalPatience = TimeSpan.FromSeconds(10);

    /// <summary>With less room a replica in a folder cannot be written to.</summary>
    private const long NoRoom = 1024 * 1024;

    private readonly List<(string Name, string Folder, Func<string, ReplicaProgress?> Read)> _folders =
    [
        .. settings
            .Replicas.Where(replica => replica.Folder is not null)
            .Select(replica => (replica.Name, replica.Folder!, layout.Reader(replica.Folder!))),
    ];

    private Task<FolderProbe>? _look;

    // In ticks; the thread of the look writes it. 0: it has not begun.
    private long _begunAt;
    private bool? _isOnOwnDisk;
    private volatile string _folder = "";
    private volatile IReadOnlyCollection<string> _sentBefore = [];

    /// <summary>What the last look found that has ended.</summary>
    public FolderProbe Found { get; private set; } = new();

    /// <summary>Since when a folder has not answered; null when all do.</summary>
    public DateTimeOffset? SilentSince { get; private set; }

    /// <summary>When they last answered again after one had not.</summary>
    public DateTimeOffset AnsweredAt { get; private set; }

    /// <summary>The folder that does not answer.</summary>
    public string Silent => _folder;

    /// <summary>Whether one is on the disk of the database; false before the first look.</summary>
    public bool IsOnOwnDisk => _isOnOwnDisk == true;

    /// <summary>Looks into them, unless one has still not answered to the look before.</summary>
    /// <param name="lineage">The current one; null before there is one.</param>
    /// <param name="forObstacle">Whether something waits to be sent.</param>
    /// <param name="forPositions">Whether litestream itself does not say how far it has come.</param>
    /// <param name="isLast">What is found has to be what is there now: an earlier look is waited for, and done again.
    /// </param>
    public async Task LookAsync(string? lineage, bool forObstacle, bool forPositions, bool isLast = false)
    {
        if (isLast && _look is { } earlier)
        {
            await ((Task)earlier).WaitAsync(Patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (earlier.IsCompleted)
                _look = null;
        }

        var patience = isLast && SilentSince is null ? LastPatience : Patience;
        await RunAsync(() => Look(lineage, forObstacle, forPositions), patience).ConfigureAwait(false);
    }

    private FolderProbe Look(string? lineage, bool forObstacle, bool forPositions) =>
        new()
        {
            Lineage = lineage,
            Obstacle = forObstacle ? Each(Obstacle).FirstOrDefault(found => found is not null) : null,
            IsWiped =
                lineage is not null
                && Each(folder => !File.Exists(folder) && (!layout.HasFullCopy(folder, lineage) || IsAnothers(folder)))
                    .Any(isWiped => isWiped),
            Progress =
                forPositions && lineage is not null
                    ? _folders.ToDictionary(one => one.Name, one => Progress(one.Folder, one.Read, lineage))
                    : new Dictionary<string, ReplicaProgress?>(),
        };

    /// <summary>
    /// Removes what was sent to a folder after its full copy was gone: nothing can be restored from it, and a restore
    /// would prefer it to what else is there.
    /// </summary>
    public Task RemoveRemainsAsync(string lineage)
    {
        var found = Found;
        return RunAsync(
            () =>
            {
                foreach (var folder in Each(folder => folder))
                    layout.RemoveRemains(folder, lineage);
                return found;
            },
            RemovalPatience
        );
    }

    /// <summary>What the disk has that a path is on; null where that is unknown.</summary>
    public static (long Free, long Total)? Space(string path)
    {
        try
        {
            var disk = new DriveInfo(ExistingPart(path));
            return (disk.AvailableFreeSpace, disk.TotalSize);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private async Task RunAsync(Func<FolderProbe> look, TimeSpan patience)
    {
        if (_folders.Count == 0)
            return;
        if (_look is null)
        {
            Interlocked.Exchange(ref _begunAt, 0);
            _look = access.Threads.RunAsync(() =>
            {
                Interlocked.Exchange(ref _begunAt, time.GetUtcNow().UtcTicks);
                _isOnOwnDisk ??= Each(folder => Mounts.AreTheSame(database.Path, folder)).Any(isSame => isSame);
                return look();
            });
            await ((Task)_look).WaitAsync(patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!_look.IsCompleted)
        {
            // One that waits for a thread says nothing about its folder.
            if (Interlocked.Read(ref _begunAt) is var begunAt and > 0)
                SilentSince = new DateTimeOffset(begunAt, TimeSpan.Zero);
            return;
        }

        Found = await _look.ConfigureAwait(false);
        _look = null;
        if (SilentSince is not null)
            (SilentSince, AnsweredAt) = (null, time.GetUtcNow());
    }

    private IEnumerable<T> Each<T>(Func<string, T> look) =>
        _folders.Select(one =>
        {
            _folder = one.Folder;
            return look(one.Folder);
        });

    /// <summary>
    /// What is there is continued, though it may differ from what was sent from here until now: from now on only
    /// what is sent next is looked for.
    /// </summary>
    public void Adopt() => _sentBefore = [.. state.Signatures().Keys];

    /// <summary>Whether what is there was sent by another process.</summary>
    private bool IsAnothers(string folder)
    {
        try
        {
            var before = _sentBefore;
            var own = state.Signatures().Where(one => !before.Contains(one.Key)).ToDictionary();
            return ReplicaSignatures.Differ(layout.Signatures(folder), own);
        }
        catch (LitestreamException)
        {
            return false;
        }
    }

    private string? Obstacle(string folder)
    {
        if (File.Exists(folder))
            return $"the folder of the replica of '{database.Path}' is a file: '{folder}'";
        var existing = ExistingPart(folder);
        if (!OperatingSystem.IsWindows() && !UnixCalls.IsWritable(existing))
            return $"the replica of '{database.Path}' cannot be written to: '{existing}' is read-only";
        return Space(existing) is var (free, _) && free < NoRoom
            ? $"the disk of the replica of '{database.Path}' is full"
            : null;
    }

    private ReplicaProgress? Progress(string folder, Func<string, ReplicaProgress?> read, string lineage)
    {
        _folder = folder;
        try
        {
            return read(lineage);
        }
        catch (LitestreamException)
        {
            return null;
        }
    }

    private static string ExistingPart(string folder)
    {
        while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } parent)
            folder = parent;
        return folder;
    }
}
