namespace Litestream.Configuration;

/// <summary>
/// Which litestream.yml a release line reads. Each line silently ignores the keys of the others.
/// </summary>
internal sealed record ConfigDialect
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

    /// <summary>The options that it reads in a URL of <c>s3</c> and <c>oss</c>.</summary>
    public IReadOnlyList<string> UrlOptions { get; init; } = [];

    /// <summary>The schemes of replica URLs that are no type of their own.</summary>
    public IReadOnlyList<string> MoreSchemes { get; init; } = [];

    /// <summary>The key of this name in this place; null when it is not read there.</summary>
    public ConfigKey? Find(ConfigPlace place, string name) =>
        Keys.FirstOrDefault(key => key.Place == place && key.Name == name);

    /// <summary>
    /// Whether the value of a key, wherever it stands, must not be shown or written into another file.
    /// </summary>
    /// <remarks>Some are no secrets: with the address of a heartbeat anyone can send one.</remarks>
    public bool IsSecret(string name) =>
        name is "access-key-id" or "heartbeat-url" || Keys.Any(key => key.Secret && key.Name == name);
}
