using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// LitestreamEnv: the environment variables that the configuration needs, and which of them are set. Starts no process.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class ShowLitestreamEnvironment : LitestreamVerb
{
    private protected override Verb Create() => new EnvVerb();
}
