using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Verification;

/// <summary>Replicates one database for as long as its verification runs.</summary>
internal delegate Task<VerificationResult> ReplicateWhile(
    LitestreamExecutable executable,
    EffectiveConfig config,
    EffectiveDatabase database,
    VerificationOptions options,
    Func<Task<VerificationResult>> verify,
    CancellationToken cancellationToken
);

/// <summary>
/// The proof that what is committed can be restored: a commit of its own, the place where that stands, the wait until
/// that place is in the replica, a real restore, and a look at what came back.
/// </summary>
/// <remarks>
/// The commit is one row in the table <c>_litestream_verification</c>. Restored is what a restore takes of itself:
/// where that is another lineage than the one of this database, another host or database writes to the replica. Outside
/// SQLite only the database's <c>-wal</c> is read; no checkpoint is started, and no writer is held up for longer than a
/// commit takes. Where the positions of the executable are not known, it is restored again and again until the commit
/// is there. A replicator is started only when <see cref="VerificationOptions.StartReplicator"/> says so.
/// </remarks>
internal static class DatabaseVerification
{
    /// <summary>Verifies one database. What is foreseeable is an outcome, not an exception.</summary>
    /// <param name="executable">What restores.</param>
    /// <param name="config">The effective configuration.</param>
    /// <param name="database">One of its databases.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Cancelling leaves nothing behind.</param>
    /// <param name="replicate">Starts a replicator where <see cref="VerificationOptions.StartReplicator"/> asks for
    /// one;
    /// null: it is never asked for.</param>
    /// <exception cref="LitestreamException">LSB3008: the database has no replica of that name.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<VerificationResult> RunAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        VerificationOptions? options,
        CancellationToken cancellationToken,
        ReplicateWhile? replicate = null
    )
    {
        using var restores = new SemaphoreSlim(1);
        var version = executable.GetVersionAsync(cancellationToken);
        return await RunAsync(
                executable,
                config,
                database,
                options ?? new(),
                version,
                restores,
                replicate,
                cancellationToken
            )
            .ConfigureAwait(false);
    }

    /// <summary>
    /// Verifies databases side by side; one that fails does not stop the others. All wait at the same time; as many
    /// restore at the same time as there are processors.
    /// </summary>
    /// <returns>The results in the order of the databases.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static async Task<IReadOnlyList<VerificationResult>> RunAllAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        IEnumerable<EffectiveDatabase> databases,
        VerificationOptions? options,
        CancellationToken cancellationToken,
        ReplicateWhile? replicate = null
    )
    {
        using var restores = new SemaphoreSlim(Math.Max(2, Environment.ProcessorCount));
        var version = executable.GetVersionAsync(cancellationToken);
        return await Task.WhenAll(
                databases.Select(database =>
                    Task.Run(
                        async () =>
                        {
                            try
                            {
                                return await RunAsync(
                                        executable,
                                        config,
                                        database,
                                        options ?? new(),
                                        version,
                                        restores,
                                        replicate,
                                        cancellationToken
                                    )
                                    .ConfigureAwait(false);
                            }
                            catch (LitestreamException e)
                            {
                                return new VerificationResult(
                                    database,
                                    VerificationOutcome.Inconclusive,
                                    "",
                                    e.Diagnostic.Code
                                )
                                {
                                    Text = e.Diagnostic.Text,
                                };
                            }
                        },
                        cancellationToken
                    )
                )
            )
            .ConfigureAwait(false);
    }

    private static Task<VerificationResult> RunAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        VerificationOptions options,
        Task<string> version,
        SemaphoreSlim restores,
        ReplicateWhile? replicate,
        CancellationToken cancellationToken
    )
    {
        // Made when it runs: where the replicator answers is known only when there is one.
        async Task<VerificationResult> Verify()
        {
            await ((Task)version).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var context = new VerificationContext(executable, config, database, options);
            return await new VerificationRun(context, version, restores)
                .RunAsync(cancellationToken)
                .ConfigureAwait(false);
        }

        return options.StartReplicator && replicate is not null
            ? replicate(executable, config, database, options, Verify, cancellationToken)
            : Verify();
    }
}
