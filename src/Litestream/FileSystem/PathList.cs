using System.IO.Enumeration;

namespace Litestream.FileSystem;

/// <summary>
/// Paths as a setting lists them: of files, with <c>*</c> and <c>?</c> in them where that is wanted. A relative one is
/// relative to where the app's SQLite looks.
/// </summary>
/// <param name="Entries">The entries, absolute.</param>
internal sealed record PathList(IReadOnlyList<string> Entries)
{
    /// <summary>Reads entries.</summary>
    /// <param name="entries">As they stand in the setting, with <c>;</c> between them.</param>
    /// <param name="resolve">Makes a path absolute.</param>
    public static PathList Create(string entries, Func<string, string> resolve) =>
        new([
            .. entries
                .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Where(entry => !entry.Contains('\0', StringComparison.Ordinal))
                .Select(entry => entry.StartsWith('*') ? entry : resolve(entry)),
        ]);

    /// <summary>Whether an absolute path is one of them, or leads to the same place.</summary>
    public bool Contains(string path) =>
        Entries.Any(entry =>
            IsMatch(entry, path) || (!HasWildcard(entry) && DatabasePath.Real(entry) == DatabasePath.Real(path))
        );

    private static bool IsMatch(string entry, string path) =>
        HasWildcard(entry)
            ? FileSystemName.MatchesSimpleExpression(
                entry.Replace("\\", "\\\\", StringComparison.Ordinal),
                path,
                ignoreCase: OperatingSystem.IsWindows()
            )
            : string.Equals(
                entry,
                path,
                OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal
            );

    private static bool HasWildcard(string entry) => entry.AsSpan().ContainsAny('*', '?');
}
