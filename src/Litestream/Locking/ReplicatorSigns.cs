namespace Litestream.Locking;

/// <summary>What is seen on this machine of those that may replicate a database.</summary>
/// <param name="IsTold">Whether the system tells which processes have it open.</param>
/// <param name="Replicators">How many processes run <c>litestream replicate</c> and have it open.</param>
/// <param name="Record">What stands in its lock file.</param>
/// <param name="AppLives">Whether the app of the record still runs: then its litestream may be about to start.</param>
internal sealed record ReplicatorSigns(bool IsTold, int Replicators, LockRecord Record, bool AppLives)
{
    /// <summary>
    /// Whether nobody here replicates it. A litestream in a container of its own is not seen, so what is known of the
    /// database itself has to agree.
    /// </summary>
    public bool AreNone => IsTold && Replicators == 0 && !AppLives && !Record.LivingReplicators.Any();

    /// <summary>Looks.</summary>
    public static ReplicatorSigns Of(string databasePath)
    {
        var record = DatabaseLock.Peek(databasePath);
        var replicators = OpenDatabases.Find(databasePath, out _)?.Count(user => OpenDatabases.IsReplicator(user.Id));
        return new(replicators is not null, replicators ?? 0, record, record.App?.IsRunning() == true);
    }
}
