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
            text =
                options.ConfigText
                ?? (File.Exists(options.ConfigPath) ? NonDatabaseFile.ReadAllText(options.ConfigPath) : null);
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
                {
                    message =
                        $"'{setting.Key}' has no effect, because nothing reads its section. Did you mean "
                        + $"'{SettingNames.Section}:{meant.Name}'?";
                }
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
                            : "Remove it, or correct its name: docs/hosting.md lists all settings."
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
            $"The app does not start with the value '{value}' of the setting {setting.Key}; it must be " + refusal,
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

    internal static LitestreamDiagnostic Misspelling(string message) =>
        new("LSB1053", LitestreamSeverity.Warning, message);

    private static LitestreamDiagnostic Warning(string code, string message, Setting at) =>
        new(code, LitestreamSeverity.Warning, message, at.File, at.Line, at.Column);

    private static bool IsUsed(string variable, string? configText) =>
        configText is not null && Regex.IsMatch(configText, $@"\$\{{?{Regex.Escape(variable)}(?![A-Za-z0-9_])");
}
