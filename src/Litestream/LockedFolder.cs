namespace Litestream;

/// <summary>
/// A folder that only this user can look into and that goes with its process: a lock file in it is held as long as the process lives, so a folder
/// of the same name whose lock is free is what a killed process left behind.
/// </summary>
internal sealed class LockedFolder : IDisposable
{
    private const string LockName = "lock";

    private readonly FileStream _lock;

    private LockedFolder(string path, FileStream @lock)
    {
        Path = path;
        _lock = @lock;
    }

    public string Path { get; }

    /// <summary>Makes one, and the folder that it lies in; removes what killed processes left there under this name.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public static LockedFolder Create(string parent, string prefix)
    {
        Directory.CreateDirectory(parent);
        RemoveLeftovers(parent, prefix);
        var path = System.IO.Path.Combine(parent, $"{prefix}{Guid.NewGuid():n}");
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new LockedFolder(path, OpenLock(path, FileMode.CreateNew));
    }

    public void Dispose()
    {
        _lock.Dispose();
        TryDelete(Path);
    }

    private static FileStream OpenLock(string folder, FileMode mode) => new(System.IO.Path.Combine(folder, LockName), mode, FileAccess.ReadWrite, FileShare.None);

    private static void RemoveLeftovers(string parent, string prefix)
    {
        foreach (var folder in Directory.EnumerateDirectories(parent).Where(d => System.IO.Path.GetFileName(d).StartsWith(prefix, StringComparison.Ordinal)))
        {
            try
            {
                OpenLock(folder, FileMode.Open).Dispose();
            }
            catch (FileNotFoundException) when (Directory.GetCreationTimeUtc(folder) < DateTime.UtcNow.AddMinutes(-1))
            {
                // Killed before it had its lock.
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue;
            }

            TryDelete(folder);
        }
    }

    private static void TryDelete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next one to start tries again.
        }
    }
}
