using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Litestream.Configuration;

/// <summary>The executable's parser takes no tab for indentation where YamlDotNet does.</summary>
internal sealed partial class YamlTabs(string raw)
{
    private readonly string[] _lines = ConfigText.Lines(raw);
    private readonly List<(int First, int Last, int Column)> _allowed = [];

    public IReadOnlyList<string> Lines => _lines;

    /// <summary>The line that ends the document with <c>...</c>; what follows is not read.</summary>
    public int End { get; set; } = int.MaxValue;

    /// <summary>Between the brackets of a flow collection tabs are white space.</summary>
    public void Allow(Mark start, Mark end) => _allowed.Add(((int)start.Line + 1, (int)end.Line, 0));

    /// <summary>In the lines after the first one of a text, tabs are part of it from some column on.</summary>
    /// <param name="scalar">The text.</param>
    /// <param name="indent">How far what is around it is indented.</param>
    public void Allow(Scalar scalar, int indent)
    {
        var (first, last) = (FirstLine(scalar) + 1, (int)scalar.End.Line);
        if (scalar is { Style: ScalarStyle.Plain, Value.Length: 0 })
            return;

        switch (scalar.Style)
        {
            case ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted:
                _allowed.Add((first, last, 0));
                break;
            case ScalarStyle.Plain:
                // The parser looks on until there is something that does not belong to it.
                if (IsBlank(LineAt(last).AsSpan(Math.Min((int)scalar.End.Column - 1, LineAt(last).Length))))
                {
                    for (last++; last < _lines.Length && IsBlank(LineAt(last)); last++) { }
                }

                _allowed.Add((first, last, indent + 1));
                break;
            default:
                var indicator = BlockHeader().Match(LineAt(first - 1)).Groups[1];
                if (indicator.Success)
                {
                    _allowed.Add((first, last, indent + indicator.Value[0] - '0'));
                    break;
                }

                // Without an indicator the first line has the indentation, in spaces alone.
                while (first < _lines.Length && IsBlank(LineAt(first)) && !LineAt(first).Contains('\t'))
                    first++;
                _allowed.Add((first + 1, last, LineAt(first).AsSpan().IndexOfAnyExcept(' ')));
                break;
        }
    }

    /// <summary>
    /// The first tab before the text of a line, or on a line of its own, at which the executable's parser stops; null
    /// when there is none.
    /// </summary>
    public (int Line, int Column)? First()
    {
        var columns = new int?[_lines.Length];
        foreach (var (first, last, column) in _allowed)
        {
            for (var i = Math.Max(first, 1); i <= Math.Min(last, _lines.Length); i++)
                columns[i - 1] = Math.Max(columns[i - 1] ?? column, column);
        }

        for (var i = 0; i < Math.Min(_lines.Length, End); i++)
        {
            var line = _lines[i];
            var tab = columns[i] is null
                ? AfterDashes().Match(line).Length - 1
                : line.AsSpan(0, line.Length - line.AsSpan().TrimStart(" \t").Length).IndexOf('\t');
            if (tab >= 0 && tab < (columns[i] ?? int.MaxValue))
                return (i + 1, tab + 1);
        }

        return null;
    }

    private string LineAt(int line) => line >= 1 && line <= _lines.Length ? _lines[line - 1] : "";

    private static bool IsBlank(ReadOnlySpan<char> text) => text.IndexOfAnyExcept(" \t\r") < 0;

    /// <summary>The line that a text begins in, behind its tag and its anchor.</summary>
    private int FirstLine(Scalar scalar)
    {
        var before =
            scalar.Anchor.IsEmpty && scalar.Tag.IsEmpty
                ? ""
                : Properties().Match(raw, Math.Min((int)scalar.Start.Index, raw.Length)).Value;
        return (int)scalar.Start.Line + ConfigText.Lines(before).Length - 1;
    }

    [GeneratedRegex(@"\G(?:[&!][^\s,\[\]{}]*(?>\s+(?:#[^\n\r\u0085\u2028\u2029]*)?)+)+")]
    private static partial Regex Properties();

    [GeneratedRegex("^(?!---[ \t])[ -]*\t")]
    private static partial Regex AfterDashes();

    [GeneratedRegex("[|>][-+]?([1-9])?[-+]?[ \t]*(?:#.*)?\r?$")]
    private static partial Regex BlockHeader();
}
