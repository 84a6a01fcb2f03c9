using System.Globalization;
using Litestream.Diagnostics;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>
/// A number of our own in the executable's table <c>_litestream_seq</c> tells one lineage of a database from another:
/// copies and restored files have it too, a new
/// file at the same path has none or another one.
/// </summary>
internal static partial class LiveDatabase
{
    private const int IdentityRow = 2;

    /// <summary>
    /// Reads the number, and gives the database one when it has none; null when that cannot be done (now).
    /// </summary>
    /// <param name="database">The file.</param>
    /// <param name="isPending">Called with a new number before the database gets it.</param>
    public static Task<long?> IdentifyAsync(string database, Action<long> isPending) =>
        Task.Run(() =>
            Try(
                database,
                connection =>
                {
                    if (!HasSequence(connection))
                        return null;
                    if (ReadIdentity(connection) is { } known)
                        return known;

                    // Not from .NET's cryptography: without OpenSSL in the image it ends the whole app.
                    var id = Random.Shared.NextInt64(1, long.MaxValue);
                    isPending(id);
                    connection.Execute(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"INSERT OR IGNORE INTO _litestream_seq (id, seq) VALUES ({IdentityRow}, {id})"
                        )
                    );
                    return ReadIdentity(connection);
                }
            )
        );

    /// <summary>The number of a database that may be in use; null when it has none, or cannot be read.</summary>
    public static long? ReadIdentity(string database) =>
        Try(database, connection => HasSequence(connection) ? ReadIdentity(connection) : null);

    /// <summary>
    /// What stands in the database file itself, without its WAL. A database that has been put in the place of another
    /// one may be beside the other's WAL.
    /// </summary>
    /// <returns>
    /// False for <c>Readable</c> when it could not be read: it is being written to, or must not be opened here. What is
    /// no database (encrypted, overwritten) is readable and has no number.
    /// </returns>
    public static (bool Readable, long? Id) ReadIdentityInFile(string database)
    {
        try
        {
            RequireLibrary(database);

            // Through SQLite, which knows what else this process has open; it neither locks nor creates anything so.
            using var connection = SqliteAccess.ReadOnly(SqliteAccess.Uri(database, "immutable=1"));
            return (true, HasSequence(connection) ? ReadIdentity(connection) : null);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == NotADatabase)
        {
            return (true, null);
        }
        catch (Exception e) when (e is SqliteException or LitestreamException or InvalidOperationException)
        {
            return (false, null);
        }
    }

    /// <summary>
    /// Commits what the executable itself commits when it checkpoints, so that it looks again: release line 0.3 can
    /// overlook a commit until the next one, and sends
    /// nothing again after an error until then.
    /// </summary>
    /// <returns>False when it cannot be done: no library, no table yet, a busy database.</returns>
    public static Task<bool> NudgeAsync(string database) => Task.Run(() => Try(database, connection =>
            {
                if (!HasSequence(connection))
                    return null;
                connection.Execute(
                    "INSERT INTO _litestream_seq (id, seq) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET "
                        + "seq = seq + 1"
                );
                return 1;
            }) is not null);

    /// <summary>Takes the number out of a file that nothing uses, with the tables of the executable.</summary>
    /// <exception cref="LitestreamException">LSB4104: there is no SQLite library.</exception>
    /// <exception cref="SqliteException">It cannot be written to.</exception>
    public static void RemoveIdentity(string database)
    {
        RequireLibrary(database);

        // Not in its WAL, which would be another file to put in place.
        using var connection = SqliteAccess.ReadWrite(database);
        var wal = connection.Scalar("PRAGMA journal_mode") is "wal";
        connection.Execute(
            "PRAGMA journal_mode = delete; DROP TABLE IF EXISTS _litestream_seq; DROP TABLE IF EXISTS _litestream_lock"
        );
        if (wal)
            connection.Execute("PRAGMA journal_mode = wal");
    }

    private static long? Try(string database, Func<SqliteConnection, long?> use)
    {
        try
        {
            if (!File.Exists(database))
                return null;
            RequireLibrary(database);
            using var connection = Open(database);
            return use(connection);
        }
        catch (Exception e) when (e is SqliteException or LitestreamException or InvalidOperationException)
        {
            return null;
        }
    }

    private static bool HasSequence(SqliteConnection connection) =>
        connection.Scalar("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_litestream_seq'") is not null;

    private static long? ReadIdentity(SqliteConnection connection) =>
        connection.Scalar($"SELECT seq FROM _litestream_seq WHERE id = {IdentityRow}") as long?;
}
