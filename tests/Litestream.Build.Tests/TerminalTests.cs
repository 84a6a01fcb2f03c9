using System.Text.RegularExpressions;
using Microsoft.Build.Logging.StructuredLogger;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tests;

/// <summary>
/// What the targets print is seen: in a terminal that has a size, where MSBuild's terminal logger is on, and everywhere
/// else.
/// </summary>
public sealed class TerminalTests(Packages packages)
{
    private const string Row = "data/bücher.db  Books";

    [Fact]
    [Trait("Category", "Long")]
    public async Task In_a_terminal_every_target_and_a_publish_print_what_they_print_in_a_pipe_and_print_it_once()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "appsettings.json",
            text =>
                text.Replace(
                    "\"Orders\": \"Data Source=data/orders.db\"",
                    "\"Books\": \"Data Source=data/bücher.db\"",
                    StringComparison.Ordinal
                )
        );
        (await app.DotnetAsync("restore")).Succeeded();

        // The table is wider than the terminal of 120 columns, let alone one of 40.
        Assert.Equal(1, Count(Row, await ScreenAsync(app, "msbuild", "-t:LitestreamDatabases")));
        Assert.Equal(1, Count(Row, await ScreenAsync(app, "build", "-t:LitestreamDatabases")));
        Assert.Equal(1, Count(Row, await ScreenAsync(app, "msbuild", "-t:LitestreamDatabases", "-tl:off")));
        Assert.Equal(1, Count(Row, await ScreenAsync(app, 40, "msbuild", "-t:LitestreamDatabases")));
        Assert.Equal(0, Count(Row, await ScreenAsync(app, "msbuild", "-t:LitestreamDatabases", "-v:q")));

        // Beside the terminal: a file, and the binary log.
        var log = app.In("again.binlog");
        Assert.Equal(1, Count(Row, await ScreenAsync(app, "msbuild", "-t:LitestreamDatabases", "-fl", $"-bl:{log}")));
        Assert.Equal(
            1,
            Count(Row, await File.ReadAllTextAsync(app.In("msbuild.log"), TestContext.Current.CancellationToken))
        );
        Assert.Single(
            BinaryLog.ReadBuild(log).FindChildrenRecursive<Message>(),
            message => message.Text.Contains(Row, StringComparison.Ordinal)
        );
        Assert.Equal(1, Count(Row, (await app.DotnetAsync("msbuild", "-t:LitestreamDatabases")).Succeeded().Output));

        var publish = await ScreenAsync(app, "publish", "-o", "out");
        Assert.Equal(1, Count("Litestream: data/bücher.db -> file: data/litestream-replicas/bücher.db", publish));
        Assert.Equal(1, Count($"Litestream: executable {Repository.Version} for linux-x64", publish));
        Assert.Equal(1, Count("Litestream: starts with the app, outside Development", publish));

        var doctor = await ScreenAsync(app, "msbuild", "-t:LitestreamDoctor", "-p:LitestreamContentRoot=out");
        Assert.Matches(@"ok +executable +", doctor);

        var version = await ScreenAsync(app, "msbuild", "-t:LitestreamVersion");
        Assert.Equal(1, Count($"{Repository.Version}  ", version));

        var init = await ScreenAsync(app, "msbuild", "-t:LitestreamInit");
        Assert.Equal(1, Count("Written: ", init));
        Assert.Equal(1, Count("the build generates none", init));
    }

    [Fact]
    public async Task In_a_terminal_a_restore_says_what_it_does_and_an_error_is_there_too()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("publish", "-o", "out")).Succeeded();
        await PublishedAppTests.RunOnceAsync(app, expectedRows: 0);
        foreach (var file in Directory.EnumerateFiles(app.In("out/data"), "orders.db*"))
            File.Delete(file);

        var restored = await ScreenAsync(
            app,
            "msbuild",
            "-t:LitestreamRestore",
            "-p:LitestreamContentRoot=out",
            "-p:LitestreamTimestamp=0 seconds ago"
        );
        Assert.Equal(1, Count("As of ", restored));
        Assert.Contains("restoring snapshot", restored, StringComparison.Ordinal);
        Assert.Equal(1, Count("Restored data/orders.db to ", restored));
        Assert.Equal(["row"], PublishedAppTests.Rows(app.In("out/data/orders.db")));

        var (refused, exitCode) = await RunAsync(
            app,
            120,
            "msbuild",
            "-t:LitestreamRestore",
            "-p:LitestreamContentRoot=out"
        );
        Assert.Contains("LSB4001", refused, StringComparison.Ordinal);
        Assert.Equal(1, exitCode);
    }

    private static int Count(string text, string screen) => Regex.Count(screen, Regex.Escape(text));

    private static Task<string> ScreenAsync(Workspace app, params string[] arguments) =>
        ScreenAsync(app, 120, arguments);

    private static async Task<string> ScreenAsync(Workspace app, ushort columns, params string[] arguments)
    {
        var (screen, exitCode) = await RunAsync(app, columns, arguments);
        Assert.True(exitCode == 0, $"dotnet {string.Join(' ', arguments)} ended with {exitCode}:\n{screen}");
        return screen;
    }

    private static Task<(string Screen, int ExitCode)> RunAsync(
        Workspace app,
        ushort columns,
        params string[] arguments
    ) =>
        PseudoTerminal.RunAsync(
            "dotnet",
            arguments,
            app.Folder,
            app.EnvironmentVariables,
            columns,
            TestContext.Current.CancellationToken
        );
}
