using Litestream.Diagnostics;

namespace Litestream.Replication;

/// <summary>What a look at a database calls for.</summary>
internal enum DatabaseAction
{
    None,

    /// <summary>A commit of our own, so that litestream looks again.</summary>
    Nudge,

    /// <summary>Litestream is stuck, or has to begin anew.</summary>
    Restart,

    /// <summary>
    /// It has to be known whether it is the database of its replicas. Where litestream has it, the file is another one,
    /// or gone: litestream must be stopped before it sends a mixture.
    /// </summary>
    CheckLineage,

    /// <summary>Its replica is on its own disk, and that has hardly any room left: the app needs it.</summary>
    ExcludeForRoom,

    /// <summary>The app sets a rollback journal: litestream must not have it.</summary>
    Refuse,
}

/// <summary>What follows from a look at a database.</summary>
/// <param name="State">What is known from now on.</param>
/// <param name="Action">What to do.</param>
/// <param name="Reason">Why litestream has to be started again; empty where it has not.</param>
/// <param name="News">What should be said once; null when there is nothing new.</param>
internal sealed record DatabaseDecision(
    DatabaseState State,
    DatabaseAction Action = DatabaseAction.None,
    string Reason = "",
    LitestreamDiagnostic? News = null
);

/// <summary>
/// Decides what a look at one database calls for, and how it does. Nothing here looks or acts.
/// </summary>
internal static class DatabasePolicy
{
    public static DatabaseDecision Decide(DatabaseState state, DatabaseObservation seen, DatabaseLimits limits)
    {
        switch (state.Exclusion)
        {
            case Exclusion.Question:
                return new(state, DatabaseAction.CheckLineage);
            case Exclusion.Held:
                return DecideHeld(state, seen.Held!.Value, seen.Now, limits);
            case Exclusion.NoRoom:
                // With some to spare, and room for what litestream begins with then: a snapshot.
                return Next(seen.Room is var (free, kept) && free >= (kept * Thresholds.SpareRoom) + SizeOf(seen));
            case Exclusion.NoFile:
                return Next(SizeOf(seen) > 0);
            case Exclusion.Traced or Exclusion.Refused:
                return new(state);
        }

        if (state.File is { } before)
        {
            if (seen.File is not { } file)
            {
                state = state with { MissingLooks = state.MissingLooks + 1 };
                if (state.MissingLooks >= Thresholds.LooksUntilGone)
                    return new(state, DatabaseAction.CheckLineage);
            }
            else
            {
                state = state with { MissingLooks = 0 };
                if (DatabaseState.IsOther(before, file))
                    return new(state, DatabaseAction.CheckLineage);
            }
        }

        if (seen.File is null)
        {
            // The app has not made it yet.
            return new(state with { Health = LitestreamHealth.Healthy, Problem = null });
        }

        state = state with { File = state.File ?? seen.File };
        return IsShortOfRoom(seen.Room)
            ? new(state, DatabaseAction.ExcludeForRoom)
            : DecideReplicated(state, seen, limits);

        DatabaseDecision Next(bool isBack) => new(state, isBack ? DatabaseAction.CheckLineage : DatabaseAction.None);
    }

    /// <summary>
    /// Whether its own disk, where its replica is too, has so little room that replicating it could take the last from
    /// the app.
    /// </summary>
    public static bool IsShortOfRoom(DiskRoom? room) => room is var (free, kept) && free < kept;

    /// <summary>Why a database is excluded whose disk has too little room.</summary>
    public static LitestreamDiagnostic ExplainNoRoom(string path, DiskRoom room) =>
        new(
            "LSB5016",
            LitestreamSeverity.Error,
            $"'{path}' is currently not replicated: its replica is on the same disk, which has "
                + $"{NumberText.Megabytes(room.Free)} free, and {NumberText.Megabytes(room.Kept)} must stay free for "
                + $"the app (Litestream:FreeSpaceFloor). Free some space, or set Litestream:ReplicaUrl to storage "
                + "elsewhere."
        );

    /// <summary>A database that litestream does not have yet, or that was taken from it.</summary>
    public static DatabaseDecision DecideHeld(
        DatabaseState state,
        HeldDatabase held,
        DateTimeOffset now,
        DatabaseLimits limits
    )
    {
        switch (held.Admission)
        {
            case Admission.RollbackJournal:
                return new(state, DatabaseAction.Refuse);
            case Admission.Admit:
                return new(state with { HeldSince = null }, DatabaseAction.CheckLineage);
        }

        var since = state.HeldSince ?? now;
        var (health, why) = AdmissionPolicy.Explain(
            held.Admission,
            state.Path,
            now - since,
            limits.Stall,
            held.IsWatched,
            held.IsSuspect
        );
        var isHealthy = health == LitestreamHealth.Healthy;
        return new(
            state with
            {
                Exclusion = Exclusion.Held,
                HeldSince = since,
                Excluded = why,
                Health = health,
                Problem = isHealthy ? null : why.ToString(),
            },
            News: !isHealthy && state.Problem != why.ToString() ? why : null
        );
    }

    private static DatabaseDecision DecideReplicated(
        DatabaseState state,
        DatabaseObservation seen,
        DatabaseLimits limits
    )
    {
        var now = seen.Now;
        var error = seen.Error is { } last && (seen.IsPending || now - last.At <= Thresholds.ErrorMemory)
            ? seen.Error
            : null;
        state = state with
        {
            ErrorSince = error is null ? null : state.ErrorSince ?? error.Value.At,
        };
        var silence = now - seen.SilentFolder?.Since;
        var obstacle =
            silence >= limits.Slow
                ? $"the replica folder '{seen.SilentFolder!.Value.Folder}' does not answer, so '{state.Path}' "
                    + "cannot be replicated to it"
            : seen.IsPending ? seen.Folders.Obstacle
            : null;
        state = WithHealth(state, seen, limits, error?.Message ?? seen.Storage.Failure, obstacle, silence);

        (state, var isWiped) = DecideWiped(state, seen, limits);
        if (isWiped)
        {
            var reason = $"the replica of '{state.Path}' has lost its snapshots";
            state = state with
            {
                NeedsNewLineage = true,
                Health = LitestreamHealth.Degraded,
                Problem = "LSB5007: " + reason,
            };
            return new(state, DatabaseAction.Restart, reason);
        }

        // What litestream sends next is of no use, and another one would go on in the same place.
        state = state with { GapLooks = seen.Gap is null ? 0 : state.GapLooks + 1 };
        if (seen.Gap is { } gap && state.GapLooks >= Thresholds.LooksUntilGap)
        {
            return new(
                state with
                {
                    Health = LitestreamHealth.Unhealthy,
                    Problem =
                        $"LSB5007: files are missing in replica '{gap.Replica}' of '{state.Path}': it holds "
                        + $"{gap.After}, but can be restored to {gap.Until} only. Replicate to an empty place",
                }
            );
        }

        if (!seen.IsPending)
            return new(state with { NudgePause = Thresholds.FirstNudgePause });

        (state, var isStuck) = DecideStuck(state, seen, limits, error?.Message, obstacle is not null);
        if (isStuck)
        {
            var said = error is null ? "" : $" ({error.Value.Message})";
            return new(
                state,
                DatabaseAction.Restart,
                $"no data of '{state.Path}' has arrived for {NumberText.WholeSeconds(now - seen.ProgressAt)}{said}"
            );
        }

        if (
            seen.Lag < limits.Nudge
            || now < state.NudgeAt
            || obstacle is not null
            || seen.SilentFolder is not null
            || seen.SnapshotSince is not null
            || !(seen.IsNoticed || error is not null)
        )
        {
            return new(state);
        }

        return new(
            state with
            {
                UnansweredNudge = seen.Error?.At >= (state.UnansweredNudge ?? seen.Error?.At)
                    ? now
                    : state.UnansweredNudge,
                NudgeAt = now + state.NudgePause,
                NudgePause = Shorter(state.NudgePause * 2, Thresholds.LongestNudgePause),
            },
            DatabaseAction.Nudge
        );
    }

    private static DatabaseState WithHealth(
        DatabaseState state,
        DatabaseObservation seen,
        DatabaseLimits limits,
        string? error,
        string? obstacle,
        TimeSpan? silence
    )
    {
        var failing = seen.Now - state.ErrorSince;
        var health =
            seen.Lag >= limits.Stall || failing >= limits.Stall || silence >= limits.Stall ? LitestreamHealth.Unhealthy
            : seen.Lag >= limits.Slow || failing >= limits.Slow || obstacle is not null ? LitestreamHealth.Degraded
            : LitestreamHealth.Healthy;
        if (health != LitestreamHealth.Healthy)
        {
            var late =
                $"commits made to '{state.Path}' {NumberText.WholeSeconds(seen.Lag)} ago have not "
                + $"arrived{(error is null ? "" : $": {error}")}";
            var why =
                obstacle
                ?? (seen.Lag >= limits.Slow ? late : $"litestream cannot replicate '{state.Path}': {error}");
            return state with { Health = health, Problem = "LSB5007: " + why };
        }

        return seen.Now - state.LockErrorAt < Thresholds.LockErrorMemory
            ? state with
            {
                Health = LitestreamHealth.Degraded,
                Problem =
                    $"LSB5019: statements of the app fail with 'database is locked' while litestream replicates "
                    + $"'{state.Path}'. Check whether one of them sets another journal mode than WAL",
            }
            : state with
            {
                Health = health,
                Problem = null,
            };
    }

    /// <summary>A replica in a folder without a snapshot gives nothing back, whatever is sent to it.</summary>
    private static (DatabaseState State, bool IsWiped) DecideWiped(
        DatabaseState state,
        DatabaseObservation seen,
        DatabaseLimits limits
    )
    {
        if (
            seen.LastSync is null
            || seen.ReplicatedLineage is not { } lineage
            || seen.SnapshotSince is not null
            || seen.Now - seen.BegunAt < limits.Slow
        )
        {
            return (state, false);
        }

        var isEmpty =
            seen.Folders.IsWiped && seen.Folders.Lineage == lineage && seen.SilentFolder is null;
        state = state with { WipedLooks = isEmpty ? state.WipedLooks + 1 : 0 };
        return (state, state.WipedLooks >= Thresholds.LooksUntilWiped);
    }

    private static (DatabaseState State, bool IsStuck) DecideStuck(
        DatabaseState state,
        DatabaseObservation seen,
        DatabaseLimits limits,
        string? error,
        bool isBlocked
    )
    {
        // It waits in the same place as a folder that does not answer, and continues when that does. Another one would
        // wait there too.
        // With a storage that does not answer it is the same.
        if (seen.SilentFolder is not null || seen.Storage.Failure is not null)
            return (state, false);
        var now = seen.Now;
        var answeredAt = Later(seen.FoldersAnsweredAt, seen.Storage.AnsweredAt);
        var waits = Shorter(Shorter(now - seen.ProgressAt, seen.Lag), now - answeredAt);
        if (isBlocked)
        {
            // A write that has failed leaves it hanging for good, but the next one would fail and hang too.
            return (state with { WasBlocked = state.WasBlocked || waits >= limits.Slow }, false);
        }

        if (state.WasBlocked)
            return (state, true);
        if (waits < limits.Stall)
            return (state, false);

        // It lives and says what is wrong: a nudge has it try again, and a new start costs a new snapshot. It is stuck
        // when it says nothing to a nudge either.
        if (
            error is not null
            && seen.Error is { } last
            && (
                state.UnansweredNudge > last.At
                    ? now - state.UnansweredNudge < limits.Stall
                    : now - last.At < Thresholds.LongestNudgePause + limits.Stall
            )
        )
        {
            return (state, false);
        }

        // A large upload takes as long as it takes.
        var bytes = seen.SnapshotSince is not null ? SizeOf(seen) : seen.LagBytes ?? 0;
        var longest = limits.Stall + TimeSpan.FromSeconds(bytes / (double)Thresholds.SlowestUpload);
        return (state, now - seen.UploadedAt >= limits.Stall || waits >= longest);
    }

    private static long SizeOf(DatabaseObservation seen) => seen.File?.Size ?? 0;

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
