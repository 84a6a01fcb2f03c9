namespace Litestream.Hosting;

/// <summary>What the replicator of a host does at the moment.</summary>
public enum LitestreamState
{
    /// <summary>Not started yet.</summary>
    Created,

    /// <summary>Turned off: by <c>Litestream:Enabled</c>, by the Development environment, or because there is nothing to replicate.</summary>
    Disabled,

    /// <summary>Another process replicates one of the databases; tried again every few seconds.</summary>
    Waiting,

    /// <summary>The litestream process runs. Whether commits arrive is another question.</summary>
    Running,

    /// <summary>The litestream process ended on its own and is started again after a pause.</summary>
    Restarting,

    /// <summary>The host stops: the last commits are sent.</summary>
    Stopping,

    /// <summary>Stopped in order.</summary>
    Stopped,

    /// <summary>Cannot replicate, and trying again would not help; see <see cref="LitestreamStatus.LastError"/>.</summary>
    Failed,
}

/// <summary>A snapshot of what the replicator does.</summary>
/// <param name="State">What it does.</param>
/// <param name="ProcessId">Process id of the running litestream, null when none runs.</param>
/// <param name="StartedAt">When that process was started, null when none runs.</param>
/// <param name="Restarts">How often litestream had to be started again since the host started.</param>
/// <param name="LastError">The last error, with its code; null when there was none. Never a secret.</param>
public sealed record LitestreamStatus(LitestreamState State, int? ProcessId, DateTimeOffset? StartedAt, int Restarts, string? LastError);
