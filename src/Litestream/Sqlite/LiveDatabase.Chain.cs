using Litestream.Diagnostics;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>
/// What keeps the chain from the WAL to the replica whole: readers of ours, and checkpoints while no litestream runs.
/// </summary>
internal static partial class LiveDatabase
{
    /// <summary>
    /// From SQLite 3.51 on, <c>wal_checkpoint(NOOP)</c> checkpoints nothing; before it is a real checkpoint.
    /// </summary>
    private const int FirstVersionWithNoop = 3_051_000;

    /// <summary>
    /// Whether the app was published with another SQLite library, which may open the file while a reader of ours
    /// stands: the end of that would drop the other one's locks.
    /// </summary>
    public static readonly bool BringsAnotherLibrary = (
        (AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") as string) ?? ""
    )
        .Split(Path.PathSeparator)
        .Any(file => Path.GetFileName(file) is "System.Data.SQLite.dll" or "Devart.Data.SQLite.dll");

    /// <summary>
    /// Begins a read transaction, so that nothing restarts the WAL. Commits continue; the WAL grows meanwhile. It must
    /// end before long, or with the process.
    /// </summary>
    /// <returns>
    /// The connection that holds it. Null when there is nothing to keep (no file, no WAL mode), or it cannot be done:
    /// no library, a file that cannot be read.
    /// </returns>
    public static SqliteConnection? BeginRead(string database)
    {
        SqliteConnection? connection = null;
        try
        {
            if (!File.Exists(database) || BringsAnotherLibrary)
                return null;
            RequireLibrary(database);
            connection = Open(database);

            // In another mode a reader would keep the app from writing.
            if (connection.Scalar("PRAGMA journal_mode") is not "wal")
            {
                connection.Dispose();
                return null;
            }

            connection.Execute("BEGIN");
            connection.Scalar("SELECT count(*) FROM sqlite_master");
            return connection;
        }
        catch (Exception e)
            when (e
                    is SqliteException
                        or LitestreamException
                        or InvalidOperationException
                        or IOException
                        or EntryPointNotFoundException
            )
        {
            connection?.Dispose();
            return null;
        }
    }

    /// <summary>
    /// Brings all of the WAL into the database file and empties it, while no litestream runs on the database: what a
    /// litestream read last is no longer in the WAL then, so that the next
    /// one begins with a full copy. Tries once, and waits for others a tenth of a second.
    /// </summary>
    /// <returns>Null when it is done; else why not.</returns>
    public static string? TryTruncateWal(string database)
    {
        try
        {
            if (!File.Exists(database))
                return null;
            RequireLibrary(database);
            using var connection = Open(database);
            connection.Execute("PRAGMA busy_timeout = 100");
            return connection.Scalar("PRAGMA wal_checkpoint(TRUNCATE)") is 0L
                ? null
                : "another connection is constantly reading or writing";
        }
        catch (SqliteException e) when (e.SqliteErrorCode == NotADatabase)
        {
            // Encrypted, or something else: litestream cannot replicate it either.
            return null;
        }
        catch (Exception e) when (e is SqliteException or LitestreamException or InvalidOperationException)
        {
            return e is LitestreamException known ? known.Diagnostic.Message : e.Message;
        }
    }

    /// <summary>Whether this process may open the database through SQLite.</summary>
    public static bool MayBeOpened(string database)
    {
        try
        {
            RequireLibrary(database);
            return true;
        }
        catch (LitestreamException)
        {
            return false;
        }
    }

    /// <summary>
    /// The page of the executable's own table, which it writes to when it checkpoints; null when that is unknown.
    /// </summary>
    public static long? SequencePage(string database) =>
        Try(database, connection =>
            connection.Scalar("SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = '_litestream_seq'")
            as long?
        );

    /// <summary>
    /// Brings the WAL into the database file as far as readers let it, and leaves it as it is: the file alone is
    /// complete then.
    /// </summary>
    public static void CheckpointPassively(string database) => Try(database, connection =>
        {
            connection.Execute("PRAGMA wal_checkpoint(PASSIVE)");
            return 1;
        });

    /// <summary>
    /// Where this is the last connection, all of the WAL is brought into the database file, and the WAL deleted: as any
    /// app leaves its database.
    /// </summary>
    public static void CloseCleanly(string database)
    {
        try
        {
            if (!File.Exists(database) || !MayBeOpened(database))
                return;
            using var connection = SqliteAccess.ReadWrite(database, timeout: 1);
            connection.Scalar("SELECT count(*) FROM sqlite_master");
        }
        catch (Exception e) when (e is SqliteException or InvalidOperationException)
        {
            // Somebody else has it, then, or it is none.
        }
    }

    /// <summary>
    /// How many frames of the WAL SQLite knows of; null when that cannot be asked without a real checkpoint (SQLite
    /// before 3.51), or not now.
    /// </summary>
    public static long? WalFrames(string database) => Try(database, connection =>
        {
            if (SQLitePCL.raw.sqlite3_libversion_number() < FirstVersionWithNoop)
                return null;

            // The first read makes the connection look at the WAL at all.
            connection.Scalar("SELECT count(*) FROM sqlite_master");
            var frames = connection.Rows("PRAGMA wal_checkpoint(NOOP)", row => row.GetInt64(1)).FirstOrDefault(-1);
            return frames >= 0 ? frames : null;
        });
}
