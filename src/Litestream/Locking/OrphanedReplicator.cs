namespace Litestream.Locking;

/// <summary>
/// A litestream that outlived its app: killed with SIGKILL, an app cannot take its child along, and the lock is free although somebody still replicates.
/// </summary>
internal static class OrphanedReplicator
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>Ends the process that the record names, if it is exactly that one and still replicates: first in order, then, after the timeout, by force.</summary>
    /// <param name="found">What the holder of the lock before us left behind.</param>
    /// <param name="timeout">How long it may take to end in order.</param>
    /// <param name="onEnding">Gets its process id before it is told to end.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public static async Task EndAsync(LockRecord found, TimeSpan timeout, Action<int>? onEnding, CancellationToken cancellationToken)
    {
        if (found.Replicator is not { } orphan || !orphan.IsRunning() || !IsReplicating(orphan))
        {
            return;
        }

        onEnding?.Invoke(orphan.ProcessId);
        UnixCalls.Terminate(orphan.ProcessId);
        for (var waited = TimeSpan.Zero; orphan.IsRunning(); waited += PollInterval)
        {
            if (waited >= timeout)
            {
                using var process = System.Diagnostics.Process.GetProcessById(orphan.ProcessId);
                process.Kill();
                await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
                return;
            }

            await Task.Delay(PollInterval, cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool IsReplicating(ProcessIdentity process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process.ProcessId}/cmdline").Split('\0') is [_, "replicate", ..];
        }
        catch (IOException)
        {
            return false;
        }
    }
}
