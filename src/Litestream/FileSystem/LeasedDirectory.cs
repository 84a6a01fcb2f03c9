using System.Globalization;

namespace Litestream.FileSystem;

/// <summary>
/// A folder that only this user can look into and that goes with its process: a lock file in it is held as long as the
/// process lives, so a folder
/// of the same name whose lock is free is what a killed process left behind.
/// </summary>
internal sealed class LeasedDirectory : IDisposable
{
    private const string LockName = "lock";

    private readonly FileStream _lock;

    private LeasedDirectory(string path, DirectoryHandle held, FileStream @lock)
    {
        Path = path;
        Held = held;
        _lock = @lock;
    }

    public string Path { get; }

    public DirectoryHandle Held { get; }

    /// <summary>Makes one, and the folder that it is in.</summary>
    /// <param name="parent">The folder that it is in.</param>
    /// <param name="name">What the names of its kind there begin with.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public static LeasedDirectory Create(string parent, string name)
    {
        DatabaseOwner.CreateFolder(parent);
        var id = Guid.NewGuid().ToString("n");
        var path = System.IO.Path.Combine(parent, $"{name}-{id}");
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return new LeasedDirectory(path, Open(path), OpenLock(path, FileMode.CreateNew));
        }

        // On Unix a file is opened first and locked then, so no other process may find the folder before that.
        var begun = System.IO.Path.Combine(parent, Begun(name) + id);
        Directory.CreateDirectory(begun, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        DirectoryHandle? held = null;
        FileStream? locked = null;
        try
        {
            held = Open(begun, path);
            locked = OpenLock(held.Inside, FileMode.CreateNew);

            // Some file systems give all files to one user; but what is in a folder that this user has made is whose
            // the folder is.
            if (held.Status is { } folder && UnixCalls.Status(locked.SafeFileHandle)?.User != folder.User)
                throw NotOurs(begun);
            Directory.Move(begun, path);
            return held.IsAt(path) ? new LeasedDirectory(path, held, locked) : throw NotOurs(path);
        }
        catch
        {
            locked?.Dispose();
            held?.Dispose();
            TryDelete(begun);
            throw;
        }
    }

    /// <summary>Those of this kind that are there, whether their processes live or not.</summary>
    public static IReadOnlyList<string> All(string parent, string name) => StartingWith(parent, $"{name}-");

    /// <summary>Whether the process that made it lives; null where that cannot be seen (another user's folder, anything
    /// but Linux). Does not open its lock: whoever takes leftovers away at that moment would let it lie.</summary>
    public static bool? IsInUse(string folder)
    {
        if (UnixCalls.Status(System.IO.Path.Combine(folder, LockName)) is not { } file)
            return null;
        try
        {
            // 1: FLOCK ADVISORY WRITE 1234 fe:01:5678 0 EOF
            var ending = string.Create(CultureInfo.InvariantCulture, $":{file.Identity.Inode}");
            return NonDatabaseFile
                .ReadLines("/proc/locks")
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Any(fields =>
                    fields is [_, "FLOCK", _, _, _, var place, ..] && place.EndsWith(ending, StringComparison.Ordinal)
                );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Removes what killed processes of this user left. What a living one uses stays, and so does what is another
    /// user's: what stands in it may be anything.
    /// </summary>
    /// <param name="parent">The folder that they lie in.</param>
    /// <param name="name">What their names begin with.</param>
    /// <param name="recover">Called for each before it goes, its lock held.</param>
    public static void RemoveLeftovers(string parent, string name, Action<DirectoryHandle>? recover = null)
    {
        foreach (var folder in StartingWith(parent, Begun(name)).Where(IsOld).Where(UnixCalls.IsOwn))
            TryDelete(folder);

        foreach (var folder in All(parent, name).Where(UnixCalls.IsOwn))
        {
            // Another one may have been put there since.
            using var left = DirectoryHandle.TryOpen(folder);
            if (left is null || (left.Status is { } status && !UnixCalls.IsOwn(status)))
                continue;

            FileStream? held = null;
            try
            {
                held = OpenLock(left.Inside, FileMode.Open);
            }
            catch (FileNotFoundException) when (IsOld(folder))
            {
                // Killed before it had its lock.
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue;
            }

            using (held)
                recover?.Invoke(left);
            TryDelete(folder);
        }
    }

    /// <summary>Lets go of the folder and leaves it where it is: for the next process it is a leftover.</summary>
    public void Leave()
    {
        _lock.Dispose();
        Held.Dispose();
    }

    public void Dispose()
    {
        Leave();
        TryDelete(Path);
    }

    private static DirectoryHandle Open(string made, string? name = null) =>
        DirectoryHandle.TryOpen(made, name) ?? throw NotOurs(made);

    private static IOException NotOurs(string path) =>
        new($"Another process has replaced the folder '{path}'.");

    private static string Begun(string name) => $"{name}.begun-";

    private static bool IsOld(string folder) => Directory.GetCreationTimeUtc(folder) < DateTime.UtcNow.AddMinutes(-1);

    private static List<string> StartingWith(string parent, string prefix)
    {
        try
        {
            return
            [
                .. Directory
                    .EnumerateDirectories(parent)
                    .Where(folder => System.IO.Path.GetFileName(folder).StartsWith(prefix, StringComparison.Ordinal)),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static FileStream OpenLock(string folder, FileMode mode)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
        };

        // Whoever could read it could lock it.
        if (mode == FileMode.CreateNew && !OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return NonDatabaseFile.Open(System.IO.Path.Combine(folder, LockName), options);
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
