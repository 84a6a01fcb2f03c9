namespace Litestream.Releases.V03;

/// <summary>A place in a replica of release line 0.3.</summary>
/// <param name="Replica">The name of the replica.</param>
/// <param name="Generation">16 hexadecimal digits.</param>
/// <param name="SnapshotIndex">The WAL index of the snapshot that it begins with.</param>
/// <param name="Index">The last WAL index; that of the snapshot when no WAL comes after it.</param>
/// <param name="Time">When its last file was written (whole seconds); null where that was not asked for.</param>
public sealed record GenerationSource(
    string Replica,
    string Generation,
    long SnapshotIndex,
    long Index,
    DateTimeOffset? Time
) : RestoreSource(Replica, Time)
{
    /// <inheritdoc />
    public override string Lineage => Generation;

    internal override IReadOnlyList<KeyValuePair<string, object>> Fields =>
        [new("Generation", Generation), new("SnapshotIndex", SnapshotIndex), new("Index", Index)];

    /// <inheritdoc />
    public override string ToString() =>
        FormattableString.Invariant($"generation {Generation}, index {SnapshotIndex} to {Index}");
}
