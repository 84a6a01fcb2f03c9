using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>A line of the log, as people read it, and the first code in it; empty without one.</summary>
internal sealed record RecentLogLine(DateTimeOffset Time, LogLevel Level, string Text, string Code);

/// <summary>The last lines that were logged, for the dashboard: at most 200, and the newest warning of each code, each
/// cut to 500 characters. So it takes about 1 KB of memory for each of the 200 and for each code that was logged. For
/// any number of threads.</summary>
internal sealed partial class RecentLog
{
    private const int MostLines = 200;
    private const int MostCharacters = 500;

    private readonly Queue<RecentLogLine> _lines = new();

    // The newest line of each code: there are some hundred codes.
    private readonly Dictionary<string, RecentLogLine> _warnings = new(StringComparer.Ordinal);

    /// <summary>The newest warning or error of each code.</summary>
    public IReadOnlyList<RecentLogLine> Warnings
    {
        get
        {
            lock (_lines)
                return [.. _warnings.Values];
        }
    }

    /// <summary>The lines, the oldest first.</summary>
    public IReadOnlyList<RecentLogLine> Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    /// <summary>The first code in a text; empty without one.</summary>
    public static string CodeIn(string text) => Code().Match(text).Value;

    public void Add(DateTimeOffset time, LogLevel level, string text)
    {
        var cut = text.Length > MostCharacters ? string.Concat(text.AsSpan(0, MostCharacters), "...") : text;
        var line = new RecentLogLine(time, level, cut, CodeIn(cut));
        lock (_lines)
        {
            _lines.Enqueue(line);
            if (level >= LogLevel.Warning && line.Code.Length > 0)
                _warnings[line.Code] = line;

            if (_lines.Count > MostLines)
                _lines.Dequeue();
        }
    }

    [GeneratedRegex("LSB[0-9]{4}")]
    private static partial Regex Code();
}
