using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Replication;

namespace Litestream.Verification;

/// <summary>
/// The proof that what is committed can be restored: a commit of its own, the place where that stands, the wait until that place is in the replica, a real restore,
/// and a look at what came back.
/// </summary>
/// <remarks>
/// The commit is one row in the table <c>_litestream_verification</c>. Restored is what a restore takes of itself: where that is another generation than the one of this
/// database, another host or database writes to the replica. Outside SQLite only the database's <c>-wal</c> is read; no checkpoint is started, and nobody
/// who writes is held up for longer than a commit takes. Places are known for release line 0.3; with any other executable it is restored again and again until the
/// commit is there. A replicator is started only when <see cref="VerificationOptions.StartReplicator"/> says so.
/// </remarks>
public static class DatabaseVerification
{
    /// <summary>Verifies one database. What is foreseeable is an outcome, not an exception.</summary>
    /// <param name="executable">What restores.</param>
    /// <param name="config">The effective configuration.</param>
    /// <param name="database">One of its databases.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Cancelling leaves nothing behind.</param>
    /// <exception cref="LitestreamException">LSB3008: the database has no replica of that name.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<VerificationResult> RunAsync(LitestreamExecutable executable, EffectiveConfig config, EffectiveDatabase database, VerificationOptions? options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(executable);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(database);
        using var restores = new SemaphoreSlim(1);
        return await RunAsync(executable, config, database, options ?? new(), executable.GetVersionAsync(cancellationToken), restores, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Verifies all databases of the configuration side by side; one that fails does not stop the others. All wait at the same time; as many restore at the same time as there are processors.</summary>
    /// <returns>The results in the configuration's order.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static Task<IReadOnlyList<VerificationResult>> RunAllAsync(LitestreamExecutable executable, EffectiveConfig config, VerificationOptions? options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(executable);
        ArgumentNullException.ThrowIfNull(config);
        return RunAllAsync(executable, config, config.Databases, options, cancellationToken);
    }

    /// <summary>The same with some of them.</summary>
    internal static async Task<IReadOnlyList<VerificationResult>> RunAllAsync(
        LitestreamExecutable executable, EffectiveConfig config, IEnumerable<EffectiveDatabase> databases, VerificationOptions? options, CancellationToken cancellationToken)
    {
        using var restores = new SemaphoreSlim(Math.Max(2, Environment.ProcessorCount));
        var version = executable.GetVersionAsync(cancellationToken);
        return await Task.WhenAll(databases.Select(database => Task.Run(
            async () =>
            {
                try
                {
                    return await RunAsync(executable, config, database, options ?? new(), version, restores, cancellationToken).ConfigureAwait(false);
                }
                catch (LitestreamException e)
                {
                    return new VerificationResult(database, VerificationOutcome.Inconclusive, e.Diagnostic.Message, e.Diagnostic.Code);
                }
            },
            cancellationToken))).ConfigureAwait(false);
    }

    private static Task<VerificationResult> RunAsync(
        LitestreamExecutable executable, EffectiveConfig config, EffectiveDatabase database, VerificationOptions options, Task<string> version, SemaphoreSlim restores, CancellationToken cancellationToken)
    {
        // Made when it runs: where the replicator answers is known only when there is one.
        Task<VerificationResult> Verify() => new VerificationRun(executable, config, database, options, version, restores).RunAsync(cancellationToken);
        return options.StartReplicator ? VerificationReplicator.RunAsync(executable, config, database, options, Verify, cancellationToken) : Verify();
    }
}
