namespace Litestream.Configuration;

/// <summary>Where in a litestream.yml a key stands.</summary>
internal enum ConfigPlace
{
    Root,
    Database,
    Replica,
    Logging,
    Socket,
    Snapshot,
    Retention,
    Validation,
    Level,
    Age,
}

/// <summary>What a key's value is.</summary>
internal enum ConfigKind
{
    Text,
    Word,
    Address,
    Web,
    Mode,
    Flag,
    Count,
    Duration,
    Size,
    Texts,
    Block,
    Blocks,
}

/// <summary>A key of litestream.yml.</summary>
internal sealed record ConfigKey(ConfigPlace Place, string Name, ConfigKind Kind)
{
    /// <summary>What is inside a block.</summary>
    public ConfigPlace? Inside { get; init; }

    /// <summary>The types of replica that read it; none: all.</summary>
    public IReadOnlyList<string> ReplicaTypes { get; init; } = [];

    /// <summary>A line that has defaults at the top of the file takes it there too.</summary>
    public bool Default { get; init; }

    /// <summary>A number, or a duration in seconds, must be greater.</summary>
    public double? Above { get; init; }

    /// <summary>A number, or a duration in seconds, must not be less.</summary>
    public double? Least { get; init; }

    /// <summary>What happens with another value than those.</summary>
    public string Otherwise { get; init; } = "";

    /// <summary>The words that it takes.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>No such value belongs into a file.</summary>
    public bool Secret { get; init; }

    /// <summary>For users of the line that does not know it: what to do.</summary>
    public string Instead { get; init; } = "Remove it.";
}
