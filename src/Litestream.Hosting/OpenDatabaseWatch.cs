using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Looks every few seconds which SQLite databases the app holds open, and names those that are not replicated: a
/// connection string in code, a data directory that is set after the host was
/// built, a path that the provider resolves in its own way. Linux only.
/// </summary>
internal sealed class OpenDatabaseWatch(
    ReplicationPlan plan,
    ILogger logger,
    TimeProvider time,
    Func<IReadOnlyList<OpenFile>?> look,
    Action<Func<LitestreamStatus, LitestreamStatus>> updateStatus
)
{
    // The last look is made by the stop, where one before it may hang.
    private readonly object _gate = new();
    private readonly SortedSet<string> _seen = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _told = new(StringComparer.Ordinal);

    /// <summary>Runs until it is cancelled; fails never.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (var interval = Thresholds.FirstOpenFilesLook; ; interval = Thresholds.OpenFilesLook)
            {
                await Task.Delay(interval, time, cancellationToken).ConfigureAwait(false);
                if (!Look())
                    return;
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host stops.
        }
        catch (Exception exception)
        {
            ReplicatorLog.Warning(
                logger,
                new LitestreamDiagnostic(
                    "LSB5018",
                    LitestreamSeverity.Warning,
                    $"The open databases of the app can no longer be checked: {exception.Message}"
                )
            );
        }
    }

    /// <summary>Looks once.</summary>
    /// <returns>False where the system does not tell.</returns>
    public bool Look()
    {
        lock (_gate)
            return LookOnce();
    }

    private bool LookOnce()
    {
        if (look() is not { } files)
            return false;

        // What was open for a moment counts once it has outlived that moment. What is gone has nothing to lose.
        var before = _seen.ToList();
        var known = plan
            .Databases.Concat(plan.NotReplicated)
            .Select(database => (DatabasePath.Real(database.Path), UnixCalls.Status(database.Path)?.Identity))
            .ToList();
        _seen.UnionWith(
            OpenSqliteFiles
                .Unknown(OpenSqliteFiles.Find(files), known, plan.MeantNotReplicated)
                .Where(path => !IsAnothers(path))
        );
        _seen.RemoveWhere(path => !File.Exists(path));
        var found = before.Where(_seen.Contains).ToList();
        foreach (var path in found.Where(_told.Add))
            ReplicatorLog.Warning(logger, Explain(path));
        updateStatus(status =>
            status.OpenNotReplicated.SequenceEqual(found) ? status : status with { OpenNotReplicated = found }
        );
        return true;
    }

    /// <summary>Another host of this process, or another process, replicates it.</summary>
    private static bool IsAnothers(string path) => DatabaseLock.Peek(path).App?.IsRunning() == true;

    private LitestreamDiagnostic Explain(string path)
    {
        var relative = Path.GetRelativePath(plan.Options.BaseDirectory, path);
        var name = relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
        var line =
            plan.Config.IsGenerated || !File.Exists(plan.Settings.ConfigPath)
                ? $"<LitestreamDatabase Include=\"{name}\" /> to the project"
                : $"'- path: {name}' with a replica to litestream.yml";
        return new LitestreamDiagnostic(
            "LSB5018",
            LitestreamSeverity.Warning,
            $"The app has the SQLite database '{path}' open, but it is not replicated and has no backup. "
                + $"Add {line}, or list the path in Litestream:NotReplicated if that is intended."
        );
    }
}
