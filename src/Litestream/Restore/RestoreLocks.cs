using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;

namespace Litestream.Restore;

/// <summary>Keeps a restore from a place where others are at work.</summary>
internal static class RestoreLocks
{
    private static readonly TimeSpan StartOfProcess = TimeSpan.FromMilliseconds(500);

    /// <summary>Refuses what <see cref="Acquire"/> would refuse, and takes nothing.</summary>
    /// <exception cref="LitestreamException">LSB4006.</exception>
    public static void Refuse(RestoreTarget target, RestoreRequest request)
    {
        foreach (var path in LockedPaths(target, request))
        {
            var record = DatabaseLock.Peek(path);
            if (record.App?.IsRunning() == true)
                throw Held(path, record);
            RefuseOrphan(path, record);
        }
    }

    /// <summary>
    /// The lock of the place is taken under the name that its app knows, and, where that is a link, under the name that
    /// it leads to.
    /// </summary>
    private static IEnumerable<string> LockedPaths(RestoreTarget target, RestoreRequest request) =>
        new[] { target.Named, target.File }
            .Distinct(StringComparer.Ordinal)
            .Where(path => path != request.HeldLock?.DatabasePath);

    /// <exception cref="LitestreamException">LSB4006: another process holds it, or left a replicator;
    /// LSB0003.</exception>
    public static DatabaseLocks Acquire(RestoreTarget target, RestoreRequest request)
    {
        var paths = LockedPaths(target, request).ToList();
        var locks = DatabaseLocks.TryAcquire(paths, out var path, out var holder) ?? throw Held(path, holder);
        try
        {
            // Its record stays: it is what the next start of the app ends it by.
            foreach (var (_, found) in locks.Found)
                RefuseOrphan(target.Named, found);
            locks.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null));
            return locks;
        }
        catch
        {
            locks.Dispose();
            throw;
        }
    }

    private static LitestreamException Held(string path, LockRecord holder)
    {
        if (holder.App is not { } app || !app.IsRunning())
        {
            return new LitestreamException(
                "LSB4006",
                $"Another process replicates or restores '{path}': it holds '{DatabaseLock.PathFor(path)}'. End it "
                    + $"and restore again, or restore to another file."
            );
        }

        var does = holder.Replicator is { } replicator
            ? $"replicates '{path}' (with litestream, process {replicator.ProcessId})"
            : $"restores or begins to replicate '{path}'";
        return new LitestreamException(
            "LSB4006",
            app.ProcessId == Environment.ProcessId
                ? $"This process itself {does}. Restore to another file, or in place while its host is not running."
                : $"Process {app.ProcessId} ({app.Executable}) {does}. Stop that app (`kill {app.ProcessId}`) and "
                    + $"restore again, or restore to another file."
        );
    }

    /// <exception cref="LitestreamException">LSB4006.</exception>
    private static void RefuseOrphan(string path, LockRecord record)
    {
        if (record.LivingReplicators.FirstOrDefault() is { } orphan)
        {
            throw new LitestreamException(
                "LSB4006",
                $"The app has ended, but its litestream (process {orphan.ProcessId}, {orphan.Executable}) still "
                    + $"replicates '{path}'. End it with `kill {orphan.ProcessId}`, which lets it send the last "
                    + $"commits, and restore again, or restore to another file."
            );
        }
    }

    /// <exception cref="LitestreamException">LSB4006.</exception>
    public static void RefuseOpen(RestoreTarget target, Action<LogLine>? onLine)
    {
        var unseen = 0;
        IReadOnlyList<DatabaseUser>? users = null;

        // A process that is just being started has the files of its parent for a moment.
        SpinWait.SpinUntil(
            () => (users = OpenDatabases.Find(target.File, out unseen)) is null or { Count: 0 },
            StartOfProcess
        );
        if (users is null)
        {
            ReplaceTransaction.Say(
                onLine,
                "WARN",
                $"This system does not show whether a process has '{target.File}' open: make sure that none has"
            );
            return;
        }

        if (unseen > 0)
        {
            ReplaceTransaction.Say(
                onLine,
                "INFO",
                $"{unseen} processes of other users could not be inspected; one of them that has '{target.File}' "
                    + $"open is detected only in WAL mode"
            );
        }

        if (users.Count == 0)
            return;

        var what = users.Select(user =>
            user.Id == Environment.ProcessId
                ? $"this process itself ({user.Id}) has '{user.File}' open"
                : $"process {user.Id} ({user.Name}) has '{user.File}' open"
        );
        var others = users.Where(user => user.Id != Environment.ProcessId).Select(user => user.Id).ToList();
        var stop =
            others.Count == 0
                ? "Close its connections (SqliteConnection.ClearAllPools() for pooled ones)"
                : $"End {(others.Count == 1 ? "it" : "them")} (`kill {string.Join(' ', others)}`)";
        throw new LitestreamException(
            "LSB4006",
            $"'{target.File}' cannot be replaced while it is in use: {string.Join("; ", what)}. {stop} and restore "
                + $"again, or restore to another file."
        );
    }
}
