using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamConfig: the yml as the executable gets it. Starts no process.</summary>
[MSBuildMultiThreadableTask]
public sealed class ShowLitestreamConfig : LitestreamVerb
{
    private protected override Verb Create() => new ConfigVerb();
}
