namespace Litestream.Releases;

/// <summary>What a restore takes of a replica, as one release line names it.</summary>
/// <param name="Replica">The name of the replica; empty where the executable does not say.</param>
/// <param name="Time">When its last file was written (whole seconds); null where that was not asked for: only a dry run
/// does.</param>
public abstract record RestoreSource(string Replica, DateTimeOffset? Time)
{
    /// <summary>The unbroken run of changes that is restored; empty where the executable does not say.</summary>
    public abstract string Lineage { get; }

    /// <summary>What it consists of, by the names that items and JSON have for it.</summary>
    internal abstract IReadOnlyList<KeyValuePair<string, object>> Fields { get; }
}

/// <summary>The executable did not say what it took.</summary>
internal sealed record UnnamedSource() : RestoreSource("", null)
{
    public override string Lineage => "";

    internal override IReadOnlyList<KeyValuePair<string, object>> Fields => [];
}

/// <summary>Which state to restore.</summary>
/// <param name="Database">Of which database.</param>
internal sealed record RestoreSelection(Configuration.EffectiveDatabase Database)
{
    /// <summary>The state at this moment; null: the newest.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The name of the replica; null: the one with the newest data.</summary>
    public string? Replica { get; init; }

    /// <summary>The lineage; null: the one with the newest data.</summary>
    public string? Lineage { get; init; }

    /// <summary>Where in the lineage to end; null: at its end.</summary>
    public long? Index { get; init; }

    /// <summary>The last transaction; null: the newest. Release line 0.5.</summary>
    public long? TxId { get; init; }

    /// <summary>How many files are downloaded at once; null: as the executable has it.</summary>
    public int? Parallelism { get; init; }
}

/// <summary>What a restore would take.</summary>
/// <param name="Source">The place in a replica.</param>
/// <param name="Bytes">How many (compressed) bytes are downloaded.</param>
internal sealed record RestorePlan(RestoreSource Source, long Bytes);
