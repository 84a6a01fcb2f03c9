using Litestream.Configuration;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Verification;

namespace Litestream.Replication;

/// <summary>
/// Waits until what is committed in a database now is in its replicas: by the position of the last commit, and what
/// the replicas themselves list. Writes nothing, starts nothing, and asks litestream for nothing: the <c>sync</c> of
/// release line 0.5 can make it miss commits.
/// </summary>
internal static class CommitSync
{
    /// <summary>As long as litestream's own command waits.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>The problems that a full copy ends. Another one may stand before them in the same text.</summary>
    private static readonly string[] OfChain = ["LSB5003", "LSB5025", "LSB5026", "LSB5028"];

    /// <summary>Waits for one database.</summary>
    /// <param name="executable">What lists.</param>
    /// <param name="config">The effective configuration.</param>
    /// <param name="database">One of its databases.</param>
    /// <param name="replica">The only replica to wait for, by name; null: all.</param>
    /// <param name="timeout">How long it may take; null: <see cref="DefaultTimeout"/>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="Diagnostics.LitestreamException">LSB3008: the database has no replica of that name.</exception>
    public static async Task<SyncResult> RunAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        string? replica,
        TimeSpan? timeout,
        CancellationToken cancellationToken
    )
    {
        var (limit, time) = (timeout ?? DefaultTimeout, TimeProvider.System);
        var start = time.GetTimestamp();
        var result = await DatabaseVerification
            .RunAsync(
                executable,
                config,
                database,
                new VerificationOptions
                {
                    Level = VerificationLevel.Position,
                    Write = false,
                    IsSync = true,
                    Replica = replica,
                    Timeout = limit,
                    StorageTimeout = limit,
                },
                cancellationToken
            )
            .ConfigureAwait(false);

        // A position says where litestream is, not that it has read everything on the way there.
        while (result.Outcome == VerificationOutcome.Verified && ChainProblem(database) is var (code, why))
        {
            if (time.GetElapsedTime(start) >= limit)
            {
                result = result with
                {
                    Outcome = VerificationOutcome.Inconclusive,
                    Code = code,
                    Message = why,
                    LagBytes = null,
                    Lag = null,
                    ArrivalTime = null,
                };
            }
            else
            {
                await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
            }
        }

        return new SyncResult(result with { Duration = time.GetElapsedTime(start) });
    }

    /// <summary>The part of what an app says of its database that makes its position prove nothing; null for none.
    /// Pure.</summary>
    internal static (string Code, string Why)? ChainProblemOf(string problem) =>
        OfChain
            .Select(code => (Code: code, At: problem.IndexOf(code + ": ", StringComparison.Ordinal)))
            .Where(found => found.At >= 0)
            .Select(found => ((string, string)?)(found.Code, problem[(found.At + found.Code.Length + 2)..]))
            .FirstOrDefault();

    /// <summary>Why a full copy has to be sent before the replica is known to be whole; null where it need not.
    /// </summary>
    private static (string Code, string Why)? ChainProblem(EffectiveDatabase database)
    {
        var running = RunningStatus.Of(database);
        if (running.DatabaseStatus?.Problem is { } problem)
        {
            return ChainProblemOf(problem) is var (code, why)
                ? (code, $"What was committed in '{database.Path}' may be missing in its replica: {why}")
                : null;
        }

        return running.App is null && DatabaseLock.Peek(database.Path).IsUnclean
            ? (
                "LSB4104",
                $"The app of '{database.Path}', or its litestream, was killed, so its position proves nothing. Start "
                    + "the app: it sends a full copy, if one is needed."
            )
            : null;
    }
}
