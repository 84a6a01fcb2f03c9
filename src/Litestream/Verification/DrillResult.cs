using Litestream.Configuration;

namespace Litestream.Verification;

/// <summary>How a fire drill is done.</summary>
public sealed record DrillOptions
{
    /// <summary>A query of the user's own that must return a row on the restored database; null: none.</summary>
    public string? Query { get; init; }

    /// <summary>The moment to restore to; null: the newest backup.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The replica to restore from, by name; null: the one that the executable chooses.</summary>
    public string? Replica { get; init; }

    /// <summary>How long restore, check and query may take together; null: without limit.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>What a fire drill found.</summary>
/// <param name="Database">What was restored.</param>
/// <param name="RecoveryPoint">What would have been lost (RPO): the time from the newest thing in the replica (or from
/// the timestamp asked for) to the last commit of the database; zero when that commit is in the replica. Null where it
/// cannot be told (no database here, an empty replica): see <see cref="DrillResult.RecoveryPointNote"/>.</param>
/// <param name="RecoveryTime">What recovery took (RTO): the restore, the integrity check and the query.</param>
/// <param name="Bytes">The size of the restored database.</param>
public sealed record DrillResult(EffectiveDatabase Database, TimeSpan? RecoveryPoint, TimeSpan RecoveryTime, long Bytes)
{
    /// <summary>How the recovery point was found, or why not, in words.</summary>
    public string RecoveryPointNote { get; init; } = "";

    /// <summary>The lineage that was restored; empty when the executable does not say.</summary>
    public string Generation { get; init; } = "";

    /// <summary>
    /// What of the restored file could not be checked, for the lack of a collation, function or module that only the
    /// app has; else empty.
    /// </summary>
    public string IntegrityNote { get; init; } = "";

    /// <summary>
    /// How the content of the restored file compares with the database here, where its last commit is in the replica:
    /// every row, by type and bytes; else why it was not compared. (Where it is
    /// not the same, the drill fails with LSB4103.)
    /// </summary>
    public string ContentNote { get; init; } = "";

    /// <summary>Whether all of the content was compared and is the same.</summary>
    public bool ContentMatches { get; init; }

    /// <summary>
    /// The time of the newest thing in the replica (of what was asked for, with a timestamp); null when it is not
    /// known.
    /// </summary>
    public DateTimeOffset? BackupTime { get; init; }

    /// <summary>
    /// The first row that the query returned, by column, as text; null values stay null. Empty without a query.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Answer { get; init; } = [];

    /// <summary>What the restore alone took.</summary>
    public TimeSpan RestoreTime { get; init; }
}
