using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>
/// What is known of a database that is supervised, from one look to the next. Every change is another record: pure.
/// </summary>
/// <param name="Path">The database.</param>
internal sealed record DatabaseState(string Path)
{
    /// <summary>Why litestream does not get it.</summary>
    public Exclusion Exclusion { get; init; }

    /// <summary>The same in words; null when litestream gets it.</summary>
    public LitestreamDiagnostic? Excluded { get; init; }

    public LitestreamHealth Health { get; init; }

    /// <summary>Why it is not healthy; null when it is.</summary>
    public string? Problem { get; init; }

    /// <summary>Whether its file was deleted while the app ran, and no other one has come in its place.</summary>
    public bool WasDeleted { get; init; }

    /// <summary>Whether it is the database of its replicas, as far as is known.</summary>
    public bool IsAccepted { get; init; }

    /// <summary>The file that was accepted, or seen first; null before that.</summary>
    public FileStamp? File { get; init; }

    /// <summary>How many looks in a row it was not there.</summary>
    public int MissingLooks { get; init; }

    /// <summary>How many looks in a row its replica had no snapshot.</summary>
    public int WipedLooks { get; init; }

    /// <summary>How many looks in a row files were missing in the middle of its replica.</summary>
    public int GapLooks { get; init; }

    /// <summary>Whether its replica cannot be continued.</summary>
    public bool NeedsNewLineage { get; init; }

    /// <summary>Whether a folder of a replica could not be written to for so long that litestream hangs.</summary>
    public bool WasBlocked { get; init; }

    /// <summary>Since when litestream has complained.</summary>
    public DateTimeOffset? ErrorSince { get; init; }

    /// <summary>When litestream was nudged first after its last error.</summary>
    public DateTimeOffset? UnansweredNudge { get; init; }

    /// <summary>Before that it is not nudged again.</summary>
    public DateTimeOffset NudgeAt { get; init; }

    public TimeSpan NudgePause { get; init; } = Thresholds.FirstNudgePause;

    /// <summary>Since when litestream has not had it, as it has no file, no table or perhaps a rollback
    /// journal.</summary>
    public DateTimeOffset? HeldSince { get; init; }

    /// <summary>
    /// When a statement of the app last ended in "database is locked" though a write could be begun; null when none
    /// has.
    /// </summary>
    public DateTimeOffset? LockErrorAt { get; init; }

    /// <summary>A litestream is started: nothing of what the one before did counts.</summary>
    public DatabaseState Begin() =>
        this with
        {
            NudgeAt = default,
            NudgePause = Thresholds.FirstNudgePause,
            ErrorSince = null,
            UnansweredNudge = null,
            WipedLooks = 0,
            WasBlocked = false,
        };

    /// <summary>Keeps it from the next litestream on.</summary>
    public DatabaseState Exclude(Exclusion exclusion, LitestreamDiagnostic why, bool wasDeleted = false) =>
        this with
        {
            Exclusion = exclusion,
            Excluded = why,
            WasDeleted = wasDeleted,
            IsAccepted = false,
            File = null,
            MissingLooks = 0,
            Health = exclusion == Exclusion.Traced ? LitestreamHealth.Degraded : LitestreamHealth.Unhealthy,
            Problem = why.ToString(),
        };

    /// <summary>Excludes it until there is room on its disk.</summary>
    public DatabaseState ExcludeForRoom(LitestreamDiagnostic why) =>
        this with
        {
            Exclusion = Exclusion.NoRoom,
            Excluded = why,
            Health = LitestreamHealth.Degraded,
            Problem = why.ToString(),
        };

    /// <summary>Excludes it until it is known whether it is the database of its replicas.</summary>
    public DatabaseState CheckLineage() =>
        Exclude(Exclusion.Question, ExplainLineage(null)) with
        {
            Health = Health,
            Problem = Problem,
        };

    /// <summary>That is not known yet.</summary>
    /// <param name="trouble">Why; null where nothing has answered.</param>
    /// <param name="asked">For how long it has been asked.</param>
    /// <param name="limits">From when on that is not in order.</param>
    public DatabaseState AwaitLineage(LitestreamDiagnostic? trouble, TimeSpan asked, DatabaseLimits limits)
    {
        var why = ExplainLineage(trouble);
        return this with
        {
            Excluded = why,
            Health = asked >= limits.Stall ? LitestreamHealth.Unhealthy : LitestreamHealth.Degraded,
            Problem = why.ToString(),
        };
    }

    /// <summary>It is the database of its replicas.</summary>
    /// <param name="file">The file as it is.</param>
    public DatabaseState Accept(FileStamp? file) =>
        this with
        {
            Exclusion = Exclusion.None,
            Excluded = null,
            IsAccepted = true,
            MissingLooks = 0,
            WasDeleted = false,
            File = file,
            Health = LitestreamHealth.Healthy,
            Problem = null,
        };

    /// <summary>Litestream could not be started, so it is not healthy, whatever it was before.</summary>
    /// <param name="health">How it does meanwhile.</param>
    /// <param name="problem">What is wrong.</param>
    public DatabaseState FailStart(LitestreamHealth health, string problem) =>
        Excluded is null || Health == LitestreamHealth.Healthy
            ? this with
            {
                Health = health > Health ? health : Health,
                Problem = problem,
            }
            : this;

    /// <summary>
    /// A database that needs a full copy is not healthy before that has arrived, whatever arrives meanwhile.
    /// </summary>
    /// <param name="chain">How the chain does.</param>
    /// <param name="now">The time.</param>
    /// <param name="limits">What is late.</param>
    /// <param name="storageFailure">What keeps the copy from arriving; null where the storage answers.</param>
    public DatabaseState ApplyChain(
        ChainStanding chain,
        DateTimeOffset now,
        DatabaseLimits limits,
        string? storageFailure = null
    )
    {
        if (Excluded is not null || chain.Problem is not { } problem)
            return this;
        if (storageFailure is not null)
            problem = $"{problem.TrimEnd('.')}; {storageFailure}";
        if (chain.NeedsRestart && Health != LitestreamHealth.Healthy && Problem is { } other)
        {
            // That stays for long, and must not hide what else is wrong.
            return this with
            {
                Problem = other.EndsWith(problem, StringComparison.Ordinal)
                    ? other
                    : $"{other.TrimEnd('.')}. {problem}",
            };
        }

        var health =
            chain.IsBlocked && now - chain.BrokenSince >= limits.Stall
                ? LitestreamHealth.Unhealthy
                : LitestreamHealth.Degraded;
        return this with { Health = Health == LitestreamHealth.Healthy ? health : Health, Problem = problem };
    }

    /// <summary>
    /// The app stops: a file that was there, and is not there now, was deleted, however short a time ago.
    /// </summary>
    /// <param name="file">The file as it is.</param>
    public DatabaseState AtStop(FileStamp? file) =>
        File is not null && file is null ? this with { WasDeleted = true } : this;

    /// <summary>Whether another file is at its place than the one that was accepted.</summary>
    /// <param name="file">The file as it is.</param>
    public bool IsReplacedBy(FileStamp? file) => File is { } before && file is { } now && IsOther(before, now);

    public static bool IsOther(FileStamp before, FileStamp file) =>
        !before.IsSameFile(file) || (file.Size == 0 && before.Size > 0);

    private LitestreamDiagnostic ExplainLineage(LitestreamDiagnostic? trouble) =>
        new(
            trouble?.Code ?? "LSB4005",
            LitestreamSeverity.Error,
            $"Cannot yet confirm that '{Path}' is the database in this replica: "
                + $"{(trouble?.Message ?? "the replica has not answered yet").TrimEnd('.')}. "
                + "Nothing is sent until this is confirmed."
        );
}

/// <summary>How the chain from the WAL of a database to its replica does.</summary>
/// <param name="Problem">Why a full copy has to follow; null while the chain is whole.</param>
/// <param name="NeedsRestart">Whether only the next start of the app can make sure of it.</param>
/// <param name="IsBlocked">Whether no litestream may run on the database before that begins.</param>
/// <param name="BrokenSince">Since when.</param>
internal sealed record ChainStanding(string? Problem, bool NeedsRestart, bool IsBlocked, DateTimeOffset BrokenSince);
