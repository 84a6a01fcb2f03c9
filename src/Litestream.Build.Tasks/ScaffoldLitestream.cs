using System.Text.Json;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Deployment;
using Litestream.Diagnostics;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>
/// LitestreamScaffold: the files that run the app on a server, from the project's own facts. Starts no process.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed partial class ScaffoldLitestream : LitestreamVerb
{
    /// <summary>Systemd, Dockerfile, Compose or Procfile, in any case; several with <c>;</c> between them.</summary>
    public string Kind { get; set; } = "";

    /// <summary>The folder to write to, relative to the project; empty for the project's.</summary>
    public string Output { get; set; } = "";

    /// <summary>Files that are there are replaced.</summary>
    public string Force { get; set; } = "";

    /// <summary>Where the published app lies on the server; empty for <c>/opt/name</c>.</summary>
    public string InstallDirectory { get; set; } = "";

    /// <summary>The project's <c>AssemblyName</c>.</summary>
    [Required]
    public string AssemblyName { get; set; } = "";

    /// <summary>The project's target framework version, with or without <c>v</c>.</summary>
    [Required]
    public string FrameworkVersion { get; set; } = "";

    /// <summary>The project's runtime identifier.</summary>
    public string RuntimeIdentifier { get; set; } = "";

    /// <summary>Whether .NET is published with it.</summary>
    public bool SelfContained { get; set; }

    /// <summary>Whether it is compiled ahead of time.</summary>
    public bool Aot { get; set; }

    /// <summary>Whether the published program is one file.</summary>
    public bool SingleFile { get; set; }

    /// <summary>False where there is no program beside the assembly.</summary>
    public bool AppHost { get; set; } = true;

    /// <summary>Whether it is a web app.</summary>
    public bool Web { get; set; }

    /// <summary>Files that belong to the build: referenced projects, shared properties and targets.</summary>
    public ITaskItem[] SharedFiles { get; set; } = [];

    /// <inheritdoc />
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        var kinds = Kind.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(kind => OptionValue.Word<ScaffoldKind>("LitestreamScaffoldKind", kind)!.Value)
            .Distinct()
            .ToList();
        if (kinds.Count == 0)
            throw new LitestreamException(
                "LSB3008",
                $"LitestreamScaffoldKind is not set; it has to be one "
                    + $"of {string.Join(", ", Enum.GetNames<ScaffoldKind>())}, or several with %3B between "
                    + $"them. Nothing "
                    + $"was written."
            );
        var force = OptionValue.Flag("LitestreamForce", Force) ?? false;
        var project = Path.GetDirectoryName(ProjectFile)!;
        var folder = OptionValue.Path("LitestreamOutput", Output, project) ?? project;
        var app = ReadFacts(project);
        var files = kinds
            .SelectMany(kind => Scaffold.Create(kind, app, folder).Select(file => (Kind: kind, File: file)))
            .ToList();
        var paths = Scaffold.Write([.. files.Select(file => file.File)], folder, force);
        foreach (var path in paths)
            Print($"Written: {path}");
        Print(
            $"An app that is stopped gets {Scaffold.StopSeconds(app)} s to send its last commits. The comments in "
                + $"each file say how to go on."
        );
        Result =
        [
            .. paths.Zip(
                files,
                (path, file) => Item(path, ("Kind", file.Kind), ("StopSeconds", Scaffold.StopSeconds(app)))
            ),
        ];
        return Task.CompletedTask;
    }

    private ScaffoldInputs ReadFacts(string project)
    {
        var options = ConfigOptions();

        // The variables are set on the server, not here.
        var databases = LoadConfig(allowUnknown: true).Databases;
        var urls =
            options.GetSetting("Urls")
            ?? options.GetSetting("Kestrel:Endpoints:Http:Url")
            ?? options.GetSetting("Kestrel:Endpoints:Https:Url");
        var context = Context(project);
        var facts = new ScaffoldInputs
        {
            AssemblyName = AssemblyName,
            ProjectFile = Slashes(Path.GetRelativePath(context, ProjectFile)),
            BuildContext = context,
            FrameworkVersion = FrameworkVersion.TrimStart('v'),
            RuntimeIdentifier = OptionValue.Trim(RuntimeIdentifier),
            IsSelfContained = SelfContained,
            IsAot = Aot,
            IsSingleFile = SingleFile,
            HasAppHost = AppHost,
            IsWeb = Web,
            HasOwnUrls = options.GetSetting("Urls") is not null,
            Port = Ports(urls).Concat(LaunchPorts(project)).Cast<int?>().FirstOrDefault(),
            Databases = [.. databases.Select(database => InApp(database.Path))],
            ReplicaFolders =
            [
                .. databases
                    .SelectMany(database => database.Replicas)
                    .Select(replica => replica.Folder)
                    .OfType<string>()
                    .Select(InApp),
            ],
            Variables = ConfigVariables.Read(options),
            InstallDirectory = OptionValue.Trim(InstallDirectory)?.TrimEnd('/'),
        };
        return SettingValue.Duration(options.GetSetting, "ShutdownTimeout") is { } limit
            ? facts with
            {
                ShutdownTimeout = limit,
            }
            : facts;
    }

    /// <summary>The path as the app has it: what lies in the project's folder is relative on the server too.</summary>
    private string InApp(string path) =>
        Slashes(
            Path.GetRelativePath(ContentRoot, path) is var relative
            && !relative.StartsWith("..", StringComparison.Ordinal)
            && !Path.IsPathRooted(relative)
                ? relative
                : path
        );

    /// <summary>
    /// The folder that all files of the build have in common; the project's own where that would be the root of the
    /// disk.
    /// </summary>
    private string Context(string project)
    {
        var context = project;
        foreach (var file in SharedFiles.Select(item => Path.GetFullPath(item.ItemSpec, project)).Where(File.Exists))
        {
            while (
                !file.StartsWith(
                    context.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar,
                    StringComparison.Ordinal
                ) && Path.GetDirectoryName(context) is { } parent
            )
                context = parent;
        }

        return Path.GetDirectoryName(context) is null ? project : context;
    }

    private static IEnumerable<int> LaunchPorts(string project)
    {
        var file = Path.Combine(project, "Properties", "launchSettings.json");
        if (!File.Exists(file))
            return [];
        try
        {
            using var json = JsonDocument.Parse(
                File.ReadAllText(file),
                new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }
            );
            return json.RootElement.TryGetProperty("profiles", out var profiles)
                ?
                [
                    .. profiles
                        .EnumerateObject()
                        .SelectMany(profile =>
                            profile.Value.TryGetProperty("applicationUrl", out var urls) ? Ports(urls.GetString()) : []
                        ),
                ]
                : [];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // It is for development only, and not ours to complain about.
            return [];
        }
    }

    /// <summary>The ports in a list of URLs, those of http first: https is for whoever stands before the app.</summary>
    private static IEnumerable<int> Ports(string? urls) =>
        (urls ?? "")
            .Split(';')
            .OrderBy(url => url.TrimStart().StartsWith("https", StringComparison.OrdinalIgnoreCase))
            .Select(url => PortForm().Match(url))
            .Where(match => match.Success)
            .Select(match => int.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture))
            .Where(port => port is > 0 and < 65536);

    private static string Slashes(string path) => path.Replace('\\', '/');

    [GeneratedRegex(
        "^\\s*https?://[^/]*:([0-9]{1,5})(/|\\s*$)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex PortForm();
}
