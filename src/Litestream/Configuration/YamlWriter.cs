using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>
/// Writes nodes as YAML, the same text for the same nodes, so that the executable reads every value as it is meant: see
/// <see cref="YamlStyle.Safe"/>.
/// </summary>
internal sealed partial class YamlWriter
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
    public static string EscapeComment(string comment) =>
        string.Concat(
            comment.Select(c =>
                c is '$' or '\\' or (>= '\uE000' and <= '\uF8FF') || !IsPrintable(c) ? $"\\u{(int)c:x4}" : $"{c}"
            )
        );

    public static string UnescapeComment(string comment) =>
        Escape().Replace(comment, match => $"{(char)Convert.ToUInt16(match.Groups[1].Value, 16)}");

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
            var isPlain = key.Length > 0 && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
            _text.Append(isPlain ? key : Quote(key)).Append(':');
            WriteValue(value, indent, isItem: false);
        }
    }

    private void WriteValue(YamlNode value, int indent, bool isItem)
    {
        switch (value)
        {
            case YamlScalar scalar:
                WriteScalar(scalar, indent);
                break;
            case YamlMap { Entries.Count: 0 }:
                _text.Append(" {}\n");
                break;
            case YamlMap child:
                _text.Append(isItem ? ' ' : '\n');
                WriteMap(child, indent + 2, firstKeyIsPlaced: isItem);
                break;
            case YamlList { Items.Count: 0 }:
                _text.Append(" []\n");
                break;
            case YamlList child:
                _text.Append('\n');
                foreach (var item in child.Items)
                {
                    WriteComment(item.Comment, indent + 2);
                    _text.Append(' ', indent + 2).Append('-');
                    WriteValue(item, indent + 2, isItem: true);
                }

                break;
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
        var oneLine = !text.Contains('\n');
        switch (scalar.Style)
        {
            case YamlStyle.Plain when text.Length == 0:
                break;
            case YamlStyle.Plain when oneLine:
                _text.Append(' ').Append(EnvPlaceholders.ToFile(text));
                break;
            case YamlStyle.SingleQuoted when oneLine:
                _text.Append(" '").Append(EnvPlaceholders.ToFile(text).Replace("'", "''")).Append('\'');
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
        var dollar = EnvPlaceholders.Variable(EnvPlaceholders.DollarVariable);
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
            _text.Append(EnvPlaceholders.ToFile(line.Replace("$", dollar)));
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
                // An escaped dollar sign is not there when variables are expanded.
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                text.Append(c);
        }

        return EnvPlaceholders.ToFile(text.Append('"').ToString());
    }

    private static bool IsPrintable(char c) =>
        !char.IsControl(c)
        && c is not ('\u2028' or '\u2029' or '\uFEFF' or '\uFFFE' or '\uFFFF')
        && !char.IsSurrogate(c);

    [GeneratedRegex(@"\\u([0-9A-Fa-f]{4})")]
    private static partial Regex Escape();
}
