using Litestream.Hosting;
using Litestream.Replication;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Adds Litestream to the health checks.</summary>
    public static class LitestreamHealthChecksBuilderExtensions
    {
        /// <summary>
        /// A check that says whether what is committed arrives: from the replicator's status, so it costs nothing and
        /// touches neither a database nor a storage. Its data has one entry for each
        /// database. Without <c>AddLitestream()</c> and the zero-code start it is degraded: nothing is replicated.
        /// </summary>
        /// <param name="builder">The health checks.</param>
        /// <param name="name">Its name.</param>
        /// <param name="failureStatus">What is reported where nothing is replicated. Default:
        /// <see cref="HealthStatus.Unhealthy"/>.</param>
        /// <param name="tags">Its tags.</param>
        /// <returns><paramref name="builder"/>.</returns>
        public static IHealthChecksBuilder AddLitestream(
            this IHealthChecksBuilder builder,
            string name = "litestream",
            HealthStatus? failureStatus = null,
            IEnumerable<string>? tags = null
        )
        {
            ArgumentNullException.ThrowIfNull(builder);
            return builder.Add(
                new HealthCheckRegistration(
                    name,
                    services => new LitestreamHealthCheck(services.GetService<LitestreamReplicator>()),
                    failureStatus,
                    tags
                )
            );
        }
    }
}

namespace Litestream.Hosting
{
    /// <summary>Translates the replicator's status.</summary>
    internal sealed class LitestreamHealthCheck(LitestreamReplicator? replicator) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(
            HealthCheckContext context,
            CancellationToken cancellationToken = default
        ) =>
            Task.FromResult(
                replicator?.Look() is var (status, health)
                    ? Translate(status, health, context.Registration.FailureStatus)
                    : HealthCheckResult.Degraded("Litestream is not part of this app: nothing is replicated.")
            );

        /// <summary>The worst of what the status says.</summary>
        public static HealthCheckResult Translate(LitestreamStatus status, OverallHealth overall, HealthStatus failure)
        {
            var description = overall.Problems.Count == 0 ? Describe(status.State) : string.Join(" ", overall.Problems);
            var health = overall.Health switch
            {
                LitestreamHealth.Unhealthy => failure,
                LitestreamHealth.Degraded => HealthStatus.Degraded,
                _ => HealthStatus.Healthy,
            };
            return new HealthCheckResult(health, description, data: Data(status));
        }

        private static string Describe(LitestreamState state) =>
            state switch
            {
                LitestreamState.Disabled => "Litestream is off: nothing is replicated.",
                LitestreamState.Replicating => "Commits arrive in the replicas.",
                _ => $"Litestream: {state}.",
            };

        private static Dictionary<string, object> Data(LitestreamStatus status)
        {
            var data = new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["state"] = status.State.ToString(),
                ["restarts"] = status.Restarts,
            };
            foreach (var database in status.Databases)
            {
                data[database.Path] = new Dictionary<string, object?>(StringComparer.Ordinal)
                {
                    ["health"] = database.Health.ToString(),
                    ["problem"] = database.Problem,
                    ["lagSeconds"] = database.Lag.TotalSeconds,
                    ["lagBytes"] = database.LagBytes,
                    ["committed"] = database.Committed?.ToString(),
                    ["replicated"] = database.Replicated?.ToString(),
                    ["lastSync"] = database.LastSync,
                    ["verification"] = database.Verification?.Outcome.ToString(),
                    ["verifiedAt"] = database.VerifiedAt,
                };
            }

            // Lists of their own: an empty one says that it was looked at.
            data["notReplicated"] = status.NotReplicated;
            data["openNotReplicated"] = status.OpenNotReplicated;
            data["emptyPatterns"] = status.EmptyPatterns;
            return data;
        }
    }
}
