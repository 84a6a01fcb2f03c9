using System.Text.Json;
using Litestream.FileSystem;

namespace Litestream.Databases;

/// <summary>The packages that a project's restore has resolved.</summary>
public static class ProjectPackages
{
    /// <summary>
    /// Reads the package ids, transitive ones too, from obj/project.assets.json. What only Litestream's own packages
    /// bring (Microsoft.Data.Sqlite.Core among them)
    /// is ignored: it says nothing about the app. Empty when the file is not there or is no such file.
    /// </summary>
    /// <param name="projectAssetsJson">The path of the file.</param>
    /// <param name="targetFramework">The framework to read (<c>net8.0</c>), or null for all.</param>
    public static IReadOnlyCollection<string> Read(string projectAssetsJson, string? targetFramework)
    {
        ArgumentNullException.ThrowIfNull(projectAssetsJson);
        try
        {
            if (!File.Exists(projectAssetsJson))
                return [];
            using var stream = NonDatabaseFile.OpenRead(projectAssetsJson);
            using var document = JsonDocument.Parse(stream);
            return Read(document.RootElement, targetFramework);
        }
        catch (Exception e)
            when (e is JsonException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            // Restore reports its own file; here only evidence is missing.
            return [];
        }
    }

    private static SortedSet<string> Read(JsonElement root, string? targetFramework)
    {
        var packages = new SortedSet<string>(StringComparer.OrdinalIgnoreCase);
        if (!root.TryGetProperty("targets", out var targets))
            return packages;
        var frameworks = targets.EnumerateObject().Where(t => IsFramework(root, t.Name, targetFramework)).ToList();
        foreach (var target in frameworks.Count > 0 ? frameworks : [.. targets.EnumerateObject()])
            AddReachable(root, target, packages);

        return packages;
    }

    private static bool IsFramework(JsonElement root, string target, string? targetFramework)
    {
        if (string.IsNullOrEmpty(targetFramework))
            return true;
        var name = Framework(target);
        if (name.Equals(targetFramework, StringComparison.OrdinalIgnoreCase))
            return true;
        return root.TryGetProperty("project", out var project)
            && project.TryGetProperty("frameworks", out var frameworks)
            && frameworks.TryGetProperty(name, out var framework)
            && framework.TryGetProperty("targetAlias", out var alias)
            && alias.ValueEquals(targetFramework);
    }

    private static void AddReachable(JsonElement root, JsonProperty target, SortedSet<string> packages)
    {
        var libraries = new Dictionary<string, JsonElement>(StringComparer.OrdinalIgnoreCase);
        foreach (var library in target.Value.EnumerateObject())
            libraries[BeforeSlash(library.Name)] = library.Value;

        var open = new Stack<string>();
        if (
            root.TryGetProperty("projectFileDependencyGroups", out var groups)
            && groups.TryGetProperty(Framework(target.Name), out var direct)
        )
        {
            foreach (var dependency in direct.EnumerateArray())
                open.Push((dependency.GetString() ?? "").Split(' ')[0]);
        }
        else
        {
            foreach (var id in libraries.Keys)
                open.Push(id);
        }

        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (open.TryPop(out var id))
        {
            if (IsOurs(id) || !seen.Add(id) || !libraries.TryGetValue(id, out var library))
                continue;
            if (!library.TryGetProperty("type", out var type) || !type.ValueEquals("project"))
                packages.Add(id);
            if (!library.TryGetProperty("dependencies", out var dependencies))
                continue;
            foreach (var dependency in dependencies.EnumerateObject())
                open.Push(dependency.Name);
        }
    }

    private static bool IsOurs(string id) =>
        id.Equals("Litestream", StringComparison.OrdinalIgnoreCase)
        || id.Equals("Litestream.Build", StringComparison.OrdinalIgnoreCase)
        || id.Equals("Litestream.Hosting", StringComparison.OrdinalIgnoreCase)
        || id.Equals("Litestream.Dashboard", StringComparison.OrdinalIgnoreCase)
        || id.Equals("Litestream.Executable", StringComparison.OrdinalIgnoreCase);

    // "net8.0/linux-x64" and "Microsoft.Data.Sqlite/9.0.3"
    private static string Framework(string target) => BeforeSlash(target);

    private static string BeforeSlash(string name) => name.IndexOf('/') is >= 0 and var slash ? name[..slash] : name;
}
