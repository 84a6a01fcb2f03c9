using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamDatabases: what is replicated and where it goes. Starts no process.</summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamDatabases : LitestreamVerb
{
    private protected override Verb Create() => new DatabasesVerb();
}
