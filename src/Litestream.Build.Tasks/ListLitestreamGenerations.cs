using Litestream.Configuration;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamGenerations: the generations in the replicas, with the time they cover and how far they are behind.</summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamGenerations : LitestreamListing
{
    private protected override string Target => "LitestreamGenerations";

    private protected override IReadOnlyList<string> Columns => ["replica", "generation", "lag", "start", "end"];

    private protected override async Task<IEnumerable<(IReadOnlyList<string> Cells, ITaskItem Item)>> ListAsync(LitestreamClient client, EffectiveDatabase database, string? replica, CancellationToken cancellationToken) =>
        (await client.GenerationsAsync(database.Path, replica, cancellationToken).ConfigureAwait(false)).Select(generation => (
            (IReadOnlyList<string>)[generation.Replica, generation.Name, generation.Lag is { } lag ? $"{Text(lag)}s" : "", Text(generation.Start), Text(generation.End)],
            Item(generation.Name, ("Replica", generation.Replica), ("Lag", generation.Lag), ("Start", generation.Start), ("End", generation.End))));
}
