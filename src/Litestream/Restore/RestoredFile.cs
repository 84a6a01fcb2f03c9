using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Restore;

/// <summary>Whether a restored file is a sound database.</summary>
internal static class RestoredFile
{
    private const int Corrupt = 11;
    private const int NotADatabase = 26;

    /// <summary>
    /// Only the library that the app itself uses may look: see the provider of SQLitePCL. The connection closes the
    /// file for good (no pool) and changes nothing.
    /// </summary>
    /// <param name="restored">The file.</param>
    /// <param name="request">What was restored.</param>
    /// <param name="onLine">Hears of it when the check is skipped.</param>
    /// <param name="cancellationToken">Interrupts the check, which reads the whole file.</param>
    /// <exception cref="LitestreamException">LSB4003: it is damaged.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static void Check(
        string restored,
        RestoreRequest request,
        Action<LogLine>? onLine,
        CancellationToken cancellationToken
    )
    {
        try
        {
            using var connection = new SqliteConnection(
                new SqliteConnectionStringBuilder
                {
                    DataSource = restored,
                    Mode = SqliteOpenMode.ReadOnly,
                    Pooling = false,
                }.ToString()
            );
            connection.Open();
            using var interrupt = new Interruption(connection, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            var answer = connection.Scalar("PRAGMA quick_check(1)") as string;
            if (!string.Equals(answer, "ok", StringComparison.Ordinal))
                throw Damaged(request, answer ?? "no answer", null);
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Corrupt or NotADatabase)
        {
            throw Damaged(request, e.Message, e);
        }
        catch (SqliteException e)
        {
            // A collation or a module that only the app has: no proof of damage.
            Skip(e.Message);
        }
        catch (Exception e)
            when (e is not LitestreamException and not OperationCanceledException && !LiveDatabase.HasLibrary(out _))
        {
            Skip("the app brings no SQLite library for Microsoft.Data.Sqlite.");
        }

        // A check that was interrupted at its last row may have answered all the same.
        cancellationToken.ThrowIfCancellationRequested();

        void Skip(string why) =>
            FileSwap.Say(onLine, "WARN", $"quick_check of the restored {request.Database.Path} was skipped: {why}");
    }

    private static LitestreamException Damaged(RestoreRequest request, string answer, Exception? e) =>
        new(
            "LSB4003",
            $"The backup of {request.Database.Path} in {RestoreCommand.Places(request)} does not give a sound "
                + $"database: "
                + $"{answer}. Nothing was put in place.",
            innerException: e
        );
}
