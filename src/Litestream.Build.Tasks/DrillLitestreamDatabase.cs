using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// LitestreamDrill: the fire drill. Touches no database: it restores to a scratch file and removes it.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class DrillLitestreamDatabase : LitestreamVerb
{
    /// <summary>
    /// Path as configured, path of the file, connection string name, or <c>*</c>; empty for the only one.
    /// </summary>
    public string Database { get; set; } = "";

    /// <summary>The name of a replica; empty for the executable's own choice.</summary>
    public string Replica { get; set; } = "";

    /// <summary>The moment to go back to; empty for the newest.</summary>
    public string Timestamp { get; set; } = "";

    /// <summary>A query that must return a row; empty for none.</summary>
    public string Query { get; set; } = "";

    /// <summary>How long it may take; empty for no limit.</summary>
    public string Timeout { get; set; } = "";

    private protected override Verb Create() =>
        new DrillVerb
        {
            Database = Database,
            Replica = Replica,
            Timestamp = Timestamp,
            Query = Query,
            Timeout = Timeout,
        };
}
