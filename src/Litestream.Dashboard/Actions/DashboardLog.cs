using Litestream.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Litestream.Dashboard.Actions;

/// <summary>What the dashboard logs, under the category <c>Litestream.Dashboard</c>.</summary>
internal static partial class DashboardLog
{
    public const string Category = "Litestream.Dashboard";

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "'{User}' started {Action} of '{Database}'.")]
    public static partial void Started(ILogger logger, string user, string action, string database);

    [LoggerMessage(EventId = 2, Message = "{Action} of '{Database}' for '{User}' ended: {State}. {Result}")]
    public static partial void Ended(
        ILogger logger,
        LogLevel level,
        string action,
        string database,
        string user,
        ActionState state,
        string result
    );

    [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "{Diagnostic}")]
    public static partial void Failed(ILogger logger, LitestreamDiagnostic diagnostic);

    [LoggerMessage(
        EventId = 3,
        Level = LogLevel.Warning,
        Message = "LSB5044: a request to the dashboard '{Path}' was refused with {Status}: {Reason}"
    )]
    public static partial void Refused(ILogger logger, string path, int status, string reason);
}
