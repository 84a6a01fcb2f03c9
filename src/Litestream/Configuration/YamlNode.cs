namespace Litestream.Configuration;

/// <summary>A node of a litestream.yml. Scalars hold <see cref="EnvPlaceholders">marked text</see>.</summary>
internal abstract class YamlNode
{
    public int Line { get; init; }

    public int Column { get; init; }

    /// <summary>Written in the line above.</summary>
    public string? Comment { get; init; }

    /// <summary>The file gives it a name (<c>&amp;name</c>) to use it elsewhere.</summary>
    public bool IsAnchored { get; set; }

    /// <summary>The values in it, and in what is in it.</summary>
    public IEnumerable<YamlScalar> Scalars =>
        this switch
        {
            YamlScalar scalar => [scalar],
            YamlList list => list.Items.SelectMany(item => item.Scalars),
            YamlMap map => map.Entries.SelectMany(entry => entry.Value.Scalars),
            _ => [],
        };

    public abstract YamlNode Clone();

    public static implicit operator YamlNode(string text) => new YamlScalar(text);
}

internal enum YamlStyle
{
    /// <summary>
    /// Double quotes; a literal block when there are variables in it, which any value but a line break survives.
    /// </summary>
    Safe,
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Block,
}

internal sealed class YamlScalar(string text, YamlStyle style = YamlStyle.Safe) : YamlNode
{
    public string Text { get; } = text;

    public YamlStyle Style { get; } = style;

    public bool IsNull => Style == YamlStyle.Plain && Text is "" or "~" or "null" or "Null" or "NULL";

    /// <summary>Another text at the same place.</summary>
    public YamlScalar With(string other, YamlStyle otherStyle = YamlStyle.Safe) =>
        new(other, otherStyle)
        {
            Line = Line,
            Column = Column,
            Comment = Comment,
        };

    public override YamlNode Clone() => With(Text, Style);
}

internal sealed class YamlList : YamlNode
{
    public List<YamlNode> Items { get; init; } = [];

    public override YamlNode Clone() =>
        new YamlList
        {
            Items = [.. Items.Select(i => i.Clone())],
            Line = Line,
            Column = Column,
            Comment = Comment,
        };
}

internal sealed class YamlMap : YamlNode
{
    private readonly List<KeyValuePair<string, YamlNode>> _entries = [];
    private readonly Dictionary<string, int> _index = new();
    private readonly Dictionary<string, (int Line, int Column)> _places = new();

    public IReadOnlyList<KeyValuePair<string, YamlNode>> Entries => _entries;

    public YamlNode? this[string key]
    {
        get => _index.TryGetValue(key, out var at) ? _entries[at].Value : null;
        set
        {
            if (_index.TryAdd(key, _entries.Count))
                _entries.Add(new(key, value!));
            else
                _entries[_index[key]] = new(key, value!);
        }
    }

    /// <summary>Line and column of the key itself; those of the mapping when it was not read from a file.</summary>
    public (int Line, int Column) PlaceOf(string key) => _places.GetValueOrDefault(key, (Line, Column));

    /// <summary>Sets a key together with its place in the file.</summary>
    public void Set(string key, YamlNode value, (int Line, int Column) place)
    {
        this[key] = value;
        _places[key] = place;
    }

    public bool Has(string key) => _index.ContainsKey(key);

    public void Remove(string key)
    {
        if (!_index.Remove(key, out var at))
            return;
        _entries.RemoveAt(at);
        for (; at < _entries.Count; at++)
            _index[_entries[at].Key] = at;
    }

    /// <summary>The value of a key, null when it has none or an empty one.</summary>
    public YamlNode? Given(string key) =>
        this[key] is var value and not (YamlScalar { IsNull: true } or YamlScalar { Text.Length: 0 }) ? value : null;

    /// <summary>The marked text of a scalar, "" when there is none.</summary>
    public string Text(string key) => this[key] is YamlScalar { IsNull: false } scalar ? scalar.Text : "";

    /// <summary>The mappings in the list of a key; none when it has no list.</summary>
    public IEnumerable<YamlMap> Maps(string key) => (this[key] as YamlList)?.Items.OfType<YamlMap>() ?? [];

    public override YamlNode Clone()
    {
        var clone = new YamlMap
        {
            Line = Line,
            Column = Column,
            Comment = Comment,
        };
        foreach (var (key, value) in _entries)
            clone.Set(key, value.Clone(), PlaceOf(key));
        return clone;
    }
}
