using System.Collections.Concurrent;
using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Replication;
using Litestream.Verification;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Verifies all databases that are replicated again and again, and puts what came out into the status.
/// </summary>
internal sealed class ScheduledVerification(
    ReplicationPlan plan,
    LitestreamExecutable executable,
    TimeSpan interval,
    ILogger logger,
    TimeProvider time,
    Func<LitestreamStatus> status,
    Action<Func<LitestreamStatus, LitestreamStatus>> updateStatus
)
{
    private readonly VerificationOptions _options = new()
    {
        Timeout = plan.Settings.VerificationTimeout,
        Level = plan.Settings.VerificationLevel,
    };
    private readonly VerificationReport _report = new(logger, time, status, updateStatus);
    private int _hasToldLevel;

    /// <summary>Runs until it is cancelled; fails never.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Thresholds.Spread(interval), time, cancellationToken).ConfigureAwait(false);
                while (status().State is not (LitestreamState.Replicating or LitestreamState.Stalled))
                    await Task.Delay(Thresholds.Look, time, cancellationToken).ConfigureAwait(false);

                await VerifyAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task VerifyAsync(CancellationToken cancellationToken)
    {
        var databases = plan.Databases.Where(database => !IsExcluded(database)).ToList();
        if (databases.Count == 0)
            return;

        using var activity = LitestreamActivities.Start("litestream.verification");
        try
        {
            var results = await DatabaseVerification
                .RunAllAsync(executable, plan.Config, databases, _options, cancellationToken)
                .ConfigureAwait(false);
            foreach (var result in await RepeatAsync(results, cancellationToken).ConfigureAwait(false))
            {
                // Since it was begun, it may have been stopped to send it.
                if (!IsExcluded(result.Database))
                {
                    Trace(activity, result);
                    _report.Report(result, "Scheduled verification");
                }
            }
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // What the one before has proved must not stand for this one.
            foreach (var database in databases)
                _report.Report(NotRun(database, _options.Level, exception), "Scheduled verification");
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // What fails while it is being cancelled says nothing about the backup.
            throw new OperationCanceledException(exception.Message, exception, cancellationToken);
        }
    }

    /// <summary>What is known of a database whose verification ended with an error of this process. Pure.</summary>
    internal static VerificationResult NotRun(
        EffectiveDatabase database,
        VerificationLevel level,
        Exception exception
    ) =>
        new(
            database,
            VerificationOutcome.Inconclusive,
            $"The scheduled verification of '{database.Path}' could not run: {exception.Message}",
            "LSB4104"
        )
        {
            Level = level,
        };

    /// <summary>
    /// Whether nothing of it is sent. That is an error that was reported already, so here it is reported once, and not
    /// at every turn.
    /// </summary>
    private bool IsExcluded(EffectiveDatabase database)
    {
        var now = status().Databases.FirstOrDefault(one => one.Path == database.Path);
        if (now is not null && now.ExcludedBy != now.NotVerified)
        {
            _report.Update(database.Path, status => status with { NotVerified = now.ExcludedBy });
            if (now.ExcludedBy is { } code)
                ReplicatorLog.NotVerified(logger, database.Path, code);
        }

        return now?.ExcludedBy is not null;
    }

    /// <summary>
    /// A restart of litestream or a moment without network is over when it is tried again: what is wrong is wrong
    /// twice.
    /// </summary>
    private async Task<IReadOnlyList<VerificationResult>> RepeatAsync(
        IReadOnlyList<VerificationResult> results,
        CancellationToken cancellationToken
    )
    {
        var repeated = new ConcurrentDictionary<EffectiveDatabase, VerificationResult>();
        await Parallel
            .ForEachAsync(
                results.Where(result => result.Outcome != VerificationOutcome.Verified && !IsExcluded(result.Database)),
                new ParallelOptions
                {
                    CancellationToken = cancellationToken,
                    MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount),
                },
                async (result, token) =>
                    repeated[result.Database] = await DatabaseVerification
                        .RunAsync(executable, plan.Config, result.Database, OptionsAfter(result), token)
                        .ConfigureAwait(false)
            )
            .ConfigureAwait(false);
        return [.. results.Select(result => repeated.GetValueOrDefault(result.Database, result))];
    }

    /// <summary>
    /// Where this process must not open the database (none, or more than one SQLite library in it), it is still seen
    /// whether the last commit has arrived.
    /// </summary>
    private VerificationOptions OptionsAfter(VerificationResult result)
    {
        if (result.Code != "LSB4104" || _options.Level == VerificationLevel.Position)
            return _options;

        if (Interlocked.Exchange(ref _hasToldLevel, 1) == 0)
        {
            ReplicatorLog.Warning(
                logger,
                new LitestreamDiagnostic(
                    "LSB4104",
                    LitestreamSeverity.Warning,
                    $"{result.Message} The scheduled verification uses level Position here."
                )
            );
        }

        return _options with
        {
            Level = VerificationLevel.Position,
        };
    }

    private static void Trace(Activity? activity, VerificationResult result)
    {
        activity?.AddEvent(
            new ActivityEvent(
                "verified",
                tags: new()
                {
                    ["db"] = result.Database.Path,
                    ["outcome"] = result.Outcome.ToString(),
                    ["code"] = result.Code,
                }
            )
        );
        if (result.Outcome != VerificationOutcome.Verified)
            activity?.SetStatus(ActivityStatusCode.Error, result.Code);
    }
}
