using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>
/// Database files in private folders for temporary files: restored or copied, looked at and thrown away.
/// </summary>
internal static class ScratchDatabase
{
    private const int Corrupt = 11;
    private const int NotADatabase = 26;
    private const string Name = ".litestream-scratch";

    /// <summary>A private folder for temporary files. What killed processes left there goes.</summary>
    /// <exception cref="LitestreamException">LSB0003: it cannot be made.</exception>
    public static LeasedDirectory CreateFolder()
    {
        // Others write there too: nothing in it is followed.
        var temp = Path.GetTempPath();
        LeasedDirectory.RemoveLeftovers(temp, Name);
        try
        {
            return LeasedDirectory.Create(temp, Name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"The folder for temporary files '{temp}' cannot be written to: {e.Message}",
                innerException: e
            );
        }
    }

    /// <summary>Opens a restored file, which nothing else uses.</summary>
    public static SqliteConnection Open(string path) => SqliteAccess.ReadWrite(path);

    /// <summary>What is wrong with the file; null when it is sound.</summary>
    /// <param name="connection">A connection to it.</param>
    /// <param name="full"><c>integrity_check</c> rather than <c>quick_check</c>.</param>
    /// <param name="note">A sentence, with a space before it, about tables that cannot be checked here, for the lack of
    /// a collation, function or module that only the app has; else empty.</param>
    /// <param name="cancellationToken">Interrupts the check.</param>
    /// <exception cref="SqliteException">It cannot be read at all.</exception>
    public static string? Damage(
        SqliteConnection connection,
        bool full,
        out string note,
        CancellationToken cancellationToken
    )
    {
        var check = full ? "PRAGMA integrity_check" : "PRAGMA quick_check";
        note = "";
        using var interrupt = new Interruption(connection, cancellationToken);
        try
        {
            try
            {
                return Answer($"{check}(1)");
            }
            catch (SqliteException e) when (LiveDatabase.LacksWhatTheAppHas(e))
            {
                // One such table stops the check of all: they are checked one by one.
            }

            var left = new List<string>();
            var tables = connection.Rows(
                "SELECT name FROM sqlite_master WHERE type = 'table'",
                row => row.GetString(0),
                cancellationToken: cancellationToken
            );
            foreach (var table in tables)
            {
                try
                {
                    if (Answer($"{check}({SqliteAccess.Quote(table)})") is { } damage)
                        return damage;
                }
                catch (SqliteException e) when (LiveDatabase.LacksWhatTheAppHas(e))
                {
                    left.Add($"{table} ({e.Message.TrimEnd('.')})");
                }
            }

            note =
                left.Count == 0
                    ? ""
                    : $" The integrity of these tables could not be checked without the "
                        + $"app: {string.Join(", ", left)}.";
            return null;
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Corrupt or NotADatabase)
        {
            return e.Message;
        }

        string? Answer(string sql)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var answer = connection.Scalar(sql) as string;
            return string.Equals(answer, "ok", StringComparison.Ordinal) ? null : answer ?? "no answer";
        }
    }
}
