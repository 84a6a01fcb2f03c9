using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Releases.V05;
using Litestream.Replication;

namespace Litestream.Dashboard.Monitoring;

/// <summary>What can be restored: from the replicas' own listing.</summary>
/// <param name="TriedAt">When it was last tried to list it.</param>
internal sealed record BackupListing(DateTimeOffset TriedAt)
{
    private const int MostRows = 50;

    /// <summary>Release line 0.5 lists whole seconds and compares milliseconds: what it lists as of 12:00:05 may be of
    /// 12:00:05.4, which a restore of 12:00:05 leaves out.</summary>
    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    /// <summary>When it was listed; null when it never was.</summary>
    public DateTimeOffset? ListedAt { get; init; }

    /// <summary>The oldest moment that can be restored; null when nothing can.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>The newest one.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>The moments that can be restored exactly, where not every one can (release line 0.5), the oldest
    /// first.</summary>
    public IReadOnlyList<DateTimeOffset> Moments { get; init; } = [];

    /// <summary>The newest moment that release line 0.3 has left in the replica, up to which every one can be restored,
    /// and <see cref="Moments"/> from there on; null where it has left nothing.</summary>
    public DateTimeOffset? OlderTo { get; init; }

    /// <summary>The newest restore points.</summary>
    public IReadOnlyList<BackupRow> Rows { get; init; } = [];

    /// <summary>How many there are.</summary>
    public int Count { get; init; }

    /// <summary>Why it could not be listed; else null.</summary>
    public string? Error { get; init; }

    /// <summary>Whose state a restore of a moment gives, as far as was listed; null where there is none.</summary>
    public DateTimeOffset? StateAt(DateTimeOffset? moment) =>
        moment is null ? null
        : Moments.Count == 0 && OlderTo is null ? (moment > To ? To : moment)
        : Moments.Where(one => Entered(one) <= moment).Cast<DateTimeOffset?>().LastOrDefault() is { } state ? state
        : moment < From ? null
        : moment < OlderTo ? moment
        : OlderTo;

    /// <summary>The moment that has to be entered for a restore to give the state of one of
    /// <see cref="Moments"/>.</summary>
    public static DateTimeOffset Entered(DateTimeOffset moment) => moment + OneSecond;

    /// <exception cref="LitestreamException">The executable failed; LSB4005: a folder does not answer.</exception>
    public static async Task<BackupListing> ReadAsync(
        LitestreamClient client,
        EffectiveDatabase database,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        if (client.Executable.Line.Catalog(client.Executable, client.Config, client.Timeout) is LtxCatalog)
        {
            var (files, older) = await FilesAsync(client, database, cancellationToken).ConfigureAwait(false);
            DateTimeOffset[] olderTimes = older is null ? [] : [older.Oldest, older.Newest];
            BackupRow[] olderRows = older is null ? [] : [RowOf(older, database.Replicas[0].Name)];
            return Of(
                time.GetUtcNow(),
                [.. files.Select(file => file.Created), .. olderTimes],
                [
                    .. files.Select(file => new BackupRow(
                        file.Replica,
                        file.Level == 9 ? "snapshot" : $"level {file.Level}",
                        file.MinTxId == file.MaxTxId
                            ? $"TXID {file.MaxTxId}"
                            : $"TXID {file.MinTxId} to {file.MaxTxId}",
                        file.Created,
                        file.Size
                    )),
                    .. olderRows,
                ]
            ) with
            {
                Moments = [.. files.Select(file => file.Created).Distinct().Order()],
                OlderTo = older?.Newest,
            };
        }

        var generations = await client.GenerationsAsync(database.Path, null, cancellationToken).ConfigureAwait(false);
        var snapshots = await client.SnapshotsAsync(database.Path, null, cancellationToken).ConfigureAwait(false);
        return Of(
            time.GetUtcNow(),
            generations
                .SelectMany(generation => new[] { generation.Start, generation.End })
                .OfType<DateTimeOffset>(),
            [
                .. generations.Select(generation => new BackupRow(
                    generation.Replica,
                    "generation",
                    generation.Name,
                    generation.End,
                    null
                )
                {
                    Start = generation.Start,
                }),
                .. snapshots.Select(snapshot => new BackupRow(
                    snapshot.Replica,
                    "snapshot",
                    $"{snapshot.Generation} at index {snapshot.Index}",
                    snapshot.Created,
                    snapshot.Size
                )),
            ]
        );
    }

    private static BackupRow RowOf(BackupFiles older, string replica) =>
        new(replica, "release line 0.3", "", older.Newest, older.Bytes) { Start = older.Oldest };

    /// <summary>There may be hundreds of folders: a process for each would cost more than all else of the
    /// page.</summary>
    private static async Task<(IReadOnlyList<LtxFile> Files, BackupFiles? Older)> FilesAsync(
        LitestreamClient client,
        EffectiveDatabase database,
        CancellationToken cancellationToken
    )
    {
        if (database.Replicas is not [{ Folder: { } folder } replica])
        {
            return (
                await client.LtxFilesAsync(database.Path, null, cancellationToken).ConfigureAwait(false),
                null
            );
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(client.Timeout);
        try
        {
            return await FolderQueue
                .LookAsync(
                    folder,
                    () => (LtxLayout.List(folder, replica.Name), LtxCatalog.Older(database)),
                    limit.Token
                )
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LitestreamException(
                "LSB4005",
                $"The replica '{folder}' does not answer for {NumberText.Seconds(client.Timeout)} s.",
                innerException: e
            );
        }
    }

    private static BackupListing Of(
        DateTimeOffset now,
        IEnumerable<DateTimeOffset> times,
        IEnumerable<BackupRow> rows
    )
    {
        var (all, sorted) = (times.ToList(), rows.OrderByDescending(row => row.Created).ToList());
        return new BackupListing(now)
        {
            ListedAt = now,
            From = all.Count == 0 ? null : all.Min(),
            To = all.Count == 0 ? null : all.Max(),
            Rows = [.. sorted.Take(MostRows)],
            Count = sorted.Count,
        };
    }
}

/// <summary>A restore point, as the executable lists it.</summary>
/// <param name="Replica">The name of the replica.</param>
/// <param name="Kind">Release line 0.3: generation or snapshot; 0.5: the level, or what 0.3 has left.</param>
/// <param name="Range">Which changes are in it.</param>
/// <param name="Created">When its newest part was written.</param>
/// <param name="Size">Bytes in the replica; null for a generation.</param>
public sealed record BackupRow(string Replica, string Kind, string Range, DateTimeOffset? Created, long? Size)
{
    /// <summary>When the oldest part of a generation, or of what 0.3 has left, was written.</summary>
    public DateTimeOffset? Start { get; init; }
}
