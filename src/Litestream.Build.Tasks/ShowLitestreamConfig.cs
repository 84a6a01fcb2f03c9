using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamConfig: the yml as the executable gets it. Starts no process.</summary>
[MSBuildMultiThreadableTask]
public sealed class ShowLitestreamConfig : LitestreamVerb
{
    /// <inheritdoc />
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        var config = LoadConfig();
        foreach (var line in config.Text.TrimEnd('\n').Split('\n'))
            Print(line);

        var item = new TaskItem(EscapeForItem(Verb[0].GetMetadata("ConfigFile")));
        item.SetMetadata("Text", EscapeForItem(config.Text));
        Result = [item];
        return Task.CompletedTask;
    }
}
