using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;

namespace Litestream.Verification;

/// <summary>One verification of one database.</summary>
internal sealed class VerificationRun
{
    private readonly VerificationContext _context;
    private readonly Task<string> _version;
    private readonly ReplicaLineages _lineages;
    private readonly RestoreChecker _checker;
    private readonly CommitArrival _arrival;
    private readonly MissingCommit _missing;

    /// <param name="context">What is verified.</param>
    /// <param name="version">The executable's own.</param>
    /// <param name="restores">How many restores there may be at the same time.</param>
    public VerificationRun(VerificationContext context, Task<string> version, SemaphoreSlim restores)
    {
        (_context, _version) = (context, version);
        _lineages = new ReplicaLineages(context);
        _checker = new RestoreChecker(context, _lineages, restores);
        _arrival = new CommitArrival(context, _checker);
        _missing = new MissingCommit(context, _lineages);
    }

    public async Task<VerificationResult> RunAsync(CancellationToken cancellationToken)
    {
        var start = _context.Time.GetTimestamp();
        ReplicaNames.Require(_context.Database, _context.Options.Replica);
        VerificationResult result;
        try
        {
            result = await VerifyAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (LitestreamException e)
        {
            result = _context.Result(VerificationOutcome.Inconclusive, e.Diagnostic.Code, e.Diagnostic.Text);
        }

        return result with
        {
            Duration = _context.Time.GetElapsedTime(start),
        };
    }

    private async Task<VerificationResult> VerifyAsync(CancellationToken cancellationToken)
    {
        var replicas = _context
            .Settings.Replicas.Where(r => _context.Options.Replica is null || r.Name == _context.Options.Replica)
            .ToList();
        if (replicas.Count == 0)
        {
            return _context.Result(
                VerificationOutcome.NotReplicating,
                "LSB4101",
                $"'{_context.Path}' has no replica in the configuration."
            );
        }

        if (FindNewer() is { } newer)
            return _context.Result(VerificationOutcome.Failed, newer.Diagnostic.Code, newer.Diagnostic.Text);
        if (!File.Exists(_context.Path))
            throw LiveDatabase.Missing(_context.Path);
        if (_context.Restores)
            LiveDatabase.RequireLibrary(_context.Path);
        var tables = LiveDatabase.ProbeTables(_context.Path, asksMode: false).Tables;
        if (tables == AppTables.None)
        {
            return _context.Result(
                VerificationOutcome.NotReplicating,
                "LSB5017",
                $"'{_context.Path}' has no tables of the app, so it is not replicated, and the verification writes "
                    + $"nothing to it. Let the app create its tables first."
            );
        }

        var round = _context.Settings.Round(replicas);
        var release = await _version.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!_context.Line.KnowsPositions)
            return await PollByRestoringAsync(release, replicas, round, cancellationToken).ConfigureAwait(false);

        // Litestream makes its own folder beside a database as soon as it begins, in a container of its own too.
        if (
            !_context.Options.StartReplicator
            && tables == AppTables.Some
            && _context.State.Lineage() is null
            && ReplicatorSigns.Of(_context.Path).AreNoneToCome
        )
        {
            return await _missing
                .NotReplicatedAsync("Litestream has never replicated it from here.", replicas[0], cancellationToken)
                .ConfigureAwait(false);
        }

        for (var attempt = 1; ; attempt++)
        {
            var timeout =
                _context.Options.Timeout
                ?? (round * (_context.Writes ? 3 : 2))
                    + VerificationContext.Slack
                    + (_context.Writes ? TimeSpan.Zero : _context.Settings.CheckpointInterval);
            using var sentinel = await MarkAsync(timeout, cancellationToken).ConfigureAwait(false);
            using var arrival = new Arrival(
                sentinel,
                replicas.ConvertAll(r => new PendingReplica(
                    new ReplicaProbe(
                        _context.Line,
                        r,
                        _context.Settings.MetricsAddress,
                        _context.Database,
                        _context.Catalog
                    )
                ))
            );
            await _arrival.WaitAsync(arrival, round, timeout, cancellationToken).ConfigureAwait(false);
            if (arrival.Missing is { } missing)
            {
                return arrival.IsGivenUp
                    ? (
                        await _missing
                            .NotReplicatedAsync(
                                "Its last commit was not picked up.",
                                missing.Settings,
                                cancellationToken
                            )
                            .ConfigureAwait(false)
                    ) with
                    {
                        Committed = arrival.Target,
                    }
                    : await _missing.ExplainAsync(arrival, missing, timeout, cancellationToken).ConfigureAwait(false);
            }

            var arrived = _context.Result(VerificationOutcome.Verified, null, "") with
            {
                Committed = arrival.Target,
                Replicated = arrival.Replicas[^1].Progress?.Position ?? arrival.Target,
                Replica = replicas[^1].Name,
                LagBytes = 0,
                Lag = TimeSpan.Zero,
                ArrivalTime = arrival.Time,
            };
            if (!_context.Restores)
            {
                foreach (var replica in replicas)
                {
                    if (
                        await _lineages
                            .NewestOfOthersAsync(replica, arrival.Target!.Lineage, cancellationToken)
                            .ConfigureAwait(false) is
                        { } taken
                    )
                    {
                        return arrived with
                        {
                            Outcome = VerificationOutcome.Failed,
                            Code = "LSB4103",
                            Replica = replica.Name,
                            Message = await _lineages
                                .DescribeTakenAsync(replica, taken, arrival.Target.Lineage, cancellationToken)
                                .ConfigureAwait(false),
                        };
                    }
                }

                return arrived with
                {
                    Message =
                        $"The last commit of '{_context.Path}' is in its replica ({arrival.Target}). "
                        + (_context.Options.IsSync ? "Nothing" : "Level Position: nothing")
                        + " was restored or compared.",
                };
            }

            var checks = new List<RestoreCheck>();
            foreach (var source in arrival.Replicas)
            {
                checks.Add(
                    source.Check
                        ?? await _checker
                            .RunAsync(source.Settings, sentinel, arrival, cancellationToken)
                            .ConfigureAwait(false)
                );
            }

            var bad = checks.FirstOrDefault(c => c.Outcome != VerificationOutcome.Verified);

            // What really differs, differs again. And litestream has put it into WAL mode since.
            if (
                (bad is { ContentDiffers: true } || sentinel.WhyNoCopy == LiveCopy.NotInWalMode)
                && attempt < VerificationContext.Attempts
            )
            {
                continue;
            }

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

    private LitestreamException? FindNewer()
    {
        try
        {
            return NewerBackup.Find(_context.Executable, _context.Database, _context.Options.Replica);
        }
        catch (LitestreamException e) when (_context.Options.IsSync && e.Diagnostic.Code == "LSB4005")
        {
            // The storage may come back in time; else the wait says how much is missing.
            return null;
        }
    }

    private async Task<Sentinel> MarkAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        _context.Writes || _context.Options.Level == VerificationLevel.Full
            ? await LiveDatabase
                .MarkAsync(
                    _context.Path,
                    _context.Writes ? Guid.NewGuid().ToString("n") : null,
                    _context.Options.Level == VerificationLevel.Full
                        ? ReaderLimit.Of(_context.Settings.MaxCheckpointPages)
                        : null,
                    Longer(timeout),
                    _context.Time,
                    cancellationToken
                )
                .ConfigureAwait(false)
            : new Sentinel(null, WalFile.LastCommit(WalFile.PathOf(_context.Path)), false, _context.Time.GetUtcNow());

    private static TimeSpan Longer(TimeSpan timeout) =>
        timeout > VerificationContext.ShortestPatience ? timeout : VerificationContext.ShortestPatience;

    /// <summary>For executables whose positions are not known.</summary>
    private async Task<VerificationResult> PollByRestoringAsync(
        string release,
        List<ReplicaSettings> replicas,
        TimeSpan round,
        CancellationToken cancellationToken
    )
    {
        if (!_context.Writes)
        {
            return _context.Result(
                VerificationOutcome.Inconclusive,
                "LSB4104",
                $"The position of a replica is not known for this executable ({release}). Verify "
                    + $"'{_context.Path}' at level Quick or Full, and let the verification write its row."
            );
        }

        var timeout = _context.Options.Timeout ?? (round * 3) + VerificationContext.Slack;
        using var sentinel = await MarkAsync(timeout, cancellationToken).ConfigureAwait(false);
        var start = _context.Time.GetTimestamp();
        var pause = round / 4 < VerificationContext.LongestPause ? round / 4 : VerificationContext.LongestPause;
        RestoreCheck? last = null;
        foreach (var replica in replicas)
        {
            while (true)
            {
                last = await _checker.RunAsync(replica, sentinel, null, cancellationToken).ConfigureAwait(false);
                if (last.HasSentinel || _context.Time.GetElapsedTime(start) >= timeout)
                    break;
                await Task.Delay(pause, _context.Time, cancellationToken).ConfigureAwait(false);
            }

            if (!last.HasSentinel)
            {
                return _context.Result(
                    last.Bytes is null ? VerificationOutcome.NotReplicating : VerificationOutcome.Lagging,
                    last.Bytes is null ? "LSB4101" : "LSB4102",
                    $"A commit of '{_context.Path}' did not arrive in replica '{replica.Name}' "
                        + $"within {VerificationContext.Seconds(timeout)}. {last.Message}"
                ) with
                {
                    Replica = replica.Name,
                    Lag = _context.Time.GetUtcNow() - sentinel.Time,
                    RestoredBytes = last.Bytes,
                };
            }

            if (last.Outcome != VerificationOutcome.Verified)
                break;
        }

        return _context.Result(
            last!.Outcome,
            last.Code,
            $"{last.Message} (The position of a replica is not known for litestream {release}, so the replica was "
                + $"restored until it had the commit.)"
        ) with
        {
            Replica = last.Replica,
            LagBytes = null,
            Lag = TimeSpan.Zero,
            ArrivalTime = _context.Time.GetElapsedTime(start),
            RowCounts = last.RowCounts,
            RestoredBytes = last.Bytes,
            RestoreTime = last.Time,
        };
    }
}
