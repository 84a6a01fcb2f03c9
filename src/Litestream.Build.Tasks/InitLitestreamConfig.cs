using Litestream.Configuration;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>
/// LitestreamInit: a litestream.yml of the user's own to begin with, and what goes with it. Starts no process.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class InitLitestreamConfig : LitestreamVerb
{
    /// <summary>The file to write; it must not exist.</summary>
    [Required]
    public string OutputFile { get; set; } = "";

    /// <inheritdoc />
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        var own = ConfigTemplate.Create(ConfigOptions());
        own.Write(OutputFile);
        Print($"Written: {OutputFile}. It is used from now on; nothing is generated any more.");
        Print("");
        foreach (var line in own.Instructions)
            Print(line);
        Result = [Item(OutputFile, ("Instructions", string.Join('\n', own.Instructions)))];
        return Task.CompletedTask;
    }
}
