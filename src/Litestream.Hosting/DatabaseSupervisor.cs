using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Sqlite;

namespace Litestream.Hosting;

/// <summary>
/// Looks at one database, has <see cref="DatabasePolicy"/> decide, and remembers what follows. Used by one look at a
/// time, but for <see cref="IsOut"/>.
/// </summary>
internal sealed class DatabaseSupervisor
{
    private readonly ReleaseLine _line;
    private readonly FreeSpaceFloor _floor;
    private readonly bool _adopts;
    private readonly ReplicaFolders _folders;
    private readonly ReplicaListing? _listing;
    private readonly ILocalState _localState;
    private readonly DatabaseAdmission _admission;

    // The handler of a signal reads it on a thread of its own; each record is whole.
    private volatile DatabaseState _state;
    private LitestreamDiagnostic? _news;
    private long? _unsent;

    public DatabaseSupervisor(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        LitestreamSettings settings,
        ReplicaAccess access,
        TimeProvider time,
        JournalEvidence evidence = JournalEvidence.None
    )
    {
        (Config, _line) = (config, executable.Line);
        Tracker = new LagTracker(_line, database, ReplicationSettings.Of(config, database));
        Chain = new DatabaseChain(_line, database, time);
        _listing = ReplicaListing.TryCreate(executable, config, database, Tracker.Settings, access, time);
        var listing = _listing is null ? TimeSpan.Zero : ReplicaListing.Pause;
        Limits = DatabaseLimits.Of(Tracker.Round, settings.StallTimeout, listing);
        (Identity, _state) = (new RememberedIdentity(Tracker), new DatabaseState(database.Path));
        _localState = _line.State(database.MetaPath);
        (_floor, _adopts) = (settings.FreeSpaceFloor, settings.AdoptReplica);
        _folders = new ReplicaFolders(_line.Layout, _localState, database, Tracker.Settings, access, time);
        _admission = new DatabaseAdmission(database.Path, evidence, Identity.ReplicatedFile);
    }

    /// <summary>A configuration that has it.</summary>
    public EffectiveConfig Config { get; }

    public LagTracker Tracker { get; }

    /// <summary>Whether litestream has read every commit before somebody could take it from the WAL.</summary>
    public DatabaseChain Chain { get; }

    /// <summary>Which database it is.</summary>
    public RememberedIdentity Identity { get; }

    public DatabaseLimits Limits { get; }

    public DatabaseState State => _state;

    public EffectiveDatabase Database => Tracker.Database;

    public string Path => Database.Path;

    /// <summary>Whether litestream is started without it. On any thread.</summary>
    public bool IsOut => IsExcluded || Chain.IsBlocked;

    public bool IsExcluded => _state.Excluded is not null;

    /// <summary>What is asked whether it is the database of its replicas; null when that is known. Until then nothing
    /// of it is sent.</summary>
    public PendingLineageCheck? Question { get; private set; }

    /// <inheritdoc cref="DatabaseAdmission.MayLeaveWal" />
    public bool MayLeaveWal => _admission.MayLeaveWal;

    /// <summary>Whether it was taken from litestream, to see whether the app sets a rollback journal.</summary>
    public bool IsSuspect => IsHeld && _admission.IsSuspect;

    /// <summary>Whether a lock error of the app may mean a rollback journal.</summary>
    public bool MayBeSuspected => _admission.MayBeSuspected;

    /// <summary>Whether the app writes to it while it is watched without litestream.</summary>
    public bool IsWatched => IsHeld && _admission.IsWatched;

    /// <summary>Whether litestream does not have it yet.</summary>
    private bool IsHeld => _state.Exclusion == Exclusion.Held;

    /// <summary>Whether all of it is in its replicas. One that was never seen is not: nothing is known of it.</summary>
    public bool IsSettled => !IsHeld && (IsExcluded || (Tracker.LastSync is not null && Chain.BrokenBy is null));

    /// <summary>What the state of the replicator depends on.</summary>
    public DatabaseStanding Standing => new(_state.Exclusion, _state.Health, IsSettled);

    /// <summary>Whether another file is at its place than the one that was accepted.</summary>
    public bool IsReplaced => _state.IsReplacedBy(FileStamp.Of(Path));

    /// <inheritdoc cref="ReleaseLine.WhyOutdated" />
    public string? WhyOutdated => _line.WhyOutdated(Database.MetaPath);

    public bool HasContent => FileStamp.Of(Path) is { Size: > 0 };

    /// <summary>A litestream is started.</summary>
    public void Begin(DateTimeOffset now)
    {
        Tracker.Begin(now);
        _state = _state.Begin();
    }

    /// <summary>Looks at the database, and into the folders that it is replicated to.</summary>
    /// <param name="now">The time.</param>
    /// <param name="asks">Whether litestream is asked next how far it has come.</param>
    public Task LookAsync(DateTimeOffset now, bool asks)
    {
        Tracker.PollWal(now);
        if (IsExcluded)
            return Task.CompletedTask;

        // A compaction that fails may have found that files are missing in the replica.
        var isInDoubt = now - Tracker.Error?.At < ReplicaListing.Pause * 2;
        _listing?.Look(Tracker.Lineage, !IsSettled || Tracker.IsPending || isInDoubt);
        return _folders.LookAsync(Tracker.Lineage, Tracker.IsPending, asks && Tracker.LacksPosition);
    }

    /// <summary>Takes over how far litestream has come.</summary>
    public void ApplyMetrics(MetricsAnswer metrics, DateTimeOffset now) => Tracker.ApplyMetrics(metrics, Found, now);

    /// <summary>Decides what the last look calls for.</summary>
    /// <param name="now">The time.</param>
    /// <param name="uploadedAt">When litestream was last seen to write to its storage or anything else.</param>
    public async Task<DatabaseDecision> DecideAsync(DateTimeOffset now, DateTimeOffset uploadedAt)
    {
        var decision = Take(DatabasePolicy.Decide(_state, Observe(now, uploadedAt), Limits));
        var isOther =
            decision.Action != DatabaseAction.CheckLineage
            && !IsExcluded
            && !await Identity.IdentifyAsync(now).ConfigureAwait(false);
        ApplyChain(now);
        return isOther ? decision with { Action = DatabaseAction.CheckLineage } : decision;
    }

    /// <summary>
    /// Keeps it from litestream until litestream may have it. Called before each start of litestream.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="isLast">Whether the app has written its last, so that nothing can be waited for.</param>
    /// <returns>False when it never may: <see cref="Refuse"/>.</returns>
    public bool HoldBack(DateTimeOffset now, bool isLast)
    {
        if (IsExcluded || Held(now, isLast) is not { Admission: not Admission.Admit } held)
            return true;

        return Take(DatabasePolicy.DecideHeld(_state, held, now, Limits)).Action != DatabaseAction.Refuse;
    }

    /// <summary>Whether litestream may have it now that the app has written its last.</summary>
    public bool IsAdmittedAtLast(DateTimeOffset now) =>
        IsHeld && _admission.Look(now, isLast: true) == Admission.Admit;

    /// <summary>Takes it from litestream, to see whether the app sets a rollback journal.</summary>
    public void Suspect(DateTimeOffset now)
    {
        // Ours would keep the app from it too.
        Chain.EndReader();
        _admission.Suspect();
        var held = new HeldDatabase(Admission.Wait, _admission.IsWatched, _admission.IsSuspect);
        Take(DatabasePolicy.DecideHeld(_state, held, now, Limits));
    }

    /// <summary>A statement of the app ended in "database is locked", and it is not looked into why.</summary>
    public void NoteLockError(DateTimeOffset now) => _state = _state with { LockErrorAt = now };

    /// <summary>Excludes it: the app sets a rollback journal.</summary>
    public LitestreamDiagnostic Refuse()
    {
        Chain.EndReader();
        return Exclude(Exclusion.Refused, AdmissionPolicy.Refuse(Path, _admission.Evidence));
    }

    /// <summary>Excludes it from the next start of litestream on.</summary>
    public LitestreamDiagnostic Exclude(Exclusion exclusion, LitestreamDiagnostic why, bool wasDeleted = false)
    {
        Question = null;
        _state = _state.Exclude(exclusion, why, wasDeleted);
        return why;
    }

    public bool IsShortOfRoom() => DatabasePolicy.IsShortOfRoom(Room());

    /// <summary>Excludes it until there is room again.</summary>
    public LitestreamDiagnostic ExcludeForRoom()
    {
        var why = DatabasePolicy.ExplainNoRoom(Path, Room() ?? default);
        _state = _state.ExcludeForRoom(why);
        return why;
    }

    /// <summary>Excludes it until that is answered.</summary>
    public void Ask(PendingLineageCheck question)
    {
        _state = _state.CheckLineage();
        Question = question;
    }

    /// <summary>There is no answer yet.</summary>
    /// <returns>Whether there is anything new to say.</returns>
    public bool AwaitLineage(DateTimeOffset now)
    {
        var before = _state.Problem;
        _state = _state.AwaitLineage(Question!.Trouble, now - Question.Since, Limits);
        return _state.Problem != before;
    }

    /// <summary>It is the database of its replicas. Called while no litestream runs.</summary>
    /// <param name="asNewFile">Whether it came in the place of another file: litestream must not take the WAL that it
    /// knows for this one's.</param>
    /// <param name="now">The time.</param>
    public void Accept(bool asNewFile, DateTimeOffset now)
    {
        var file = FileStamp.Of(Path);
        Question = null;
        if (_adopts || _state.NeedsNewLineage)
            _folders.Adopt();
        _state = _state.Accept(file);
        if (asNewFile)
            BeginAnew();

        // What was adopted has a number of its own, or gets one.
        Identity.Accept(file, onOther: BeginAnew);
        ApplyChain(now);
    }

    /// <summary>Litestream could not be started.</summary>
    public void FailStart(LitestreamHealth health, string problem) => _state = _state.FailStart(health, problem);

    /// <summary>A full copy has to follow, or has arrived.</summary>
    public void ApplyChain(DateTimeOffset now) =>
        _state = _state.ApplyChain(Chain.Standing, now, Limits, _listing?.Storage.Failure);

    /// <summary>What should be said once; null when there is nothing new.</summary>
    public LitestreamDiagnostic? TakeNews()
    {
        var news = _news;
        _news = null;
        return news;
    }

    /// <summary>Puts back the WAL that the last stop kept, where the file is just as that left it.</summary>
    public void PutWalBack() => Chain.PutWalBack(Identity.IsAsLeftWithWal);

    /// <summary>Removes what was sent after the snapshots were gone. Called while no litestream runs.</summary>
    public Task RemoveRemainsAsync() =>
        Tracker.Replicated?.Lineage is { } lineage
            ? _folders.RemoveRemainsAsync(lineage)
            : Task.CompletedTask;

    /// <summary>Looks for the last time, when no litestream runs any more.</summary>
    public async Task FinishAsync(DateTimeOffset now, TimeSpan left)
    {
        await _folders
            .LookAsync(Tracker.Lineage, forObstacle: true, forPositions: true, isLast: true)
            .ConfigureAwait(false);
        await (_listing?.FinishAsync(Tracker.Lineage, left) ?? Task.CompletedTask).ConfigureAwait(false);
        _unsent = Tracker.Finish(Found, now);
        Chain.Mend(Tracker.Replicated);
    }

    /// <inheritdoc cref="DatabaseState.AtStop" />
    public void NoteStop() => _state = _state.AtStop(FileStamp.Of(Path));

    /// <summary>What the replicas did not take when the app stopped; null when they have all.</summary>
    /// <param name="failure">The code of why litestream did not run, or not to its end; null when it did.</param>
    public LitestreamDiagnostic? Unsent(string? failure)
    {
        var file = FileStamp.Of(Path);
        return UnsentPolicy.Decide(
            new UnsentFacts(Path)
            {
                FileSize = file?.Size,
                WalBytes = WalFile.LastCommit(WalFile.PathOf(Path))?.End,
                MayHaveTables = !IsHeld || LiveDatabase.ProbeTables(Path, asksMode: false).Tables != AppTables.None,
                WasDeleted = _state.WasDeleted,
                NotReplicated =
                    _state.Excluded is null ? null
                    : Question?.Trouble is { } trouble ? $"{trouble.Message.TrimEnd('.')} ({trouble.Code})"
                    : $"it is not replicated ({_state.Excluded.Code})",
                IsRefused = _state.Exclusion is Exclusion.Traced or Exclusion.Refused,
                Unsent = _unsent,
                CopyNeededBy = Chain.BrokenBy,
                Error =
                    Tracker.Error?.Message ?? (failure is null ? null : $"litestream did not send them ({failure})"),
            }
        );
    }

    /// <summary>
    /// Leaves it as an app does that closes its last connection: complete in its file, without a WAL where no other
    /// process has it open. What litestream needs to continue where it was is kept aside.
    /// </summary>
    public async Task LeaveAsync()
    {
        WalPosition? saved = null;
        if (_unsent == 0 && Chain is { BrokenBy: null, HasReader: true, CanSaveWal: true })
        {
            Chain.RenewReader();
            LiveDatabase.CheckpointPassively(Path);
            saved = await Chain.SaveWalAsync().ConfigureAwait(false);
        }

        if (
            _state is { IsAccepted: true, File: { } before }
            && FileStamp.Of(Path) is { } file
            && !DatabaseState.IsOther(before, file)
        )
        {
            Identity.Leave(file, () => saved is not null && Chain.IsSavedWal(saved));
        }

        Chain.EndReader();
        if (saved is not null)
            LiveDatabase.CloseCleanly(Path);
    }

    /// <inheritdoc cref="ReplicaListing.EndAsync" />
    public Task EndListingAsync() => _listing?.EndAsync() ?? Task.CompletedTask;

    public LitestreamDatabaseStatus Describe(LitestreamDatabaseStatus? before, DateTimeOffset now) =>
        (before ?? new LitestreamDatabaseStatus(Path)) with
        {
            Health = _state.Health,
            Problem = _state.Problem,
            Committed = Tracker.Committed,
            Replicated = Tracker.Replicated,
            Lag = Tracker.Lag(now),
            LagBytes = Tracker.LagBytes(),
            LastSync = Tracker.LastSync,
            LookedAt = Tracker.LookedAt,
            ExcludedBy = _state.Excluded?.Code,
        };

    private FolderProbe Found => _listing?.AddTo(_folders.Found, Tracker.Lineage) ?? _folders.Found;

    private DatabaseDecision Take(DatabaseDecision decision)
    {
        _state = decision.State;
        _news = decision.News ?? _news;
        return decision;
    }

    /// <summary>What costs a look at the disk is looked at only where the decision depends on it.</summary>
    private DatabaseObservation Observe(DateTimeOffset now, DateTimeOffset uploadedAt) =>
        new()
        {
            Now = now,
            File = Tracker.File,
            Lag = Tracker.Lag(now),
            LagBytes = IsExcluded ? null : Tracker.LagBytes(),
            IsPending = Tracker.IsPending,
            IsNoticed = Tracker.IsPending && !IsExcluded && Tracker.IsNoticed,
            LastSync = Tracker.LastSync,
            ProgressAt = Tracker.ProgressAt,
            BegunAt = Tracker.BegunAt,
            UploadedAt = uploadedAt,
            ReplicatedLineage = Tracker.Replicated?.Lineage,
            Gap = Tracker.Gap,
            Error = Tracker.Error,
            SnapshotSince = Tracker.SnapshotSince,
            Folders = _folders.Found,
            SilentFolder = _folders.SilentSince is { } since ? (_folders.Silent, since) : null,
            FoldersAnsweredAt = _folders.AnsweredAt,
            Storage = _listing?.Storage ?? default,
            Room = _state.Exclusion is Exclusion.None or Exclusion.NoRoom ? Room() : null,
            Held = IsHeld ? Held(now, isLast: false) : null,
        };

    /// <summary>The look comes first: it may change the others.</summary>
    private HeldDatabase Held(DateTimeOffset now, bool isLast) =>
        new(_admission.Look(now, isLast), _admission.IsWatched, _admission.IsSuspect);

    private DiskRoom? Room() =>
        _folders.IsOnOwnDisk && ReplicaFolders.Space(Path) is var (free, total)
            ? new DiskRoom(free, _floor.Of(total))
            : null;

    /// <summary>
    /// Has litestream begin a new lineage, as it does itself when it has lost its place. Called while none runs.
    /// </summary>
    private void BeginAnew()
    {
        _state = _state with { NeedsNewLineage = false };
        _localState.ForgetLineage();
    }
}
