using Litestream.Configuration;
using Litestream.Deployment;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// After a publish: which database goes where, which executable is shipped, and what is not safe about it.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class ReportLitestreamPublish : LitestreamTask
{
    /// <summary>The yml that was published.</summary>
    [Required]
    public string ConfigFile { get; set; } = "";

    /// <summary>Paths of all published files, relative to the publish folder.</summary>
    public string[] PublishedFiles { get; set; } = [];

    /// <summary>The publish folder.</summary>
    public string PublishDirectory { get; set; } = "";

    /// <summary>The executable that was published.</summary>
    public string Executable { get; set; } = "";

    /// <summary>The executable of the user's own that it was copied from; empty for the package's.</summary>
    public string OwnExecutable { get; set; } = "";

    /// <summary>The version of the package's executable.</summary>
    public string ExecutableVersion { get; set; } = "";

    /// <summary>The RID that was published for.</summary>
    public string RuntimeIdentifier { get; set; } = "";

    /// <summary>Hook, Initializer, or empty when the app starts Litestream itself.</summary>
    public string AutoStart { get; set; } = "";

    /// <summary>The name of the app's assembly.</summary>
    [Required]
    public string AssemblyName { get; set; } = "";

    /// <summary>The assembly that the compiler wrote.</summary>
    public string CompiledAssembly { get; set; } = "";

    /// <summary>The file name of the executable in the publish folder.</summary>
    [Required]
    public string ExecutableName { get; set; } = "";

    /// <summary>Whether an output without an executable is an error.</summary>
    public bool RequireExecutable { get; set; } = true;

    /// <summary>PublishSingleFile.</summary>
    public bool SingleFile { get; set; }

    /// <summary>PublishTrimmed.</summary>
    public bool Trimmed { get; set; }

    /// <summary>PublishAot.</summary>
    public bool Aot { get; set; }

    /// <summary>The project file and what is imported into it from the project's own folders.</summary>
    public string[] ProjectFiles { get; set; } = [];

    /// <inheritdoc />
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        ReportUnknownNames(ProjectFiles);
        var check = CheckOutput();
        var config = LitestreamConfigFile.Load(ConfigFile);
        var local = new List<string>();
        foreach (var database in config.Databases)
        {
            foreach (var replica in database.Replicas)
            {
                Print($"Litestream: {database.Path} -> {replica.Describe(": ")}");
                if (replica.Type == "file")
                    local.Add($"{database.Path} -> {replica.Location}");
            }
        }

        if (File.Exists(Executable))
        {
            Print(
                OwnExecutable.Length > 0
                    ? $"Litestream: executable {OwnExecutable}"
                    : $"Litestream: executable {ExecutableVersion} for {RuntimeIdentifier}"
            );
        }

        if (config.Databases.Count == 0)
        {
            Print(
                "Litestream: no database is named here; "
                    + "the databases that the app's configuration names at run time are replicated"
            );
        }

        if (AutoStart.Length == 0)
        {
            Print(
                "Litestream: does not start by itself (LitestreamAutoStart=false): the app must call AddLitestream()"
            );
        }
        else if (check.StartsWithApp)
        {
            Print("Litestream: starts with the app, outside Development");
        }

        if (local.Count > 0)
        {
            Report(
                new(
                    "LSB1101",
                    LitestreamSeverity.Warning,
                    $"A replica in a folder does not help if the disk is lost: {string.Join(", ", local)}. Name "
                        + $"storage elsewhere: <LitestreamReplicaUrl>s3://bucket/prefix</LitestreamReplicaUrl>, or "
                        + $"Litestream__ReplicaUrl where the app runs."
                )
            );
        }

        WarnOfPublishedDatabases(config);
        return Task.CompletedTask;
    }

    private string PublishRoot => Path.GetFullPath(PublishDirectory, Path.GetDirectoryName(ProjectFile)!);

    /// <summary>Looks at what is in the publish folder now, whatever the properties of the build say.</summary>
    private PublishCheck CheckOutput()
    {
        var output = PublishedOutput.Read(
            PublishRoot,
            new PublishKind(AssemblyName, ExecutableName)
            {
                IsSingleFile = SingleFile,
                IsTrimmed = Trimmed,
                IsNative = Aot,
                CompiledAssembly = Path.GetFullPath(CompiledAssembly, Path.GetDirectoryName(ProjectFile)!),
            }
        );
        var check = PublishCheck.Run(output, new PublishExpectation(AutoStart.Length > 0, RequireExecutable));
        foreach (var finding in check.Findings)
            Report(finding);

        // The publish has failed; if somebody starts what it left behind all the same, that must not be the end of the
        // app.
        var runtimeConfig = Path.Combine(PublishRoot, AssemblyName + ".runtimeconfig.json");
        if (check.HookEndsApp && File.Exists(runtimeConfig))
            File.WriteAllText(runtimeConfig, PublishedOutput.WithoutHook(output.RuntimeConfig!));
        return check;
    }

    /// <summary>
    /// A database file that travels with the app replaces the real one at the next deployment, and its backup's history
    /// with it.
    /// </summary>
    private void WarnOfPublishedDatabases(LitestreamConfigFile config)
    {
        var root = PublishRoot;
        var published = PublishedFiles
            .DistinctBy(file => Path.GetFullPath(file.Replace('\\', '/'), root))
            .ToDictionary(file => Path.GetFullPath(file.Replace('\\', '/'), root), StringComparer.Ordinal);
        foreach (var database in config.Databases)
        {
            if (!published.TryGetValue(DatabasePath.Resolve(database.Path, root), out var file))
                continue;
            file = file.Replace('\\', '/');
            Report(
                new(
                    "LSB1102",
                    LitestreamSeverity.Warning,
                    $"The database '{file}' is among the published files: the next deployment would overwrite the "
                        + $"real one, and its backup. Exclude it: <ItemGroup><None Update=\"{file}\" "
                        + $"CopyToPublishDirectory=\"Never\" /></ItemGroup> (Content instead of None if it is "
                        + $"a Content item)."
                )
            );
        }
    }
}
