using System.Diagnostics;

namespace Litestream.Build.Tests;

/// <summary>Projects that are not one app in one folder.</summary>
public sealed class ProjectShapeTests(Packages packages)
{
    private const string Library = """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
        </Project>
        """;

    [Fact]
    public async Task A_library_that_references_the_package_gets_nothing_and_an_app_that_uses_it_gets_all()
    {
        using var solution = new Workspace(packages);
        AddWorker(solution, "app", reference: false);
        solution.Write("lib/Lib.csproj", Library);
        solution.AddPackage("lib/Lib.csproj");
        solution.Edit(
            "app/Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    "<ItemGroup><ProjectReference Include=\"../lib/Lib.csproj\" /></ItemGroup></Project>",
                    StringComparison.Ordinal
                )
        );

        (await solution.DotnetAsync("build", "app")).Succeeded();

        Assert.False(Directory.Exists(solution.In("lib/obj/Debug/net10.0/litestream")));
        Assert.Empty(Directory.EnumerateFiles(solution.In("lib/bin"), "litestream*", SearchOption.AllDirectories));
        Assert.True(File.Exists(solution.In("app/bin/Debug/net10.0/litestream")));
        Assert.True(File.Exists(solution.In("app/bin/Debug/net10.0/litestream.yml")));
    }

    [Fact]
    public async Task An_app_without_a_database_that_gets_the_package_through_a_library_is_left_alone_silently()
    {
        using var solution = new Workspace(packages);
        solution.Write("lib/Lib.csproj", Library);
        solution.AddPackage("lib/Lib.csproj");
        solution.Write(
            "tool/Tool.csproj",
            Library.Replace(
                "</PropertyGroup>",
                "<OutputType>Exe</OutputType></PropertyGroup><ItemGroup><ProjectReference "
                    + "Include=\"../lib/Lib.csproj\" /></ItemGroup>",
                StringComparison.Ordinal
            )
        );
        solution.Write("tool/Program.cs", "System.Console.WriteLine(1);");

        var result = (await solution.DotnetAsync("build", "tool")).Succeeded();

        Assert.DoesNotContain(
            result.Warnings,
            warning => warning.Code?.StartsWith("LSB", StringComparison.Ordinal) == true
        );
        Assert.DoesNotContain(
            "STARTUP_HOOKS",
            File.ReadAllText(solution.In("tool/bin/Debug/net10.0/Tool.runtimeconfig.json")),
            StringComparison.Ordinal
        );
        Assert.False(File.Exists(solution.In("tool/bin/Debug/net10.0/litestream")));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_reference_from_Directory_Build_props_acts_only_where_a_database_is_named_or_the_project_is()
    {
        const string Reference =
            "<Project><ItemGroup{0}><PackageReference Include=\"Litestream.Build\" Version=\"{1}\" "
            + "/></ItemGroup></Project>";
        using var solution = new Workspace(packages);
        AddWorker(solution, "app", reference: false);
        AddWorker(solution, "named", reference: false);
        File.Delete(solution.In("app/appsettings.json"));
        solution.Write(
            "Directory.Build.props",
            Reference
                .Replace("{0}", "", StringComparison.Ordinal)
                .Replace("{1}", packages.Version, StringComparison.Ordinal)
        );

        var warned = (await solution.DotnetAsync("build", "app")).Succeeded().WarnedWith("LSB1003");

        Assert.Equal(
            solution.In("app/Worker.csproj"),
            warned.Warnings.Single(warning => warning.Code == "LSB1003").File
        );
        Assert.False(File.Exists(solution.In("app/bin/Debug/net10.0/litestream")));
        Assert.DoesNotContain(
            "STARTUP_HOOKS",
            File.ReadAllText(solution.In("app/bin/Debug/net10.0/Worker.runtimeconfig.json")),
            StringComparison.Ordinal
        );
        (await solution.DotnetAsync("build", "named")).Succeeded();
        Assert.True(File.Exists(solution.In("named/bin/Debug/net10.0/litestream")));

        // An edit of that file alone is noticed.
        solution.Write(
            "Directory.Build.props",
            Reference
                .Replace("{0}", " Condition=\"'$(MSBuildProjectName)' == 'Worker'\"", StringComparison.Ordinal)
                .Replace("{1}", packages.Version, StringComparison.Ordinal)
        );
        Assert.Contains(
            "message LSB1003",
            (await solution.DotnetAsync("build", "app")).Succeeded().Output,
            StringComparison.Ordinal
        );
        Assert.True(File.Exists(solution.In("app/bin/Debug/net10.0/litestream")));
        Assert.Contains(
            "STARTUP_HOOKS",
            File.ReadAllText(solution.In("app/bin/Debug/net10.0/Worker.runtimeconfig.json")),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, Traits = ["Category", "Long"])]
    public async Task An_app_whose_database_only_the_environment_names_replicates_and_answers_every_command(
        bool registersItself
    )
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        File.Delete(app.In("appsettings.json"));
        if (registersItself)
        {
            app.Edit(
                "Program.cs",
                text =>
                    text.Replace(
                            "builder.Services.AddHostedService<Writer>();",
                            "builder.Services.AddHostedService<Writer>();\nbuilder.Services.AddLitestream();",
                            StringComparison.Ordinal
                        )
                        .Replace(
                            "var host = builder.Build();",
                            "var host = builder.Build();\nif (await host.RunLitestreamCommandAsync(args) is { } "
                                + "exitCode) return exitCode;",
                            StringComparison.Ordinal
                        )
                        .Replace("host.Run();", "host.Run();\nreturn 0;", StringComparison.Ordinal)
            );
        }

        string[] publish =
        [
            "publish",
            "-o",
            "out",
            $"-p:LitestreamAutoStart={!registersItself}",
            $"-p:LitestreamReplicaUrl={app.In("backups")}",
        ];
        var published = (await app.DotnetAsync(publish)).Succeeded();
        Assert.DoesNotContain(published.Warnings, warning => warning.Code == "LSB1003");
        Assert.Equal(
            !registersItself,
            published.Output.Contains("Litestream: starts with the app", StringComparison.Ordinal)
        );
        var environment = new Dictionary<string, string?>
        {
            ["ConnectionStrings__Orders"] = "Data Source=data/orders.db",
        };

        using (var running = RunningApp.Start(app.In("out/Worker"), [], app.In("out"), environment))
        {
            await running.WaitForAsync("built, rows: 0");
            running.WriteLine("row");
            await running.WaitForAsync("wrote row");

            // The app writes its status at most once a second.
            var watch = Stopwatch.StartNew();
            var said = "";
            while (!said.Contains($"process {running.Id}", StringComparison.Ordinal))
            {
                Assert.True(watch.Elapsed < TimeSpan.FromMinutes(3), said);
                using var status = RunningApp.Start(
                    app.In("out/Worker"),
                    ["litestream", "status"],
                    app.In("out"),
                    environment
                );
                await status.WaitForExitAsync();
                said = status.Output;
                Assert.DoesNotContain("built, rows", said, StringComparison.Ordinal);
            }

            running.Signal("TERM");
            Assert.True(await running.WaitForExitAsync() == 0, running.Output);
        }

        Assert.Empty(RunningApp.ProcessesOf(app.In("out/litestream")));
        foreach (
            var verb in new[]
            {
                "databases",
                "config",
                "env",
                Repository.IsLine05 ? "ltx" : "snapshots",
                "doctor",
                "drill",
                "restore --output copy.db",
            }
        )
        {
            using var command = RunningApp.Start(
                app.In("out/Worker"),
                ["litestream", .. verb.Split(' ')],
                app.In("out"),
                environment
            );
            Assert.True(await command.WaitForExitAsync() == 0, command.Output);
            Assert.DoesNotContain("built, rows", command.Output, StringComparison.Ordinal);
        }

        Assert.Equal(["row"], PublishedAppTests.Rows(app.In("out/copy.db")));
        Assert.True(Directory.Exists(app.In("backups/data/orders.db")));
    }

    [Fact]
    public async Task A_test_project_that_references_the_app_gets_neither_executable_nor_hook()
    {
        using var solution = new Workspace(packages);
        AddWorker(solution, "app");
        solution.Write(
            "tests/Tests.csproj",
            """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType>
                <IsTestProject>true</IsTestProject></PropertyGroup>
              <ItemGroup><ProjectReference Include="../app/Worker.csproj" /></ItemGroup>
            </Project>
            """
        );
        solution.Write("tests/Program.cs", "System.Console.WriteLine(1);");

        (await solution.DotnetAsync("build", "tests")).Succeeded();

        Assert.True(File.Exists(solution.In("app/bin/Debug/net10.0/litestream")));
        Assert.False(File.Exists(solution.In("tests/bin/Debug/net10.0/litestream")));
        Assert.False(File.Exists(solution.In("tests/bin/Debug/net10.0/litestream.yml")));
        Assert.DoesNotContain(
            "STARTUP_HOOKS",
            File.ReadAllText(solution.In("tests/bin/Debug/net10.0/Tests.runtimeconfig.json")),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task With_several_target_frameworks_the_verbs_are_forwarded_and_each_framework_has_its_output()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "<TargetFramework>net10.0</TargetFramework>",
                    "<TargetFrameworks>net9.0;net10.0</TargetFrameworks>",
                    StringComparison.Ordinal
                )
        );
        (await app.DotnetAsync("restore")).Succeeded();

        var databases = (
            await app.DotnetAsync("msbuild", "-t:LitestreamDatabases", "-getTargetResult:LitestreamDatabases")
        ).Succeeded();

        Assert.Contains("\"Identity\": \"data/orders.db\"", databases.Output, StringComparison.Ordinal);
        var named = (
            await app.DotnetAsync("msbuild", "-t:LitestreamVersion", "-p:TargetFramework=net10.0")
        ).Succeeded();
        Assert.Contains(Repository.Version, named.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Central_package_management_works()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Write(
            "Directory.Packages.props",
            $"""
            <Project>
              <PropertyGroup><ManagePackageVersionsCentrally>true</ManagePackageVersionsCentrally></PropertyGroup>
              <ItemGroup>
                <PackageVersion Include="Litestream.Build" Version="{packages.Version}" />
                <PackageVersion Include="Microsoft.Data.Sqlite" Version="10.0.15" />
                <PackageVersion Include="Microsoft.Extensions.Hosting" Version="10.0.15" />
              </ItemGroup>
            </Project>
            """
        );
        app.Edit(
            "Worker.csproj",
            text => System.Text.RegularExpressions.Regex.Replace(text, " Version=\"[^\"]*\"", "")
        );

        (await app.DotnetAsync("publish", "-o", "out")).Succeeded();

        Assert.True(File.Exists(app.In("out/litestream")));
    }

    [Theory]
    [InlineData("it's 100% $HOME; $$x @home, Über データベース (x) [y] {z} #1 & co")]
    [InlineData("with spaces and 'single' quotes", Traits = ["Category", "Long"])]
    [InlineData("dollar $HOME and $$x", Traits = ["Category", "Long"])]
    [InlineData("100% real", Traits = ["Category", "Long"])]
    [InlineData("percent %41", Traits = ["Category", "Long"])]
    [InlineData("semi;colon", Traits = ["Category", "Long"])]
    [InlineData("at @home", Traits = ["Category", "Long"])]
    [InlineData("Übergrößenträger", Traits = ["Category", "Long"])]
    [InlineData("データベース", Traits = ["Category", "Long"])]
    [InlineData("brackets (x) [y] {z} #1 & co", Traits = ["Category", "Long"])]
    public async Task A_project_in_a_folder_with_an_odd_name_builds_publishes_and_lists(string name)
    {
        using var app = new Workspace(packages, name).WithAsset("Worker");

        var publish = await app.DotnetAsync("publish");
        if (publish.ExitCode != 0)
        {
            // Whether the SDK itself can build in such a folder is not ours: the same project without the package
            // decides.
            using var bare = new Workspace(packages, name).WithAsset("Worker", reference: false);
            var without = await bare.DotnetAsync("publish");
            Assert.True(without.ExitCode != 0, $"Only with the package it fails: {publish.Output}");
            var code = System.Text.RegularExpressions.Regex.Match(
                without.Output + without.ErrorOutput,
                "[A-Z]+[0-9]{4}"
            );
            Assert.Skip($"The SDK itself cannot publish in a folder of this name: {code.Value}");
        }

        Assert.True(File.Exists(app.In("bin/Release/net10.0/publish/litestream")), publish.Output);
        var list = (
            await app.DotnetAsync("msbuild", "-t:LitestreamDatabases", "-getTargetResult:LitestreamDatabases")
        ).Succeeded();
        Assert.Contains("\"Identity\": \"data/orders.db\"", list.Output, StringComparison.Ordinal);
        var items = System
            .Text.Json.JsonDocument.Parse(list.Output)
            .RootElement.GetProperty("TargetResults")
            .GetProperty("LitestreamDatabases")
            .GetProperty("Items");
        Assert.Equal(app.In("data/orders.db"), items[0].GetProperty("Path").GetString());
    }

    private static void AddWorker(Workspace solution, string folder, bool reference = true)
    {
        foreach (var file in new[] { "Worker.csproj", "Program.cs", "appsettings.json" })
            solution.Write($"{folder}/{file}", File.ReadAllText(Repository.In("testassets", "Worker", file)));
        if (reference)
            solution.AddPackage($"{folder}/Worker.csproj");
    }
}
