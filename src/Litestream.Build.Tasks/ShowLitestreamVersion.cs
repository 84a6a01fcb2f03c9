using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamVersion: the version that the executable prints itself, and where it is.</summary>
[MSBuildMultiThreadableTask]
public sealed class ShowLitestreamVersion : LitestreamVerb
{
    private protected override Verb Create() => new VersionVerb();
}
