using System.Text.RegularExpressions;
using Litestream.Configuration;

namespace Litestream.Deployment;

/// <summary>What has to be known of an app to write down how it is run on a server.</summary>
public sealed partial record ScaffoldInputs
{
    /// <summary>The name of the assembly, and so of the program.</summary>
    public required string AssemblyName { get; init; }

    /// <summary>The project file, relative to <see cref="BuildContext"/>, with slashes.</summary>
    public required string ProjectFile { get; init; }

    /// <summary>The folder that has all that a build needs, absolute.</summary>
    public required string BuildContext { get; init; }

    /// <summary>The version of .NET, such as <c>10.0</c>.</summary>
    public required string FrameworkVersion { get; init; }

    /// <summary>The project's runtime identifier; null when it has none.</summary>
    public string? RuntimeIdentifier { get; init; }

    /// <summary>Whether .NET is published with the app.</summary>
    public bool IsSelfContained { get; init; }

    /// <summary>Whether it is compiled ahead of time.</summary>
    public bool IsAot { get; init; }

    /// <summary>Whether the published program is one file.</summary>
    public bool IsSingleFile { get; init; }

    /// <summary>Whether there is a program beside the assembly. Default true.</summary>
    public bool HasAppHost { get; init; } = true;

    /// <summary>Whether it listens for web requests.</summary>
    public bool IsWeb { get; init; }

    /// <summary>Whether the app's own settings say where it listens.</summary>
    public bool HasOwnUrls { get; init; }

    /// <summary>
    /// The port that it listens on, by its settings or, in development, its launch settings; null when that is not
    /// known.
    /// </summary>
    public int? Port { get; init; }

    /// <summary>
    /// The databases as the app names them, with slashes: relative to its working directory, or absolute.
    /// </summary>
    public IReadOnlyList<string> Databases { get; init; } = [];

    /// <summary>The folders of replicas that are folders, in the same way.</summary>
    public IReadOnlyList<string> ReplicaFolders { get; init; } = [];

    /// <summary>The variables that the configuration reads.</summary>
    public IReadOnlyList<ConfigVariable> Variables { get; init; } = [];

    /// <summary>How long the app may take to send the last commits when it is stopped. Default 30 s.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where the published app is on the server; null: <c>/opt/&lt;name&gt;</c>.</summary>
    public string? InstallDirectory { get; init; }

    /// <summary>The name for a service, a user, a container: lower case, <c>a-z0-9-</c>.</summary>
    public string Name =>
        Other().Replace(AssemblyName.ToLowerInvariant(), "-").Trim('-') is { Length: > 0 } name
            ? char.IsAsciiLetter(name[0])
                ? name
                : $"app-{name}"
            : "app";

    /// <summary>Whether what is started is a program of its own, not <c>dotnet</c>.</summary>
    public bool IsNative =>
        HasAppHost
        && (
            IsSelfContained
            || IsAot
            || IsSingleFile
            || RuntimeIdentifier?.StartsWith("linux", StringComparison.Ordinal) == true
        );

    /// <summary>Over the setting Urls of a settings file only the variable of that name counts.</summary>
    internal string UrlsVariable => HasOwnUrls ? "URLS" : "ASPNETCORE_URLS";

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex Other();
}
