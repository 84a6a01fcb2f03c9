using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting;

/// <summary>A statement of the app that ended in "database is locked".</summary>
/// <param name="Open">The databases in WAL mode that the app had open then; null where that is unknown.</param>
internal sealed record LockError(IReadOnlyList<OpenFile>? Open)
{
    /// <summary>Whether it may have been about a database.</summary>
    public bool MayConcern(string path) =>
        Open is null
        || Open.Any(file =>
            file.Path == DatabasePath.Real(path)
            || (file.Identity is { } identity && identity == UnixCalls.Status(path)?.Identity)
        );
}

/// <summary>
/// Notices that a statement of the app ended in "database is locked". An app that sets a rollback journal while
/// litestream holds its lock on the database sees nothing else, and nothing
/// outside of the app does.
/// </summary>
internal sealed class LockErrorWatch : IDisposable
{
    private const int Busy = 5;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);

    private LockError? _seen;

    // Read and written by any thread that throws: two at once look twice.
    private long _seenAt;

    public LockErrorWatch() => AppDomain.CurrentDomain.FirstChanceException += OnException;

    /// <summary>The last such error since it was last asked; null when there was none.</summary>
    public LockError? Take() => Interlocked.Exchange(ref _seen, null);

    public void Dispose() => AppDomain.CurrentDomain.FirstChanceException -= OnException;

    /// <summary>Whether an exception of one of SQLite's providers says so.</summary>
    public static bool IsLockError(Exception exception) =>
        exception switch
        {
            SqliteException { SqliteErrorCode: Busy } => true,
            _ => exception.GetType().FullName == "System.Data.SQLite.SQLiteException"
                && exception.Message.Contains("database is locked", StringComparison.OrdinalIgnoreCase),
        };

    private void OnException(object? sender, FirstChanceExceptionEventArgs e)
    {
        try
        {
            // Our own connections wait briefly and try again: that says nothing about the app.
            if (
                !IsLockError(e.Exception)
                || (Volatile.Read(ref _seenAt) is not 0 and var at && Stopwatch.GetElapsedTime(at) < ShortestPause)
                || new StackTrace(fNeedFileInfo: false)
                    .ToString()
                    .Contains("Litestream.Sqlite.", StringComparison.Ordinal)
            )
            {
                return;
            }

            Volatile.Write(ref _seenAt, Stopwatch.GetTimestamp());
            Volatile.Write(
                ref _seen,
                new LockError(OpenSqliteFiles.OfThisProcess() is { } files ? OpenSqliteFiles.Find(files) : null)
            );
        }
        catch (Exception)
        {
            // Whatever goes wrong here must not come in the way of the app's own exception.
        }
    }
}
