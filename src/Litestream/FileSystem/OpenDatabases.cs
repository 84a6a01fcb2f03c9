using System.Globalization;

namespace Litestream.FileSystem;

/// <summary>A process that has a database open.</summary>
/// <param name="Id">Its process id.</param>
/// <param name="Name">Its executable, or its name where that is not to be seen.</param>
/// <param name="File">Which file it has open: the database, its <c>-wal</c>, <c>-shm</c> or <c>-journal</c>, as it
/// stands now or deleted.</param>
internal sealed record DatabaseUser(int Id, string Name, string File);

/// <summary>
/// Which processes have a database open. Looks at what the system lists about them and never opens the file itself:
/// that would drop the locks of this process on it.
/// </summary>
internal static class OpenDatabases
{
    private const string Deleted = " (deleted)";

    /// <summary>The processes, this one too; null where the system does not tell (anything but Linux).</summary>
    /// <param name="databasePath">The path of the database; it need not exist any more.</param>
    /// <param name="unseen">How many processes could not be looked at, because they are other users'. Those are still
    /// found when they hold a lock on the file.</param>
    public static IReadOnlyList<DatabaseUser>? Find(string databasePath, out int unseen)
    {
        unseen = 0;
        if (!OperatingSystem.IsLinux())
            return null;

        var real = DatabasePath.Real(databasePath);
        var paths = DatabasePath.Endings.Select(ending => real + ending).ToHashSet(StringComparer.Ordinal);
        var files = Identify(paths);
        var users = new List<DatabaseUser>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                continue;
            try
            {
                if (OpenFile(folder, paths, files) is { } file)
                    users.Add(new DatabaseUser(id, Name(id), file));
            }
            catch (UnauthorizedAccessException)
            {
                unseen++;
            }
            catch (IOException)
            {
                // It has ended.
            }
        }

        users.AddRange(LockHolders(files).Where(holder => users.TrueForAll(user => user.Id != holder.Id)));
        return users;
    }

    /// <summary>
    /// Processes that run <c>litestream replicate</c> and have the database open. None where the system does not tell.
    /// </summary>
    public static IEnumerable<int> Replicators(string databasePath) =>
        (Find(databasePath, out _) ?? []).Select(user => user.Id).Where(LitestreamProcess.IsReplicator);

    /// <summary>Processes that run <c>litestream replicate</c>, for whatever database.</summary>
    public static IEnumerable<int> Replicators() =>
        Directory
            .EnumerateDirectories("/proc")
            .Select(Path.GetFileName)
            .Select(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0 && LitestreamProcess.IsReplicator(id));

    /// <summary>
    /// Whether this process has the database itself open; null where that is unknown. On Windows no lock
    /// depends on it, so there it is false.
    /// </summary>
    public static bool? IsOpenHere(string databasePath)
    {
        if (!OperatingSystem.IsLinux())
            return OperatingSystem.IsWindows() ? false : null;
        try
        {
            HashSet<string> paths = [DatabasePath.Real(databasePath)];
            return OpenFile("/proc/self", paths, Identify(paths)) is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static Dictionary<FileIdentity, string> Identify(IEnumerable<string> paths) =>
        paths
            .Select(path => (path, status: UnixCalls.Status(path)))
            .Where(file => file.status is not null)
            .ToDictionary(file => file.status!.Identity, file => file.path);

    private static string? OpenFile(string process, HashSet<string> paths, Dictionary<FileIdentity, string> files)
    {
        foreach (var descriptor in Directory.EnumerateFileSystemEntries(Path.Combine(process, "fd")))
        {
            string? target;
            try
            {
                target = new FileInfo(descriptor).LinkTarget;
            }
            catch (IOException)
            {
                continue;
            }

            if (target is null || !target.StartsWith('/') || target.StartsWith("/dev/", StringComparison.Ordinal))
                continue;
            if (
                paths.Contains(target)
                || (target.EndsWith(Deleted, StringComparison.Ordinal) && paths.Contains(target[..^Deleted.Length]))
            )
            {
                return target;
            }

            // Another container sees the same file by another path.
            if (
                files.Count > 0
                && UnixCalls.Status(descriptor) is { } status
                && files.TryGetValue(status.Identity, out var file)
            )
            {
                return file;
            }
        }

        return null;
    }

    /// <summary>
    /// A connection in WAL mode holds a lock as long as it is open, and the list of locks shows other users' processes
    /// too.
    /// </summary>
    private static IEnumerable<DatabaseUser> LockHolders(Dictionary<FileIdentity, string> files)
    {
        string[] lines;
        try
        {
            lines = [.. NonDatabaseFile.ReadLines("/proc/locks")];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            yield break;
        }

        var seen = new HashSet<int>();
        foreach (var line in lines)
        {
            // 1: POSIX  ADVISORY  READ 1234 fe:01:5678 128 128
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (
                fields is [_, "POSIX", _, _, var process, var place, ..]
                && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && id > 0
                && FileIdentity.Parse(place) is { } identity
                && files.TryGetValue(identity, out var file)
                && seen.Add(id)
            )
            {
                yield return new DatabaseUser(id, Name(id), file);
            }
        }
    }

    private static string Name(int id)
    {
        try
        {
            if (ProcessIdentity.Of(id) is { Executable.Length: > 0 } identity)
                return identity.Executable;
            return NonDatabaseFile.ReadAllText($"/proc/{id}/comm").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }
}
