namespace Litestream.Replication;

/// <summary>Why a database is excluded from litestream.</summary>
internal enum Exclusion
{
    /// <summary>It is not.</summary>
    None,

    /// <summary>Its lineage is not known yet.</summary>
    Question,

    /// <summary>It has no file, no table or perhaps a rollback journal.</summary>
    Held,

    /// <summary>Its disk has too little room.</summary>
    NoRoom,

    /// <summary>It is gone, and may come back.</summary>
    NoFile,

    /// <summary>
    /// Another litestream has written to its replica. Nothing of it is sent until somebody adopts that.
    /// </summary>
    Traced,

    /// <summary>Another database is in its place, or the app sets a rollback journal. Only a new start changes
    /// that.</summary>
    Refused,
}

/// <summary>What the state of a replicator depends on, of one database.</summary>
/// <param name="Exclusion">Why it is excluded.</param>
/// <param name="Health">How it does.</param>
/// <param name="IsSettled">Whether all of it has arrived once.</param>
internal sealed record DatabaseStanding(Exclusion Exclusion, LitestreamHealth Health, bool IsSettled);

/// <summary>Decides the state of a replicator from how its databases do; nothing here looks or acts.</summary>
internal static class ReplicatorStatePolicy
{
    /// <summary>Whether nothing is replicated until the next start, whatever comes.</summary>
    public static bool IsOver(IReadOnlyList<DatabaseStanding> databases) =>
        databases.Count > 0
        && databases.All(database => database.Exclusion is Exclusion.Traced or Exclusion.Refused);

    /// <summary>
    /// Whether that is a failure. A database that waits to be adopted is Degraded, and so is its replicator: its backup
    /// is there, and continues once the user says so.
    /// </summary>
    public static bool HasFailed(IReadOnlyList<DatabaseStanding> databases) =>
        IsOver(databases) && databases.Any(database => database.Exclusion == Exclusion.Refused);

    /// <summary>The state after a look.</summary>
    /// <param name="before">The state before it.</param>
    /// <param name="isRunning">Whether litestream runs.</param>
    /// <param name="databases">All of them.</param>
    public static LitestreamState Decide(
        LitestreamState before,
        bool isRunning,
        IReadOnlyList<DatabaseStanding> databases
    )
    {
        if (databases.Count == 0)
            return LitestreamState.Disabled;
        if (!isRunning && databases.Any(database => database.Exclusion is not (Exclusion.None or Exclusion.Held)))
            return before == LitestreamState.Failed ? LitestreamState.Failed : LitestreamState.Stalled;
        if (databases.Any(database => database.Health != LitestreamHealth.Healthy))
            return LitestreamState.Stalled;
        return databases.All(database => database.IsSettled) || before == LitestreamState.Replicating
            ? LitestreamState.Replicating
            : LitestreamState.Starting;
    }

    /// <summary>The state once litestream has ended in order with the app.</summary>
    public static LitestreamState AtEnd(IReadOnlyList<DatabaseStanding> databases) =>
        databases.Count > 0
        && databases.All(database => database.Exclusion is Exclusion.NoFile or Exclusion.Refused)
            ? LitestreamState.Failed
            : LitestreamState.Stopped;
}
