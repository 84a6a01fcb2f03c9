using System.Globalization;
using Litestream.Diagnostics;

namespace Litestream.Releases.V03;

/// <summary>Which generation, snapshot and segments a selection means, as far as the listings show.</summary>
internal sealed class BackupSelection(BackupCatalog catalog, RestoreSelection selection)
{
    /// <inheritdoc cref="IBackupCatalog.PlanAsync" />
    public async Task<RestorePlan?> FindAsync(CancellationToken cancellationToken)
    {
        var generations = await ListAsync(cancellationToken).ConfigureAwait(false);
        if (generations.Count == 0)
            return null;

        var fitting = generations
            .Where(g => Matches(g) && (selection.Timestamp is not { } time || g.Start <= time))
            .ToList();
        var generation =
            fitting
                .Where(g => selection.Timestamp is not { } time || g.End!.Value.AddSeconds(1) >= time)
                .MaxBy(g => g.End)
            ?? fitting.MaxBy(g => g.End)
            ?? throw NothingFits(generations);

        var snapshots = await catalog
            .SnapshotsAsync(selection.Database, generation.Replica, cancellationToken)
            .ConfigureAwait(false);
        var snapshot =
            snapshots
                .Where(s =>
                    s.Generation == generation.Name
                    && !(s.Index > selection.Index)
                    && !(s.Created > selection.Timestamp)
                )
                .MaxBy(s => s.Index)
            ?? throw NothingFits(generations);
        var segments = (
            await catalog
                .WalSegmentsAsync(selection.Database, generation.Replica, generation.Name, cancellationToken)
                .ConfigureAwait(false)
        )
            .Where(s =>
                s.Index >= snapshot.Index && !(s.Index > selection.Index) && !(s.Created > selection.Timestamp)
            )
            .ToList();
        var last = segments.MaxBy(s => (s.Index, s.Offset));
        return new RestorePlan(
            new GenerationSource(
                generation.Replica,
                generation.Name,
                snapshot.Index,
                last?.Index ?? snapshot.Index,
                last?.Created ?? snapshot.Created
            ),
            snapshot.Size + segments.Sum(s => s.Size)
        );
    }

    /// <summary>
    /// The executable knows only moments between the first and the last file of a generation: after the last one it
    /// finds nothing, although nothing has changed since.
    /// </summary>
    /// <inheritdoc cref="IBackupCatalog.LastBeforeAsync" />
    public async Task<LineageRange?> LastBeforeAsync(CancellationToken cancellationToken)
    {
        var generations = await ListAsync(cancellationToken).ConfigureAwait(false);
        if (generations.Count == 0)
            return null;

        // The listings have whole seconds: one that began in the second of the request may have begun after it.
        return generations
                .Where(g =>
                    Matches(g) && selection.Timestamp is { } time && g.Start!.Value.AddSeconds(1) <= time
                )
                .MaxBy(g => g.End)
            ?? throw NothingFits(generations);
    }

    private async Task<IReadOnlyList<LineageRange>> ListAsync(CancellationToken cancellationToken) =>
        [
            .. (
                await catalog
                    .LineagesAsync(selection.Database, selection.Replica, cancellationToken)
                    .ConfigureAwait(false)
            ).Where(g => g is { Start: not null, End: not null }),
        ];

    private bool Matches(LineageRange generation) =>
        selection.Lineage is null || generation.Name == selection.Lineage;

    private LitestreamException NothingFits(IReadOnlyList<LineageRange> generations)
    {
        var wanted = new List<string>();
        if (selection.Lineage is { } generation)
            wanted.Add($"generation {generation}");
        if (selection.Index is { } index)
            wanted.Add($"WAL index {index.ToString(CultureInfo.InvariantCulture)}");
        if (selection.Timestamp is { } time)
            wanted.Add(Text(time));
        var there = generations.Select(g =>
            $"replica {g.Replica}, generation {g.Name}, {Text(g.Start!.Value)} to {Text(g.End!.Value)}"
        );
        return new LitestreamException(
            "LSB4002",
            $"There is no backup of '{selection.Database.Path}' for {string.Join(", ", wanted)}. Existing backups: "
                + $"{string.Join("; ", there)}."
        );
    }

    private static string Text(DateTimeOffset time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
