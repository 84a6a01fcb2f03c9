using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Litestream.Execution;

/// <summary>One line that the executable wrote.</summary>
/// <param name="Level"><c>DEBUG</c>, <c>INFO</c>, <c>WARN</c>, <c>ERROR</c>; empty for a line that is not a log
/// line.</param>
/// <param name="Message">The message; the whole line when it is not a log line.</param>
/// <param name="Fields">Everything else but the time. Durations of JSON lines are nanoseconds.</param>
/// <param name="Text">The line as it was written, secrets masked.</param>
public sealed partial record LogLine(
    string Level,
    string Message,
    IReadOnlyDictionary<string, string> Fields,
    string Text
)
{
    /// <summary>
    /// Reads a line of slog's text or JSON form, or of the plain form that 0.3 uses before it has read its
    /// configuration.
    /// </summary>
    public static LogLine Parse(string line)
    {
        ArgumentNullException.ThrowIfNull(line);
        if (line.StartsWith('{') && ParseJson(line) is { } json)
            return json;
        if (
            line.StartsWith("time=", StringComparison.Ordinal)
            && ReadFields(line) is { } fields
            && fields.Remove("level", out var level)
            && fields.Remove("msg", out var message)
        )
        {
            fields.Remove("time");
            return new LogLine(level, message, fields, line);
        }

        if (line.Length <= LongestPlain && PlainForm().Match(line) is { Success: true } plain)
        {
            return new LogLine(
                plain.Groups["level"].Value,
                plain.Groups["message"].Value,
                ReadFields(plain.Groups["fields"].Value) ?? [],
                line
            );
        }

        return new LogLine("", line, new Dictionary<string, string>(), line);
    }

    /// <summary>What has no fields to be looked for is not searched for them: that takes the square of the
    /// time.</summary>
    private const int LongestPlain = 10_000;

    /// <summary>Message and fields, for people.</summary>
    internal string Display =>
        OneLine(
            Fields.Count == 0
                ? Message
                : $"{Message} {string.Join(' ', Fields.Select(pair => $"{pair.Key}={Quoted(pair.Value)}"))}"
        );

    /// <summary>Whether it is a part of the JSON document in which release line 0.5 says what a restore took, over
    /// several lines: not for people.</summary>
    internal bool IsResult =>
        Level.Length == 0 && (Text is "{" or "}" || Text.StartsWith("  \"", StringComparison.Ordinal));

    private static string Quoted(string value) =>
        value.Contains(' ', StringComparison.Ordinal) ? $"\"{value}\"" : value;

    /// <summary>The message with what went wrong.</summary>
    internal string Explanation =>
        OneLine(
            Fields.TryGetValue("error", out var error) || Fields.TryGetValue("err", out error)
                ? (Message is "failed to run" or "" ? error : $"{Message}: {error}")
                : Message
        );

    /// <summary>
    /// The errors of storage libraries have several lines, and a status, a diagnostic and a line of a log have one.
    /// </summary>
    private static string OneLine(string text) => LineBreaks().Replace(text, " ");

    private static LogLine? ParseJson(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var fields = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var property in document.RootElement.EnumerateObject())
            {
                // 0.5 writes a level of its own beside that of the line, which comes first.
                fields.TryAdd(
                    property.Name,
                    property.Value.ValueKind == JsonValueKind.String
                        ? property.Value.GetString() ?? ""
                        : property.Value.GetRawText()
                );
            }

            if (!fields.Remove("level", out var level) || !fields.Remove("msg", out var message))
                return null;
            fields.Remove("time");
            return new LogLine(level, message, fields, line);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            // The others: half a character, as an escape or as it is.
            return null;
        }
    }

    /// <summary><c>key=value key="quoted value"</c>; null when the text is not of that form.</summary>
    private static Dictionary<string, string>? ReadFields(string text)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        var i = 0;
        while (true)
        {
            while (i < text.Length && text[i] == ' ')
                i++;
            if (i == text.Length)
                return fields;
            if (
                ReadToken(text, ref i, '=') is not { } key
                || i == text.Length
                || text[i++] != '='
                || ReadToken(text, ref i, ' ') is not { } value
            )
            {
                return null;
            }

            fields.TryAdd(key, value);
        }
    }

    private static string? ReadToken(string text, ref int i, char end)
    {
        if (i < text.Length && text[i] == '"')
        {
            var value = new StringBuilder();
            for (i++; i < text.Length; i++)
            {
                if (text[i] == '"')
                {
                    i++;
                    return value.ToString();
                }

                if (text[i] == '\\' && i + 1 < text.Length)
                    ReadEscape(text, ref i, value);
                else
                    value.Append(text[i]);
            }

            return null;
        }

        var start = i;
        while (i < text.Length && text[i] != end && text[i] != ' ')
            i++;
        return text[start..i];
    }

    /// <summary>The escapes of Go's <c>strconv.Quote</c>.</summary>
    private static void ReadEscape(string text, ref int i, StringBuilder value)
    {
        var kind = text[++i];
        var digits = kind switch
        {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if (
            digits > 0
            && i + digits < text.Length
            && int.TryParse(
                text.AsSpan(i + 1, digits),
                System.Globalization.NumberStyles.AllowHexSpecifier,
                null,
                out var code
            )
            && Rune.IsValid(code)
        )
        {
            value.Append(new Rune(code).ToString());
            i += digits;
            return;
        }

        value.Append(
            kind switch
            {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'a' => '\a',
                'b' => '\b',
                'f' => '\f',
                'v' => '\v',
                _ => kind,
            }
        );
    }

    [GeneratedRegex(@"\s*[\r\n]\s*")]
    private static partial Regex LineBreaks();

    [GeneratedRegex(
        """^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (?<level>[A-Z]+) (?<message>.*?)"""
            + """(?<fields>( [A-Za-z_.-]+=("([^"\\]|\\.)*"|[^ "]*))*)$"""
    )]
    private static partial Regex PlainForm();
}
