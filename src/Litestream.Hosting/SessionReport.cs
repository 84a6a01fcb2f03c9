using Litestream.Diagnostics;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>What a session says of itself, in the status and in the log.</summary>
internal sealed class SessionReport(
    ReplicationPlan plan,
    IReadOnlyList<DatabaseSupervisor> databases,
    ReplicatorStatus status,
    ILogger logger,
    TimeProvider time,
    Action onFailed
)
{
    private readonly TaskCompletionSource _isOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (DateTimeOffset Since, Exception Error)? _failing;
    private volatile LitestreamDiagnostic? _failure;

    /// <summary>Ends when nothing can be replicated any more until the next start.</summary>
    public Task IsOver => _isOver.Task;

    /// <summary>Why not everything is replicated that should be, once it has ended; null when all was sent. On any
    /// thread: a stop that has no time left reads it while the session has not ended.</summary>
    public LitestreamDiagnostic? Failure
    {
        get => _failure;
        set => _failure = value;
    }

    /// <summary>The code of why litestream did not run to its end; null when it did.</summary>
    public string? FailedBy { get; private set; }

    /// <summary>Whether anything has arrived since the start.</summary>
    public bool HasReplicated { get; private set; }

    /// <summary>Whether the last start has failed.</summary>
    public bool IsFailing => _failing is not null;

    /// <summary>An error that stops nothing.</summary>
    public void Report(LitestreamDiagnostic diagnostic)
    {
        status.Update(before => before with { LastError = diagnostic.ToString() });
        ReplicatorLog.Error(logger, diagnostic);
    }

    /// <summary>An error that is why not everything was sent.</summary>
    public void ReportFailure(LitestreamDiagnostic diagnostic)
    {
        (Failure, FailedBy) = (diagnostic, diagnostic.Code);
        Report(diagnostic);
    }

    /// <summary>A database is excluded.</summary>
    /// <param name="why">Why.</param>
    /// <param name="isCritical">Whether only people can change that.</param>
    public void ReportExcluded(LitestreamDiagnostic why, bool isCritical)
    {
        status.Update(before => before with { LastError = why.ToString() });
        if (isCritical)
        {
            ReplicatorLog.Critical(logger, why);
            onFailed();
        }
        else
        {
            ReplicatorLog.Warning(logger, why);
        }
    }

    /// <summary>What is new after a look at a database.</summary>
    /// <param name="database">The database.</param>
    /// <param name="wasHealthy">Whether it was healthy before that look.</param>
    public void ReportNews(DatabaseSupervisor database, bool wasHealthy)
    {
        if (database.TakeNews() is { } news)
        {
            status.Update(before => before with { LastError = news.ToString() });
            ReplicatorLog.Warning(logger, news);
        }

        var isHealthy = database.State.Health == LitestreamHealth.Healthy;
        if (wasHealthy == isHealthy || database.IsExcluded || database.Chain.BrokenBy is not null)
            return;

        if (!isHealthy)
        {
            var problem = database.State.Problem!;
            status.Update(before => before with { LastError = problem });
            var message = problem["LSB5007: ".Length..];
            ReplicatorLog.Error(
                logger,
                new LitestreamDiagnostic(problem[.."LSB5007".Length], LitestreamSeverity.Error, message)
            );
        }
        else if (database.IsSettled)
        {
            ReplicatorLog.Arrived(logger, database.Path);
        }
    }

    /// <summary>Litestream is started, or need not be.</summary>
    public void NoteStarted() => _failing = null;

    /// <summary>Litestream could not be started, and it is tried again.</summary>
    public void NoteFailedStart(Exception error)
    {
        _failing = (_failing?.Since ?? time.GetUtcNow(), error);
        NoteFailing();
        UpdateDatabases();
    }

    /// <summary>While a start is tried again no database is healthy that should be replicated.</summary>
    public void NoteFailing()
    {
        if (_failing is not var (since, error))
            return;

        var health = StartFailurePolicy.HealthOf(time.GetUtcNow() - since, plan.Settings.StallTimeout);
        foreach (var database in databases)
            database.FailStart(health, StartFailurePolicy.Explain(error, database.Path));
    }

    /// <summary>How the databases do, and nothing else.</summary>
    public void UpdateDatabases() => status.Update(before => before with { Databases = Describe(before) });

    /// <summary>The same, by a look that was just made.</summary>
    public void UpdateLook() =>
        status.Update(before => before with { LookedAt = time.GetUtcNow(), Databases = Describe(before) });

    /// <summary>From now on it is expected to look.</summary>
    public void ExpectLooks() => status.Update(before => before with { LookedAt = time.GetUtcNow() });

    /// <summary>The state after a look.</summary>
    public void UpdateState(bool isRunning)
    {
        HasReplicated |= databases.Any(database => database.Tracker.LastSync is not null);
        var standings = Standings();
        status.Update(before =>
            before with
            {
                State = ReplicatorStatePolicy.Decide(before.State, isRunning, standings),
                LookedAt = time.GetUtcNow(),
                Databases = Describe(before),
            }
        );
    }

    /// <summary>Another app replicates, or has ended.</summary>
    public void UpdateWaiting(bool isWaiting) =>
        status.Update(before =>
            isWaiting ? before with { State = LitestreamState.Waiting }
            : before.State == LitestreamState.Waiting
                ? before with
                {
                    State = LitestreamState.Starting,
                    LastError = null,
                }
            : before
        );

    /// <summary>Litestream runs.</summary>
    public void UpdateStarted(int processId, DateTimeOffset startedAt, bool isFinalPass) =>
        status.Update(before =>
            before with
            {
                State = isFinalPass ? before.State : LitestreamState.Starting,
                LookedAt = time.GetUtcNow(),
                ProcessId = processId,
                StartedAt = startedAt,
            }
        );

    /// <summary>None runs.</summary>
    public void UpdateEnded() => status.Update(before => before with { ProcessId = null, StartedAt = null });

    /// <summary>Litestream has ended, or could not be started, and is started again after a pause.</summary>
    public void UpdateRestarting(RestartDecision restart) =>
        status.Update(before =>
            before with
            {
                State = LitestreamState.Restarting,
                ProcessId = null,
                StartedAt = null,
                LastRestartReason = restart.What,
                LastRestartCause = restart.Cause,
            }
        );

    /// <summary>It is started again.</summary>
    public void CountRestart() => status.Update(before => before with { Restarts = before.Restarts + 1 });

    /// <summary>The last commits are sent.</summary>
    public void UpdateStopping() => status.Update(before => before with { State = LitestreamState.Stopping });

    /// <summary>The session has ended in order.</summary>
    public void End()
    {
        Failure ??= databases
            .FirstOrDefault(database => database is { IsExcluded: true, State.Exclusion: not Exclusion.Held })
            ?.State.Excluded;
        var state = ReplicatorStatePolicy.AtEnd(Standings());
        status.Update(before => before with { State = state });
    }

    /// <summary>Nothing is replicated any more until the next start.</summary>
    public void Fail(LitestreamDiagnostic diagnostic)
    {
        (Failure, FailedBy) = (diagnostic, diagnostic.Code);
        foreach (var database in databases)
            database.FailStart(LitestreamHealth.Unhealthy, diagnostic.ToString());

        status.Update(before =>
            before with
            {
                State = LitestreamState.Failed,
                LastError = diagnostic.ToString(),
                Databases = Describe(before),
            }
        );
        ReplicatorLog.Critical(logger, diagnostic);
        onFailed();
    }

    /// <summary>Where no database is left that could be replicated, it is over.</summary>
    public void FailIfNothingIsLeft()
    {
        var standings = Standings();
        if (!ReplicatorStatePolicy.IsOver(standings))
            return;

        var hasFailed = ReplicatorStatePolicy.HasFailed(standings);
        status.Update(before =>
            before with
            {
                State = hasFailed ? LitestreamState.Failed : LitestreamState.Stalled,
                Databases = Describe(before),
            }
        );
        _isOver.TrySetResult();
    }

    private List<DatabaseStanding> Standings() => [.. databases.Select(database => database.Standing)];

    private IReadOnlyList<LitestreamDatabaseStatus> Describe(LitestreamStatus before)
    {
        var now = time.GetUtcNow();
        var known = before.Databases.ToDictionary(one => one.Path, StringComparer.Ordinal);
        return [.. databases.Select(database => database.Describe(known.GetValueOrDefault(database.Path), now))];
    }
}
