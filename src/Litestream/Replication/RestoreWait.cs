using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>What is seen of a process that holds the lock of a database which this app may have to restore.</summary>
internal sealed record RestoreWaitLook
{
    /// <summary>Whether there is nothing left to do.</summary>
    public bool IsDone { get; init; }

    /// <summary>Whether the holder is past its own gate: it replicates, or would.</summary>
    public bool IsPastGate { get; init; }

    /// <summary>Whether the process that the lock's record names runs.</summary>
    public bool IsRunning { get; init; }

    /// <summary>Whether that is a process of another container or machine, which cannot be seen.</summary>
    public bool IsElsewhere { get; init; }

    /// <summary>Whether a restore of the database is at work.</summary>
    public bool IsRestoring { get; init; }

    /// <summary>How long the record has been the same.</summary>
    public TimeSpan SameRecordFor { get; init; }

    /// <summary>How long neither the record has changed nor a restore was seen.</summary>
    public TimeSpan IdleFor { get; init; }
}

/// <summary>What the gate does next.</summary>
internal enum RestoreWaitStep
{
    /// <summary>It looks again.</summary>
    Wait,

    /// <summary>It continues without the lock.</summary>
    GoOn,

    /// <summary>It gives up: the holder neither restores nor ends.</summary>
    GiveUp,
}

/// <summary>Decides how long the gate waits for the lock of a database; nothing here looks or acts.</summary>
internal static class RestoreWait
{
    /// <summary>What follows from a look.</summary>
    /// <param name="look">What was seen.</param>
    /// <param name="limit">How long a holder may do nothing (<c>Litestream:StallTimeout</c>).</param>
    public static RestoreWaitStep Decide(RestoreWaitLook look, TimeSpan limit)
    {
        // A record of a process that has ended is of the holder before: this one has not written its own yet.
        var isPastGate =
            look.IsPastGate
            && (look.IsRunning || (look.IsElsewhere && look.SameRecordFor > Thresholds.RecordPatience));
        if (look.IsDone || isPastGate)
            return RestoreWaitStep.GoOn;
        return look.IsRestoring || look.IdleFor < limit ? RestoreWaitStep.Wait : RestoreWaitStep.GiveUp;
    }
}

/// <summary>Names the process that holds a lock.</summary>
internal static class LockHolder
{
    /// <summary>In words, as far as its record tells.</summary>
    public static string Describe(LockRecord record) =>
        record.App switch
        {
            { IsElsewhere: true } app =>
                $"a process in another container or on another machine ({app.ProcessId} there, {app.Executable})",
            { } app when app.IsRunning() => $"another process ({app.ProcessId}, {app.Executable})",
            _ => "another process",
        };
}
