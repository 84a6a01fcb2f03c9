using System.Text;
using YamlDotNet.Core;

namespace Litestream.Configuration;

/// <summary>
/// What the executable's parser (YAML 1.1 as Go reads it) takes and ours does not, written in another way that both
/// take for the same. Lines stay as they are.
/// </summary>
internal static class YamlRewrite
{
    /// <summary>More of these in one file are a mistake.</summary>
    public const int AtMost = 200;

    /// <summary>Further to the right than settings are.</summary>
    private const int Far = 64;

    /// <summary>The text with the place at which the parser stopped written in another way; null when the executable
    /// would stop there too.</summary>
    /// <param name="raw">The text that was read.</param>
    /// <param name="error">Where the parser stopped.</param>
    public static string? Of(string raw, Exception error) =>
        error is YamlException stopped ? Of(raw, stopped) : InBrackets(raw);

    private static string? Of(string raw, YamlException error)
    {
        var at = (int)error.Start.Index;
        if (at < 0 || at > raw.Length)
            return null;
        if (error.Message.Contains("block scalar, found") && !(at < raw.Length && raw[at] is '|' or '>'))
            return BlankLines(raw, at);
        if (at == raw.Length)
            return null;

        var next = at + 1 < raw.Length ? raw[at + 1] : '\0';
        return raw[at] switch
        {
            '"' when TextInQuotes(raw, at) is { } text => text,
            '-' when next is ',' or ']' or '}' => $"{raw[..at]}\"-\"{raw[(at + 1)..]}",
            '#' => raw.Insert(at, " "),
            ',' or ']' or '}' when next == '#' => raw.Insert(at + 1, " "),
            '|' or '>' when Comment(raw, at) is { } comment => raw.Insert(comment, " "),
            not ',' when IsAfterComma(raw, at) && error.Message.Contains("flow mapping") => raw.Insert(at, ","),
            _ => null,
        };
    }

    /// <summary>
    /// The line at which our parser ends with an exception of another kind, indented: between brackets it wants a text
    /// further to the right than what is around them.
    /// </summary>
    private static string? InBrackets(string raw)
    {
        var scanner = new Scanner(new StringReader(raw), skipComments: true);
        try
        {
            while (scanner.MoveNext()) { }

            return null;
        }
        catch (Exception e) when (e is not YamlException)
        {
            var begin = LineStart(raw, (int)Math.Min(scanner.CurrentPosition.Index, raw.Length));
            var line = raw.AsSpan(begin);
            return begin == 0 || IsMark(line) || line.IndexOfAnyExcept(" \t") is not (>= 0 and < Far)
                ? null
                : raw.Insert(begin, new string(' ', Far));
        }
        catch (YamlException)
        {
            return null;
        }
    }

    /// <summary>Whether a comma stands before: our parser passes over one after a value with an anchor in
    /// <c>{}</c>.</summary>
    private static bool IsAfterComma(string raw, int at)
    {
        for (at--; at >= 0 && (raw[at] is ' ' or '\t' || IsLineEnd(raw[at])); at--) { }

        return at >= 0 && raw[at] == ',';
    }

    /// <summary>
    /// Before the first line of a block, lines of nothing but spaces, no more of them than that line begins with:
    /// empty.
    /// </summary>
    private static string? BlankLines(string raw, int at)
    {
        var begin = LineStart(raw, at);

        // The parser has passed the lines.
        while (
            begin > 0
            && raw.AsSpan(0, begin).TrimEnd(' ') is { Length: > 0 } above
            && IsLineEnd(above[^1])
            && raw.AsSpan(0, above.Length - 1).TrimEnd(' ') is { Length: > 0 } blank
            && IsLineEnd(blank[^1])
        )
        {
            begin = blank.Length;
        }

        var header = raw[..begin].TrimEnd('\n', '\r', '\u0085', '\u2028', '\u2029', ' ');
        header = header[LineStart(header, header.Length)..];

        var sign = header.AsSpan().LastIndexOfAny("|>");
        if (sign < 0)
            return null;
        if (header.AsSpan(sign, Math.Min(3, header.Length - sign)).ContainsAnyInRange('1', '9'))
        {
            // A block with an indicator has the spaces behind the indentation as its text, which our parser does not
            // take in the first line: the last of them becomes one that is not white space to it.
            var width = raw.AsSpan(begin).IndexOfAnyExcept(' ');
            return width > 0 && IsLineEnd(raw[begin + width])
                ? $"{raw[..(begin + width - 1)]}\u00a0{raw[(begin + width)..]}"
                : null;
        }

        var (text, widest, i) = (new StringBuilder(raw[..begin]), 0, begin);
        while (i < raw.Length)
        {
            var length = raw.AsSpan(i).IndexOfAnyExcept(' ');
            length = length < 0 ? raw.Length - i : length;
            if (i + length < raw.Length && !IsLineEnd(raw[i + length]))
                return widest > 0 && length >= widest ? text.Append(raw.AsSpan(i)).ToString() : null;

            widest = Math.Max(widest, length);
            i += length;
            if (i < raw.Length)
                text.Append(raw[i++]);
        }

        return widest > 0 ? text.ToString() : null;
    }

    /// <summary>
    /// A text in double quotes over several lines, each of them indented as far as the first, as white space at the
    /// beginning of a line is not part of it; and without the escape <c>\'</c>.
    /// </summary>
    private static string? TextInQuotes(string raw, int start)
    {
        var begin = LineStart(raw, start);
        var spaces = new string(' ', start - begin + 1);

        var text = new StringBuilder(raw[..start]);
        var changed = false;
        for (var i = start; i < raw.Length; i++)
        {
            text.Append(raw[i]);
            if (i > start && raw[i] == '"')
                return changed ? text.Append(raw.AsSpan(i + 1)).ToString() : null;
            if (raw[i] == '\\' && i + 1 < raw.Length && !IsLineEnd(raw[i + 1]))
            {
                i++;
                if (raw[i] == '\'')
                {
                    text.Length--;
                    changed = true;
                }

                text.Append(raw[i]);
            }
            else if (IsLineEnd(raw[i]) && !(raw[i] == '\r' && i + 1 < raw.Length && raw[i + 1] == '\n'))
            {
                // There it would end a document.
                var line = raw.AsSpan(i + 1);
                if (IsMark(line))
                    return null;
                if (!line.StartsWith(spaces, StringComparison.Ordinal))
                {
                    text.Append(spaces);
                    changed = true;
                }
            }
        }

        return null;
    }

    /// <summary>Where a comment begins right behind the sign of a block; null when there is none.</summary>
    private static int? Comment(string raw, int start)
    {
        var at = start + 1;
        while (at < raw.Length && (raw[at] is '+' or '-' || char.IsAsciiDigit(raw[at])))
            at++;
        return at < raw.Length && raw[at] == '#' ? at : null;
    }

    private static int LineStart(string raw, int at)
    {
        while (at > 0 && !IsLineEnd(raw[at - 1]))
            at--;
        return at;
    }

    /// <summary>Whether a line begins or ends a document.</summary>
    private static bool IsMark(ReadOnlySpan<char> line) => line is ['-', '-', '-', ..] or ['.', '.', '.', ..];

    private static bool IsLineEnd(char c) => c is '\n' or '\r' or '\u0085' or '\u2028' or '\u2029';
}
