using Litestream.Releases;
using Litestream.Verification;

namespace Litestream.Replication;

/// <summary>What the replicator of a host does at the moment.</summary>
public enum LitestreamState
{
    /// <summary>Not started yet, or started and not all databases are in their replicas for the first time.</summary>
    Starting,

    /// <summary>
    /// Turned off: by <c>Litestream:Enabled</c>, by the Development environment, or because there is nothing to
    /// replicate.
    /// </summary>
    Disabled,

    /// <summary>Another process replicates one of the databases; tried again every two seconds.</summary>
    Waiting,

    /// <summary>Litestream runs, and what is committed arrives.</summary>
    Replicating,

    /// <summary>
    /// Litestream runs, but commits of at least one database do not arrive in time; see
    /// <see cref="LitestreamStatus.Databases"/>.
    /// </summary>
    Stalled,

    /// <summary>
    /// The litestream process has ended, or was ended because it was stuck, and is started again after a pause.
    /// </summary>
    Restarting,

    /// <summary>The host stops: the last commits are sent.</summary>
    Stopping,

    /// <summary>Stopped in order.</summary>
    Stopped,

    /// <summary>
    /// Does not replicate, and trying again would not help; see <see cref="LitestreamStatus.LastError"/>.
    /// </summary>
    Failed,
}

/// <summary>How one database is doing.</summary>
public enum LitestreamHealth
{
    /// <summary>What is committed arrives.</summary>
    Healthy,

    /// <summary>Commits have not arrived for longer than they should take.</summary>
    Degraded,

    /// <summary>Commits have not arrived for so long that litestream is started again, or they never will.</summary>
    Unhealthy,
}

/// <summary>A snapshot of what the replicator does.</summary>
/// <param name="State">What it does.</param>
/// <param name="ProcessId">Process id of the running litestream, null when none runs.</param>
/// <param name="StartedAt">When that process was started, null when none runs.</param>
/// <param name="Restarts">How often litestream had to be started again since the host started.</param>
/// <param name="LastError">The last error, with its code; null when there was none. Never a secret.</param>
public sealed record LitestreamStatus(
    LitestreamState State,
    int? ProcessId,
    DateTimeOffset? StartedAt,
    int Restarts,
    string? LastError
)
{
    /// <summary>When <see cref="State"/> last changed.</summary>
    public DateTimeOffset Since { get; init; }

    /// <summary>Why litestream was started again the last time; null when it was not.</summary>
    public string? LastRestartReason { get; init; }

    /// <summary>The same as one of a few words, for metrics.</summary>
    internal string? LastRestartCause { get; init; }

    /// <summary>
    /// When it was last looked whether what is committed arrives, which is done every second, or from when on it should
    /// have been; null before that.
    /// </summary>
    internal DateTimeOffset? LookedAt { get; init; }

    /// <summary>The last few times that litestream was started again, the newest last.</summary>
    internal IReadOnlyList<LitestreamRestart> LastRestarts { get; init; } = [];

    /// <summary>
    /// The databases that are replicated, or should be, in the order of the configuration. Empty before the host is
    /// built and where nothing is replicated.
    /// </summary>
    public IReadOnlyList<LitestreamDatabaseStatus> Databases { get; init; } = [];

    /// <summary>SQLite databases that the app's configuration names and that are not replicated: litestream.yml does
    /// not have them, and <c>Litestream:ReplicateDiscovered</c> is false or litestream.yml is the user's own. Absolute
    /// paths.</summary>
    public IReadOnlyList<string> NotReplicated { get; init; } = [];

    /// <summary>SQLite databases that the app has, or had, open for writing and that are not replicated (LSB5018): a
    /// path from code, for example. Absolute paths. Seen on Linux
    /// only, and in WAL mode only. Without those that <c>Litestream:NotReplicated</c> lists.</summary>
    public IReadOnlyList<string> OpenNotReplicated { get; init; } = [];

    /// <summary>Patterns of <c>Litestream:DatabasePatterns</c> that match no database, where that may be a mistake or a
    /// loss (LSB5031): nothing else is replicated either, or the storage is not a folder, so that missing databases are
    /// not looked for there.</summary>
    public IReadOnlyList<string> EmptyPatterns { get; init; } = [];
}

/// <summary>When litestream was started again, and why.</summary>
internal sealed record LitestreamRestart(DateTimeOffset At, string? Reason);

/// <summary>
/// How one database is doing, as far as it can be seen without touching its storage: positions are those of release
/// line 0.3.
/// </summary>
/// <param name="Path">The database file, absolute.</param>
public sealed record LitestreamDatabaseStatus(string Path)
{
    /// <summary>How it is doing.</summary>
    public LitestreamHealth Health { get; init; }

    /// <summary>Why it is not healthy, with the code of the diagnostic; null when it is. Never a secret.</summary>
    public string? Problem { get; init; }

    /// <summary>The last commit, as litestream counts; null before litestream has seen it.</summary>
    public ReplicaPosition? Committed { get; init; }

    /// <summary>How far the replica that is furthest behind has come; null before the first upload.</summary>
    public ReplicaPosition? Replicated { get; init; }

    /// <summary>
    /// How long ago the oldest commit was seen that has not arrived; zero when everything has arrived.
    /// </summary>
    public TimeSpan Lag { get; init; }

    /// <summary>The bytes of WAL that have not arrived; null when that is not known.</summary>
    public long? LagBytes { get; init; }

    /// <summary>When everything that was committed was last seen to have arrived; null before that.</summary>
    public DateTimeOffset? LastSync { get; init; }

    /// <summary>
    /// When commits were last looked for, which is done every second: later ones are not in the other values. Null
    /// before the first look, and in a status that was read from a file.
    /// </summary>
    public DateTimeOffset? LookedAt { get; init; }

    /// <summary>How the last scheduled verification ended; null when there was none.</summary>
    public VerificationResult? Verification { get; init; }

    /// <summary>When that was; null when there was none.</summary>
    public DateTimeOffset? VerifiedAt { get; init; }

    /// <summary>
    /// Why the scheduled verification excludes it, as nothing of it is sent: the code of the diagnostic; null when it
    /// does not.
    /// </summary>
    public string? NotVerified { get; init; }

    /// <summary>The code of why nothing of it is sent; null when it is replicated.</summary>
    internal string? ExcludedBy { get; init; }
}
