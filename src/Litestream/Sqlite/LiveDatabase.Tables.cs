using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>Whether a database has a table of the app's own.</summary>
internal enum AppTables
{
    /// <summary>It has none: nothing that could be lost.</summary>
    None,

    /// <summary>It has at least one.</summary>
    Some,

    /// <summary>It is locked, or being written to. The next look may tell.</summary>
    NotNow,

    /// <summary>
    /// This process must not or cannot read it: no SQLite library, two of them, or an encrypted file.
    /// </summary>
    Unreadable,
}

/// <summary>What a database holds, as far as its hand-over to the executable depends on it.</summary>
/// <param name="Tables">Whether it has a table of the app's own.</param>
/// <param name="IsWal">Whether its journal mode is WAL; null when that was not asked or cannot be told now.</param>
internal sealed record TablesProbe(AppTables Tables, bool? IsWal);

/// <summary>
/// A look at what is in a database before the executable gets it. Read-only: no file is made, no table, no journal mode
/// is changed, no lock is held for longer than the look.
/// </summary>
internal static partial class LiveDatabase
{
    private const string AppTable =
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT "
        + "LIKE '\\_litestream\\_%' ESCAPE '\\' LIMIT 1";

    /// <summary>Looks at a database that is there.</summary>
    /// <param name="database">The file.</param>
    /// <param name="asksMode">Whether the journal mode is asked for too.</param>
    public static TablesProbe ProbeTables(string database, bool asksMode)
    {
        try
        {
            if (FileStamp.Of(database) is not { Size: > 0 })
                return new TablesProbe(AppTables.None, null);
            RequireLibrary(database);

            // In the file itself without a lock and without a -shm, which a usual connection to a WAL database would
            // leave behind.
            using (var file = OpenToRead(SqliteAccess.Uri(database, "immutable=1")))
            {
                if (!asksMode && file.Scalar(AppTable) is not null)
                    return new TablesProbe(AppTables.Some, null);
            }

            if (!asksMode && FileStamp.Of(WalFile.PathOf(database)) is not { Size: > 0 })
                return new TablesProbe(AppTables.None, null);

            using var connection = OpenToRead(database);
            var tables = connection.Scalar(AppTable) is null ? AppTables.None : AppTables.Some;
            return new TablesProbe(tables, asksMode ? connection.Scalar("PRAGMA journal_mode") is "wal" : null);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == NotADatabase)
        {
            return new TablesProbe(AppTables.Unreadable, null);
        }
        catch (SqliteException)
        {
            return new TablesProbe(AppTables.NotNow, null);
        }
        catch (Exception e) when (e is LitestreamException or InvalidOperationException)
        {
            return new TablesProbe(AppTables.Unreadable, null);
        }
    }

    /// <summary>The size of its pages in bytes; null when that is unknown.</summary>
    public static long? PageSizeOf(string database)
    {
        try
        {
            if (FileStamp.Of(database) is not { Size: > 0 })
                return null;
            RequireLibrary(database);

            // It is the same in the WAL.
            using var file = OpenToRead(SqliteAccess.Uri(database, "immutable=1"));
            return file.Scalar("PRAGMA page_size") as long?;
        }
        catch (Exception e) when (e is SqliteException or LitestreamException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Whether a write could be begun at this moment; it is not made.</summary>
    public static bool IsWritable(string database) => Try(database, connection =>
        {
            connection.Execute("BEGIN IMMEDIATE");
            connection.Execute("ROLLBACK");
            return 1;
        }) is not null;

    private static SqliteConnection OpenToRead(string source)
    {
        var connection = SqliteAccess.ReadOnly(source, timeout: 1);
        SQLitePCL.raw.sqlite3_db_config(connection.Handle!, NoCheckpointOnClose, 1, out _);
        return connection;
    }
}
