using Litestream.Configuration;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamEnv: the environment variables that the configuration needs, and which of them are set. Starts no process.</summary>
[MSBuildMultiThreadableTask]
public sealed class ShowLitestreamEnvironment : LitestreamVerb
{
    /// <inheritdoc />
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        var options = ConfigOptions();
        var variables = ConfigVariables.Read(options);
        PrintTable(
            ["variable", "needed", "set by", "value", "for"],
            [.. variables.Select(v => new[] { v.Name, v.Required ? "yes" : "no", Source(v), v.Value, v.Purpose })]);
        Result = [.. variables.Select(v => Item(
            v.Name,
            ("Required", v.Required),
            ("IsSet", v.Source != VariableSource.None),
            ("Source", v.Source == VariableSource.None ? "" : v.Source.ToString()),
            ("Setting", v.Setting),
            ("Value", v.Value),
            ("Purpose", v.Purpose)))];

        var missing = variables.Where(v => v.IsMissing).ToList();
        if (missing.Count > 0)
        {
            Report(new(
                "LSB1018",
                LitestreamSeverity.Error,
                $"Not set, and needed: {string.Join("; ", missing.Select(v => $"{v.Name} ({v.Purpose})"))}. Set {(missing.Count == 1 ? "it" : "them")} where the app runs, and in your shell for the commands.",
                options.ConfigPath));
        }

        return Task.CompletedTask;
    }

    private static string Source(ConfigVariable variable) => variable.Source switch
    {
        VariableSource.Environment => "environment",
        VariableSource.Setting => $"setting {variable.Setting}",
        _ => "-",
    };
}
