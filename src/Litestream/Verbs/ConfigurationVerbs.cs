using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;

namespace Litestream.Verbs;

/// <summary>Verbs about the configuration and the executable.</summary>
internal static class ConfigurationVerbs
{
    /// <summary>What is replicated and where it goes. Starts no process.</summary>
    public static Task DatabasesAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
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
        host.ReportNotReplicated();
        return Task.CompletedTask;
    }

    /// <summary>The yml as the executable gets it. Starts no process.</summary>
    public static Task ConfigAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var file = host.ConfigOptions().ConfigPath;
        var config = host.LoadConfig();
        foreach (var line in config.Text.TrimEnd('\n').Split('\n'))
            host.Print(line);

        host.Add(file, ("Text", config.Text));
        return Task.CompletedTask;
    }

    /// <summary>
    /// The environment variables that the configuration needs, and which of them are set. Starts no process.
    /// </summary>
    public static Task EnvAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        host.ReportUnknownNames();
        var config = host.ConfigOptions();
        var variables = ConfigVariables.Read(config);
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
                    $"Needed, but not set: {string.Join("; ", missing.Select(v => $"{v.Name} ({v.Purpose})"))}. "
                        + $"Set {(missing.Count == 1 ? "it" : "them")} where the app runs, and in your shell "
                        + $"for the commands.",
                    config.ConfigPath
                )
            );
        }

        return Task.CompletedTask;
    }

    /// <summary>The version that the executable prints itself, and where it is.</summary>
    public static async Task VersionAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var executable = host.FindExecutable();
        var version = await executable.GetVersionAsync(cancellationToken).ConfigureAwait(false);
        host.Print($"{version}  {executable.Path}");
        host.Add(version, ("Path", executable.Path));
    }

    /// <summary>
    /// A litestream.yml of the user's own to begin with, and what goes with it. Never over a file. Starts no process.
    /// </summary>
    public static Task InitAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var file = Path.Combine(Path.GetDirectoryName(host.Fact("ProjectFile"))!, "litestream.yml");
        var own = ConfigTemplate.Create(
            host.ConfigOptions(),
            ReleaseLine.Of(host.FindExecutable).Dialect
        );
        own.Write(file);
        host.Print($"Written: {file}. From now on it is used, and the build generates none.");
        host.Print("");
        foreach (var line in own.Instructions)
            host.Print(line);
        host.Add(file, ("Instructions", string.Join('\n', own.Instructions)));
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
