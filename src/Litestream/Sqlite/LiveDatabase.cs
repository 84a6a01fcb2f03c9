using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>What a verification put into a database, and what stood in it then.</summary>
/// <param name="Row">The verification's row; null when nothing was written.</param>
/// <param name="Mark">Where the state stands in the WAL; null when there is no WAL (yet).</param>
/// <param name="IsExact">Whether <paramref name="Mark"/> is just that state's place, or one at or after it.</param>
/// <param name="Time">When it was written.</param>
internal sealed record Sentinel(SentinelRow? Row, WalPosition? Mark, bool IsExact, DateTimeOffset Time) : IDisposable
{
    /// <summary>The database as it was at <see cref="Mark"/>; null when its content is not compared, or could not be
    /// copied.</summary>
    public LiveCopy? Copy { get; init; }

    /// <summary>Why there is no <see cref="Copy"/> though one was asked for; else null.</summary>
    public string? WhyNoCopy { get; init; }

    public void Dispose() => Copy?.Dispose();
}

/// <summary>
/// The one row of the verification's table. Several verifications may run at once, each over the row of the other.
/// </summary>
/// <param name="Token">Whose it is.</param>
/// <param name="Number">Counts the writes.</param>
/// <param name="Written">When, in a form that sorts.</param>
/// <param name="Table">Where it stands.</param>
internal sealed record SentinelRow(string Token, long Number, string Written, string Table)
{
    /// <summary>
    /// Whether a copy with this row has the commit that wrote the other one. (A higher number alone could come from
    /// another lineage of the database.)
    /// </summary>
    public bool Includes(SentinelRow other) =>
        Token == other.Token || (Number > other.Number && string.CompareOrdinal(Written, other.Written) > 0);
}

/// <summary>
/// The only place that opens the app's database: through the SQLite library of the app, never a file that is not there,
/// without a pool, without ever
/// starting a checkpoint (a second process that does so is what breaks SQLite before 3.51.3, and what a closing last
/// connection would do).
/// </summary>
internal static partial class LiveDatabase
{
    private const string Table = "_litestream_verification";

    /// <summary>Where <see cref="Table"/> is another tool's: litestream-ruby has one of that name.</summary>
    private const string OtherTable = "_litestream_verification_net";

    private const string Columns = "id,token,number,written";

    // A fact of the process, read again as soon as other code is mapped.
    private static volatile LoadedLibraries? _libraries;

    private const int Error = 1;
    private const int Busy = 5;
    private const int Locked = 6;
    private const int NotADatabase = 26;
    private const int NoCheckpointOnClose = 1006;

    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(10);

    /// <summary>Writes the row (when there is a token) and notes where that stands.</summary>
    /// <param name="database">The database file.</param>
    /// <param name="token">The row's token; null writes nothing.</param>
    /// <param name="limit">How long a reader may stand in it to copy its content; null copies nothing.</param>
    /// <param name="maxWait">How long to wait for writers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the copying too.</param>
    /// <exception cref="LitestreamException">LSB4104, LSB4105.</exception>
    public static Task<Sentinel> MarkAsync(
        string database,
        string? token,
        ReaderLimit? limit,
        TimeSpan maxWait,
        TimeProvider time,
        CancellationToken cancellationToken
    ) => Task.Run(() => UseAsync(database, async connection =>
                {
                    SentinelRow? row = null;
                    if (token is not null)
                    {
                        await RetryWhileBusyAsync(
                                () => row = Write(connection, token, time),
                                maxWait,
                                time,
                                cancellationToken
                            )
                            .ConfigureAwait(false);
                    }

                    var written = time.GetUtcNow();
                    var (copy, why) = limit is null
                        ? (null, null)
                        : await LiveCopy
                            .TakeAsync(database, limit, maxWait, time, cancellationToken)
                            .ConfigureAwait(false);
                    return copy is not null
                        ? new Sentinel(row, copy.Mark, copy.Mark is not null, written) { Copy = copy }
                        : new Sentinel(row, WalFile.LastCommit(WalFile.PathOf(database)), false, written)
                        {
                            WhyNoCopy = why,
                        };
                }), cancellationToken);

    /// <summary>The verification's row; null when there is none.</summary>
    /// <param name="connection">A connection to the database.</param>
    /// <param name="table">The table that it was written to.</param>
    public static SentinelRow? ReadRow(SqliteConnection connection, string table)
    {
        if (ColumnsOf(connection, table) != Columns)
            return null;
        return connection
            .Rows($"SELECT token, number, written FROM {table} WHERE id = 1", row => new SentinelRow(
                row.GetString(0),
                row.GetInt64(1),
                row.GetString(2),
                table
            ))
            .SingleOrDefault();
    }

    /// <summary>
    /// Whether a statement failed for the lack of a collation, a function or a module: what is damaged, locked or
    /// interrupted has codes of its own.
    /// </summary>
    public static bool LacksWhatTheAppHas(SqliteException e) => e.SqliteErrorCode == Error;

    /// <summary>
    /// There must be a SQLite library for Microsoft.Data.Sqlite, and no other one in this process that may have the
    /// database open: closing a connection of the one would drop the locks of the other.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4104.</exception>
    public static void RequireLibrary(string database)
    {
        if (!HasLibrary(out var missing))
        {
            throw new LitestreamException(
                "LSB4104",
                "The app has no SQLite library for Microsoft.Data.Sqlite (such as SQLitePCLRaw.bundle_e_sqlite3). "
                    + "A verification inside the app is possible only at level Position.",
                innerException: missing
            );
        }

        try
        {
            // What is open is looked at last: an app with many databases has many files.
            if (Libraries() is { Count: > 1 } libraries && OpenDatabases.IsOpenHere(database) == true)
            {
                throw new LitestreamException(
                    "LSB4104",
                    $"This process has loaded more than one SQLite library ({string.Join(", ", libraries)}) and has "
                        + $"'{database}' open. Opening it with another library than the app's would drop the app's "
                        + "locks and lose data. Verify at level Position, or from another process."
                );
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not reported here.
        }
    }

    /// <summary>Whether there is a SQLite library for Microsoft.Data.Sqlite.</summary>
    public static bool HasLibrary(out Exception? error)
    {
        error = null;
        try
        {
            // It is the first connection of a process that sets the library up, and there may have been none yet.
            RuntimeHelpers.RunClassConstructor(typeof(SqliteConnection).TypeHandle);
            return SQLitePCL.raw.sqlite3_libversion_number() > 0;
        }
#pragma warning disable CA1031 // It throws a bare Exception when there is none.
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = e;
            return false;
        }
    }

    /// <summary>The SQLite libraries that this process has loaded; null where the system does not tell (anything but
    /// Linux).</summary>
    private static IReadOnlyList<string>? Libraries()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            var code = LoadedCode();
            if (_libraries is { } known && known.Code == code)
                return known.Sqlite;

            // Few lines are matched: an app with many databases has many mappings.
            List<string> libraries =
            [
                .. NonDatabaseFile
                    .ReadLines("/proc/self/maps")
                    .Where(line => line.Contains("sql", StringComparison.OrdinalIgnoreCase))
                    .Select(line => NativeLibrary().Match(line))
                    .Where(match => match.Success)
                    .Select(match => match.Value)
                    .Distinct(),
            ];
            _libraries = code is null ? null : new(code, libraries);
            return libraries;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>How much code is mapped into this process, as the system says it: more as soon as there is another
    /// library. It is one line, where an app with many databases has thousands of mappings. Null where the system does
    /// not tell.</summary>
    private static string? LoadedCode() =>
        NonDatabaseFile
            .ReadLines("/proc/self/status")
            .FirstOrDefault(line => line.StartsWith("VmLib:", StringComparison.Ordinal));

    public static LitestreamException Missing(string database) =>
        new(
            "LSB4105",
            $"There is no database '{database}'{(Directory.Exists(database) ? ": it is a folder" : "")}. Check the "
                + $"path: a verification never creates a database."
        );

    private static async Task<Sentinel> UseAsync(string database, Func<SqliteConnection, Task<Sentinel>> use)
    {
        if (!File.Exists(database))
            throw Missing(database);
        try
        {
            using var connection = Open(database);
            return await use(connection).ConfigureAwait(false);
        }
        catch (SqliteException e)
        {
            MessageText message = e.SqliteErrorCode switch
            {
                NotADatabase => $"'{database}' cannot be read as a SQLite database: it is encrypted, or not a "
                    + $"database. Litestream cannot replicate it either.",
                Busy or Locked => $"Another process kept '{database}' locked: {e.Message} Look for a transaction "
                    + $"that never ends, or give the verification more time.",
                _ => (MessageText)(
                    $"The verification cannot write its row to '{database}': {e.Message} If the database must not "
                    + $"change, verify without the row ({OptionName.NoWrite})."
                ),
            };
            throw new LitestreamException("LSB4105", message, innerException: e);
        }
    }

    public static SqliteConnection Open(string database)
    {
        var connection = SqliteAccess.ReadWrite(database, timeout: 1);
        SQLitePCL.raw.sqlite3_db_config(connection.Handle!, NoCheckpointOnClose, 1, out _);
        connection.Execute("PRAGMA busy_timeout = 200; PRAGMA wal_autocheckpoint = 0");
        return connection;
    }

    private static SentinelRow? Write(SqliteConnection connection, string token, TimeProvider time)
    {
        connection.Execute("BEGIN IMMEDIATE");
        try
        {
            var table = ColumnsOf(connection, Table) is "" or Columns ? Table : OtherTable;
            connection.Execute(
                $"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT NOT NULL, "
                    + $"number INTEGER NOT NULL, written TEXT NOT NULL)"
            );
            using (var command = connection.CreateCommand())
            {
                command.CommandText =
                    $"INSERT INTO {table} (id, token, number, written) VALUES (1, $token, 1, $written) ON CONFLICT "
                    + $"(id) DO UPDATE SET token = excluded.token, number = number + 1, written = excluded.written";
                command.Parameters.AddWithValue("$token", token);
                command.Parameters.AddWithValue(
                    "$written",
                    time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture)
                );
                command.ExecuteNonQuery();
            }

            var row = ReadRow(connection, table);
            connection.Execute("COMMIT");
            return row;
        }
        catch
        {
            if (SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle!) == 0)
                connection.Execute("ROLLBACK");
            throw;
        }
    }

    /// <summary>The columns of a table, with commas between them; empty when there is no such table.</summary>
    private static string ColumnsOf(SqliteConnection connection, string table) =>
        string.Join(',', connection.Rows($"PRAGMA table_info({table})", row => row.GetString(1)));

    public static async Task RetryWhileBusyAsync(
        Action action,
        TimeSpan maxWait,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        for (var start = time.GetTimestamp(); ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                action();
                return;
            }
            catch (SqliteException e) when (e.SqliteErrorCode is Busy or Locked && time.GetElapsedTime(start) < maxWait)
            {
                await Task.Delay(RetryPause, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    [GeneratedRegex(@"[^/]*(?:sqlite|sqlcipher)[^/]*\.so(?:\.[\d.]+)?$|SQLite\.Interop\.dll$", RegexOptions.IgnoreCase)]
    private static partial Regex NativeLibrary();

    private sealed record LoadedLibraries(string Code, IReadOnlyList<string> Sqlite);
}
