using System.Globalization;
using CliWrap;
using CliWrap.Buffered;

[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.Collections, MaxThreads = 2)]
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
[assembly: AssemblyFixture(typeof(Litestream.Build.Tests.Packages))]

namespace Litestream.Build.Tests;

/// <summary>
/// Packs everything once per run, as a release would, under a version of its own. The package folder is the tests' own
/// too: other people's packages
/// stay in it from run to run, ours are removed first.
/// </summary>
public sealed class Packages : IAsyncLifetime
{
    public static string Repository { get; } = FindRepository();

    public string Version { get; } = $"0.0.0-test.{DateTime.UtcNow.Ticks.ToString(CultureInfo.InvariantCulture)}";

    public string Feed { get; } = Path.Combine(Repository, "artifacts", "test", "feed");

    /// <summary>Litestream.Executable with small dummies for eight RIDs, in two versions.</summary>
    public string DummyFeed { get; } = Path.Combine(Repository, "artifacts", "test", "dummy-feed");

    public string Folder { get; } = Path.Combine(Repository, "artifacts", "test", "packages");

    public string DummyFolder { get; } = Path.Combine(Repository, "artifacts", "test", "dummy-packages");

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

        await PackAsync("Litestream.Build.sln", $"-p:Version={Version}", $"-p:PackageOutputPath={Feed}/");
        foreach (
            var package in Directory
                .EnumerateFiles(Feed)
                .Where(file => !Path.GetFileName(file).StartsWith("Litestream.Executable.", StringComparison.Ordinal))
        )
            File.Copy(package, Path.Combine(DummyFeed, Path.GetFileName(package)));
        foreach (var version in new[] { "0.3.13", "0.3.14" })
        {
            await PackAsync(
                "src/Litestream.Executable/Litestream.Executable.csproj",
                "-p:LitestreamLockFile=testassets/runtimes/litestream.lock.json", // relative to where the command is typed
                $"-p:LitestreamVersion={version}",
                $"-p:PackageOutputPath={DummyFeed}/"
            );
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static async Task PackAsync(string project, params string[] properties)
    {
        var result = await Cli.Wrap("dotnet")
            .WithArguments(["pack", Path.Combine(Repository, project), "-c", "Release", "-v", "q", .. properties])
            .WithWorkingDirectory(Repository)
            .WithEnvironmentVariables(Workspace.CleanEnvironment)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync();
        Assert.True(
            result.ExitCode == 0,
            $"dotnet pack {project} failed:\n{result.StandardOutput}\n{result.StandardError}"
        );
    }

    private static string FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Litestream.Build.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException("The tests run from inside the repository.");
    }
}
