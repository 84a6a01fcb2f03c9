namespace Litestream.Configuration;

/// <summary>What all databases of a generated litestream.yml have in common.</summary>
public sealed record GeneratedConfigOptions
{
    /// <summary>Where the databases go: <c>s3://bucket/prefix</c>, <c>abs://account@container/prefix</c>, <c>gs://bucket/prefix</c>, <c>sftp://user@host/folder</c> or a folder. Null: the folder <c>litestream-replicas</c> beside each database.</summary>
    public string? ReplicaUrl { get; init; }

    /// <summary>How often changes are sent, as a Go duration; null for upstream's 1 s.</summary>
    public string? SyncInterval { get; init; }

    /// <summary>How often a new snapshot is made, as a Go duration; null: only when retention asks for one.</summary>
    public string? SnapshotInterval { get; init; }

    /// <summary>How long snapshots and their changes are kept, as a Go duration; null for upstream's 24 h.</summary>
    public string? Retention { get; init; }
}

/// <summary>A litestream.yml made from the app's own databases, in the dialect of release line 0.3.</summary>
/// <param name="Text">The whole file: UTF-8, LF, the same for the same input on every machine.</param>
/// <param name="Diagnostics">What the user should know about it.</param>
public sealed record GeneratedConfig(string Text, IReadOnlyList<LitestreamDiagnostic> Diagnostics)
{
    /// <summary>Writes the configuration.</summary>
    /// <exception cref="LitestreamException">LSB1011 to LSB1015, LSB1021.</exception>
    public static GeneratedConfig Create(IReadOnlyList<ReplicatedDatabase> databases, GeneratedConfigOptions options) => throw new NotSupportedException();
}
