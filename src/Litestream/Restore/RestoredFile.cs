using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace Litestream.Restore;

/// <summary>A restored file before it is put in place: whether it is sound, its owner and mode.</summary>
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
    /// <param name="onLine">Gets a line when the check is skipped, or ignores what only the app can read.</param>
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
            if (ScratchDatabase.Damage(connection, full: false, out var note, cancellationToken) is { } damage)
                throw Damaged(request, damage, null);
            if (note.Length > 0)
                Warn($"is incomplete.{note}");
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
            // It could not be read at all, which does not prove damage.
            Warn($"was skipped: {e.Message}");
        }
        catch (Exception e)
            when (e is not LitestreamException and not OperationCanceledException && !LiveDatabase.HasLibrary(out _))
        {
            Warn("was skipped: the app has no SQLite library for Microsoft.Data.Sqlite.");
        }

        // A check that was interrupted at its last row may have answered all the same.
        cancellationToken.ThrowIfCancellationRequested();

        void Warn(string what) =>
            ReplaceTransaction.Say(
                onLine,
                "WARN",
                $"The quick_check of the restored '{request.Database.Path}' {what}"
            );
    }

    public static void Finish(RestoreTarget target, RestoreFolder folder, Action<LogLine>? onLine)
    {
        try
        {
            using var restored = folder.OpenRestored();
            RandomAccess.FlushToDisk(restored);
            TakeOver(target, restored, onLine);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB4007",
                $"The restored file cannot be moved to '{target.File}': {e.Message} No file was changed.",
                innerException: e
            );
        }
    }

    /// <summary>
    /// The restored file gets the owner and the mode of the one that it takes the place of. A new one is
    /// its owner's only; a lost database that root restores is given to whom its folder belongs.
    /// </summary>
    private static void TakeOver(RestoreTarget target, SafeFileHandle restored, Action<LogLine>? onLine)
    {
        if (OperatingSystem.IsWindows())
            return;

        var existing = target.File;
        try
        {
            if (!File.Exists(existing))
            {
                // Release line 0.5 lets others read it, where the umask does.
                File.SetUnixFileMode(restored, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                if (target.IsDatabase && !DatabaseOwner.TryGive(restored, existing))
                {
                    ReplaceTransaction.Say(
                        onLine,
                        "WARN",
                        $"'{existing}' cannot be given to the owner of its folder: if the app runs as another "
                            + $"user, it may not be able to open the file"
                    );
                }

                return;
            }

            var (owner, own) = (UnixCalls.Status(existing, followLinks: false), UnixCalls.Status(restored));
            if (owner is { IsFile: false })
                throw new IOException($"Another process has replaced '{existing}'.");
            if (owner is not null && own is not null && (owner.User, owner.Group) != (own.User, own.Group))
                UnixCalls.ChangeOwner(restored, owner);
            File.SetUnixFileMode(restored, owner?.Mode ?? File.GetUnixFileMode(existing));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new LitestreamException(
                "LSB0003",
                $"The restored file cannot be given to the owner of '{existing}', so the app could not use "
                    + $"it: {e.Message}. No file was changed. Restore as that user, or as root.",
                innerException: e
            );
        }
    }

    /// <summary>
    /// Without the executable's tables it has no number, and what has none continues no lineage.
    /// </summary>
    public static void Detach(string restored, RestoreRequest request)
    {
        try
        {
            LiveDatabase.RemoveIdentity(restored);
        }
        catch (SqliteException e)
        {
            throw new LitestreamException(
                "LSB4003",
                $"The restored copy of '{request.Database.Path}' cannot be detached from its replica: {e.Message} "
                    + $"No file was changed.",
                innerException: e
            );
        }
    }

    private static LitestreamException Damaged(RestoreRequest request, string answer, Exception? e) =>
        new(
            "LSB4003",
            $"The backup of '{request.Database.Path}' in {request.Places} does not give a sound "
                + $"database: {answer}. No file was changed.",
            innerException: e
        );
}
