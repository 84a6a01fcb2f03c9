using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Litestream.Configuration;

/// <summary>Reads a litestream.yml into nodes. Anchors and merge keys are resolved the way the executable's own parser does it.</summary>
internal sealed partial class YamlReader
{
    private readonly string _file;
    private readonly Parser _parser;
    private readonly Dictionary<string, YamlNode> _anchors = new(StringComparer.Ordinal);
    private readonly List<(int First, int Last, int Column)> _tabsAllowed = [];
    private readonly string[] _lines;
    private int _indent = -1;

    private readonly ICollection<LitestreamDiagnostic>? _duplicates;

    private YamlReader(string file, string raw, bool expandVariables, ICollection<LitestreamDiagnostic>? duplicates)
    {
        _file = file;
        _duplicates = duplicates;
        _lines = raw.Split('\n');
        _parser = new Parser(new Scanner(new StringReader(expandVariables ? VariableText.Mark(raw) : raw), skipComments: true));
    }

    /// <param name="file">For messages.</param>
    /// <param name="raw">The text.</param>
    /// <param name="expandVariables">Whether <c>$</c> begins a variable.</param>
    /// <param name="duplicates">Gets the keys that are there twice in one place, so that reading goes on; null: the first one is the exception.</param>
    /// <exception cref="LitestreamException">LSB1010.</exception>
    public static YamlMap Read(string file, string raw, bool expandVariables = true, ICollection<LitestreamDiagnostic>? duplicates = null)
    {
        var reader = new YamlReader(file, raw, expandVariables, duplicates);
        try
        {
            var root = reader.ReadDocument();

            // The executable's parser takes no tab for indentation where this one does.
            return reader.IndentingTab() is { } error ? throw error : root;
        }
        catch (YamlException e)
        {
            throw reader.IndentingTab() ?? new LitestreamException("LSB1010", $"This is not valid YAML. {Sentence(VariableText.Unmark(e.Message))}", file, (int)e.Start.Line, (int)e.Start.Column, e);
        }
    }

    /// <summary>The first tab before the text of a line, or on a line of its own, at which the executable's parser stops; null when there is none.</summary>
    private LitestreamException? IndentingTab()
    {
        for (var i = 0; i < _lines.Length; i++)
        {
            var allowed = _tabsAllowed.Where(a => a.First <= i + 1 && i + 1 <= a.Last).Select(a => (int?)a.Column).Max();
            var tab = allowed is null ? TabAfterDashes().Match(_lines[i]).Length - 1 : _lines[i].AsSpan(0, Indentation(_lines[i])).IndexOf('\t');
            if (tab >= 0 && tab < (allowed ?? int.MaxValue))
                return Error("This is not valid YAML: a tab stands where only spaces are allowed, before the text of the line or on a line of its own.", i + 1, tab + 1);
        }

        return null;
    }

    /// <summary>Spaces and tabs at the beginning of a line.</summary>
    private static int Indentation(string line)
    {
        var end = line.AsSpan().IndexOfAnyExcept(' ', '\t');
        return end < 0 ? line.Length : end;
    }

    private bool IsBlank(int line) => _lines[line - 1].AsSpan().IndexOfAnyExcept(" \t\r") < 0;

    /// <summary>In the lines after the first one of a text, tabs are part of it from some column on.</summary>
    private void AllowTabs(Scalar scalar)
    {
        var (first, last) = ((int)scalar.Start.Line + 1, (int)scalar.End.Line);
        if (scalar is { Style: ScalarStyle.Plain, Value.Length: 0 })
            return;

        switch (scalar.Style)
        {
            case ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted:
                _tabsAllowed.Add((first, last, 0));
                break;
            case ScalarStyle.Plain when _lines[last - 1].AsSpan(Math.Min((int)scalar.End.Column - 1, _lines[last - 1].Length)).IndexOfAnyExcept(" \t\r") >= 0:
                _tabsAllowed.Add((first, last, _indent + 1));
                break;
            case ScalarStyle.Plain:
                // The parser looks on until there is something that does not go on with it.
                for (last++; last < _lines.Length && IsBlank(last); last++)
                {
                }

                _tabsAllowed.Add((first, last, _indent + 1));
                break;
            default:
                var header = BlockHeader().Match(_lines[first - 2]);
                while (first < _lines.Length && !header.Groups[1].Success && IsBlank(first) && !_lines[first - 1].Contains('\t', StringComparison.Ordinal))
                    first++;
                var column = header.Groups[1].Success ? _indent + header.Groups[1].Value[0] - '0' : _lines.ElementAtOrDefault(first - 1)?.AsSpan().IndexOfAnyExcept(' ') ?? 0;

                // Without an indentation that is said, the first line tells it, with spaces alone.
                _tabsAllowed.Add((header.Groups[1].Success ? first : first + 1, (int)scalar.End.Line, column));
                break;
        }
    }

    private YamlMap ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out _))
            throw Error("The file is empty; it needs a list `dbs:` with a `path:` each.", 1, 1);

        var root = ReadNode(0);
        _parser.Consume<DocumentEnd>();
        if (_parser.TryConsume<DocumentStart>(out var second))
            throw Error("There is a second document (`---`), which Litestream would not read.", second.Start);

        return root as YamlMap ?? throw Error("The file must hold settings of the form `key: value`, first of all a list `dbs:`.", root.Line, root.Column);
    }

    private YamlNode ReadNode(int depth)
    {
        var start = _parser.Current?.Start ?? Mark.Empty;
        if (depth > 64)
            throw Error("The settings are nested too deeply.", start);

        if (_parser.TryConsume<AnchorAlias>(out var alias))
            return _anchors.TryGetValue(alias.Value.Value, out var target) ? target.Clone() : throw Error("A value that begins with `*` refers to an anchor, and there is none of that name. Put it into quotes if it is meant as it stands.", start);

        if (_parser.TryConsume<Scalar>(out var scalar))
        {
            AllowTabs(scalar);
            var node = new YamlScalar(scalar.Value, StyleOf(scalar)) { Line = (int)start.Line, Column = (int)start.Column };
            return Anchored(scalar, node);
        }

        if (_parser.TryConsume<SequenceStart>(out var sequence))
        {
            var list = new YamlList { Line = (int)start.Line, Column = (int)start.Column };
            var outer = Enter(sequence.Style == SequenceStyle.Flow, (int)(sequence.Anchor.IsEmpty && sequence.Tag.IsEmpty ? start.Column : _parser.Current!.Start.Column - 2));
            while (!_parser.Accept<SequenceEnd>(out _))
                list.Items.Add(ReadNode(depth + 1));
            Leave(sequence.Style == SequenceStyle.Flow, start, _parser.Consume<SequenceEnd>().End, outer);
            return Anchored(sequence, list);
        }

        var mapping = _parser.Consume<MappingStart>();
        return Anchored(mapping, ReadMap(mapping, start, depth));
    }

    /// <summary>How far a collection is indented; a flow collection (<c>{}</c>, <c>[]</c>) has no indentation of its own.</summary>
    /// <returns>What it was outside.</returns>
    private int Enter(bool flow, int column)
    {
        var outer = _indent;
        if (!flow)
            _indent = column - 1;
        return outer;
    }

    private void Leave(bool flow, Mark start, Mark end, int outer)
    {
        _indent = outer;
        if (flow)
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
            if (!_parser.TryConsume<Scalar>(out var key))
                throw Error("A setting's name must be plain text.", at);

            var name = VariableText.Unmark(key.Value);
            var value = ReadNode(depth + 1);
            if (name == "<<" && key.Style == ScalarStyle.Plain)
            {
                Merge(map, value, at);
                continue;
            }

            if (!own.Add(name))
            {
                var error = Error($"`{name}` is there twice in one place; only the last one would count.", at);
                if (_duplicates is null)
                    throw error;
                _duplicates.Add(error.Diagnostic);
            }

            map.Set(name, value, ((int)at.Line, (int)at.Column));
        }

        Leave(mapping.Style == MappingStyle.Flow, start, _parser.Consume<MappingEnd>().End, outer);
        return map;
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

    private YamlNode Anchored(NodeEvent source, YamlNode node)
    {
        if (!source.Anchor.IsEmpty)
        {
            _anchors[source.Anchor.Value] = node;
            node.IsAnchored = true;
        }

        return node;
    }

    private static YamlStyle StyleOf(Scalar scalar) => scalar.Style switch
    {
        ScalarStyle.SingleQuoted => YamlStyle.SingleQuoted,
        ScalarStyle.DoubleQuoted => YamlStyle.DoubleQuoted,
        ScalarStyle.Literal or ScalarStyle.Folded => YamlStyle.Block,
        _ when !scalar.Tag.IsEmpty && scalar.Tag.Value.EndsWith("str", StringComparison.Ordinal) => YamlStyle.DoubleQuoted,
        _ => YamlStyle.Plain,
    };

    private LitestreamException Error(string message, Mark at) => Error(message, (int)at.Line, (int)at.Column);

    private LitestreamException Error(string message, int line, int column) => new("LSB1010", message, _file, line, column);

    /// <summary>The parser puts the place in front of its message; the place is told in the diagnostic's own form.</summary>
    private static string Sentence(string message)
    {
        var text = PlacePrefix().Replace(message, "").Trim();
        return text.Length == 0 ? text : string.Create(CultureInfo.InvariantCulture, $"{char.ToUpperInvariant(text[0])}{text[1..].TrimEnd('.')}.");
    }

    [GeneratedRegex("^[ -]*\t")]
    private static partial Regex TabAfterDashes();

    [GeneratedRegex("[|>][-+]?([1-9])?[-+]?[ \t]*(?:#.*)?\r?$")]
    private static partial Regex BlockHeader();

    [GeneratedRegex(@"^\(Line: .*?\) - \(Line: .*?\): ")]
    private static partial Regex PlacePrefix();
}
