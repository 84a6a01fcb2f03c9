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
    private const string Ignored =
        "The YAML document ends before this place, and Litestream ignores the rest like a second document. Remove one "
        + "of the two.";

    private readonly string _file;
    private readonly Parser _parser;
    private readonly Dictionary<string, (YamlNode Node, int Size)> _anchors = new();
    private readonly ICollection<LitestreamDiagnostic>? _duplicates;
    private readonly string _raw;
    private readonly YamlTabs _tabs;
    private int _indent = -1;
    private int _nodes;
    private int _flow;
    private bool _hasRoot;

    private YamlReader(string file, string raw, bool expandVariables, ICollection<LitestreamDiagnostic>? duplicates)
    {
        _file = file;
        _duplicates = duplicates;
        _raw = raw;
        _tabs = new YamlTabs(raw);
        _parser = new Parser(
            new Scanner(new StringReader(expandVariables ? EnvPlaceholders.Mark(raw) : raw), skipComments: true)
        );
    }

    /// <param name="file">For messages.</param>
    /// <param name="raw">The text.</param>
    /// <param name="expandVariables">Whether <c>$</c> begins a variable.</param>
    /// <param name="duplicates">Gets the keys that are there twice in one place, so that reading continues; null: the
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
        {
            throw new LitestreamException(
                "LSB1010",
                "The file begins with the end of a document (`...`), so Litestream would not start. Remove that line.",
                file,
                ConfigText.Place(raw, end.Groups[1].Index).Line,
                1
            );
        }

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
            return IndentingTab() is { } error ? throw error : root;
        }
        catch (YamlException e)
        {
            var message =
                e.Message.Contains("<document end>") || (_hasRoot && e.Message.Contains("<document start>"))
                    ? Ignored
                    : $"This is not valid YAML. {Sentence(EnvPlaceholders.Unmark(e.Message))}";
            throw new LitestreamException((IndentingTab() ?? Error(message, e.Start)).Diagnostic, e);
        }
        catch (Exception e) when (e is not LitestreamException)
        {
            // The parser ends with an exception of another kind at some texts, an unclosed `[` for example.
            var error = Error(
                "This is not valid YAML. Perhaps a `[`, a `{` or a quotation mark here or before is not closed.",
                _parser.Current?.Start ?? Mark.Empty
            );
            throw new LitestreamException((IndentingTab() ?? error).Diagnostic, e);
        }
    }

    private LitestreamException? IndentingTab() =>
        _tabs.First() is var (line, column)
            ? Error(
                "This is not valid YAML: there is a tab where only spaces are allowed, before the text of the line or "
                    + "on a line of its own. Use spaces.",
                line,
                column
            )
            : null;

    private YamlMap ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out var begin))
            throw Error("The file is empty. Add a `dbs:` list in which each entry has a `path:`.", 1, 1);
        CheckDirectives(begin);

        var root = ReadNode(0);
        _hasRoot = true;
        var end = _parser.Consume<DocumentEnd>();
        if (!end.IsImplicit)
            _tabs.End = (int)end.Start.Line;
        if (_parser.TryConsume<DocumentStart>(out var second))
            throw Error(Ignored, second.Start);

        return root as YamlMap
            ?? throw Error(
                "The file must contain settings of the form `key: value`, above all a `dbs:` list.",
                root.Line,
                root.Column
            );
    }

    /// <summary>The executable's parser knows <c>%YAML 1.1</c> and <c>%TAG</c>, and refuses all others.</summary>
    private void CheckDirectives(DocumentStart begin)
    {
        if (begin.Version is { } version && version.Version is not { Major: 1, Minor: 1 })
        {
            throw Error(
                "Litestream reads YAML 1.1 and refuses a `%YAML` line with another version. Remove that line.",
                version.Start
            );
        }

        for (var i = 0; i < _tabs.Lines.Count && i + 1 < begin.Start.Line; i++)
        {
            if (_tabs.Lines[i].StartsWith('%') && !KnownDirective().IsMatch(_tabs.Lines[i]))
            {
                throw Error(
                    "Litestream does not know this line, which begins with `%`, and would not start. Remove it.",
                    i + 1,
                    1
                );
            }
        }
    }

    /// <summary>One more node, or as many as an alias stands for: aliases of aliases could become more than any memory
    /// holds.</summary>
    private void Count(int nodes, Mark at)
    {
        _nodes += nodes;
        if (_nodes > 200_000)
            throw Error("The file has too many settings once its aliases (`*`) are expanded.", at);
    }

    private YamlNode Alias(AnchorAlias alias, Mark start)
    {
        if (!_anchors.TryGetValue(alias.Value.Value, out var target))
        {
            throw Error(
                "This value begins with `*`, so it refers to an anchor, and no anchor has that name. If you mean the "
                    + "text itself, put it in quotes.",
                start
            );
        }

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
            _tabs.Allow(scalar, _indent);
            return Anchored(scalar, YamlScalarRules.Read(scalar, _raw, _flow > 0, Error), before);
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
        _tabs.Allow(start, end);
    }

    private YamlMap ReadMap(MappingStart mapping, Mark start, int depth)
    {
        var map = new YamlMap { Line = (int)start.Line, Column = (int)start.Column };
        var own = new HashSet<string>();
        var outer = Enter(mapping.Style == MappingStyle.Flow, (int)_parser.Current!.Start.Column);
        while (!_parser.Accept<MappingEnd>(out _))
        {
            var at = _parser.Current?.Start ?? start;
            var isEmpty = IsEmptyFlow();
            if (ReadNode(depth + 1) is not YamlScalar key)
            {
                throw Error(
                    // The executable's parser takes `{}` at the beginning for the whole document.
                    isEmpty && depth == 0 && mapping.Style == MappingStyle.Block && own.Count == 0
                        ? Ignored
                        : "The name of a setting must be plain text.",
                    at
                );
            }

            var name = key.IsNull ? "" : EnvPlaceholders.Unmark(key.Text);
            if (name == "<<" && key.Style == YamlStyle.Plain)
            {
                CheckMerge(at);
                var source = ReadNode(depth + 1);
                foreach (var covered in own.Where(one => Brings(source, one)))
                {
                    Duplicate(
                        $"`{covered}` comes before `<<`, and the value from `<<` would win. Put `<<` first.",
                        at
                    );
                }

                Merge(map, source, at);
                continue;
            }

            var value = ReadNode(depth + 1);

            if (!own.Add(name))
                Duplicate($"`{name}` is there twice; only the last value would count. Remove one of them.", at);

            map.Set(name, value, ((int)at.Line, (int)at.Column));
        }

        Leave(mapping.Style == MappingStyle.Flow, start, _parser.Consume<MappingEnd>().End, outer);
        return map;
    }

    /// <summary>Whether a flow mapping without a tag and an anchor is next, which is empty.</summary>
    private bool IsEmptyFlow() =>
        _parser.Accept<MappingStart>(out var next)
        && next is { Style: MappingStyle.Flow, Anchor.IsEmpty: true, Tag.IsEmpty: true }
        && EmptyFlow().IsMatch(_raw, Math.Min((int)next.Start.Index, _raw.Length));

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
        {
            throw Error("`<<` takes a mapping or a list of mappings; Litestream refuses an alias of a list.", at);
        }
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

    private YamlNode Anchored(NodeEvent source, YamlNode node, int before)
    {
        if (!source.Anchor.IsEmpty)
        {
            _anchors[source.Anchor.Value] = (node, _nodes - before + 1);
            node.IsAnchored = true;
        }

        return node;
    }

    private LitestreamException Error(string message, Mark at) => Error(message, (int)at.Line, (int)at.Column);

    private LitestreamException Error(string message, int line, int column) =>
        new("LSB1010", message, _file, line, column);

    /// <summary>The parser puts the place in front of its message; a diagnostic has it in its own form.</summary>
    private static string Sentence(string message)
    {
        var text = PlacePrefix().Replace(message, "").Trim();
        return text.Length == 0
            ? text
            : string.Create(CultureInfo.InvariantCulture, $"{char.ToUpperInvariant(text[0])}{text[1..].TrimEnd('.')}.");
    }

    [GeneratedRegex(@"\G\{(?:\s|#[^\n\r\u0085\u2028\u2029]*)*\}")]
    private static partial Regex EmptyFlow();

    [GeneratedRegex(@"\A(?:[ \t]*(?:#.*)?[\n\r\u0085\u2028\u2029])*(\.\.\.)(?:\s|\z)")]
    private static partial Regex EndAtBegin();

    [GeneratedRegex("^%(YAML|TAG)[ \t]")]
    private static partial Regex KnownDirective();

    [GeneratedRegex(@"^\(Line: .*?\) - \(Line: .*?\): ")]
    private static partial Regex PlacePrefix();
}
