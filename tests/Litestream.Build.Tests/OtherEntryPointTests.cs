using CliWrap;
using CliWrap.Buffered;
using Microsoft.Data.Sqlite;

namespace Litestream.Build.Tests;

/// <summary>
/// What loads the code of an app without being the app: its tests, and the tools of EF Core. Nothing of ours starts
/// there, in Production too.
/// </summary>
public sealed class OtherEntryPointTests(Packages packages)
{
    private static readonly IReadOnlyDictionary<string, string?> Production = new Dictionary<string, string?>
    {
        ["DOTNET_ENVIRONMENT"] = "Production",
        ["ASPNETCORE_ENVIRONMENT"] = "Production",
    };

    [Theory]
    [InlineData("")]
    [InlineData("-p:DefineConstants=EXPLICIT", Traits = ["Category", "Long"])]
    // It starts by a module initializer, which comes along into the tests.
    [InlineData("-p:PublishTrimmed=true", Traits = ["Category", "Long"])]
    public async Task A_WebApplicationFactory_works_on_a_database_that_nothing_of_ours_touches(string registration)
    {
        using var workspace = new Workspace(packages).WithAsset("Site");
        (
            await workspace.DotnetAsync([
                "build",
                "tests",
                .. registration.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            ])
        ).Succeeded();
        Assert.Empty(Ours(workspace.In("tests/bin")));

        var tests = await workspace.DotnetAsync(Production, "tests/bin/Debug/net10.0/Site.Tests.dll");

        tests.Succeeded();
        Assert.Contains("Total: 1", tests.Output, StringComparison.Ordinal);
        Assert.Equal(
            2,
            Count(Assert.Single(Directory.EnumerateFiles(workspace.Folder, "orders.db", SearchOption.AllDirectories)))
        );
        Assert.Empty(Beside(workspace));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task The_tools_of_EF_Core_work_on_a_database_that_nothing_of_ours_touches()
    {
        using var workspace = new Workspace(packages).WithAsset("Site");
        await InstallToolAsync(workspace);
        (await workspace.DotnetAsync("restore")).Succeeded();

        Assert.Contains(
            "Orders",
            (await EfAsync(workspace, "dbcontext", "list")).Succeeded().Output,
            StringComparison.Ordinal
        );
        (await EfAsync(workspace, "migrations", "add", "First")).Succeeded();
        Assert.Contains(
            "First (Pending)",
            (await EfAsync(workspace, "migrations", "list")).Succeeded().Output,
            StringComparison.Ordinal
        );
        Assert.False(File.Exists(workspace.In("orders.db")));
        (await EfAsync(workspace, "database", "update")).Succeeded();

        Assert.Equal(0, Count(workspace.In("orders.db")));
        Assert.Empty(Beside(workspace));
    }

    private static async Task InstallToolAsync(Workspace workspace)
    {
        var install = await workspace.DotnetAsync(
            "tool",
            "install",
            "dotnet-ef",
            "--version",
            "10.0.15",
            "--tool-path",
            workspace.In("tools")
        );
        if (install.ExitCode != 0 && install.ErrorOutput.Contains("dotnet-ef", StringComparison.Ordinal))
            Assert.Skip($"Not on the package source: dotnet-ef 10.0.15. {install.ErrorOutput.Trim()}");
        install.Succeeded();
    }

    private static async Task<BuildResult> EfAsync(Workspace workspace, params string[] arguments)
    {
        var result = await Cli.Wrap(workspace.In("tools/dotnet-ef"))
            .WithArguments([.. arguments, "--project", workspace.In("Site.csproj")])
            .WithWorkingDirectory(workspace.Folder)
            .WithEnvironmentVariables(workspace.EnvironmentVariables.Concat(Production).ToDictionary())
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        return new BuildResult(
            $"ef {string.Join(' ', arguments)}",
            result.ExitCode,
            result.StandardOutput,
            result.StandardError,
            ""
        );
    }

    /// <summary>
    /// What is in the project beside a database and is ours or litestream's: lock, state, replica, files of a run.
    /// </summary>
    private static IEnumerable<string> Beside(Workspace workspace) =>
        Directory
            .EnumerateFileSystemEntries(workspace.Folder, "*", SearchOption.AllDirectories)
            .Where(path =>
                Path.GetFileName(path).StartsWith(".orders.db", StringComparison.Ordinal)
                || Path.GetFileName(path) == "litestream-replicas"
            );

    private static IEnumerable<string> Ours(string folder) =>
        Directory.EnumerateFiles(folder, "litestream*", SearchOption.AllDirectories);

    private static long Count(string database)
    {
        using var connection = new SqliteConnection($"Data Source={database};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM \"All\"";
        return (long)command.ExecuteScalar()!;
    }
}
