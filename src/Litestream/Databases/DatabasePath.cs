namespace Litestream.Databases;

/// <summary>Where a database path leads to.</summary>
public static class DatabasePath
{
    /// <summary>The absolute path of the file that Microsoft.Data.Sqlite would open.</summary>
    public static string Resolve(string path, string baseDirectory, string? dataDirectory = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Path.GetFullPath(path, Path.GetFullPath(dataDirectory ?? baseDirectory));
    }
}
