namespace Litestream.Commands;

/// <summary>One line that the executable wrote.</summary>
/// <param name="Level"><c>DEBUG</c>, <c>INFO</c>, <c>WARN</c>, <c>ERROR</c>; empty for a line that is no log line.</param>
/// <param name="Message">The message; the whole line when it is no log line.</param>
/// <param name="Fields">Everything else but the time. Durations of JSON lines are nanoseconds.</param>
/// <param name="Text">The line as it was written, secrets masked.</param>
public sealed record LogLine(string Level, string Message, IReadOnlyDictionary<string, string> Fields, string Text)
{
    /// <summary>Reads a line of slog's text or JSON form, or of the plain form that 0.3 uses before it has read its configuration.</summary>
    public static LogLine Parse(string line) => throw new NotSupportedException();
}
