using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
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

        var item = new TaskItem(version);
        item.SetMetadata("Path", EscapeForItem(executable.Path));
        Result = [item];
    }
}
