namespace Litestream.FileSystem;

/// <summary>Whether there is room on a disk.</summary>
internal enum RoomVerdict
{
    /// <summary>There is.</summary>
    Room,

    /// <summary>There may be when others are done.</summary>
    Wait,

    /// <summary>There is none.</summary>
    None,
}

/// <summary>
/// Who in this process writes how much to which disk just now. Those that have room at the same time do not wait for
/// each other, and those on different disks never do.
/// </summary>
internal sealed class RoomLedger
{
    private readonly object _gate = new();
    private readonly Dictionary<string, long> _taken = new(StringComparer.Ordinal);
    private TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether one more may begin. Pure.</summary>
    /// <param name="free">What is free, in bytes.</param>
    /// <param name="kept">What stays free for others.</param>
    /// <param name="needed">What it writes.</param>
    /// <param name="taken">What those that write already write in all; some of that may be written.</param>
    public static RoomVerdict Decide(long free, long kept, long needed, long taken)
    {
        if (free - kept - taken >= needed)
            return RoomVerdict.Room;
        return taken > 0 ? RoomVerdict.Wait : RoomVerdict.None;
    }

    /// <summary>Takes room, and waits where others have it.</summary>
    /// <param name="volume">The disk.</param>
    /// <param name="needed">How many bytes will be written.</param>
    /// <param name="look">What is free there and what has to stay free; null when that is unknown. Called without
    /// a lock: a disk may hang.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Gives the room back when it is disposed of; null when there is none.</returns>
    public async Task<IDisposable?> TakeAsync(
        string volume,
        long needed,
        Func<(long Free, long Kept)?> look,
        CancellationToken cancellationToken
    )
    {
        while (true)
        {
            Task released;
            lock (_gate)
                released = _released.Task;
            var space = look();
            lock (_gate)
            {
                // What was given back since may not have been free yet when it was looked at.
                if (!released.IsCompleted)
                {
                    var taken = _taken.GetValueOrDefault(volume);
                    var verdict = space is var (free, kept) ? Decide(free, kept, needed, taken) : RoomVerdict.Room;
                    if (verdict == RoomVerdict.None)
                        return null;
                    if (verdict == RoomVerdict.Room)
                    {
                        _taken[volume] = taken + needed;
                        return new Claim(this, volume, needed);
                    }
                }
            }

            await released.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void Release(string volume, long bytes)
    {
        TaskCompletionSource released;
        lock (_gate)
        {
            var left = _taken.GetValueOrDefault(volume) - bytes;
            if (left > 0)
                _taken[volume] = left;
            else
                _taken.Remove(volume);
            (released, _released) = (_released, new(TaskCreationOptions.RunContinuationsAsynchronously));
            released.SetResult();
        }
    }

    private sealed class Claim(RoomLedger ledger, string volume, long bytes) : IDisposable
    {
        private int _isReleased;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isReleased, 1) == 0)
                ledger.Release(volume, bytes);
        }
    }
}
