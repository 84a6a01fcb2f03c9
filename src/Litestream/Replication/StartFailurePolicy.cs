using Litestream.Diagnostics;

namespace Litestream.Replication;

/// <summary>A start of litestream that failed.</summary>
/// <param name="Error">What went wrong.</param>
/// <param name="HasLocks">Whether the locks of the databases are held.</param>
/// <param name="HasRun">Whether litestream has run before.</param>
internal sealed record StartFailure(Exception Error, bool HasLocks, bool HasRun);

/// <summary>Decides what follows from a start of litestream that failed; nothing here looks or acts.</summary>
internal static class StartFailurePolicy
{
    private const int IsThere = 17;
    private const int NotADirectory = 20;

    /// <summary>
    /// Whether a later start may do better: a disk can have room again. A wrong configuration stays wrong, and an
    /// executable that has never run does not begin to; once it has run, it can again.
    /// </summary>
    public static bool MayPass(StartFailure failure)
    {
        if (failure.Error is OperationCanceledException or LitestreamException { Diagnostic.Code: "LSB5014" })
            return false;
        return failure.HasRun
            || Cause(failure.Error) switch
            {
                // With the locks the folder could be written to. Without them it is another user's, or no folder.
                UnauthorizedAccessException or DirectoryNotFoundException => failure.HasLocks,
                IOException { HResult: IsThere or NotADirectory } => failure.HasLocks,
                IOException => true,
                _ => failure.Error is LitestreamException { Diagnostic.Code: "LSB0003" } && failure.HasLocks,
            };
    }

    /// <summary>How a database does while a start that failed is tried again: never healthy.</summary>
    /// <param name="failing">For how long the starts have failed.</param>
    /// <param name="stall">After so long it is unhealthy.</param>
    public static LitestreamHealth HealthOf(TimeSpan failing, TimeSpan stall) =>
        failing >= stall ? LitestreamHealth.Unhealthy : LitestreamHealth.Degraded;

    /// <summary>What is wrong with a database meanwhile.</summary>
    public static string Explain(Exception error, string database)
    {
        var why = error is LitestreamException litestream ? litestream.Diagnostic.Message : error.Message;
        return $"LSB5004: litestream could not be started, so '{database}' is not replicated: {why}";
    }

    private static Exception Cause(Exception error) =>
        error is LitestreamException { Diagnostic.Code: "LSB0003", InnerException: { } inner } ? inner : error;
}
