using System.Collections.Concurrent;

namespace Litestream.FileSystem;

/// <summary>
/// The folders that names of folders lead to, all links followed: two names can be one folder. Each is looked up once,
/// and not waited for for long: a network file system whose server is gone does not answer. For any number of threads.
/// </summary>
internal sealed class RealFolders
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, string> _known = new(StringComparer.Ordinal);
    private volatile bool _isSilent;

    /// <summary>The folder itself; the name as it is where no answer comes.</summary>
    /// <param name="folder">Absolute.</param>
    public string Find(string folder) => _known.GetOrAdd(Path.TrimEndingDirectorySeparator(folder), Look);

    private string Look(string folder)
    {
        if (_isSilent)
            return folder;

        // Not on one of the app's pooled threads: it may wait for ever.
        var look = Task.Factory.StartNew(
            () => DatabasePath.Real(folder),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
        if (Task.WaitAny([look], Patience) >= 0)
            return look.IsCompletedSuccessfully ? look.Result : folder;
        _isSilent = true;
        return folder;
    }
}
