using System.Collections;
using CliWrap;
using CliWrap.Buffered;
using Microsoft.Build.Logging.StructuredLogger;
using StructuredTask = Microsoft.Build.Logging.StructuredLogger.Task;
using Target = Microsoft.Build.Logging.StructuredLogger.Target;

namespace Litestream.Build.Tests;

/// <summary>A folder outside the repository with a user's project in it.</summary>
public sealed class Workspace : IDisposable
{
    private readonly Packages _packages;
    private readonly bool _dummies;

    /// <param name="packages">The packed packages.</param>
    /// <param name="name">The folder's own name: tests of odd paths give odd names.</param>
    /// <param name="dummies">Take the package with dummy executables for eight RIDs.</param>
    public Workspace(Packages packages, string name = "app", bool dummies = false)
    {
        _packages = packages;
        _dummies = dummies;
        Root = Directory.CreateTempSubdirectory("lsb-").FullName;
        Folder = Directory.CreateDirectory(Path.Combine(Root, name)).FullName;
    }

    /// <summary>
    /// What MSBuild, the test host or a CI server put into the environment, and a user's shell does not have.
    /// </summary>
    public static IReadOnlyDictionary<string, string?> CleanEnvironment { get; } = Clean();

    public string Root { get; }

    public string Folder { get; }

    public string In(string relative) => Path.Combine(Folder, relative);

    /// <summary>Copies a project of testassets/ and adds the package to it, nothing else.</summary>
    public Workspace WithAsset(string asset, bool reference = true)
    {
        var source = Repository.In("testassets", asset);
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(source, file);
            if (
                relative.StartsWith("bin", StringComparison.Ordinal)
                || relative.StartsWith("obj", StringComparison.Ordinal)
            )
            {
                continue;
            }

            Write(relative, File.ReadAllText(file));
        }

        if (reference)
            AddPackage($"{asset}.csproj");
        return this;
    }

    /// <summary>Makes the SDK's MVC template with accounts, named Site, and adds the package to it.</summary>
    public async Task<Workspace> WithMvcAsync()
    {
        (await DotnetAsync("new", "mvc", "-au", "Individual", "-n", "Site", "-o", ".", "--no-restore")).Succeeded();
        AddPackage("Site.csproj");
        return this;
    }

    public void AddPackage(string project, string id = "Litestream.Build", string? version = null) =>
        Edit(
            project,
            text =>
                text.Replace(
                    "</Project>",
                    $"  <ItemGroup>\n    <PackageReference Include=\"{id}\" "
                        + $"Version=\"{version ?? _packages.Version}\" />\n  </ItemGroup>\n</Project>",
                    StringComparison.Ordinal
                )
        );

    public void Write(string relative, string text)
    {
        var path = Path.Combine(Folder, relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    public void Edit(string relative, Func<string, string> edit) =>
        Write(relative, edit(File.ReadAllText(Path.Combine(Folder, relative))));

    /// <summary>
    /// Runs <c>dotnet</c> in the folder as a user would; the package source and folder come by environment.
    /// </summary>
    public Task<BuildResult> DotnetAsync(params string[] arguments) =>
        DotnetAsync(new Dictionary<string, string?>(), arguments);

    /// <summary>The same with variables that the user has set.</summary>
    public async Task<BuildResult> DotnetAsync(
        IReadOnlyDictionary<string, string?> variables,
        params string[] arguments
    )
    {
        var log = Path.Combine(Root, $"{Guid.NewGuid():N}.binlog");
        var builds = arguments[0] is "build" or "publish" or "msbuild" or "pack" or "clean" or "restore";
        using var server = builds ? BuildServer.Taken() : null;
        var environment = new Dictionary<string, string?>(EnvironmentVariables);
        foreach (var (name, value) in variables)
            environment[name] = value;
        var result = await Cli.Wrap("dotnet")
            .WithArguments(builds ? [.. arguments, $"-bl:{log};ProjectImports=None", "-tl:off", "-m:1"] : arguments)
            .WithWorkingDirectory(Folder)
            .WithEnvironmentVariables(server?.In(environment) ?? environment)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        var build = new BuildResult(
            string.Join(' ', arguments),
            result.ExitCode,
            result.StandardOutput,
            result.StandardError,
            log
        );

        // On a busy machine MSBuild's client sometimes misses the server's answer, and ends with 1. The log has it.
        return builds && build is { ExitCode: 1, Log.Succeeded: true } ? build with { ExitCode = 0 } : build;
    }

    public IReadOnlyDictionary<string, string?> EnvironmentVariables =>
        new Dictionary<string, string?>(CleanEnvironment)
        {
            ["NUGET_PACKAGES"] = _dummies ? _packages.DummyFolder : _packages.Folder,
            ["RestoreAdditionalProjectSources"] = _dummies ? _packages.DummyFeed : _packages.Feed,
        };

    public void Dispose()
    {
        // Whether the test fails is not known yet when its objects are disposed.
        if (Environment.GetEnvironmentVariable("LSB_KEEP") == "1")
            return;
        TestFolder.Delete(Root);
    }

    private static Dictionary<string, string?> Clean()
    {
        var environment = Environment
            .GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .Select(entry => (string)entry.Key)
            .Where(name =>
                name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("LITESTREAM", StringComparison.OrdinalIgnoreCase)
                || name
                    is "DOTNET_HOST_PATH"
                        or "DOTNET_STARTUP_HOOKS"
                        or "CI"
                        or "ASPNETCORE_ENVIRONMENT"
                        or "DOTNET_ENVIRONMENT"
            )
            .ToDictionary(name => name, _ => (string?)null);
        environment["MSBUILDDISABLENODEREUSE"] = "1";
        environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        environment["DOTNET_NOLOGO"] = "1";
        environment["DOTNET_CLI_UI_LANGUAGE"] = "en";

        // Not what is tested, and slow: a compiler for each build, the SDK's analyzers, code that is measured to be
        // compiled again, and the question for vulnerable packages.
        environment["UseSharedCompilation"] = "true";
        environment["RunAnalyzers"] = "false";
        environment["DOTNET_TieredPGO"] = "0";
        environment["NuGetAudit"] = "false";
        return environment;
    }
}

/// <summary>What a <c>dotnet</c> command printed and logged.</summary>
public sealed record BuildResult(string Command, int ExitCode, string Output, string ErrorOutput, string BinaryLog)
{
    private Microsoft.Build.Logging.StructuredLogger.Build? _log;

    public Microsoft.Build.Logging.StructuredLogger.Build Log =>
        _log ??= Microsoft.Build.Logging.StructuredLogger.BinaryLog.ReadBuild(BinaryLog);

    public IReadOnlyList<Error> Errors =>
        Log.FindChildrenRecursive<Error>().Where(error => error is not null).ToList()!;

    public IReadOnlyList<Warning> Warnings => Log.FindChildrenRecursive<Warning>().ToList()!;

    /// <summary>Tasks of ours that ran.</summary>
    public IReadOnlyList<string> OurTasks =>
        Log.FindChildrenRecursive<StructuredTask>()
            .Where(task => task.FromAssembly?.Contains("Litestream.Build.Tasks", StringComparison.Ordinal) == true)
            .Select(task => task.Name)
            .ToList();

    /// <summary>All tasks, MSBuild's own too, that ran in targets of ours.</summary>
    public IReadOnlyList<string> TasksInOurTargets =>
        Log.FindChildrenRecursive<Target>()
            .Where(target =>
                target.Name.StartsWith("_Litestream", StringComparison.Ordinal)
                || target.Name.StartsWith("Litestream", StringComparison.Ordinal)
            )
            .SelectMany(target =>
                target.Children.OfType<StructuredTask>().Select(task => $"{target.Name}: {task.Name}")
            )
            .ToList();

    public BuildResult Succeeded()
    {
        Assert.True(ExitCode == 0, $"dotnet {Command} failed with exit code {ExitCode}:\n{Output}\n{ErrorOutput}");
        return this;
    }

    public BuildResult FailedWith(string code)
    {
        Assert.True(ExitCode != 0, $"dotnet {Command} was to fail with {code} and succeeded:\n{Output}");
        Assert.Equal([code], Errors.Select(error => error.Code).Where(c => !string.IsNullOrEmpty(c)).Distinct());
        return this;
    }

    public BuildResult WarnedWith(string code)
    {
        Assert.Contains(code, Warnings.Select(warning => warning.Code));
        return this;
    }
}
