using System.Globalization;
using Litestream.Diagnostics;

namespace Litestream.Releases.V05;

/// <summary>A replica of release line 0.5 that is a folder: <c>ltx/&lt;level&gt;/&lt;min&gt;-&lt;max&gt;.ltx</c>.
/// </summary>
internal sealed class LtxLayout : IReplicaLayout
{
    private const int Levels = 10;

    public string Content => "ltx";

    public IReadOnlyList<string> Restorable(string folder) =>
        TxIdRange.Reach(Files(folder).Select(file => file.Range)) is null ? [] : [TxIdPosition.OnlyLineage];

    public IReadOnlyDictionary<string, string> Signatures(string folder) =>
        Files(folder, 0)
            .Where(file => file.Range.Min == file.Range.Max)
            .DistinctBy(file => file.Range)
            .ToDictionary(file => TxIdPosition.Format(file.Range.Max), file => Signature(file.Size, file.Time));

    public bool HasFullCopy(string folder, string lineage)
    {
        try
        {
            return Restorable(folder).Count > 0;
        }
        catch (LitestreamException)
        {
            // That it cannot be read is another matter.
            return true;
        }
    }

    /// <summary>What is left is of use again after the next snapshot.</summary>
    public void RemoveRemains(string folder, string lineage) { }

    public Func<string, ReplicaProgress?> Reader(string folder) =>
        _ => TxIdRange.Progress([.. Files(folder).Select(file => (file.Range, file.Time))]);

    public BackupFiles? Find(string folder, DateTimeOffset? moment = null)
    {
        var files = Files(folder).Where(file => moment is null || file.Time <= moment).ToList();
        return files.Count == 0
            ? null
            : new BackupFiles(
                Path.Combine(folder, Content),
                files.OrderBy(file => file.Range.Min).ThenBy(file => file.Time).First().Time,
                files.Max(file => file.Time),
                files.Sum(file => file.Size)
            );
    }

    /// <summary>The files as the executable lists them, without a process.</summary>
    /// <param name="folder">The replica.</param>
    /// <param name="replica">Its name.</param>
    /// <exception cref="LitestreamException">LSB4005: the folder cannot be read.</exception>
    public static IReadOnlyList<LtxFile> List(string folder, string replica) =>
        [
            .. Enumerable
                .Range(0, Levels)
                .SelectMany(level =>
                    Files(folder, level)
                        .Select(file => new LtxFile(
                            replica,
                            level,
                            TxIdPosition.Format(file.Range.Min),
                            TxIdPosition.Format(file.Range.Max),
                            file.Size,
                            DateTimeOffset.FromUnixTimeSeconds(file.Time.ToUnixTimeSeconds())
                        ))
                        .OrderBy(file => file.MinTxId, StringComparer.Ordinal)
                ),
        ];

    /// <summary>What tells a file of level 0 from the one of another database that has the same name: as exactly as a
    /// listing has it.</summary>
    public static string Signature(long size, DateTimeOffset time) =>
        string.Create(CultureInfo.InvariantCulture, $"{size} {time.ToUnixTimeSeconds()}");

    private static IEnumerable<(TxIdRange Range, long Size, DateTimeOffset Time)> Files(string folder) =>
        Enumerable.Range(0, Levels).SelectMany(level => Files(folder, level));

    /// <exception cref="LitestreamException">LSB4005: the folder cannot be read.</exception>
    private static List<(TxIdRange Range, long Size, DateTimeOffset Time)> Files(string folder, int level)
    {
        var path = Path.Combine(folder, "ltx", level.ToString(CultureInfo.InvariantCulture));
        try
        {
            var files = new List<(TxIdRange, long, DateTimeOffset)>();
            foreach (var file in new DirectoryInfo(path).EnumerateFiles("*.ltx"))
            {
                // One without a whole header is being written, or was cut off.
                if (TxIdRange.Of(file.Name) is { } range && Length(file) is { } length and >= LtxHeader.Length)
                    files.Add((range, length, new DateTimeOffset(file.LastWriteTimeUtc)));
            }

            return files;
        }
        catch (Exception e) when (e is DirectoryNotFoundException or FileNotFoundException && !IsFile(folder, path))
        {
            // Nothing has been sent there yet, or it has just been compacted.
            return [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB4005",
                $"The replica '{folder}' cannot be read: {e.Message}",
                innerException: e
            );
        }
    }

    /// <summary>Null where it has just been removed: litestream compacts while the folder is read.</summary>
    private static long? Length(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>A file in the place of a folder says nothing.</summary>
    private static bool IsFile(string folder, string path) =>
        File.Exists(folder) || File.Exists(Path.Combine(folder, "ltx")) || File.Exists(path);
}
