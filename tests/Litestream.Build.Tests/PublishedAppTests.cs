using CliWrap;
using CliWrap.Buffered;
using Microsoft.Data.Sqlite;

namespace Litestream.Build.Tests;

/// <summary>
/// The published output, run: rows are written through the app, the app ends in every way, and a bare restore has the
/// rows.
/// </summary>
public sealed class PublishedAppTests(Packages packages)
{
    [Theory]
    [InlineData("portable", "")]
    [InlineData("rid", "-r linux-x64 --no-self-contained", Traits = ["Category", "Long"])]
    [InlineData("self-contained", "-r linux-x64 --self-contained", Traits = ["Category", "Long"])]
    [InlineData("single-file", "-r linux-x64 --self-contained -p:PublishSingleFile=true")]
    [InlineData(
        "self-extracting",
        "-r linux-x64 --no-self-contained -p:PublishSingleFile=true -p:IncludeAllContentForSelfExtract=true",
        Traits = ["Category", "Long"]
    )]
    [InlineData("trimmed", "-r linux-x64 --self-contained -p:PublishTrimmed=true", Traits = ["Category", "Long"])]
    public async Task It_replicates_from_another_working_directory_and_drains_at_sigterm(string kind, string options)
    {
        using var workspace = new Workspace(packages).WithAsset("Worker");
        var publish = await workspace.DotnetAsync([
            "publish",
            "-c",
            "Release",
            "-o",
            "out",
            .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        ]);
        publish.Succeeded();
        var executable = Assert.Single(
            Directory.EnumerateFiles(workspace.In("out"), "litestream", SearchOption.AllDirectories)
        );
        var elsewhere = Directory.CreateDirectory(workspace.In("else where")).FullName;

        using (var app = Start(workspace, elsewhere))
        {
            await app.WaitForAsync("built, rows: 0");
            app.WriteLine("first");
            await app.WaitForAsync("wrote first");
            app.WriteLine("last");
            await app.WaitForAsync("wrote last");
            app.Signal("TERM");
            Assert.True(await app.WaitForExitAsync() == 0, $"{kind}: {app.Output}");
        }

        Assert.Empty(RunningApp.ProcessesOf(executable));
        Assert.Equal(["first", "last"], await RestoredRowsAsync(workspace, elsewhere));
    }

    [Theory]
    [InlineData("a signal to the whole group")]
    [InlineData("stop", Traits = ["Category", "Long"])]
    [InlineData("throw", Traits = ["Category", "Long"])]
    [InlineData("crash")]
    public async Task However_the_app_ends_no_process_is_left_and_the_last_row_is_in_the_replica(string how)
    {
        using var workspace = await packages.WorkerAsync();

        using (var app = Start(workspace, workspace.In("out")))
        {
            await app.WaitForAsync("built, rows: 0");
            app.WriteLine("first");
            await app.WaitForAsync("wrote first");
            app.WriteLine(how.Length > 5 ? "last" : how);
            await app.WaitForAsync(how.Length > 5 ? "wrote last" : $"wrote {how}");
            if (how.Length > 5)
                app.SignalGroup("TERM");
            await app.WaitForExitAsync();
        }

        Assert.Empty(RunningApp.ProcessesOf(workspace.In("out/litestream")));
        Assert.Equal(["first", how.Length > 5 ? "last" : how], await RestoredRowsAsync(workspace, workspace.In("out")));
    }

    [Fact]
    public async Task Ctrl_C_in_a_dotnet_run_reaches_all_its_processes_and_nothing_is_lost()
    {
        using var workspace = new Workspace(packages).WithAsset("Worker");
        (await workspace.DotnetAsync("build")).Succeeded();

        using (
            var run = RunningApp.Start(
                "dotnet",
                ["run"],
                workspace.Folder,
                new Dictionary<string, string?>(workspace.EnvironmentVariables)
                {
                    ["DOTNET_ENVIRONMENT"] = "Production",
                }
            )
        )
        {
            await run.WaitForAsync("built, rows: 0");
            run.WriteLine("first");
            await run.SendsToAsync(workspace.In("data/litestream-replicas/orders.db"));
            run.WriteLine("last");
            await run.WaitForAsync("wrote last");
            run.SignalGroup("INT");
            Assert.True(await run.WaitForExitAsync() == 0, run.Output);
        }

        Assert.Empty(RunningApp.ProcessesOf(workspace.In("bin/Debug/net10.0/litestream")));
        Assert.Equal(["first", "last"], await RestoredRowsAsync(workspace, workspace.Folder, "bin/Debug/net10.0"));
    }

    [Theory]
    [InlineData("-p:PublishTrimmed=true")]
    [InlineData("-p:PublishAot=true")]
    [Trait("Category", "Long")]
    public async Task An_app_that_registers_in_code_replicates_trimmed_and_native(string options)
    {
        using var workspace = new Workspace(packages).WithAsset("Worker");
        workspace.Edit(
            "Program.cs",
            text =>
                text.Replace(
                    "builder.Services.AddHostedService<Writer>();",
                    "builder.Services.AddHostedService<Writer>();\nbuilder.Services.AddLitestream();",
                    StringComparison.Ordinal
                )
        );
        var publish = await workspace.DotnetAsync(
            "publish",
            "-c",
            "Release",
            "-o",
            "out",
            "-r",
            "linux-x64",
            "--self-contained",
            "-p:LitestreamAutoStart=false",
            options
        );
        TemplateTests.SkipWhatIsMissing(publish).Succeeded();
        Assert.False(File.Exists(workspace.In("obj/Release/net10.0/linux-x64/litestream/LitestreamAutoStart.g.cs")));

        await RunOnceAsync(workspace, expectedRows: 0);

        Assert.Empty(RunningApp.ProcessesOf(workspace.In("out/litestream")));
        Assert.Equal(["row"], await RestoredRowsAsync(workspace, workspace.In("out")));
    }

    [Fact]
    public async Task A_lost_database_is_restored_by_the_verb_and_by_the_next_start()
    {
        using var workspace = new Workspace(packages).WithAsset("Worker");
        (await workspace.DotnetAsync("publish", "-c", "Release", "-o", "out")).Succeeded();
        await RunOnceAsync(workspace, expectedRows: 0);
        Delete(workspace.In("out/data"), "orders.db");

        (
            await workspace.DotnetAsync(
                "msbuild",
                "-t:LitestreamRestore",
                "-p:LitestreamContentRoot=out",
                "-p:LitestreamDatabase=data/orders.db"
            )
        ).Succeeded();
        Assert.Equal(["row"], Rows(workspace.In("out/data/orders.db")));

        Delete(workspace.In("out/data"), "orders.db");
        await RunOnceAsync(workspace, expectedRows: 1);
        Assert.Equal(["row", "row"], await RestoredRowsAsync(workspace, workspace.In("out")));
    }

    [Fact]
    public async Task In_Development_nothing_is_started()
    {
        using var workspace = new Workspace(packages).WithAsset("Worker");
        (await workspace.DotnetAsync("build")).Succeeded();

        using var app = RunningApp.Start(
            "dotnet",
            [workspace.In("bin/Debug/net10.0/Worker.dll")],
            workspace.Folder,
            new Dictionary<string, string?> { ["DOTNET_ENVIRONMENT"] = "Development" }
        );
        await app.WaitForAsync("built, rows: 0");
        app.WriteLine("stop");
        await app.WaitForExitAsync();

        Assert.False(Directory.Exists(workspace.In("data/litestream-replicas")));
    }

    internal static async Task RunOnceAsync(Workspace workspace, int expectedRows)
    {
        using var app = Start(workspace, workspace.In("out"));
        await app.WaitForAsync($"built, rows: {expectedRows}");
        app.WriteLine("row");
        await app.WaitForAsync("wrote row");
        app.Signal("TERM");
        Assert.True(await app.WaitForExitAsync() == 0, app.Output);
    }

    private static RunningApp Start(Workspace workspace, string workingDirectory)
    {
        var apphost = workspace.In("out/Worker");
        string[] arguments = ["--contentRoot", workspace.In("out")];
        return RunningApp.Start(apphost, arguments, workingDirectory);
    }

    internal static async Task<IReadOnlyList<string>> RestoredRowsAsync(
        Workspace workspace,
        string workingDirectory,
        string output = "out"
    )
    {
        var file = Path.Combine(workspace.Root, $"{Guid.NewGuid():N}.db");
        var result = await Cli.Wrap(workspace.In($"{output}/litestream"))
            .WithArguments([
                "restore",
                "-config",
                workspace.In($"{output}/litestream.yml"),
                "-o",
                file,
                "data/orders.db",
            ])
            .WithWorkingDirectory(workingDirectory)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, result.StandardOutput + result.StandardError);
        return Rows(file);
    }

    internal static List<string> Rows(string file)
    {
        using var connection = new SqliteConnection($"Data Source={file};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT text FROM rows ORDER BY id";
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
            rows.Add(reader.GetString(0));
        return rows;
    }

    private static void Delete(string folder, string database)
    {
        foreach (var file in Directory.EnumerateFiles(folder, $"{database}*"))
            File.Delete(file);
    }
}
