namespace Litestream.Configuration;

/// <summary>A litestream.yml as it lies on disk, generated or the user's own.</summary>
public sealed class LitestreamConfigFile
{
    private LitestreamConfigFile(bool isGenerated, IReadOnlyList<ConfiguredDatabase> databases)
    {
        IsGenerated = isGenerated;
        Databases = databases;
    }

    /// <summary>True when this project wrote the file (it begins with the marker comment).</summary>
    public bool IsGenerated { get; }

    /// <summary>The databases in the file's order, paths as they stand there.</summary>
    public IReadOnlyList<ConfiguredDatabase> Databases { get; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="LitestreamException">LSB1010: it cannot be parsed; with line and column.</exception>
    public static LitestreamConfigFile Load(string path) => throw new NotSupportedException();
}

/// <summary>A database of a litestream.yml.</summary>
/// <param name="Path">The path as it stands in the file.</param>
/// <param name="Key">The configuration key that the path came from (a comment in a generated file), null otherwise.</param>
/// <param name="Replicas">Where it goes.</param>
/// <param name="Line">1-based line of the entry.</param>
/// <param name="Column">1-based column of the entry.</param>
public sealed record ConfiguredDatabase(string Path, string? Key, IReadOnlyList<ConfiguredReplica> Replicas, int Line, int Column);

/// <summary>A replica of a database.</summary>
/// <param name="Name">Its name; the type when the file gives none.</param>
/// <param name="Type"><c>file</c>, <c>s3</c>, <c>abs</c>, <c>gcs</c> or <c>sftp</c>.</param>
/// <param name="Location">Where it is, for people; carries no secret.</param>
public sealed record ConfiguredReplica(string Name, string Type, string Location);
