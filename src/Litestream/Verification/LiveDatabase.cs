using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Litestream.Verification;

/// <summary>The database cannot be used for a verification; the message says why and what to do.</summary>
internal sealed class UnusableDatabaseException(string code, string message, Exception? inner = null) : LitestreamException(code, message, innerException: inner);

/// <summary>What a verification put into a database, and what stood in it then.</summary>
/// <param name="Token">The token in the verification's row; null when nothing was written.</param>
/// <param name="Mark">Where the state stands in the WAL; null when there is no WAL (yet).</param>
/// <param name="IsExact">Whether <paramref name="Mark"/> is just that state's place, or one at or after it.</param>
/// <param name="RowCounts">The rows of each table of the app at <paramref name="Mark"/>; null when not counted.</param>
/// <param name="Time">When it was written.</param>
internal sealed record Sentinel(string? Token, WalMark? Mark, bool IsExact, IReadOnlyDictionary<string, long>? RowCounts, DateTimeOffset Time);

/// <summary>
/// The only place that opens the app's database: through the SQLite library of the app, never a file that is not there, without a pool, without ever
/// starting a checkpoint (a second process that does so is what breaks SQLite before 3.51.3, and what a closing last connection would do).
/// </summary>
internal static class LiveDatabase
{
    public const string Table = "_litestream_verification";

    private const int Busy = 5;
    private const int Locked = 6;
    private const int NotADatabase = 26;
    private const int NoCheckpointOnClose = 1006;

    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(10);

    /// <summary>Writes the row (when there is a token) and notes where that stands.</summary>
    /// <param name="database">The database file.</param>
    /// <param name="token">The row's token; null writes nothing.</param>
    /// <param name="count">Whether to count the rows of the app's tables, in a read snapshot that blocks nobody.</param>
    /// <param name="patience">How long to wait for writers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Interrupts the counting too.</param>
    /// <exception cref="LitestreamException">LSB4104, LSB4105.</exception>
    public static Task<Sentinel> MarkAsync(string database, string? token, bool count, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken) =>
        Task.Run(() => UseAsync(database, async connection =>
        {
            if (token is not null)
                await PatientlyAsync(() => Write(connection, token, time), patience, time, cancellationToken).ConfigureAwait(false);
            var written = time.GetUtcNow();
            var wal = WalFile.PathOf(database);
            if (!count)
                return new Sentinel(token, WalFile.LastCommit(wal), false, null, written);

            // While a connection holds the write lock no commit is half done: the snapshot that another one takes then is the last commit in the file.
            WalMark? mark;
            using (var guard = Open(database))
            {
                await PatientlyAsync(() => Execute(guard, "BEGIN IMMEDIATE"), patience, time, cancellationToken).ConfigureAwait(false);
                try
                {
                    Execute(connection, "BEGIN");
                    Scalar(connection, "SELECT count(*) FROM sqlite_master");
                    mark = WalFile.LastCommit(wal);
                }
                finally
                {
                    Execute(guard, "ROLLBACK");
                }
            }

            var counts = CountRows(connection, cancellationToken);
            Execute(connection, "COMMIT");
            return new Sentinel(token, mark, mark is not null, counts, written);
        }), cancellationToken);

    /// <summary>The rows of each table of the app: those of SQLite, of the executable and of the verification left out, virtual ones by their shadow tables.</summary>
    public static IReadOnlyDictionary<string, long> CountRows(SqliteConnection connection, CancellationToken cancellationToken)
    {
        using var interrupt = cancellationToken.Register(() => SQLitePCL.raw.sqlite3_interrupt(connection.Handle!));
        try
        {
            var tables = new List<string>();
            using (var command = connection.CreateCommand())
            {
                command.CommandText = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_litestream\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%'";
                using var reader = command.ExecuteReader();
                while (reader.Read())
                    tables.Add(reader.GetString(0));
            }

            var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
            foreach (var table in tables)
            {
                cancellationToken.ThrowIfCancellationRequested();
                counts[table] = Convert.ToInt64(Scalar(connection, $"SELECT count(*) FROM \"{table.Replace("\"", "\"\"", StringComparison.Ordinal)}\""), CultureInfo.InvariantCulture);
            }

            return counts;
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    public static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>Whether the app brings a SQLite library for Microsoft.Data.Sqlite.</summary>
    public static bool HasLibrary()
    {
        try
        {
            return SQLitePCL.raw.sqlite3_libversion_number() > 0;
        }
#pragma warning disable CA1031 // It throws a bare Exception when there is none.
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }

    private static async Task<Sentinel> UseAsync(string database, Func<SqliteConnection, Task<Sentinel>> use)
    {
        if (!File.Exists(database))
            throw new UnusableDatabaseException("LSB4105", $"There is no database {database}.{(Directory.Exists(database) ? " It is a folder." : "")} Check its path; a verification never creates one.");
        if (!HasLibrary())
            throw new UnusableDatabaseException("LSB4104", "The app brings no SQLite library for Microsoft.Data.Sqlite (such as SQLitePCLRaw.bundle_e_sqlite3), so only the level Position can be verified inside it.");
        try
        {
            using var connection = Open(database);
            return await use(connection).ConfigureAwait(false);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == NotADatabase)
        {
            throw new UnusableDatabaseException("LSB4105", $"{database} is no SQLite database that can be read here: it is encrypted, or something else. Litestream cannot replicate it either.", e);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Busy or Locked)
        {
            throw new UnusableDatabaseException("LSB4105", $"{database} was locked by another process all the time: {e.Message} Look for a transaction that is never ended, or give the verification more time.", e);
        }
        catch (SqliteException e)
        {
            throw new UnusableDatabaseException("LSB4105", $"The verification's row cannot be written to {database}: {e.Message} Where nothing may be written, verify without it (Verification:Write=false).", e);
        }
    }

    private static SqliteConnection Open(string database)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = database, Mode = SqliteOpenMode.ReadWrite, Pooling = false, DefaultTimeout = 1 }.ToString());
        try
        {
            connection.Open();
            SQLitePCL.raw.sqlite3_db_config(connection.Handle!, NoCheckpointOnClose, 1, out _);
            Execute(connection, "PRAGMA busy_timeout = 200; PRAGMA wal_autocheckpoint = 0");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Write(SqliteConnection connection, string token, TimeProvider time)
    {
        Execute(connection, "BEGIN IMMEDIATE");
        try
        {
            Execute(connection, $"CREATE TABLE IF NOT EXISTS {Table} (id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT NOT NULL, written TEXT NOT NULL)");
            using (var command = connection.CreateCommand())
            {
                command.CommandText = $"INSERT INTO {Table} (id, token, written) VALUES (1, $token, $written) ON CONFLICT (id) DO UPDATE SET token = excluded.token, written = excluded.written";
                command.Parameters.AddWithValue("$token", token);
                command.Parameters.AddWithValue("$written", time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture));
                command.ExecuteNonQuery();
            }

            Execute(connection, "COMMIT");
        }
        catch
        {
            if (SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle!) == 0)
                Execute(connection, "ROLLBACK");
            throw;
        }
    }

    private static async Task PatientlyAsync(Action action, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var start = time.GetTimestamp(); ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                action();
                return;
            }
            catch (SqliteException e) when (e.SqliteErrorCode is Busy or Locked && time.GetElapsedTime(start) < patience)
            {
                await Task.Delay(RetryPause, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
