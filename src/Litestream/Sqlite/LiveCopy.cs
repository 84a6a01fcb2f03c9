using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Litestream.Sqlite;

/// <summary>
/// How long a reader of ours may stand in a live database. While it stands, the WAL cannot begin anew; once the WAL is
/// as long as release line 0.3 lets it become, litestream waits for readers
/// with the write lock in its hand, and the app waits for litestream.
/// </summary>
/// <param name="Longest">After this time it ends in any case.</param>
/// <param name="WalPages">When the WAL has come to this length while it stands, it ends too.</param>
internal sealed record ReaderLimit(TimeSpan Longest, long WalPages)
{
    /// <summary>As long as this it stands in any case: one that ends at once gets nothing done.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(250);

    /// <summary>The limit for a database.</summary>
    /// <param name="maxCheckpointPages">The length of the WAL at which litestream waits for readers.</param>
    public static ReaderLimit Of(int maxCheckpointPages) => new(TimeSpan.FromSeconds(4), maxCheckpointPages * 3L / 4);

    /// <summary>Whether the reader has to end.</summary>
    /// <param name="elapsed">Since it began.</param>
    /// <param name="pagesThen">The length of the WAL when it began.</param>
    /// <param name="pagesNow">The length of the WAL now.</param>
    public bool IsReached(TimeSpan elapsed, long pagesThen, long pagesNow) =>
        elapsed >= Longest || (elapsed >= Shortest && pagesNow > pagesThen && pagesNow >= WalPages);
}

/// <summary>
/// A copy of a live database, page by page, in a private folder, to be compared with what is restored later. SQLite's
/// backup makes it, in read transactions of limited length; when nothing
/// is committed between two of them it continues where it was, else from the beginning.
/// </summary>
internal sealed class LiveCopy : IDisposable
{
    /// <summary>Why a database has no copy to which litestream has not come yet.</summary>
    public const string NotInWalMode = "the database is not in WAL mode, so reading it would block the app";

    private const int PagesPerStep = 256;
    private const int MostBeginnings = 5;
    private const int BusyTimeout = 200;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    private readonly LeasedDirectory _folder;

    private LiveCopy(LeasedDirectory folder) => _folder = folder;

    /// <summary>Its file.</summary>
    public string Path => System.IO.Path.Combine(_folder.Path, "live.db");

    /// <summary>The last commit that is in it; null when there was no WAL.</summary>
    public WalPosition? Mark { get; private set; }

    /// <summary>How long the longest read transaction was.</summary>
    public TimeSpan LongestReader { get; private set; }

    public void Dispose() => _folder.Dispose();

    /// <summary>Opens the copy.</summary>
    public SqliteConnection Open() => SqliteAccess.ReadOnly(SqliteAccess.Uri(Path, "immutable=1"));

    /// <summary>Compares the content with that of a restored file, which nothing else uses.</summary>
    /// <param name="restored">Its path.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Interrupts it.</param>
    /// <exception cref="SqliteException">One of them cannot be read.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ContentComparison CompareWith(string restored, ContentOptions options, CancellationToken cancellationToken)
    {
        using var one = Open();
        using var other = ScratchDatabase.Open(restored);
        return DatabaseContent.CompareImages(one, Path, other, restored, cancellationToken)
            ?? DatabaseContent.Compare(one, other, options with { ArePrivate = true }, cancellationToken);
    }

    /// <summary>
    /// The same by pages alone, which is quick: null where they differ, which says nothing about the rows.
    /// </summary>
    /// <inheritdoc cref="CompareWith(string, ContentOptions, CancellationToken)" />
    public ContentComparison? ComparePages(string restored, CancellationToken cancellationToken)
    {
        using var one = Open();
        using var other = ScratchDatabase.Open(restored);
        return DatabaseContent.CompareImages(one, Path, other, restored, cancellationToken);
    }

    /// <summary>Adds what was committed since, up to a place in the same WAL.</summary>
    /// <param name="database">The database that was copied.</param>
    /// <param name="to">The end of a later commit.</param>
    /// <returns>False when the WAL is another one by now; the copy is as it was then.</returns>
    /// <exception cref="LitestreamException">LSB0003: it cannot be written to, and is of no use any more.</exception>
    public bool RollForward(string database, WalPosition to)
    {
        try
        {
            if (Mark is not { } mark || !WalFile.ApplyTo(WalFile.PathOf(database), mark, to, Path))
                return false;
        }
        catch (IOException e)
        {
            throw new LitestreamException(
                "LSB0003",
                $"The copy of '{database}' in the folder for temporary files cannot be written to: {e.Message}",
                innerException: e
            );
        }

        Mark = to;
        return true;
    }

    /// <summary>Makes one.</summary>
    /// <param name="database">The database file.</param>
    /// <param name="limit">How long a read transaction may be.</param>
    /// <param name="maxWait">How long to wait for writers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The copy; or null, and why there is none, as the rest of a sentence.</returns>
    /// <exception cref="SqliteException">The database cannot be read, or was locked for too long.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static async Task<(LiveCopy? Copy, string Why)> TakeAsync(
        string database,
        ReaderLimit limit,
        TimeSpan maxWait,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        LiveCopy? copy = null;
        try
        {
            copy = new LiveCopy(ScratchDatabase.CreateFolder());
            var why = await copy.FillAsync(database, limit, maxWait, time, cancellationToken).ConfigureAwait(false);
            if (why is null)
                return (copy, "");
            copy.Dispose();
            return (null, why);
        }
        catch (LitestreamException e)
        {
            copy?.Dispose();
            return (null, e.Diagnostic.Message);
        }
        catch
        {
            copy?.Dispose();
            throw;
        }
    }

    private async Task<string?> FillAsync(
        string database,
        ReaderLimit limit,
        TimeSpan maxWait,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        using var source = LiveDatabase.Open(database);
        if (source.Scalar("PRAGMA journal_mode") is not "wal")
            return NotInWalMode;
        if (ScratchRoom.Missing(Mounts.Free(_folder.Path), new FileInfo(database).Length) is { } missing)
            return $"the folder for temporary files '{System.IO.Path.GetTempPath()}' {missing}";
        using var target = SqliteAccess.Open(Path, SqliteOpenMode.ReadWriteCreate);
        target.Execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE");
        raw.sqlite3_busy_timeout(source.Handle!, BusyTimeout);

        using var backup = raw.sqlite3_backup_init(target.Handle!, "main", source.Handle!, "main");
        var wal = WalFile.PathOf(database);
        var pageSize = source.Scalar("PRAGMA page_size") as long? ?? 4096;
        for (var beginnings = 0; ;)
        {
            // A WAL may be long, and the write lock is held while its end is looked for: what is there already is read
            // before.
            var known = WalFile.LastCommit(wal);
            WalPosition? mark = null;
            using (var guard = LiveDatabase.Open(database))
            {
                // While a connection holds the write lock no commit is half done: the snapshot that another one takes
                // then is the last commit in the file.
                void Lock() => guard.Execute("BEGIN IMMEDIATE");
                await LiveDatabase.RetryWhileBusyAsync(Lock, maxWait, time, cancellationToken).ConfigureAwait(false);
                try
                {
                    source.Execute("BEGIN");
                    source.Scalar("SELECT count(*) FROM sqlite_master");
                    mark = EndFor(database, WalFile.LastCommit(wal, known), pageSize);
                }
                finally
                {
                    guard.Execute("ROLLBACK");
                }
            }

            var start = time.GetTimestamp();
            if (beginnings == 0 || mark != Mark)
                beginnings++;
            Mark = mark;
            int result;
            try
            {
                result = Steps(backup, limit, wal, pageSize, start, time, cancellationToken);
            }
            finally
            {
                source.Execute("ROLLBACK");
                var elapsed = time.GetElapsedTime(start);
                LongestReader = elapsed > LongestReader ? elapsed : LongestReader;
            }

            if (result == raw.SQLITE_DONE)
                return null;
            if (result == raw.SQLITE_FULL || (result & 0xff) == raw.SQLITE_IOERR)
            {
                var error = raw.sqlite3_errstr(result).utf8_to_string();
                return $"a copy of the database could not be written to '{System.IO.Path.GetTempPath()}' ({error})";
            }

            if (result is not (raw.SQLITE_OK or raw.SQLITE_BUSY or raw.SQLITE_LOCKED))
                SqliteException.ThrowExceptionForRC(result, target.Handle!);
            if (beginnings >= MostBeginnings)
                return "the database changes all the time and is so large that copying it would block the app";

            await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// A writer that was killed may have left a commit in the file that SQLite does not see: the copy does not hold it.
    /// (No
    /// frame at all: the WAL begins anew with the next commit, and the file is still that of before.)
    /// </summary>
    private static WalPosition? EndFor(string database, WalPosition? mark, long pageSize)
    {
        if (mark is null || LiveDatabase.WalFrames(database) is not (> 0 and var frames))
            return mark;
        var end = WalFile.EndOf(frames, pageSize);
        return end < mark.End ? mark with { End = end } : mark;
    }

    private int Steps(
        sqlite3_backup backup,
        ReaderLimit limit,
        string wal,
        long pageSize,
        long start,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var end = Mark;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var result = raw.sqlite3_backup_step(backup, PagesPerStep);
            if (result != raw.SQLITE_OK)
                return result;
            end = WalFile.LastCommit(wal, end);
            if (limit.IsReached(time.GetElapsedTime(start), Pages(Mark), Pages(end)))
                return raw.SQLITE_OK;
        }

        long Pages(WalPosition? mark) => (mark?.End ?? 0) / pageSize;
    }
}
