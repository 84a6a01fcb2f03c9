using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Releases;

/// <summary>Whether the storage of a replica answers that is listed.</summary>
/// <param name="Failure">The last list failed, or the one under way has no answer yet; null where it answers, as far as
/// is known.</param>
/// <param name="AnsweredAt">When it last answered again after a failure.</param>
internal readonly record struct StorageAnswer(string? Failure, DateTimeOffset AnsweredAt);

/// <summary>
/// How far the replicas of a database have come that are not folders, as the executable lists them: for a release line
/// that does not say it itself. Each list costs a process and requests to the storage, so it is made in the background,
/// one at a time, and only while something waits to arrive.
/// </summary>
internal sealed class ReplicaListing(
    Func<IBackupCatalog> catalog,
    EffectiveDatabase database,
    ReplicationSettings settings,
    ReplicaAccess access,
    TimeProvider time
)
{
    /// <summary>How long to wait between two lists, at least.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    /// <summary>A storage that answers within this time is one that works.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>How long the last list may take beyond the time for the last commits.</summary>
    public static readonly TimeSpan ShortPatience = TimeSpan.FromSeconds(2);

    private readonly List<string> _replicas =
    [
        .. settings.Replicas.Where(replica => replica.Folder is null).Select(replica => replica.Name),
    ];

    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<IReadOnlyDictionary<string, ReplicaProgress?>>? _list;
    private DateTimeOffset? _askedAt;
    private DateTimeOffset? _listedAt;
    private string? _error;

    /// <summary>The newest answer, by the replica's name.</summary>
    public IReadOnlyDictionary<string, ReplicaProgress?> Progress { get; private set; } =
        new Dictionary<string, ReplicaProgress?>();

    /// <summary>Whether the storage answers. Litestream itself says that it does not only after two minutes, or never.
    /// </summary>
    public StorageAnswer Storage { get; private set; }

    /// <summary>Null where nothing has to be listed: all replicas are folders, or litestream itself says how far they
    /// have come.</summary>
    public static ReplicaListing? TryCreate(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        ReplicationSettings settings,
        ReplicaAccess access,
        TimeProvider time
    ) =>
        executable.Line.ReportsProgress || settings.Replicas.All(replica => replica.Folder is not null)
            ? null
            : new(() => executable.Line.Catalog(executable, config, null), database, settings, access, time);

    /// <summary>What the folders say, and the lists.</summary>
    public FolderProbe AddTo(FolderProbe found, string? lineage) =>
        found with
        {
            Lineage = lineage,
            Progress = found.Progress.Concat(Progress).ToDictionary(),
            ListedAt = _listedAt,
        };

    /// <summary>Takes over what has been listed, and begins the next list where it is time.</summary>
    /// <param name="lineage">The current one; null before there is one: then it is seen whether the storage
    /// answers.</param>
    /// <param name="isPending">Whether something waits to arrive, or it is in doubt what has.</param>
    public void Look(string? lineage, bool isPending)
    {
        if (_replicas.Count == 0)
            return;
        var now = time.GetUtcNow();
        if (_list is { IsCompleted: true } done)
        {
            _list = null;
            if (done.IsCompletedSuccessfully)
                (Progress, _error, _listedAt) = (done.Result, null, _askedAt);
            else
                _error = (done.Exception?.GetBaseException() as LitestreamException)?.Diagnostic.Message ?? _error;
        }

        var failure =
            _error is not null ? $"its replica cannot be listed: {_error}"
            : _list is not null && now - _askedAt >= Patience ? "the storage of its replica does not answer"
            : null;
        Storage = new(failure, Storage.Failure is not null && failure is null ? now : Storage.AnsweredAt);
        if (_list is not null || !isPending || now - _askedAt < Pause || !access.Lists.Wait(0))
            return;
        _askedAt = now;
        _list = ListUntilEndAsync(lineage ?? "");
    }

    /// <summary>Ends the list under way: where the storage does not answer it would outlive the app.</summary>
    public async Task EndAsync()
    {
        _end.TrySetResult();
        if (_list is Task list)
            await list.WaitAsync(ShortPatience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Lists for the last time, when no litestream runs any more.</summary>
    /// <param name="lineage">The current one; null where there is none.</param>
    /// <param name="left">The time that is left; it takes less where the storage has not answered before.</param>
    public async Task FinishAsync(string? lineage, TimeSpan left)
    {
        var patience = Storage.Failure is null ? Patience : ShortPatience;
        await EndAsync().ConfigureAwait(false);
        if (_replicas.Count == 0 || lineage is null)
            return;
        using var end = new CancellationTokenSource(
            left <= TimeSpan.Zero ? TimeSpan.Zero
                : left < patience ? left
                : patience,
            time
        );
        try
        {
            Progress = await ListAsync(lineage, end.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LitestreamException or OperationCanceledException)
        {
            // What has arrived is not known then.
            Progress = new Dictionary<string, ReplicaProgress?>();
        }
    }

    private async Task<IReadOnlyDictionary<string, ReplicaProgress?>> ListUntilEndAsync(string lineage)
    {
        try
        {
            using var end = new CancellationTokenSource();
            var list = ListAsync(lineage, end.Token);
            if (await Task.WhenAny(list, _end.Task).ConfigureAwait(false) != list)
                await end.CancelAsync().ConfigureAwait(false);
            return await list.ConfigureAwait(false);
        }
        finally
        {
            access.Lists.Release();
        }
    }

    private async Task<IReadOnlyDictionary<string, ReplicaProgress?>> ListAsync(
        string lineage,
        CancellationToken cancellationToken
    )
    {
        var found = new Dictionary<string, ReplicaProgress?>(StringComparer.Ordinal);
        foreach (var replica in _replicas)
        {
            found[replica] = await catalog()
                .ProgressAsync(database, replica, lineage, cancellationToken)
                .ConfigureAwait(false);
        }

        return found;
    }
}
