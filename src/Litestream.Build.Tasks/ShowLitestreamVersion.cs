using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamVersion: the version that the executable prints itself, and where it is.</summary>
[MSBuildMultiThreadableTask]
public sealed class ShowLitestreamVersion : LitestreamVerb
{
    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        var executable = FindExecutable();
        var version = await executable.GetVersionAsync(cancellationToken).ConfigureAwait(false);
        Print($"{version}  {executable.Path}");

        Result = [Item(version, ("Path", executable.Path))];
    }
}
