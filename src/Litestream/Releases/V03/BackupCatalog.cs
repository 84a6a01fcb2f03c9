using Litestream.Configuration;
using Litestream.Execution;

namespace Litestream.Releases.V03;

/// <summary>What is in the replicas of release line 0.3, as the executable lists it.</summary>
/// <param name="commands">Runs the executable.</param>
/// <param name="config">What it is started with.</param>
internal sealed class BackupCatalog(CatalogCommands commands, EffectiveConfig config) : IBackupCatalog
{
    public TimeSpan Timeout => commands.Timeout;

    public Task<string> VersionAsync(CancellationToken cancellationToken) => commands.VersionAsync(cancellationToken);

    public async Task<IReadOnlyList<DatabaseEntry>> DatabasesAsync(CancellationToken cancellationToken) =>
        Listing.Databases(await RunAsync("databases", [], cancellationToken).ConfigureAwait(false), config.Databases);

    /// <param name="chosen">The database, which need not exist.</param>
    /// <param name="replica">The name of one replica; null for all.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    public async Task<IReadOnlyList<Generation>> GenerationsAsync(
        EffectiveDatabase chosen,
        string? replica,
        CancellationToken cancellationToken
    )
    {
        if (File.Exists(chosen.Path))
        {
            return Listing.Generations(
                await RunAsync("generations", Arguments(chosen, replica), cancellationToken).ConfigureAwait(false)
            );
        }

        // 0.3 wants the file's time for the lag, and refuses without the file: just when generations are wanted most.
        var snapshots = SnapshotsAsync(chosen, replica, cancellationToken);
        var segments = WalSegmentsAsync(chosen, replica, generation: null, cancellationToken);
        await Task.WhenAll(snapshots, segments).ConfigureAwait(false);
        return
        [
            .. (await snapshots.ConfigureAwait(false))
                .Select(s => (s.Replica, s.Generation, s.Created))
                .Concat((await segments.ConfigureAwait(false)).Select(s => (s.Replica, s.Generation, s.Created)))
                .GroupBy(file => (file.Replica, file.Generation))
                .Select(files => new Generation(
                    files.Key.Replica,
                    files.Key.Generation,
                    null,
                    files.Min(file => file.Created),
                    files.Max(file => file.Created)
                ))
                .OrderBy(generation => chosen.Replicas.ToList().FindIndex(r => r.Name == generation.Replica))
                .ThenBy(generation => generation.Name, StringComparer.Ordinal),
        ];
    }

    public async Task<IReadOnlyList<Snapshot>> SnapshotsAsync(
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    ) =>
        Listing.Snapshots(
            await RunAsync("snapshots", Arguments(database, replica), cancellationToken).ConfigureAwait(false)
        );

    public async Task<IReadOnlyList<WalSegment>> WalSegmentsAsync(
        EffectiveDatabase database,
        string? replica,
        string? generation,
        CancellationToken cancellationToken
    )
    {
        IReadOnlyList<string> only = generation is null ? [] : ["-generation", generation];
        return Listing.WalSegments(
            await RunAsync("wal", [.. only, .. Arguments(database, replica)], cancellationToken).ConfigureAwait(false)
        );
    }

    public async Task<IReadOnlyList<LineageRange>> LineagesAsync(
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    ) =>
        [
            .. (await GenerationsAsync(database, replica, cancellationToken).ConfigureAwait(false)).Select(
                generation => new LineageRange(
                    generation.Replica,
                    generation.Name,
                    generation.Start,
                    generation.End
                )
            ),
        ];

    public async Task<IReadOnlyList<FullCopy>> FullCopiesAsync(
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    ) =>
        [
            .. (await SnapshotsAsync(database, replica, cancellationToken).ConfigureAwait(false)).Select(
                snapshot => new FullCopy(snapshot.Generation, snapshot.Created)
            ),
        ];

    public async Task<IReadOnlyDictionary<string, string>> SignaturesAsync(
        EffectiveDatabase database,
        CancellationToken cancellationToken
    ) =>
        (await FullCopiesAsync(database, replica: null, cancellationToken).ConfigureAwait(false))
            .Select(copy => copy.Lineage)
            .Distinct()
            .ToDictionary(lineage => lineage, _ => "");

    public async Task<DateTimeOffset?> NewestAsync(
        EffectiveDatabase database,
        string? replica,
        DateTimeOffset? moment,
        CancellationToken cancellationToken
    )
    {
        var snapshots = await SnapshotsAsync(database, replica, cancellationToken).ConfigureAwait(false);
        var segments = await WalSegmentsAsync(database, replica, null, cancellationToken).ConfigureAwait(false);
        return snapshots
            .Select(s => (DateTimeOffset?)s.Created)
            .Concat(segments.Select(s => (DateTimeOffset?)s.Created))
            .Where(created => moment is null || created <= moment)
            .Max();
    }

    /// <summary>A list says where the last segment begins, not how much is in it.</summary>
    public async Task<ReplicaProgress> ProgressAsync(
        EffectiveDatabase database,
        string replica,
        string lineage,
        CancellationToken cancellationToken
    ) =>
        (await WalSegmentsAsync(database, replica, lineage, cancellationToken).ConfigureAwait(false)).MaxBy(
            segment => (segment.Index, segment.Offset)
        )
            is { } last
            ? new ReplicaProgress(new GenerationPosition(lineage, last.Index, last.Offset), false, last.Created)
            : ReplicaProgress.Nothing;

    public Task<RestorePlan?> PlanAsync(RestoreSelection selection, CancellationToken cancellationToken) =>
        new BackupSelection(this, selection).FindAsync(cancellationToken);

    public Task<LineageRange?> LastBeforeAsync(RestoreSelection selection, CancellationToken cancellationToken) =>
        new BackupSelection(this, selection).LastBeforeAsync(cancellationToken);

    private static List<string> Arguments(EffectiveDatabase database, string? replica)
    {
        ReplicaNames.Require(database, replica);
        return replica is null ? [database.Path] : ["-replica", replica, database.Path];
    }

    private Task<CommandResult> RunAsync(
        string command,
        IReadOnlyList<string> arguments,
        CancellationToken cancellationToken
    ) => commands.RunAsync(command, arguments, cancellationToken);
}
