using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// LitestreamStatus: what can be seen on this machine, and what the running app tells. Starts no process, opens no
/// database, asks no replica.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class ShowLitestreamStatus : LitestreamVerb
{
    /// <summary>Path as configured, path of the file, or connection string name; empty or <c>*</c> for all.</summary>
    public string Database { get; set; } = "";

    private protected override Verb Create() => new StatusVerb { Database = Database };
}
