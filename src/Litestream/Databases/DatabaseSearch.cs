using Litestream.Diagnostics;

namespace Litestream.Databases;

/// <summary>What to search for SQLite databases, and what is known about the app.</summary>
public sealed record DatabaseSearch
{
    /// <summary>
    /// appsettings.json, appsettings.{Environment}.json, app.config, web.config, in layering order: a later file wins.
    /// A file that is not there is skipped.
    /// </summary>
    public required IReadOnlyList<string> SettingsFiles { get; init; }

    /// <summary>
    /// The resolved NuGet package ids of the app, transitive ones too. They settle what a string alone cannot.
    /// </summary>
    public IReadOnlyCollection<string> Packages { get; init; } = [];

    /// <summary>Names or full keys of settings to take, and, with a leading <c>!</c>, to exclude.</summary>
    public IReadOnlyList<string> ConnectionStrings { get; init; } = [];

    /// <summary>
    /// Whether the app is built for Windows, where <c>\</c> separates folders. Elsewhere it is a character of a file
    /// name.
    /// </summary>
    public bool WindowsTarget { get; init; }
}

/// <summary>A SQLite database file of the app, from the setting or item that names it to the litestream.yml.</summary>
/// <param name="Path">The path as the app has it: relative stays relative, <c>|DataDirectory|</c> stays.</param>
/// <param name="Name">The name people call it by: that of the connection string, the last segment of the key; or null.
/// </param>
/// <param name="Key">The full configuration key, with <c>:</c> between its segments, or null. At run time the live
/// value of this key wins.</param>
public sealed record FoundDatabase(string Path, string? Name, string? Key)
{
    /// <summary>True: <c>$NAME</c> and <c>${NAME}</c> in <see cref="Path"/> are environment variables of the machine
    /// that the app runs on. Default false: a <c>$</c> is a dollar sign.</summary>
    public bool HasVariables { get; init; }

    /// <summary>
    /// Where this database goes; null for the common URL, or the folder beside the database when there is none.
    /// </summary>
    public string? ReplicaUrl { get; init; }

    /// <summary>How often changes are sent, a duration (<c>1s</c>, <c>500ms</c>, <c>00:00:05</c>); null for the common
    /// one, or upstream's 1 s.</summary>
    public string? SyncInterval { get; init; }

    /// <summary>The user's file that names the database, for messages; or null.</summary>
    public string? File { get; init; }

    /// <summary>1-based line in <see cref="File"/>, 0 when unknown.</summary>
    public int Line { get; init; }

    /// <summary>1-based column in <see cref="File"/>, 0 when unknown.</summary>
    public int Column { get; init; }
}

/// <summary>What a search has found.</summary>
/// <param name="Databases">The database files, each once, in the order of the settings files.</param>
/// <param name="Diagnostics">What the user has to know; none of them quotes a value.</param>
public sealed record DatabaseSearchResult(
    IReadOnlyList<FoundDatabase> Databases,
    IReadOnlyList<LitestreamDiagnostic> Diagnostics
)
{
    /// <summary>
    /// The keys that are excluded although they look like a SQLite file: because
    /// <see cref="DatabaseSearch.ConnectionStrings"/> or the packages say so.
    /// </summary>
    public IReadOnlyList<string> Excluded { get; init; } = [];

    /// <summary>Encrypted ones, which cannot be replicated.</summary>
    internal IReadOnlyList<FoundDatabase> Encrypted { get; init; } = [];
}
