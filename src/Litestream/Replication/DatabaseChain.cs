using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Replication;

/// <summary>
/// The chain from the WAL of one database to its replica: whether litestream has read every commit before somebody
/// could take it from the WAL. Where that was not so, a full copy has to follow.
/// Not for several threads at once, but for <see cref="BeginReader"/>.
/// </summary>
internal sealed class DatabaseChain(ReleaseLine line, EffectiveDatabase database, TimeProvider time) : IDisposable
{
    private readonly object _gate = new();
    private readonly ILocalState _state = line.State(database.MetaPath);
    private readonly string _wal = WalFile.PathOf(database.Path);
    private SqliteConnection? _reader;
    private bool _isDisposed;
    private DateTimeOffset _readerSince;
    private long _walAtBegin;
    private bool _wasSeen;
    private int _absentLooks;
    private FileStamp? _quiet;
    private DateTimeOffset _quietSince;
    private int _ghostLooks;

    /// <summary>Why a full copy has to follow; null while the chain is whole.</summary>
    public string? BrokenBy { get; private set; }

    /// <summary>Whether the full copy can begin: the WAL is emptied, or the generation forgotten.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Whether this process could not make sure of the full copy: only the next start can.</summary>
    public bool NeedsRestart { get; private set; }

    /// <summary>Why the WAL could not be emptied at the last try; null when it was not tried or done.</summary>
    public string? Obstacle { get; private set; }

    /// <summary>Since when it has been broken.</summary>
    public DateTimeOffset BrokenSince { get; private set; }

    /// <summary>How it does, for the health of the database.</summary>
    public ChainStanding Standing => new(Explain(), NeedsRestart, IsBlocked, BrokenSince);

    /// <summary>
    /// Whether no litestream may run on the database now. Read on the thread of a signal too: what it makes of a value
    /// that is a moment old is a reader too many, or one that begins with the next litestream.
    /// </summary>
    public bool IsBlocked => BrokenBy is not null && !IsCut;

    /// <summary>Whether a reader of ours keeps the WAL as it is.</summary>
    public bool HasReader
    {
        get
        {
            lock (_gate)
                return _reader is not null;
        }
    }

    private string? FormerLineage { get; set; }

    private string SavedWal => Path.Combine(database.MetaPath, "wal");

    /// <summary>Another litestream that is at work on the database, beside ours; null when none is seen.</summary>
    public int? ForeignReplicator { get; private set; }

    /// <summary>
    /// Takes over who is at work on the database besides us. Two litestreams take the WAL from each other: what both
    /// have sent is no backup.
    /// </summary>
    /// <returns>True when one is seen that was not before.</returns>
    public bool FindForeign(IEnumerable<int> replicators)
    {
        int? found = replicators.Select(id => (int?)id).FirstOrDefault();
        var isNew = found is not null && ForeignReplicator is null;
        ForeignReplicator = found;
        return isNew;
    }

    /// <summary>
    /// Begins the full copy that has to follow, or the reader that keeps the WAL as it is until litestream does, where
    /// somebody replicates who does not watch.
    /// </summary>
    /// <param name="line">The release line of the executable.</param>
    /// <param name="database">The database, whose lock is held.</param>
    /// <param name="isUnclean">Whether who replicated it before ended without saying that all was in order.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="LitestreamException">LSB5026: the WAL cannot be emptied.</exception>
    public static async Task<DatabaseChain> EnterAsync(
        ReleaseLine line,
        EffectiveDatabase database,
        bool isUnclean,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var chain = new DatabaseChain(line, database, time);
        if (isUnclean)
            chain.Break("the previous replicator or its litestream was killed");
        else
            chain.BeginReader();
        var deadline = time.GetUtcNow() + Thresholds.CutPatienceAtStart;
        while (!chain.TryCut(isBeforeApp: true))
        {
            await Task.Delay(Thresholds.CutPause, time, cancellationToken).ConfigureAwait(false);
            if (time.GetUtcNow() >= deadline)
                throw new LitestreamException(
                    "LSB5026",
                    $"{chain.Explain()!["LSB5026: ".Length..]}. Nothing was started. Close that connection, or try "
                        + $"again later."
                );
        }

        return chain;
    }

    /// <summary>
    /// Keeps everybody from restarting the WAL, until <see cref="EndReader"/> or the end of the process.
    /// </summary>
    public void BeginReader()
    {
        lock (_gate)
        {
            if (_reader is not null || _isDisposed)
                return;
            _reader = LiveDatabase.BeginRead(database.Path);
            (_readerSince, _walAtBegin) = (time.GetUtcNow(), FileStamp.Of(_wal)?.Size ?? 0);
        }
    }

    /// <summary>Begins another reader, and ends the one before: the new one sees what was committed since.</summary>
    public void RenewReader()
    {
        lock (_gate)
        {
            var before = _reader;
            _reader = null;
            BeginReader();
            before?.Dispose();
        }
    }

    public void EndReader()
    {
        lock (_gate)
        {
            _reader?.Dispose();
            _reader = null;
        }
    }

    /// <summary>A full copy has to follow.</summary>
    public void Break(string reason)
    {
        EndReader();
        if (BrokenBy is null)
            BrokenSince = time.GetUtcNow();
        (BrokenBy, IsCut, Obstacle, FormerLineage) = (reason, false, null, _state.Lineage());
        NeedsRestart = false;
    }

    /// <summary>
    /// Makes sure that the next litestream begins with a full copy. Called while none runs on the database. Tries once.
    /// </summary>
    /// <param name="isBeforeApp">Whether the app cannot have opened the database yet.</param>
    /// <returns>Whether that is so now.</returns>
    public bool TryCut(bool isBeforeApp = false)
    {
        if (!IsBlocked)
            return true;
        if (ForeignReplicator is not null)
            return false;

        // A new generation is a full copy too, but for what a killed process left in the WAL beside others that go on.
        var mayBeOpened = LiveDatabase.MayBeOpened(database.Path);
        var isOpen = mayBeOpened && !LiveDatabase.BringsAnotherLibrary ? null : IsOpenAnywhere();
        var action = CutPolicy.Decide(
            new CutFacts(mayBeOpened, LiveDatabase.BringsAnotherLibrary, isBeforeApp, isOpen)
        );
        Obstacle = action == CutAction.Truncate ? LiveDatabase.TryTruncateWal(database.Path) : null;
        NeedsRestart = action == CutAction.NewLineageUntilRestart;
        return IsCut = Obstacle is null;
    }

    private bool? IsOpenAnywhere()
    {
        try
        {
            return OpenDatabases.Find(database.Path, out _) is { } users ? users.Count > 0 : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>A litestream is about to be started on the database.</summary>
    public void Begin()
    {
        (_wasSeen, _absentLooks) = (false, 0);
        if (BrokenBy is not null && IsCut)
            _state.ForgetLineage();
    }

    /// <summary>Looks at the mark.</summary>
    /// <param name="mark">What the system says.</param>
    /// <param name="hasSynced">Whether this litestream has looked at the database.</param>
    public ChainAction Look(MarkState mark, bool hasSynced)
    {
        _absentLooks = mark == MarkState.Absent ? _absentLooks + 1 : 0;
        TimeSpan? age;
        long growth;
        lock (_gate)
        {
            age = _reader is null ? null : time.GetUtcNow() - _readerSince;
            growth = _reader is null ? 0 : (FileStamp.Of(_wal)?.Size ?? 0) - _walAtBegin;
        }

        var action = ChainPolicy.Decide(new ChainFacts(mark, hasSynced, _wasSeen, _absentLooks, age, growth));
        _wasSeen |= mark == MarkState.Held;
        return action;
    }

    /// <summary>Sees whether the full copy has arrived.</summary>
    /// <param name="replicated">How far the replica that is furthest behind has come, with the litestream that
    /// runs.</param>
    /// <param name="isPending">Whether anything waits to be sent.</param>
    /// <returns>True when it has arrived just now, and can be relied on.</returns>
    public bool Mend(ReplicaPosition? replicated, bool isPending)
    {
        if (BrokenBy is null || !IsCut || NeedsRestart || isPending)
            return false;
        if (replicated is null || replicated.Lineage == FormerLineage)
            return false;
        (BrokenBy, IsCut, Obstacle, FormerLineage) = (null, false, null, null);
        return true;
    }

    /// <summary>
    /// Sees a commit that a killed process has left in the WAL, behind SQLite's own end: litestream has sent it, and
    /// the next writer takes its place. Asked only when nothing has been written
    /// for a while, and believed when it is there at two looks.
    /// </summary>
    /// <param name="wal">The <c>-wal</c> as it is now.</param>
    /// <returns>True when there is one.</returns>
    public bool HasGhost(FileStamp? wal)
    {
        var now = time.GetUtcNow();
        if (wal != _quiet)
        {
            (_quiet, _quietSince, _ghostLooks) = (wal, now, 0);
            return false;
        }

        if (wal is null or { Size: 0 } || _ghostLooks < 0 || now - _quietSince < Thresholds.QuietTime)
            return false;
        if (LiveDatabase.WalFrames(database.Path) is not { } frames || !WalFile.HasCommitAfter(_wal, frames))
        {
            // Not before the next write.
            _ghostLooks = -1;
            return false;
        }

        return ++_ghostLooks >= 2;
    }

    /// <summary>
    /// Keeps a copy of the WAL beside the database, which has all of it in its file by now: SQLite deletes the WAL when
    /// the last connection closes, and the next litestream would have to send everything
    /// again. Called while a reader of ours stands and no litestream runs.
    /// </summary>
    /// <returns>Whether it was kept: not where it is large, or something was committed meanwhile.</returns>
    public async Task<WalPosition?> SaveWalAsync()
    {
        DeleteSavedWal();
        if (
            FileStamp.Of(database.Path) is not { } file
            || WalFile.LastCommit(_wal) is not { End: <= Thresholds.LargestSavedWal } commit
        )
            return null;

        // So that whatever is written to the file from now on has a later time.
        var wait = new DateTime(file.Modified, DateTimeKind.Utc) + Thresholds.ClockTick - time.GetUtcNow().UtcDateTime;
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait < Thresholds.ClockTick ? wait : Thresholds.ClockTick, time).ConfigureAwait(false);
        try
        {
            WalFile.Copy(_wal, SavedWal, commit.End, database.Path);
            return commit;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether the WAL is small enough to be kept.</summary>
    public bool CanSaveWal => WalFile.LastCommit(_wal) is { End: <= Thresholds.LargestSavedWal };

    /// <summary>Whether nothing has been committed since the WAL was kept.</summary>
    public bool IsSavedWal(WalPosition commit) => WalFile.LastCommit(_wal) == commit;

    /// <summary>
    /// Puts the WAL back that was kept, so that litestream goes on where it was. Only where the file is just as it was
    /// left, and nobody has opened it since: before the app can.
    /// </summary>
    /// <param name="isAsLeft">Whether the file is as it was left.</param>
    public void PutWalBack(bool isAsLeft)
    {
        try
        {
            var isThere = FileStamp.Of(_wal) is { Size: > 0 } || File.Exists(DatabasePath.Real(database.Path) + "-shm");
            if (isAsLeft && !isThere && File.Exists(SavedWal))
            {
                File.Delete(_wal);
                File.Move(SavedWal, _wal, overwrite: false);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full copy is sent instead.
        }

        DeleteSavedWal();
    }

    public void DeleteSavedWal()
    {
        try
        {
            File.Delete(SavedWal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is used for nothing without a remembered file that is just the same.
        }
    }

    /// <summary>What the health says of it; null while the chain is whole.</summary>
    public string? Explain() =>
        BrokenBy is null ? null
        : ForeignReplicator is { } other
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"LSB5003: '{database.Path}' is already replicated by a litestream that this app did not start "
                    + $"(process {other})"
            )
        : NeedsRestart
            ? $"LSB5028: '{database.Path}' needs a full copy because {BrokenBy}, but it must wait for the next "
                + "start: another SQLite library than Microsoft.Data.Sqlite's may have the file open here. "
                + "Commits are sent, but a restore may differ until the app has been restarted"
        : IsCut ? $"LSB5025: a full copy of '{database.Path}' is being sent because {BrokenBy}"
        : Obstacle is null ? $"LSB5025: '{database.Path}' needs a full copy because {BrokenBy}"
        : string.Create(
            CultureInfo.InvariantCulture,
            $"LSB5026: '{database.Path}' needs a full copy because {BrokenBy}, but it cannot begin: {Obstacle}"
        );

    /// <summary>Ends the reader, and no other one begins: a signal may still come.</summary>
    public void Dispose()
    {
        lock (_gate)
            _isDisposed = true;
        EndReader();
    }
}
