using Litestream.Commands;
using Litestream.Configuration;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamWal: the WAL segments in the replicas. Sizes are those of the compressed files, offsets those in the WAL itself.</summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamWal : LitestreamListing
{
    private string? _generation;

    /// <summary>Only the segments of this generation; empty for all.</summary>
    public string Generation { get; set; } = "";

    private protected override string Target => "LitestreamWal";

    private protected override IReadOnlyList<string> Columns => ["replica", "generation", "index", "offset", "size", "created"];

    private protected override void ReadOptions() => _generation = OptionValue.Generation("LitestreamGeneration", Generation);

    private protected override async Task<IEnumerable<(IReadOnlyList<string> Cells, ITaskItem Item)>> ListAsync(LitestreamClient client, EffectiveDatabase database, string? replica, CancellationToken cancellationToken) =>
        (await client.WalSegmentsAsync(database.Path, replica, _generation, cancellationToken).ConfigureAwait(false)).Select(segment => (
            (IReadOnlyList<string>)[segment.Replica, segment.Generation, Text(segment.Index), Text(segment.Offset), Text(segment.Size), Text(segment.Created)],
            Item(
                $"{segment.Generation}/{segment.Index:x8}_{segment.Offset:x8}",
                ("Replica", segment.Replica),
                ("Generation", segment.Generation),
                ("Index", segment.Index),
                ("Offset", segment.Offset),
                ("Size", segment.Size),
                ("Created", segment.Created))));
}
