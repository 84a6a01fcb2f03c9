using System.Collections;
using Litestream.Diagnostics;
using Litestream.Execution;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>What the log of the app gets to see, under the category <c>Litestream</c>.</summary>
internal static partial class ReplicatorLog
{
    public const string Category = "Litestream";

    /// <summary>
    /// A line of a restore. Its errors come back as outcome or exception, and "no matching backups found" is none at a
    /// first start.
    /// </summary>
    public static void RestoreLine(ILogger logger, LogLine line)
    {
        if (!line.IsResult)
            Line(logger, line.Level == "ERROR" ? line with { Level = "DEBUG" } : line);
    }

    /// <summary>Passes on a line of the executable with its own level, its fields as structured state.</summary>
    public static void Line(ILogger logger, LogLine line)
    {
        var level = line.Level.ToUpperInvariant() switch
        {
            "DEBUG" or "TRACE" => LogLevel.Debug,
            "WARN" or "WARNING" => LogLevel.Warning,
            "ERROR" => LogLevel.Error,
            _ => LogLevel.Information,
        };
        if (logger.IsEnabled(level))
            logger.Log(level, default, new LineState(line), null, static (state, _) => state.ToString());
    }

    public static void Diagnostic(ILogger logger, LitestreamDiagnostic diagnostic)
    {
        switch (diagnostic.Severity)
        {
            case LitestreamSeverity.Error:
                Error(logger, diagnostic);
                break;
            case LitestreamSeverity.Warning:
                Warning(logger, diagnostic);
                break;
            default:
                Information(logger, diagnostic);
                break;
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Critical, Message = "{Diagnostic}")]
    public static partial void Critical(ILogger logger, LitestreamDiagnostic diagnostic);

    [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "{Diagnostic}")]
    public static partial void Error(ILogger logger, LitestreamDiagnostic diagnostic);

    [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "{Diagnostic}")]
    public static partial void Warning(ILogger logger, LitestreamDiagnostic diagnostic);

    [LoggerMessage(EventId = 4, Level = LogLevel.Information, Message = "{Diagnostic}")]
    public static partial void Information(ILogger logger, LitestreamDiagnostic diagnostic);

    [LoggerMessage(
        EventId = 10,
        Level = LogLevel.Information,
        Message = "Litestream is off in the Development environment. Set Litestream:Enabled to true to replicate "
            + "here too."
    )]
    public static partial void OffInDevelopment(ILogger logger);

    [LoggerMessage(
        EventId = 11,
        Level = LogLevel.Information,
        Message = "Litestream is off: Litestream:Enabled is false."
    )]
    public static partial void Off(ILogger logger);

    [LoggerMessage(EventId = 12, Level = LogLevel.Information, Message = "'{Database}' is replicated to {Replica}.")]
    public static partial void Replicates(ILogger logger, string database, string replica);

    [LoggerMessage(
        EventId = 23,
        Level = LogLevel.Information,
        Message = "'{Database}' is not in litestream.yml, but {Setting} names it: it is also replicated, to {Replica}."
    )]
    public static partial void ReplicatesDiscovered(ILogger logger, string database, string? setting, string replica);

    [LoggerMessage(
        EventId = 13,
        Level = LogLevel.Information,
        Message = "'{Database}' does not exist; looking for a backup in {Replica}."
    )]
    public static partial void Restoring(ILogger logger, string database, string replica);

    [LoggerMessage(
        EventId = 14,
        Level = LogLevel.Information,
        Message = "'{Database}' was restored in {Seconds:0.0} s."
    )]
    public static partial void Restored(ILogger logger, string database, double seconds);

    [LoggerMessage(
        EventId = 15,
        Level = LogLevel.Information,
        Message = "'{Database}' has no backup yet; the app starts without one."
    )]
    public static partial void NoBackupYet(ILogger logger, string database);

    [LoggerMessage(
        EventId = 27,
        Level = LogLevel.Warning,
        Message = "LSB5030: litestream {Version} does not see a backup that release line {Older} made in '{Replica}'. "
            + "If '{Database}' was replicated with {Older}, stop the app and restore the database with {Older} first."
    )]
    public static partial void MayOverlookBackup(
        ILogger logger,
        string database,
        string? version,
        string older,
        string replica
    );

    [LoggerMessage(
        EventId = 16,
        Level = LogLevel.Information,
        Message = "'{Database}' is being restored by {Holder}; waiting for it."
    )]
    public static partial void WaitingForRestore(ILogger logger, string database, string holder);

    [LoggerMessage(
        EventId = 25,
        Level = LogLevel.Information,
        Message = "'{Database}' is locked by {Holder}, which does not restore it; "
            + "waiting at most {Seconds:0.#} s (Litestream:StallTimeout)."
    )]
    public static partial void WaitingForLock(ILogger logger, string database, string holder, double seconds);

    [LoggerMessage(
        EventId = 17,
        Level = LogLevel.Information,
        Message = "Started {Executable} as process {ProcessId}."
    )]
    public static partial void Started(ILogger logger, string executable, int processId);

    [LoggerMessage(
        EventId = 18,
        Level = LogLevel.Information,
        Message = "The signal to the app also ended litestream; a final pass sends the commits that the app makes "
            + "until it has stopped."
    )]
    public static partial void EndedWithSignal(ILogger logger);

    [LoggerMessage(
        EventId = 19,
        Level = LogLevel.Information,
        Message = "Final pass: sending the commits that were made after litestream ended."
    )]
    public static partial void FinalPass(ILogger logger);

    [LoggerMessage(EventId = 20, Level = LogLevel.Information, Message = "litestream has sent everything and ended.")]
    public static partial void Drained(ILogger logger);

    [LoggerMessage(
        EventId = 21,
        Level = LogLevel.Warning,
        Message = "A litestream of an app that was killed still runs as process {ProcessId}; killing it. A full "
            + "copy follows."
    )]
    public static partial void EndingOrphan(ILogger logger, int processId);

    [LoggerMessage(
        EventId = 26,
        Level = LogLevel.Warning,
        Message = "LSB5025: A full copy of '{Database}' must be sent: {Reason}."
    )]
    public static partial void ChainBroken(ILogger logger, string database, string reason);

    [LoggerMessage(
        EventId = 62,
        Level = LogLevel.Information,
        Message = "litestream (process {ProcessId}) now also replicates '{Database}', without a restart."
    )]
    public static partial void Registered(ILogger logger, string database, int processId);

    [LoggerMessage(
        EventId = 51,
        Level = LogLevel.Information,
        Message = "'{Database}' was added; its replica: {Replica}."
    )]
    public static partial void Added(ILogger logger, string database, string replica);

    [LoggerMessage(
        EventId = 52,
        Level = LogLevel.Information,
        Message = "'{Database}' was removed ({State}): it is no longer replicated."
    )]
    public static partial void Removed(ILogger logger, string database, string state);

    [LoggerMessage(EventId = 24, Level = LogLevel.Information, Message = "The full copy of '{Database}' has arrived.")]
    public static partial void ChainMended(ILogger logger, string database);

    [LoggerMessage(
        EventId = 22,
        Level = LogLevel.Information,
        Message = "'{Database}' is already replicated by another host of this process."
    )]
    public static partial void ReplicatedByThisProcess(ILogger logger, string database);

    [LoggerMessage(
        EventId = 40,
        Level = LogLevel.Information,
        Message = "All commits to '{Database}' have arrived in its replica."
    )]
    public static partial void Arrived(ILogger logger, string database);

    [LoggerMessage(
        EventId = 41,
        Level = LogLevel.Debug,
        Message = "litestream missed or did not send a commit to '{Database}'; nudged it."
    )]
    public static partial void Nudged(ILogger logger, string database);

    [LoggerMessage(
        EventId = 42,
        Level = LogLevel.Information,
        Message = "'{Database}' continues the lineage of its replica (Litestream:AdoptReplica)."
    )]
    public static partial void Adopted(ILogger logger, string database);

    [LoggerMessage(EventId = 43, Level = LogLevel.Information, Message = "The disk of '{Database}' has room again.")]
    public static partial void Resumes(ILogger logger, string database);

    [LoggerMessage(
        EventId = 45,
        Level = LogLevel.Information,
        Message = "'{Database}' is the database in its replica; it is replicated again."
    )]
    public static partial void LineageConfirmed(ILogger logger, string database);

    [LoggerMessage(
        EventId = 44,
        Level = LogLevel.Warning,
        Message = "The logger was blocked: {Count} Litestream lines were dropped."
    )]
    public static partial void LinesDropped(ILogger logger, long count);

    [LoggerMessage(EventId = 60, Message = "{Kind}: {Result}")]
    public static partial void Verified(ILogger logger, LogLevel level, string kind, string result);

    [LoggerMessage(
        EventId = 61,
        Level = LogLevel.Information,
        Message = "Scheduled verification: '{Database}' is excluded while it is not replicated ({Code})."
    )]
    public static partial void NotVerified(ILogger logger, string database, string code);

    /// <summary>
    /// Message and fields of a line; the fields by their own names, as logging providers expect them.
    /// </summary>
    private sealed class LineState(LogLine line) : IReadOnlyList<KeyValuePair<string, object?>>
    {
        private readonly List<KeyValuePair<string, object?>> _values =
        [
            .. line.Fields.Select(field => KeyValuePair.Create(field.Key, (object?)field.Value)),
            KeyValuePair.Create("{OriginalFormat}", (object?)line.Message),
        ];

        public int Count => _values.Count;

        public KeyValuePair<string, object?> this[int index] => _values[index];

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _values.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString() => line.Display;
    }
}
