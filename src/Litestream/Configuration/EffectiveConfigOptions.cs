using Litestream.Databases;
using Litestream.FileSystem;

namespace Litestream.Configuration;

/// <summary>What an effective configuration is made from.</summary>
public sealed record EffectiveConfigOptions
{
    /// <summary>The litestream.yml, generated or the user's own.</summary>
    public required string ConfigPath { get; init; }

    /// <summary>What stood in it when it was read before; null: it is read now.</summary>
    public string? ConfigText { get; init; }

    /// <summary>What relative paths are relative to.</summary>
    public required string BaseDirectory { get; init; }

    /// <summary>
    /// The app's <c>DataDirectory</c>, where its SQLite puts relative paths; null when the app sets none.
    /// </summary>
    public string? DataDirectory { get; init; }

    /// <summary>How the app's SQLite provider replaces <c>|DataDirectory|</c>.</summary>
    internal DataDirectoryToken DataDirectoryToken { get; init; }

    /// <summary>The live value of a configuration key (with <c>:</c>), null when there is none.</summary>
    public required Func<string, string?> GetSetting { get; init; }

    /// <summary>The live settings by name, for what looks at their names; empty where nothing does.</summary>
    internal IReadOnlyCollection<Setting> Settings { get; init; } = [];

    /// <summary>The environment that the executable will inherit.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Where the executable serves its metrics (<c>127.0.0.1:9090</c>); null: as the file says.</summary>
    public string? MetricsAddress { get; init; }

    /// <summary>Where the executable opens its control socket. Null, or where the file has a <c>socket:</c> of its own:
    /// as the file says.</summary>
    internal string? SocketPath { get; init; }

    /// <summary>Sets how often databases are looked at and replicas are sent to; null: as the file says.</summary>
    public TimeSpan? MonitorInterval { get; init; }

    /// <summary>How long the executable has for its end, where it closes one database after the other; null: as the
    /// file says.</summary>
    internal TimeSpan? ShutdownTimeout { get; init; }

    /// <summary>
    /// Databases that are not in the file.
    /// </summary>
    internal IReadOnlyList<AddedDatabase> Added { get; init; } = [];

    /// <summary>
    /// False: a <c>$</c> in a file of the user's own is a dollar sign, not the beginning of a variable (what
    /// <c>-no-expand-env</c> means). Default true.
    /// </summary>
    public bool ExpandVariables { get; init; } = true;

    /// <summary>
    /// True: a replica whose type or place depends on a variable without a value is a finding, and is excluded from
    /// what the executable gets. Else it is an exception.
    /// </summary>
    internal bool AllowUnknown { get; init; }

    /// <summary>Where the folders of replicas really are; looked up once for all that is made from these
    /// options.</summary>
    internal RealFolders Folders { get; } = new();

    /// <summary>Absolute paths of databases that are excluded.</summary>
    internal IReadOnlySet<string> Excluded { get; init; } = new HashSet<string>();

    /// <summary>The value that a variable has for the executable: that of the environment, else of the setting that is
    /// handed over as this variable. Null when it has none, or an empty one.</summary>
    internal string? Variable(string name) =>
        Environment.GetValueOrDefault(name) is { Length: > 0 } value ? value
        : EffectiveConfig.SettingVariables.FirstOrDefault(one => one.Variable == name).Setting is { } setting
        && GetSetting(setting) is { Length: > 0 } live
            ? live
        : null;

    /// <summary>The absolute path of the file that the app's SQLite opens.</summary>
    internal string Resolve(string path) =>
        DatabasePath.Resolve(path, BaseDirectory, DataDirectory, DataDirectoryToken);
}
