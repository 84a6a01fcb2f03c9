using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Litestream.FileSystem;

/// <summary>
/// Whose the files beside a database are. What root makes there would be root's, and the app, which runs as somebody
/// else, could open none of it: it goes to the owner of the
/// database, or of the folder while there is no database.
/// </summary>
internal static class DatabaseOwner
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Gives away what root has just made; of others nothing changes.</summary>
    /// <param name="file">A file of our own. By its handle, not by its name: whoever may write in the folder could put
    /// a link there meanwhile.</param>
    /// <param name="databasePath">The database that it belongs to.</param>
    /// <returns>False where the file system does not let root give it.</returns>
    [UnsupportedOSPlatform("windows")]
    public static bool TryGive(SafeFileHandle file, string databasePath)
    {
        var model = File.Exists(databasePath) ? databasePath : Path.GetDirectoryName(databasePath)!;
        if (!Environment.IsPrivilegedProcess || UnixCalls.Status(model) is not { } owner)
            return true;
        if (!TryChange(() => UnixCalls.ChangeOwner(file, owner)))
            return false;

        // A folder that a group writes is shared by it: so are the files in it. Where a mode cannot be set (FAT), all
        // files have the same.
        var shared = (File.GetUnixFileMode(model) & UnixFileMode.GroupWrite) != 0;
        TryChange(() =>
            File.SetUnixFileMode(file, shared ? Private | UnixFileMode.GroupRead | UnixFileMode.GroupWrite : Private)
        );
        return true;
    }

    /// <summary>
    /// Makes a folder and what is missing above it; what root makes there belongs to the owner of the folder that was
    /// there.
    /// </summary>
    public static void CreateFolder(string path)
    {
        if (Directory.Exists(path))
            return;

        var parent = Path.GetDirectoryName(path);
        if (parent is not null)
            CreateFolder(parent);
        Directory.CreateDirectory(path);
        if (Environment.IsPrivilegedProcess && parent is not null && UnixCalls.Status(parent) is { } owner)
            GiveNewFolder(path, owner);
    }

    /// <summary>
    /// Gives away a folder that root has just made, and nothing that was put in its place meanwhile: not what others
    /// made, nor what has something in it.
    /// </summary>
    internal static void GiveNewFolder(string path, FileStatus owner)
    {
        using var made = DirectoryHandle.TryOpen(path);
        if (made is { Status: { } status } && UnixCalls.IsOwn(status))
        {
            TryChange(() =>
            {
                if (made.Inside != path && !Directory.EnumerateFileSystemEntries(made.Inside).Any())
                    made.Give(owner);
            });
        }
    }

    /// <summary>Some network mounts let not even root.</summary>
    public static bool TryChange(Action change)
    {
        try
        {
            change();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
