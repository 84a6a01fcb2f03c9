namespace Litestream.Replication;

/// <summary>
/// All times, counts and sizes that the supervision of a replication depends on, and that are no settings. The steps of
/// a stop have a table of their own.
/// </summary>
internal static class Thresholds
{
    // One database.

    /// <summary>Late enough for a slow upload, early enough to be seen within ten seconds.</summary>
    public static readonly TimeSpan Slow = TimeSpan.FromSeconds(6);
    public static readonly TimeSpan Nudge = TimeSpan.FromSeconds(3);
    public static readonly TimeSpan FirstNudgePause = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan LongestNudgePause = TimeSpan.FromSeconds(30);

    /// <summary>An error that has not come again for so long is over, when nothing waits to be sent.</summary>
    public static readonly TimeSpan ErrorMemory = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan LockErrorMemory = TimeSpan.FromMinutes(1);

    /// <summary>Bytes a second that an upload must make at least to count as one that is at work.</summary>
    public const long SlowestUpload = 128 * 1024;
    public const int LooksUntilGone = 2;
    public const int LooksUntilWiped = 2;
    public const int LooksUntilGap = 3;
    public const int LooksUntilForeign = 3;

    /// <summary>A database that was paused goes on with so many times the room that is kept free.</summary>
    public const double SpareRoom = 1.25;

    /// <summary>How often it is seen whether the database still has its number.</summary>
    public static readonly TimeSpan IdentityPause = TimeSpan.FromSeconds(10);

    /// <summary>How long an app that may set a rollback journal has for doing so.</summary>
    public static readonly TimeSpan JournalWatch = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The same for one that was kept from it by litestream: its own connections, which have seen WAL mode, may keep it
    /// from it for a while too.
    /// </summary>
    public static readonly TimeSpan SuspicionWatch = TimeSpan.FromSeconds(30);

    /// <summary>A database is taken from litestream for that at most so often.</summary>
    public static readonly TimeSpan SuspicionPause = TimeSpan.FromMinutes(10);

    // The chain from the WAL to the replica.

    /// <summary>How long a reader of ours stands at most.</summary>
    public static readonly TimeSpan LongestReader = TimeSpan.FromMinutes(1);

    /// <summary>By how many bytes the WAL may grow under a reader of ours.</summary>
    public const long LargestGrowth = 100L * 1024 * 1024;

    /// <summary>Bytes a second that litestream copies at least, of a database of which it makes a full copy.</summary>
    public const double SlowestCopy = 10.0 * 1024 * 1024;

    /// <summary>After how many looks in a row without it a mark is lost: a checkpoint of litestream's takes it away for
    /// a moment.</summary>
    public const int LooksUntilLost = 3;

    /// <summary>
    /// After so long without a write, a commit behind SQLite's own end is one that a killed process has left.
    /// </summary>
    public static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(10);

    /// <summary>A larger WAL costs more to keep than it spares.</summary>
    public const long LargestSavedWal = 64 * 1024 * 1024;

    /// <summary>A file that was written to just now may be written to again without a later time stamp.</summary>
    public static readonly TimeSpan ClockTick = TimeSpan.FromMilliseconds(50);

    /// <summary>How long the beginning of a full copy is tried before litestream is started for the others.</summary>
    public static readonly TimeSpan CutPatience = TimeSpan.FromSeconds(1);

    /// <summary>The same where nobody goes on without it.</summary>
    public static readonly TimeSpan CutPatienceAtStart = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan CutPause = TimeSpan.FromMilliseconds(20);
    public static readonly TimeSpan BridgePatience = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan BystanderMemory = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan SignalMemory = TimeSpan.FromSeconds(10);

    // The process.

    public static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan IdleMetrics = TimeSpan.FromSeconds(10);

    /// <summary>Less in a second is what an idle litestream writes.</summary>
    public const long UploadBytes = 32 * 1024;
    public static readonly TimeSpan FirstRestartPause = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan LongestRestartPause = TimeSpan.FromSeconds(60);

    /// <summary>After so long the next restart begins with the first pause again.</summary>
    public static readonly TimeSpan HealthyAfter = TimeSpan.FromSeconds(60);

    /// <summary>One that ends so soon with an error of its own refuses to run.</summary>
    public static readonly TimeSpan Refusal = TimeSpan.FromSeconds(5);

    /// <summary>A signal to the whole group reaches litestream before the app knows that it stops.</summary>
    public static readonly TimeSpan GroupSignal = TimeSpan.FromMilliseconds(750);
    public static readonly TimeSpan StuckPatience = TimeSpan.FromSeconds(2);
    public static readonly TimeSpan PlannedPatience = TimeSpan.FromSeconds(10);

    // The gate.

    /// <summary>Whoever takes the lock writes the record at once: after so long it is the holder's, though the holder
    /// cannot be seen.</summary>
    public static readonly TimeSpan RecordPatience = TimeSpan.FromSeconds(5);

    /// <summary>How long a holder whose work cannot be seen (elsewhere than on Linux) may do nothing.</summary>
    public static readonly TimeSpan UnseenPatience = TimeSpan.FromMinutes(1);
    public static readonly TimeSpan AnnouncementPatience = TimeSpan.FromSeconds(2);

    // The session.

    /// <summary>How long the start of the app waits for the first start of litestream.</summary>
    public static readonly TimeSpan FirstAttemptPatience = TimeSpan.FromSeconds(10);

    /// <summary>A reader begins at once. On a disk that hangs it does not, and the signal must not wait.</summary>
    public static readonly TimeSpan SignalPatience = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan FirstOpenFilesLook = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan OpenFilesLook = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan FirstLineagePause = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan LongestLineagePause = TimeSpan.FromSeconds(30);

    /// <summary>The same after a backup that cannot be used, or has no room here: it will not be usable soon, and each
    /// try may download all of it.</summary>
    public static readonly TimeSpan LongestUselessPause = TimeSpan.FromMinutes(5);
    public static readonly TimeSpan LockRetry = TimeSpan.FromSeconds(2);
    public static readonly TimeSpan GatePatience = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan LineagePatience = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan EndOfLineagePatience = TimeSpan.FromSeconds(2);

    // Databases that are added while the app runs.

    /// <summary>How often it is seen whether one that was added has its first table.</summary>
    public static readonly TimeSpan FreshLook = TimeSpan.FromMilliseconds(100);

    /// <summary>For how long that is looked at so often.</summary>
    public static readonly TimeSpan FreshMemory = TimeSpan.FromSeconds(30);

    /// <summary>How long an added one waits for the lineage of others to be known, so that litestream is started again
    /// once for all.</summary>
    public static readonly TimeSpan GatherPatience = TimeSpan.FromMilliseconds(500);

    /// <summary>How often new databases of a pattern are looked for.</summary>
    public static readonly TimeSpan PatternLook = TimeSpan.FromSeconds(1);

    // The whole.

    /// <summary>So many restarts within <see cref="RestartMemory"/> are no accident.</summary>
    public const int ManyRestarts = 3;
    public static readonly TimeSpan RestartMemory = TimeSpan.FromMinutes(5);

    /// <summary>After so long a start is no longer just a start.</summary>
    public static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(1);

    /// <summary>Longer than a round of the session takes at most, beyond the timeout for litestream itself.</summary>
    public static readonly TimeSpan RoundPatience = TimeSpan.FromSeconds(15);
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
