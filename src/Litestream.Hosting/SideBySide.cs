using System.Runtime.ExceptionServices;

namespace Litestream.Hosting;

/// <summary>Does the same to several things at once, with the outcome of one after the other.</summary>
internal static class SideBySide
{
    /// <summary>
    /// Runs an action on each, at most <paramref name="limit"/> at once, begun in their order. Of several that fail,
    /// the first in that order counts: one that fails ends those after it, and never those before it.
    /// </summary>
    public static async Task RunAsync<T>(
        IReadOnlyList<T> all,
        int limit,
        Func<T, CancellationToken, Task> action,
        CancellationToken cancellationToken
    )
    {
        using var places = new SemaphoreSlim(limit);
        var ends = all.Select(_ => CancellationTokenSource.CreateLinkedTokenSource(cancellationToken)).ToList();
        var errors = new Exception?[all.Count];
        try
        {
            var running = new List<Task>();
            for (var i = 0; i < all.Count; i++)
            {
                var index = i;
                await places.WaitAsync(CancellationToken.None).ConfigureAwait(false);
                running.Add(Task.Run(() => RunOneAsync(index), CancellationToken.None));
            }

            await Task.WhenAll(running).ConfigureAwait(false);
        }
        finally
        {
            ends.ForEach(end => end.Dispose());
        }

        if (Array.Find(errors, error => error is not null) is { } first)
            ExceptionDispatchInfo.Throw(first);

        async Task RunOneAsync(int index)
        {
            try
            {
                ends[index].Token.ThrowIfCancellationRequested();
                await action(all[index], ends[index].Token).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                errors[index] = error;
                foreach (var later in ends.Skip(index + 1))
                    await later.CancelAsync().ConfigureAwait(false);
            }
            finally
            {
                places.Release();
            }
        }
    }
}
