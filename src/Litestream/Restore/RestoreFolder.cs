namespace Litestream.Restore;

/// <summary>
/// The private folder beside the output in which a restore works: on the same volume, so that the last step is a rename. A lock file in it is
/// held as long as its process lives; a folder whose lock is free is what a killed restore left behind.
/// </summary>
internal sealed class RestoreFolder : IDisposable
{
    private const string LockName = "lock";

    private readonly FileStream _lock;

    private RestoreFolder(string path, FileStream @lock)
    {
        Path = path;
        _lock = @lock;
    }

    public string Path { get; }

    /// <exception cref="LitestreamException">LSB0003.</exception>
    public static RestoreFolder Create(string output)
    {
        var parent = System.IO.Path.GetDirectoryName(output)!;
        var path = System.IO.Path.Combine(parent, $"{Prefix(output)}{Guid.NewGuid():n}");
        try
        {
            Directory.CreateDirectory(parent);
            RemoveLeftovers(parent, output);
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(path);
            else
                Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return new RestoreFolder(path, OpenLock(path, FileMode.CreateNew));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException("LSB0003", $"Nothing can be restored into {parent}: {e.Message}", innerException: e);
        }
    }

    public void Dispose()
    {
        _lock.Dispose();
        TryDelete(Path);
    }

    private static string Prefix(string output) => $".{System.IO.Path.GetFileName(output)}.litestream-restore-";

    private static FileStream OpenLock(string folder, FileMode mode) => new(System.IO.Path.Combine(folder, LockName), mode, FileAccess.ReadWrite, FileShare.None);

    private static void RemoveLeftovers(string parent, string output)
    {
        var prefix = Prefix(output);
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
            // The next restore tries again.
        }
    }
}
