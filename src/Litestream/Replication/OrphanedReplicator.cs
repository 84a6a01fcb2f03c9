using System.Globalization;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>
/// A litestream that outlived its app: killed with SIGKILL, an app cannot take its child along, and the lock is free
/// although somebody still replicates.
/// </summary>
internal static class OrphanedReplicator
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Kills the processes that the record names, those that are exactly those and still replicate. They are not asked
    /// to finish: what they would send may be a commit that the killed app
    /// never made (a frame in the WAL that the next writer overwrites), and a checkpoint at their end would hide that.
    /// A full copy follows.
    /// </summary>
    /// <param name="found">What the holder of the lock before us left behind.</param>
    /// <param name="onEnding">Gets the process id of each before it is killed.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="LitestreamException">LSB3012: it is another user's and continues.</exception>
    public static async Task KillAsync(LockRecord found, Action<int>? onEnding, CancellationToken cancellationToken)
    {
        foreach (var orphan in found.LivingReplicators)
        {
            onEnding?.Invoke(orphan.ProcessId);
            cancellationToken.ThrowIfCancellationRequested();
            await KillAsync(orphan, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task KillAsync(ProcessIdentity orphan, CancellationToken cancellationToken)
    {
        if (!UnixCalls.Kill(orphan.ProcessId) && orphan.IsRunning())
        {
            throw new LitestreamException(
                "LSB3012",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The app has ended, but its litestream (process {orphan.ProcessId}, "
                        + $"{orphan.Executable}) still replicates as another user. Two replicators would destroy "
                        + $"the replica, so nothing was started. End it as that user, or as "
                        + $"root: `kill {orphan.ProcessId}`."
                )
            );
        }

        while (orphan.IsRunning())
            await Task.Delay(PollInterval, cancellationToken).ConfigureAwait(false);
    }
}
