using System.Text;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>The litestream of a session: started without what is excluded, given more, asked, ended.</summary>
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

    // Used by the loop only.
    private EffectiveConfig? _config;
    private IControlSocket? _socket;

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

    /// <summary>What <see cref="AddAsync"/> calls the replica of a database; null where only a start of litestream can
    /// hand the database over.</summary>
    public string? UrlToAdd(DatabaseSupervisor database) =>
        IsRunning ? _socket?.ReplicaUrl(_config!, database.Config, database.Database) : null;

    /// <summary>Has the litestream that runs replicate one more database.</summary>
    /// <param name="database">The database.</param>
    /// <param name="url">See <see cref="UrlToAdd"/>.</param>
    /// <param name="running">Litestream.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="IOException">Who replicates it cannot be written down, so it was not handed over.</exception>
    public async Task<ControlOutcome> AddAsync(
        DatabaseSupervisor database,
        string url,
        ReplicatorProcess running,
        CancellationToken cancellationToken
    )
    {
        var outcome = await _run!
            .AddAsync(
                database.Config,
                database.Database,
                () => _socket!.AddAsync(running.ProcessId, database.Path, url, cancellationToken)
            )
            .ConfigureAwait(false);
        if (outcome == ControlOutcome.Done)
            _given = [.. _given, database.Path];

        CloseIfUseless(outcome, running);
        return outcome;
    }

    /// <summary>Whether the litestream that runs can be asked to leave a database.</summary>
    public bool CanRemove => IsRunning && _socket is not null;

    /// <summary>Has the litestream that runs send the rest of a database, and leave it.</summary>
    /// <returns>False: litestream has it, or may have it.</returns>
    public async Task<bool> RemoveAsync(
        DatabaseSupervisor database,
        ReplicatorProcess running,
        CancellationToken cancellationToken
    )
    {
        var outcome = await _socket!
            .RemoveAsync(running.ProcessId, database.Path, cancellationToken)
            .ConfigureAwait(false);
        CloseIfUseless(outcome, running);
        if (outcome != ControlOutcome.Done)
            return false;

        _given = [.. _given.Where(path => path != database.Path)];
        _run!.NoteRemoved(database.Path);
        return true;
    }

    /// <summary>Ends what runs, by force.</summary>
    public Task EndAsync() => _run?.EndAsync() ?? Task.CompletedTask;

    /// <summary>Kills what still runs, when the session does not end: on any thread.</summary>
    public void Kill() => _run?.Kill();

    public void Dispose()
    {
        _socket?.Dispose();
        lock (_folderGate)
            _folder?.Dispose();
    }

    private EffectiveConfig CreateConfig(string? address, TimeSpan? interval)
    {
        // The final pass gets nothing more.
        var control = interval is null && !OperatingSystem.IsWindows() ? executable.Line.Control : null;
        var config = plan.CreateConfig(address, control is null ? null : SocketPath(), interval, _run!.Excluded);
        _socket?.Dispose();
        _socket = config.SocketPath is { } path ? control!(path) : null;
        _config = config;
        _given = config.Databases.Select(database => database.Path).ToHashSet(StringComparer.Ordinal);
        return config;
    }

    /// <summary>
    /// Whoever takes the socket from our litestream keeps it, and a call that hangs would do so again: until the next
    /// start, restarts do the rest. The socket is there a moment after the process.
    /// </summary>
    private void CloseIfUseless(ControlOutcome outcome, ReplicatorProcess running)
    {
        if (
            outcome == ControlOutcome.Unknown
            || (outcome == ControlOutcome.NotAsked && time.GetUtcNow() - running.StartedAt >= Thresholds.SocketPatience)
        )
        {
            _socket?.Dispose();
            _socket = null;
        }
    }

    /// <summary>In the private folder; null where the system does not allow so long a path.</summary>
    private string? SocketPath() =>
        Path.Combine(Folder().Path, "socket") is var path
        && Encoding.UTF8.GetByteCount(path) <= ConfigCheck.LongestSocketPath
            ? path
            : null;

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
