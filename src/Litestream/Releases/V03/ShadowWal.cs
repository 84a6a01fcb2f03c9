using System.Globalization;
using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Releases.V03;

/// <summary>
/// The executable's own copies of a database's WALs, as release line 0.3 keeps them: <c>generation</c> names the
/// generation, <c>generations/&lt;g&gt;/wal/&lt;index&gt;.wal</c>
/// are byte for byte what stood in <c>-wal</c>, one file for each life of it.
/// </summary>
internal sealed class ShadowWal(string metaPath)
{
    /// <summary>More restarts of the WAL than a replicator gets through while a commit is waited for.</summary>
    private const uint ManyRestarts = 100_000;

    /// <summary>The current generation; null when nobody has ever replicated from here.</summary>
    public string? Generation()
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
    public void ForgetGeneration()
    {
        try
        {
            File.Delete(Path.Combine(metaPath, "generation"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It goes on as it was, and is seen again.
        }
    }

    /// <summary>The newest byte of a generation; null when there is none.</summary>
    public ReplicaPosition? Newest(string generation) =>
        Indexes(generation) is [var newest, ..] && Size(generation, newest) is { } size
            ? new ReplicaPosition(generation, newest, size)
            : null;

    /// <summary>When the executable last wrote to a generation.</summary>
    public DateTimeOffset? LastWrite(string generation) =>
        Indexes(generation) is [var newest, ..]
            ? new DateTimeOffset(File.GetLastWriteTimeUtc(FileOf(generation, newest)))
            : null;

    /// <summary>
    /// Whether both marks are of one WAL file, begun anew or not: a file that was deleted and made again has other
    /// salts.
    /// </summary>
    public static bool GoesOn(WalPosition before, WalPosition after) =>
        Restarts(before, after) is var restarts
        && (restarts == 0 ? before.Salt2 == after.Salt2 : restarts < ManyRestarts);

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
                return new ReplicaPosition(generation, index, mark.End);

            // The executable removes the copies of those that have arrived.
            var restarts = Restarts(mark, header);
            if (restarts is > 0 and < ManyRestarts)
                return restarts <= index
                    ? new ReplicaPosition(generation, index - restarts, mark.End)
                    : new ReplicaPosition(generation, 0, 0);
        }

        return null;
    }

    /// <summary>The bytes between two places of one generation; null when copies in between are gone.</summary>
    public long? Distance(ReplicaPosition? from, ReplicaPosition to)
    {
        var start =
            from is not null && string.Equals(from.Generation, to.Generation, StringComparison.Ordinal)
                ? from
                : new ReplicaPosition(to.Generation, Indexes(to.Generation).DefaultIfEmpty(to.Index).Min(), 0);
        if (start.Reaches(to))
            return 0;
        var distance = to.Offset - (start.Index == to.Index ? start.Offset : 0);
        for (var index = start.Index; index < to.Index; index++)
        {
            if (Size(to.Generation, index) is not { } size)
                return null;
            distance += size - (index == start.Index ? start.Offset : 0);
        }

        return distance;
    }

    /// <summary>SQLite counts the first salt up by one whenever it begins the WAL anew.</summary>
    private static uint Restarts(WalPosition before, WalPosition after) => after.Salt1 - before.Salt1;

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
