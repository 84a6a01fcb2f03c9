using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>What the header of a database file says.</summary>
internal enum DatabaseFormat
{
    /// <summary>It was not looked at.</summary>
    Unread,

    /// <summary>It cannot be opened.</summary>
    NotReadable,

    /// <summary>No SQLite database, or an encrypted one.</summary>
    NoDatabase,

    /// <summary>A database that SQLite cannot read: it was cut off, for example.</summary>
    Damaged,

    /// <summary>A database with a rollback journal.</summary>
    Rollback,

    /// <summary>A database in WAL mode.</summary>
    Wal,
}

/// <summary>
/// The header of a file that this process may have open, or may open at any moment: to look first and to open it then
/// would leave a gap. SQLite itself knows what else it has open in this process, and keeps its locks.
/// </summary>
internal static partial class LiveDatabase
{
    private const int Permission = 3;
    private const int Corrupt = 11;
    private const int CannotOpen = 14;

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    /// <summary>Reads it through SQLite, without a lock, and without a file that was not there.</summary>
    /// <param name="database">The database file.</param>
    /// <param name="why">Why it is not known, as a sentence; else empty.</param>
    public static DatabaseFormat ReadFormat(string database, out string why)
    {
        if (WhyNotToOpen() is { } reason)
        {
            why = reason;
            return DatabaseFormat.Unread;
        }

        var before = FileStamp.Of(database);
        try
        {
            why = "";

            // As one that nothing changes: the first page alone, whatever is beside it.
            using (var still = SqliteAccess.ReadOnly(SqliteAccess.Uri(database, "immutable=1")))
                still.Scalar("PRAGMA schema_version");

            // Without locks SQLite has no WAL mode, and says so.
            using var connection = SqliteAccess.ReadOnly(SqliteAccess.Uri(database, "nolock=1"));
            try
            {
                connection.Scalar("PRAGMA schema_version");
                return DatabaseFormat.Rollback;
            }
            catch (SqliteException e) when (e.SqliteErrorCode == CannotOpen)
            {
                return DatabaseFormat.Wal;
            }
        }
        catch (SqliteException e)
        {
            why = e.Message;
            return e.SqliteErrorCode switch
            {
                NotADatabase => DatabaseFormat.NoDatabase,
                CannotOpen or Permission => DatabaseFormat.NotReadable,
                Corrupt when IsAtRest(database, before) => DatabaseFormat.Damaged,

                // It is written to just now, or what its WAL has is not in it yet.
                _ => DatabaseFormat.Unread,
            };
        }
    }

    /// <summary>Whether the file alone is the database, and nothing has written to it for a moment.</summary>
    private static bool IsAtRest(string database, FileStamp? before) =>
        before is not null
        && FileStamp.Of(database) == before
        && TimeProvider.System.GetUtcNow() - new DateTime(before.Modified, DateTimeKind.Utc) > Rest
        && FileStamp.Of(database + "-wal") is not { Size: > 0 }
        && FileStamp.Of(database + "-journal") is not { Size: > 0 };

    /// <summary>Why no database may be opened in this process, whichever it is; else null.</summary>
    private static string? WhyNotToOpen()
    {
        if (!HasLibrary(out _))
            return "this process has no SQLite library for Microsoft.Data.Sqlite.";
        if (OperatingSystem.IsWindows())
            return null;
        return Libraries() switch
        {
            null => "this system does not show whether this process has a second SQLite library.",
            { Count: > 1 } libraries =>
                $"this process has more than one SQLite library ({string.Join(", ", libraries)}), "
                    + "and one would drop the locks of the other.",
            _ => null,
        };
    }
}
