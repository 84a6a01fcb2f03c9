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
    private readonly HashSet<int> _continuations = [];

    private readonly ICollection<LitestreamDiagnostic>? _duplicates;

    private YamlReader(string file, string raw, bool expandVariables, ICollection<LitestreamDiagnostic>? duplicates)
    {
        _file = file;
        _duplicates = duplicates;
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

            // The executable's parser takes no tab for indentation where this one does. Inside a text that goes over several lines it is part of it.
            var tab = reader.IndentingTab(raw);
            return tab == 0 ? root : throw TabError(file, tab);
        }
        catch (YamlException e)
        {
            var tab = reader.IndentingTab(raw);
            throw tab > 0 ? TabError(file, tab) : new LitestreamException("LSB1010", $"This is not valid YAML. {Sentence(VariableText.Unmark(e.Message))}", file, (int)e.Start.Line, (int)e.Start.Column, e);
        }
    }

    /// <summary>The first line, counted from 1, that is indented with a tab; 0 when there is none.</summary>
    private int IndentingTab(string raw)
    {
        var lines = raw.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var text = lines[i].AsSpan().TrimStart();
            if (text.Length > 0 && lines[i].AsSpan(0, lines[i].Length - text.Length).Contains('\t') && !_continuations.Contains(i + 1))
                return i + 1;
        }

        return 0;
    }

    private static LitestreamException TabError(string file, int line) =>
        new("LSB1010", "This is not valid YAML: the line is indented with a tab; only spaces are allowed there.", file, line, 1);

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
            return _anchors.TryGetValue(alias.Value.Value, out var target) ? target.Clone() : throw Error($"`*{alias.Value}` refers to an anchor that is not there.", start);

        if (_parser.TryConsume<Scalar>(out var scalar))
        {
            for (var line = scalar.Start.Line + 1; line <= scalar.End.Line; line++)
                _continuations.Add((int)line);
            var node = new YamlScalar(scalar.Value, StyleOf(scalar)) { Line = (int)start.Line, Column = (int)start.Column };
            return Anchored(scalar, node);
        }

        if (_parser.TryConsume<SequenceStart>(out var sequence))
        {
            var list = new YamlList { Line = (int)start.Line, Column = (int)start.Column };
            while (!_parser.TryConsume<SequenceEnd>(out _))
                list.Items.Add(ReadNode(depth + 1));
            return Anchored(sequence, list);
        }

        var mapping = _parser.Consume<MappingStart>();
        return Anchored(mapping, ReadMap(start, depth));
    }

    private YamlMap ReadMap(Mark start, int depth)
    {
        var map = new YamlMap { Line = (int)start.Line, Column = (int)start.Column };
        var own = new HashSet<string>(StringComparer.Ordinal);
        while (!_parser.TryConsume<MappingEnd>(out _))
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

    [GeneratedRegex(@"^\(Line: .*?\) - \(Line: .*?\): ")]
    private static partial Regex PlacePrefix();
}
