namespace Litestream.Configuration;

/// <summary>A database that is not in the file.</summary>
/// <param name="Database">It, without replicas.</param>
/// <param name="ReplicaUrl">Where it goes, as in <c>LitestreamReplicaUrl</c>; null: where those of a generated file
/// are, or beside the database.</param>
internal sealed record AddedDatabase(EffectiveDatabase Database, string? ReplicaUrl = null);

/// <summary>A database as it is at run time.</summary>
/// <param name="ConfiguredPath">The path as it stands in the file; variables have their values in one of a generated
/// file.</param>
/// <param name="Path">The absolute path, the one string that is used everywhere: the executable compares it as a
/// string.</param>
/// <param name="Name">The connection string's name, or null.</param>
/// <param name="Key">The configuration key, or null.</param>
/// <param name="Replicas">Where it goes.</param>
public sealed record EffectiveDatabase(
    string ConfiguredPath,
    string Path,
    string? Name,
    string? Key,
    IReadOnlyList<ConfiguredReplica> Replicas
)
{
    /// <summary>
    /// The folder in which the executable keeps its own state for this database: <c>.&lt;file&gt;-litestream</c> beside
    /// it, unless the file says other.
    /// </summary>
    public string MetaPath { get; init; } = MetaPathOf(Path);

    /// <summary>Where that folder is when nothing says other.</summary>
    internal static string MetaPathOf(string path) =>
        System.IO.Path.Combine(
            System.IO.Path.GetDirectoryName(path) ?? "",
            $".{System.IO.Path.GetFileName(path)}-litestream"
        );
}
