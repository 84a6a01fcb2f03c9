using System.Globalization;
using Litestream.Diagnostics;

namespace Litestream.Releases.V03;

/// <summary>A replica of release line 0.3 that is a folder: <c>generations/&lt;g&gt;/snapshots</c> and
/// <c>generations/&lt;g&gt;/wal</c>.</summary>
internal sealed class ReplicaLayout : IReplicaLayout
{
    /// <summary>Of the WAL index, at the begin of each file's name.</summary>
    private const int IndexDigits = 8;

    public string Content => "generations";

    public IReadOnlyList<string> Restorable(string folder)
    {
        var all = Path.Combine(folder, "generations");
        try
        {
            return
            [
                .. new DirectoryInfo(all)
                    .EnumerateDirectories()
                    .Where(generation =>
                        Directory.Exists(Path.Combine(generation.FullName, "snapshots"))
                        && generation.EnumerateFiles("snapshots/*.snapshot.lz4").Any()
                    )
                    .Select(generation => generation.Name),
            ];
        }
        catch (DirectoryNotFoundException) when (!File.Exists(folder) && !File.Exists(all))
        {
            // Nothing has been sent there yet. (A file in the place of a folder says nothing.)
            return [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(folder, e);
        }
    }

    public IReadOnlyDictionary<string, string> Signatures(string folder) =>
        Restorable(folder).ToDictionary(lineage => lineage, _ => "");

    public bool HasFullCopy(string folder, string lineage)
    {
        try
        {
            return Directory.EnumerateFiles(Path.Combine(PathOf(folder, lineage), "snapshots"), "*.snapshot.lz4").Any();
        }
        catch (DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // That it cannot be read is another matter.
            return true;
        }
    }

    public void RemoveRemains(string folder, string lineage)
    {
        try
        {
            if (Directory.Exists(PathOf(folder, lineage)) && !HasFullCopy(folder, lineage))
                Directory.Delete(PathOf(folder, lineage), recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It stays, and a restore has to name the generation.
        }
    }

    public Func<string, ReplicaProgress?> Reader(string folder) => new SegmentReader(folder).Read;

    /// <summary>Of the generations that something can be restored from.</summary>
    public BackupFiles? Find(string folder, DateTimeOffset? moment = null)
    {
        try
        {
            var generations = Restorable(folder)
                .Select(generation => (Snapshots: Files("snapshots", generation), Wal: Files("wal", generation)))
                .Where(generation => generation.Snapshots.Count > 0)
                .ToList();
            if (generations.Count == 0)
                return null;
            var (snapshots, wal) = generations.MaxBy(generation => generation.Snapshots.Max(file => file.Time));
            var snapshot = snapshots.MaxBy(file => file.Time);
            var all = generations.SelectMany(generation => generation.Snapshots.Concat(generation.Wal)).ToList();
            return new BackupFiles(
                Path.Combine(folder, Content),
                generations.Min(generation => generation.Snapshots.Min(file => file.Time)),
                all.Max(file => file.Time),
                all.Sum(file => file.Size)
            )
            {
                RestoreBytes =
                    snapshot.Size
                    + wal.Where(file => string.CompareOrdinal(file.Name, 0, snapshot.Name, 0, IndexDigits) >= 0)
                        .Sum(file => file.Size),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(folder, e);
        }

        List<(string Name, long Size, DateTimeOffset Time)> Files(string kind, string generation)
        {
            var directory = new DirectoryInfo(Path.Combine(PathOf(folder, generation), kind));
            return directory.Exists
                ?
                [
                    .. directory
                        .EnumerateFiles("*.lz4")
                        .Select(file => (file.Name, file.Length, new DateTimeOffset(file.LastWriteTimeUtc)))
                        .Where(file => moment is null || file.Item3 <= moment),
                ]
                : [];
        }
    }

    private static string PathOf(string folder, string lineage) => Path.Combine(folder, "generations", lineage);

    private static LitestreamException Unreadable(string folder, Exception e) =>
        new("LSB4005", $"The replica '{folder}' cannot be read: {e.Message}", innerException: e);

    /// <summary>The segments say themselves how far they go, unless they are encrypted.</summary>
    private sealed class SegmentReader(string folder)
    {
        private (string Name, long Length, long? Unpacked)? _last;

        public ReplicaProgress? Read(string generation)
        {
            try
            {
                var newest = new DirectoryInfo(Path.Combine(PathOf(folder, generation), "wal"))
                    .EnumerateFiles("*.wal.lz4")
                    .Select(file => (File: file, Start: Parse(file.Name)))
                    .Where(file => file.Start is not null)
                    .OrderByDescending(file => file.Start)
                    .FirstOrDefault();
                if (newest.Start is not { } start)
                    return ReplicaProgress.Nothing;

                if (_last is not { } last || last.Name != newest.File.Name || last.Length != newest.File.Length)
                {
                    _last = last = (
                        newest.File.Name,
                        newest.File.Length,
                        Lz4Frame.UnpackedLength(newest.File.FullName)
                    );
                }

                return last.Unpacked is { } length
                    ? new ReplicaProgress(
                        new GenerationPosition(generation, start.Index, start.Offset + length),
                        true,
                        newest.File.LastWriteTimeUtc
                    )
                    : null;
            }
            catch (Exception e) when (e is DirectoryNotFoundException or FileNotFoundException)
            {
                return ReplicaProgress.Nothing;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Unreadable(folder, e);
            }
        }

        private static (long Index, long Offset)? Parse(string name) =>
            name.Length == "00000000_00000000.wal.lz4".Length
            && long.TryParse(
                name.AsSpan(0, 8),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out var index
            )
            && long.TryParse(
                name.AsSpan(9, 8),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out var offset
            )
                ? (index, offset)
                : null;
    }
}
