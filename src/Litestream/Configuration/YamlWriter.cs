using System.Globalization;
using System.Text;

namespace Litestream.Configuration;

/// <summary>
/// Writes nodes as YAML, the same text for the same nodes, so that the executable reads every value as it is meant: see
/// <see cref="YamlStyle.Safe"/>.
/// </summary>
internal sealed class YamlWriter
{
    private readonly StringBuilder _text = new();

    public static string Write(YamlMap root, string? header = null)
    {
        var writer = new YamlWriter();
        writer._text.Append(header);
        writer.WriteMap(root, 0, firstKeyIsPlaced: false);
        return writer._text.ToString();
    }

    /// <summary>
    /// A comment is expanded like everything else: a line break in a variable's value would end it. So it holds no
    /// dollar sign.
    /// </summary>
    public static string EscapeComment(string comment)
    {
        var text = new StringBuilder();
        foreach (var c in comment)
        {
            if (c is '$' or '\\' or (>= '\uE000' and <= '\uF8FF') || !IsPrintable(c))
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                text.Append(c);
        }

        return text.ToString();
    }

    public static string UnescapeComment(string comment)
    {
        var text = new StringBuilder();
        for (var i = 0; i < comment.Length; i++)
        {
            if (
                comment[i] == '\\'
                && i + 5 < comment.Length
                && comment[i + 1] == 'u'
                && ushort.TryParse(
                    comment.AsSpan(i + 2, 4),
                    NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture,
                    out var code
                )
            )
            {
                text.Append((char)code);
                i += 5;
            }
            else
            {
                text.Append(comment[i]);
            }
        }

        return text.ToString();
    }

    private void WriteMap(YamlMap map, int indent, bool firstKeyIsPlaced)
    {
        foreach (var (key, value) in map.Entries)
        {
            if (!firstKeyIsPlaced)
            {
                WriteComment(value.Comment, indent);
                _text.Append(' ', indent);
            }

            firstKeyIsPlaced = false;
            _text
                .Append(
                    key.Length > 0 && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? key : Quote(key)
                )
                .Append(':');
            switch (value)
            {
                case YamlScalar scalar:
                    WriteScalar(scalar, indent);
                    break;
                case YamlMap { Entries.Count: 0 }:
                    _text.Append(" {}\n");
                    break;
                case YamlMap child:
                    _text.Append('\n');
                    WriteMap(child, indent + 2, firstKeyIsPlaced: false);
                    break;
                case YamlList { Items.Count: 0 }:
                    _text.Append(" []\n");
                    break;
                case YamlList child:
                    _text.Append('\n');
                    WriteList(child, indent + 2);
                    break;
            }
        }
    }

    private void WriteList(YamlList list, int indent)
    {
        foreach (var item in list.Items)
        {
            WriteComment(item.Comment, indent);
            _text.Append(' ', indent).Append('-');
            switch (item)
            {
                case YamlScalar scalar:
                    WriteScalar(scalar, indent);
                    break;
                case YamlMap { Entries.Count: 0 }:
                    _text.Append(" {}\n");
                    break;
                case YamlMap child:
                    _text.Append(' ');
                    WriteMap(child, indent + 2, firstKeyIsPlaced: true);
                    break;
                case YamlList { Items.Count: 0 }:
                    _text.Append(" []\n");
                    break;
                case YamlList child:
                    _text.Append('\n');
                    WriteList(child, indent + 2);
                    break;
            }
        }
    }

    private void WriteComment(string? comment, int indent)
    {
        if (comment is not null)
            _text.Append(' ', indent).Append("# ").Append(EscapeComment(comment)).Append('\n');
    }

    private void WriteScalar(YamlScalar scalar, int indent)
    {
        var text = scalar.Text;
        var oneLine = !text.Contains('\n', StringComparison.Ordinal);
        switch (scalar.Style)
        {
            case YamlStyle.Plain when text.Length == 0:
                break;
            case YamlStyle.Plain when oneLine:
                _text.Append(' ').Append(EnvPlaceholders.ToFile(text));
                break;
            case YamlStyle.SingleQuoted when oneLine:
                _text
                    .Append(" '")
                    .Append(EnvPlaceholders.ToFile(text).Replace("'", "''", StringComparison.Ordinal))
                    .Append('\'');
                break;
            case YamlStyle.Block:
            case YamlStyle.Safe when EnvPlaceholders.HasVariables(text):
                WriteBlock(text, indent);
                break;
            default:
                _text.Append(' ').Append(Quote(text));
                break;
        }

        _text.Append('\n');
    }

    private void WriteBlock(string text, int indent)
    {
        var body = text.TrimEnd('\n');
        var breaks = text.Length - body.Length;
        _text
            .Append(" |2")
            .Append(
                breaks switch
                {
                    0 => "-",
                    1 => "",
                    _ => "+",
                }
            );
        foreach (var line in body.Split('\n'))
        {
            _text.Append('\n').Append(' ', indent + 2);
            _text.Append(
                EnvPlaceholders.ToFile(
                    line.Replace("$", EnvPlaceholders.Variable(EnvPlaceholders.DollarVariable), StringComparison.Ordinal)
                )
            );
        }

        for (var i = 1; i < breaks; i++)
            _text.Append('\n');
    }

    private static string Quote(string marked)
    {
        var text = new StringBuilder("\"");
        for (var i = 0; i < marked.Length; i++)
        {
            var c = marked[i];
            if (c is '"' or '\\')
                text.Append('\\').Append(c);
            else if (char.IsHighSurrogate(c) && i + 1 < marked.Length && char.IsLowSurrogate(marked[i + 1]))
                text.Append(c).Append(marked[++i]);
            else if (c == '$' || !IsPrintable(c))
                text.Append(CultureInfo.InvariantCulture, $"\\u" + $"{(int)c:x4}"); // An escaped dollar sign is not there when variables are expanded.
            else
                text.Append(c);
        }

        return EnvPlaceholders.ToFile(text.Append('"').ToString());
    }

    private static bool IsPrintable(char c) =>
        !char.IsControl(c)
        && c is not ('\u2028' or '\u2029' or '\uFEFF' or '\uFFFE' or '\uFFFF')
        && !char.IsSurrogate(c);
}
