using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>What the steps share that make an effective configuration: the options, the file, the variables, what the
/// user should know.</summary>
internal sealed class EffectiveConfigContext
{
    public EffectiveConfigContext(
        EffectiveConfigOptions options,
        IReadOnlyList<ConfigDialect> dialects,
        LitestreamConfigFile file,
        IEnumerable<LitestreamDiagnostic> findings
    )
    {
        (Options, Dialects, File, Diagnostics) = (options, dialects, file, [.. findings]);

        // What counts here and is not this process's own, the executable would not see.
        Variables = options
            .Environment.Where(variable => Environment.GetEnvironmentVariable(variable.Key) != variable.Value)
            .ToDictionary();
        foreach (var (setting, variable) in EffectiveConfig.SettingVariables)
        {
            if (
                options.GetSetting(setting) is { Length: > 0 } value
                && string.IsNullOrEmpty(options.Environment.GetValueOrDefault(variable))
            )
            {
                Variables[variable] = value;
            }
        }
    }

    public EffectiveConfigOptions Options { get; }

    /// <summary>That of the executable, then those of the other release lines.</summary>
    public IReadOnlyList<ConfigDialect> Dialects { get; }

    public LitestreamConfigFile File { get; }

    public List<LitestreamDiagnostic> Diagnostics { get; }

    /// <summary>What the child gets on top of the inherited environment.</summary>
    public Dictionary<string, string> Variables { get; }

    public string? Lookup(string name) =>
        Variables.GetValueOrDefault(name)
        ?? Options.Variable(name)
        ?? (name == EnvPlaceholders.DollarVariable ? "$" : null);

    public string Expand(string marked) => EnvPlaceholders.Expand(marked, Lookup);

    /// <summary>The variables without a value, for a message; null when all have one.</summary>
    public string? Missing(string marked) =>
        Join(EnvPlaceholders.Names(marked).Where(name => string.IsNullOrEmpty(Lookup(name))).Distinct());

    public static string? Join(IEnumerable<string> names) =>
        string.Join(", ", names.Select(EnvPlaceholders.Shown)) is { Length: > 0 } text ? text : null;

    public LitestreamException Error(string code, string message, YamlNode at) =>
        new(code, EnvPlaceholders.Unmark(message), File.Path, at.Line, at.Column);

    public void Report(string code, LitestreamSeverity severity, string message, YamlNode at) =>
        Diagnostics.Add(new(code, severity, message, File.Path, at.Line, at.Column));

    /// <summary>A path of a file of the user's own, where the executable expands <c>~/</c>.</summary>
    public string ExpandHome(string path) =>
        !File.IsGenerated && path.StartsWith("~/", StringComparison.Ordinal) && Lookup("HOME") is { Length: > 0 } home
            ? home + path[1..]
            : path;

    /// <summary>A folder as the executable would find it from the app's folder.</summary>
    public string Absolute(string folder) =>
        Path.GetFullPath(ExpandHome(folder), Path.GetFullPath(Options.BaseDirectory));
}
