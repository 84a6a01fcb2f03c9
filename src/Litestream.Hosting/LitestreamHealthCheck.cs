using Litestream.Hosting;
using Litestream.Verification;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Adds Litestream to the health checks.</summary>
    public static class LitestreamHealthChecksBuilderExtensions
    {
        /// <summary>
        /// A check that says whether what is committed arrives: from the replicator's status, so it costs nothing and touches neither a database nor a storage. Its data has one entry for each
        /// database. Needs <c>AddLitestream()</c> or the zero-code start; without either it is healthy and says so.
        /// </summary>
        /// <param name="builder">The health checks.</param>
        /// <param name="name">Its name.</param>
        /// <param name="failureStatus">What is reported where nothing is replicated. Default: <see cref="HealthStatus.Unhealthy"/>.</param>
        /// <param name="tags">Its tags.</param>
        /// <returns><paramref name="builder"/>.</returns>
        public static IHealthChecksBuilder AddLitestream(this IHealthChecksBuilder builder, string name = "litestream", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
        {
            ArgumentNullException.ThrowIfNull(builder);
            return builder.Add(new HealthCheckRegistration(name, services => new LitestreamHealthCheck(services.GetService<LitestreamReplicator>()), failureStatus, tags));
        }
    }
}

namespace Litestream.Hosting
{
    /// <summary>Translates the replicator's status.</summary>
    internal sealed class LitestreamHealthCheck(LitestreamReplicator? replicator) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(replicator is null ? HealthCheckResult.Healthy("Litestream is not part of this app.") : Judge(replicator.Status, context.Registration.FailureStatus));

        /// <summary>The worst of what the status says.</summary>
        public static HealthCheckResult Judge(LitestreamStatus status, HealthStatus failure)
        {
            var problems = new List<string>();
            var isBad = status.State == LitestreamState.Failed;
            if (status.State is LitestreamState.Failed or LitestreamState.Waiting or LitestreamState.Restarting)
            {
                problems.Add(status.LastError is { } error ? $"{status.State}: {error}" : status.State.ToString());
            }

            foreach (var database in status.Databases)
            {
                isBad |= database.Health == LitestreamHealth.Unhealthy || database.Verification?.Outcome == VerificationOutcome.Failed;
                if (database.Health != LitestreamHealth.Healthy)
                {
                    problems.Add(database.Problem ?? $"{database.Path} is {database.Health}");
                }

                if (database.Verification is { Outcome: not VerificationOutcome.Verified } verification)
                {
                    problems.Add($"{verification.Code}: {verification.Message}");
                }
            }

            if (status.NotReplicated.Count > 0)
            {
                problems.Add($"LSB5010: not replicated: {string.Join(", ", status.NotReplicated)}");
            }

            var description = problems.Count == 0 ? Describe(status.State) : string.Join(" ", problems.Distinct());
            return new HealthCheckResult(isBad ? failure : problems.Count > 0 ? HealthStatus.Degraded : HealthStatus.Healthy, description, data: Data(status));
        }

        private static string Describe(LitestreamState state) => state switch
        {
            LitestreamState.Disabled => "Litestream is off: nothing is replicated.",
            LitestreamState.Replicating => "What is committed arrives.",
            _ => $"Litestream: {state}.",
        };

        private static Dictionary<string, object> Data(LitestreamStatus status)
        {
            var data = new Dictionary<string, object>(StringComparer.Ordinal) { ["state"] = status.State.ToString(), ["restarts"] = status.Restarts };
            foreach (var database in status.Databases)
            {
                data[database.Path] = FormattableString.Invariant(
                    $"{database.Health}, lag {database.Lag.TotalSeconds:0.0} s, {database.LagBytes?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"} bytes, committed {database.Committed?.ToString() ?? "-"}, replicated {database.Replicated?.ToString() ?? "-"}, last sync {(database.LastSync is { } sync ? sync.ToString("u", System.Globalization.CultureInfo.InvariantCulture) : "-")}, verification {database.Verification?.Outcome.ToString() ?? "-"}");
            }

            return data;
        }
    }
}
