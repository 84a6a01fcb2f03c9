using System.Globalization;
using System.Text.RegularExpressions;
using Litestream.Diagnostics;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Litestream.Configuration;

/// <summary>
/// Reads a litestream.yml into nodes. Anchors and merge keys are resolved the way the executable's own parser does it.
/// </summary>
internal sealed partial class YamlReader
{
    private readonly string _file;
    private readonly Parser _parser;
    private readonly Dictionary<string, (YamlNode Node, int Size)> _anchors = new(StringComparer.Ordinal);
    private readonly List<(int First, int Last, int Column)> _tabsAllowed = [];
    private readonly string _raw;
    private readonly string[] _lines;
    private int _end = int.MaxValue;
    private int _indent = -1;
    private int _nodes;
    private int _flow;

    private readonly ICollection<LitestreamDiagnostic>? _duplicates;

    private YamlReader(string file, string raw, bool expandVariables, ICollection<LitestreamDiagnostic>? duplicates)
    {
        _file = file;
        _duplicates = duplicates;
        _raw = raw;
        _lines = ConfigText.Lines(raw);
        _parser = new Parser(
            new Scanner(new StringReader(expandVariables ? EnvPlaceholders.Mark(raw) : raw), skipComments: true)
        );
    }

    /// <param name="file">For messages.</param>
    /// <param name="raw">The text.</param>
    /// <param name="expandVariables">Whether <c>$</c> begins a variable.</param>
    /// <param name="duplicates">Gets the keys that are there twice in one place, so that reading goes on; null: the
    /// first one is the exception.</param>
    /// <exception cref="LitestreamException">LSB1010.</exception>
    public static YamlMap Read(
        string file,
        string raw,
        bool expandVariables = true,
        ICollection<LitestreamDiagnostic>? duplicates = null
    )
    {
        ConfigText.Check(file, raw);

        // Our parser would never come to an end.
        if (EndAtBegin().Match(raw) is { Success: true } end)
            throw new LitestreamException(
                "LSB1010",
                "The file begins with the end of a document (`...`), and Litestream would not start. Remove that line.",
                file,
                ConfigText.Place(raw, end.Groups[1].Index).Line,
                1
            );
        for (var rewritten = 0; ; rewritten++)
        {
            var found = duplicates is null ? null : new List<LitestreamDiagnostic>();
            try
            {
                var root = new YamlReader(file, raw, expandVariables, found).Read();
                found?.ForEach(duplicates!.Add);
                return root;
            }
            catch (LitestreamException e)
            {
                if (
                    rewritten < YamlRewrite.AtMost
                    && e.InnerException is { } stopped
                    && YamlRewrite.Of(raw, stopped) is { } text
                )
                {
                    raw = text;
                    continue;
                }

                found?.ForEach(duplicates!.Add);
                throw;
            }
        }
    }

    private YamlMap Read()
    {
        try
        {
            var root = ReadDocument();

            // The executable's parser takes no tab for indentation where this one does.
            return IndentingTab() is { } error ? throw error : root;
        }
        catch (YamlException e)
        {
            var message = $"This is not valid YAML. {Sentence(EnvPlaceholders.Unmark(e.Message))}";
            throw new LitestreamException((IndentingTab() ?? Error(message, e.Start)).Diagnostic, e);
        }
        catch (Exception e) when (e is not LitestreamException)
        {
            // The parser ends with an exception of another kind at some texts, an unclosed `[` for example.
            var message =
                "This is not valid YAML. Perhaps a `[`, a `{` or a quotation mark before or in this line is "
                + "not closed.";
            throw new LitestreamException(
                (IndentingTab() ?? Error(message, _parser.Current?.Start ?? Mark.Empty)).Diagnostic,
                e
            );
        }
    }

    /// <summary>
    /// The first tab before the text of a line, or on a line of its own, at which the executable's parser stops; null
    /// when there is none.
    /// </summary>
    private LitestreamException? IndentingTab()
    {
        var columns = new int?[_lines.Length];
        foreach (var (first, last, column) in _tabsAllowed)
        {
            for (var i = Math.Max(first, 1); i <= Math.Min(last, _lines.Length); i++)
                columns[i - 1] = Math.Max(columns[i - 1] ?? column, column);
        }

        for (var i = 0; i < Math.Min(_lines.Length, _end); i++)
        {
            var allowed = columns[i];
            var tab = allowed is null
                ? TabAfterDashes().Match(_lines[i]).Length - 1
                : _lines[i].AsSpan(0, Indentation(_lines[i])).IndexOf('\t');
            if (tab >= 0 && tab < (allowed ?? int.MaxValue))
                return Error(
                    "This is not valid YAML: a tab stands where only spaces are allowed, before the text of the "
                        + "line or on a line of its own.",
                    i + 1,
                    tab + 1
                );
        }

        return null;
    }

    /// <summary>Spaces and tabs at the beginning of a line.</summary>
    private static int Indentation(string line)
    {
        var end = line.AsSpan().IndexOfAnyExcept(' ', '\t');
        return end < 0 ? line.Length : end;
    }

    private string LineAt(int line) => line >= 1 && line <= _lines.Length ? _lines[line - 1] : "";

    private bool IsBlank(int line) => LineAt(line).AsSpan().IndexOfAnyExcept(" \t\r") < 0;

    /// <summary>In the lines after the first one of a text, tabs are part of it from some column on.</summary>
    private void AllowTabs(Scalar scalar)
    {
        var (first, last) = (FirstLine(scalar) + 1, (int)scalar.End.Line);
        if (scalar is { Style: ScalarStyle.Plain, Value.Length: 0 })
            return;

        switch (scalar.Style)
        {
            case ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted:
                _tabsAllowed.Add((first, last, 0));
                break;
            case ScalarStyle.Plain
                when LineAt(last)
                    .AsSpan(Math.Min((int)scalar.End.Column - 1, LineAt(last).Length))
                    .IndexOfAnyExcept(" \t\r") >= 0:
                _tabsAllowed.Add((first, last, _indent + 1));
                break;
            case ScalarStyle.Plain:
                // The parser looks on until there is something that does not go on with it.
                for (last++; last < _lines.Length && IsBlank(last); last++) { }

                _tabsAllowed.Add((first, last, _indent + 1));
                break;
            default:
                var header = BlockHeader().Match(LineAt(first - 1));
                while (
                    first < _lines.Length
                    && !header.Groups[1].Success
                    && IsBlank(first)
                    && !LineAt(first).Contains('\t', StringComparison.Ordinal)
                )
                    first++;
                var column = header.Groups[1].Success
                    ? _indent + header.Groups[1].Value[0] - '0'
                    : LineAt(first).AsSpan().IndexOfAnyExcept(' ');

                // Without an indentation that is said, the first line tells it, with spaces alone.
                _tabsAllowed.Add((header.Groups[1].Success ? first : first + 1, (int)scalar.End.Line, column));
                break;
        }
    }

    /// <summary>The line that a text begins in, behind its tag and its anchor.</summary>
    private int FirstLine(Scalar scalar)
    {
        var before =
            scalar.Anchor.IsEmpty && scalar.Tag.IsEmpty
                ? ""
                : Properties().Match(_raw, Math.Min((int)scalar.Start.Index, _raw.Length)).Value;
        return (int)scalar.Start.Line + ConfigText.Lines(before).Length - 1;
    }

    private YamlMap ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out var begin))
            throw Error("The file is empty; it needs a list `dbs:` with a `path:` each.", 1, 1);
        CheckDirectives(begin);

        var root = ReadNode(0);
        var end = _parser.Consume<DocumentEnd>();
        if (!end.IsImplicit)
            _end = (int)end.Start.Line;
        if (_parser.TryConsume<DocumentStart>(out var second))
            throw Error("There is a second document (`---`), which Litestream would not read.", second.Start);

        return root as YamlMap
            ?? throw Error(
                "The file must hold settings of the form `key: value`, first of all a list `dbs:`.",
                root.Line,
                root.Column
            );
    }

    /// <summary>The executable's parser knows <c>%YAML 1.1</c> and <c>%TAG</c>, and refuses all others.</summary>
    private void CheckDirectives(DocumentStart begin)
    {
        if (begin.Version is { } version && version.Version is not { Major: 1, Minor: 1 })
            throw Error(
                "Litestream reads YAML 1.1 and refuses a file that says `%YAML` with another version. Remove "
                    + "that line.",
                version.Start
            );

        for (var i = 0; i < _lines.Length && i + 1 < begin.Start.Line; i++)
        {
            if (_lines[i].StartsWith('%') && !KnownDirective().IsMatch(_lines[i]))
                throw Error(
                    "Litestream does not know what this line, which begins with `%`, says, and would not start. "
                        + "Remove it.",
                    i + 1,
                    1
                );
        }
    }

    /// <summary>One more node, or as many as an alias stands for: aliases of aliases could become more than any memory
    /// holds.</summary>
    private void Count(int nodes, Mark at)
    {
        _nodes += nodes;
        if (_nodes > 200_000)
            throw Error("The file, with what its aliases (`*`) stand for, has too many settings.", at);
    }

    private YamlNode Alias(AnchorAlias alias, Mark start)
    {
        if (!_anchors.TryGetValue(alias.Value.Value, out var target))
            throw Error(
                "A value that begins with `*` refers to an anchor, and there is none of that name. Put it into "
                    + "quotes if it is meant as it stands.",
                start
            );
        Count(target.Size, start);
        return target.Node.Clone();
    }

    private YamlNode ReadNode(int depth)
    {
        var start = _parser.Current?.Start ?? Mark.Empty;
        if (depth > 64)
            throw Error("The settings are nested too deeply.", start);

        Count(1, start);
        var before = _nodes;
        if (_parser.TryConsume<AnchorAlias>(out var alias))
            return Alias(alias, start);

        if (_parser.TryConsume<Scalar>(out var scalar))
        {
            AllowTabs(scalar);
            CheckText(scalar);
            return Anchored(scalar, Untagged(scalar, start), before);
        }

        if (_parser.TryConsume<SequenceStart>(out var sequence))
        {
            var list = new YamlList { Line = (int)start.Line, Column = (int)start.Column };
            var outer = Enter(
                sequence.Style == SequenceStyle.Flow,
                (int)(
                    sequence.Anchor.IsEmpty && sequence.Tag.IsEmpty ? start.Column : _parser.Current!.Start.Column - 2
                )
            );
            while (!_parser.Accept<SequenceEnd>(out _))
                list.Items.Add(ReadNode(depth + 1));
            Leave(sequence.Style == SequenceStyle.Flow, start, _parser.Consume<SequenceEnd>().End, outer);
            return Anchored(sequence, list, before);
        }

        var mapping = _parser.Consume<MappingStart>();
        return Anchored(mapping, ReadMap(mapping, start, depth), before);
    }

    /// <summary>
    /// How far a collection is indented; a flow collection (<c>{}</c>, <c>[]</c>) has no indentation of its own.
    /// </summary>
    /// <returns>What it was outside.</returns>
    private int Enter(bool flow, int column)
    {
        var outer = _indent;
        if (flow)
            _flow++;
        else
            _indent = column - 1;
        return outer;
    }

    private void Leave(bool flow, Mark start, Mark end, int outer)
    {
        _indent = outer;
        if (!flow)
            return;

        _flow--;
        _tabsAllowed.Add(((int)start.Line + 1, (int)end.Line, 0));
    }

    private YamlMap ReadMap(MappingStart mapping, Mark start, int depth)
    {
        var map = new YamlMap { Line = (int)start.Line, Column = (int)start.Column };
        var own = new HashSet<string>(StringComparer.Ordinal);
        var outer = Enter(mapping.Style == MappingStyle.Flow, (int)_parser.Current!.Start.Column);
        while (!_parser.Accept<MappingEnd>(out _))
        {
            var at = _parser.Current?.Start ?? start;
            if (ReadNode(depth + 1) is not YamlScalar key)
                throw Error("A setting's name must be plain text.", at);

            var name = key.IsNull ? "" : EnvPlaceholders.Unmark(key.Text);
            if (name == "<<" && key.Style == YamlStyle.Plain)
            {
                CheckMerge(at);
                var source = ReadNode(depth + 1);
                foreach (var covered in own.Where(one => Brings(source, one)))
                    Duplicate(
                        $"`{covered}` stands before `<<`, which has a value for it that would win. Put `<<` first.",
                        at
                    );
                Merge(map, source, at);
                continue;
            }

            var value = ReadNode(depth + 1);

            if (!own.Add(name))
                Duplicate($"`{name}` is there twice in one place; only the last one would count.", at);

            map.Set(name, value, ((int)at.Line, (int)at.Column));
        }

        Leave(mapping.Style == MappingStyle.Flow, start, _parser.Consume<MappingEnd>().End, outer);
        return map;
    }

    private void Duplicate(string message, Mark at)
    {
        var error = Error(message, at);
        if (_duplicates is null)
            throw error;
        _duplicates.Add(error.Diagnostic);
    }

    /// <summary>Whether a mapping, or one of a list, has a key.</summary>
    private static bool Brings(YamlNode source, string key) =>
        source switch
        {
            YamlMap map => map.Has(key),
            YamlList list => list.Items.Exists(item => Brings(item, key)),
            _ => false,
        };

    /// <summary>A list of mappings has to stand there itself: the executable takes no alias of one.</summary>
    private void CheckMerge(Mark at)
    {
        if (
            _parser.Accept<AnchorAlias>(out var alias)
            && _anchors.TryGetValue(alias.Value.Value, out var target)
            && target.Node is YamlList
        )
            throw Error("`<<` takes a mapping or a list of mappings, and Litestream takes no alias of a list.", at);
    }

    private void Merge(YamlMap map, YamlNode source, Mark at)
    {
        switch (source)
        {
            case YamlMap other:
                foreach (var (key, value) in other.Entries)
                    map.Set(key, value, other.PlaceOf(key));
                break;
            case YamlList list:
                // The first one wins.
                foreach (var item in Enumerable.Reverse(list.Items))
                    Merge(map, item, at);
                break;
            default:
                throw Error("`<<` takes a mapping or a list of mappings.", at);
        }
    }

    /// <summary>What YAML 1.2 takes in a text, and 1.1 does not.</summary>
    private void CheckText(Scalar scalar)
    {
        if (scalar.Style == ScalarStyle.Plain && _flow > 0 && scalar.Value.StartsWith(':'))
            throw Error(
                "Between `{` and `}`, or `[` and `]`, Litestream's parser takes a `:` before a text for the "
                    + "beginning of a value. Put the text into quotes.",
                scalar.Start
            );
        if (scalar.Style == ScalarStyle.Plain && _flow > 0 && scalar.Value.Contains('?', StringComparison.Ordinal))
            throw Error(
                "Between `{` and `}`, or `[` and `]`, Litestream's parser takes `?` for the end of a text. Put the "
                    + "text into quotes.",
                scalar.Start
            );

        var (start, end) = ((int)scalar.Start.Index, Math.Min((int)scalar.End.Index, _raw.Length));
        if (scalar.Style == ScalarStyle.DoubleQuoted && start < end && EscapedSlash().IsMatch(_raw[start..end]))
            throw Error(
                "Litestream's parser does not know the escape `\\/`. Write `/` alone, or use single quotes.",
                scalar.Start
            );
    }

    /// <summary>A scalar whose tag, if it has one, is applied.</summary>
    private YamlScalar Untagged(Scalar scalar, Mark start)
    {
        var (text, style) = (scalar.Value, StyleOf(scalar));
        if (!scalar.Tag.IsEmpty)
        {
            // What a variable will be is not known here.
            (text, style) = EnvPlaceholders.HasVariables(text)
                ? (text, scalar.Tag.Value == "tag:yaml.org,2002:str" ? YamlStyle.DoubleQuoted : style)
                : GoYaml.Untag(scalar.Tag.Value, text)
                    ?? throw Error(
                        $"This value is not what its tag (`!!`) says, and Litestream would not start. Write it "
                            + $"without the tag.",
                        start
                    );
        }

        // No file system and no storage takes it in a name, and nothing else is longer because of it.
        if (text.Contains('\0', StringComparison.Ordinal))
            throw Error("A null character stands in this value (`\\0`). Remove it.", start);

        return new YamlScalar(text, style) { Line = (int)start.Line, Column = (int)start.Column };
    }

    private YamlNode Anchored(NodeEvent source, YamlNode node, int before)
    {
        if (!source.Anchor.IsEmpty)
        {
            _anchors[source.Anchor.Value] = (node, _nodes - before + 1);
            node.IsAnchored = true;
        }

        return node;
    }

    private static YamlStyle StyleOf(Scalar scalar) =>
        scalar.Style switch
        {
            ScalarStyle.SingleQuoted => YamlStyle.SingleQuoted,
            ScalarStyle.DoubleQuoted => YamlStyle.DoubleQuoted,
            ScalarStyle.Literal or ScalarStyle.Folded => YamlStyle.Block,
            _ => YamlStyle.Plain,
        };

    private LitestreamException Error(string message, Mark at) => Error(message, (int)at.Line, (int)at.Column);

    private LitestreamException Error(string message, int line, int column) =>
        new("LSB1010", message, _file, line, column);

    /// <summary>
    /// The parser puts the place in front of its message; the place is told in the diagnostic's own form.
    /// </summary>
    private static string Sentence(string message)
    {
        var text = PlacePrefix().Replace(message, "").Trim();
        return text.Length == 0
            ? text
            : string.Create(CultureInfo.InvariantCulture, $"{char.ToUpperInvariant(text[0])}{text[1..].TrimEnd('.')}.");
    }

    [GeneratedRegex(@"\G(?:[&!][^\s,\[\]{}]*(?>\s+(?:#[^\n\r\u0085\u2028\u2029]*)?)+)+")]
    private static partial Regex Properties();

    [GeneratedRegex(@"\A(?:[ \t]*(?:#.*)?[\n\r\u0085\u2028\u2029])*(\.\.\.)(?:\s|\z)")]
    private static partial Regex EndAtBegin();

    [GeneratedRegex("^(?!---[ \t])[ -]*\t")]
    private static partial Regex TabAfterDashes();

    [GeneratedRegex(@"(?<!\\)(\\\\)*\\/")]
    private static partial Regex EscapedSlash();

    [GeneratedRegex("^%(YAML|TAG)[ \t]")]
    private static partial Regex KnownDirective();

    [GeneratedRegex("[|>][-+]?([1-9])?[-+]?[ \t]*(?:#.*)?\r?$")]
    private static partial Regex BlockHeader();

    [GeneratedRegex(@"^\(Line: .*?\) - \(Line: .*?\): ")]
    private static partial Regex PlacePrefix();
}
