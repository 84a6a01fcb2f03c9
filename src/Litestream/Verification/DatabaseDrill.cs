using Litestream.Commands;
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
/// <param name="RecoveryPoint">What would have been lost (RPO): the age of the oldest commit of the database that the backup does not have, at most; zero when nothing is missing. Null when that cannot be told: see <see cref="RecoveryPointNote"/>.</param>
/// <param name="RecoveryTime">What recovery took (RTO): the restore, the integrity check and the query.</param>
/// <param name="Bytes">The size of the restored database.</param>
public sealed record DrillResult(EffectiveDatabase Database, TimeSpan? RecoveryPoint, TimeSpan RecoveryTime, long Bytes)
{
    /// <summary>How the recovery point was found, or why not, in words.</summary>
    public string RecoveryPointNote { get; init; } = "";

    /// <summary>The time of the newest thing in the replica (of what was asked for, with a timestamp); null when it is not known.</summary>
    public DateTimeOffset? BackupTime { get; init; }

    /// <summary>The first row that the query returned, by column, as text; null values stay null. Empty without a query.</summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Answer { get; init; } = [];

    /// <summary>What the restore alone took.</summary>
    public TimeSpan RestoreTime { get; init; }
}

/// <summary>The fire drill: the newest backup is restored to a scratch file, checked, asked the user's question, and removed.</summary>
public static class DatabaseDrill
{
    /// <summary>Runs the drill. The database itself is neither opened nor changed.</summary>
    /// <exception cref="LitestreamException">LSB4002, LSB4003, LSB4005 as for a restore; LSB4111: the query failed or returned no row; LSB3005: timed out.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static Task<DrillResult> RunAsync(LitestreamExecutable executable, EffectiveConfig config, EffectiveDatabase database, DrillOptions? options, CancellationToken cancellationToken) =>
        throw new NotImplementedException();
}
