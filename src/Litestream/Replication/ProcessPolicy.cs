using Litestream.Diagnostics;

namespace Litestream.Replication;

/// <summary>Why litestream is ended.</summary>
/// <param name="Text">In words.</param>
internal sealed record EndReason(string Text)
{
    /// <summary>At once, without a last upload: it would be of a mixture of two files.</summary>
    public bool IsOtherFile { get; init; }

    /// <summary>Not for a fault of its own: it is started again at once, with more or fewer databases.</summary>
    public bool IsPlanned { get; init; }
}

/// <summary>What one look at the running litestream has found.</summary>
internal sealed record ProcessObservation
{
    /// <summary>What the looks at the databases call for, in their order.</summary>
    public IReadOnlyList<EndReason?> Databases { get; init; } = [];

    /// <summary>For how long it has not answered with its counters; null when it has, or cannot.</summary>
    public TimeSpan? Silence { get; init; }

    /// <summary>Why it answers nowhere: what answers at its address is another process. Null when it does.</summary>
    public string? AddressError { get; init; }
}

/// <summary>How a litestream has ended.</summary>
internal sealed record EndedProcess
{
    /// <summary>How long it ran.</summary>
    public TimeSpan RanFor { get; init; }

    /// <summary>Why it was ended by us; null when it ended by itself.</summary>
    public EndReason? Reason { get; init; }

    /// <summary>Its exit code; null where it was ended by us.</summary>
    public int? ExitCode { get; init; }

    /// <summary>What it said last.</summary>
    public string? LastError { get; init; }

    /// <summary>Whether another process has asked it to stop.</summary>
    public bool WasToldToStop { get; init; }

    /// <summary>Whether a litestream has replicated anything since the start.</summary>
    public bool HasReplicated { get; init; }
}

/// <summary>What follows from the end of a litestream.</summary>
/// <param name="What">What has happened, for the log; null when another one is started at once.</param>
/// <param name="Cause">The same as one word, for metrics.</param>
/// <param name="Pause">How long nothing is started.</param>
internal sealed record RestartDecision(string? What, string Cause, TimeSpan Pause)
{
    /// <summary>Why it is not started again at all; null when it is.</summary>
    public LitestreamDiagnostic? Refused { get; init; }

    /// <summary>The pause before the start after this one.</summary>
    public TimeSpan NextPause =>
        What is null ? Pause
        : Pause * 2 < Thresholds.LongestRestartPause ? Pause * 2
        : Thresholds.LongestRestartPause;
}

/// <summary>
/// Decides when the litestream of all databases is asked, ended and started again. Nothing here looks or acts.
/// </summary>
internal static class ProcessPolicy
{
    /// <summary>Whether it is asked how far it has come.</summary>
    /// <param name="sinceAsked">When it was asked last.</param>
    /// <param name="isSilent">Whether it did not answer then.</param>
    /// <param name="isWaitedFor">Whether anything is to arrive.</param>
    public static bool Asks(TimeSpan sinceAsked, bool isSilent, bool isWaitedFor) =>
        sinceAsked >= Thresholds.IdleMetrics || isSilent || isWaitedFor;

    /// <summary>Whether it has to be ended: what must not be sent comes before what is only stuck.</summary>
    public static EndReason? Decide(ProcessObservation seen, TimeSpan stallTimeout) =>
        seen.Databases.FirstOrDefault(reason => reason is { IsOtherFile: true })
        ?? seen.Databases.LastOrDefault(reason => reason is not null)
        ?? (
            seen.Silence >= stallTimeout
                ? new EndReason($"litestream has not answered for {NumberText.WholeSeconds(seen.Silence.Value)}")
            : seen.AddressError is { } error ? new EndReason($"litestream cannot serve its metrics ({error})")
            : null
        );

    /// <summary>How long it may take to end when it is asked to; then it is killed.</summary>
    public static TimeSpan EndPatience(EndReason reason, bool isOtherFile) =>
        isOtherFile ? TimeSpan.Zero
        : reason.IsPlanned ? Thresholds.PlannedPatience
        : Thresholds.StuckPatience;

    /// <summary>What follows from its end.</summary>
    /// <param name="ended">How it has ended.</param>
    /// <param name="pause">The pause that is due.</param>
    public static RestartDecision AfterEnd(EndedProcess ended, TimeSpan pause)
    {
        if (ended.RanFor >= Thresholds.HealthyAfter)
            pause = Thresholds.FirstRestartPause;
        if (ended.Reason is { IsOtherFile: true } or { IsPlanned: true })
            return new RestartDecision(null, "", pause);
        if (ended.Reason is { } reason)
            return new RestartDecision($"{reason.Text}: litestream was stopped and restarts", "stuck", pause);

        var said = ended.LastError is { } error ? $" ({error})" : "";
        var what = $"litestream ended with exit code {NumberText.Of(ended.ExitCode ?? 0)}{said}; it restarts";
        return new RestartDecision(what, "ended", pause) { Refused = IsRefusal(ended) ? Refuse(ended) : null };
    }

    /// <summary>What follows from a start that failed and may succeed later.</summary>
    public static RestartDecision AfterFailedStart(Exception error, TimeSpan pause) =>
        new(
            $"litestream could not be started "
                + $"({(error as LitestreamException)?.Diagnostic.Message ?? error.Message}); "
                + "trying again",
            "not_started",
            pause
        );

    /// <summary>Ended at once, with an error of its own and not by a signal.</summary>
    private static bool IsRefusal(EndedProcess ended) =>
        ended is { HasReplicated: false, ExitCode: 1 or 2, WasToldToStop: false } && ended.RanFor < Thresholds.Refusal;

    private static LitestreamDiagnostic Refuse(EndedProcess ended) =>
        new(
            "LSB5014",
            LitestreamSeverity.Error,
            $"litestream refuses to run ({ended.LastError ?? "it printed nothing"}), and a restart would not help. "
                + $"Nothing is replicated. Correct its configuration or executable, then restart the app."
        );
}
