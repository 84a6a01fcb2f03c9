using System.Globalization;
using CliWrap;
using CliWrap.Buffered;
using Litestream.Build.Tests;

[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.Collections, MaxThreads = 3)]
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
[assembly: AssemblyFixture(typeof(Packages))]
[assembly: LongestFirst(
    typeof(ReplicaVerbTests),
    typeof(VerbSafetyTests),
    typeof(OutputTests),
    typeof(VerbTests),
    typeof(PublishedCommandTests),
    typeof(PublishedAppTests),
    typeof(ProjectShapeTests),
    typeof(WrongInputTests),
    typeof(PublishCheckTests)
)]

namespace Litestream.Build.Tests;

/// <summary>
/// Packs everything once per run, as a release would, under a version of its own. The package folder is the tests' own
/// too: other people's packages
/// stay in it from run to run, ours are removed first.
/// </summary>
public sealed class Packages : IAsyncLifetime
{
    public string Version { get; } = $"0.0.0-test.{DateTime.UtcNow.Ticks.ToString(CultureInfo.InvariantCulture)}";

    public string Feed { get; } = Repository.In("artifacts", "test", "feed");

    /// <summary>Litestream.Executable with small dummies for eight RIDs, in two versions.</summary>
    public string DummyFeed { get; } = Repository.In("artifacts", "test", "dummy-feed");

    public string Folder { get; } = Repository.In("artifacts", "test", "packages");

    public string DummyFolder { get; } = Repository.In("artifacts", "test", "dummy-packages");

    private readonly Lazy<Task<Workspace>> _worker;
    private readonly Lazy<Task<Workspace>> _site;

    public Packages()
    {
        _worker = new(async () => await PublishAsync(new Workspace(this).WithAsset("Worker")));
        _site = new(async () =>
            await PublishAsync(await new Workspace(this).WithMvcAsync(), "-p:CompressionEnabled=false")
        );
    }

    /// <summary>The worker of testassets/, published once per run, for tests that only run it.</summary>
    public Task<Workspace> WorkerAsync() => CopyAsync(_worker);

    /// <summary>The SDK's MVC template with accounts, in the same way.</summary>
    public Task<Workspace> SiteAsync() => CopyAsync(_site);

    public async ValueTask InitializeAsync()
    {
        foreach (var feed in new[] { Feed, DummyFeed })
        {
            if (Directory.Exists(feed))
                Directory.Delete(feed, recursive: true);
            Directory.CreateDirectory(feed);
        }

        foreach (var folder in new[] { Folder, DummyFolder })
        {
            Directory.CreateDirectory(folder);
            foreach (var ours in Directory.EnumerateDirectories(folder, "litestream*"))
                Directory.Delete(ours, recursive: true);
        }

        // The dummies stand for releases of the line 0.3, and their tests do not depend on the line.
        string[] dummies = Repository.IsLine05
            ? []
            :
            [
                // The path of the lock file is relative to where the command is typed.
                "-p:DummyLockFile=testassets/runtimes/litestream.lock.json",
                $"-p:DummyOutputPath={DummyFeed}/",
            ];
        await PackAsync(
            [
                $"-p:Version={Version}",
                $"-p:LitestreamVersion={Repository.Version}",
                $"-p:PackageOutputPath={Feed}/",
                "-p:RunAnalyzers=false",
                .. dummies,
            ]
        );
        if (Repository.IsLine05)
            return;
        foreach (
            var package in Directory
                .EnumerateFiles(Feed)
                .Where(file => !Path.GetFileName(file).StartsWith("Litestream.Executable.", StringComparison.Ordinal))
        )
        {
            File.Copy(package, Path.Combine(DummyFeed, Path.GetFileName(package)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var published in new[] { _worker, _site })
        {
            if (published is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
                (await published.Value).Dispose();
        }

        await BuildServer.ShutDownAsync();
    }

    private static async Task<Workspace> PublishAsync(Workspace workspace, params string[] options)
    {
        (await workspace.DotnetAsync(["publish", "-c", "Release", "-o", "out", .. options])).Succeeded();
        return workspace;
    }

    /// <summary>A folder of a test's own with the output and nothing else.</summary>
    private async Task<Workspace> CopyAsync(Lazy<Task<Workspace>> published)
    {
        var (from, to) = ((await published.Value).In("out"), new Workspace(this));
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to.In("out"), Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return to;
    }

    /// <summary>
    /// All in one process: each further one would start MSBuild, restore, and look at the same projects again.
    /// </summary>
    private static async Task PackAsync(string[] properties)
    {
        const string Project = "testassets/Packages.proj";
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(30));
        var result = await Cli.Wrap("dotnet")
            .WithArguments(["pack", Repository.In(Project), "-c", "Release", "-v", "q", "-m:1", .. properties])
            .WithWorkingDirectory(Repository.Root)
            .WithEnvironmentVariables(Workspace.CleanEnvironment)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(limit.Token);
        Assert.True(
            result.ExitCode == 0,
            $"dotnet pack {Project} failed:\n{result.StandardOutput}\n{result.StandardError}"
        );
    }
}
