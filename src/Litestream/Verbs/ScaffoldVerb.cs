using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Deployment;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Verbs;

/// <summary>The files that run the app on a server, from the project's own facts. Starts no process.</summary>
internal static partial class ScaffoldVerb
{
    public static Task RunAsync(VerbHost host, VerbOptions given, CancellationToken cancellationToken)
    {
        var kinds = (given.Text(OptionName.ScaffoldKind) ?? "")
            .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(kind => OptionValue.Word<ScaffoldKind>(OptionName.ScaffoldKind, kind)!.Value)
            .Distinct()
            .ToList();
        if (kinds.Count == 0)
        {
            throw new LitestreamException(
                "LSB3008",
                $"{OptionName.ScaffoldKind} is not set; it must be one "
                    + $"of {string.Join(", ", Enum.GetNames<ScaffoldKind>())}, or several with %3B between "
                    + $"them. Nothing was written."
            );
        }

        var force = given.Flag(OptionName.Force) ?? false;
        var project = Path.GetDirectoryName(host.Fact("ProjectFile"))!;
        var folder = given.Path(OptionName.Output, project) ?? project;
        var app = ReadFacts(host, given, project);
        var files = kinds
            .SelectMany(kind => Scaffold.Create(kind, app, folder).Select(file => (Kind: kind, File: file)))
            .ToList();
        var paths = Scaffold.Write([.. files.Select(file => file.File)], folder, force);
        foreach (var path in paths)
            host.Print($"Written: {path}");
        host.Print(
            $"A stopped app has {Scaffold.StopSeconds(app)} s to send its last commits. The comments in each file "
                + $"describe the next steps."
        );
        foreach (var (path, file) in paths.Zip(files))
            host.Add(path, ("Kind", file.Kind), ("StopSeconds", Scaffold.StopSeconds(app)));
        return Task.CompletedTask;
    }

    private static ScaffoldInputs ReadFacts(VerbHost host, VerbOptions given, string project)
    {
        var options = host.ConfigOptions();

        // The variables are set on the server, not here.
        var databases = host.LoadConfig(allowUnknown: true).Databases;
        var urls =
            options.GetSetting("Urls")
            ?? options.GetSetting("Kestrel:Endpoints:Http:Url")
            ?? options.GetSetting("Kestrel:Endpoints:Https:Url");
        var context = Context(project, host.Fact("SharedFiles").Split(';', StringSplitOptions.RemoveEmptyEntries));
        var facts = new ScaffoldInputs
        {
            AssemblyName = host.Fact("AssemblyName"),
            ProjectFile = Slashes(Path.GetRelativePath(context, host.Fact("ProjectFile"))),
            BuildContext = context,
            FrameworkVersion = host.Fact("FrameworkVersion").TrimStart('v'),
            RuntimeIdentifier = OptionValue.Trim(host.Fact("AppRuntimeIdentifier")),
            IsSelfContained = Is("SelfContained"),
            IsAot = Is("Aot"),
            IsSingleFile = Is("SingleFile"),
            HasAppHost = Is("AppHost"),
            IsWeb = Is("Web"),
            HasOwnUrls = options.GetSetting("Urls") is not null,
            Port = Ports(urls).Concat(LaunchPorts(project)).Cast<int?>().FirstOrDefault(),
            Databases = [.. databases.Select(database => InApp(host, database.Path))],
            ReplicaFolders =
            [
                .. databases
                    .SelectMany(database => database.Replicas)
                    .Select(replica => replica.Folder)
                    .OfType<string>()
                    .Select(folder => InApp(host, folder)),
            ],
            Variables = ConfigVariables.Read(options),
            InstallDirectory = given.Text(OptionName.ScaffoldInstallDir)?.TrimEnd('/'),
        };
        return SettingValue.Duration(options.GetSetting, "ShutdownTimeout") is { } limit
            ? facts with
            {
                ShutdownTimeout = limit,
            }
            : facts;

        bool Is(string fact) => host.Fact(fact).Equals("true", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The path as the app has it: what is in the project's folder is relative on the server too.</summary>
    private static string InApp(VerbHost host, string path) =>
        Slashes(
            Path.GetRelativePath(host.Directory, path) is var relative
            && !relative.StartsWith("..", StringComparison.Ordinal)
            && !Path.IsPathRooted(relative)
                ? relative
                : path
        );

    /// <summary>
    /// The folder that all files of the build have in common; the project's own where that would be the root of the
    /// disk.
    /// </summary>
    private static string Context(string project, IEnumerable<string> shared)
    {
        var context = project;
        foreach (var file in shared.Select(one => Path.GetFullPath(one, project)).Where(File.Exists))
        {
            while (
                !file.StartsWith(
                    context.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar,
                    StringComparison.Ordinal
                ) && Path.GetDirectoryName(context) is { } parent
            )
            {
                context = parent;
            }
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
                NonDatabaseFile.ReadAllText(file),
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
            .Select(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))
            .Where(port => port is > 0 and < 65536);

    private static string Slashes(string path) => path.Replace('\\', '/');

    [GeneratedRegex(
        "^\\s*https?://[^/]*:([0-9]{1,5})(/|\\s*$)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex PortForm();
}
