using System.Globalization;

namespace Litestream.Doctor;

/// <summary>Which processes have a database open, from <c>/proc</c>; the file itself is not touched.</summary>
internal static class OpenFiles
{
    /// <summary>Whether this process has it open; null where that cannot be known. On Windows nobody's lock depends on it, so there it is false.</summary>
    public static bool? AreOpenHere(string databasePath) =>
        OperatingSystem.IsWindows() ? false : OperatingSystem.IsLinux() ? Has(Environment.ProcessId, Names(databasePath)) : null;

    /// <summary>Processes that run <c>litestream replicate</c> and have the database open, as far as this user may look.</summary>
    public static IEnumerable<int> Replicators(string databasePath)
    {
        if (!OperatingSystem.IsLinux())
            yield break;

        var names = Names(databasePath);
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && IsReplicating(folder) && Has(id, names) == true)
                yield return id;
        }
    }

    /// <summary>A path may lead through links; what <c>/proc</c> shows is where it ends.</summary>
    private static string[] Names(string databasePath)
    {
        var file = databasePath;
        try
        {
            file = File.ResolveLinkTarget(databasePath, returnFinalTarget: true)?.FullName ?? databasePath;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is somebody else's: the path as it is.
        }

        return [file, file + "-wal", file + "-shm", databasePath];
    }

    private static bool IsReplicating(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline")).Split('\0') is [var program, "replicate", ..]
                && Path.GetFileName(program).StartsWith("litestream", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool? Has(int processId, string[] names)
    {
        try
        {
            return Directory.EnumerateFiles(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/fd"))
                .Any(descriptor => new FileInfo(descriptor).LinkTarget is { } target && names.Contains(target, StringComparer.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
