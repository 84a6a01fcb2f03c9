using Litestream.Configuration;
using Litestream.Diagnostics;

namespace Litestream.Releases;

/// <summary>A database as the executable lists it.</summary>
/// <param name="Path">Its absolute path.</param>
/// <param name="Replicas">The names of its replicas; a replica without a name is called by its type. Empty: nothing is
/// replicated.</param>
public sealed record DatabaseEntry(string Path, IReadOnlyList<string> Replicas);

/// <summary>An unbroken run of changes in a replica, and the times that it covers (whole seconds); null when there is
/// nothing in it.</summary>
internal sealed record LineageRange(string Replica, string Name, DateTimeOffset? Start, DateTimeOffset? End);

/// <summary>A whole copy of the database in a replica, from which something can be restored.</summary>
internal sealed record FullCopy(string Lineage, DateTimeOffset Created);

/// <summary>How far a replica has come.</summary>
/// <param name="Position">The place that it has reached at least; null when it has nothing of the lineage.</param>
/// <param name="IsExact">False when it may have come further.</param>
/// <param name="Newest">When its newest part was made; null when not known.</param>
internal sealed record ReplicaProgress(ReplicaPosition? Position, bool IsExact, DateTimeOffset? Newest = null)
{
    public static readonly ReplicaProgress Nothing = new(null, true);

    /// <summary>The newest place that it holds after a gap: what is there cannot be restored. Null: no gap is known.
    /// </summary>
    public ReplicaPosition? AfterGap { get; init; }
}

/// <summary>Files are missing in the middle of a replica: what was sent after them cannot be restored.</summary>
/// <param name="Replica">The name of the replica.</param>
/// <param name="Until">What can be restored.</param>
/// <param name="After">The newest place that it holds.</param>
internal sealed record ReplicaGap(string Replica, ReplicaPosition Until, ReplicaPosition After);

/// <summary>What is in the replicas, as the executable lists it. All of it may fail with LSB2008, LSB3001, LSB3005 and
/// LSB3008.</summary>
internal interface IBackupCatalog
{
    /// <summary>How long each listing may take; then the executable is ended, with LSB3005.</summary>
    TimeSpan Timeout { get; }

    Task<string> VersionAsync(CancellationToken cancellationToken);

    Task<IReadOnlyList<DatabaseEntry>> DatabasesAsync(CancellationToken cancellationToken);

    /// <param name="database">The database, which need not exist.</param>
    /// <param name="replica">The name of one replica; null for all.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    Task<IReadOnlyList<LineageRange>> LineagesAsync(
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    );

    /// <inheritdoc cref="LineagesAsync" />
    Task<IReadOnlyList<FullCopy>> FullCopiesAsync(
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    );

    /// <summary>What tells the backup from that of another database: see
    /// <see cref="ILocalState.Signatures"/>.</summary>
    Task<IReadOnlyDictionary<string, string>> SignaturesAsync(
        EffectiveDatabase database,
        CancellationToken cancellationToken
    );

    /// <summary>When the newest part was made, of those made by a moment (null: of all); null when there is none.
    /// </summary>
    Task<DateTimeOffset?> NewestAsync(
        EffectiveDatabase database,
        string? replica,
        DateTimeOffset? moment,
        CancellationToken cancellationToken
    );

    /// <summary>How far a replica has come in a lineage.</summary>
    Task<ReplicaProgress> ProgressAsync(
        EffectiveDatabase database,
        string replica,
        string lineage,
        CancellationToken cancellationToken
    );

    /// <summary>What a restore would take; null when there is no backup at all.</summary>
    /// <exception cref="LitestreamException">LSB4002: there are backups, but none that fits.</exception>
    Task<RestorePlan?> PlanAsync(RestoreSelection selection, CancellationToken cancellationToken);

    /// <summary>
    /// The lineage whose newest state was the database's at the moment of the selection, where the executable itself
    /// finds none; null when there is no backup at all.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4002: there are backups, but none that fits.</exception>
    Task<LineageRange?> LastBeforeAsync(RestoreSelection selection, CancellationToken cancellationToken);

    /// <summary>Whether there is a backup after all, where the executable has found none and says no more.</summary>
    /// <exception cref="LitestreamException">LSB4003: there are files of a backup, but nothing can be restored from
    /// them.</exception>
    Task<bool> HasBackupAsync(RestoreSelection selection, CancellationToken cancellationToken) =>
        Task.FromResult(false);
}

/// <summary>The names of replicas.</summary>
internal static class ReplicaNames
{
    /// <exception cref="LitestreamException">LSB3008: the database has no replica of that name.</exception>
    public static void Require(EffectiveDatabase database, string? replica)
    {
        var names = database.Replicas.Select(r => r.Name).ToList();
        if (replica is null || names.Contains(replica))
            return;
        throw new LitestreamException(
            "LSB3008",
            $"'{database.Path}' has no replica '{replica}'.{NearestName.DidYouMean(replica, names)} "
                + $"Replicas: {(names.Count == 0 ? "none" : string.Join(", ", names.Select(n => $"'{n}'")))}."
        );
    }
}
