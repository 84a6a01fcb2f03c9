using System.Text;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// Connection strings and <c>LitestreamDatabase</c> items -> obj/.../litestream.yml, or the project's own file copied
/// as it is.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class WriteLitestreamConfig : LitestreamTask
{
    /// <summary>Settings files that exist, in layering order.</summary>
    public ITaskItem[] SettingsFiles { get; set; } = [];

    /// <summary>The project's own litestream.yml; used when it exists.</summary>
    [Required]
    public string UserConfigFile { get; set; } = "";

    /// <summary>Databases that no settings file names, with ReplicaUrl and SyncInterval.</summary>
    public ITaskItem[] Databases { get; set; } = [];

    /// <summary>Names of settings to take, <c>!Name</c> to exclude, separated by semicolons.</summary>
    public string ConnectionStrings { get; set; } = "";

    /// <summary>Where all databases go; empty for the folder beside each of them.</summary>
    public string ReplicaUrl { get; set; } = "";

    /// <summary>A duration with units, or hh:mm:ss.</summary>
    public string SyncInterval { get; set; } = "";

    /// <summary>A duration with units, or hh:mm:ss.</summary>
    public string SnapshotInterval { get; set; } = "";

    /// <summary>A duration with units, or hh:mm:ss.</summary>
    public string Retention { get; set; } = "";

    /// <summary>
    /// project.assets.json: which packages the app has is evidence for what a connection string means.
    /// </summary>
    public string AssetsFile { get; set; } = "";

    /// <summary>The target framework that is built.</summary>
    public string TargetFramework { get; set; } = "";

    /// <summary>The RID that is built for, empty for portable output.</summary>
    public string TargetRuntimeIdentifier { get; set; } = "";

    /// <summary>The files in which the project's references to the package stand; none where a library brings
    /// it.</summary>
    public string[] References { get; set; } = [];

    /// <summary>The project file and what is imported into it from the project's own folders.</summary>
    public string[] ProjectFiles { get; set; } = [];

    /// <summary>The version of the executable that the package brings.</summary>
    public string ExecutableVersion { get; set; } = "";

    /// <summary>The folder with the user's own executable; empty for none.</summary>
    public string InstallDirectory { get; set; } = "";

    /// <summary>The yml to write.</summary>
    [Required]
    public string OutputFile { get; set; } = "";

    /// <summary>Touched last; older stamps beside it are removed.</summary>
    [Required]
    public string StampFile { get; set; } = "";

    /// <inheritdoc />
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        ReportUnknownNames(ProjectFiles);
        ReportUnknownSettings();
        var text = File.Exists(UserConfigFile) ? TakeUserConfig() : Generate();
        if (Log.HasLoggedErrors)
            return Task.CompletedTask;

        var folder = Directory.CreateDirectory(Path.GetDirectoryName(OutputFile)!);
        if (text is null)
            File.Delete(OutputFile);
        else
            WriteWhenDifferent(OutputFile, text);

        foreach (var stamp in folder.EnumerateFiles("config.*.stamp"))
            stamp.Delete();
        File.WriteAllText(StampFile, "");
        return Task.CompletedTask;
    }

    /// <summary>What an editor would underline: the section Litestream of the settings files, and metadata of items
    /// that are made elsewhere than in the project's files.</summary>
    private void ReportUnknownSettings()
    {
        foreach (
            var file in SettingsFiles
                .Select(file => file.GetMetadata("FullPath"))
                .Where(file => file.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        )
        {
            try
            {
                var settings = JsonSettingsReader
                    .Read(file)
                    .Where(setting => setting.Setting is not null)
                    .Select(setting => setting.Setting!)
                    .ToList();
                foreach (var diagnostic in UnknownNames.OfSettings(settings).Concat(UnknownNames.OfValues(settings)))
                    Report(diagnostic);
            }
            catch (LitestreamException)
            {
                // Reported where its databases are looked for.
            }
        }

        var metadata = Databases.SelectMany(item => item.CloneCustomMetadata().Keys.Cast<string>());
        foreach (var diagnostic in UnknownProperties.OfMetadata(metadata, ProjectProperties.Read(ProjectFiles)))
            Report(diagnostic);
    }

    private byte[] TakeUserConfig()
    {
        // Variables are set where the app runs, not here.
        foreach (var diagnostic in LitestreamClient.CheckConfiguration(UserConfigFile, VersionOfReader()))
            Report(diagnostic);
        Log.LogMessage(MessageImportance.Normal, "litestream.yml: {0} is used as it is.", UserConfigFile);
        return File.ReadAllBytes(UserConfigFile);
    }

    /// <summary>The version of the executable that will read the file. One of the user's own that is for another
    /// machine does not say it here: it is taken for the package's.</summary>
    private string? VersionOfReader()
    {
        var folder = Path.GetFullPath(InstallDirectory, Path.GetDirectoryName(ProjectFile)!);
        var own = Path.Combine(folder, OperatingSystem.IsWindows() ? "litestream.exe" : "litestream");
        var said = InstallDirectory.Length > 0 && File.Exists(own) ? new LitestreamExecutable(own).Version : null;
        return said ?? NullIfEmpty(ExecutableVersion);
    }

    private byte[]? Generate()
    {
        var packages = File.Exists(AssetsFile) ? ProjectPackages.Read(AssetsFile, TargetFramework) : [];
        var result = DatabaseFinder.Find(
            new DatabaseSearch
            {
                SettingsFiles = [.. SettingsFiles.Select(file => file.GetMetadata("FullPath"))],
                Packages = packages,
                ConnectionStrings = ConnectionStrings.Split(
                    ';',
                    StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
                ),
                WindowsTarget =
                    TargetRuntimeIdentifier.Length == 0
                        ? OperatingSystem.IsWindows()
                        : TargetRuntimeIdentifier.StartsWith("win", StringComparison.OrdinalIgnoreCase),
            }
        );
        foreach (var diagnostic in result.Diagnostics)
            Report(diagnostic);

        var databases = Merge(result.Databases);
        var without =
            databases.Count > 0
                ? null
                : NoDatabasePolicy.Decide(
                    References.Length > 0,
                    PackageReferenceOrigin.IsOwn(ProjectFile, References),
                    packages,
                    NullIfEmpty(ReplicaUrl)
                );
        var config = without is { Acts: false }
            ? null
            : GeneratedConfig.Create(
                databases,
                new GeneratedConfigOptions
                {
                    ReplicaUrl = NullIfEmpty(ReplicaUrl),
                    SyncInterval = NullIfEmpty(SyncInterval),
                    SnapshotInterval = NullIfEmpty(SnapshotInterval),
                    Retention = NullIfEmpty(Retention),
                    Excluded = result.Excluded,
                }
            );
        if (without?.Finding is { } finding && !Log.HasLoggedErrors)
            Report(finding);
        foreach (var database in databases)
        {
            Log.LogMessage(
                MessageImportance.Normal,
                "litestream.yml: {0} ({1})",
                database.Path,
                database.Key ?? "LitestreamDatabase item"
            );
        }

        return config is null ? null : Encoding.UTF8.GetBytes(config.Text);
    }

    /// <summary>
    /// An item that names a database which a setting names too says something about that database; it is not a second
    /// one.
    /// </summary>
    private List<FoundDatabase> Merge(IReadOnlyList<FoundDatabase> found)
    {
        var items = Databases
            .Select(item => new FoundDatabase(item.ItemSpec, null, null)
            {
                ReplicaUrl = NullIfEmpty(item.GetMetadata("ReplicaUrl")),
                SyncInterval = NullIfEmpty(item.GetMetadata("SyncInterval")),
                HasVariables = true,
                File = ProjectFile,
            })
            .ToList();
        var databases = new List<FoundDatabase>();
        foreach (var database in found)
        {
            var item = items.Find(item => SameFile(item.Path, database.Path));
            if (item is not null)
                items.Remove(item);
            databases.Add(database with { ReplicaUrl = item?.ReplicaUrl, SyncInterval = item?.SyncInterval });
        }

        databases.AddRange(items);
        return databases;
    }

    private bool SameFile(string left, string right)
    {
        var root = Path.GetDirectoryName(ProjectFile)!;
        return DatabasePath.Resolve(left, root) == DatabasePath.Resolve(right, root);
    }

    private static string? NullIfEmpty(string? value) => string.IsNullOrWhiteSpace(value) ? null : value.Trim();

    private static void WriteWhenDifferent(string file, byte[] content)
    {
        if (File.Exists(file) && File.ReadAllBytes(file).AsSpan().SequenceEqual(content))
            return;

        // A name of its own: two builds may run at once.
        var temporary = $"{file}.{Guid.NewGuid():N}";
        try
        {
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, file, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
