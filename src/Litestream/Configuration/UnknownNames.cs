using System.Text.RegularExpressions;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>
/// Names that nothing reads, wherever one can be misspelt: said with the name that was probably meant. Looks at names,
/// never at values that may be secret.
/// </summary>
internal static class UnknownNames
{
    private const string Unknown = "LSB1052";
    private const string Misspelt = "LSB1053";

    /// <summary>What the live configuration and the environment of an app have.</summary>
    /// <param name="options">Of the app.</param>
    /// <param name="isBuild">In a build a variable is a property too.</param>
    public static IEnumerable<LitestreamDiagnostic> Of(EffectiveConfigOptions options, bool isBuild)
    {
        string? text = null;
        try
        {
            text =
                options.ConfigText
                ?? (File.Exists(options.ConfigPath) ? PlainFile.ReadAllText(options.ConfigPath) : null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Whoever needs the file says so.
        }

        return OfSettings(options.Settings).Concat(OfVariables(options.Environment.Keys, isBuild, text));
    }

    /// <summary>LSB1052 for each setting that nothing reads, LSB1019 for a word that a setting does not take.</summary>
    /// <param name="settings">Settings with a value, of all sections; the value is looked at only where a setting takes
    /// one of a few words.</param>
    public static IEnumerable<LitestreamDiagnostic> OfSettings(IEnumerable<Setting> settings)
    {
        foreach (var setting in settings)
        {
            if (setting.Key.IndexOf(':', StringComparison.Ordinal) is not (> 0 and var end))
                continue;
            var (section, name) = (setting.Key[..end], setting.Key[(end + 1)..]);
            if (!section.Equals(SettingNames.Section, StringComparison.OrdinalIgnoreCase))
            {
                // A section of somebody else's, unless its name is ours with a typing mistake and what is in it is ours
                // too.
                if (
                    NearestName.Of(section, [SettingNames.Section]) is not null
                    && SettingNames.All.FirstOrDefault(known => Is(known, name)) is { } known
                )
                {
                    yield return Warning(
                        setting,
                        $"Nothing reads the section of '{setting.Key}', so the setting has no effect. "
                            + $"Did you mean '{SettingNames.Section}:{known.Name}'?"
                    );
                }
            }
            else if (!SettingNames.IsKnown(name))
            {
                // An empty section has an empty value.
                if (setting.Value.Length > 0 || !SettingNames.All.Any(known => IsIn(known, name)))
                {
                    yield return Warning(
                        setting,
                        $"'{setting.Key}' is not a setting of Litestream and has no effect. {Meant(name)}"
                    );
                }
            }
        }

        static bool Is(SettingName known, string name) => known.Name.Equals(name, StringComparison.OrdinalIgnoreCase);

        static bool IsIn(SettingName known, string section) =>
            known.Name.StartsWith(section + ":", StringComparison.OrdinalIgnoreCase);

        static string Meant(string name) =>
            SettingNames.Nearest(name) is { } nearest
                ? $"Did you mean '{SettingNames.Section}:{nearest}'?"
                : "Remove it, or correct its name: docs/hosting.md has all settings.";

        static LitestreamDiagnostic Warning(Setting setting, string message) =>
            new(Unknown, LitestreamSeverity.Warning, message, setting.File, setting.Line, setting.Column);
    }

    /// <summary>LSB1019 for each setting with a value that it does not take: the app would not start with
    /// it.</summary>
    /// <param name="settings">Settings with a value.</param>
    public static IEnumerable<LitestreamDiagnostic> OfValues(IEnumerable<Setting> settings)
    {
        foreach (var setting in settings)
        {
            if (
                setting.Value.Trim() is { Length: > 0 } value
                && SettingNames.All.FirstOrDefault(one => Is(one, setting))?.Refusal(value) is { } refusal
            )
            {
                yield return new(
                    "LSB1019",
                    LitestreamSeverity.Warning,
                    $"The setting {setting.Key} has the value '{value}', with which the app does not start; "
                        + $"it must be {refusal}",
                    setting.File,
                    setting.Line,
                    setting.Column
                );
            }
        }

        static bool Is(SettingName known, Setting setting) =>
            setting.Key.Equals($"{SettingNames.Section}:{known.Name}", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>
    /// LSB1053 for each variable whose name is like one that is read. A variable with a name of its own is none of our
    /// business.
    /// </summary>
    /// <param name="variables">The names of all variables.</param>
    /// <param name="isBuild">In a build a variable is a property too.</param>
    /// <param name="configText">The litestream.yml: what it uses is known.</param>
    public static IEnumerable<LitestreamDiagnostic> OfVariables(
        IEnumerable<string> variables,
        bool isBuild,
        string? configText
    ) =>
        variables
            .Select(variable => (Name: variable, Meant: EnvironmentNames.Meant(variable, isBuild)))
            .Where(variable => variable.Meant is not null && !IsUsed(variable.Name, configText))
            .OrderBy(variable => variable.Name, StringComparer.Ordinal)
            .Select(variable =>
                Misspelling(
                    $"Nothing reads the environment variable '{variable.Name}'. Did you mean '{variable.Meant}'?"
                )
            );

    /// <summary>LSB1053 for each name in a project file that none of the targets reads.</summary>
    /// <param name="files">Each file with its text.</param>
    public static IEnumerable<LitestreamDiagnostic> OfProject(IReadOnlyList<(string File, string Text)> files) =>
        ProjectNames
            .Unknown(files)
            .Select(name =>
                Misspelling(
                    name.Kind switch
                    {
                        ProjectNameKind.Property => $"'{name.Name}' is not a property of Litestream and has no "
                            + $"effect. {MeantProperty(name.Name)}",
                        ProjectNameKind.Item => $"'{name.Name}' is no item of Litestream, so it has no effect. "
                            + $"Did you mean '{PropertyNames.DatabaseItem}'?",
                        _ => $"{PropertyNames.DatabaseItem} has no metadata '{name.Name}', so it has no effect. "
                            + (
                                NearestName.Of(name.Name, PropertyNames.DatabaseMetadata) is { } nearest
                                    ? $"Did you mean '{nearest}'?"
                                    : $"It has {string.Join(" and ", PropertyNames.DatabaseMetadata)}."
                            ),
                    }
                ) with
                {
                    File = name.File,
                    Line = name.Line,
                    Column = name.Column,
                }
            );

    /// <summary>
    /// LSB1053 for metadata of items that came from elsewhere than the files that were looked at, where it is like one
    /// that is read.
    /// </summary>
    /// <param name="metadata">Names of custom metadata.</param>
    /// <param name="files">The files that were looked at: what is written there is said with its place.</param>
    public static IEnumerable<LitestreamDiagnostic> OfMetadata(
        IEnumerable<string> metadata,
        IReadOnlyList<(string File, string Text)> files
    ) =>
        metadata
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .Where(name => !PropertyNames.DatabaseMetadata.Contains(name, StringComparer.OrdinalIgnoreCase))
            .Where(name => !files.Any(file => file.Text.Contains(name, StringComparison.OrdinalIgnoreCase)))
            .Select(name => (Name: name, Meant: NearestName.Of(name, PropertyNames.DatabaseMetadata)))
            .Where(name => name.Meant is not null)
            .Select(name =>
                Misspelling(
                    $"{PropertyNames.DatabaseItem} has no metadata '{name.Name}', so it has no effect. "
                        + $"Did you mean '{name.Meant}'?"
                )
            );

    /// <summary>What was given on the command line of a build, or as a variable, and is no property.</summary>
    /// <param name="given">What the build was given.</param>
    public static IEnumerable<LitestreamDiagnostic> OfBuild(ExternalProperties given) =>
        given
            .Unknown()
            .Select(name =>
                Misspelling($"'{name}' is not a property of Litestream and has no effect. {MeantProperty(name)}")
            );

    /// <summary>
    /// LSB3019 for what is no property, LSB3020 for a property of another verb. An error wherever the verb would do
    /// something else than what was asked for.
    /// </summary>
    /// <param name="verb">The target.</param>
    /// <param name="given">What it was given.</param>
    /// <param name="files">The project's files with their text.</param>
    public static IEnumerable<LitestreamDiagnostic> OfVerb(
        string verb,
        ExternalProperties given,
        IReadOnlyList<(string File, string Text)> files
    )
    {
        foreach (var name in given.Unknown())
            yield return NoProperty(name);

        foreach (var name in ProjectNames.Unknown(files).Where(name => name.Kind == ProjectNameKind.Property))
        {
            if (PropertyNames.Nearest(name.Name) is { } nearest && PropertyNames.IsOfVerb(nearest))
                yield return NoProperty(name.Name) with
                {
                    File = name.File,
                    Line = name.Line,
                    Column = name.Column,
                };
        }

        var takes = PropertyNames.Verbs[verb];
        foreach (var name in given.OfVerbs().Where(name => !takes.Contains(name, StringComparer.OrdinalIgnoreCase)))
        {
            // What says which backup is restored, or that nothing is to be changed, must not be lost on a verb that
            // restores.
            var isDangerous =
                verb is "LitestreamPull" or "LitestreamDrill"
                && PropertyNames.Verbs["LitestreamRestore"].Contains(name, StringComparer.OrdinalIgnoreCase);
            yield return isDangerous
                ? new(
                    "LSB3020",
                    LitestreamSeverity.Error,
                    $"{verb} does not take {name}. Leave it out, or use LitestreamRestore. Nothing was started."
                )
                : new(
                    "LSB3020",
                    LitestreamSeverity.Warning,
                    $"{verb} does not take {name}: it has no effect on this target."
                );
        }
    }

    private static LitestreamDiagnostic Misspelling(string message) =>
        new(Misspelt, LitestreamSeverity.Warning, message);

    private static LitestreamDiagnostic NoProperty(string name) =>
        new(
            "LSB3019",
            LitestreamSeverity.Error,
            $"'{name}' is not a property of Litestream. {MeantProperty(name)} Nothing was started."
        );

    private static bool IsUsed(string variable, string? configText) =>
        configText is not null && Regex.IsMatch(configText, $@"\$\{{?{Regex.Escape(variable)}(?![A-Za-z0-9_])");

    private static string MeantProperty(string name) =>
        PropertyNames.Nearest(name) is { } nearest
            ? $"Did you mean '{nearest}'?"
            : "Remove it, or correct its name: README.md and docs/commands.md have all properties.";
}
