using System.Text.Json;
using CliWrap;
using CliWrap.Buffered;
using Microsoft.Data.Sqlite;

namespace Litestream.Build.Tests;

/// <summary>
/// The commands of a published app: a machine that has the publish folder and neither the project nor an SDK.
/// </summary>
public sealed class PublishedCommandTests(Packages packages)
{
    /// <summary>What an operator writes: each line reacts to an exit code.</summary>
    private static readonly string s_script = $$"""
        app="$1"
        $app litestream verify --start-replicator --level Quick || exit 17
        rm app.db*
        $app litestream restore --if-replica-exists || exit 10
        $app litestream restore --if-db-not-exists || exit 11
        $app litestream restore; [ $? -eq 1 ] || exit 12
        $app litestream restroe; [ $? -eq 2 ] || exit 13
        $app litestream restore --timestamp whenever; [ $? -eq 2 ] || exit 14
        if $app litestream drill --query "SELECT 1 WHERE 0"; then exit 15; fi
        $app litestream drill --query "SELECT count(*) FROM sqlite_master" || exit 16
        version=$($app litestream run -- version)
        [ "$version" = "{{(Repository.IsLine05 ? "" : "v")}}{{Repository.Version}}" ] || exit 18
        $app litestream doctor || exit 19
        echo "the script is through"
        """;

    [Theory]
    [InlineData("dotnet Site.dll", Traits = ["Category", "Long"])]
    [InlineData("./Site", Traits = ["Category", "Long"])]
    public async Task An_mvc_app_with_accounts_answers_a_script_and_serves_nothing(string start)
    {
        using var workspace = await packages.SiteAsync();
        Assert.Empty(
            Directory.EnumerateFiles(workspace.In("out"), "System.CommandLine*.dll", SearchOption.AllDirectories)
        );
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
            ["HOME"] = workspace.Root,
        };
        using (var app = RunningApp.Start(workspace.In("out/Site"), [], workspace.In("out"), environment))
        {
            // Kestrel takes a stop before it listens for an error.
            await app.WaitForAsync("Application started");
            await app.SendsToAsync(workspace.In("out/litestream-replicas/app.db"));
            app.Signal("TERM");
            Assert.True(await app.WaitForExitAsync() == 0, app.Output);
        }

        var script = await RunAsync("sh", ["-c", s_script, "sh", start], workspace.In("out"), environment);

        Assert.True(script.ExitCode == 0, $"{script.ExitCode}\n{script.StandardOutput}\n{script.StandardError}");
        Assert.EndsWith("the script is through\n", script.StandardOutput, StringComparison.Ordinal);
        Assert.DoesNotContain("Now listening", script.StandardOutput + script.StandardError, StringComparison.Ordinal);
        Assert.Equal(
            1,
            Count(workspace.In("out/app.db"), "SELECT count(*) FROM sqlite_master WHERE name = 'AspNetUsers'")
        );
        Assert.Empty(RunningApp.ProcessesOf(workspace.In("out/litestream")));
    }

    [Fact]
    public Task A_worker_answers_from_another_directory() => AnswersAsync("");

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("-r linux-x64 --self-contained -p:PublishSingleFile=true")]
    [InlineData("-r linux-x64 --self-contained -p:PublishTrimmed=true")]
    public Task A_worker_answers_however_it_is_published(string options) => AnswersAsync(options);

    private static int Of03 => Repository.IsLine05 ? 2 : 0;

    private static int Of05 => Repository.IsLine05 ? 0 : 2;

    /// <summary>A verb, and its exit code beside the running app and without it; null: not asked then.</summary>
    private static readonly (string Command, int? Running, int? Stopped)[] Verbs =
    [
        ("databases", 0, 0),
        ("config", 0, 0),
        ("env", 0, 0),
        ("generations", Of03, Of03),
        ("snapshots", Of03, Of03),
        ("wal", Of03, Of03),
        ("ltx", Of05, Of05),
        ("doctor", 0, 0),
        ("version", 0, 0),
        ("run -- version", 0, 0),
        ("verify --level Quick", 0, null),
        ("verify --level Quick --start-replicator", null, 0),
        ("status", 0, 1),
        ("drill", 0, 0),
        ("query SELECT/**/1", 0, 0),
        ("diff", 0, 0),
        ("restore", 1, 1),
        ("restore --force", 1, null),
        ("restore --force --dry-run", 1, 0),
        ("restore --output copy.db", 0, 0),
        ("restore --diff --output side.db", 0, 0),
        ("pull --output dev.db", 0, 0),
        ("pull", 1, 1),
        ("restore --force", null, 0),
        ("restroe", 2, 2),
    ];

    [Fact]
    [Trait("Category", "Long")]
    public Task Each_verb_answers_a_user_who_is_not_root_beside_the_running_app_and_without_it() =>
        EachVerbAsync("worker", "");

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("mvc", "")]
    [InlineData("mvc", "-r linux-x64 --self-contained -p:PublishSingleFile=true")]
    [InlineData("mvc", "-r linux-x64 --self-contained -p:PublishTrimmed=true -p:TrimMode=partial")]
    [InlineData("worker", "-r linux-x64 --self-contained -p:PublishSingleFile=true")]
    [InlineData("worker", "-r linux-x64 --self-contained -p:PublishTrimmed=true")]
    public Task Each_verb_answers_however_it_is_published(string template, string options) =>
        EachVerbAsync(template, options);

    /// <summary>The files that the verbs make in the folder where they are asked.</summary>
    private static readonly string[] Made = ["copy.db", "side.db", "dev.db"];

    private async Task EachVerbAsync(string template, string options)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Another user's processes are root's to start.");
        const string User = "12345";
        using var workspace = await PublishAsync(template, options);
        var program = workspace.In(template == "mvc" ? "out/Site" : "out/Worker");
        var elsewhere = Directory.CreateDirectory(Path.Combine(workspace.Root, "else where")).FullName;
        File.SetUnixFileMode(workspace.Root, (UnixFileMode)Convert.ToInt32("755", 8));
        var owned = await RunAsync(
            "chown",
            ["-R", $"{User}:{User}", workspace.In("out"), elsewhere],
            workspace.Root,
            new Dictionary<string, string?>()
        );
        Assert.True(owned.ExitCode == 0, owned.StandardError);
        string[] asUser = [$"--reuid={User}", $"--regid={User}", "--clear-groups", program];
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
            ["HOME"] = elsewhere,
            ["TMPDIR"] = elsewhere,
        };

        using (var app = RunningApp.Start("setpriv", asUser, workspace.In("out"), environment))
        {
            await app.WaitForAsync("Application started");
            if (template == "worker")
                app.WriteLine("row");

            await app.SendsToAsync(
                workspace.In(
                    template == "mvc" ? "out/litestream-replicas/app.db" : "out/data/litestream-replicas/orders.db"
                )
            );
            var status = await CommandAsync("status --json");
            for (var tries = 0; status.ExitCode != 0 && tries < 60; tries++)
                status = await CommandAsync("status --json");
            Assert.Equal(
                app.Id,
                JsonDocument
                    .Parse(status.StandardOutput)
                    .RootElement.GetProperty("Items")[0]
                    .GetProperty("App")
                    .GetInt32()
            );
            foreach (var (command, expected, _) in Verbs)
                await AnswersAsync(command, expected);

            app.Signal("TERM");
            Assert.True(await app.WaitForExitAsync() == 0, app.Output);
        }

        foreach (var (command, _, expected) in Verbs)
            await AnswersAsync(command, expected);

        var none = await CommandAsync("status");
        Assert.Contains("No running app reports on this database.", none.StandardOutput, StringComparison.Ordinal);
        using (var alone = RunningApp.Start("setpriv", [.. asUser, "litestream", "replicate"], elsewhere, environment))
        {
            await alone.WaitForAsync("replicating to");
            alone.Signal("TERM");
            Assert.True(await alone.WaitForExitAsync() == 0, alone.Output);
        }

        Assert.Empty(RunningApp.ProcessesOf(workspace.In("out/litestream")));

        async Task AnswersAsync(string command, int? exitCode)
        {
            if (exitCode is null)
                return;

            foreach (var json in new[] { false, true })
            {
                foreach (var made in Made)
                    File.Delete(Path.Combine(elsewhere, made));

                var run = await CommandAsync(
                    json
                        ? command.Replace("run --", "run --json --", StringComparison.Ordinal)
                            + (
                                command.Contains("--json", StringComparison.Ordinal)
                                || command.StartsWith("run", StringComparison.Ordinal)
                                    ? ""
                                    : " --json"
                            )
                        : command
                );
                Assert.True(
                    run.ExitCode == exitCode,
                    $"{command}: {run.ExitCode} instead of {exitCode}\n{run.StandardOutput}\n{run.StandardError}"
                );
                Assert.DoesNotContain("   at ", run.StandardError, StringComparison.Ordinal);
                if (json)
                {
                    Assert.Equal(
                        exitCode,
                        JsonDocument.Parse(run.StandardOutput).RootElement.GetProperty("ExitCode").GetInt32()
                    );
                }
            }
        }

        Task<BufferedCommandResult> CommandAsync(string command) =>
            RunAsync("setpriv", [.. asUser, "litestream", .. command.Split(' ')], elsewhere, environment);
    }

    private async Task<Workspace> PublishAsync(string template, string options)
    {
        if (options.Length == 0)
            return template == "mvc" ? await packages.SiteAsync() : await packages.WorkerAsync();

        var workspace = new Workspace(packages);
        if (template == "mvc")
        {
            await workspace.WithMvcAsync();

            // MVC is not made for trimming: what it loads by name has to stay.
            await File.WriteAllTextAsync(
                workspace.In("Directory.Build.targets"),
                """
                <Project>
                  <Target Name="KeepMvc" AfterTargets="PrepareForILLink">
                    <ItemGroup>
                      <TrimmerRootAssembly
                        Include="@(ResolvedFileToPublish->'%(Filename)')"
                        Condition="$([System.String]::Copy('%(Filename)').StartsWith('Microsoft.AspNetCore'))
                                   And '%(Extension)' == '.dll'" />
                    </ItemGroup>
                  </Target>
                </Project>
                """,
                TestContext.Current.CancellationToken
            );
        }
        else
        {
            workspace.WithAsset("Worker");
        }

        (
            await workspace.DotnetAsync([
                "publish",
                "-c",
                "Release",
                "-o",
                "out",
                "-p:CompressionEnabled=false",
                .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            ])
        ).Succeeded();
        return workspace;
    }

    private async Task AnswersAsync(string options)
    {
        using var workspace = await PublishAsync("worker", options);
        await PublishedAppTests.RunOnceAsync(workspace, expectedRows: 0);
        var elsewhere = Directory.CreateDirectory(Path.Combine(workspace.Root, "else where")).FullName;
        var verified = await CommandAsync("verify", "--start-replicator", "--timeout", "3m");
        Assert.True(verified.ExitCode == 0, verified.StandardOutput + verified.StandardError);
        foreach (var file in Directory.EnumerateFiles(workspace.In("out/data"), "orders.db*"))
            File.Delete(file);

        var wrong = await CommandAsync("restroe", "--json");
        Assert.Equal(2, wrong.ExitCode);
        Assert.Equal(
            "LSB3014",
            JsonDocument
                .Parse(wrong.StandardOutput)
                .RootElement.GetProperty("Diagnostics")[0]
                .GetProperty("Code")
                .GetString()
        );
        var databases = await CommandAsync("databases", "--json");
        Assert.True(databases.ExitCode == 0, databases.StandardError);
        Assert.Equal(
            workspace.In("out/data/orders.db"),
            JsonDocument
                .Parse(databases.StandardOutput)
                .RootElement.GetProperty("Items")[0]
                .GetProperty("Path")
                .GetString()
        );
        foreach (
            var verb in new[]
            {
                "--help",
                "restore --help",
                Repository.IsLine05 ? "ltx" : "snapshots",
                "restore",
                "drill --json",
                "env",
                "config",
                "doctor --json",
            }
        )
        {
            var run = await CommandAsync(verb.Split(' '));
            Assert.True(run.ExitCode == 0, $"{verb}: {run.ExitCode}\n{run.StandardOutput}\n{run.StandardError}");
            Assert.DoesNotContain("built, rows", run.StandardOutput + run.StandardError, StringComparison.Ordinal);
        }

        Assert.Equal(["row"], PublishedAppTests.Rows(workspace.In("out/data/orders.db")));
        var exists = await CommandAsync("restore");
        Assert.Equal(1, exists.ExitCode);
        Assert.StartsWith("error LSB4001: ", exists.StandardError, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(elsewhere));
        await PublishedAppTests.RunOnceAsync(workspace, expectedRows: 1);

        Task<BufferedCommandResult> CommandAsync(params string[] words) =>
            RunAsync(
                workspace.In("out/Worker"),
                ["litestream", .. words],
                elsewhere,
                new Dictionary<string, string?>()
            );
    }

    private static async Task<BufferedCommandResult> RunAsync(
        string file,
        string[] arguments,
        string directory,
        IReadOnlyDictionary<string, string?> environment
    ) =>
        await Cli.Wrap(file)
            .WithArguments(arguments)
            .WithWorkingDirectory(directory)
            .WithEnvironmentVariables(Workspace.CleanEnvironment.Concat(environment).ToDictionary())
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);

    private static long Count(string file, string query)
    {
        using var connection = new SqliteConnection($"Data Source={file};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = query;
        return (long)command.ExecuteScalar()!;
    }
}
