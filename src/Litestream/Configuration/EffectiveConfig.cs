namespace Litestream.Configuration;

/// <summary>What an effective configuration is made from.</summary>
public sealed record EffectiveConfigOptions
{
    /// <summary>The litestream.yml, generated or the user's own.</summary>
    public required string ConfigPath { get; init; }

    /// <summary>What relative paths are relative to.</summary>
    public required string BaseDirectory { get; init; }

    /// <summary>The app's <c>DataDirectory</c>, where its SQLite puts relative paths; null when the app sets none.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>The live value of a configuration key (with <c>:</c>), null when there is none.</summary>
    public required Func<string, string?> GetSetting { get; init; }

    /// <summary>The environment that the executable will inherit.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Where the executable serves its metrics (<c>127.0.0.1:9090</c>); null: as the file says.</summary>
    public string? MetricsAddress { get; init; }

    /// <summary>Sets how often databases are looked at and replicas are sent to; null: as the file says.</summary>
    public TimeSpan? MonitorInterval { get; init; }
}

/// <summary>The configuration that the executable is really started with: absolute paths, live settings, no secrets.</summary>
public sealed class EffectiveConfig
{
    private EffectiveConfig(string text, IReadOnlyList<EffectiveDatabase> databases, IReadOnlyDictionary<string, string> variables, IReadOnlyList<LitestreamDiagnostic> diagnostics)
    {
        Text = text;
        Databases = databases;
        Variables = variables;
        Diagnostics = diagnostics;
    }

    /// <summary>The file's text.</summary>
    public string Text { get; }

    /// <summary>The databases in it, in the file's order.</summary>
    public IReadOnlyList<EffectiveDatabase> Databases { get; }

    /// <summary>What the child gets on top of the inherited environment. Holds secrets.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; }

    /// <summary>What the user should know.</summary>
    public IReadOnlyList<LitestreamDiagnostic> Diagnostics { get; }

    /// <summary>Makes the configuration.</summary>
    /// <exception cref="LitestreamException">LSB1010 to LSB1015, LSB1017.</exception>
    public static EffectiveConfig Create(EffectiveConfigOptions o) => throw new NotSupportedException();

    /// <summary>Writes <c>litestream.yml</c>, mode 0600, into the directory, which is created with mode 0700 when it is missing.</summary>
    /// <returns>The path of the file.</returns>
    public string Write(string directory) => throw new NotSupportedException();
}

/// <summary>A database as it is at run time.</summary>
/// <param name="ConfiguredPath">The path as it stands in the file.</param>
/// <param name="Path">The absolute path, the one string that is used everywhere: the executable compares it as a string.</param>
/// <param name="Name">The connection string's name, or null.</param>
/// <param name="Key">The configuration key, or null.</param>
/// <param name="Replicas">Where it goes.</param>
public sealed record EffectiveDatabase(string ConfiguredPath, string Path, string? Name, string? Key, IReadOnlyList<ConfiguredReplica> Replicas);
