using Litestream.Commands;
using Litestream.Configuration;

namespace Litestream.Verification;

/// <summary>The proof that what is committed can be restored.</summary>
public static class DatabaseVerification
{
    /// <summary>Verifies one database. Never starts a replicator.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static Task<VerificationResult> RunAsync(LitestreamExecutable executable, EffectiveConfig config, EffectiveDatabase database, VerificationOptions? options, CancellationToken cancellationToken) =>
        throw new NotImplementedException();

    /// <summary>Verifies all databases of the configuration side by side; one that fails does not stop the others. Results in the configuration's order.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static Task<IReadOnlyList<VerificationResult>> RunAllAsync(LitestreamExecutable executable, EffectiveConfig config, VerificationOptions? options, CancellationToken cancellationToken) =>
        throw new NotImplementedException();
}
