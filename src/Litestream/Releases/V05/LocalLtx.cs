using System.Collections.Concurrent;
using Litestream.Execution;
using Litestream.Sqlite;

namespace Litestream.Releases.V05;

/// <summary>
/// The LTX files of level 0 that release line 0.5 keeps beside a database: <c>ltx/0/&lt;txid&gt;-&lt;txid&gt;.ltx</c>,
/// those of the last minutes, and always the newest. Their headers say which part of which WAL is in them.
/// </summary>
internal sealed class LocalLtx(string metaPath) : ILocalState
{
    private const int KeptHeaders = 10_000;

    private readonly ConcurrentDictionary<long, LtxHeader> _headers = new();
    private readonly string _folder = Path.Combine(metaPath, "ltx", "0");

    public string? Lineage() => Newest() is null ? null : TxIdPosition.OnlyLineage;

    /// <summary>It refuses each WAL with another one, also after a restart.</summary>
    public long? PageSize => Newest() is { } newest ? Header(newest)?.PageSize : null;

    /// <summary>There is only one. What makes it send a full copy is an emptied WAL.</summary>
    public void ForgetLineage() { }

    public ReplicaPosition? Newest(string lineage) => Newest() is { } newest ? new TxIdPosition(newest) : null;

    public DateTimeOffset? LastWrite(string lineage) => Newest() is { } newest ? Header(newest)?.Time : null;

    public ReplicaPosition? Find(string lineage, WalPosition mark) =>
        Locate(mark).Place is { } place ? new TxIdPosition(place) : null;

    public bool Skips(WalPosition mark) => Locate(mark).IsSkipped;

    public long? Unread(string lineage, WalPosition mark) =>
        Newest() is { } newest
        && Header(newest) is { } header
        && (header.Salt1, header.Salt2) == (mark.Salt1, mark.Salt2)
            ? Math.Max(mark.End - header.End, 0)
            : null;

    /// <summary>A transaction of litestream's holds several commits.</summary>
    public WalPosition? RestorableEnd(ReplicaPosition place) =>
        place is TxIdPosition position && Header(position.TxId) is { } header
            ? new(header.Salt1, header.Salt2, header.End)
            : null;

    public long? Distance(ReplicaPosition? from, ReplicaPosition to)
    {
        if (to is not TxIdPosition end)
            return null;
        var start = (from as TxIdPosition)?.TxId ?? TxIds().DefaultIfEmpty(1).Min() - 1;
        var distance = 0L;
        for (var txId = start + 1; txId <= end.TxId; txId++)
        {
            if (Header(txId) is not { } header)
                return null;
            distance += header.Size;
        }

        return distance;
    }

    public string? Bookmark()
    {
        if (Newest() is not { } newest)
            return null;

        // What follows is compared with it, and litestream may have removed it by then. It may also be another file
        // than the one of that name before.
        _headers.TryRemove(newest, out _);
        Header(newest);
        return TxIdPosition.Format(newest);
    }

    public bool HasFullCopySince(string? bookmark, ReplicaPosition replicated) =>
        replicated is TxIdPosition place
        && TxIds()
            .Where(txId => txId > TxIdOf(bookmark) && txId <= place.TxId)
            .Any(txId => Header(txId)?.IsFullCopy(FileOf(txId)) == true);

    /// <summary>The first file after a start continues where the one before ended, or is a full copy. Without files
    /// here, litestream takes the newest one from the replica and continues from there: that one is compared then.
    /// </summary>
    public ChainLink LinkAfter(string? bookmark)
    {
        var before = TxIdOf(bookmark);
        if (TxIds().Where(txId => txId > before).Order().FirstOrDefault() is not (> 0 and var first))
            return ChainLink.None;
        if (before > 0)
            return first == before + 1 ? Link(before, first) : ChainLink.Broken;
        return first == 1 ? ChainLink.Whole : Link(first, first + 1);
    }

    private ChainLink Link(long before, long next) =>
        Header(next) is not { } header ? ChainLink.None
        : header.IsFullCopy(FileOf(next)) ? ChainLink.Whole
        : Header(before) is not { } last ? ChainLink.Broken
        : (header.Salt1, header.Salt2, header.Offset) == (last.Salt1, last.Salt2, last.End) ? ChainLink.Whole
        : ChainLink.Broken;

    /// <summary>Not seen with this line: <see cref="Skips"/> is.</summary>
    public bool HasSkipped(string wal) => false;

    /// <summary>All that is kept here was sent, or is about to be: as the replica has it.</summary>
    public IReadOnlyDictionary<string, string> Signatures() =>
        TxIds()
            .Select(txId => (TxId: txId, Header: Header(txId), File: new FileInfo(FileOf(txId))))
            .Where(one => one is { Header: not null, File.Exists: true })
            .ToDictionary(
                one => TxIdPosition.Format(one.TxId),
                one => LtxLayout.Signature(one.File.Length, one.Header!.Time)
            );

    /// <summary>No metric of this line says what has arrived.</summary>
    public ReplicaPosition? Sent(string lineage, MetricsAnswer metrics, string database, string replica) => null;

    /// <summary>Each error of a database is one: <c>sync error</c>, <c>monitor error</c>, <c>compaction failed</c>,
    /// and those of later versions.</summary>
    public ReplicationEvent? Read(LogLine line) => line.Level == "ERROR" ? new(ReplicationStep.Failed) : null;

    /// <summary>Whether a file of a replica is shorter than the one that was sent from here.</summary>
    public bool IsCutOff(LtxFile file) =>
        file.Level == 0
        && file.MinTxId == file.MaxTxId
        && TxIdPosition.Parse(file.MaxTxId) is { } txId
        && new FileInfo(FileOf(txId)) is { Exists: true } own
        && file.Size < own.Length;

    /// <summary>
    /// The first file that a commit is in: of its own WAL, or a full copy. Where litestream went on in the next WAL
    /// before it had read the commit, what follows does not have its pages.
    /// </summary>
    private (long? Place, bool IsSkipped) Locate(WalPosition mark)
    {
        long? place = null;
        var later = new List<long>();
        foreach (var txId in TxIds())
        {
            if (Header(txId) is not { } header)
                continue;
            var isOwn = (header.Salt1, header.Salt2) == (mark.Salt1, mark.Salt2);
            if (isOwn && header.End >= mark.End)
            {
                place = txId;
            }
            else if (!isOwn && mark.RestartsUntil(new(header.Salt1, header.Salt2, header.End)) > 0)
            {
                later.Add(txId);
            }
            else if (place is null && later is [.., var next])
            {
                // Litestream had read this before the commit, and that after it.
                place = later.FindLast(one => Header(one)?.IsFullCopy(FileOf(one)) == true) is > 0 and var copy
                    ? copy
                    : null;
                return (place, place is null && next == txId + 1);
            }
            else
            {
                return (place, false);
            }
        }

        // What litestream had read before is not kept any more.
        return (place ?? (later is [.., var first] ? first : null), false);
    }

    private static long TxIdOf(string? bookmark) => bookmark is null ? 0 : TxIdPosition.Parse(bookmark) ?? 0;

    private string FileOf(long txId)
    {
        var name = TxIdPosition.Format(txId);
        return Path.Combine(_folder, $"{name}-{name}.ltx");
    }

    private LtxHeader? Header(long txId)
    {
        if (_headers.TryGetValue(txId, out var known))
            return known;
        if (LtxHeader.Read(FileOf(txId)) is not { } header)
            return null;
        if (_headers.Count >= KeptHeaders)
            _headers.Clear();
        return _headers[txId] = header;
    }

    private long? Newest() => TxIds() is [var newest, ..] ? newest : null;

    /// <summary>Newest first.</summary>
    private List<long> TxIds()
    {
        try
        {
            return
            [
                .. Directory
                    .EnumerateFiles(_folder, "*.ltx")
                    .Select(file => TxIdRange.Of(Path.GetFileName(file)))
                    .OfType<TxIdRange>()
                    .Where(range => range.Min == range.Max)
                    .Select(range => range.Max)
                    .Distinct()
                    .OrderDescending(),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
