using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>What the log says at the start: what goes where, and what may be wrong with that.</summary>
internal static class StartAnnouncement
{
    /// <summary>What is logged at the start must not fail it.</summary>
    public static void Write(ReplicationPlan plan, string contentRoot, ILogger logger)
    {
        try
        {
            foreach (var diagnostic in plan.Config.Diagnostics)
                ReplicatorLog.Diagnostic(logger, diagnostic);

            foreach (var database in plan.Databases)
            {
                foreach (var replica in database.Replicas)
                    Write(plan, database, replica, logger);

                if (NetworkWarning(database) is { } network)
                    ReplicatorLog.Warning(logger, network);

                if (ContentRootWarning(database, contentRoot) is { } path)
                    ReplicatorLog.Warning(logger, path);
            }
        }
        catch (Exception exception)
        {
            ReplicatorLog.Error(
                logger,
                UnexpectedError.Diagnostic(
                    exception,
                    "The list of replicated databases is incomplete; replication is not affected."
                )
            );
        }
    }

    private static void Write(
        ReplicationPlan plan,
        EffectiveDatabase database,
        ConfiguredReplica replica,
        ILogger logger
    )
    {
        var target = replica.Describe();
        if (plan.IsDiscovered(database))
            ReplicatorLog.ReplicatesDiscovered(logger, database.Path, database.Key, target);
        else
            ReplicatorLog.Replicates(logger, database.Path, target);

        if (replica.Folder is { } folder && Mounts.AreTheSame(database.Path, folder))
        {
            ReplicatorLog.Warning(
                logger,
                new LitestreamDiagnostic(
                    "LSB1101",
                    LitestreamSeverity.Warning,
                    $"The replica of '{database.Path}' is a folder on the same disk ('{replica.Location}'): "
                        + $"it protects against a lost file, not against a lost disk. Set "
                        + $"Litestream:ReplicaUrl to storage elsewhere."
                )
            );
        }
    }

    private static LitestreamDiagnostic? NetworkWarning(EffectiveDatabase database) =>
        Mounts.Of(database.Path) is { } drive && Mounts.NetworkFormat(drive) is { } format
            ? new LitestreamDiagnostic(
                "LSB5013",
                LitestreamSeverity.Warning,
                $"'{database.Path}' is on a network file system ({format}), where SQLite's locks, its WAL "
                    + $"mode and the lock against a second replicator do not work reliably. Keep the "
                    + $"database on a local "
                    + $"disk, and let the replica go over the network."
            )
            : null;

    private static LitestreamDiagnostic? ContentRootWarning(EffectiveDatabase database, string contentRoot)
    {
        var inContentRoot = Path.GetFullPath(database.ConfiguredPath, contentRoot);
        var isRelative =
            !Path.IsPathRooted(database.ConfiguredPath) && Path.GetFullPath(database.ConfiguredPath) == database.Path;
        return isRelative && inContentRoot != database.Path && File.Exists(inContentRoot)
            ? new LitestreamDiagnostic(
                "LSB5008",
                LitestreamSeverity.Warning,
                $"SQLite resolves '{database.ConfiguredPath}' against the working directory to "
                    + $"'{database.Path}', but '{inContentRoot}' in the content root also exists. "
                    + "The first one is replicated. Use an absolute path, or start the app from its "
                    + "content root."
            )
            : null;
    }
}
