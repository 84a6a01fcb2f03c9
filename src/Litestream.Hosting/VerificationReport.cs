using Litestream.Diagnostics;
using Litestream.Replication;
using Litestream.Verification;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>Puts what a verification found into the status and into the log.</summary>
internal sealed class VerificationReport(
    ILogger logger,
    TimeProvider time,
    Func<LitestreamStatus> status,
    Action<Func<LitestreamStatus, LitestreamStatus>> updateStatus
)
{
    /// <param name="result">What was found.</param>
    /// <param name="kind">Which verification it was, as a line of the log begins.</param>
    public void Report(VerificationResult result, string kind)
    {
        var path = result.Database.Path;
        var before = status().Databases.FirstOrDefault(database => database.Path == path)?.Verification;
        LitestreamDiagnostic? error = null;
        switch (result.Outcome)
        {
            case VerificationOutcome.Verified:
                ReplicatorLog.Verified(
                    logger,
                    before is null or { Outcome: VerificationOutcome.Verified } ? LogLevel.Debug : LogLevel.Information,
                    kind,
                    result.Message
                );
                break;
            case VerificationOutcome.Inconclusive:
                ReplicatorLog.Warning(
                    logger,
                    new LitestreamDiagnostic(result.Code!, LitestreamSeverity.Warning, result.Message)
                );
                break;
            default:
                error = new LitestreamDiagnostic(result.Code!, LitestreamSeverity.Error, result.Message);
                ReplicatorLog.Error(logger, error);
                break;
        }

        var now = time.GetUtcNow();
        if (error is not null)
            updateStatus(status => status with { LastError = error.ToString() });

        Update(path, database => database with { Verification = result, VerifiedAt = now });
    }

    /// <summary>Changes the status of one database.</summary>
    public void Update(string path, Func<LitestreamDatabaseStatus, LitestreamDatabaseStatus> update) =>
        updateStatus(status =>
            status with
            {
                Databases =
                [
                    .. status.Databases.Select(database => database.Path == path ? update(database) : database),
                ],
            }
        );
}
