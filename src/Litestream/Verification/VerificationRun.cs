using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases.V03;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Verification;

/// <summary>One verification of one database.</summary>
internal sealed class VerificationRun(
    LitestreamExecutable executable,
    EffectiveConfig config,
    EffectiveDatabase database,
    VerificationOptions options,
    Task<string> version,
    SemaphoreSlim restores
)
{
    private const int Attempts = 2;

    private static readonly string[] HoleWords =
    [
        "missing",
        "no such file",
        "not found",
        "NotFound",
        "NoSuchKey",
        "does not exist",
    ];

    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ShortestPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestStorageTimeout = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// How far the clocks of this machine and of a storage may be apart for a new segment to be taken as new.
    /// </summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(2);

    private readonly TimeProvider _time = TimeProvider.System;
    private readonly TimeSpan _storageTimeout = StorageTimeout(options);
    private readonly BackupCatalog _client = new(executable, config) { Timeout = StorageTimeout(options) };
    private readonly ShadowWal _shadow = new(database.MetaPath);
    private readonly ReplicationSettings _settings = ReplicationSettings.Of(config, database);

    private bool Restores => options.Level != VerificationLevel.Position;

    private bool Writes => options.Write && Restores;

    public async Task<VerificationResult> RunAsync(CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        if (options.Replica is { } name && !database.Replicas.Any(r => r.Name == name))
            throw BackupCatalog.NoSuchReplica(database, name);

        VerificationResult result;
        try
        {
            result = await VerifyAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (LitestreamException e)
        {
            result = Result(VerificationOutcome.Inconclusive, e.Diagnostic.Code, e.Diagnostic.Message);
        }

        return result with
        {
            Duration = _time.GetElapsedTime(start),
        };
    }

    private async Task<VerificationResult> VerifyAsync(CancellationToken cancellationToken)
    {
        var replicas = _settings.Replicas.Where(r => options.Replica is null || r.Name == options.Replica).ToList();
        if (replicas.Count == 0)
            return Result(
                VerificationOutcome.NotReplicating,
                "LSB4101",
                $"{database.Path} has no replica in the configuration."
            );
        if (!File.Exists(database.Path))
            throw LiveDatabase.Missing(database.Path);
        if (Restores)
            LiveDatabase.RequireLibrary(database.Path);
        var tables = LiveDatabase.ProbeTables(database.Path, asksMode: false).Tables;
        if (tables == AppTables.None)
            return Result(
                VerificationOutcome.NotReplicating,
                "LSB5017",
                $"{database.Path} has no table of the app's own, so it is not replicated, and nothing is written to "
                    + $"it. Let the app make its tables first."
            );

        var round = _settings.Round(replicas);
        var release = await version.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!release.StartsWith("0.3.", StringComparison.Ordinal))
            return await PollByRestoringAsync(release, replicas, round, cancellationToken).ConfigureAwait(false);

        // Litestream makes its own folder beside a database as soon as it begins, in a container of its own too.
        if (
            !options.StartReplicator
            && tables == AppTables.Some
            && _shadow.Generation() is null
            && ReplicatorSigns.Of(database.Path).AreNoneToCome
        )
            return await NobodyAsync("Litestream has never replicated it from here.", replicas[0], cancellationToken)
                .ConfigureAwait(false);

        for (var attempt = 1; ; attempt++)
        {
            var timeout =
                options.Timeout
                ?? (round * (Writes ? 3 : 2)) + Slack + (Writes ? TimeSpan.Zero : _settings.CheckpointInterval);
            using var sentinel = await MarkAsync(timeout, cancellationToken).ConfigureAwait(false);
            using var arrival = new Arrival(
                sentinel,
                replicas.ConvertAll(r => new Pending(
                    new ReplicaWatch(r, _settings.MetricsAddress, database, _client, _shadow)
                ))
            );
            await WaitAsync(arrival, round, timeout, cancellationToken).ConfigureAwait(false);
            if (arrival.Missing is { } missing)
                return arrival.IsGivenUp
                    ? (
                        await NobodyAsync("Its last commit was not picked up.", missing.Settings, cancellationToken)
                            .ConfigureAwait(false)
                    ) with
                    {
                        Committed = arrival.Target,
                    }
                    : await ExplainAsync(arrival, missing, timeout, cancellationToken).ConfigureAwait(false);

            var arrived = Result(VerificationOutcome.Verified, null, "") with
            {
                Committed = arrival.Target,
                Replicated = arrival.Replicas[^1].Reach?.Position ?? arrival.Target,
                Replica = replicas[^1].Name,
                LagBytes = 0,
                Lag = TimeSpan.Zero,
                ArrivalTime = arrival.Time,
            };
            if (!Restores)
            {
                foreach (var replica in replicas)
                {
                    if (
                        await NewestOfOthersAsync(replica, arrival.Target!.Generation, cancellationToken)
                            .ConfigureAwait(false) is
                        { } taken
                    )
                    {
                        return arrived with
                        {
                            Outcome = VerificationOutcome.Failed,
                            Code = "LSB4103",
                            Replica = replica.Name,
                            Message = await TakenAsync(replica, taken, arrival.Target.Generation, cancellationToken)
                                .ConfigureAwait(false),
                        };
                    }
                }

                return arrived with
                {
                    Message =
                        $"The last commit of {database.Path} is in its replica ({arrival.Target}). Level Position: "
                        + $"nothing was restored or compared.",
                };
            }

            var checks = new List<Check>();
            foreach (var source in arrival.Replicas)
                checks.Add(
                    source.Check
                        ?? await CheckAsync(source.Settings, sentinel, arrival, cancellationToken).ConfigureAwait(false)
                );

            var bad = checks.FirstOrDefault(c => c.Outcome != VerificationOutcome.Verified);

            // What really differs, differs again. And litestream has put it into WAL mode since.
            if ((bad is { ContentDiffers: true } || sentinel.WhyNoCopy == LiveCopy.NotInWalMode) && attempt < Attempts)
                continue;
            var check = bad ?? checks[^1];
            return arrived with
            {
                Outcome = check.Outcome,
                Code = check.Code,
                Message = check.Message,
                Replica = check.Replica,
                RowCounts = check.RowCounts,
                RestoredBytes = check.Bytes,
                RestoreTime = check.Time,
            };
        }
    }

    private async Task<Sentinel> MarkAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        Writes || options.Level == VerificationLevel.Full
            ? await LiveDatabase
                .MarkAsync(
                    database.Path,
                    Writes ? Guid.NewGuid().ToString("n") : null,
                    options.Level == VerificationLevel.Full ? ReaderLimit.Of(_settings.MaxCheckpointPages) : null,
                    Longer(timeout),
                    _time,
                    cancellationToken
                )
                .ConfigureAwait(false)
            : new Sentinel(null, WalFile.LastCommit(WalFile.PathOf(database.Path)), false, _time.GetUtcNow());

    private static TimeSpan Longer(TimeSpan timeout) => timeout > ShortestPatience ? timeout : ShortestPatience;

    private async Task WaitAsync(Arrival arrival, TimeSpan round, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        var nudgeAt = round * 1.5;
        var nothingToNotice = (_settings.MonitorInterval * 2) + Slack;
        var nobodyAt = nothingToNotice;
        while (true)
        {
            Locate(arrival);
            var pause = round / 40;
            if (arrival.Target is { } target)
            {
                foreach (var source in arrival.Replicas.Where(s => !s.HasArrived))
                {
                    await AskAsync(source, arrival, target, cancellationToken).ConfigureAwait(false);
                    pause = source.Watch.Pause > pause ? source.Watch.Pause : pause;
                }

                if (arrival.Missing is null)
                {
                    arrival.Time = _time.GetElapsedTime(start);
                    return;
                }
            }

            var elapsed = _time.GetElapsedTime(start);
            if (
                elapsed >= timeout
                || (arrival.Mark is null && !Writes && options.Timeout is null && elapsed >= nothingToNotice)
            )
                return;

            // Who is not seen here and replicates all the same has noticed the commit by now.
            if (!options.StartReplicator && options.Timeout is null && elapsed >= nobodyAt)
            {
                nobodyAt = elapsed + round;
                arrival.IsGivenUp = !IsNoticed(arrival) && ReplicatorSigns.Of(database.Path).AreNone;
                if (arrival.IsGivenUp)
                    return;
            }

            // 0.3 can overlook that there is something to send until the next commit: make one. It also shows whether
            // anybody looks at the database at all.
            if (Writes && elapsed >= nudgeAt)
            {
                nudgeAt = elapsed + round;
                try
                {
                    var nudge = await LiveDatabase
                        .MarkAsync(
                            database.Path,
                            arrival.Sentinel.Row!.Token,
                            null,
                            TimeSpan.FromSeconds(1),
                            _time,
                            cancellationToken
                        )
                        .ConfigureAwait(false);
                    arrival.Nudge = (nudge.Mark, _time.GetTimestamp());
                }
                catch (LitestreamException)
                {
                    // The database is busy: then there is another commit.
                }
            }

            pause = pause < LongestPause ? pause : LongestPause;
            await Task.Delay(
                    pause > TimeSpan.FromMilliseconds(5) ? pause : TimeSpan.FromMilliseconds(5),
                    _time,
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
    }

    /// <summary>Finds where the commit stands, as the executable counts.</summary>
    private void Locate(Arrival arrival)
    {
        if (_shadow.Generation() is not { } generation)
            return;
        if (arrival.Target?.Generation == generation)
            return;

        arrival.Target = arrival.Mark is { } mark ? _shadow.Find(generation, mark) : null;
        if (arrival.Target is null)
        {
            // There was no WAL when it was committed, or all who had the database open have closed it since: the commit
            // is in what the WAL of now begins with.
            var now = WalFile.LastCommit(WalFile.PathOf(database.Path));
            if (
                now is not null
                && (arrival.Mark is null || (now.Salt1, now.Salt2) != (arrival.Mark.Salt1, arrival.Mark.Salt2))
            )
            {
                arrival.Mark = now;
                arrival.IsExact = false;
                arrival.Target = _shadow.Find(generation, now);
            }
        }

        if (arrival.Target is not null)
            arrival.Replicas.ForEach(s => s.Reset());
    }

    private async Task AskAsync(
        Pending source,
        Arrival arrival,
        ReplicaPosition target,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await source.Watch.AskAsync(target.Generation, cancellationToken).ConfigureAwait(false);
            arrival.StorageError = null;
        }
        catch (LitestreamException e)
        {
            arrival.StorageError = e;
            return;
        }

        if (source.Reach is not { Position: { } position } reach)
            return;
        if (position.Reaches(target))
        {
            // What the replicator says about itself counts when something of this generation is really there.
            source.HasArrived =
                Restores
                || !source.Watch.IsByMetrics
                || await source.Watch.IsListedAsync(target.Generation, cancellationToken).ConfigureAwait(false);
        }
        else if (
            !reach.IsExact
            && Writes
            && position.Index == target.Index
            && position != source.Tried
            && reach.Newest >= arrival.Sentinel.Time - ClockSkew
        )
        {
            // The newest segment may hold it or not: the restore that comes anyway shows it.
            source.Tried = position;
            var check = await CheckAsync(source.Settings, arrival.Sentinel, arrival, cancellationToken)
                .ConfigureAwait(false);
            source.HasArrived = check.HasSentinel;
            source.Check = check.HasSentinel ? check : null;
        }
    }

    private async Task<VerificationResult> ExplainAsync(
        Arrival arrival,
        Pending missing,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var replica = missing.Settings;
        var lag = _time.GetUtcNow() - arrival.Sentinel.Time;
        var isSeen =
            arrival.Target is { } target && _shadow.Newest(target.Generation) is { } newest && newest.Reaches(target);
        var isAlive = isSeen
            ? arrival.Nudge is not { } nudge
                || nudge.Mark is null
                || _time.GetElapsedTime(nudge.At) < _settings.MonitorInterval * 2
                || IsSeen(nudge.Mark)
            : arrival.Target is not null && _shadow.LastWrite(arrival.Target.Generation) > arrival.Sentinel.Time;
        var result = Result(VerificationOutcome.NotReplicating, "LSB4101", "") with
        {
            Replica = replica.Name,
            Committed = arrival.Target,
            Replicated = missing.Reach?.Position,
            LagBytes = arrival.Target is null ? null : _shadow.Distance(missing.Reach?.Position, arrival.Target),
            Lag = lag,
        };

        var other = arrival.StorageError is null
            ? await OtherHistoryAsync(replica, cancellationToken).ConfigureAwait(false)
            : "";
        var within = $"within {Seconds(timeout)}";
        if (!isAlive || (!isSeen && arrival.Target is null))
        {
            var why =
                Holder()
                ?? (
                    _shadow.Generation() is null ? " Litestream has never replicated it from here."
                    : isSeen ? " It was, and then its replicator stopped."
                    : ""
                );
            return result with
            {
                Message =
                    $"'{database.Path}' is not being replicated, or its replicator is stuck: its last commit was "
                    + $"not picked up {within}."
                    + $"{why}{other} Start the app, let the verification start a litestream "
                    + $"(LitestreamStartReplicator=true, "
                    + "--start-replicator), or look at the log of the one that runs.",
            };
        }

        if (arrival.StorageError is null && replica.Folder is null)
            arrival.StorageError = await ProbeAsync(replica, cancellationToken).ConfigureAwait(false);
        if (arrival.StorageError is { } error)
            return result with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = error.Diagnostic.Code,
                Message =
                    $"The storage of replica {replica.Name} of {database.Path} does not "
                    + $"answer: {error.Diagnostic.Message}",
            };
        if (
            missing.Reach is { IsExact: false, Position: { } last }
            && arrival.Target is not null
            && last.Index == arrival.Target.Index
            && !Writes
        )
        {
            return result with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4104",
                Message =
                    $"Whether the last commit of {database.Path} is in replica {replica.Name} cannot be told from "
                    + $"its list of segments alone: the last one begins at {last}, the commit ends "
                    + $"at {arrival.Target}. "
                    + "Give the replicator a metrics address (`addr:` in litestream.yml), or verify with a row of "
                    + "its own.",
            };
        }

        var bytes = result.LagBytes is { } count
            ? string.Create(CultureInfo.InvariantCulture, $"{count} bytes")
            : "some";
        return result with
        {
            Outcome = VerificationOutcome.Lagging,
            Code = "LSB4102",
            Message =
                $"Replica {replica.Name} of {database.Path} lags behind: {bytes} of WAL, committed {Seconds(lag)} "
                + $"ago, did not arrive {within}. It has come "
                + $"to {missing.Reach?.Position?.ToString() ?? "nothing of this generation"}, the commit is "
                + $"at {arrival.Target}.{other}",
        };
    }

    /// <summary>What is known of the litestream that an app runs for this database.</summary>
    private string? Holder()
    {
        if (DatabaseLock.Peek(database.Path).Replicator is not { } replicator)
            return null;
        if (!replicator.IsRunning())
            return $" The litestream of the app (process {replicator.ProcessId}) has ended.";
        try
        {
            var stat = PlainFile.ReadAllText($"/proc/{replicator.ProcessId}/stat");
            return $" The litestream of the app "
                + $"(process {replicator.ProcessId}) "
                + $"{(stat[stat.LastIndexOf(')')..].StartsWith(") T", StringComparison.Ordinal) ? "has been stopped by a signal (SIGSTOP)" : "runs")}.";
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>What is said at once where nobody replicates. Only a folder is asked whose history it holds: a storage
    /// may take long to answer.</summary>
    private async Task<VerificationResult> NobodyAsync(
        string why,
        ReplicaSettings replica,
        CancellationToken cancellationToken
    )
    {
        var other = replica.Folder is null
            ? ""
            : await OtherHistoryAsync(replica, cancellationToken).ConfigureAwait(false);
        return Result(
            VerificationOutcome.NotReplicating,
            "LSB4101",
            $"'{database.Path}' is not being replicated: no app and no litestream is at work on it here. {why}{other} "
                + "Start the app, or let the verification start a litestream (LitestreamStartReplicator=true, "
                + "--start-replicator)."
        ) with
        {
            Replica = replica.Name,
        };
    }

    private bool IsNoticed(Arrival arrival) =>
        arrival.Target is { } target && _shadow.Newest(target.Generation)?.Reaches(target) == true;

    private bool IsSeen(WalMark mark) =>
        _shadow.Generation() is { } generation
        && _shadow.Find(generation, mark) is { } place
        && _shadow.Newest(generation)?.Reaches(place) == true;

    /// <summary>A sentence when the replica has histories, but not that of the database here.</summary>
    private async Task<string> OtherHistoryAsync(ReplicaSettings replica, CancellationToken cancellationToken)
    {
        try
        {
            var generations = (
                await _client.GenerationsAsync(database, replica.Name, cancellationToken).ConfigureAwait(false)
            )
                .Select(g => g.Name)
                .ToList();
            var own = _shadow.Generation();
            if (own is not null && generations.Contains(own))
                return await NewestOfOthersAsync(replica, own, cancellationToken).ConfigureAwait(false) is { } newest
                    ? " " + await TakenAsync(replica, newest, own, cancellationToken).ConfigureAwait(false)
                    : "";
            return generations.Count == 0
                ? ""
                : $" The replica holds another history "
                    + $"({string.Join(", ", generations.Take(3))}{(generations.Count > 3 ? ", ..." : "")}) than this "
                    + $"database's ({own ?? "none"}): it is another database's, or one that was put in this "
                    + $"one's place.";
        }
        catch (LitestreamException)
        {
            return "";
        }
    }

    /// <summary>
    /// The generation that a restore would take by the lists, when it is none of this database; else null. Generations
    /// of this database follow each other: none is written to once the next has begun.
    /// (The lists have whole seconds, in which one may end and the next begin.)
    /// </summary>
    /// <exception cref="LitestreamException">LSB4005: the storage cannot be listed.</exception>
    private async Task<string?> NewestOfOthersAsync(
        ReplicaSettings replica,
        string own,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            IReadOnlyList<Generation> generations;
            try
            {
                generations = await _client
                    .GenerationsAsync(database, replica.Name, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (LitestreamException e)
            {
                throw new LitestreamException(
                    "LSB4005",
                    $"Replica {replica.Name} of {database.Path} cannot be listed: {e.Diagnostic.Message}",
                    innerException: e
                );
            }

            var mine = generations.FirstOrDefault(g => g.Name == own);
            var other = generations.Where(g => g.Name != own && g.End is not null).MaxBy(g => g.End);
            if (
                other is null
                || (mine is not null && (other.End < mine.End || other.End <= mine.Start))
                || other.Name == _shadow.Generation()
            )
                return null;
            if (attempt == Attempts || _shadow.Generation() == own)
                return other.Name;

            // One is being begun here.
            await Task.Delay(LongestPause, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What it means that a restore takes another generation than the one of this database.</summary>
    private async Task<string> TakenAsync(
        ReplicaSettings replica,
        string taken,
        string own,
        CancellationToken cancellationToken
    )
    {
        var isOlder = false;
        try
        {
            var generations = await _client
                .GenerationsAsync(database, replica.Name, cancellationToken)
                .ConfigureAwait(false);
            isOlder =
                generations.FirstOrDefault(g => g.Name == own) is not { } mine
                || generations.FirstOrDefault(g => g.Name == taken)?.End <= mine.Start;
        }
        catch (LitestreamException)
        {
            // Then there is no telling.
        }

        return $"A restore from replica {replica.Name} takes generation {taken}, and {own} is that of {database.Path}: "
            + (
                isOlder
                    ? "what is sent from here cannot be restored, and what comes back is an older history, or that "
                        + "of another host or database that writes to the replica."
                    : "another host or database writes to the replica as well, and has done so last. Let only one "
                        + "of them replicate to this place, and give the other a replica of its own."
            );
    }

    private async Task<LitestreamException?> ProbeAsync(ReplicaSettings replica, CancellationToken cancellationToken)
    {
        try
        {
            await _client.SnapshotsAsync(database, replica.Name, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (LitestreamException e)
        {
            return new LitestreamException("LSB4005", e.Diagnostic.Message, innerException: e);
        }
    }

    /// <param name="replica">What is restored from.</param>
    /// <param name="sentinel">What has to be there.</param>
    /// <param name="arrival">Where it stands; null where places are not known.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private async Task<Check> CheckAsync(
        ReplicaSettings replica,
        Sentinel sentinel,
        Arrival? arrival,
        CancellationToken cancellationToken
    )
    {
        await restores.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var start = _time.GetTimestamp();
            using var copy = new ScratchCopy(executable, config, database, _storageTimeout);
            var check = new Check(
                VerificationOutcome.Failed,
                "LSB4103",
                "",
                replica.Name,
                null,
                null,
                default,
                false,
                false
            );
            try
            {
                var own = arrival?.Target?.Generation;
                if (await RestoreAsync(copy, replica, own, cancellationToken).ConfigureAwait(false) is not { } taken)
                    return check with
                    {
                        Message =
                            $"Replica {replica.Name} of {database.Path} gives no database back: the changes arrive, "
                            + $"but there is no snapshot that they belong to.{Remains(replica)} Stop the replicator, "
                            + $"remove {database.MetaPath} and start it again: it then sends a new snapshot.",
                    };
                if (own is not null && taken.Length > 0)
                    return check with
                    {
                        Message = await TakenAsync(replica, taken, own, cancellationToken).ConfigureAwait(false),
                        Bytes = copy.Bytes,
                        Time = _time.GetElapsedTime(start),
                    };
            }
            catch (LitestreamException e) when (e.Diagnostic.Code == "LSB4003" || IsHole(e.Diagnostic))
            {
                return check with
                {
                    Message = $"Replica {replica.Name} of {database.Path} is damaged: {e.Diagnostic.Message}",
                };
            }

            check = check with { Bytes = copy.Bytes };
            check = await Task.Run(
                    () =>
                        Read(
                            check,
                            () => Look(copy, check, sentinel, arrival?.ExactTarget is not null, cancellationToken)
                        ),
                    cancellationToken
                )
                .ConfigureAwait(false);
            if (check.ContentDiffers)
            {
                // The restored copy may be newer than the copy of the live database.
                check =
                    arrival?.ExactTarget is { } exactTarget
                    && await copy.RestoreUpToAsync(exactTarget, replica.Name, cancellationToken).ConfigureAwait(false)
                        is { } cut
                        ? await Task.Run(
                                () =>
                                    Read(
                                        check,
                                        () => Judge(check, sentinel.Copy!.CompareWith(cut, new(), cancellationToken))
                                    ),
                                cancellationToken
                            )
                            .ConfigureAwait(false)
                        : await CompareMeanwhileAsync(copy, check, sentinel, cancellationToken).ConfigureAwait(false);
            }

            if (check is { Outcome: VerificationOutcome.Failed, HasSentinel: false })
                check = check with
                {
                    Message = check.Message + await OtherHistoryAsync(replica, cancellationToken).ConfigureAwait(false),
                };
            return check with { Time = _time.GetElapsedTime(start) };
        }
        finally
        {
            restores.Release();
        }
    }

    /// <summary>
    /// Once more when it fails: retention may have removed what the first one was about to fetch. And once more when it
    /// takes another generation while
    /// generations begin here: it may have been one of them.
    /// </summary>
    /// <param name="copy">Where to.</param>
    /// <param name="replica">Where from.</param>
    /// <param name="own">The generation that the commit is in; null where it is not known.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>
    /// The generation that it took when that is none of this database, else empty; null when there is no backup.
    /// </returns>
    private async Task<string?> RestoreAsync(
        ScratchCopy copy,
        ReplicaSettings replica,
        string? own,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (
                    await copy.RestoreAsync(["-replica", replica.Name], cancellationToken).ConfigureAwait(false)
                    is not { } source
                )
                    return null;
                var taken = source.Generation;
                if (own is null || taken == own || taken == _shadow.Generation())
                    return "";
                if (taken.Length == 0)
                    return await NewestOfOthersAsync(replica, own, cancellationToken).ConfigureAwait(false) ?? "";
                if (attempt == Attempts || _shadow.Generation() == own)
                    return taken;
                await Task.Delay(LongestPause, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (LitestreamException e)
                when (attempt < Attempts
                    && e.Diagnostic.Code != "LSB0003"
                    && e.InnerException is not OperationCanceledException
                )
            {
                // Once more.
            }
        }
    }

    private Check Look(
        ScratchCopy copy,
        Check check,
        Sentinel sentinel,
        bool canBeCut,
        CancellationToken cancellationToken
    )
    {
        using var connection = ScratchDatabase.Open(copy.Path);
        if (
            ScratchDatabase.Damage(
                connection,
                options.Level == VerificationLevel.Full,
                out var note,
                cancellationToken
            ) is
            { } damage
        )
            return check with
            {
                Message = $"What replica {check.Replica} of {database.Path} gives back is damaged: {damage}.",
            };

        if (sentinel.Row is { } row)
        {
            var found = LiveDatabase.ReadRow(connection, row.Table);
            if (found?.Includes(row) != true)
                return check with
                {
                    Message =
                        $"What replica {check.Replica} of {database.Path} gives back is an older state: the commit "
                        + $"that has arrived is not in it "
                        + $"({(found is null ? "no verification is" : $"the newest verification in it is of {found.Written}")}).",
                };
        }

        var good = check with
        {
            Outcome = VerificationOutcome.Verified,
            Code = null,
            HasSentinel = true,
            Message = $"{database.Path} came back from replica {check.Replica} with its last commit.{note}",
        };
        if (options.Level != VerificationLevel.Full)
            return good with
            {
                Message =
                    $"{good.Message} Level {options.Level}: rows were neither counted nor compared; Full compares "
                    + $"the content.",
            };
        if (sentinel.Copy is not { } live)
            return good with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                Message = $"{good.Message} Its content could not be compared: {sentinel.WhyNoCopy}.",
            };

        // Where pages differ and the copy can be cut at just the commit, its rows are compared then, and not
        // before.
        good = good with
        {
            GoodMessage = good.Message,
        };
        if (canBeCut)
            return live.ComparePages(copy.Path, cancellationToken) is { } same
                ? Judge(good, same)
                : good with
                {
                    ContentDiffers = true,
                };
        return Judge(good, live.CompareWith(copy.Path, new() { StopAtFirst = true }, cancellationToken));
    }

    /// <summary>Looks at what was restored. An error of this machine says nothing about the backup.</summary>
    private Check Read(Check check, Func<Check> look)
    {
        try
        {
            return look();
        }
        catch (Exception e) when (ScratchError.IsMachineFault(e))
        {
            return check with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                ContentDiffers = false,
                Message =
                    $"What replica {check.Replica} of {database.Path} gives back could not be compared "
                    + $"here: {ScratchError.Explain(e)}.",
            };
        }
        catch (SqliteException e)
        {
            return check with
            {
                Outcome = VerificationOutcome.Failed,
                Code = "LSB4103",
                Message = $"What replica {check.Replica} of {database.Path} gives back cannot be read: {e.Message}",
            };
        }
    }

    /// <summary>
    /// Where the restored copy may be of any moment since the copy of the live database was made, another copy that is
    /// made now tells what was written meanwhile: a row that is the same in
    /// both must be the same in the restored one.
    /// </summary>
    private async Task<Check> CompareMeanwhileAsync(
        ScratchCopy copy,
        Check check,
        Sentinel sentinel,
        CancellationToken cancellationToken
    )
    {
        LiveCopy? later;
        string why;
        try
        {
            (later, why) = await Task.Run(
                    () =>
                        LiveCopy.TakeAsync(
                            database.Path,
                            ReaderLimit.Of(_settings.MaxCheckpointPages),
                            ShortestPatience,
                            _time,
                            cancellationToken
                        ),
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
        catch (SqliteException e)
        {
            (later, why) = (null, e.Message);
        }

        if (later is null)
            return check with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                ContentDiffers = false,
                Message = $"{check.GoodMessage} Its content could not be compared: {why.TrimEnd('.')}.",
            };
        using (later)
            return await Task.Run(
                    () => Read(check, () => CompareMeanwhile(copy.Path, later, check, sentinel, cancellationToken)),
                    cancellationToken
                )
                .ConfigureAwait(false);
    }

    private static Check CompareMeanwhile(
        string restored,
        LiveCopy later,
        Check check,
        Sentinel sentinel,
        CancellationToken cancellationToken
    )
    {
        var all = new ContentOptions { Limit = ContentWindow.MostDifferences, ArePrivate = true };
        using var before = sentinel.Copy!.Open();
        using var after = later.Open();
        using var between = ScratchDatabase.Open(restored);
        var window = ContentWindow.Evaluate(
            DatabaseContent.Compare(before, between, all, cancellationToken),
            DatabaseContent.Compare(before, after, all, cancellationToken),
            DatabaseContent.Compare(after, between, all, cancellationToken)
        );
        check = Judge(check, window.Wrong);
        return window.Unknown == 0 || check.Outcome == VerificationOutcome.Failed
            ? check
            : check with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                Message = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{check.GoodMessage} Not all of its content could be compared: {window.Unknown} rows were "
                        + $"written to more than once meanwhile."
                ),
            };
    }

    /// <summary>What a comparison of the content means for a copy that is good so far.</summary>
    private static Check Judge(Check check, ContentComparison comparison)
    {
        var counts = comparison
            .ActualRows.Where(table => !table.Key.StartsWith("sqlite_", StringComparison.OrdinalIgnoreCase))
            .ToDictionary();
        check = check with
        {
            RowCounts = new SortedDictionary<string, long>(counts, StringComparer.Ordinal),
            ContentDiffers = comparison.Count > 0,
        };
        if (comparison.Count > 0)
        {
            return check with
            {
                Outcome = VerificationOutcome.Failed,
                Code = "LSB4103",
                Message =
                    $"What replica {check.Replica} gives back is not what the database held: {comparison.Describe()}.",
            };
        }

        return comparison.IsSame
            ? check with
            {
                Outcome = VerificationOutcome.Verified,
                Code = null,
                Message = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{check.GoodMessage} Tables: {counts.Count}, rows: {counts.Values.Sum()}; compared by content, "
                        + $"no difference."
                ),
            }
            : check with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                Message = $"{check.GoodMessage} Not all of its content could be compared: {comparison}.",
            };
    }

    /// <summary>The storage answers, and something that belongs to the backup is not there.</summary>
    private static bool IsHole(LitestreamDiagnostic diagnostic) =>
        diagnostic.Code == "LSB4005"
        && HoleWords.Any(word => diagnostic.Message.Contains(word, StringComparison.OrdinalIgnoreCase))
        && !diagnostic.Message.Contains("NoSuchBucket", StringComparison.Ordinal);

    /// <summary>A file replica in the form of another release line.</summary>
    private static string Remains(ReplicaSettings replica) =>
        replica.Folder is { } folder
        && (Directory.Exists(Path.Combine(folder, "ltx")) || Directory.Exists(Path.Combine(folder, "0000")))
            ? " It holds files of release line 0.5 (ltx), which this executable does not read."
            : "";

    /// <summary>For executables whose positions are not known.</summary>
    private async Task<VerificationResult> PollByRestoringAsync(
        string release,
        List<ReplicaSettings> replicas,
        TimeSpan round,
        CancellationToken cancellationToken
    )
    {
        if (!Writes)
        {
            return Result(
                VerificationOutcome.Inconclusive,
                "LSB4104",
                $"How far a replica has come is known for release line 0.3 only, and this executable is {release}: "
                    + $"verify {database.Path} with a row of its own, at the level Quick or Full."
            );
        }

        var timeout = options.Timeout ?? (round * 3) + Slack;
        using var sentinel = await MarkAsync(timeout, cancellationToken).ConfigureAwait(false);
        var start = _time.GetTimestamp();
        var pause = round / 4 < LongestPause ? round / 4 : LongestPause;
        Check? last = null;
        foreach (var replica in replicas)
        {
            while (true)
            {
                last = await CheckAsync(replica, sentinel, null, cancellationToken).ConfigureAwait(false);
                if (last.HasSentinel || _time.GetElapsedTime(start) >= timeout)
                    break;
                await Task.Delay(pause, _time, cancellationToken).ConfigureAwait(false);
            }

            if (!last.HasSentinel)
            {
                return Result(
                    last.Bytes is null ? VerificationOutcome.NotReplicating : VerificationOutcome.Lagging,
                    last.Bytes is null ? "LSB4101" : "LSB4102",
                    $"A commit of {database.Path} was not in replica {replica.Name} "
                        + $"within {Seconds(timeout)}. {last.Message}"
                ) with
                {
                    Replica = replica.Name,
                    Lag = _time.GetUtcNow() - sentinel.Time,
                    RestoredBytes = last.Bytes,
                };
            }

            if (last.Outcome != VerificationOutcome.Verified)
                break;
        }

        return Result(
            last!.Outcome,
            last.Code,
            $"{last.Message} (The positions of litestream {release} are not known here, so the replica was restored "
                + $"until the commit was in it.)"
        ) with
        {
            Replica = last.Replica,
            LagBytes = null,
            Lag = TimeSpan.Zero,
            ArrivalTime = _time.GetElapsedTime(start),
            RowCounts = last.RowCounts,
            RestoredBytes = last.Bytes,
            RestoreTime = last.Time,
        };
    }

    private static TimeSpan StorageTimeout(VerificationOptions options) =>
        options.StorageTimeout
        ?? (options.Timeout > ShortestStorageTimeout ? options.Timeout.Value : ShortestStorageTimeout);

    private VerificationResult Result(VerificationOutcome outcome, string? code, string message) =>
        new(database, outcome, message, code) { Level = options.Level };

    private static string Seconds(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");

    /// <summary>What the look at a restored copy gave.</summary>
    private sealed record Check(
        VerificationOutcome Outcome,
        string? Code,
        string Message,
        string Replica,
        IReadOnlyDictionary<string, long>? RowCounts,
        long? Bytes,
        TimeSpan Time,
        bool HasSentinel,
        bool ContentDiffers
    )
    {
        /// <summary>What is said when the content is the same too.</summary>
        public string GoodMessage { get; init; } = "";
    }

    /// <summary>A commit on its way.</summary>
    private sealed class Arrival(Sentinel sentinel, List<Pending> replicas) : IDisposable
    {
        public Sentinel Sentinel => sentinel;

        /// <summary>The target when it is just the state that was copied.</summary>
        public ReplicaPosition? ExactTarget => IsExact ? Target : null;

        public List<Pending> Replicas => replicas;

        public WalMark? Mark { get; set; } = sentinel.Mark;

        public bool IsExact { get; set; } = sentinel.IsExact;

        public ReplicaPosition? Target { get; set; }

        public (WalMark? Mark, long At)? Nudge { get; set; }

        public TimeSpan? Time { get; set; }

        /// <summary>Whether nobody is there who could still send it.</summary>
        public bool IsGivenUp { get; set; }

        public LitestreamException? StorageError { get; set; }

        public Pending? Missing => replicas.Find(r => !r.HasArrived);

        public void Dispose() => replicas.ForEach(r => r.Dispose());
    }

    /// <summary>A replica that the commit is to arrive in.</summary>
    private sealed class Pending(ReplicaWatch watch) : IDisposable
    {
        public ReplicaWatch Watch => watch;

        public ReplicaSettings Settings => watch.Settings;

        public ReplicaReach? Reach => watch.Reach;

        public bool HasArrived { get; set; }

        /// <summary>The inexact place at which a restore did not have the commit yet.</summary>
        public ReplicaPosition? Tried { get; set; }

        /// <summary>The look at the copy, when a restore decided.</summary>
        public Check? Check { get; set; }

        public void Reset() => (HasArrived, Tried, Check) = (false, null, null);

        public void Dispose() => watch.Dispose();
    }
}
