namespace Litestream.Hosting;

/// <summary>Which disk a path is on, as far as mount points tell.</summary>
internal static class Mounts
{
    /// <summary>True when both paths are on the same disk, or when it cannot be told: better one warning too many.</summary>
    public static bool AreTheSame(string left, string right)
    {
        try
        {
            var points = DriveInfo.GetDrives().Select(drive => drive.RootDirectory.FullName).ToArray();
            return Of(left, points) == Of(right, points);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private static string? Of(string path, string[] points) => points
        .Where(point => path.StartsWith(point.EndsWith(Path.DirectorySeparatorChar) ? point : point + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        .MaxBy(point => point.Length);
}
