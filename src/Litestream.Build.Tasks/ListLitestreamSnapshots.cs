using Litestream.Configuration;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamSnapshots: the snapshots in the replicas. Sizes are those of the compressed files.</summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamSnapshots : LitestreamListing
{
    private protected override string Target => "LitestreamSnapshots";

    private protected override IReadOnlyList<string> Columns => ["replica", "generation", "index", "size", "created"];

    private protected override async Task<IEnumerable<(IReadOnlyList<string> Cells, ITaskItem Item)>> ListAsync(LitestreamClient client, EffectiveDatabase database, string? replica, CancellationToken cancellationToken) =>
        (await client.SnapshotsAsync(database.Path, replica, cancellationToken).ConfigureAwait(false)).Select(snapshot => (
            (IReadOnlyList<string>)[snapshot.Replica, snapshot.Generation, Text(snapshot.Index), Text(snapshot.Size), Text(snapshot.Created)],
            Item(
                $"{snapshot.Generation}/{snapshot.Index:x8}",
                ("Replica", snapshot.Replica),
                ("Generation", snapshot.Generation),
                ("Index", snapshot.Index),
                ("Size", snapshot.Size),
                ("Created", snapshot.Created))));
}
