namespace Litestream.Dashboard.Monitoring;

/// <summary>What the page calls each database.</summary>
internal static class DatabaseNames
{
    private const int MostFolders = 5;

    /// <summary>A name for each path: where two have the same, with as many of their folders as it takes to tell them
    /// apart.</summary>
    /// <param name="paths">The databases.</param>
    /// <param name="nameOf">What one is called that is alone.</param>
    public static Dictionary<string, string> Of(IEnumerable<string> paths, Func<string, string> nameOf)
    {
        var names = paths.Distinct(StringComparer.Ordinal).ToDictionary(path => path, nameOf, StringComparer.Ordinal);
        for (var folders = 1; folders <= MostFolders; folders++)
        {
            var twice = names
                .GroupBy(one => one.Value, StringComparer.Ordinal)
                .Where(group => group.Count() > 1)
                .SelectMany(group => group.Select(one => one.Key))
                .ToList();
            if (twice.Count == 0)
                break;
            foreach (var path in twice)
                names[path] = LastOf(path, folders + 1);
        }

        return names;
    }

    private static string LastOf(string path, int segments) =>
        $"…/{string.Join('/', path.Split('/', '\\').TakeLast(segments))}";
}
