using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamRun: any command of the executable, with the project's configuration.</summary>
[MSBuildMultiThreadableTask]
public sealed class RunLitestream : LitestreamVerb
{
    /// <summary>The command line after <c>litestream</c>; quotes (single or double) keep spaces together.</summary>
    public string Arguments { get; set; } = "";

    private protected override Verb Create() => new RunVerb { Arguments = RunVerb.Split(Arguments) };
}
