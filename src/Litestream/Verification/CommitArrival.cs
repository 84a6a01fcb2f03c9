using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;

namespace Litestream.Verification;

/// <summary>Waits until a commit is in the replicas.</summary>
internal sealed class CommitArrival(VerificationContext context, RestoreChecker checks)
{
    /// <summary>
    /// How far the clocks of this machine and of a storage may be apart for a new segment to be taken as new.
    /// </summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(2);

    public async Task WaitAsync(Arrival arrival, TimeSpan round, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var start = context.Time.GetTimestamp();
        var nudgeAt = round * 1.5;
        var nothingToNotice = (context.Settings.MonitorInterval * 2) + VerificationContext.Slack;
        var abandonedAt = nothingToNotice;
        while (true)
        {
            Locate(arrival);
            var pause = round / 40;
            if (arrival.Target is { } target)
            {
                foreach (var source in arrival.Replicas.Where(s => !s.HasArrived))
                {
                    await AskAsync(source, arrival, target, cancellationToken).ConfigureAwait(false);
                    pause = source.Probe.Pause > pause ? source.Probe.Pause : pause;
                }

                if (arrival.Missing is null)
                {
                    arrival.Time = context.Time.GetElapsedTime(start);
                    return;
                }
            }

            var elapsed = context.Time.GetElapsedTime(start);
            if (
                elapsed >= timeout
                || (
                    arrival.Mark is null
                    && !context.Writes
                    && context.GivesUp
                    && elapsed >= nothingToNotice
                )
            )
            {
                return;
            }

            // Who is not seen here and replicates all the same has noticed the commit by now.
            if (!context.Options.StartReplicator && context.GivesUp && elapsed >= abandonedAt)
            {
                abandonedAt = elapsed + round;
                arrival.IsGivenUp = !IsNoticed(arrival) && AreNone(ReplicatorSigns.Of(context.Path));
                if (arrival.IsGivenUp)
                    return;
            }

            // 0.3 can overlook that there is something to send until the next commit: make one. It also shows whether
            // anybody looks at the database at all.
            if (context.Writes && elapsed >= nudgeAt)
            {
                nudgeAt = elapsed + round;
                try
                {
                    var nudge = await LiveDatabase
                        .MarkAsync(
                            context.Path,
                            arrival.Sentinel.Row!.Token,
                            null,
                            TimeSpan.FromSeconds(1),
                            context.Time,
                            cancellationToken
                        )
                        .ConfigureAwait(false);
                    arrival.Nudge = (nudge.Mark, context.Time.GetTimestamp());
                }
                catch (LitestreamException)
                {
                    // The database is busy: then there is another commit.
                }
            }

            pause = pause < VerificationContext.LongestPause ? pause : VerificationContext.LongestPause;
            await Task.Delay(
                    pause > TimeSpan.FromMilliseconds(5) ? pause : TimeSpan.FromMilliseconds(5),
                    context.Time,
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
    }

    /// <summary>One that waits for the storage has not opened the database.</summary>
    private bool AreNone(ReplicatorSigns signs) =>
        context.Line.AsksStorageFirst && context.State.Lineage() is null ? signs.AreNoneToCome : signs.AreNone;

    /// <summary>Finds where the commit stands, as the executable counts.</summary>
    private void Locate(Arrival arrival)
    {
        if (context.State.Lineage() is not { } lineage)
            return;
        if (arrival.Target?.Lineage == lineage)
            return;

        arrival.Target = arrival.Mark is { } mark ? context.State.Find(lineage, mark) : null;
        if (arrival.Target is null)
        {
            // There was no WAL when it was committed, or all who had the database open have closed it since: the commit
            // is in what the WAL of now begins with.
            var now = WalFile.LastCommit(WalFile.PathOf(context.Path));
            if (
                now is not null
                && (arrival.Mark is null || (now.Salt1, now.Salt2) != (arrival.Mark.Salt1, arrival.Mark.Salt2))
            )
            {
                arrival.Mark = now;
                arrival.IsExact = false;
                arrival.Target = context.State.Find(lineage, now);
            }
        }

        if (arrival.Target is not { } target)
            return;
        arrival.Replicas.ForEach(s => s.Reset());
        if (
            arrival is { IsExact: true, Sentinel.Copy: { } copy }
            && context.State.RestorableEnd(target) is { } end
            && !copy.RollForward(context.Path, end)
        )
        {
            arrival.IsExact = false;
        }
    }

    private async Task AskAsync(
        PendingReplica source,
        Arrival arrival,
        ReplicaPosition target,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await source.Probe.AskAsync(target.Lineage, cancellationToken).ConfigureAwait(false);
            arrival.StorageError = null;
        }
        catch (LitestreamException e)
        {
            arrival.StorageError = e;
            return;
        }

        if (source.Progress is not { Position: { } position } reach)
            return;
        if (position.Reaches(target))
        {
            // What the replicator says about itself counts when something of this lineage is really there.
            source.HasArrived =
                context.Restores
                || !source.Probe.IsByMetrics
                || await source.Probe.IsListedAsync(target.Lineage, cancellationToken).ConfigureAwait(false);
        }
        else if (
            !reach.IsExact
            && context.Writes
            && position.OffsetInWalOf(target) is not null
            && position != source.Tried
            && reach.Newest >= arrival.Sentinel.Time - ClockSkew
        )
        {
            // The newest segment may hold it or not: the restore that comes anyway shows it.
            source.Tried = position;
            var check = await checks
                .RunAsync(source.Settings, arrival.Sentinel, arrival, cancellationToken)
                .ConfigureAwait(false);
            source.HasArrived = check.HasSentinel;
            source.Check = check.HasSentinel ? check : null;
        }
    }

    private bool IsNoticed(Arrival arrival) =>
        arrival.Target is { } target && context.State.Newest(target.Lineage)?.Reaches(target) == true;
}

/// <summary>A commit on its way.</summary>
internal sealed class Arrival(Sentinel sentinel, List<PendingReplica> replicas) : IDisposable
{
    public Sentinel Sentinel => sentinel;

    /// <summary>The target when it is just the state that was copied.</summary>
    public ReplicaPosition? ExactTarget => IsExact ? Target : null;

    public List<PendingReplica> Replicas => replicas;

    public WalPosition? Mark { get; set; } = sentinel.Mark;

    public bool IsExact { get; set; } = sentinel.IsExact;

    public ReplicaPosition? Target { get; set; }

    public (WalPosition? Mark, long At)? Nudge { get; set; }

    public TimeSpan? Time { get; set; }

    /// <summary>Whether no process is there that could still send it.</summary>
    public bool IsGivenUp { get; set; }

    public LitestreamException? StorageError { get; set; }

    public PendingReplica? Missing => replicas.Find(r => !r.HasArrived);

    public void Dispose() => replicas.ForEach(r => r.Dispose());
}

/// <summary>A replica that the commit is to arrive in.</summary>
internal sealed class PendingReplica(ReplicaProbe probe) : IDisposable
{
    public ReplicaProbe Probe => probe;

    public ReplicaSettings Settings => probe.Settings;

    public ReplicaProgress? Progress => probe.Progress;

    public bool HasArrived { get; set; }

    /// <summary>The inexact place at which a restore did not have the commit yet.</summary>
    public ReplicaPosition? Tried { get; set; }

    /// <summary>The look at the copy, when a restore decided.</summary>
    public RestoreCheck? Check { get; set; }

    public void Reset() => (HasArrived, Tried, Check) = (false, null, null);

    public void Dispose() => probe.Dispose();
}
