using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Doctor;

/// <summary>What a restore has moved aside.</summary>
/// <param name="Path">The file or folder.</param>
/// <param name="Bytes">How much it holds, where that is known.</param>
internal sealed record MovedAside(string Path, long Bytes)
{
    public override string ToString() => $"'{Path}' ({ByteSize.Text(Bytes)})";
}

/// <summary>Finds what restores left next to a database, by name and size. Opens no file.</summary>
internal static class RestoreLeftovers
{
    /// <summary>What comes before the time in the name of what a restore has moved aside.</summary>
    private static readonly string[] Aside = [".replaced-", ".lost-"];

    /// <summary>The folders that are looked into. A restore works beside what a link at the database's path leads
    /// to.</summary>
    public static IReadOnlyList<string> Places(string databasePath, string metaPath) =>
        [.. new[] { databasePath, DatabasePath.Real(databasePath), metaPath }.Distinct(StringComparer.Ordinal)];

    /// <summary>What was moved aside from these paths.</summary>
    /// <exception cref="IOException">A folder cannot be listed.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static IReadOnlyList<MovedAside> Find(IEnumerable<string> places) =>
        [
            .. places
                .SelectMany(place =>
                    Beside(place)
                        .Where(name => IsAside(name, Path.GetFileName(place)))
                        .Select(name => Path.Combine(Path.GetDirectoryName(place)!, name))
                )
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .Select(path => new MovedAside(path, Size(path))),
        ];

    /// <summary>The folders in which restores of these paths work, or worked when they were killed.</summary>
    /// <exception cref="IOException">A folder cannot be listed.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static IReadOnlyList<string> Working(IEnumerable<string> places) =>
        [
            .. places
                .SelectMany(place =>
                    Beside(place)
                        .Where(name =>
                            name.StartsWith($".{Path.GetFileName(place)}.litestream-restore-", StringComparison.Ordinal)
                        )
                        .Select(name => Path.Combine(Path.GetDirectoryName(place)!, name))
                )
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal),
        ];

    /// <summary>Whether an entry beside a file was moved aside from there: the set of a forced restore, or the state
    /// of a lost database.</summary>
    internal static bool IsAside(string entry, string name) =>
        Aside.Any(word =>
            DatabasePath.Endings.Any(ending => entry.StartsWith(name + ending + word, StringComparison.Ordinal))
        );

    private static IEnumerable<string> Beside(string place)
    {
        var folder = Path.GetDirectoryName(place);
        return folder is null || !Directory.Exists(folder)
            ? []
            : Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry));
    }

    /// <summary>What a file or folder holds, where that is known.</summary>
    internal static long Size(string path)
    {
        try
        {
            return Directory.Exists(path)
                ? new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length)
                : new FileInfo(path).Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
