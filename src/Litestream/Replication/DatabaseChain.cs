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
internal sealed partial class DatabaseChain(ReleaseLine line, EffectiveDatabase database, TimeProvider time)
    : IDisposable
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
    private string? _beforeCut;
    private bool _hasBegunAnew;
    private string? _beforeStart;
    private bool _isLinked = true;
    private string? _gap;

    /// <summary>Why a full copy has to follow; null while the chain is whole.</summary>
    public string? BrokenBy { get; private set; }

    /// <summary>Whether the full copy can begin: the WAL is emptied, or the lineage forgotten.</summary>
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

    /// <summary>Another litestream that is at work on the database, beside ours; null when none is seen.</summary>
    public int? ForeignReplicator { get; private set; }

    /// <summary>
    /// Takes over who is at work on the database besides us. Two litestreams take the WAL from each other: what both
    /// have sent is not a backup.
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
        const string Killed = "the previous replicator or its litestream was killed";
        if ((isUnclean ? Killed : line.WhyOutdated(database.MetaPath)) is { } why)
            chain.Break(why);
        else
            chain.BeginReader();
        var deadline = time.GetUtcNow() + Thresholds.CutPatienceAtStart;
        while (!chain.TryCut(isBeforeApp: true))
        {
            await Task.Delay(Thresholds.CutPause, time, cancellationToken).ConfigureAwait(false);
            if (time.GetUtcNow() >= deadline)
            {
                throw new LitestreamException(
                    "LSB5026",
                    $"{chain.Explain()!["LSB5026: ".Length..]}. Nothing was started. Close that connection, or try "
                        + $"again later."
                );
            }
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
        (BrokenBy, IsCut, Obstacle) = (reason, false, null);
        (NeedsRestart, _gap) = (false, null);
    }

    /// <summary>
    /// Makes sure that the next litestream begins with a full copy. Called while none runs on the database. Tries once.
    /// </summary>
    /// <param name="isBeforeApp">Whether the app cannot have opened the database yet.</param>
    /// <returns>Whether that is so now.</returns>
    public bool TryCut(bool isBeforeApp)
    {
        if (!IsBlocked)
            return true;
        if (ForeignReplicator is not null)
            return false;

        // A new lineage is a full copy too, but for what a killed process left in the WAL beside others that go on.
        var mayBeOpened = LiveDatabase.MayBeOpened(database.Path);
        var isOpen = mayBeOpened && !LiveDatabase.BringsAnotherLibrary ? null : IsOpenAnywhere();
        var action = CutPolicy.Decide(
            new CutFacts(
                mayBeOpened,
                LiveDatabase.BringsAnotherLibrary,
                isBeforeApp,
                isOpen,
                line.CanBeginLineage
            )
        );
        Obstacle = action == CutAction.Truncate ? LiveDatabase.TryTruncateWal(database.Path) : null;
        NeedsRestart = action == CutAction.NewLineageUntilRestart;
        _beforeCut = _state.Bookmark();
        (IsCut, _hasBegunAnew) = (Obstacle is null, false);

        // While litestream makes the full copy, the WAL that it reads must stay as it is.
        if (IsCut && action == CutAction.Truncate)
            BeginReader();
        return IsCut;
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

    /// <summary>
    /// A litestream is about to be started on the database. What it reads first has to continue what was read until
    /// now, and what the one before has read is looked at for the last time.
    /// </summary>
    public void Begin()
    {
        _gap = FindGap();
        (_wasSeen, _absentLooks, _isLinked) = (false, 0, false);
        _beforeStart = _state.Bookmark();
        if (BrokenBy is null || !IsCut || (_hasBegunAnew && !NeedsRestart))
            return;

        // It begins with a full copy, whatever the one before has missed.
        (_hasBegunAnew, _gap) = (true, null);
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

        var size = age is null ? 0 : FileStamp.Of(database.Path)?.Size ?? 0;
        var action = ChainPolicy.Decide(new ChainFacts(mark, hasSynced, _wasSeen, _absentLooks, age, growth, size));
        _wasSeen |= mark == MarkState.Held;
        return action;
    }

    /// <summary>Sees whether the full copy has arrived; what was committed after it may still be on its way.</summary>
    /// <param name="replicated">How far the replica that is furthest behind has come, with the litestream that
    /// runs.</param>
    /// <returns>True when it has arrived just now, and can be relied on.</returns>
    public bool Mend(ReplicaPosition? replicated)
    {
        if (BrokenBy is null || !IsCut || NeedsRestart)
            return false;
        if (replicated is null || !_state.HasFullCopySince(_beforeCut, replicated))
            return false;
        (BrokenBy, IsCut, Obstacle) = (null, false, null);
        return true;
    }

    /// <summary>Sees whether what litestream reads continues what was read before it, or is a full copy.</summary>
    /// <param name="hasSkipped">Whether a commit was seen that litestream has passed over.</param>
    /// <returns>Why something between them may be missing; null when nothing is.</returns>
    public string? FindGap(bool hasSkipped = false)
    {
        if (_gap is not null)
            return _gap;
        if (_state.HasSkipped(_wal) || (hasSkipped && BrokenBy is null))
            return "the WAL was restarted before litestream had read all of it";
        var link = _isLinked ? ChainLink.Whole : _state.LinkAfter(_beforeStart);
        _isLinked = link != ChainLink.None;
        return link == ChainLink.Broken ? "litestream did not continue where it had ended" : null;
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

        return ++_ghostLooks >= Thresholds.LooksUntilGhost;
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
