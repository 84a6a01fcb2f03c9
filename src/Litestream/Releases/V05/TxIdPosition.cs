using System.Globalization;
using System.Text.Json;

namespace Litestream.Releases.V05;

/// <summary>A place in what was sent of a database, as release line 0.5 counts: after a transaction of
/// litestream's, which holds all that was committed between two of its looks.</summary>
/// <param name="TxId">Its number, from 1 on.</param>
public sealed record TxIdPosition(long TxId) : ReplicaPosition
{
    /// <summary>Release line 0.5 counts on for as long as a replica lives: all of it is one lineage.</summary>
    internal const string OnlyLineage = "ltx";

    /// <inheritdoc />
    public override string Lineage => OnlyLineage;

    internal override IReadOnlyList<KeyValuePair<string, object>> Fields => [new("TxId", Format(TxId))];

    /// <inheritdoc />
    public override string ToString() => Format(TxId);

    internal override bool Reaches(ReplicaPosition other) => other is TxIdPosition there && TxId >= there.TxId;

    internal override long? OffsetInWalOf(ReplicaPosition other) => null;

    /// <summary>16 hexadecimal digits, as litestream writes it.</summary>
    internal static string Format(long txId) => txId.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>Null when it is not one.</summary>
    internal static long? Parse(ReadOnlySpan<char> text) =>
        text.Length == 16
        && long.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var txId)
        && txId >= 0
            ? txId
            : null;

    internal static TxIdPosition? From(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object
        && json.TryGetProperty("txId", out var value)
        && value.ValueKind == JsonValueKind.String
        && Parse(value.GetString()) is { } txId
            ? new(txId)
            : null;
}
