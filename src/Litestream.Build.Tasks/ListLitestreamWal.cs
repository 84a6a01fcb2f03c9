using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// LitestreamWal: the WAL segments in the replicas. Sizes are those of the compressed files, offsets those in the WAL
/// itself.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamWal : LitestreamVerb
{
    /// <summary>
    /// Path as configured, path of the file, connection string name, or <c>*</c>; empty for the only one.
    /// </summary>
    public string Database { get; set; } = "";

    /// <summary>The name of a replica; empty for all.</summary>
    public string Replica { get; set; } = "";

    /// <summary>Only the segments of this generation; empty for all.</summary>
    public string Generation { get; set; } = "";

    /// <summary>The time limit of each listing; empty for the default.</summary>
    public string Timeout { get; set; } = "";

    /// <summary>Not for these: whatever the executable's command takes has a property.</summary>
    public string Arguments { get; set; } = "";

    private protected override Verb Create() =>
        new WalVerb
        {
            Database = Database,
            Replica = Replica,
            Generation = Generation,
            Timeout = Timeout,
            Arguments = Arguments,
        };
}
