using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Replication;

/// <summary>The copy of a WAL that is kept from a stop to the next start.</summary>
internal sealed partial class DatabaseChain
{
    private string SavedWal => Path.Combine(database.MetaPath, "wal");

    /// <summary>
    /// Keeps a copy of the WAL beside the database, which has all of it in its file by now: SQLite deletes the WAL when
    /// the last connection closes, and the next litestream would have to send everything
    /// again. Called while a reader of ours stands and no litestream runs.
    /// </summary>
    /// <returns>Whether it was kept: not where it is large, or something was committed meanwhile.</returns>
    public async Task<WalPosition?> SaveWalAsync()
    {
        DeleteSavedWal();
        if (
            FileStamp.Of(database.Path) is not { } file
            || WalFile.LastCommit(_wal) is not { End: <= Thresholds.LargestSavedWal } commit
        )
        {
            return null;
        }

        // So that whatever is written to the file from now on has a later time.
        var wait = new DateTime(file.Modified, DateTimeKind.Utc) + Thresholds.ClockTick - time.GetUtcNow().UtcDateTime;
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait < Thresholds.ClockTick ? wait : Thresholds.ClockTick, time).ConfigureAwait(false);
        try
        {
            WalFile.Copy(_wal, SavedWal, commit.End, database.Path);
            return commit;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether the WAL is small enough to be kept.</summary>
    public bool CanSaveWal => WalFile.LastCommit(_wal) is { End: <= Thresholds.LargestSavedWal };

    /// <summary>Whether nothing has been committed since the WAL was kept.</summary>
    public bool IsSavedWal(WalPosition commit) => WalFile.LastCommit(_wal) == commit;

    /// <summary>
    /// Puts the WAL back that was kept, so that litestream continues where it was. Only where the file is just as it
    /// was left, and no process has opened it since: before the app can.
    /// </summary>
    /// <param name="isAsLeft">Whether the file is as it was left.</param>
    public void PutWalBack(bool isAsLeft)
    {
        try
        {
            var isThere = FileStamp.Of(_wal) is { Size: > 0 } || File.Exists(DatabasePath.Real(database.Path) + "-shm");
            if (isAsLeft && !isThere && File.Exists(SavedWal))
            {
                File.Delete(_wal);
                File.Move(SavedWal, _wal, overwrite: false);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full copy is sent instead.
        }

        DeleteSavedWal();
    }

    public void DeleteSavedWal()
    {
        try
        {
            File.Delete(SavedWal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is used for nothing without a remembered file that is just the same.
        }
    }
}
