using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>The litestream of a session: started without what is excluded, asked, ended.</summary>
internal sealed class SessionProcess(
    ReplicationPlan plan,
    LitestreamExecutable executable,
    IReadOnlyList<DatabaseSupervisor> databases,
    SessionReport report,
    ILogger logger,
    TimeProvider time
) : IDisposable
{
    private readonly object _folderGate = new();
    private RunDirectory? _folder;

    // Killed on any thread.
    private volatile ReplicatorRun? _run;
    private volatile HashSet<string> _given = [];

    /// <summary>What was started, or is about to be; null before that.</summary>
    public ReplicatorRun? Run => _run;

    public bool IsRunning => _run is { IsRunning: true };

    /// <summary>Whether the litestream that runs, or ran last, has the database.</summary>
    public bool Has(DatabaseSupervisor database) => _given.Contains(database.Path);

    /// <summary>Made when it is needed first, on any thread: without room for it only what needs it waits.</summary>
    public RunDirectory Folder()
    {
        lock (_folderGate)
            return _folder ??= RunDirectory.Create(plan.Databases[0].Path);
    }

    /// <summary>What is started next has this configuration.</summary>
    /// <param name="locks">The locks of all databases.</param>
    public ReplicatorRun Prepare(DatabaseLocks locks) =>
        _run ??= new ReplicatorRun(
            executable,
            () => plan.Databases,
            CreateConfig,
            plan.Config.MetricsAddress,
            locks,
            Folder(),
            new ReplicatorEvents
            {
                Line = OnLine,
                Starting = () =>
                {
                    foreach (var database in databases)
                        database.Chain.Begin();
                },
                Started = (process, isFinalPass) =>
                {
                    ReplicatorLog.Started(logger, executable.Path, process.ProcessId);
                    report.UpdateStarted(process.ProcessId, process.StartedAt, isFinalPass);
                },
                AddressNotUsed = diagnostic => ReplicatorLog.Warning(logger, diagnostic),
                Ended = report.UpdateEnded,
            },
            time
        );

    public ReplicatorProcess Start(DatabaseLocks locks)
    {
        var run = Prepare(locks);
        Exclude([]);
        using var activity = LitestreamActivities.Start("litestream.start");
        return run.Start();
    }

    /// <summary>The next litestream is started without what is excluded, and without these.</summary>
    public void Exclude(IEnumerable<DatabaseSupervisor> others) =>
        _run!.Excluded = databases
            .Where(database => database.IsOut)
            .Concat(others)
            .Select(database => database.Path)
            .ToHashSet(StringComparer.Ordinal);

    /// <summary>Ends what runs, by force.</summary>
    public Task EndAsync() => _run?.EndAsync() ?? Task.CompletedTask;

    /// <summary>Kills what still runs, when the session does not end: on any thread.</summary>
    public void Kill() => _run?.Kill();

    public void Dispose()
    {
        lock (_folderGate)
            _folder?.Dispose();
    }

    private EffectiveConfig CreateConfig(string? address, TimeSpan? interval)
    {
        var config = plan.CreateConfig(address, interval, _run!.Excluded);
        _given = config.Databases.Select(database => database.Path).ToHashSet(StringComparer.Ordinal);
        return config;
    }

    private void OnLine(LogLine line)
    {
        if (line.Fields.TryGetValue("db", out var name))
        {
            // 0.5 writes the file's name only: a line that may be about several databases is about each.
            foreach (
                var database in databases.Where(database =>
                    database.Path == name || Path.GetFileName(database.Path) == name
                )
            )
            {
                database.Tracker.OnLogLine(line, time.GetUtcNow());
            }
        }

        // It says more than the file wants, so that it is known what it is at.
        if (LogLevels.Shows(plan.Config.LogLevel, line.Level))
            ReplicatorLog.Line(logger, line);
    }
}
