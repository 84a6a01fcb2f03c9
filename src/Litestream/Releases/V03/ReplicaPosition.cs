namespace Litestream.Releases.V03;

/// <summary>A place in a database's history, as release line 0.3 counts.</summary>
/// <param name="Generation">Its generation, 16 hexadecimal digits.</param>
/// <param name="Index">The number of the WAL in the generation.</param>
/// <param name="Offset">Bytes from the start of that WAL.</param>
public sealed record ReplicaPosition(string Generation, long Index, long Offset)
{
    /// <inheritdoc />
    public override string ToString() => FormattableString.Invariant($"{Generation}/{Index:x8}:{Offset:x8}");

    /// <summary>Whether this place is the other one or comes after it, within one generation.</summary>
    internal bool Reaches(ReplicaPosition other) =>
        string.Equals(Generation, other.Generation, StringComparison.Ordinal)
        && (Index > other.Index || (Index == other.Index && Offset >= other.Offset));
}
