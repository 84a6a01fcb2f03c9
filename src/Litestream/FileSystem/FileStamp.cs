namespace Litestream.FileSystem;

/// <summary>Which file it is and how it was left, seen without opening it.</summary>
/// <param name="Identity">Which file it is; null where the system does not tell (anything but Linux).</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Modified">When it was written to last, in ticks of UTC.</param>
internal sealed record FileStamp(FileIdentity? Identity, long Size, long Modified)
{
    /// <summary>Null when there is no such file. A link is followed.</summary>
    public static FileStamp? Of(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (file.LinkTarget is not null)
                file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            return file.Exists
                ? new FileStamp(UnixCalls.Status(path)?.Identity, file.Length, file.LastWriteTimeUtc.Ticks)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether it is the same file, whatever stands in it by now.</summary>
    public bool IsSameFile(FileStamp other) => Identity is null || other.Identity is null || Identity == other.Identity;
}
