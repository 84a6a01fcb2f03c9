using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;

namespace Litestream.Hosting;

/// <summary>
/// Databases that a setting names by a pattern, such as <c>tenants/*.db</c>: those that are there, and those that are
/// missing but have a backup in a replica that is a folder. Looks at names only: no database file is opened.
/// </summary>
internal sealed class DatabasePatterns
{
    private readonly IReadOnlyList<string> _patterns;

    private DatabasePatterns(IReadOnlyList<string> patterns) => _patterns = patterns;

    public bool IsEmpty => _patterns.Count == 0;

    /// <summary>Reads the setting.</summary>
    /// <param name="setting">Patterns with <c>;</c> between them; null for none.</param>
    /// <exception cref="LitestreamException">LSB1061: one cannot be used.</exception>
    public static DatabasePatterns Parse(string? setting)
    {
        var patterns = (setting ?? "")
            .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(pattern => pattern.Replace('\\', Path.DirectorySeparatorChar))
            .Distinct(StringComparer.Ordinal)
            .ToList();
        foreach (var pattern in patterns)
        {
            var problem =
                !pattern.Contains('*', StringComparison.Ordinal) ? "has no '*'"
                : pattern.Contains("**", StringComparison.Ordinal) ? "has '**'"
                : ConfigPath.Problem(pattern) is { } other ? $"cannot be used ({other.TrimEnd('.')})"
                : null;
            if (problem is not null)
            {
                throw new LitestreamException(
                    "LSB1061",
                    $"The pattern '{pattern}' in Litestream:DatabasePatterns {problem}, so the app was not started. "
                        + "Write a path in which '*' stands for a part of one name, such as 'tenants/*.db'."
                );
            }
        }

        return new DatabasePatterns(patterns);
    }

    /// <summary>Those that match no file.</summary>
    /// <param name="resolve">Makes a path absolute as the app's SQLite does.</param>
    public IReadOnlyList<string> FindEmpty(Func<string, string> resolve) =>
        [.. _patterns.Where(pattern => !Glob(resolve(pattern), File.Exists).Any())];

    /// <summary>Those whose backups are not looked for, as no replica is a folder.</summary>
    /// <param name="resolve">Makes a path absolute as the app's SQLite does.</param>
    /// <param name="replicasOf">The replicas that a database would have.</param>
    public IReadOnlyList<string> FindUnlisted(
        Func<string, string> resolve,
        Func<EffectiveDatabase, IReadOnlyList<ConfiguredReplica>> replicasOf
    ) =>
        [
            .. _patterns.Where(pattern =>
                replicasOf(new EffectiveDatabase(pattern, resolve(pattern), null, null, []))
                    .All(replica => replica.Folder is null)
            ),
        ];

    /// <summary>The databases that are there, by their paths as configured.</summary>
    /// <param name="resolve">Makes a path absolute as the app's SQLite does.</param>
    public IReadOnlyList<EffectiveDatabase> Find(Func<string, string> resolve) =>
        [
            .. _patterns
                .SelectMany(pattern => Glob(resolve(pattern), File.Exists).Select(names => Fill(pattern, names)))
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .Select(path => new EffectiveDatabase(path, Follow(resolve(path)), null, null, []))
                .DistinctBy(database => database.Path, StringComparer.Ordinal),
        ];

    /// <summary>Those that have a backup in a replica that is a folder, whether they are there or not.</summary>
    /// <param name="resolve">Makes a path absolute as the app's SQLite does.</param>
    /// <param name="replicasOf">The replicas that a database would have.</param>
    public IReadOnlyList<EffectiveDatabase> FindBackups(
        Func<string, string> resolve,
        Func<EffectiveDatabase, IReadOnlyList<ConfiguredReplica>> replicasOf
    ) =>
        [
            .. _patterns
                .SelectMany(pattern =>
                    replicasOf(new EffectiveDatabase(pattern, resolve(pattern), null, null, []))
                        .Select(replica => replica.Folder)
                        .OfType<string>()
                        .SelectMany(folder => Glob(folder, HasBackup))
                        .Select(names => Fill(pattern, names))
                )
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .Select(path => new EffectiveDatabase(path, Follow(resolve(path)), null, null, [])),
        ];

    /// <summary>The file that a link leads to. Where that cannot be found out, the attempt to add it says so.</summary>
    private static string Follow(string path)
    {
        try
        {
            return ConfigPath.FollowLink(path);
        }
        catch (LitestreamException)
        {
            return path;
        }
    }

    private static bool HasBackup(string folder) =>
        ReleaseLine.All.Any(line => Directory.Exists(Path.Combine(folder, line.Layout.Content)));

    /// <summary>What stands in the place of each name with a <c>*</c>, of all paths that match.</summary>
    private static IEnumerable<IReadOnlyList<string>> Glob(string pattern, Func<string, bool> isMatch)
    {
        var root = Path.GetPathRoot(pattern)!;
        IEnumerable<(string Path, IReadOnlyList<string> Names)> found = [(root, [])];
        foreach (var part in pattern[root.Length..].Split(Path.DirectorySeparatorChar))
        {
            found = part.Contains('*', StringComparison.Ordinal)
                ? found
                    .SelectMany(one =>
                        Names(one.Path, part)
                            .Select(name => (Path.Combine(one.Path, name), (IReadOnlyList<string>)[.. one.Names, name]))
                    )
                    .ToList()
                : found.Select(one => (Path.Combine(one.Path, part), one.Names));
        }

        return found.Where(one => isMatch(one.Path)).Select(one => one.Names);
    }

    /// <summary>What has a dot in front is Litestream's, or hidden.</summary>
    private static IEnumerable<string> Names(string folder, string part)
    {
        try
        {
            return Directory.Exists(folder)
                ?
                [
                    .. Directory
                        .EnumerateFileSystemEntries(folder)
                        .Select(entry => Path.GetFileName(entry))
                        .Where(name =>
                            System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(part, name, ignoreCase: false)
                            && !name.StartsWith('.')
                            && !IsSideFile(name)
                        ),
                ]
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is gone, or not ours.
            return [];
        }
    }

    /// <summary>What SQLite keeps beside a database, which <c>*</c> alone would match.</summary>
    private static bool IsSideFile(string name) =>
        name.EndsWith("-wal", StringComparison.Ordinal)
        || name.EndsWith("-shm", StringComparison.Ordinal)
        || name.EndsWith("-journal", StringComparison.Ordinal);

    private static string Fill(string pattern, IReadOnlyList<string> names)
    {
        var left = new Queue<string>(names);
        var parts = pattern
            .Split(Path.DirectorySeparatorChar)
            .Select(part => part.Contains('*', StringComparison.Ordinal) ? left.Dequeue() : part);
        return string.Join(Path.DirectorySeparatorChar, parts);
    }
}
