namespace Litestream.Verification;

/// <summary>How much a verification proves, and what it costs.</summary>
public enum VerificationLevel
{
    /// <summary>
    /// The last commit has arrived in the replica. Nothing is written and nothing is downloaded; that it can be
    /// restored is not shown.
    /// </summary>
    Position,

    /// <summary>A commit of its own has arrived, is there after a real restore, and the restored file passes <c>PRAGMA
    /// quick_check</c>. Other rows are neither counted nor compared.</summary>
    Quick,

    /// <summary>
    /// As <see cref="Quick"/>, with <c>PRAGMA integrity_check</c>, and the schema and every row of every table are what
    /// they were at the commit: value by value, by type and bytes. For that a
    /// private copy of the database is made in the folder for temporary files.
    /// </summary>
    Full,
}

/// <summary>How a verification is done.</summary>
public sealed record VerificationOptions
{
    /// <summary>
    /// How long a litestream that a verification started may take to send what was committed last, 30 s.
    /// </summary>
    public static TimeSpan ReplicatorStopTimeout { get; } = TimeSpan.FromSeconds(30);

    /// <summary>How much is proved. Default <see cref="VerificationLevel.Full"/>.</summary>
    public VerificationLevel Level { get; init; } = VerificationLevel.Full;

    /// <summary>
    /// Whether a row is written to the table <c>_litestream_verification</c> (default;
    /// <c>_litestream_verification_net</c> where another tool has a table of that name), or the last commit of the app
    /// is waited for as it is.
    /// </summary>
    public bool Write { get; init; } = true;

    /// <summary>
    /// How long a commit may take to arrive; null: three times the database's monitor and sync interval, and 5 s.
    /// Without <see cref="Write"/> its checkpoint interval comes on top.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// How long the storage may be silent: a listing may take so long, and a restore may go on so long without a line
    /// from the executable and without a byte downloaded or
    /// applied. Then it is ended, and the outcome is <see cref="VerificationOutcome.Inconclusive"/> (LSB4005). Null: 1
    /// minute, or <see cref="Timeout"/> where that is longer.
    /// </summary>
    public TimeSpan? StorageTimeout { get; init; }

    /// <summary>The only replica to verify, by name; null: all of the database.</summary>
    public string? Replica { get; init; }

    /// <summary>
    /// Whether a litestream is started for the time of the verification where nothing replicates the database, and
    /// sends what it has before it ends. Default false: the verification then reports that nothing does. Never over a
    /// replica whose newest changes are of another lineage than the database's. On other systems than Linux, a
    /// litestream that was started by hand is not seen: there ask for it only where you know that none runs.
    /// </summary>
    public bool StartReplicator { get; init; }

    /// <summary>Whether only the arrival is waited for: nothing is written, and where nothing replicates, that is
    /// reported before the time is up.</summary>
    internal bool IsSync { get; init; }
}
