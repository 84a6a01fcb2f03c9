using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>Why no litestream is started beside one that is at work already.</summary>
internal static class OtherReplicator
{
    /// <summary>Another process holds the lock of a database.</summary>
    /// <param name="path">The database.</param>
    /// <param name="holder">What the lock says of that process.</param>
    public static LitestreamException Refuse(string path, LockRecord holder)
    {
        var replicator = holder.Replicator is { } own ? $", litestream {NumberText.Of(own.ProcessId)}" : "";
        return Refuse(
            path,
            holder.App is { } app && app.IsRunning()
                ? $"process {NumberText.Of(app.ProcessId)} ({app.Executable}{replicator})"
                : "another process"
        );
    }

    /// <summary>One that was started by hand, or by a service, has no lock. Seen on Linux only.</summary>
    /// <exception cref="LitestreamException">LSB3012: there is one.</exception>
    public static void RequireNone(string path)
    {
        foreach (var id in OpenDatabases.Replicators(path))
            throw Refuse(path, $"litestream, process {NumberText.Of(id)}, which no app of this package started");
    }

    private static LitestreamException Refuse(string path, string who) =>
        new(
            "LSB3012",
            $"'{path}' is already replicated by {who}. "
                + "Two replicators would destroy the replica, so nothing was started. Stop the other one first, or "
                + "let it replicate."
        );
}
