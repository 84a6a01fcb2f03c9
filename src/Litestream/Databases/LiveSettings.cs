using System.Text.RegularExpressions;
using Litestream.Diagnostics;

namespace Litestream.Databases;

/// <summary>
/// An app's settings as its host would read them: appsettings.json, appsettings.{Environment}.json, environment
/// variables.
/// </summary>
public sealed partial class LiveSettings
{
    private readonly Dictionary<string, Setting> _values = new(StringComparer.OrdinalIgnoreCase);

    private LiveSettings() { }

    /// <summary>
    /// Reads the settings of the app whose content root this is. Later sources win: appsettings.json,
    /// appsettings.{Environment}.json, variables (<c>A__B</c> is <c>A:B</c>; <c>CUSTOMCONNSTR_X</c> and its kin are
    /// <c>ConnectionStrings:X</c>).
    /// </summary>
    /// <param name="contentRoot">The folder of the settings files; files that are not there are skipped.</param>
    /// <param name="environmentName">Such as <c>Production</c>; empty for none.</param>
    /// <param name="environment">The environment variables.</param>
    /// <exception cref="LitestreamException">LSB1001: a file is not valid JSON.</exception>
    public static LiveSettings Read(
        string contentRoot,
        string environmentName,
        IReadOnlyDictionary<string, string> environment
    )
    {
        ArgumentNullException.ThrowIfNull(contentRoot);
        ArgumentNullException.ThrowIfNull(environment);
        var settings = new LiveSettings();
        settings.Add(Path.Combine(contentRoot, "appsettings.json"));
        if (!string.IsNullOrEmpty(environmentName))
            settings.Add(Path.Combine(contentRoot, $"appsettings.{environmentName}.json"));
        foreach (var (name, value) in environment.OrderBy(v => v.Key, StringComparer.Ordinal))
            settings._values[KeyOf(name)] = new Setting(KeyOf(name), value);
        return settings;
    }

    /// <summary>The value of a key, whatever its case, or null.</summary>
    public string? Get(string key) => _values.GetValueOrDefault(key)?.Value;

    /// <summary>All of them, with the place where each stands in a file.</summary>
    internal IReadOnlyCollection<Setting> All => _values.Values;

    private void Add(string file)
    {
        foreach (var (key, setting) in JsonSettingsReader.Read(file))
        {
            if (setting is null)
                _values.Remove(key);
            else
                _values[key] = setting;
        }
    }

    // Azure App Service hands its connection strings over under these prefixes.
    private static string KeyOf(string variable) =>
        AzurePrefix().Replace(variable, "ConnectionStrings:").Replace("__", ":");

    [GeneratedRegex("^(CUSTOM|SQL|SQLAZURE|MYSQL)CONNSTR_", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AzurePrefix();
}
