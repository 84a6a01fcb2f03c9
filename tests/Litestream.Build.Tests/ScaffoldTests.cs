using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using CliWrap;
using CliWrap.Buffered;
using Microsoft.Data.Sqlite;

namespace Litestream.Build.Tests;

/// <summary>LitestreamScaffold on a web app, and what its files say really done.</summary>
public sealed class ScaffoldTests(Packages packages)
{
    private const string App = """
        using Microsoft.Data.Sqlite;

        var app = WebApplication.CreateBuilder(args).Build();
        app.MapGet("/{text}", (string text, IConfiguration configuration) =>
        {
            using var connection = new SqliteConnection(configuration.GetConnectionString("Shop"));
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, text); "
                + "INSERT INTO rows(text) VALUES ($text); SELECT count(*) FROM rows";
            command.Parameters.AddWithValue("$text", text);
            return $"rows: {command.ExecuteScalar()}";
        });
        app.Run();
        """;

    [Fact]
    [Trait("Category", "Long")]
    public async Task What_is_written_builds_publishes_and_runs_the_app_and_a_stop_loses_nothing()
    {
        using var app = Shop("my shop");
        (await app.DotnetAsync("restore")).Succeeded();
        var output = app.In("out");

        var written = await ScaffoldAsync(
            app,
            "systemd%3BDockerfile%3bcompose%3Bprocfile",
            $"-p:LitestreamScaffoldInstallDir={output}"
        );

        Assert.Equal(
            ["shop.service", "Dockerfile", "Dockerfile.dockerignore", "compose.yaml", "Procfile"],
            written.Select(Path.GetFileName)
        );
        var dockerfile = Instructions(app.In("Dockerfile"));
        var publish = dockerfile.Single(line => line.StartsWith("RUN dotnet publish", StringComparison.Ordinal))[
            "RUN ".Length..
        ];
        Assert.EndsWith(" -o /app", publish, StringComparison.Ordinal);
        await ShellAsync(app, publish.Replace("-o /app", $"-o '{output}'", StringComparison.Ordinal));
        Assert.Equal(
            ["dotnet", "/app/Shop.dll"],
            JsonSerializer.Deserialize<string[]>(dockerfile[^1]["ENTRYPOINT ".Length..])!
        );
        Assert.Contains("ENV ASPNETCORE_URLS=http://+:8080", dockerfile);
        Assert.True(File.Exists(Path.Combine(output, "litestream")));

        var verify = await Cli.Wrap("sh")
            .WithArguments([
                "-c",
                "command -v systemd-analyze >/dev/null || exit 99; systemd-analyze verify \"$0\"",
                app.In("shop.service"),
            ])
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        Assert.True(verify.ExitCode is 0 or 99, verify.StandardError);

        await RunProcfileAsync(
            output,
            File.ReadLines(app.In("Procfile")).Single(line => line.StartsWith("web: ", StringComparison.Ordinal))[
                "web: ".Length..
            ]
        );
        await RunUnitAsync(app, output);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Nothing_is_overwritten_unless_that_is_asked_for()
    {
        using var app = Shop("shop");
        (await app.DotnetAsync("restore")).Succeeded();
        await ScaffoldAsync(app, "procfile", "-p:LitestreamOutput=deploy/here");
        app.Write("deploy/here/Procfile", "web: mine");

        var again = (
            await app.DotnetAsync(
                "msbuild",
                "-t:LitestreamScaffold",
                "-p:LitestreamScaffoldKind=compose%3BProcfile",
                "-p:LitestreamOutput=deploy/here"
            )
        ).FailedWith("LSB3017");
        Assert.Single(again.Errors);
        Assert.Equal("web: mine", File.ReadAllText(app.In("deploy/here/Procfile")));
        Assert.False(File.Exists(app.In("deploy/here/compose.yaml")));
        (await app.DotnetAsync("msbuild", "-t:LitestreamScaffold", "-p:LitestreamScaffoldKind=kubernetes")).FailedWith(
            "LSB3008"
        );
        (await app.DotnetAsync("msbuild", "-t:LitestreamScaffold")).FailedWith("LSB3008");

        await ScaffoldAsync(app, "Procfile", "-p:LitestreamOutput=deploy/here", "-p:LitestreamForce=true");
        Assert.Contains(
            "web: exec env ASPNETCORE_URLS=http://+:${PORT:-5123} dotnet Shop.dll",
            File.ReadAllText(app.In("deploy/here/Procfile")),
            StringComparison.Ordinal
        );
    }

    /// <summary>
    /// As a process manager does it: through a shell, in the publish folder, with a port of its choice; stopped with
    /// SIGTERM.
    /// </summary>
    private static async Task RunProcfileAsync(string output, string command)
    {
        var port = FreePort();
        using var running = RunningApp.Start(
            "sh",
            ["-c", command],
            output,
            new Dictionary<string, string?> { ["PORT"] = $"{port}" }
        );
        await StopAsync(running, port, output, Path.Combine(output, "data", "shop.db"));
    }

    /// <summary>
    /// As systemd does it: the unit's program in the unit's folder with the unit's environment; the signal goes to the
    /// program only.
    /// </summary>
    private static async Task RunUnitAsync(Workspace app, string output)
    {
        var unit = File.ReadLines(app.In("shop.service"))
            .Where(line => line.Contains('=', StringComparison.Ordinal) && line[0] != '#')
            .ToLookup(line => line.Split('=')[0], line => line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..]);
        var state = app.In("state");
        foreach (var folder in unit["StateDirectory"].Single().Split(' '))
            Directory.CreateDirectory(Path.Combine(state, folder));
        Assert.Equal("/var/lib/shop", unit["WorkingDirectory"].Single());
        var environment = unit["Environment"]
            .Select(line => line.Trim('"').Split('=', 2))
            .ToDictionary(pair => pair[0], pair => (string?)pair[1]);
        Assert.Equal("http://localhost:5123", environment["ASPNETCORE_URLS"]);
        var port = FreePort();
        environment["ASPNETCORE_URLS"] = $"http://localhost:{port}";
        var command = unit["ExecStart"].Single().Split(' ', 2);
        Assert.Equal("/usr/bin/dotnet", command[0]);
        using var running = RunningApp.Start(
            "dotnet",
            [command[1].Trim('"')],
            Path.Combine(state, "shop"),
            environment
        );
        await StopAsync(running, port, output, Path.Combine(state, "shop", "data", "shop.db"));
    }

    /// <summary>Writes through the app, stops it, and counts what comes back from the replica.</summary>
    private static async Task StopAsync(RunningApp running, int port, string output, string database)
    {
        await running.WaitForAsync("Now listening on");
        using var client = new HttpClient { BaseAddress = new Uri($"http://localhost:{port}") };
        for (var i = 1; i <= 20; i++)
        {
            Assert.Equal(
                $"rows: {i}",
                await client.GetStringAsync(
                    new Uri($"/row{i}", UriKind.Relative),
                    TestContext.Current.CancellationToken
                )
            );
        }

        Assert.True(File.Exists(database), running.Output);
        running.Signal("TERM");
        Assert.True(await running.WaitForExitAsync() == 0, running.Output);
        Assert.Empty(RunningApp.ProcessesOf(Path.Combine(output, "litestream")));

        var restored = Path.Combine(output, $"{Guid.NewGuid():N}.db");
        var restore = await Cli.Wrap(Path.Combine(output, "litestream"))
            .WithArguments([
                "restore",
                "-config",
                Path.Combine(output, "litestream.yml"),
                "-o",
                restored,
                "data/shop.db",
            ])
            .WithWorkingDirectory(Path.GetDirectoryName(Path.GetDirectoryName(database))!)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        Assert.True(restore.ExitCode == 0, $"{restore.StandardError}\n{running.Output}");
        Assert.Equal(Enumerable.Range(1, 20).Select(i => $"row{i}"), PublishedAppTests.Rows(restored));
        SqliteConnection.ClearAllPools();
    }

    private Workspace Shop(string folder)
    {
        var app = new Workspace(packages, folder);
        app.Write(
            "Shop.csproj",
            """
            <Project Sdk="Microsoft.NET.Sdk.Web">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="Microsoft.Data.Sqlite" Version="10.0.15" /></ItemGroup>
            </Project>
            """
        );
        app.AddPackage("Shop.csproj");
        app.Write("Program.cs", App);
        app.Write("appsettings.json", """{ "ConnectionStrings": { "Shop": "Data Source=data/shop.db" } }""");
        app.Write(
            "Properties/launchSettings.json",
            """{ "profiles": { "https": { "applicationUrl": "https://localhost:7123;http://localhost:5123" } } }"""
        );
        return app;
    }

    private static async Task<IReadOnlyList<string>> ScaffoldAsync(
        Workspace app,
        string kinds,
        params string[] properties
    )
    {
        var result = (
            await app.DotnetAsync([
                "msbuild",
                $"-p:LitestreamScaffoldKind={kinds}",
                "-getTargetResult:LitestreamScaffold",
                .. properties,
            ])
        ).Succeeded();
        using var json = JsonDocument.Parse(result.Output);
        return
        [
            .. json
                .RootElement.GetProperty("TargetResults")
                .GetProperty("LitestreamScaffold")
                .GetProperty("Items")
                .EnumerateArray()
                .Select(item => item.GetProperty("Identity").GetString()!),
        ];
    }

    private static List<string> Instructions(string dockerfile) =>
        [.. File.ReadLines(dockerfile).Where(line => line.Length > 0 && line[0] != '#')];

    private static async Task ShellAsync(Workspace app, string command)
    {
        var result = await Cli.Wrap("sh")
            .WithArguments(["-c", command])
            .WithWorkingDirectory(app.Folder)
            .WithEnvironmentVariables(app.EnvironmentVariables)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, $"{command}\n{result.StandardOutput}\n{result.StandardError}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
