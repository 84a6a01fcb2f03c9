using Litestream.Sqlite;

namespace Litestream.Databases;

/// <summary>Reads the value of a setting that is known to name a SQLite database.</summary>
public static class SqliteConnectionSetting
{
    /// <summary>
    /// Tells what the value leads to: a connection string of any SQLite provider, a <c>file:</c> URI, <c>:memory:</c>
    /// or a plain path.
    /// <see cref="SqliteTargetKind.NotSqlite"/> when the value names another engine or is not a path at all; never
    /// <see cref="SqliteTargetKind.Candidate"/>.
    /// </summary>
    public static SqliteTarget Parse(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var parsed = ConnectionValue.Parse(value);
        return parsed.Provider == Engine.Other || parsed.HasForeignKeyword
            ? new SqliteTarget(SqliteTargetKind.NotSqlite, null)
            : SettingClassifier.Target(parsed);
    }

    /// <summary>Whether the value sets another journal mode than WAL on every connection (<c>Journal
    /// Mode=Delete</c>).</summary>
    internal static bool SetsRollbackJournal(string value) => ConnectionValue.Parse(value).SetsRollbackJournal;
}
