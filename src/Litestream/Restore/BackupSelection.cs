using System.Globalization;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases.V03;

namespace Litestream.Restore;

/// <summary>What of the replicas a request means, as far as the executable's listings tell. Release line 0.3.</summary>
internal static class BackupSelection
{
    /// <summary>
    /// What a restore would take, and how many (compressed) bytes that are; null when there is no backup at all.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4002: there are backups, but none that fits; LSB3001, LSB3005: they
    /// cannot be listed.</exception>
    public static async Task<(RestoreSource Source, long Bytes)?> FindAsync(
        LitestreamExecutable executable,
        RestoreRequest request,
        CancellationToken cancellationToken
    )
    {
        var client = Client(executable, request);
        var generations = await ListAsync(client, request, cancellationToken).ConfigureAwait(false);
        if (generations.Count == 0)
            return null;

        var fitting = generations
            .Where(g => Matches(g, request) && (request.Timestamp is not { } time || g.Start <= time))
            .ToList();
        var generation =
            fitting
                .Where(g => request.Timestamp is not { } time || g.End!.Value.AddSeconds(1) >= time)
                .MaxBy(g => g.End)
            ?? fitting.MaxBy(g => g.End)
            ?? throw NothingFits(request, generations);

        var path = request.Database.Path;
        var snapshots = await client
            .SnapshotsAsync(request.Database, generation.Replica, cancellationToken)
            .ConfigureAwait(false);
        var snapshot =
            snapshots
                .Where(s =>
                    s.Generation == generation.Name && !(s.Index > request.Index) && !(s.Created > request.Timestamp)
                )
                .MaxBy(s => s.Index)
            ?? throw NothingFits(request, generations);
        var segments = (
            await client
                .WalSegmentsAsync(request.Database, generation.Replica, generation.Name, cancellationToken)
                .ConfigureAwait(false)
        )
            .Where(s => s.Index >= snapshot.Index && !(s.Index > request.Index) && !(s.Created > request.Timestamp))
            .ToList();
        var last = segments.MaxBy(s => (s.Index, s.Offset));
        return (
            new RestoreSource(
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
    /// This is the generation whose newest state was the database's at the moment of the request; null when there is no
    /// backup at all.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4002: there are backups, but none that fits; LSB3001, LSB3005: they
    /// cannot be listed.</exception>
    public static async Task<Generation?> LastBeforeAsync(
        LitestreamExecutable executable,
        RestoreRequest request,
        CancellationToken cancellationToken
    )
    {
        var generations = await ListAsync(Client(executable, request), request, cancellationToken)
            .ConfigureAwait(false);
        if (generations.Count == 0)
            return null;

        // The listings have whole seconds: one that began in the second of the request may have begun after it.
        return generations
                .Where(g =>
                    Matches(g, request) && request.Timestamp is { } time && g.Start!.Value.AddSeconds(1) <= time
                )
                .MaxBy(g => g.End)
            ?? throw NothingFits(request, generations);
    }

    private static BackupCatalog Client(LitestreamExecutable executable, RestoreRequest request) =>
        request.Timeout is { } timeout
            ? new BackupCatalog(executable, request.Config) { Timeout = timeout }
            : new BackupCatalog(executable, request.Config);

    private static async Task<IReadOnlyList<Generation>> ListAsync(
        BackupCatalog client,
        RestoreRequest request,
        CancellationToken cancellationToken
    ) =>
        [
            .. (
                await client
                    .GenerationsAsync(request.Database, request.Replica, cancellationToken)
                    .ConfigureAwait(false)
            ).Where(g => g is { Start: not null, End: not null }),
        ];

    private static bool Matches(Generation generation, RestoreRequest request) =>
        request.Generation is null || generation.Name == request.Generation;

    private static LitestreamException NothingFits(RestoreRequest request, IReadOnlyList<Generation> generations)
    {
        var wanted = new List<string>();
        if (request.Generation is { } generation)
            wanted.Add($"generation {generation}");
        if (request.Index is { } index)
            wanted.Add($"WAL index {index.ToString(CultureInfo.InvariantCulture)}");
        if (request.Timestamp is { } time)
            wanted.Add(Text(time));
        var there = generations.Select(g =>
            $"replica {g.Replica}, generation {g.Name}, {Text(g.Start!.Value)} to {Text(g.End!.Value)}"
        );
        return new LitestreamException(
            "LSB4002",
            $"There is no backup of {request.Database.Path} for {string.Join(", ", wanted)}. What there "
                + $"is: {string.Join("; ", there)}."
        );
    }

    private static string Text(DateTimeOffset time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
