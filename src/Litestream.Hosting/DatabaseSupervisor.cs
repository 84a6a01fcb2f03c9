using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases.V03;
using Litestream.Replication;
using Litestream.Sqlite;

namespace Litestream.Hosting;

/// <summary>What a look at a database calls for.</summary>
internal enum SupervisorAction
{
    None,

    /// <summary>A commit of our own, so that litestream looks again.</summary>
    Nudge,

    /// <summary>Litestream is stuck, or has to begin anew.</summary>
    Restart,

    /// <summary>The file is another one, or gone: litestream must be stopped before it sends a mixture.</summary>
    Judge,

    /// <summary>Its replica is on its own disk, and that has hardly any room left: the app needs it.</summary>
    Pause,

    /// <summary>The app sets a rollback journal: litestream must not have it.</summary>
    Refuse,
}

/// <summary>Watches one database and says what to do. Changes nothing itself but what it remembers.</summary>
internal sealed class DatabaseSupervisor
{
    /// <summary>Late enough for a slow upload, early enough to be seen within ten seconds.</summary>
    private static readonly TimeSpan ShortestLimit = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan ShortestNudge = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan FirstNudgePause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestNudgePause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan IdentityPause = TimeSpan.FromSeconds(10);

    /// <summary>An error that has not come again for so long is over, when nothing waits to be sent.</summary>
    private static readonly TimeSpan ErrorMemory = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LockErrorMemory = TimeSpan.FromMinutes(1);

    /// <summary>Bytes a second that an upload must make at least to count as one that is at work.</summary>
    private const long SlowestUpload = 128 * 1024;

    private readonly TimeSpan _stall;
    private readonly TimeSpan _limit;
    private readonly FreeSpaceFloor _floor;
    private readonly ReplicaFolders _folders;
    private FileStamp? _file;
    private DatabaseHistory? _history;
    private FileStamp? _identified;
    private DateTimeOffset _identifyAt;
    private DateTimeOffset _nudgeAt;
    private TimeSpan _nudgePause = FirstNudgePause;
    private DateTimeOffset? _errorSince;

    /// <summary>When litestream was nudged first after its last error.</summary>
    private DateTimeOffset? _unansweredNudge;

    private readonly DatabaseAdmission _admission;
    private DateTimeOffset? _heldSince;
    private LitestreamDiagnostic? _news;
    private bool _isAccepted;
    private const int LooksUntilForeign = 3;

    private string? _foundGeneration;
    private int _foreignLooks;
    private int _missing;
    private long? _unsent;
    private int _wiped;
    private bool _wasBlocked;

    public DatabaseSupervisor(
        EffectiveConfig config,
        EffectiveDatabase database,
        LitestreamSettings settings,
        TimeProvider time,
        JournalEvidence evidence = JournalEvidence.None
    )
    {
        Watch = new CommitWatch(database, ReplicationSettings.Of(config, database));
        Chain = new DatabaseChain(database, time);
        _floor = settings.FreeSpaceFloor;
        _folders = new ReplicaFolders(database, Watch.Settings, time);
        _limit = Longer(ShortestLimit, Watch.Round * 3);
        _stall = Longer(settings.StallTimeout, Watch.Round * 3);
        _history = DatabaseHistory.Read(database.MetaPath);

        // Our number is in litestream's table, so litestream has had it, and it is still that database and not another
        // one in its place.
        var isKnown = _history?.Id is { } id && LiveDatabase.ReadIdentityInFile(database.Path).Id == id;
        _admission = new DatabaseAdmission(database.Path, evidence, isKnown ? _history!.File : null);
    }

    public CommitWatch Watch { get; }

    /// <summary>Whether litestream has read every commit before somebody could take it from the WAL.</summary>
    public DatabaseChain Chain { get; }

    /// <summary>Whether the next litestream leaves it out.</summary>
    public bool IsOut => Excluded is not null || Chain.IsBlocked;

    public EffectiveDatabase Database => Watch.Database;

    /// <summary>Why it is not replicated; null when it is.</summary>
    public LitestreamDiagnostic? Excluded { get; private set; }

    /// <summary>Whether it is not replicated for want of room.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>
    /// Whether litestream does not have it yet, as it has no file, no table or perhaps a rollback journal.
    /// </summary>
    public bool IsHeld { get; private set; }

    /// <summary>Whether something speaks for an app that sets a rollback journal.</summary>
    public bool MayLeaveWal => _admission.Evidence != JournalEvidence.None;

    /// <summary>Whether it was taken from litestream, to see whether the app sets a rollback journal.</summary>
    public bool IsSuspect => IsHeld && _admission.IsSuspect;

    /// <summary>Whether a lock error of the app may mean a rollback journal.</summary>
    public bool MayBeSuspected => _admission.MayBeSuspected;

    /// <summary>
    /// When a statement of the app last ended in "database is locked" though a write could be begun; null when none
    /// has.
    /// </summary>
    public DateTimeOffset? LockErrorAt { get; set; }

    /// <summary>
    /// Whether its replicas, but no file, are there: what appears in its place is not replicated unseen.
    /// </summary>
    public bool IsAwaited { get; private set; }

    /// <summary>Whether its file was deleted while the app ran, and no other one has come in its place.</summary>
    public bool WasDeleted { get; private set; }

    /// <summary>Whether another litestream has written to its replica.</summary>
    public bool IsTraced { get; private set; }

    /// <summary>What the state of the replicator depends on.</summary>
    public DatabaseStanding Standing =>
        new(
            Excluded is null ? Exclusion.None
                : Question is not null ? Exclusion.Question
                : IsHeld ? Exclusion.Held
                : IsPaused ? Exclusion.Paused
                : IsAwaited ? Exclusion.Awaited
                : IsTraced ? Exclusion.Traced
                : Exclusion.Refused,
            Health,
            IsSettled
        );

    /// <summary>
    /// What is asked whether it goes on with the history of its replicas; null when that is known. Until then nothing
    /// of it is sent.
    /// </summary>
    public HistoryQuestion? Question { get; private set; }

    public LitestreamHealth Health { get; private set; }

    public string? Problem { get; private set; }

    /// <summary>Why litestream has to be started again.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Whether its replica cannot be gone on with.</summary>
    public bool HasToBeginAnew { get; private set; }

    /// <summary>Whether it is in its replicas. One that was never seen is not: nothing is known of it.</summary>
    public bool IsSettled =>
        !IsHeld && (Excluded is not null || (Watch.LastSync is not null && Chain.BrokenBy is null));

    /// <summary>Leaves it out from the next start of litestream on.</summary>
    public void Exclude(LitestreamDiagnostic why, bool isAwaited, bool wasDeleted = false)
    {
        WasDeleted = wasDeleted;
        (Excluded, Question, IsAwaited, IsPaused, IsHeld, IsTraced) = (why, null, isAwaited, false, false, false);
        (_isAccepted, _file, _missing) = (false, null, 0);
        (Health, Problem) = (LitestreamHealth.Unhealthy, why.ToString());
    }

    /// <summary>
    /// Whether its own disk, where its replica is too, has so little room that replicating it could take the last from
    /// the app.
    /// </summary>
    public bool IsShortOfRoom() =>
        _folders.IsOnOwnDisk && ReplicaFolders.Space(Database.Path) is var (free, total) && free < _floor.Of(total);

    /// <summary>Leaves it out until there is room again.</summary>
    public LitestreamDiagnostic Pause()
    {
        var (free, total) = ReplicaFolders.Space(Database.Path) ?? default;
        Excluded = new LitestreamDiagnostic(
            "LSB5016",
            LitestreamSeverity.Error,
            $"'{Database.Path}' is not replicated at the moment: its replica is on its own disk, which "
                + $"has {Megabytes(free)} left, and the app needs the last {Megabytes(_floor.Of(total))} itself "
                + $"(Litestream:FreeSpaceFloor). Make room, or set Litestream:ReplicaUrl to storage elsewhere."
        );
        (IsPaused, Health, Problem) = (true, LitestreamHealth.Degraded, Excluded.ToString());
        return Excluded;
    }

    /// <summary>
    /// Keeps it from litestream until litestream may have it. Called before each start of litestream.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="isLast">Whether the app has written its last, so that nothing can be waited for.</param>
    /// <returns>False when it never may: <see cref="Refuse"/>.</returns>
    public bool HoldBack(DateTimeOffset now, bool isLast = false)
    {
        if (Excluded is not null)
            return true;
        var admission = _admission.Look(now, isLast);
        return admission == Admission.Admit || ExamineHeld(admission, now) != SupervisorAction.Refuse;
    }

    /// <summary>Whether litestream may have it now that the app has written its last.</summary>
    public bool IsAdmittedAtLast(DateTimeOffset now) => IsHeld && _admission.Look(now, isLast: true) == Admission.Admit;

    /// <summary>Takes it from litestream, to see whether the app sets a rollback journal.</summary>
    public void Suspect(DateTimeOffset now)
    {
        // Ours would keep the app from it too.
        Chain.EndReader();
        _admission.Suspect();
        ExamineHeld(Admission.Wait, now);
    }

    /// <summary>Leaves it out: the app sets a rollback journal.</summary>
    public void Refuse()
    {
        Chain.EndReader();
        Exclude(AdmissionPolicy.Refuse(Database.Path, _admission.Evidence), isAwaited: false);
    }

    /// <summary>Whether the app writes to it while it is watched without litestream.</summary>
    public bool IsWatched => IsHeld && _admission.IsWatched;

    /// <summary>What should be said once; null when there is nothing new.</summary>
    public LitestreamDiagnostic? TakeNews()
    {
        var news = _news;
        _news = null;
        return news;
    }

    /// <summary>Litestream could not be started, so it is not healthy, whatever it was before.</summary>
    /// <param name="health">How it does meanwhile.</param>
    /// <param name="problem">What is wrong.</param>
    public void FailStart(LitestreamHealth health, string problem)
    {
        if (Excluded is null || Health == LitestreamHealth.Healthy)
            (Health, Problem) = (health > Health ? health : Health, problem);
    }

    /// <summary>Leaves it out until that is answered.</summary>
    public void Ask(HistoryQuestion question)
    {
        var (health, problem) = (Health, Problem);
        Exclude(Explain(null), isAwaited: false);
        (Question, Health, Problem) = (question, health, problem);
    }

    /// <summary>Says why there is no answer yet.</summary>
    /// <returns>Whether there is anything new to say.</returns>
    public bool Doubt(DateTimeOffset now)
    {
        var before = Problem;
        Excluded = Explain(Question!.Trouble);
        (Health, Problem) = (
            now - Question.Since >= _stall ? LitestreamHealth.Unhealthy : LitestreamHealth.Degraded,
            Excluded.ToString()
        );
        return Problem != before;
    }

    /// <summary>Whether another file lies at its place than the one that was accepted.</summary>
    public bool IsReplaced => _file is { } before && FileStamp.Of(Database.Path) is { } file && IsOther(before, file);

    /// <summary>It goes on with the history of its replicas. Called while no litestream runs.</summary>
    /// <param name="asNewFile">Whether it came in the place of another file: litestream must not take the WAL that it
    /// knows for this one's.</param>
    public void Accept(bool asNewFile)
    {
        (Excluded, Question, IsAwaited, IsPaused, IsHeld, IsTraced) = (null, null, false, false, false, false);
        (_isAccepted, _missing, WasDeleted) = (true, 0, false);
        _file = FileStamp.Of(Database.Path);
        (Health, Problem) = (LitestreamHealth.Healthy, null);
        if (asNewFile)
            BeginAnew();
        if (DatabaseHistory.Read(Database.MetaPath) is not { } known)
            return;

        // From now on the file changes. And what was adopted has a number of its own, or gets one.
        var (readable, id) = LiveDatabase.ReadIdentityInFile(Database.Path);
        var isKnown =
            !readable || id == known.Id || (id is null && LiveDatabase.ReadIdentity(Database.Path) == known.Id);
        if (!isKnown)
            BeginAnew();
        Remember((isKnown ? known : new DatabaseHistory(null, false, null)).InUse(_file));
    }

    /// <summary>
    /// Has litestream begin a new generation, as it does itself when it has lost its place. Called while none runs.
    /// </summary>
    public void BeginAnew()
    {
        HasToBeginAnew = false;
        new ShadowWal(Database.MetaPath).ForgetGeneration();
    }

    /// <summary>
    /// A database that needs a full copy is not healthy before that has arrived, whatever arrives meanwhile.
    /// </summary>
    public void JudgeChain(DateTimeOffset now)
    {
        if (Excluded is not null || Chain.Explain() is not { } problem)
            return;
        if (Chain.NeedsRestart && Health != LitestreamHealth.Healthy && Problem is { } other)
        {
            // That stays for long, and must not hide what else is wrong.
            Problem = other.EndsWith(problem, StringComparison.Ordinal) ? other : $"{other.TrimEnd('.')}. {problem}";
            return;
        }

        if (Health == LitestreamHealth.Healthy)
            Health =
                Chain.IsBlocked && now - Chain.BrokenSince >= _stall
                    ? LitestreamHealth.Unhealthy
                    : LitestreamHealth.Degraded;
        Problem = problem;
    }

    /// <summary>Removes what was sent after the snapshots were gone. Called while no litestream runs.</summary>
    public Task RemoveRemainsAsync() =>
        Watch.Replicated?.Generation is { } generation ? _folders.RemoveRemainsAsync(generation) : Task.CompletedTask;

    public void Begin(DateTimeOffset now)
    {
        Watch.Begin(now);
        (_nudgeAt, _nudgePause) = (default, FirstNudgePause);
        (_errorSince, _unansweredNudge, _wiped, _wasBlocked) = (null, null, 0, false);
    }

    /// <summary>Looks at the database, and into the folders that it is replicated to.</summary>
    /// <param name="now">The time.</param>
    /// <param name="asks">Whether litestream is asked next how far it has come.</param>
    public Task LookAsync(DateTimeOffset now, bool asks)
    {
        Watch.Look(now);
        return Excluded is not null
            ? Task.CompletedTask
            : _folders.LookAsync(Watch.Generation, Watch.IsPending, asks && Watch.LacksPosition);
    }

    /// <summary>Looks for the last time, when no litestream runs any more.</summary>
    public async Task FinishAsync(DateTimeOffset now)
    {
        await _folders.LookAsync(Watch.Generation, forObstacle: true, forPositions: true).ConfigureAwait(false);
        _unsent = Watch.Finish(_folders.Found, now);
        Chain.Mend(Watch.Replicated, Watch.IsPending);
    }

    /// <summary>Whether the replicas did not take something when the app stopped.</summary>
    public bool HasUnsent => _unsent != 0;

    /// <summary>What the replicas did not take when the app stopped; null when they have all.</summary>
    /// <param name="failure">The code of why litestream did not run, or not to its end; null when it did.</param>
    public LitestreamDiagnostic? Unsent(string? failure)
    {
        var file = FileStamp.Of(Database.Path);
        return UnsentPolicy.Decide(
            new UnsentFacts(Database.Path)
            {
                FileSize = file?.Size,
                WalBytes = WalFile.LastCommit(WalFile.PathOf(Database.Path))?.End,
                MayHaveTables = !IsHeld || LiveDatabase.ProbeTables(Database.Path, asksMode: false).Tables != AppTables.None,
                WasDeleted = WasDeleted,
                NotReplicated =
                    Excluded is null ? null
                    : Question?.Trouble is { } trouble ? $"{trouble.Message.TrimEnd('.')} ({trouble.Code})"
                    : $"it is not replicated ({Excluded.Code})",
                IsRefused = Standing.Exclusion is Exclusion.Traced or Exclusion.Refused,
                Unsent = _unsent,
                CopyNeededBy = Chain.BrokenBy,
                Error = Watch.Error?.Message ?? (failure is null ? null : $"litestream did not send them ({failure})"),
            }
        );
    }

    /// <summary>
    /// Takes over what is remembered by now: another app may have replicated the database since this one was started.
    /// </summary>
    public void ReadHistory() => _history = DatabaseHistory.Read(Database.MetaPath);

    /// <summary>Puts back the WAL that the last stop kept, where the file is just as that left it.</summary>
    public void PutWalBack() =>
        Chain.PutWalBack(
            _history is { WalBoot: { } boot, File: { } left } && boot == BootId() && FileStamp.Of(Database.Path) == left
        );

    private static string BootId() => ProcessIdentity.Of(Environment.ProcessId)?.BootId ?? "";

    /// <summary>
    /// Whether the generation beside the database is another one than our litestream wrote last: one that we do not
    /// know of has been at work.
    /// </summary>
    public bool HasTraces =>
        _history is { Generations.Count: > 0 }
        && Watch.Generation is { } found
        && !_history.Generations.Contains(found);

    /// <summary>
    /// Whether our litestream has written that generation, or goes on with one that was there at its start. Its own
    /// word for it may come a moment later than the generation.
    /// </summary>
    public bool IsOwnGeneration(string generation)
    {
        _foundGeneration ??= generation;
        if (generation == _foundGeneration || Watch.HasBegun(generation))
        {
            (_foundGeneration, _foreignLooks) = (generation, 0);
            if (_history?.Generations.Contains(generation) == false)
                Remember(_history.With(generation));
            return true;
        }

        return ++_foreignLooks < LooksUntilForeign;
    }

    /// <summary>Excludes it until somebody who knows says that its replica may be gone on with.</summary>
    public void ExcludeForTraces(LitestreamDiagnostic why)
    {
        Exclude(why, isAwaited: false);
        (Health, IsTraced) = (LitestreamHealth.Degraded, true);
    }

    /// <summary>Takes over how far litestream has come.</summary>
    public void Compare(MetricsAnswer metrics, DateTimeOffset now) => Watch.Compare(metrics, _folders.Found, now);

    /// <summary>Judges how it is doing, after a look.</summary>
    /// <param name="now">The time.</param>
    /// <param name="uploadedAt">When litestream was last seen to write to its storage or anything else.</param>
    public SupervisorAction Examine(DateTimeOffset now, DateTimeOffset uploadedAt)
    {
        if (Question is not null)
            return SupervisorAction.Judge;
        if (IsHeld)
            return ExamineHeld(_admission.Look(now), now);
        if (IsPaused)
            return HasRoomAgain() ? SupervisorAction.Judge : SupervisorAction.None;
        if (Excluded is not null)
            return IsAwaited && Watch.File is { Size: > 0 } ? SupervisorAction.Judge : SupervisorAction.None;
        if (IsOtherFile())
            return SupervisorAction.Judge;
        if (Watch.File is null)
        {
            // The app has not made it yet.
            (Health, Problem) = (LitestreamHealth.Healthy, null);
            return SupervisorAction.None;
        }

        _file ??= Watch.File;
        if (IsShortOfRoom())
            return SupervisorAction.Pause;
        var lag = Watch.Lag(now);
        var error = ErrorAt(now);
        var silence = now - _folders.SilentSince;
        var obstacle =
            silence >= _limit
                ? $"the folder of the replica '{_folders.Silent}' does not answer, so '{Database.Path}' cannot be "
                    + $"replicated there"
            : Watch.IsPending ? _folders.Found.Obstacle
            : null;
        Health =
            lag >= _stall || now - _errorSince >= _stall || silence >= _stall ? LitestreamHealth.Unhealthy
            : lag >= _limit || now - _errorSince >= _limit || obstacle is not null ? LitestreamHealth.Degraded
            : LitestreamHealth.Healthy;
        Problem = Health == LitestreamHealth.Healthy ? null : Explain(lag, error, obstacle);

        if (Health == LitestreamHealth.Healthy && now - LockErrorAt < LockErrorMemory)
        {
            Health = LitestreamHealth.Degraded;
            Problem =
                $"LSB5019: statements of the app end in 'database is locked' while litestream has "
                + $"'{Database.Path}'. Look whether one of them sets another journal mode than WAL";
        }

        if (IsWiped(now))
        {
            HasToBeginAnew = true;
            (Health, Problem) = (
                LitestreamHealth.Degraded,
                "LSB5007: " + (Reason = $"the replica of '{Database.Path}' has lost its snapshots")
            );
            return SupervisorAction.Restart;
        }

        if (!Watch.IsPending)
        {
            _nudgePause = FirstNudgePause;
            return SupervisorAction.None;
        }

        if (IsStuck(now, uploadedAt, error, obstacle is not null))
        {
            Reason =
                $"nothing of '{Database.Path}' has arrived "
                + $"for {Seconds(now - Watch.ProgressAt)}{(error is { } said ? $" ({said})" : "")}";
            return SupervisorAction.Restart;
        }

        if (
            lag < Longer(ShortestNudge, Watch.Round * 1.5)
            || now < _nudgeAt
            || obstacle is not null
            || _folders.SilentSince is not null
            || Watch.SnapshotSince is not null
            || !(Watch.IsNoticed || error is not null)
        )
            return SupervisorAction.None;
        if (Watch.Error is { } last && last.At >= (_unansweredNudge ?? last.At))
            _unansweredNudge = now;
        _nudgeAt = now + _nudgePause;
        _nudgePause = _nudgePause * 2 < LongestNudgePause ? _nudgePause * 2 : LongestNudgePause;
        return SupervisorAction.Nudge;
    }

    /// <summary>
    /// Gives the database its number once it is replicated, and sees from time to time that it still has it.
    /// </summary>
    /// <returns>
    /// False when it has another one, or none: another database was put in the place of this one, or it was
    /// overwritten.
    /// </returns>
    public async Task<bool> IdentifyAsync(DateTimeOffset now)
    {
        if (Excluded is not null || Watch.LastSync is null || Watch.File is not { } file || now < _identifyAt)
            return true;
        if (_history?.Id is not { } known)
        {
            if (await LiveDatabase.IdentifyAsync(Database.Path).ConfigureAwait(false) is { } id)
                Remember(new DatabaseHistory(id, false, null).InUse(file));
            return true;
        }

        _identifyAt = now + IdentityPause;
        if (file == _identified)
            return true;
        var (readable, found) = LiveDatabase.ReadIdentityInFile(Database.Path);
        if (!readable)
            return true;
        _identified = file;
        if (found == known && !_history.IsInFile)
            Remember(_history with { IsInFile = true });
        return found == known || !_history.IsInFile;
    }

    /// <summary>
    /// The same at once: before a litestream is started again, which may begin with a snapshot of whatever is there.
    /// </summary>
    public Task<bool> IdentifyAgainAsync()
    {
        _identified = null;
        return IdentifyAsync(_identifyAt);
    }

    /// <summary>
    /// Remembers how the file was left, once nobody writes to it any more. Only of one that was accepted and still is
    /// that one: the next start takes what is remembered for a proof.
    /// </summary>
    /// <param name="savedWal">The last commit in a copy of the WAL that was kept; null when none was.</param>
    public void Leave(WalMark? savedWal)
    {
        if (
            !_isAccepted
            || _file is not { } before
            || FileStamp.Of(Database.Path) is not { } file
            || IsOther(before, file)
            || !Directory.Exists(Database.MetaPath)
        )
            return;
        var history = _history ?? new DatabaseHistory(null, false, null);
        var isInFile = history.Id is { } id && LiveDatabase.ReadIdentityInFile(Database.Path).Id == id;
        if (history.IsInFile && !isInFile)
            return;
        if (Watch.Generation is { } generation && (generation == _foundGeneration || Watch.HasBegun(generation)))
            history = history.With(generation);
        Remember(
            history with
            {
                IsInFile = isInFile,
                File = file,
                WalBoot = savedWal is not null && Chain.IsSavedWal(savedWal) ? BootId() : null,
            }
        );
    }

    public LitestreamDatabaseStatus Describe(LitestreamDatabaseStatus? before, DateTimeOffset now) =>
        (before ?? new LitestreamDatabaseStatus(Database.Path)) with
        {
            Health = Health,
            Problem = Problem,
            Committed = Watch.Committed,
            Replicated = Watch.Replicated,
            Lag = Watch.Lag(now),
            LagBytes = Watch.LagBytes(),
            LastSync = Watch.LastSync,
            LeftOut = Excluded?.Code,
        };

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static string Seconds(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s");

    private void Remember(DatabaseHistory history)
    {
        _history = history;
        history.Write(Database.MetaPath);
    }

    private SupervisorAction ExamineHeld(Admission admission, DateTimeOffset now)
    {
        if (admission == Admission.RollbackJournal)
            return SupervisorAction.Refuse;
        if (admission == Admission.Admit)
        {
            _heldSince = null;
            return SupervisorAction.Judge;
        }

        IsHeld = true;
        var (health, why) = AdmissionPolicy.Explain(
            admission,
            Database.Path,
            now - (_heldSince ??= now),
            _stall,
            _admission.IsWatched,
            _admission.IsSuspect
        );
        if (health != LitestreamHealth.Healthy && Problem != why.ToString())
            _news = why;
        (Excluded, Health, Problem) = (why, health, health == LitestreamHealth.Healthy ? null : why.ToString());
        return SupervisorAction.None;
    }

    private bool IsOtherFile()
    {
        if (_file is not { } before)
            return false;
        if (Watch.File is not { } file)
            return ++_missing >= 2;
        _missing = 0;
        return IsOther(before, file);
    }

    private static bool IsOther(FileStamp before, FileStamp file) =>
        !before.IsSameFile(file) || (file.Size == 0 && before.Size > 0);

    private string? ErrorAt(DateTimeOffset now)
    {
        if (Watch.Error is not { } error || (!Watch.IsPending && now - error.At > ErrorMemory))
        {
            _errorSince = null;
            return null;
        }

        _errorSince ??= error.At;
        return error.Message;
    }

    private bool IsStuck(DateTimeOffset now, DateTimeOffset uploadedAt, string? error, bool isBlocked)
    {
        var waits = now - Watch.ProgressAt;
        if (waits > Watch.Lag(now))
            waits = Watch.Lag(now);
        if (waits > now - _folders.AnsweredAt)
            waits = now - _folders.AnsweredAt;
        if (_folders.SilentSince is not null)
        {
            // It waits in the same place, and goes on when that answers. Another one would wait there too.
            return false;
        }

        if (isBlocked)
        {
            // A write that has failed leaves it hanging for good, but the next one would fail and hang too.
            _wasBlocked |= waits >= _limit;
            return false;
        }

        if (_wasBlocked)
            return true;
        if (waits < _stall)
            return false;

        // It lives and says what is wrong: a nudge has it try again, and a new start costs a new snapshot. It is stuck
        // when it says nothing to a nudge either.
        if (
            error is not null
            && Watch.Error is { } last
            && (
                _unansweredNudge > last.At
                    ? now - _unansweredNudge < _stall
                    : now - last.At < LongestNudgePause + _stall
            )
        )
        {
            return false;
        }

        // A large upload takes as long as it takes.
        var bytes = Watch.SnapshotSince is not null ? Watch.File?.Size ?? 0 : Watch.LagBytes() ?? 0;
        return now - uploadedAt >= _stall || waits >= _stall + TimeSpan.FromSeconds(bytes / (double)SlowestUpload);
    }

    /// <summary>With some to spare, and room for what litestream begins with then: a snapshot.</summary>
    private bool HasRoomAgain() =>
        ReplicaFolders.Space(Database.Path) is var (free, total)
        && free >= (_floor.Of(total) * 1.25) + (Watch.File?.Size ?? 0);

    private static string Megabytes(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):0.#} MB");

    /// <summary>A replica in a folder without a snapshot gives nothing back, whatever is sent to it.</summary>
    private bool IsWiped(DateTimeOffset now)
    {
        if (
            Watch.LastSync is null
            || Watch.Replicated?.Generation is not { } generation
            || Watch.SnapshotSince is not null
            || now - Watch.BegunAt < _limit
        )
            return false;
        var found = _folders.Found;
        _wiped = found.IsWiped && found.Generation == generation && _folders.SilentSince is null ? _wiped + 1 : 0;
        return _wiped >= 2;
    }

    private LitestreamDiagnostic Explain(LitestreamDiagnostic? trouble) =>
        new(
            trouble?.Code ?? "LSB4005",
            LitestreamSeverity.Error,
            $"Whether '{Database.Path}' goes on with the history of its replica cannot be told yet, so nothing is "
                + $"sent: {trouble?.Message ?? "the replica has not answered yet"}"
        );

    private string Explain(TimeSpan lag, string? error, string? obstacle) =>
        "LSB5007: "
        + (
            obstacle
            ?? (
                lag >= _limit
                    ? $"what was committed to '{Database.Path}' {Seconds(lag)} ago has not "
                        + $"arrived{(error is null ? "" : $": {error}")}"
                    : $"litestream cannot replicate '{Database.Path}': {error}"
            )
        );
}
