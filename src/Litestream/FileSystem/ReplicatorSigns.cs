namespace Litestream.FileSystem;

/// <summary>What is seen on this machine of those that may replicate a database.</summary>
/// <param name="IsTold">Whether the system tells which processes have it open.</param>
/// <param name="Replicators">How many processes run <c>litestream replicate</c> and have it open.</param>
/// <param name="Others">How many others run it, for whatever database: one that was just started opens its own only at
/// its first tick.</param>
/// <param name="Record">What stands in its lock file.</param>
/// <param name="AppLives">Whether the app of the record still runs: then its litestream may be about to start.</param>
internal sealed record ReplicatorSigns(bool IsTold, int Replicators, int Others, LockRecord Record, bool AppLives)
{
    /// <summary>
    /// Whether no process here replicates it. A litestream in a container of its own is not seen, so what is known of
    /// the database itself has to agree.
    /// </summary>
    public bool AreNone => IsTold && Replicators == 0 && !AppLives && !Record.LivingReplicators.Any();

    /// <summary>Whether no process here is about to begin either.</summary>
    public bool AreNoneToCome => AreNone && Others == 0;

    /// <summary>Looks.</summary>
    public static ReplicatorSigns Of(string databasePath)
    {
        var record = DatabaseLock.Peek(databasePath);
        var users = OpenDatabases.Find(databasePath, out _)?.Select(user => user.Id).ToList();
        var replicators = users?.Count(LitestreamProcess.IsReplicator) ?? 0;
        var others = users is null ? 0 : OpenDatabases.Replicators().Count() - replicators;
        return new(users is not null, replicators, others, record, record.App?.IsRunning() == true);
    }
}
