using System.Globalization;

namespace Litestream.Locking;

/// <summary>
/// A litestream that outlived its app: killed with SIGKILL, an app cannot take its child along, and the lock is free although somebody still replicates.
/// </summary>
internal static class OrphanedReplicator
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Whether it is exactly that process and still replicates.</summary>
    public static bool Lives(ProcessIdentity replicator) => replicator.IsRunning() && IsReplicating(replicator);

    /// <summary>Ends the processes that the record names, those that are exactly those and still replicate: first in order, then, after the timeout, by force.</summary>
    /// <param name="found">What the holder of the lock before us left behind.</param>
    /// <param name="timeout">How long each may take to end in order.</param>
    /// <param name="onEnding">Gets the process id of each before it is told to end.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="LitestreamException">LSB3012: it is another user's and goes on.</exception>
    public static async Task EndAsync(LockRecord found, TimeSpan timeout, Action<int>? onEnding, CancellationToken cancellationToken)
    {
        foreach (var orphan in found.LivingReplicators)
        {
            onEnding?.Invoke(orphan.ProcessId);
            cancellationToken.ThrowIfCancellationRequested();
            await EndAsync(orphan, timeout, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task EndAsync(ProcessIdentity orphan, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (!UnixCalls.Terminate(orphan.ProcessId) && orphan.IsRunning())
        {
            throw new LitestreamException(
                "LSB3012",
                string.Create(CultureInfo.InvariantCulture, $"A litestream of an app that has ended still replicates, as process {orphan.ProcessId} ({orphan.Executable}), and it is another user's. Two replicators destroy the replica, so nothing was started. End it as that user, or as root: `kill {orphan.ProcessId}`."));
        }

        for (var waited = TimeSpan.Zero; orphan.IsRunning(); waited += PollInterval)
        {
            if (waited >= timeout)
            {
                UnixCalls.Kill(orphan.ProcessId);
            }

            await Task.Delay(PollInterval, cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool IsReplicating(ProcessIdentity process)
    {
        try
        {
            return PlainFile.ReadAllText($"/proc/{process.ProcessId}/cmdline").Split('\0') is [_, "replicate", ..];
        }
        catch (IOException)
        {
            return false;
        }
    }
}
