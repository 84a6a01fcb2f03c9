using System.Collections.Concurrent;

namespace Litestream.Replication;

/// <summary>
/// Looks into folders that may not answer: a call into one does not return for as long as its server is gone, and
/// cannot be interrupted. So each look is on a thread of its own, and only one at a time waits for a folder. Whoever
/// else wants to look there waits without a thread.
/// </summary>
internal static class FolderQueue
{
    private static readonly ConcurrentDictionary<string, SemaphoreSlim> Places = new(StringComparer.Ordinal);

    /// <summary>Looks into a folder when its turn has come.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="look">The look, on a thread of its own.</param>
    /// <param name="cancellationToken">Ends the waiting, and not the look.</param>
    public static async Task<T> LookAsync<T>(string folder, Func<T> look, CancellationToken cancellationToken)
    {
        var place = Places.GetOrAdd(folder, _ => new SemaphoreSlim(1));
        await place.WaitAsync(cancellationToken).ConfigureAwait(false);
        var task = Task.Factory.StartNew(
            () =>
            {
                try
                {
                    return look();
                }
                finally
                {
                    place.Release();
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
        return await task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
