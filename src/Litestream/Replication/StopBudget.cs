namespace Litestream.Replication;

/// <summary>The steps of a stop, in their order.</summary>
internal enum StopStep
{
    /// <summary>The heartbeat and a verification at work end.</summary>
    Background,

    /// <summary>Litestream sends the last commits and ends.</summary>
    Session,

    /// <summary>What was not sent is reported.</summary>
    Unsent,

    /// <summary>What has no replica is reported.</summary>
    End,

    /// <summary>The status files are taken back.</summary>
    Status,

    /// <summary>The log gets its last lines.</summary>
    Log,
}

/// <summary>
/// How long each step of a stop may take, so that the whole ends within <c>Litestream:ShutdownTimeout</c> and
/// <see cref="Reserve"/>, whatever hangs.
/// </summary>
internal static class StopBudget
{
    /// <summary>What all steps may take beyond the timeout for the last commits.</summary>
    public static readonly TimeSpan Reserve = TimeSpan.FromSeconds(8);

    /// <summary>How long a step may take.</summary>
    /// <param name="step">The step.</param>
    /// <param name="timeout"><c>Litestream:ShutdownTimeout</c>.</param>
    /// <param name="elapsed">What the stop has taken so far.</param>
    /// <returns>Zero when the time is up.</returns>
    public static TimeSpan Left(StopStep step, TimeSpan timeout, TimeSpan elapsed)
    {
        var (own, forLater) = step switch
        {
            // What it does beyond the timeout when nothing hangs, and what reports it then.
            StopStep.Session => (timeout + TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(2)),
            StopStep.Status => (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)),
            StopStep.Log => (Thresholds.LogPatience, TimeSpan.Zero),
            _ => (TimeSpan.FromSeconds(2), TimeSpan.Zero),
        };
        var left = timeout + Reserve - elapsed - forLater;
        return left <= TimeSpan.Zero ? TimeSpan.Zero
            : left < own ? left
            : own;
    }
}
