using System.Runtime.CompilerServices;
using Litestream.Dashboard.Monitoring;
using Litestream.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Litestream.Dashboard.Actions;

/// <summary>What all dashboards of one replicator share, so that they show the same.</summary>
internal sealed record MonitoredReplicator(DashboardMonitor Monitor, ActionRunner Actions)
{
    private static readonly ConditionalWeakTable<LitestreamReplicator, MonitoredReplicator> s_all = new();

    /// <summary>Begins with the first dashboard, and runs while the app runs.</summary>
    public static MonitoredReplicator Of(
        LitestreamReplicator replicator,
        ILogger logger,
        TimeProvider time,
        IHostApplicationLifetime lifetime
    )
    {
        lock (s_all)
        {
            if (s_all.TryGetValue(replicator, out var known))
                return known;
            var stopping = lifetime.ApplicationStopping;
            var monitor = new DashboardMonitor(replicator, logger, time);
            var made = new MonitoredReplicator(
                monitor,
                new ActionRunner(replicator, monitor, logger, time, stopping)
            );
            s_all.Add(replicator, made);
            lifetime.ApplicationStarted.Register(() => monitor.Start(stopping));
            return made;
        }
    }
}
