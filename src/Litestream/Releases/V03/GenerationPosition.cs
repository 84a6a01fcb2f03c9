using System.Text.Json;

namespace Litestream.Releases.V03;

/// <summary>A place in a database's history, as release line 0.3 counts.</summary>
/// <param name="Generation">Its generation, 16 hexadecimal digits.</param>
/// <param name="Index">The number of the WAL in the generation.</param>
/// <param name="Offset">Bytes from the start of that WAL.</param>
public sealed record GenerationPosition(string Generation, long Index, long Offset) : ReplicaPosition
{
    /// <inheritdoc />
    public override string Lineage => Generation;

    internal override IReadOnlyList<KeyValuePair<string, object>> Fields =>
        [new("Generation", Generation), new("Index", Index), new("Offset", Offset)];

    /// <inheritdoc />
    public override string ToString() => FormattableString.Invariant($"{Generation}/{Index:x8}:{Offset:x8}");

    internal override bool Reaches(ReplicaPosition other) =>
        other is GenerationPosition there
        && string.Equals(Generation, there.Generation, StringComparison.Ordinal)
        && (Index > there.Index || (Index == there.Index && Offset >= there.Offset));

    internal override long? OffsetInWalOf(ReplicaPosition other) =>
        other is GenerationPosition there && (Generation, Index) == (there.Generation, there.Index) ? Offset : null;

    internal static GenerationPosition? From(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object
        && json.TryGetProperty("generation", out var generation)
        && generation.ValueKind == JsonValueKind.String
        && Number(json, "index") is { } index
        && Number(json, "offset") is { } offset
            ? new(generation.GetString()!, index, offset)
            : null;

    private static long? Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number
        && value.TryGetInt64(out var number)
            ? number
            : null;
}
