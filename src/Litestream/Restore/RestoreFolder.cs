using Litestream.Commands;

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

    /// <summary>The file that is to become the output.</summary>
    public string Restored => RestoredIn(Path);

    /// <summary>Makes the folder, and removes what a killed restore to this place left.</summary>
    /// <exception cref="LitestreamException">LSB0003; LSB4008.</exception>
    public static RestoreFolder Create(string output)
    {
        var parent = System.IO.Path.GetDirectoryName(output)!;
        var id = Guid.NewGuid().ToString("n");
        var path = System.IO.Path.Combine(parent, Prefix(output) + id);
        try
        {
            Directory.CreateDirectory(parent);
            RemoveLeftovers(output, onLine: null);
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(path);
                return new RestoreFolder(path, OpenLock(path, FileMode.CreateNew));
            }

            // On Unix a file is opened first and locked then, so nobody may find the folder before that.
            var begun = System.IO.Path.Combine(parent, Prefix(output, begun: true) + id);
            Directory.CreateDirectory(begun, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            FileStream? held = null;
            try
            {
                held = OpenLock(begun, FileMode.CreateNew);
                Directory.Move(begun, path);
                return new RestoreFolder(path, held);
            }
            catch
            {
                held?.Dispose();
                TryDelete(begun);
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException("LSB0003", $"Nothing can be restored into {parent}: {e.Message}", innerException: e);
        }
    }

    /// <summary>Whether a restore to this place is under way, or was killed.</summary>
    public static bool AnyFor(string output) => All(output).Count > 0;

    /// <summary>Whether a restore to this place was killed while it moved files.</summary>
    public static bool AnyInterrupted(string output) => All(output).Exists(FileSwap.IsRecorded);

    /// <summary>Finishes or takes back what a killed restore to this place had begun, and removes what it left. What a living one uses stays.</summary>
    /// <exception cref="LitestreamException">LSB4008: it can be neither finished nor taken back.</exception>
    public static void RemoveLeftovers(string output, Action<LogLine>? onLine)
    {
        foreach (var folder in All(output, begun: true).Where(IsOld))
            TryDelete(folder);

        foreach (var folder in All(output))
        {
            FileStream? held = null;
            try
            {
                held = OpenLock(folder, FileMode.Open);
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
                FileSwap.Recover(folder, onLine);
            TryDelete(folder);
        }
    }

    public static string RestoredIn(string folder) => System.IO.Path.Combine(folder, "restored.db");

    public void Dispose()
    {
        // A record that is still here was neither finished nor taken back: the next run needs all of it.
        var keep = FileSwap.IsRecorded(Path);
        _lock.Dispose();
        if (!keep)
            TryDelete(Path);
    }

    private static string Prefix(string output, bool begun = false) => $".{System.IO.Path.GetFileName(output)}.litestream-{(begun ? "begun" : "restore")}-";

    private static bool IsOld(string folder) => Directory.GetCreationTimeUtc(folder) < DateTime.UtcNow.AddMinutes(-1);

    private static List<string> All(string output, bool begun = false)
    {
        var prefix = Prefix(output, begun);
        var parent = System.IO.Path.GetDirectoryName(output)!;
        try
        {
            return [.. Directory.EnumerateDirectories(parent).Where(folder => System.IO.Path.GetFileName(folder).StartsWith(prefix, StringComparison.Ordinal))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static FileStream OpenLock(string folder, FileMode mode) => new(System.IO.Path.Combine(folder, LockName), mode, FileAccess.ReadWrite, FileShare.None);

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
