using Litestream.Configuration;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;

namespace Litestream.Replication;

/// <summary>
/// Follows one database: what has been committed, and how much of that has arrived. From the database itself it reads
/// only the <c>-wal</c> (and asks the system for size and time
/// of the file): see <see cref="WalFile"/>.
/// </summary>
internal sealed class LagTracker
{
    /// <summary>The times at which commits were seen; more than these are counted as one.</summary>
    private const int KeptMarks = 60;

    private readonly object _gate = new();
    private readonly List<(WalPosition Mark, DateTimeOffset SeenAt)> _pending = [];
    private readonly Dictionary<string, ReplicaPosition?> _reached = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _snapshots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ReplicaPosition> _written = new(StringComparer.Ordinal);
    private readonly HashSet<string> _begun = new(StringComparer.Ordinal);
    private readonly ReleaseLine _line;
    private readonly ILocalState _state;
    private readonly string _wal;
    private int _aheadLooks;
    private FileStamp? _walStamp;
    private WalPosition? _committed;
    private (string Message, DateTimeOffset At)? _error;

    public LagTracker(ReleaseLine line, EffectiveDatabase database, ReplicationSettings settings)
    {
        Database = database;
        Settings = settings;
        Round = settings.Round(settings.Replicas);
        _line = line;
        _state = line.State(database.MetaPath);
        _wal = WalFile.PathOf(database.Path);
    }

    public EffectiveDatabase Database { get; }

    public ReplicationSettings Settings { get; }

    /// <summary>The longest that a commit takes on its way when all is well.</summary>
    public TimeSpan Round { get; }

    /// <summary>The file as it was when it was last looked at; null when it is not there.</summary>
    public FileStamp? File { get; private set; }

    /// <summary>The last commit, as the executable counts; null before it has seen it.</summary>
    public ReplicaPosition? Committed { get; private set; }

    /// <summary>How far the replica has come that is furthest behind; null before the first upload.</summary>
    public ReplicaPosition? Replicated { get; private set; }

    /// <summary>Commits after this have not been looked for; null before the first look.</summary>
    public DateTimeOffset? LookedAt { get; private set; }

    /// <summary>When everything had arrived, the last time; null before that.</summary>
    public DateTimeOffset? LastSync { get; private set; }

    /// <summary>When something last arrived, or a litestream was started.</summary>
    public DateTimeOffset ProgressAt { get; private set; }

    /// <summary>When the litestream that runs was started.</summary>
    public DateTimeOffset BegunAt { get; private set; }

    /// <summary>What the executable complained about since something arrived; null when it has not.</summary>
    public (string Message, DateTimeOffset At)? Error
    {
        get
        {
            lock (_gate)
                return _error;
        }
    }

    /// <summary>Since when a snapshot has been under way; null when none is.</summary>
    public DateTimeOffset? SnapshotSince
    {
        get
        {
            lock (_gate)
                return _snapshots.Count == 0 ? null : _snapshots.Values.Min();
        }
    }

    public bool IsPending => _pending.Count > 0;

    /// <summary>Whether a commit that has not arrived is in nothing that litestream has read, or will read.</summary>
    public bool HasSkipped =>
        _pending is [var oldest, .., var newest]
        && oldest.Mark.Salt1 != newest.Mark.Salt1
        && _pending.Exists(one => one.Mark.Salt1 != newest.Mark.Salt1 && _state.Skips(one.Mark));

    /// <summary>
    /// Whether the executable that runs has not said how far a replica in a folder has come: what is in the folder
    /// does.
    /// </summary>
    public bool LacksPosition { get; private set; }

    /// <summary>Whether the executable gives each lineage a name of its own.</summary>
    public bool NamesLineages => _line.CanBeginLineage;

    /// <summary>What is missing in the middle of a replica; null when nothing is, as far as it lists.</summary>
    public ReplicaGap? Gap { get; private set; }

    /// <summary>Whether a replica has more than litestream has read here: somebody else sends to it.</summary>
    public bool IsReplicaAhead => _aheadLooks >= Thresholds.LooksUntilForeign;

    /// <summary>The lineage that the executable writes; null before there is one.</summary>
    public string? Lineage => _state.Lineage();

    /// <summary>What is in the replica, for a message.</summary>
    public string Describe() =>
        NamesLineages ? $"{_line.LineageWord} {Lineage}" : $"it has more than was sent from here, up to {Replicated}";

    /// <summary>
    /// Whether something of the lineage has arrived: of one that the executable has just begun nothing has before it
    /// says so.
    /// </summary>
    private bool HasWritten(string replica, string lineage)
    {
        lock (_gate)
            return !_begun.Contains(lineage) || _written.GetValueOrDefault(replica)?.Lineage == lineage;
    }

    /// <summary>Whether the executable has said that it began that lineage, since this was made.</summary>
    public bool HasBegun(string lineage)
    {
        lock (_gate)
            return _begun.Contains(lineage);
    }

    /// <summary>How long ago the oldest commit was seen that has not arrived.</summary>
    public TimeSpan Lag(DateTimeOffset now) => _pending is [var oldest, ..] ? now - oldest.SeenAt : TimeSpan.Zero;

    /// <summary>The bytes that have not arrived; null when that is not known.</summary>
    public long? LagBytes() =>
        !IsPending ? 0
        : Committed is { } committed ? _state.Distance(Replicated, committed)
        : Lineage is { } lineage
        && _state.Newest(lineage) is { } newest
        && _state.Unread(lineage, _pending[^1].Mark) is { } unread
            ? unread + _state.Distance(Replicated, newest)
        : null;

    /// <summary>Whether the executable has noticed the last commit, so that it is its turn to send it.</summary>
    public bool IsNoticed =>
        Committed is { } committed && _state.Newest(committed.Lineage)?.Reaches(committed) == true;

    /// <summary>A litestream is started: nothing of what the one before did counts.</summary>
    public void Begin(DateTimeOffset now)
    {
        lock (_gate)
        {
            _snapshots.Clear();
            _error = null;
        }

        _reached.Clear();
        (ProgressAt, BegunAt, LacksPosition) = (now, now, true);
    }

    /// <summary>A line of the executable about this database; on any thread.</summary>
    public void OnLogLine(LogLine line, DateTimeOffset now)
    {
        var replica = line.Fields.GetValueOrDefault("replica", "");
        lock (_gate)
        {
            switch (_state.Read(line))
            {
                case { Step: ReplicationStep.LineageBegun, Lineage: { } lineage }:
                    _begun.Add(lineage);
                    break;
                case { Step: ReplicationStep.CopyBegun }:
                    _snapshots[replica] = now;
                    break;
                case { Step: ReplicationStep.CopySent }:
                    _snapshots.Remove(replica);
                    break;
                case { Step: ReplicationStep.Sent, Position: { } end }:
                    _written[replica] = end;
                    break;
                case { Step: ReplicationStep.Failed }:
                    // What was under way has failed.
                    _snapshots.Remove(replica);
                    _error = (line.Explanation, now);
                    break;
            }
        }
    }

    /// <summary>
    /// Looks for the last time, when no litestream runs any more: what has arrived is what it last said that it had
    /// written, or what is in a folder.
    /// </summary>
    /// <returns>
    /// The bytes that have not arrived, 0 when all has; null when there are some, but not how many is known.
    /// </returns>
    public long? Finish(FolderProbe found, DateTimeOffset now)
    {
        PollWal(now);
        if (Lineage is not { } lineage)
            return IsPending || File is not null ? null : 0;
        var least = Reached(found, lineage);
        Replicated = least;
        if (!IsPending)
            return 0;
        var last = _pending[^1].Mark;
        Committed = _state.Find(lineage, last);
        while (
            least is not null
            && _pending is [var oldest, ..]
            && _state.Find(lineage, oldest.Mark) is { } place
            && least.Reaches(place)
        )
        {
            _pending.RemoveAt(0);
        }

        if (!IsPending)
            return 0;

        // What the executable itself commits when it checkpoints at its end is nothing of the app's.
        if (
            Committed is { } committed
            && least is not null
            && least.OffsetInWalOf(committed) is { } sent
            && LiveDatabase.SequencePage(Database.Path) is { } page
            && WalFile.PagesBetween(_wal, last, sent) is { } pages
            && pages.All(found => found == page)
        )
        {
            _pending.Clear();
            return 0;
        }

        return LagBytes();
    }

    /// <summary>How far the replica has come that is furthest behind, by all that is known when no litestream runs any
    /// more; null when something is not known.</summary>
    public ReplicaPosition? Reached(FolderProbe found, string lineage)
    {
        ReplicaPosition? least = null;
        foreach (var (replica, isFirst) in Settings.Replicas.Select((replica, i) => (replica, i == 0)))
        {
            ReplicaPosition? written;
            lock (_gate)
                written = _written.GetValueOrDefault(replica.Name);
            ReplicaPosition?[] known =
            [
                written,
                _reached.GetValueOrDefault(replica.Name),
                found.Lineage == lineage ? found.Progress.GetValueOrDefault(replica.Name)?.Position : null,
            ];
            var position = known
                .Where(place => place?.Lineage == lineage)
                .Aggregate((ReplicaPosition?)null, (best, place) => best?.Reaches(place!) == true ? best : place);
            if (isFirst || position is null || least?.Reaches(position) == true)
                least = position;
        }

        return least;
    }

    /// <summary>Looks what has been committed since.</summary>
    public void PollWal(DateTimeOffset now)
    {
        LookedAt = now;
        File = FileStamp.Of(Database.Path);
        var stamp = FileStamp.Of(_wal);
        if (stamp is null || stamp.Size == 0)
        {
            // All was in the file when the last one who had it open closed it.
            (_walStamp, _committed) = (null, null);
            return;
        }

        if (stamp == _walStamp)
            return;
        if (WalFile.LastCommit(_wal, _committed) is { } commit && commit != _committed)
        {
            _committed = commit;

            // The last one who had the database open has brought what waited from its WAL, which is gone, into the
            // file: that has arrived when this has, in a lineage that begins with the file.
            var seenAt = now;
            if (_pending is [var oldest, ..] && _pending[^1].Mark.RestartsUntil(commit) is null)
            {
                seenAt = oldest.SeenAt;
                _pending.Clear();
            }

            if (_pending.Count >= KeptMarks)
                _pending[^1] = (commit, _pending[^1].SeenAt);
            else
                _pending.Add((commit, seenAt));

            // Also while the executable is silent and nothing is compared.
            if (Lineage is { } lineage)
                Committed = _state.Find(lineage, commit);
        }

        _walStamp = now.UtcTicks - stamp.Modified > Thresholds.ClockTick.Ticks ? stamp : null;
    }

    /// <summary>Compares with how far the executable has come.</summary>
    /// <param name="metrics">What it says.</param>
    /// <param name="found">What is in the folders.</param>
    /// <param name="now">The time.</param>
    public void ApplyMetrics(MetricsAnswer metrics, FolderProbe found, DateTimeOffset now)
    {
        if (Lineage is not { } lineage)
            return;

        LacksPosition = false;
        ReplicaPosition? least = null;
        var isFirst = true;
        var isAhead = false;
        ReplicaGap? gap = null;
        foreach (var replica in Settings.Replicas)
        {
            var position = HasWritten(replica.Name, lineage)
                ? _state.Sent(lineage, metrics, Database.Path, replica.Name)
                : null;

            // A litestream that found everything sent when it was started says nothing; what is in a folder, or is
            // listed, does.
            if (position is null && (replica.Folder is not null || !_line.ReportsProgress))
            {
                LacksPosition = true;
                var progress = found.Lineage == lineage ? found.Progress.GetValueOrDefault(replica.Name) : null;
                position = progress?.Position;
                if (progress is { Position: { } until, AfterGap: { } after })
                    gap ??= new(replica.Name, until, after);
                isAhead |= position is not null && _state.Newest(lineage)?.Reaches(position) == false;
            }

            if (position is not null && position != _reached.GetValueOrDefault(replica.Name))
                ProgressAt = now;
            _reached[replica.Name] = position;
            if (isFirst || position is null || least?.Reaches(position) == true)
                least = position;
            isFirst = false;
        }

        (Replicated, Gap) = (least, gap);
        _aheadLooks = isAhead ? _aheadLooks + 1 : 0;
        if (!IsPending)
            return;

        Committed = _state.Find(lineage, _pending[^1].Mark);
        while (
            least is not null
            && _pending is [var oldest, ..]
            && !(oldest.SeenAt > found.ListedAt)
            && _state.Find(lineage, oldest.Mark) is { } place
            && least.Reaches(place)
        )
        {
            _pending.RemoveAt(0);
        }

        if (IsPending || least is null)
            return;

        // What was committed while the replicas were asked is not in their answer.
        PollWal(now);
        if (IsPending)
            return;

        LastSync = now;
        lock (_gate)
            _error = null;
    }
}
