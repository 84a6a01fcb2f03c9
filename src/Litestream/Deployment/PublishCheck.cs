using Litestream.Diagnostics;

namespace Litestream.Deployment;

/// <summary>What a publish was to be.</summary>
/// <param name="AutoStart">Whether Litestream is to start with the app without code of the app's.</param>
/// <param name="RequireExecutable">Whether an output without an executable is an error.</param>
internal sealed record PublishExpectation(bool AutoStart, bool RequireExecutable);

/// <summary>
/// Whether what was published replicates. A startup hook that cannot run says nothing at run time, and one whose
/// assembly is missing ends the app before its first line: so this is decided on the output itself.
/// </summary>
internal sealed record PublishCheck
{
    /// <summary>The assembly that starts Litestream in the app.</summary>
    public const string Shim = "Litestream.Hosting";

    /// <summary>The type that the build generates where a hook cannot run.</summary>
    public const string Initializer = "LitestreamAutoStartInitializer";

    /// <summary>The property of runtimeconfig.json that names the startup hooks.</summary>
    public const string Hooks = "STARTUP_HOOKS";

    private const string HookSwitch = "System.StartupHookProvider.IsSupported";
    private const string HostKey = "Litestream.EntryAssembly";
    private const string HookType = "StartupHook";
    private const string EnableType = "Litestream.Hosting.LitestreamAutoStart";

    /// <summary>
    /// What code that builds a host has to use. The web host from before the generic one (WebHost) raises no events
    /// that a hook could hear.
    /// </summary>
    private static readonly string[] HostTypes =
    [
        "Microsoft.Extensions.Hosting.Host",
        "Microsoft.Extensions.Hosting.HostBuilder",
        "Microsoft.Extensions.Hosting.HostApplicationBuilder",
        "Microsoft.AspNetCore.Builder.WebApplication",
        "Microsoft.AspNetCore.Builder.WebApplicationBuilder",
    ];

    /// <summary>What is wrong.</summary>
    public required IReadOnlyList<LitestreamDiagnostic> Findings { get; init; }

    /// <summary>Whether it was seen that Litestream starts with the app and has all that it needs.</summary>
    public bool StartsWithApp { get; private init; }

    /// <summary>Whether the app would end at its start, because the hook that is named cannot be loaded.</summary>
    public bool HookEndsApp { get; private init; }

    /// <summary>Decides.</summary>
    public static PublishCheck Run(PublishedOutput output, PublishExpectation expected)
    {
        var app = output.IsNative ? output.Assemblies.SingleOrDefault() : output.Find(output.AssemblyName);
        var missing = output.IsNative ? [] : Missing(output, app);
        var isNamed = PublishedOutput
            .SplitHooks(PublishedOutput.Property(output.RuntimeConfig, Hooks) ?? "")
            .Contains(Shim, StringComparer.OrdinalIgnoreCase);
        var isEnabled = !IsFalse(PublishedOutput.Property(output.RuntimeConfig, HookSwitch));
        var needsAssemblies = expected.AutoStart || app?.References.Contains(Shim) == true || (isNamed && isEnabled);
        List<LitestreamDiagnostic?> errors =
        [
            missing.Count > 0 && needsAssemblies ? MissingAssemblies(missing)
            : expected.AutoStart ? WithoutStart(output, app, isNamed, isEnabled) ?? WithoutHost(output)
            : null,
            output.HasConfiguration
                ? null
                : Error(
                    "LSB1208",
                    "litestream.yml is not in the publish folder, so the app does not know what to replicate and where "
                        + "to. Keep it among the published files: a target of the project or a publish profile removed "
                        + "it."
                ),
        ];
        var findings = errors.OfType<LitestreamDiagnostic>().ToList();
        var isStarted = expected.AutoStart && findings.Count == 0;
        if (!output.HasExecutable)
            findings.Add(MissingExecutable(expected.RequireExecutable));
        return new PublishCheck
        {
            Findings = findings,
            StartsWithApp = isStarted && output.HasExecutable,
            HookEndsApp = isNamed && isEnabled && output.Find(Shim) is null,
        };
    }

    private static LitestreamDiagnostic Error(string code, string message) =>
        new(code, LitestreamSeverity.Error, message);

    /// <summary>Our assemblies, and what they need, that are not where .NET looks for them.</summary>
    private static List<string> Missing(PublishedOutput output, PublishedAssembly? app)
    {
        if (output.Find(Shim) is null)
            return [Shim];
        if (output.IsTrimmed)
            return [];

        var isWeb = PublishedOutput.UsesAspNetCore(output.RuntimeConfig);
        return
        [
            .. output
                .Assemblies.Where(assembly => IsOurs(assembly.Name) && output.Find(assembly.Name) is not null)
                .SelectMany(assembly => assembly.References)
                .Distinct(StringComparer.OrdinalIgnoreCase)
                .Where(name => !IsOfFramework(name, isWeb) && output.Find(name) is null)
                .Where(name => app?.Embedded.Contains(name, StringComparer.OrdinalIgnoreCase) != true)
                .Order(StringComparer.Ordinal),
        ];
    }

    private static bool IsOurs(string name) =>
        name == "Litestream" || name.StartsWith("Litestream.", StringComparison.Ordinal);

    private static bool IsOfFramework(string name, bool isWeb) =>
        name is "System" or "mscorlib" or "netstandard"
        || name.StartsWith("Microsoft.Win32.", StringComparison.Ordinal)
        || (name.StartsWith("System.", StringComparison.Ordinal) && name != "System.CommandLine")
        || (isWeb && name.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal))
        || (isWeb && name.StartsWith("Microsoft.AspNetCore.", StringComparison.Ordinal));

    private static LitestreamDiagnostic MissingAssemblies(List<string> missing) =>
        Error(
            "LSB1206",
            "The app would replicate nothing, because these files are missing in the output or in deps.json: "
                + $"{string.Join(", ", missing.Select(n => n + ".dll"))}. Remove PrivateAssets=\"all\" and "
                + "ExcludeAssets from the reference to Litestream.Build, and exclude Litestream's assemblies from "
                + "tools that embed or merge assemblies (Costura.Fody: ExcludeAssemblies)."
        );

    private static LitestreamDiagnostic MissingExecutable(bool isRequired) =>
        isRequired
            ? Error(
                "LSB1207",
                "The publish folder has no litestream executable that can be started, so the output replicates "
                    + "nothing. Keep it among the published files, or set LitestreamRequireExecutable=false to publish "
                    + "without one."
            )
            : new(
                "LSB1207",
                LitestreamSeverity.Warning,
                "The output has no litestream executable (LitestreamRequireExecutable=false). It replicates nothing, "
                    + "unless Litestream:ExecutablePath or LITESTREAM_INSTALL_DIR names one where the app runs."
            );

    /// <summary>Why neither the hook nor the initializer runs; null when one does.</summary>
    private static LitestreamDiagnostic? WithoutStart(
        PublishedOutput output,
        PublishedAssembly? app,
        bool isNamed,
        bool isEnabled
    )
    {
        var hasInitializer =
            app is { HasModuleInitializer: true }
            && app.Types.Contains(Initializer)
            && app.UsedTypes.Contains(EnableType);
        if (hasInitializer && (output.IsNative || output.Find(Shim)!.Types.Contains(EnableType)))
            return null;
        if (output.IsNative || output.IsTrimmed)
        {
            // A trimmed app keeps hooks only where it is set to, and where the hook's own code is kept.
            var keepsHooks = !output.IsNative && IsTrue(PublishedOutput.Property(output.RuntimeConfig, HookSwitch));
            if (keepsHooks && isNamed && IsForThisApp(output) && output.Find(Shim)!.Types.Contains(HookType))
                return null;
            var (kind, property) = output.IsNative ? ("native", "PublishAot") : ("trimmed", "PublishTrimmed");
            return Error(
                "LSB1205",
                $"The assembly '{output.AssemblyName}' was built without the initializer that starts Litestream in a "
                    + $"{kind} app, which has no startup hooks. The output would replicate nothing. Set {property} in "
                    + "the project, or publish without --no-build."
            );
        }

        var why =
            output.RuntimeConfig is null ? "there is no runtimeconfig.json"
            : !isNamed ? $"{Hooks} in runtimeconfig.json does not name {Shim}"
            : !isEnabled ? $"startup hooks are switched off in runtimeconfig.json ({HookSwitch} is false)"
            : !IsForThisApp(output) ? $"{HostKey} in runtimeconfig.json is not '{output.AssemblyName}'"
            : !output.Find(Shim)!.Types.Contains(HookType) ? $"{Shim}.dll has no startup hook"
            : null;
        return why is null
            ? null
            : Error(
                "LSB1204",
                $"Nothing starts Litestream in the published app, so it would replicate nothing: {why}. Remove "
                    + "StartupHookSupport=false, GenerateRuntimeConfigurationFiles=false and any setting for startup "
                    + "hooks in runtimeconfig.template.json, and build again. Or call services.AddLitestream() in the "
                    + "app and set LitestreamAutoStart=false."
            );
    }

    private static bool IsForThisApp(PublishedOutput output) =>
        output.AssemblyName.Equals(
            PublishedOutput.Property(output.RuntimeConfig, HostKey),
            StringComparison.OrdinalIgnoreCase
        );

    /// <summary>
    /// Code that builds a host refers to one of a few types. Where no assembly of the output does, nothing builds one.
    /// </summary>
    private static LitestreamDiagnostic? WithoutHost(PublishedOutput output)
    {
        var builders = output
            .Assemblies.Where(MayBuildHost)
            .Where(assembly => assembly.UsedTypes.Intersect(HostTypes).Any());
        if (output.IsNative || builders.Any())
            return null;
        return Error(
            "LSB1202",
            "No code of this app builds a generic host, so nothing would start Litestream in it. Build the app on a "
                + "host (Host.CreateApplicationBuilder, WebApplication.CreateBuilder). Or set "
                + "LitestreamAutoStart=false and call services.AddLitestream() (for a WebHost), or run the published "
                + "litestream executable yourself: ./litestream replicate -config litestream.yml."
        );
    }

    private static bool MayBuildHost(PublishedAssembly assembly) =>
        !assembly.Name.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal)
        && !assembly.Name.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal)
        && !assembly.Name.StartsWith("Litestream", StringComparison.Ordinal);

    private static bool IsFalse(string? value) => bool.TryParse(value, out var flag) && !flag;

    private static bool IsTrue(string? value) => bool.TryParse(value, out var flag) && flag;
}
