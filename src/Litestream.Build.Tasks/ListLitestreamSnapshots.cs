using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamSnapshots: the snapshots in the replicas. Sizes are those of the compressed files.</summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamSnapshots : LitestreamVerb
{
    /// <summary>
    /// Path as configured, path of the file, connection string name, or <c>*</c>; empty for the only one.
    /// </summary>
    public string Database { get; set; } = "";

    /// <summary>The name of a replica; empty for all.</summary>
    public string Replica { get; set; } = "";

    /// <summary>The time limit of each listing; empty for the default.</summary>
    public string Timeout { get; set; } = "";

    /// <summary>Not for these: whatever the executable's command takes has a property.</summary>
    public string Arguments { get; set; } = "";

    private protected override Verb Create() =>
        new SnapshotsVerb
        {
            Database = Database,
            Replica = Replica,
            Timeout = Timeout,
            Arguments = Arguments,
        };
}
