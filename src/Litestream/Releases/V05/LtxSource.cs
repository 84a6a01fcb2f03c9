namespace Litestream.Releases.V05;

/// <summary>A place in a replica of release line 0.5.</summary>
/// <param name="Replica">The name of the replica.</param>
/// <param name="TxId">The last transaction, 16 hexadecimal digits; empty where the backup is one of release line
/// 0.3.</param>
/// <param name="Time">When it was sent (whole seconds); null where that was not asked for.</param>
public sealed record LtxSource(string Replica, string TxId, DateTimeOffset? Time) : RestoreSource(Replica, Time)
{
    /// <inheritdoc />
    public override string Lineage => TxIdPosition.OnlyLineage;

    internal override IReadOnlyList<KeyValuePair<string, object>> Fields => [new("TxId", TxId)];

    /// <inheritdoc />
    public override string ToString() => TxId.Length == 0 ? "a backup of release line 0.3" : $"TXID {TxId}";
}
