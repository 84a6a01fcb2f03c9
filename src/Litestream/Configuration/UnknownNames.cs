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
    /// <summary>What the live configuration and the environment of an app have.</summary>
    /// <param name="options">Of the app.</param>
    /// <param name="isBuild">In a build a variable is a property too.</param>
    public static IEnumerable<LitestreamDiagnostic> Of(EffectiveConfigOptions options, bool isBuild)
    {
        string? text = null;
        try
        {
            text = options.ConfigText
                ?? (File.Exists(options.ConfigPath) ? PlainFile.ReadAllText(options.ConfigPath) : null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Whoever needs the file says so.
        }

        return OfSettings(options.Settings).Concat(OfVariables(options.Environment.Keys, isBuild, text));
    }

    /// <summary>LSB1052 for each setting that nothing reads.</summary>
    /// <param name="settings">Settings with a value, of all sections; the value is not looked at.</param>
    public static IEnumerable<LitestreamDiagnostic> OfSettings(IEnumerable<Setting> settings)
    {
        foreach (var setting in settings)
        {
            if (setting.Key.Split(':', 2) is not [{ Length: > 0 } section, var name])
                continue;
            string? message = null;
            if (!section.Equals(SettingNames.Section, StringComparison.OrdinalIgnoreCase))
            {
                // A section of somebody else's, unless its name is ours with a typing mistake and what is in it is ours
                // too.
                if (NearestName.Of(section, [SettingNames.Section]) is not null && SettingNames.Find(name) is { } meant)
                    message =
                        $"Nothing reads the section of '{setting.Key}', so the setting has no effect. Did you mean "
                        + $"'{SettingNames.Section}:{meant.Name}'?";
            }
            else if (
                !SettingNames.IsKnown(name)
                && (
                    // An empty section has an empty value.
                    setting.Value.Length > 0
                    || !SettingNames.All.Any(known =>
                        known.Name.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)
                    )
                )
            )
            {
                message =
                    $"'{setting.Key}' is not a setting of Litestream and has no effect. "
                    + (
                        SettingNames.Nearest(name) is { } nearest
                            ? $"Did you mean '{SettingNames.Section}:{nearest}'?"
                            : "Remove it, or correct its name: docs/hosting.md has all settings."
                    );
            }

            if (message is not null)
                yield return Warning("LSB1052", message, setting);
        }
    }

    /// <summary>LSB1019 for each setting with a value that it does not take: the app would not start with
    /// it.</summary>
    /// <param name="settings">Settings with a value.</param>
    public static IEnumerable<LitestreamDiagnostic> OfValues(IEnumerable<Setting> settings) =>
        from setting in settings
        let value = setting.Value.Trim()
        where value.Length > 0 && setting.Key.StartsWith(SettingNames.Section + ":", StringComparison.OrdinalIgnoreCase)
        let refusal = SettingNames.Find(setting.Key[(SettingNames.Section.Length + 1)..])?.Refusal(value)
        where refusal is not null
        select Warning(
            "LSB1019",
            $"The setting {setting.Key} has the value '{value}', with which the app does not start; it must be "
                + refusal,
            setting
        );

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
                At(
                    name,
                    Misspelling(
                        name.Kind switch
                        {
                            ProjectNameKind.Property => NoProperty(name.Name),
                            ProjectNameKind.Item => $"Litestream has no item '{name.Name}', so it has no effect. Did "
                                + $"you mean '{PropertyNames.DatabaseItem}'?",
                            _ => NoMetadata(name.Name)
                                + (
                                    NearestName.Of(name.Name, PropertyNames.DatabaseMetadata) is { } nearest
                                        ? $"Did you mean '{nearest}'?"
                                        : $"It has {string.Join(" and ", PropertyNames.DatabaseMetadata)}."
                                ),
                        }
                    )
                )
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
            .Select(name => Misspelling($"{NoMetadata(name.Name)}Did you mean '{name.Meant}'?"));

    /// <summary>What was given on the command line of a build, or as a variable, and is no property.</summary>
    /// <param name="given">What the build was given.</param>
    public static IEnumerable<LitestreamDiagnostic> OfBuild(ExternalProperties given) =>
        given.Unknown().Select(name => Misspelling(NoProperty(name)));

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
            yield return Refused(name);

        foreach (var name in ProjectNames.Unknown(files).Where(name => name.Kind == ProjectNameKind.Property))
        {
            if (PropertyNames.Nearest(name.Name) is { } nearest && PropertyNames.IsOfVerb(nearest))
                yield return At(name, Refused(name.Name));
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

    private static LitestreamDiagnostic Warning(string code, string message, Setting at) =>
        new(code, LitestreamSeverity.Warning, message, at.File, at.Line, at.Column);

    private static LitestreamDiagnostic Misspelling(string message) =>
        new("LSB1053", LitestreamSeverity.Warning, message);

    private static LitestreamDiagnostic Refused(string name) =>
        new(
            "LSB3019",
            LitestreamSeverity.Error,
            $"'{name}' is not a property of Litestream. {MeantProperty(name)} Nothing was started."
        );

    private static LitestreamDiagnostic At(ProjectName name, LitestreamDiagnostic diagnostic) =>
        diagnostic with
        {
            File = name.File,
            Line = name.Line,
            Column = name.Column,
        };

    private static string NoProperty(string name) =>
        $"'{name}' is not a property of Litestream and has no effect. {MeantProperty(name)}";

    private static string NoMetadata(string name) =>
        $"{PropertyNames.DatabaseItem} has no metadata '{name}', so it has no effect. ";

    private static bool IsUsed(string variable, string? configText) =>
        configText is not null && Regex.IsMatch(configText, $@"\$\{{?{Regex.Escape(variable)}(?![A-Za-z0-9_])");

    private static string MeantProperty(string name) =>
        PropertyNames.Nearest(name) is { } nearest
            ? $"Did you mean '{nearest}'?"
            : "Remove it, or correct its name: README.md and docs/commands.md have all properties.";
}
