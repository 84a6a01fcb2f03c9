namespace Litestream.FileSystem;

/// <summary>
/// Threads for looks into folders. A look into one of a network file system whose server is gone does not return for as
/// long as that lasts, and cannot be interrupted: it must not take one of the app's pooled threads, which the app may
/// need all. A thread that has returned is used again: an app with 1,000 databases looks into as many folders a second.
/// For any number of threads.
/// </summary>
internal sealed class FolderThreads
{
    /// <summary>Fewer end only when all are idle.</summary>
    private const int Usual = 4;

    private static readonly TimeSpan WatchPause = TimeSpan.FromMilliseconds(50);

    /// <summary>When a look has waited for so long, as many threads again are begun.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(10);

    private readonly Queue<(Action Look, long Since)> _open = new();
    private int _count;
    private int _idle;
    private bool _isWatched;

    public Task<T> RunAsync<T>(Func<T> look)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_open)
        {
            _open.Enqueue((Look, Environment.TickCount64));
            if (_idle > 0)
                Monitor.Pulse(_open);
            else if (_count < Usual)
                Begin();

            if (!_isWatched)
            {
                _isWatched = true;
                _ = WatchAsync();
            }
        }

        return result.Task;

        void Look()
        {
            try
            {
                result.SetResult(look());
            }
            catch (Exception exception)
            {
                result.SetException(exception);
            }
        }
    }

    /// <summary>Begins more threads while what is open waits for those that do not return, or not soon.</summary>
    private async Task WatchAsync()
    {
        while (true)
        {
            await Task.Delay(WatchPause).ConfigureAwait(false);
            lock (_open)
            {
                if (!_open.TryPeek(out var oldest))
                {
                    _isWatched = false;
                    return;
                }

                if (Environment.TickCount64 - oldest.Since >= Patience.TotalMilliseconds)
                {
                    for (var more = Math.Min(Math.Max(_count, 1), _open.Count); more > 0; more--)
                        Begin();
                }
            }
        }
    }

    private void Begin()
    {
        try
        {
            new Thread(Work) { IsBackground = true, Name = "Litestream folders" }.UnsafeStart();
            _count++;
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
        {
            // There is no room for one now. What is open waits for those that there are.
        }
    }

    private void Work()
    {
        while (true)
        {
            (Action Look, long Since) next;
            lock (_open)
            {
                while (!_open.TryDequeue(out next))
                {
                    _idle++;
                    var isLate = _count > Usual || !Monitor.Wait(_open, IdleTime);
                    _idle--;
                    if (isLate && _open.Count == 0)
                    {
                        _count--;
                        return;
                    }
                }
            }

            next.Look();
        }
    }
}
