namespace Litestream.Replication;

/// <summary>A temporary folder that only this user can look into, deleted with all that is in it.</summary>
internal sealed class PrivateFolder : IDisposable
{
    private const string Prefix = "litestream-";

    private PrivateFolder(string path) => Path = path;

    public string Path { get; }

    /// <summary>In the system's temporary folder, or, where that cannot be written (a read-only root file system), in the folder given.</summary>
    public static PrivateFolder Create(string fallback)
    {
        try
        {
            return new PrivateFolder(Directory.CreateTempSubdirectory(Prefix).FullName);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            var path = System.IO.Path.Combine(fallback, $".{Prefix}{Guid.NewGuid():N}");
            return new PrivateFolder(OperatingSystem.IsWindows()
                ? Directory.CreateDirectory(path).FullName
                : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName);
        }
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A leftover in the temporary folder is no reason to fail.
        }
    }
}
