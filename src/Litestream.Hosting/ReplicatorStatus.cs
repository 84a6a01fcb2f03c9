using System.Globalization;
using Litestream.Replication;

namespace Litestream.Hosting;

/// <summary>
/// The one owner of the status, and of the health that follows from it: the health check, the heartbeat, the metrics,
/// the status files and the scheduled verification read it here. For any number of threads.
/// </summary>
internal sealed class ReplicatorStatus
{
    private const int RememberedRestarts = 10;

    private readonly object _gate = new();
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<LitestreamStatus, LitestreamStatus> _onChange;

    // Written under the lock; each record is whole.
    private volatile LitestreamStatus _status;
    private long _stallTimeout;

    /// <param name="time">The clock.</param>
    /// <param name="onChange">Gets the status before and after each change, one at a time.</param>
    public ReplicatorStatus(TimeProvider time, Action<LitestreamStatus, LitestreamStatus> onChange)
    {
        (_time, _onChange) = (time, onChange);
        _status = new(LitestreamState.Starting, null, null, 0, null) { Since = time.GetUtcNow() };
    }

    /// <summary>Ends when it is <see cref="LitestreamState.Failed"/>, or as good as that.</summary>
    public Task Failed => _failed.Task;

    /// <summary>The status as it was last written.</summary>
    public LitestreamStatus Last => _status;

    /// <summary>
    /// The status now: whatever keeps the session from its looks, what it saw last is no longer true.
    /// </summary>
    public LitestreamStatus Current
    {
        get
        {
            var stallTimeout = TimeSpan.FromTicks(Interlocked.Read(ref _stallTimeout));
            return Outdate(_status, _time.GetUtcNow() - (stallTimeout + Thresholds.RoundPatience));
        }
    }

    /// <summary>The status now, and how all of it does.</summary>
    public (LitestreamStatus Status, OverallHealth Health) Look()
    {
        var status = Current;
        return (status, OverallHealth.Of(status, _time.GetUtcNow()));
    }

    /// <summary>It is as good as failed.</summary>
    public void NoteFailed() => _failed.TrySetResult();

    /// <summary>What is late, from now on.</summary>
    public void SetStallTimeout(TimeSpan stallTimeout) => Interlocked.Exchange(ref _stallTimeout, stallTimeout.Ticks);

    public void Update(Func<LitestreamStatus, LitestreamStatus> update)
    {
        lock (_gate)
        {
            var before = _status;
            var after = update(before);
            if (after.State != before.State)
                after = after with { Since = _time.GetUtcNow() };

            if (after.Restarts != before.Restarts)
            {
                after = after with
                {
                    LastRestarts =
                    [
                        .. before.LastRestarts.TakeLast(RememberedRestarts - 1),
                        new(_time.GetUtcNow(), after.LastRestartReason),
                    ],
                };
            }

            _status = after;
            _onChange(before, after);
            if (after.State == LitestreamState.Failed)
                _failed.TrySetResult();
        }
    }

    /// <summary>What was not updated for so long is not healthy. Pure.</summary>
    internal static LitestreamStatus Outdate(LitestreamStatus status, DateTimeOffset limit)
    {
        if (
            status.State is not (LitestreamState.Starting or LitestreamState.Replicating or LitestreamState.Stalled)
            || status.LookedAt is not { } lookedAt
            || lookedAt > limit
            || status.Databases.All(database => database.Health == LitestreamHealth.Unhealthy)
        )
        {
            return status;
        }

        var problem = string.Create(
            CultureInfo.InvariantCulture,
            $"LSB5007: since {lookedAt:HH:mm:ss} (UTC) it is unknown whether commits arrive: the check hangs in a file "
                + $"system, or while it ends litestream"
        );
        return status with
        {
            State = LitestreamState.Stalled,
            Since = status.State == LitestreamState.Stalled ? status.Since : lookedAt,
            LastError = problem,
            Databases =
            [
                .. status.Databases.Select(database =>
                    database with
                    {
                        Health = LitestreamHealth.Unhealthy,
                        Problem = database.Problem ?? problem,
                    }
                ),
            ],
        };
    }
}
