using Litestream.FileSystem;

namespace Litestream;

/// <summary>Where <see cref="LitestreamClient.Create"/> finds an app.</summary>
public sealed record LitestreamClientOptions
{
    /// <summary>
    /// The folder of the app: its settings files, its <c>litestream.yml</c>, its executable; relative paths of
    /// databases start here. Default: the folder of the running program.
    /// </summary>
    public string ApplicationDirectory { get; init; } = ApplicationFolder.FullName;

    /// <summary>Whose <c>appsettings.{Environment}.json</c> is read. Default <c>Production</c>.</summary>
    public string EnvironmentName { get; init; } = "Production";

    /// <summary>
    /// The litestream.yml, relative to <see cref="ApplicationDirectory"/>. Null: the setting
    /// <c>Litestream:ConfigPath</c>, else <c>litestream.yml</c>.
    /// </summary>
    public string? ConfigPath { get; init; }

    /// <summary>
    /// The executable, relative to <see cref="ApplicationDirectory"/>. Null: the setting
    /// <c>Litestream:ExecutablePath</c>, else the folder in the variable <c>LITESTREAM_INSTALL_DIR</c>, else the app's
    /// folder.
    /// </summary>
    public string? ExecutablePath { get; init; }

    /// <summary>
    /// The environment variables that count. Null: those of this process. The executable gets them on top of those of
    /// this process.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Environment { get; init; }
}
