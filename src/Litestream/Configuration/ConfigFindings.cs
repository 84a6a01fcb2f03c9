using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>What the checks of one litestream.yml have in common: who reads it, the variables, the findings.</summary>
/// <param name="file">For messages.</param>
/// <param name="dialects">That of the executable which will read it, then those of the other lines.</param>
/// <param name="variable">The value of a variable, null or empty when it has none.</param>
internal sealed class ConfigFindings(
    string file,
    IReadOnlyList<ConfigDialect> dialects,
    Func<string, string?> variable
)
{
    /// <summary>What was found so far, in any order.</summary>
    public List<LitestreamDiagnostic> All { get; } = [];

    /// <summary>That of the executable.</summary>
    public ConfigDialect Dialect => dialects[0];

    /// <summary>Those of the other release lines.</summary>
    public IEnumerable<ConfigDialect> OtherDialects => dialects.Skip(1);

    /// <summary>What the executable is called in messages.</summary>
    public string Reader => Dialect.Reader;

    public void Fail(string code, YamlNode at, string message) => Fail(code, (at.Line, at.Column), message);

    public void Fail(string code, (int Line, int Column) at, string message) =>
        Add(code, LitestreamSeverity.Error, at, message);

    public void Warn(string code, YamlNode at, string message) => Warn(code, (at.Line, at.Column), message);

    public void Warn(string code, (int Line, int Column) at, string message) =>
        Add(code, LitestreamSeverity.Warning, at, message);

    /// <summary>A warning that is the same at each place: only the first is reported.</summary>
    public void WarnOnce(string code, (int Line, int Column) at, string message)
    {
        if (!All.Exists(one => one.Code == code && one.Message == message))
            Add(code, LitestreamSeverity.Warning, at, message);
    }

    /// <summary>
    /// What the executable will see; null when a variable in it has no value here. A URL is looked at with its
    /// variables.
    /// </summary>
    public string? Resolve(YamlScalar scalar) =>
        EnvPlaceholders.Names(scalar.Text).All(name => variable(name) is { Length: > 0 })
            ? ScalarText.Of(scalar, variable)
        : ReplicaIdentity.Scheme().IsMatch(scalar.Text) ? scalar.Text
        : null;

    /// <summary>The text where a variable without a value, which may become anything, is one letter.</summary>
    public string Expand(string marked) =>
        EnvPlaceholders.Expand(marked, name => variable(name) is { Length: > 0 } value ? value : "x");

    public ReplicaIdentity Identify(YamlMap replica) => ReplicaIdentity.AsFarAsKnown(replica, variable);

    /// <summary>Whether any release line reads a key of this name, wherever it stands.</summary>
    public bool IsKey(string name) => dialects.Any(dialect => dialect.Keys.Any(key => key.Name == name));

    /// <summary>Whether a key that is missing is there after all, misspelt: that is one mistake, not two.</summary>
    public bool IsMisspelt(YamlMap map, ConfigPlace place, string missing) =>
        map.Entries.Any(e =>
            dialects.All(dialect => dialect.Find(place, e.Key) is null) && NearestName.Of(e.Key, [missing]) is not null
        );

    /// <summary>A text of the file, as much of it as a message can hold.</summary>
    public static string Short(string text) => text.Length <= 40 ? text : text[..40] + "...";

    /// <summary>The end of a message about a word that is not known.</summary>
    public static string Choice(string text, IReadOnlyList<string> words) =>
        NearestName.Of(text, words) is { } near
            ? $"Did you mean `{near}`?"
            : $"Known values: {string.Join(", ", words)}.";

    private void Add(string code, LitestreamSeverity severity, (int Line, int Column) at, string message) =>
        All.Add(new(code, severity, EnvPlaceholders.Unmark(message), file, at.Line, at.Column));
}
