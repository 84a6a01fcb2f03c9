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

    /// <summary>Names or full keys of settings to take, and, with a leading <c>!</c>, to leave out.</summary>
    public IReadOnlyList<string> ConnectionStrings { get; init; } = [];

    /// <summary>
    /// Whether the app is built for Windows, where <c>\</c> separates folders. Elsewhere it is a character of a file
    /// name.
    /// </summary>
    public bool WindowsTarget { get; init; }
}

/// <summary>A SQLite database file that the app's settings name.</summary>
/// <param name="Path">The path as the app has it: relative stays relative, <c>|DataDirectory|</c> stays.</param>
/// <param name="Name">The connection string's name: the last segment of the key, or null.</param>
/// <param name="Key">The full configuration key, with <c>:</c> between its segments.</param>
/// <param name="File">The settings file, or null.</param>
/// <param name="Line">1-based line of the value, or 0.</param>
/// <param name="Column">1-based column of the value, or 0.</param>
public sealed record FoundDatabase(string Path, string? Name, string? Key, string? File, int Line, int Column);

/// <summary>What a search has found.</summary>
/// <param name="Databases">The database files, each once, in the order of the settings files.</param>
/// <param name="Diagnostics">What the user has to know; none of them quotes a value.</param>
public sealed record DatabaseSearchResult(
    IReadOnlyList<FoundDatabase> Databases,
    IReadOnlyList<LitestreamDiagnostic> Diagnostics
)
{
    /// <summary>
    /// The keys that are left out although they look like a SQLite file: because
    /// <see cref="DatabaseSearch.ConnectionStrings"/> or the packages say so.
    /// </summary>
    public IReadOnlyList<string> Excluded { get; init; } = [];
}
