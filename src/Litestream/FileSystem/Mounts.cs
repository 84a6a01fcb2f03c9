namespace Litestream.FileSystem;

/// <summary>Which disk a path is on, as far as mount points tell.</summary>
internal static class Mounts
{
    private static readonly string[] NetworkFormats =
    [
        "nfs",
        "cifs",
        "smb",
        "9p",
        "ceph",
        "gluster",
        "lustre",
        "afs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.gcsfuse",
        "fuse.blobfuse",
        "davfs",
    ];

    /// <summary>
    /// True when both paths are on the same disk, or when it is unknown: better one warning too many.
    /// </summary>
    public static bool AreTheSame(string left, string right)
    {
        try
        {
            var drives = DriveInfo.GetDrives();
            return left.Length == 0 || right.Length == 0 || Of(left, drives)?.Name == Of(right, drives)?.Name;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    /// <summary>The volume that a path is on, or null when it is unknown.</summary>
    public static DriveInfo? Of(string path)
    {
        try
        {
            return Of(path, DriveInfo.GetDrives());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>How many bytes this user may still write to the disk that an existing folder is on; null when it cannot
    /// be told.</summary>
    public static long? Free(string folder)
    {
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The name of the file system when it is one that reaches over a network, null otherwise.</summary>
    public static string? NetworkFormat(DriveInfo drive)
    {
        try
        {
            return
                drive.DriveType == DriveType.Network
                || NetworkFormats.Any(format =>
                    drive.DriveFormat.StartsWith(format, StringComparison.OrdinalIgnoreCase)
                )
                ? drive.DriveFormat
                : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static DriveInfo? Of(string path, DriveInfo[] drives) => Find(DatabasePath.Real(path), drives);

    private static DriveInfo? Find(string path, DriveInfo[] drives) =>
        drives
            .Where(drive => path.StartsWith(WithSeparator(drive.RootDirectory.FullName), StringComparison.Ordinal))
            .MaxBy(drive => drive.RootDirectory.FullName.Length);

    private static string WithSeparator(string folder) =>
        folder.EndsWith(Path.DirectorySeparatorChar) ? folder : folder + Path.DirectorySeparatorChar;
}
