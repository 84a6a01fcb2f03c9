namespace Litestream.Replication;

/// <summary>
/// All times, counts and sizes that the supervision of a replication and its health depend on, except for the settings.
/// The steps of a stop have a table of their own (<see cref="StopBudget"/>). What depends on the release line is in
/// <c>ReleaseLine</c>, and how long a replica may take to answer in <c>ReplicaFolders</c> and <c>ReplicaListing</c>.
/// </summary>
internal static class Thresholds
{
    // One database.

    /// <summary>Late enough for a slow upload, early enough to be seen within ten seconds.</summary>
    public static readonly TimeSpan Slow = TimeSpan.FromSeconds(6);

    /// <summary>A commit that has waited for so long is nudged.</summary>
    public static readonly TimeSpan Nudge = TimeSpan.FromSeconds(3);

    /// <summary>The time from the first nudge to the second; it doubles after each.</summary>
    public static readonly TimeSpan FirstNudgePause = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan LongestNudgePause = TimeSpan.FromSeconds(30);

    /// <summary>An error that has not come again for so long is over, when nothing waits to be sent.</summary>
    public static readonly TimeSpan ErrorMemory = TimeSpan.FromSeconds(10);

    /// <summary>How long a "database is locked" of the app counts.</summary>
    public static readonly TimeSpan LockErrorMemory = TimeSpan.FromMinutes(1);

    /// <summary>Bytes a second that an upload must make at least to count as one that is at work.</summary>
    public const long SlowestUpload = 128 * 1024;

    /// <summary>So many looks in a row without the file: it was deleted, and not just replaced.</summary>
    public const int LooksUntilGone = 2;

    /// <summary>So many looks in a row at a replica without a snapshot: it was emptied.</summary>
    public const int LooksUntilWiped = 2;

    /// <summary>So many looks in a row at a replica with a missing file: it is not one that is just being written.
    /// </summary>
    public const int LooksUntilGap = 3;

    /// <summary>So many looks in a row at something that our litestream did not write: another one wrote it.</summary>
    public const int LooksUntilForeign = 3;

    /// <summary>A database without room is replicated again at so many times the room that is kept free.</summary>
    public const double SpareRoom = 1.25;

    /// <summary>How often it is checked whether the database still has its number.</summary>
    public static readonly TimeSpan IdentityPause = TimeSpan.FromSeconds(10);

    /// <summary>How long an app that may set a rollback journal has for doing so.</summary>
    public static readonly TimeSpan JournalWatch = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The same for an app that litestream kept from doing so: its own connections, which have seen WAL mode, may keep
    /// it from it for a while too.
    /// </summary>
    public static readonly TimeSpan SuspicionWatch = TimeSpan.FromSeconds(30);

    /// <summary>A database is taken from litestream for that at most so often.</summary>
    public static readonly TimeSpan SuspicionPause = TimeSpan.FromMinutes(10);

    // The chain from the WAL to the replica.

    /// <summary>How long a reader of ours is held at most, where litestream copies nothing meanwhile.</summary>
    public static readonly TimeSpan LongestReader = TimeSpan.FromMinutes(1);

    /// <summary>By how many bytes the WAL may grow under a reader of ours.</summary>
    public const long LargestGrowth = 100L * 1024 * 1024;

    /// <summary>Bytes a second that litestream copies at least, of a database of which it makes a full copy.</summary>
    public const double SlowestCopy = 10.0 * 1024 * 1024;

    /// <summary>How often the chain is looked at while a reader of ours is held and no session watches.</summary>
    public static readonly TimeSpan ReaderLook = TimeSpan.FromMilliseconds(200);

    /// <summary>So many looks in a row without the mark: it is lost. A checkpoint of litestream's takes it away for a
    /// moment.</summary>
    public const int LooksUntilLost = 3;

    /// <summary>So many looks in a row at a commit that a killed process has left: it is one.</summary>
    public const int LooksUntilGhost = 2;

    /// <summary>
    /// After so long without a write, a commit behind SQLite's own end is one that a killed process has left.
    /// </summary>
    public static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(10);

    /// <summary>In bytes. A larger WAL costs more to keep than it spares.</summary>
    public const long LargestSavedWal = 64 * 1024 * 1024;

    /// <summary>A file that was written to just now may be written to again without a later time stamp.</summary>
    public static readonly TimeSpan ClockTick = TimeSpan.FromMilliseconds(50);

    /// <summary>How long the beginning of a full copy is tried before litestream is started for the others.</summary>
    public static readonly TimeSpan CutPatience = TimeSpan.FromSeconds(1);

    /// <summary>The same where nothing is started without it.</summary>
    public static readonly TimeSpan CutPatienceAtStart = TimeSpan.FromSeconds(10);

    /// <summary>The time from one such try to the next.</summary>
    public static readonly TimeSpan CutPause = TimeSpan.FromMilliseconds(20);

    /// <summary>How long the marks are waited for before litestream is ended by us.</summary>
    public static readonly TimeSpan BridgePatience = TimeSpan.FromSeconds(1);

    /// <summary>How long databases are removed at a time.</summary>
    public static readonly TimeSpan RemovalPatience = TimeSpan.FromSeconds(5);

    /// <summary>How long after its start litestream may not answer at its control socket.</summary>
    public static readonly TimeSpan SocketPatience = TimeSpan.FromSeconds(10);

    /// <summary>How long a process that is not litestream is not looked at again.</summary>
    public static readonly TimeSpan BystanderMemory = TimeSpan.FromSeconds(10);

    /// <summary>How long the readers are held that a signal has made us begin.</summary>
    public static readonly TimeSpan SignalMemory = TimeSpan.FromSeconds(10);

    // The process.

    /// <summary>How often the databases, litestream and the status are looked at.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>How often litestream is asked for its counters when nothing waits to be sent.</summary>
    public static readonly TimeSpan IdleMetrics = TimeSpan.FromSeconds(10);

    /// <summary>Bytes from one look to the next. Less is what an idle litestream writes.</summary>
    public const long UploadBytes = 32 * 1024;

    /// <summary>The time from the end of litestream to its next start; it doubles after each.</summary>
    public static readonly TimeSpan FirstRestartPause = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan LongestRestartPause = TimeSpan.FromSeconds(60);

    /// <summary>After so long the next restart begins with the first pause again.</summary>
    public static readonly TimeSpan HealthyAfter = TimeSpan.FromSeconds(60);

    /// <summary>A litestream that ends so soon with an error of its own refuses to run.</summary>
    public static readonly TimeSpan Refusal = TimeSpan.FromSeconds(5);

    /// <summary>A signal to the whole group reaches litestream before the app knows that it stops.</summary>
    public static readonly TimeSpan GroupSignal = TimeSpan.FromMilliseconds(750);

    /// <summary>How long a litestream that is stuck has to end before it is killed.</summary>
    public static readonly TimeSpan StuckPatience = TimeSpan.FromSeconds(2);

    /// <summary>The same for one that is started again at once, with more or fewer databases.</summary>
    public static readonly TimeSpan PlannedPatience = TimeSpan.FromSeconds(10);

    /// <summary>How long a killed litestream is waited for: one that can be killed is gone long before.</summary>
    public static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(3);

    // The last commits.

    /// <summary>How often litestream is run at most to send them.</summary>
    public const int LastRuns = 4;

    /// <summary>How much of the timeout is kept for its end, at most.</summary>
    public static readonly TimeSpan EndReserve = TimeSpan.FromSeconds(5);

    /// <summary>
    /// After this, a litestream that does not answer on its metrics address is trusted to have looked at its databases.
    /// </summary>
    public static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(20);

    // The gate.

    /// <summary>Whoever takes the lock writes the record at once: after so long it is the holder's, though the holder
    /// cannot be seen.</summary>
    public static readonly TimeSpan RecordPatience = TimeSpan.FromSeconds(5);

    /// <summary>How long a holder whose work cannot be seen (elsewhere than on Linux) may do nothing.</summary>
    public static readonly TimeSpan UnseenPatience = TimeSpan.FromMinutes(1);

    /// <summary>How long the start waits for the lines that say what is replicated where.</summary>
    public static readonly TimeSpan AnnouncementPatience = TimeSpan.FromSeconds(2);

    // The session.

    /// <summary>How long the start of the app waits for the first start of litestream.</summary>
    public static readonly TimeSpan FirstAttemptPatience = TimeSpan.FromSeconds(10);

    /// <summary>A reader begins at once. On a disk that hangs it does not, and the signal must not wait.</summary>
    public static readonly TimeSpan SignalPatience = TimeSpan.FromSeconds(1);

    /// <summary>How soon, and then how often, the databases that the app has open are looked for.</summary>
    public static readonly TimeSpan FirstOpenFilesLook = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan OpenFilesLook = TimeSpan.FromSeconds(5);

    /// <summary>The time from the first lineage check to the second; it doubles after each.</summary>
    public static readonly TimeSpan FirstLineagePause = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan LongestLineagePause = TimeSpan.FromSeconds(30);

    /// <summary>The same after a backup that cannot be used, or has no room here: it will not be usable soon, and each
    /// try may download all of it.</summary>
    public static readonly TimeSpan LongestUselessPause = TimeSpan.FromMinutes(5);

    /// <summary>How often a lock is tried that another process holds.</summary>
    public static readonly TimeSpan LockRetry = TimeSpan.FromSeconds(2);

    /// <summary>How long the locks are waited for before the app can write.</summary>
    public static readonly TimeSpan GatePatience = TimeSpan.FromSeconds(10);

    /// <summary>How long the databases whose lineage is known wait for the others.</summary>
    public static readonly TimeSpan LineagePatience = TimeSpan.FromSeconds(10);

    /// <summary>How long a lineage check that was cancelled is waited for.</summary>
    public static readonly TimeSpan EndOfLineagePatience = TimeSpan.FromSeconds(2);

    /// <summary>How long the log is waited for; its destination may hang.</summary>
    public static readonly TimeSpan LogPatience = TimeSpan.FromSeconds(4);

    // Databases that are added while the app runs.

    /// <summary>How often it is checked whether an added database has its first table.</summary>
    public static readonly TimeSpan FreshLook = TimeSpan.FromMilliseconds(100);

    /// <summary>For how long that is checked so often.</summary>
    public static readonly TimeSpan FreshMemory = TimeSpan.FromSeconds(30);

    /// <summary>How long an added one waits for the lineage of others to be known, so that litestream is started again
    /// once for all.</summary>
    public static readonly TimeSpan GatherPatience = TimeSpan.FromMilliseconds(500);

    /// <summary>How often new databases of a pattern are looked for.</summary>
    public static readonly TimeSpan PatternLook = TimeSpan.FromSeconds(1);

    // All databases together.

    /// <summary>So many restarts within <see cref="RestartMemory"/> are no accident.</summary>
    public const int ManyRestarts = 3;
    public static readonly TimeSpan RestartMemory = TimeSpan.FromMinutes(5);

    /// <summary>After so long a start is no longer just a start.</summary>
    public static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(1);

    /// <summary>Longer than a round of the session takes at most, beyond the timeout for litestream itself.</summary>
    public static readonly TimeSpan RoundPatience = TimeSpan.FromSeconds(15);

    /// <summary>How often the heartbeat's URL is called while everything arrives.</summary>
    public static readonly TimeSpan HeartbeatInterval = TimeSpan.FromMinutes(1);

    /// <summary>How long that URL may take to answer.</summary>
    public static readonly TimeSpan HeartbeatPatience = TimeSpan.FromSeconds(10);

    /// <summary>A time or up to a tenth more or less: apps that were deployed together must not all act at the same
    /// moment.</summary>
    public static TimeSpan Spread(TimeSpan time) => time * (0.9 + (Random.Shared.NextDouble() * 0.2));
}

/// <summary>What is late for one database: longer where litestream's own intervals are.</summary>
/// <param name="Nudge">A commit that has waited for so long is nudged.</param>
/// <param name="Slow">After so long it is Degraded.</param>
/// <param name="Stall">After so long it is Unhealthy, and litestream is stuck.</param>
internal sealed record DatabaseLimits(TimeSpan Nudge, TimeSpan Slow, TimeSpan Stall)
{
    /// <param name="round">The longest that a commit takes on its way when all is well.</param>
    /// <param name="stallTimeout"><c>Litestream:StallTimeout</c>.</param>
    /// <param name="listing">How much later it is known that a commit has arrived.</param>
    public static DatabaseLimits Of(TimeSpan round, TimeSpan stallTimeout, TimeSpan listing = default) =>
        new(
            listing + Longer(Thresholds.Nudge, round * 1.5),
            listing + Longer(Thresholds.Slow, round * 3),
            listing + Longer(stallTimeout, round * 3)
        );

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
