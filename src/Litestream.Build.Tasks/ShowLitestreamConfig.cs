using Microsoft.Build.Framework;
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

        Result = [Item(Verb[0].GetMetadata("ConfigFile"), ("Text", config.Text))];
        return Task.CompletedTask;
    }
}
