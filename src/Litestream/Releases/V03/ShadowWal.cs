using System.Globalization;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Releases.V03;

/// <summary>
/// The executable's own copies of a database's WALs, as release line 0.3 keeps them: <c>generation</c> names the
/// generation, <c>generations/&lt;g&gt;/wal/&lt;index&gt;.wal</c>
/// are byte for byte what stood in <c>-wal</c>, one file for each life of it.
/// </summary>
internal sealed class ShadowWal(string metaPath) : ILocalState
{
    private (string Lineage, long Index, uint Origin, long Size)? _newest;

    /// <summary>The current generation; null if nothing was ever replicated from here.</summary>
    public string? Lineage()
    {
        try
        {
            var name = NonDatabaseFile.ReadAllText(Path.Combine(metaPath, "generation")).Trim();
            return name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? name : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Has the next litestream begin a new generation, as it does itself when it has lost its place. Called
    /// while none runs.</summary>
    public void ForgetLineage()
    {
        try
        {
            File.Delete(Path.Combine(metaPath, "generation"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It continues as it was, and is seen again.
        }
    }

    /// <summary>The newest byte of a generation; null when there is none.</summary>
    public ReplicaPosition? Newest(string generation) =>
        Indexes(generation) is [var newest, ..] && Size(generation, newest) is { } size
            ? new GenerationPosition(generation, newest, size)
            : null;

    /// <summary>When the executable last wrote to a generation.</summary>
    public DateTimeOffset? LastWrite(string generation) =>
        Indexes(generation) is [var newest, ..]
            ? new DateTimeOffset(File.GetLastWriteTimeUtc(FileOf(generation, newest)))
            : null;

    /// <summary>
    /// Where a commit stands, found by the salts of its WAL; null when the executable has not seen that WAL.
    /// </summary>
    public ReplicaPosition? Find(string generation, WalPosition mark)
    {
        foreach (var index in Indexes(generation))
        {
            if (WalFile.Header(FileOf(generation, index)) is not { } header)
                continue;
            if (header.Salt1 == mark.Salt1 && header.Salt2 == mark.Salt2)
                return new GenerationPosition(generation, index, mark.End);

            // The executable removes the copies of those that have arrived.
            if (mark.RestartsUntil(header) is > 0 and var restarts)
            {
                return restarts <= index
                    ? new GenerationPosition(generation, index - restarts, mark.End)
                    : new GenerationPosition(generation, 0, 0);
            }
        }

        return null;
    }

    public long? Unread(string lineage, WalPosition mark) => null;

    public WalPosition? RestorableEnd(ReplicaPosition place) => null;

    public long? Distance(ReplicaPosition? from, ReplicaPosition to)
    {
        if (to is not GenerationPosition end)
            return null;
        var start =
            from is GenerationPosition begin
            && string.Equals(begin.Generation, end.Generation, StringComparison.Ordinal)
                ? begin
                : new GenerationPosition(
                    end.Generation,
                    Indexes(end.Generation).DefaultIfEmpty(end.Index).Min(),
                    0
                );
        if (start.Reaches(end))
            return 0;
        var distance = end.Offset - (start.Index == end.Index ? start.Offset : 0);
        for (var index = start.Index; index < end.Index; index++)
        {
            // Copies in between may be gone.
            if (Size(end.Generation, index) is not { } size)
                return null;
            distance += size - (index == start.Index ? start.Offset : 0);
        }

        return distance;
    }

    public string? Bookmark() => Lineage();

    public bool HasFullCopySince(string? bookmark, ReplicaPosition replicated) => replicated.Lineage != bookmark;

    /// <summary>This line looks itself, and begins a new generation.</summary>
    public ChainLink LinkAfter(string? bookmark) => ChainLink.Whole;

    /// <summary>
    /// To checkpoint, litestream gives up its mark for a moment. It takes any WAL that it finds afterwards for the next
    /// one, and what is left of the one before for all of it. SQLite counts the first salt up by one with each restart:
    /// where it is ahead of the index, litestream has never seen a WAL. And a <c>-wal</c> that is shorter than the copy
    /// of the WAL before was truncated, at an end that litestream did not see.
    /// </summary>
    public bool HasSkipped(string wal)
    {
        if (
            Lineage() is not { } lineage
            || Indexes(lineage) is not [var index, ..]
            || WalFile.Header(FileOf(lineage, index)) is not { } header
        )
        {
            return false;
        }

        var before = _newest;
        var origin = unchecked(header.Salt1 - (uint)index);
        _newest = (lineage, index, origin, Size(lineage, index) ?? 0);
        if (before is not { } last || last.Lineage != lineage || last.Index >= index)
            return false;
        var copied = Size(lineage, last.Index) ?? last.Size;

        // Looked at last: otherwise it only grows.
        return origin != last.Origin || (FileStamp.Of(wal)?.Size ?? 0) < copied;
    }

    public IReadOnlyDictionary<string, string> Signatures() =>
        Lineage() is { } lineage ? new Dictionary<string, string> { [lineage] = "" } : new Dictionary<string, string>();

    /// <summary>The end of the last segment whose upload was confirmed.</summary>
    public ReplicaPosition? Sent(string lineage, MetricsAnswer metrics, string database, string replica) =>
        // The numbers of a generation that has just ended stay until the first upload of the next one: no replica is
        // ahead of what is sent to it.
        metrics.OfReplica("litestream_replica_wal_index", database, replica) is { } index
        && metrics.OfReplica("litestream_replica_wal_offset", database, replica) is { } offset
        && new GenerationPosition(lineage, index, offset) is var position
        && Newest(lineage)?.Reaches(position) == true
            ? position
            : null;

    public ReplicationEvent? Read(LogLine line) =>
        line.Message switch
        {
            "sync: new generation" when line.Fields.TryGetValue("generation", out var generation) => new(
                ReplicationStep.LineageBegun,
                Lineage: generation
            ),
            "write snapshot" => new(ReplicationStep.CopyBegun),
            "snapshot written" => new(ReplicationStep.CopySent),
            "wal segment written"
                when line.Fields.TryGetValue("position", out var position)
                    && line.Fields.TryGetValue("sz", out var size)
                    && EndOf(position, size) is { } end => new(ReplicationStep.Sent, Position: end),
            "monitor error" or "sync error" => new(ReplicationStep.Failed),
            _ => null,
        };

    /// <summary>
    /// The end of a segment: <c>generation/index:offset</c>, the index in hexadecimal, and its size in bytes.
    /// </summary>
    private static GenerationPosition? EndOf(string position, string size) =>
        position.Split('/', ':') is [var generation, var index, var offset]
        && long.TryParse(index, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var at)
        && long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var start)
        && long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
            ? new GenerationPosition(generation, at, start + bytes)
            : null;

    private string Folder(string generation) => Path.Combine(metaPath, "generations", generation, "wal");

    private string FileOf(string generation, long index) =>
        Path.Combine(Folder(generation), index.ToString("x8", CultureInfo.InvariantCulture) + ".wal");

    private long? Size(string generation, long index) =>
        new FileInfo(FileOf(generation, index)) is { Exists: true, Length: var length } ? length : null;

    /// <summary>Newest first.</summary>
    private List<long> Indexes(string generation)
    {
        try
        {
            return
            [
                .. Directory
                    .EnumerateFiles(Folder(generation), "*.wal")
                    .Select(file =>
                        long.TryParse(
                            Path.GetFileNameWithoutExtension(file),
                            NumberStyles.HexNumber,
                            CultureInfo.InvariantCulture,
                            out var index
                        )
                            ? index
                            : -1
                    )
                    .Where(index => index >= 0)
                    .OrderDescending(),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
