using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Litestream.FileSystem;

namespace Litestream.Deployment;

/// <summary>
/// What a publish made, as far as it decides whether the app replicates. Read from the output itself, not from the
/// properties that it was made with.
/// </summary>
internal sealed record PublishedOutput
{
    private static readonly JsonDocumentOptions JsonOptions = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    private static readonly string[] AssemblyKinds = ["runtime", "runtimeTargets"];

    /// <summary>The name of the app's assembly.</summary>
    public required string AssemblyName { get; init; }

    /// <summary>Whether it is compiled ahead of time: it has no assemblies and no runtimeconfig.json.</summary>
    public bool IsNative { get; init; }

    /// <summary>Whether it is trimmed.</summary>
    public bool IsTrimmed { get; init; }

    /// <summary>The text of runtimeconfig.json; null when there is none.</summary>
    public string? RuntimeConfig { get; init; }

    /// <summary>
    /// The file names of the assemblies in deps.json: .NET loads no others. Null without a deps.json, when it loads
    /// what is there.
    /// </summary>
    public IReadOnlySet<string>? Listed { get; init; }

    /// <summary>The assemblies. Of a native app the one that was compiled.</summary>
    public IReadOnlyList<PublishedAssembly> Assemblies { get; init; } = [];

    /// <summary>Whether there is an executable of litestream beside the app that can be started.</summary>
    public bool HasExecutable { get; init; }

    /// <summary>Whether litestream.yml is beside the app.</summary>
    public bool HasConfiguration { get; init; }

    /// <summary>The assembly of that name that .NET finds; null when there is none.</summary>
    public PublishedAssembly? Find(string name) =>
        Listed is null || Listed.Contains(name + ".dll")
            ? Assemblies.FirstOrDefault(assembly => assembly.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            : null;

    /// <summary>Reads a publish folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="kind">What kind of app it is.</param>
    public static PublishedOutput Read(string folder, PublishKind kind)
    {
        var name = kind.AssemblyName;
        var bundle = kind is { IsSingleFile: true, IsNative: false } ? ReadBundle(folder, name) : null;
        var output = new PublishedOutput
        {
            AssemblyName = name,
            IsNative = kind.IsNative,
            IsTrimmed = kind.IsTrimmed,
            HasExecutable = IsExecutable(Path.Combine(folder, kind.ExecutableName)),
            HasConfiguration = File.Exists(Path.Combine(folder, "litestream.yml")),
        };
        if (kind.IsNative)
            return output with { Assemblies = ReadAssembly(kind.CompiledAssembly) is { } compiled ? [compiled] : [] };

        if (bundle is not null)
        {
            return output with
            {
                RuntimeConfig = BundledText(bundle, name + ".runtimeconfig.json"),
                Listed = ReadListed(BundledText(bundle, name + ".deps.json")),
                Assemblies =
                [
                    .. bundle.Files.Where(IsOfInterest).Select(file => Read(bundle, file)).OfType<PublishedAssembly>(),
                ],
            };
        }

        return output with
        {
            RuntimeConfig = Text(Path.Combine(folder, name + ".runtimeconfig.json")),
            Listed = ReadListed(Text(Path.Combine(folder, name + ".deps.json"))),
            Assemblies =
            [
                .. Directory
                    .EnumerateFiles(folder)
                    .Where(IsOfInterest)
                    .Select(ReadAssembly)
                    .OfType<PublishedAssembly>(),
            ],
        };
    }

    /// <summary>The file names of the assemblies that a deps.json lists.</summary>
    internal static HashSet<string>? ReadListed(string? depsJson)
    {
        if (depsJson is null)
            return null;
        var listed = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        try
        {
            using var document = JsonDocument.Parse(depsJson, JsonOptions);
            foreach (
                var library in document
                    .RootElement.GetProperty("targets")
                    .EnumerateObject()
                    .SelectMany(target => target.Value.EnumerateObject())
            )
            {
                foreach (var kind in AssemblyKinds)
                {
                    if (library.Value.TryGetProperty(kind, out var files))
                        listed.UnionWith(files.EnumerateObject().Select(file => file.Name.Split('/')[^1]));
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            // .NET refuses such a file, whatever is in it.
            return null;
        }

        return listed;
    }

    /// <summary>
    /// The value of a property of runtimeconfig.json, also one that is a boolean there; null when it is not there.
    /// </summary>
    internal static string? Property(string? runtimeConfig, string name) =>
        Options(runtimeConfig, options => options["configProperties"]?[name]?.ToString());

    /// <summary>The text of runtimeconfig.json without our startup hook; those of others stay.</summary>
    internal static string WithoutHook(string runtimeConfig)
    {
        var root = JsonNode.Parse(runtimeConfig, documentOptions: JsonOptions)!;
        if (
            root["runtimeOptions"]?["configProperties"] is not JsonObject properties
            || properties[PublishCheck.Hooks] is not JsonValue value
        )
        {
            return runtimeConfig;
        }

        var hooks = value.ToString();
        var others = SplitHooks(hooks)
            .Where(hook => !hook.Equals(PublishCheck.Shim, StringComparison.OrdinalIgnoreCase))
            .ToList();
        var separator = hooks.Contains(';') ? ';' : ':';
        if (others.Count == 0)
            properties.Remove(PublishCheck.Hooks);
        else
            properties[PublishCheck.Hooks] = string.Join(separator, others);
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
            root.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>The hooks of STARTUP_HOOKS. The separator is that of the system; a drive's colon is none.</summary>
    internal static string[] SplitHooks(string hooks) =>
        hooks.Split(
            hooks.Contains(';') ? ';' : ':',
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
        );

    /// <summary>Whether the app runs on the shared framework of ASP.NET Core.</summary>
    internal static bool UsesAspNetCore(string? runtimeConfig) =>
        Options(runtimeConfig, options =>
            (options["frameworks"]?.AsArray() ?? [])
                .Append(options["framework"])
                .Select(framework => framework?["name"]?.ToString())
                .FirstOrDefault(name => name == "Microsoft.AspNetCore.App")
        )
            is not null;

    private static string? Options(string? runtimeConfig, Func<JsonNode, string?> read)
    {
        try
        {
            return
                runtimeConfig is not null
                && JsonNode.Parse(runtimeConfig, documentOptions: JsonOptions)?["runtimeOptions"] is { } options
                ? read(options)
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static SingleFileBundle? ReadBundle(string folder, string name)
    {
        string[] programs = [Path.Combine(folder, name), Path.Combine(folder, name + ".exe")];
        foreach (var program in programs.Where(File.Exists))
        {
            if (SingleFileBundle.Read(NonDatabaseFile.ReadAllBytes(program)) is { } bundle)
                return bundle;
        }

        return null;
    }

    private static string? BundledText(SingleFileBundle bundle, string file)
    {
        if (!bundle.Files.Contains(file))
            return null;
        using var reader = new StreamReader(new MemoryStream(bundle.Content(file)));
        return reader.ReadToEnd();
    }

    private static PublishedAssembly? Read(SingleFileBundle bundle, string file)
    {
        using var content = new MemoryStream(bundle.Content(file));
        return PublishedAssembly.Read(content);
    }

    private static PublishedAssembly? ReadAssembly(string file)
    {
        if (!File.Exists(file))
            return null;
        using var stream = NonDatabaseFile.OpenRead(file);
        return PublishedAssembly.Read(stream);
    }

    private static string? Text(string file) => File.Exists(file) ? NonDatabaseFile.ReadAllText(file) : null;

    /// <summary>
    /// Not the hundreds of assemblies of a framework that is published too: .NET's own start no host, and ours need
    /// none of System.*.
    /// </summary>
    private static bool IsOfInterest(string file)
    {
        var name = Path.GetFileName(file);
        return name.EndsWith(".dll", StringComparison.OrdinalIgnoreCase)
            && (
                !name.StartsWith("System.", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("System.CommandLine", StringComparison.OrdinalIgnoreCase)
            );
    }

    private static bool IsExecutable(string file)
    {
        const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        if (new FileInfo(file) is not { Exists: true, Length: > 0 })
            return false;
        return OperatingSystem.IsWindows()
            || file.EndsWith(".exe", StringComparison.OrdinalIgnoreCase)
            || (File.GetUnixFileMode(file) & Execute) != 0;
    }
}

/// <summary>
/// What kind of app was published; what the files alone do not say for certain, since older ones may be left in the
/// folder.
/// </summary>
/// <param name="AssemblyName">The name of the app's assembly.</param>
/// <param name="ExecutableName">The file name of litestream's executable.</param>
internal sealed record PublishKind(string AssemblyName, string ExecutableName)
{
    /// <summary>Whether it is one file.</summary>
    public bool IsSingleFile { get; init; }

    /// <summary>Whether it is compiled ahead of time.</summary>
    public bool IsNative { get; init; }

    /// <summary>Whether it is trimmed.</summary>
    public bool IsTrimmed { get; init; }

    /// <summary>The assembly that a native app was compiled from.</summary>
    public string CompiledAssembly { get; init; } = "";
}
