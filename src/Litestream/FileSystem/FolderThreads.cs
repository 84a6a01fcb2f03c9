namespace Litestream.FileSystem;

/// <summary>
/// Threads for looks into folders. A look into one of a network file system whose server is gone does not return for as
/// long as that lasts, and cannot be interrupted: it must not take one of the app's pooled threads, which the app may
/// need all. A thread that has returned is used again: an app with 1,000 databases looks into as many folders a second.
/// For any number of threads.
/// </summary>
internal sealed class FolderThreads
{
    /// <summary>As many as there are while all of them return.</summary>
    private const int Usual = 4;

    /// <summary>When none has returned for so long, as many again are begun.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    /// <summary>An idle one ends after this.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(10);

    private readonly Queue<Action> _open = new();
    private int _count;
    private int _idle;
    private long _returned;
    private bool _isWatched;

    public Task<T> RunAsync<T>(Func<T> look)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_open)
        {
            _open.Enqueue(() =>
            {
                try
                {
                    result.SetResult(look());
                }
                catch (Exception exception)
                {
                    result.SetException(exception);
                }
            });
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
    }

    /// <summary>Begins more threads while what is open waits for those that do not return.</summary>
    private async Task WatchAsync()
    {
        for (var returned = -1L; ;)
        {
            await Task.Delay(Patience).ConfigureAwait(false);
            lock (_open)
            {
                if (_open.Count == 0)
                {
                    _isWatched = false;
                    return;
                }

                if (returned == _returned)
                {
                    for (var more = Math.Min(_count, _open.Count); more > 0; more--)
                        Begin();
                }

                returned = _returned;
            }
        }
    }

    private void Begin()
    {
        _count++;
        new Thread(Work) { IsBackground = true, Name = "Litestream folders" }.Start();
    }

    private void Work()
    {
        while (true)
        {
            Action? look;
            lock (_open)
            {
                while (!_open.TryDequeue(out look))
                {
                    _idle++;
                    var isLate = _count > Usual || !Monitor.Wait(_open, Linger);
                    _idle--;
                    if (isLate && _open.Count == 0)
                    {
                        _count--;
                        return;
                    }
                }
            }

            look();
            lock (_open)
                _returned++;
        }
    }
}
