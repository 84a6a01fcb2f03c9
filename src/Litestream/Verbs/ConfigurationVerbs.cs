using Litestream.Configuration;
using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>What is replicated and where it goes. Starts no process.</summary>
internal sealed record DatabasesVerb : Verb
{
    public override Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var rows = new List<string[]>();
        foreach (var database in host.LoadConfig().Databases)
        {
            var exists = File.Exists(database.Path);
            rows.Add([
                database.ConfiguredPath,
                database.Name ?? "",
                database.Path,
                exists ? "yes" : "no",
                string.Join(", ", database.Replicas.Select(replica => replica.Describe(": "))),
            ]);
            host.Add(
                database.ConfiguredPath,
                ("Name", database.Name),
                ("Key", database.Key),
                ("Path", database.Path),
                ("Exists", exists),
                ("ReplicaType", string.Join(",", database.Replicas.Select(replica => replica.Type))),
                ("Replica", string.Join(", ", database.Replicas.Select(replica => replica.Location)))
            );
        }

        host.PrintTable(["database", "name", "path", "exists", "replica"], rows);
        return Task.CompletedTask;
    }
}

/// <summary>The yml as the executable gets it. Starts no process.</summary>
internal sealed record ConfigVerb : Verb
{
    public override Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var file = host.ConfigOptions().ConfigPath;
        var config = host.LoadConfig();
        foreach (var line in config.Text.TrimEnd('\n').Split('\n'))
            host.Print(line);

        host.Add(file, ("Text", config.Text));
        return Task.CompletedTask;
    }
}

/// <summary>
/// The environment variables that the configuration needs, and which of them are set. Starts no process.
/// </summary>
internal sealed record EnvVerb : Verb
{
    public override Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        host.ReportUnknownNames();
        var options = host.ConfigOptions();
        var variables = ConfigVariables.Read(options);
        host.PrintTable(
            ["variable", "needed", "set by", "value", "for"],
            [.. variables.Select(v => new[] { v.Name, v.Required ? "yes" : "no", Source(v), v.Value, v.Purpose })]
        );
        foreach (var v in variables)
        {
            host.Add(
                v.Name,
                ("Required", v.Required),
                ("IsSet", v.Source != VariableSource.None),
                ("Source", v.Source == VariableSource.None ? null : v.Source.ToString()),
                ("Setting", v.Setting),
                ("Value", v.Value),
                ("Purpose", v.Purpose)
            );
        }

        var missing = variables.Where(v => v.IsMissing).ToList();
        if (missing.Count > 0)
        {
            host.Report(
                new(
                    "LSB1018",
                    LitestreamSeverity.Error,
                    $"Not set, and needed: {string.Join("; ", missing.Select(v => $"{v.Name} ({v.Purpose})"))}. "
                        + $"Set {(missing.Count == 1 ? "it" : "them")} where the app runs, and in your shell "
                        + $"for the commands.",
                    options.ConfigPath
                )
            );
        }

        return Task.CompletedTask;
    }

    private static string Source(ConfigVariable variable) =>
        variable.Source switch
        {
            VariableSource.Environment => "environment",
            VariableSource.Setting => $"setting {variable.Setting}",
            _ => "-",
        };
}

/// <summary>The version that the executable prints itself, and where it is.</summary>
internal sealed record VersionVerb : Verb
{
    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var executable = host.FindExecutable();
        var version = await executable.GetVersionAsync(cancellationToken).ConfigureAwait(false);
        host.Print($"{version}  {executable.Path}");
        host.Add(version, ("Path", executable.Path));
    }
}
