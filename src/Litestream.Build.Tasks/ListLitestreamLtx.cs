using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamLtx: says what to use instead. It reads no LTX files.</summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamLtx : LitestreamVerb
{
    /// <summary>Path as configured, path of the file, or connection string name; empty for the only one.</summary>
    public string Database { get; set; } = "";

    /// <summary>The time limit; empty for the default.</summary>
    public string Timeout { get; set; } = "";

    private protected override Verb Create() => new LtxVerb { Database = Database, Timeout = Timeout };
}
