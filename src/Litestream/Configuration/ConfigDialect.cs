using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>
/// Which litestream.yml a release line reads. Each line silently ignores the keys of the others.
/// </summary>
internal sealed partial record ConfigDialect
{
    /// <summary>What a program that reads it is called, such as <c>Litestream 0.3</c>.</summary>
    public required string Reader { get; init; }

    /// <summary>Every key; see <see cref="ConfigSchema.Read"/>.</summary>
    public required IReadOnlyList<ConfigKey> Keys { get; init; }

    /// <summary>Whether a database may have more than one replica, each with a name of its own.</summary>
    public bool HasSeveralReplicas { get; init; }

    /// <summary>Whether a path may be a URL of SQLite's, so that some characters in it mean something else.</summary>
    public bool HasPathUrls { get; init; }

    /// <summary>Whether an s3 URL may have a port.</summary>
    public bool HasS3Ports { get; init; }

    /// <summary>Whether an s3 replica without a region and an endpoint asks for the region before anything else, and
    /// cannot be ended meanwhile.</summary>
    public bool NeedsRegion { get; init; }

    /// <summary>The options that it reads in a URL of <c>s3</c> and <c>oss</c>.</summary>
    public IReadOnlyList<string> UrlOptions { get; init; } = [];

    /// <summary>The schemes of replica URLs that are not a type of their own.</summary>
    public IReadOnlyList<string> MoreSchemes { get; init; } = [];

    /// <summary>Keys of a replica in other lines that are one key of <c>snapshot:</c> here, the same for all.</summary>
    public IReadOnlyDictionary<string, string> SnapshotKeys { get; init; } = new Dictionary<string, string>();

    /// <summary>Writes what a file says in the words of this line: a generated one is made in those of 0.3, and one of
    /// the user's own may have keys of another line that are exactly the same here.</summary>
    public Action<YamlMap> Adapt { get; init; } = _ => { };

    /// <summary>What this line reads in the path of a database that is not meant so; null when there is nothing.
    /// </summary>
    public string? PathProblem(string path, string written) =>
        HasPathUrls && UrlCharacters().IsMatch(path)
            ? $"The path '{written}' contains `#`, or `%` with two digits. {Reader} would open another file: rename "
                + "the file or the folder."
            : null;

    /// <summary>The key of this name in this place; null when it is not read there.</summary>
    public ConfigKey? Find(ConfigPlace place, string name) =>
        Keys.FirstOrDefault(key => key.Place == place && key.Name == name);

    /// <summary>
    /// Whether the value of a key, wherever it stands, must not be shown or written into another file.
    /// </summary>
    /// <remarks>Some are not secret: with the address of a heartbeat anyone can send one.</remarks>
    public bool IsSecret(string name) =>
        name is "access-key-id" or "heartbeat-url" || Keys.Any(key => key.Secret && key.Name == name);

    [GeneratedRegex("#|%[0-9A-Fa-f]{2}")]
    private static partial Regex UrlCharacters();
}
