using System.Globalization;
using Litestream.Configuration;
using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Verification;

/// <summary>Why a commit has not arrived.</summary>
internal sealed class MissingCommit(VerificationContext context, ReplicaLineages lineages)
{
    public async Task<VerificationResult> ExplainAsync(
        Arrival arrival,
        PendingReplica missing,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var replica = missing.Settings;
        var lag = context.Time.GetUtcNow() - arrival.Sentinel.Time;
        var isSeen =
            arrival.Target is { } target
            && context.State.Newest(target.Lineage) is { } newest
            && newest.Reaches(target);
        var isAlive = isSeen
            ? arrival.Nudge is not { } nudge
                || nudge.Mark is null
                || context.Time.GetElapsedTime(nudge.At) < context.Settings.MonitorInterval * 2
                || IsSeen(nudge.Mark)
            : arrival.Target is not null && context.State.LastWrite(arrival.Target.Lineage) > arrival.Sentinel.Time;
        var result = context.Result(VerificationOutcome.NotReplicating, "LSB4101", "") with
        {
            Replica = replica.Name,
            Committed = arrival.Target,
            Replicated = missing.Progress?.Position,
            LagBytes = arrival.Target is not null
                ? context.State.Distance(missing.Progress?.Position, arrival.Target)
                : arrival.Mark is { } mark && context.State.Lineage() is { } lineage
                    ? context.State.Unread(lineage, mark)
                    : null,
            Lag = lag,
        };

        // What was not picked up may be waiting for the storage, too.
        if (
            arrival.StorageError is null
            && replica.Folder is null
            && !isSeen
            && context.Line.AsksStorageFirst
            && !ReplicatorSigns.Of(context.Path).AreNoneToCome
        )
        {
            arrival.StorageError = await lineages.ProbeAsync(replica, cancellationToken).ConfigureAwait(false);
            isAlive |= arrival.StorageError is not null;
        }

        var other = arrival.StorageError is null
            ? await lineages.DescribeOtherAsync(replica, cancellationToken).ConfigureAwait(false)
            : "";
        var within = $"within {VerificationContext.Seconds(timeout)}";
        if (!isAlive || (!isSeen && arrival is { Target: null, StorageError: null }))
        {
            var why =
                Holder()
                ?? (
                    context.State.Lineage() is null ? " Litestream has never replicated it from here."
                    : isSeen ? " The replicator picked up earlier commits, then stopped."
                    : ""
                );
            return result with
            {
                Text =
                    $"'{context.Path}' is not being replicated, or its replicator is stuck: its last commit was "
                    + $"not picked up {within}."
                    + $"{why}{other} {context.Start}, or check the log of the running one.",
            };
        }

        if (arrival.StorageError is null && replica.Folder is null)
            arrival.StorageError = await lineages.ProbeAsync(replica, cancellationToken).ConfigureAwait(false);
        if (arrival.StorageError is { } error)
        {
            return result with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = error.Diagnostic.Code,
                Message =
                    $"The storage of replica '{replica.Name}' of '{context.Path}' does not answer, so it is not known "
                    + $"whether {Bytes(result.LagBytes)} of WAL, committed {VerificationContext.Seconds(lag)} ago, "
                    + $"arrived: {error.Diagnostic.Message}",
            };
        }

        if (
            missing.Progress is { IsExact: false, Position: { } last }
            && arrival.Target is not null
            && last.OffsetInWalOf(arrival.Target) is not null
            && !context.Writes
        )
        {
            return result with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4104",
                Message =
                    $"The list of segments does not show whether the last commit of '{context.Path}' is in "
                    + $"replica '{replica.Name}': the last segment begins at {last}, the commit ends "
                    + $"at {arrival.Target}. "
                    + "Give the replicator a metrics address (`addr:` in litestream.yml), or let the verification "
                    + "write its row.",
            };
        }

        if (missing.Progress?.AfterGap is { } after)
        {
            return result with
            {
                Outcome = VerificationOutcome.Failed,
                Code = "LSB4103",
                Message =
                    $"Files are missing in replica '{replica.Name}' of '{context.Path}': it holds {after}, but "
                    + (
                        missing.Progress.Position is { } until
                            ? $"can be restored to {until} only"
                            : "cannot be restored"
                    )
                    + $"; the last commit is at {arrival.Target}. Replicate to an empty place.{other}",
            };
        }

        return result with
        {
            Outcome = VerificationOutcome.Lagging,
            Code = "LSB4102",
            Message =
                $"Replica '{replica.Name}' of '{context.Path}' lags behind: {Bytes(result.LagBytes)} of WAL, "
                + $"committed {VerificationContext.Seconds(lag)} ago, did not arrive {within}. The replica "
                + (missing.Progress?.Position is { } at ? $"is at {at}" : "has nothing of this lineage")
                + $"; the commit is at {arrival.Target}.{other}",
        };
    }

    private static string Bytes(long? count) =>
        count is null
            ? "an unknown number of bytes"
            : string.Create(CultureInfo.InvariantCulture, $"{count} bytes");

    /// <summary>What is known of the litestream that an app runs for this database.</summary>
    private string? Holder()
    {
        if (DatabaseLock.Peek(context.Path).Replicator is not { } replicator)
            return null;
        if (!replicator.IsRunning())
            return $" The litestream of the app (process {replicator.ProcessId}) has ended.";
        try
        {
            var stat = NonDatabaseFile.ReadAllText($"/proc/{replicator.ProcessId}/stat");
            var isStopped = stat[stat.LastIndexOf(')')..].StartsWith(") T", StringComparison.Ordinal);
            return $" The litestream of the app (process {replicator.ProcessId}) "
                + $"{(isStopped ? "has been stopped by a signal (SIGSTOP)" : "is running")}.";
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>For a database that no process replicates. Only a folder is asked which lineage it holds: other
    /// storage may take long to answer.</summary>
    public async Task<VerificationResult> NotReplicatedAsync(
        string why,
        ReplicaSettings replica,
        CancellationToken cancellationToken
    )
    {
        var other = replica.Folder is null
            ? ""
            : await lineages.DescribeOtherAsync(replica, cancellationToken).ConfigureAwait(false);
        return context.Result(
            VerificationOutcome.NotReplicating,
            "LSB4101",
            $"'{context.Path}' is not being replicated: no app or litestream is running for it here. "
                + $"{why}{other} {context.Start}."
        ) with
        {
            Replica = replica.Name,
        };
    }

    private bool IsSeen(WalPosition mark) =>
        context.State.Lineage() is { } lineage
        && context.State.Find(lineage, mark) is { } place
        && context.State.Newest(lineage)?.Reaches(place) == true;
}
