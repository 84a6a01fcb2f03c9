using System.Diagnostics;
using System.Text.RegularExpressions;
using CliWrap;
using CliWrap.Buffered;

namespace Litestream.Build.Tests;

/// <summary>
/// Apps that use the packages that are inside our assemblies, and Microsoft.Data.Sqlite, in versions of their own.
/// </summary>
public sealed class SharedPackageTests(Packages packages)
{
    private const string Old = "2.0.0-beta4.22272.1 11.2.1 9.0.0";
    private const string Equal = "2.0.0 18.1.0 10.0.0";
    private const string New = "3.0.0 18.1.0 11.0.0";
    private const string Trimmed = "-r linux-x64 --self-contained -p:PublishTrimmed=true";

    private static readonly string[] s_inside = ["System.CommandLine/", "YamlDotNet/", "CliWrap/", "dnlib/"];

    private static readonly string[] s_modes =
    [
        "",
        "-r linux-x64 --self-contained",
        "-r linux-x64 --self-contained -p:PublishSingleFile=true",
        "-r linux-x64 --no-self-contained -p:PublishReadyToRun=true",
        "-r linux-x64 --self-contained -p:PublishSingleFile=true -p:PublishTrimmed=true -p:PublishReadyToRun=true",
        Trimmed,
        "-r linux-x64 -p:PublishAot=true",
    ];

    public static TheoryData<string, bool, string> Matrix { get; } =
        new(
            from versions in new[] { Old, Equal, New }
            from throughLibrary in new[] { false, true }
            from mode in s_modes
            where versions == Old || mode is "" or Trimmed || (versions == New && !throughLibrary)
            select (versions, throughLibrary, mode)
        );

    /// <summary>A library that uses members that only the old version has, and a trimmed app.</summary>
    /// <remarks>Microsoft.Data.Sqlite 9.0.0 and 10.0.0 come with SQLitePCLRaw 2.1.11 or older, 11.0.0 with 3.</remarks>
    [Theory]
    [InlineData(Old, true, "", Traits = ["Category", "Long"])]
    [InlineData(New, false, Trimmed, Traits = ["Category", "Long"])]
    public Task An_app_and_its_library_use_their_own_versions(string versions, bool throughLibrary, string mode) =>
        RunAsync(versions, throughLibrary, mode);

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(Matrix))]
    public Task In_every_way_to_publish(string versions, bool throughLibrary, string mode) =>
        RunAsync(versions, throughLibrary, mode);

    [Fact]
    public async Task An_app_that_uses_none_of_them_gets_none_and_no_folder_of_translations()
    {
        using var workspace = new Workspace(packages).WithAsset("Worker");

        (await workspace.DotnetAsync("build")).Succeeded();

        var assets = await File.ReadAllTextAsync(
            workspace.In("obj/project.assets.json"),
            TestContext.Current.CancellationToken
        );
        Assert.All(s_inside, name => Assert.DoesNotContain(name, assets, StringComparison.OrdinalIgnoreCase));
        Assert.Empty(Directory.EnumerateFiles(workspace.In("bin"), "*.resources.dll", SearchOption.AllDirectories));
    }

    private async Task RunAsync(string versions, bool throughLibrary, string mode)
    {
        var (commandLine, yaml, sqlite) = versions.Split(' ') is [var a, var b, var c] ? (a, b, c) : default;
        using var workspace = new Workspace(packages).WithAsset("Worker");
        workspace.Edit(
            "Worker.csproj",
            text => Regex.Replace(text, "(\"Microsoft.Data.Sqlite\" Version=)\"[^\"]*\"", $"$1\"{sqlite}\"")
        );
        var project = throughLibrary ? "../Library/Library.csproj" : "Worker.csproj";
        if (throughLibrary)
        {
            workspace.Write(
                project,
                """
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <TargetFramework>net10.0</TargetFramework>
                    <ImplicitUsings>enable</ImplicitUsings>
                  </PropertyGroup>
                </Project>
                """
            );
            workspace.Edit(
                "Worker.csproj",
                text =>
                    text.Replace(
                        "</Project>",
                        """<ItemGroup><ProjectReference Include="../Library/Library.csproj" /></ItemGroup></Project>""",
                        StringComparison.Ordinal
                    )
            );
        }

        workspace.AddPackage(project, "System.CommandLine", commandLine);
        workspace.AddPackage(project, "YamlDotNet", yaml);
        workspace.AddPackage(project, "CliWrap", "3.10.5");
        var old = versions == Old;
        workspace.Write(
            throughLibrary ? "../Library/Uses.cs" : "Uses.cs",
            $$"""
            using System.CommandLine;
            {{(old ? "using System.CommandLine.Builder;" : "")}}

            public static class Uses
            {
                public static string All()
                {
                    var command = new RootCommand { new Option<string>("--name") };
                    _ = {{(old ? "new CommandLineBuilder(command).Build()" : "new ParserConfiguration()")}};
                    var name = command.Parse("--name value").Tokens[1].Value;
                    var parser = new YamlDotNet.Core.Parser(new StringReader("a: 1"));
                    var events = 0;
                    while (parser.MoveNext())
                        events++;
                    var echo = CliWrap.Cli.Wrap("true").WithArguments([name]).ToString();
                    return $"{name} {events} {echo} {Version<RootCommand>()} {Version<YamlDotNet.Core.Parser>()}";
                }

                private static string Version<T>() => typeof(T).Assembly.GetName().Version!.ToString(3);
            }
            """
        );
        workspace.Edit(
            "Program.cs",
            text => text.Replace("host.Run();", "Console.WriteLine(Uses.All());\nhost.Run();", StringComparison.Ordinal)
        );
        var publish = await workspace.DotnetAsync([
            "publish",
            "-c",
            "Release",
            "-o",
            "out",
            .. mode.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        ]);
        TemplateTests.SkipWhatIsMissing(publish).Succeeded();
        Assert.DoesNotContain(
            publish.Warnings,
            warning =>
                warning.Text?.Contains("Litestream", StringComparison.Ordinal) == true
                && warning.Code?.StartsWith("IL", StringComparison.Ordinal) == true
        );
        if (mode.Length == 0)
            Assert.True(File.Exists(workspace.In("out/de/System.CommandLine.resources.dll")));

        var said = $"value 8 true value {commandLine.Split('-')[0]} {yaml.Split('.')[0]}.";
        using (var app = RunningApp.Start(workspace.In("out/Worker"), [], workspace.In("out")))
        {
            await app.WaitForAsync("built, rows: 0");
            await app.WaitForAsync(said);
            app.WriteLine("row");
            await app.SendsToAsync(workspace.In("out/data/litestream-replicas/orders.db"));
            var command = Cli.Wrap(workspace.In("out/Worker"))
                .WithArguments(["litestream", "status"])
                .WithWorkingDirectory(workspace.In("out"))
                .WithEnvironmentVariables(Workspace.CleanEnvironment)
                .WithValidation(CommandResultValidation.None);

            // The app writes its status at most once a second, and a native command takes some milliseconds.
            var watch = Stopwatch.StartNew();
            var status = await command.ExecuteBufferedAsync(TestContext.Current.CancellationToken);
            while (status.ExitCode != 0 && watch.Elapsed < TimeSpan.FromSeconds(60))
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
                status = await command.ExecuteBufferedAsync(TestContext.Current.CancellationToken);
            }

            Assert.True(status.ExitCode == 0, $"{status.StandardOutput}\n{status.StandardError}\n{app.Output}");
            Assert.Contains("data/orders.db", status.StandardOutput, StringComparison.Ordinal);
            app.Signal("TERM");
            Assert.True(await app.WaitForExitAsync() == 0, app.Output);
        }

        foreach (var file in Directory.EnumerateFiles(workspace.In("out/data"), "orders.db*"))
            File.Delete(file);
        await PublishedAppTests.RunOnceAsync(workspace, expectedRows: 1);
        Assert.Equal(["row", "row"], PublishedAppTests.Rows(workspace.In("out/data/orders.db")));
    }
}
