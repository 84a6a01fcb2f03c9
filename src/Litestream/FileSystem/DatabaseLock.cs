using System.Runtime.Versioning;
using Litestream.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Litestream.FileSystem;

/// <summary>
/// One replicator per database, across processes: an exclusive lock on a file of our own beside the database, which the
/// system releases when the process
/// dies. Two replicators on one database destroy its replica. The file stays where it is: a lock file that is deleted
/// can be locked twice.
/// </summary>
internal sealed class DatabaseLock : IDisposable
{
    /// <summary>What is longer was not written by this library, and is not a record.</summary>
    private const int LongestRecord = 1 << 20;

    private readonly SafeFileHandle _file;

    private DatabaseLock(SafeFileHandle file, string databasePath, LockRecord found)
    {
        _file = file;
        DatabasePath = databasePath;
        Found = found;
    }

    public string DatabasePath { get; }

    /// <summary>What the holder before us left behind.</summary>
    public LockRecord Found { get; }

    public static string PathFor(string databasePath) =>
        Path.Combine(Path.GetDirectoryName(databasePath)!, $".{Path.GetFileName(databasePath)}-litestream.lock");

    /// <summary>Takes the lock, or returns null and the record of the process that holds it.</summary>
    /// <exception cref="LitestreamException">LSB0003: the lock file cannot be created or written.</exception>
    public static DatabaseLock? TryAcquire(string databasePath, out LockRecord holder)
    {
        holder = LockRecord.Empty;
        var path = PathFor(databasePath);
        try
        {
            DatabaseOwner.CreateFolder(Path.GetDirectoryName(path)!);
            var file = OperatingSystem.IsWindows() ? OpenOnWindows(path) : OpenOnUnix(path, databasePath);
            if (file is null)
                return null;

            if (!OperatingSystem.IsWindows() && !UnixCalls.TryLock(file))
            {
                using (file)
                    holder = ReadRecord(file);

                return null;
            }

            return new DatabaseLock(file, databasePath, ReadRecord(file));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB0003",
                $"The lock file of the database cannot be written: {exception.Message} The app needs write access "
                    + $"to the folder of a replicated database.",
                path,
                innerException: exception
            );
        }
    }

    /// <summary>
    /// The record of a database, without taking its lock or creating it; empty where there is none, or where the system
    /// lets no other process read it (Windows, while it is held).
    /// </summary>
    public static LockRecord Peek(string databasePath)
    {
        try
        {
            // Not by .NET's own means on Unix: an open for reading takes a shared lock there, which fails while the
            // lock is held, and keeps others from it while it is free.
            var path = PathFor(databasePath);
            using var file = OperatingSystem.IsWindows()
                ? NonDatabaseFile.OpenHandle(
                    path,
                    FileMode.Open,
                    FileAccess.Read,
                    FileShare.ReadWrite | FileShare.Delete
                )
                : UnixCalls.OpenWithoutLink(path);
            return file is null || ReadRecord(file) is not { IsTorn: false } record ? LockRecord.Empty : record;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return LockRecord.Empty;
        }
    }

    /// <summary>
    /// Replaces the record. Litestreams that were found and have not ended yet stay in it: should this process be
    /// killed, the next one has to know them.
    /// </summary>
    public void Write(LockRecord record)
    {
        if (Found.LivingReplicators.ToList() is { Count: > 0 } orphans)
            record = record with { Orphans = orphans };

        var content = record == LockRecord.Empty ? [] : record.ToUtf8();

        // In this order, so that a record still finds its place when the disk is full.
        RandomAccess.Write(_file, content, 0);
        RandomAccess.SetLength(_file, content.Length);
    }

    public void Dispose()
    {
        if (!OperatingSystem.IsWindows() && !_file.IsClosed)
            UnixCalls.Unlock(_file);
        _file.Dispose();
    }

    private static SafeFileHandle? OpenOnWindows(string path)
    {
        try
        {
            return NonDatabaseFile.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when ((exception.HResult & 0xFFFF) == 32)
        {
            return null;
        }
    }

    [UnsupportedOSPlatform("windows")]
    private static SafeFileHandle OpenOnUnix(string path, string databasePath)
    {
        if (!File.Exists(path))
        {
            try
            {
                using var created = NonDatabaseFile.Open(
                    path,
                    new FileStreamOptions
                    {
                        Mode = FileMode.CreateNew,
                        Access = FileAccess.Write,
                        Share = FileShare.ReadWrite,
                        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                    }
                );
                DatabaseOwner.TryGive(created.SafeFileHandle, databasePath);
            }
            catch (IOException) when (File.Exists(path))
            {
                // Another process was faster.
            }
        }

        var file = UnixCalls.OpenWithoutLink(path, forWriting: true);
        var status = file is null ? UnixCalls.Status(path, followLinks: false) : UnixCalls.Status(file);
        if (file is null || status is { IsFile: false } or { Names: > 1 })
        {
            file?.Dispose();
            var owner = status is null
                ? ""
                : FormattableString.Invariant($"; it belongs to the user with id {status.User}");
            throw new UnauthorizedAccessException(
                status is null or { IsFile: true, Names: 1 }
                    ? $"It cannot be opened for writing{owner}."
                    : "It is a symbolic link or a hard link."
            );
        }

        // Left as root's by an earlier version, or by a root that was killed just here. What holds something else is
        // not ours.
        if (
            Environment.IsPrivilegedProcess
            && status is not null
            && UnixCalls.IsOwn(status)
            && (
                RandomAccess.GetLength(file) == 0
                || (ReadRecord(file) is { IsTorn: false } record && record != LockRecord.Empty)
            )
        )
        {
            DatabaseOwner.TryGive(file, databasePath);
        }

        return file;
    }

    /// <summary>Reads all of it: the names of executables may be long, and orphans many.</summary>
    private static LockRecord ReadRecord(SafeFileHandle file)
    {
        var buffer = new byte[Math.Clamp(RandomAccess.GetLength(file), 0, LongestRecord)];
        var length = 0;
        while (length < buffer.Length && RandomAccess.Read(file, buffer.AsSpan(length), length) is var read and > 0)
            length += read;
        return length == 0 ? LockRecord.Empty : LockRecord.Parse(buffer.AsMemory(0, length));
    }
}
