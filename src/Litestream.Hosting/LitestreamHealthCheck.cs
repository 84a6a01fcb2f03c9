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
            return builder.Add(new HealthCheckRegistration(name, services => new LitestreamHealthCheck(services.GetService<LitestreamReplicator>(), services.GetService<TimeProvider>() ?? TimeProvider.System), failureStatus, tags));
        }
    }
}

namespace Litestream.Hosting
{
    /// <summary>Translates the replicator's status.</summary>
    internal sealed class LitestreamHealthCheck(LitestreamReplicator? replicator, TimeProvider time) : IHealthCheck
    {
        /// <summary>So many restarts within that time are no accident.</summary>
        private const int ManyRestarts = 3;
        private static readonly TimeSpan RestartMemory = TimeSpan.FromMinutes(5);

        /// <summary>After so long a start is no longer just a start.</summary>
        private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(1);

        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(replicator is null ? HealthCheckResult.Healthy("Litestream is not part of this app.") : Judge(replicator.Status, context.Registration.FailureStatus, time.GetUtcNow()));

        /// <summary>The worst of what the status says.</summary>
        public static HealthCheckResult Judge(LitestreamStatus status, HealthStatus failure, DateTimeOffset now)
        {
            var problems = new List<string>();
            var isBad = status.State == LitestreamState.Failed;
            if (StateProblem(status, now) is { } problem)
            {
                problems.Add(status.LastError is { } error ? $"{problem}: {error}" : problem);
            }

            var restarts = status.RestartTimes.Count(restart => now - restart < RestartMemory);
            if (restarts >= ManyRestarts)
            {
                isBad |= status.State != LitestreamState.Replicating;
                problems.Add(FormattableString.Invariant($"LSB5004: litestream was started again {restarts} times in {RestartMemory.TotalMinutes:0} minutes; the last time: {status.LastRestartReason}."));
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

        private static string? StateProblem(LitestreamStatus status, DateTimeOffset now) => status.State switch
        {
            LitestreamState.Failed or LitestreamState.Waiting or LitestreamState.Restarting => status.State.ToString(),
            LitestreamState.Starting when now - status.Since >= StartPatience => FormattableString.Invariant($"Starting for {(now - status.Since).TotalSeconds:0} s"),

            // Otherwise the databases say why.
            LitestreamState.Stalled when status.Databases.All(database => database.Health == LitestreamHealth.Healthy) => status.State.ToString(),
            _ => null,
        };

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

            return data;
        }
    }
}
