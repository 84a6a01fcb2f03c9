using CliWrap;
using CliWrap.Buffered;

namespace Litestream.Build.Tests;

/// <summary>
/// A publish whose output would not replicate fails with a code, and never leaves an app that ends at its start.
/// </summary>
public sealed class PublishCheckTests(Packages packages)
{
    private const string Said = "Litestream: starts with the app";

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_hook_that_is_switched_off_in_what_is_published_is_an_error()
    {
        using var app = new Workspace(packages).WithAsset("Worker");

        var off = (await app.DotnetAsync("publish", "-o", "out", "-p:StartupHookSupport=false")).FailedWith("LSB1204");
        Assert.DoesNotContain(Said, off.Output, StringComparison.Ordinal);

        Assert.Contains(
            Said,
            (await app.DotnetAsync("publish", "-o", "out")).Succeeded().Output,
            StringComparison.Ordinal
        );
        (await app.DotnetAsync("build", "-c", "Release", "-p:LitestreamAutoStart=false")).Succeeded();
        (await app.DotnetAsync("publish", "--no-build", "-o", "out")).FailedWith("LSB1204");

        app.Write(
            "runtimeconfig.template.json",
            "{ \"configProperties\": { \"System.StartupHookProvider.IsSupported\": false } }"
        );
        (await app.DotnetAsync("publish", "-o", "out")).FailedWith("LSB1204");
    }

    [Theory]
    [InlineData("PrivateAssets=\"all\"")]
    [InlineData("ExcludeAssets=\"runtime\"", Traits = ["Category", "Long"])]
    public async Task A_reference_that_keeps_our_assembly_out_fails_the_publish_before_it_writes_and_the_build_starts(
        string attribute
    )
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    $"Version=\"{packages.Version}\"",
                    $"Version=\"{packages.Version}\" {attribute}",
                    StringComparison.Ordinal
                )
        );

        (await app.DotnetAsync("publish", "-o", "out")).FailedWith("LSB1206");

        Assert.Empty(Directory.EnumerateFiles(app.In("out")));
        await StartsAsync(app, "bin/Release/net10.0/Worker.dll");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task So_is_a_tool_that_embeds_our_assembly()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.AddPackage("Worker.csproj", "Costura.Fody", "6.2.0");
        var publish = await app.DotnetAsync("publish", "-o", "out");
        Assert.SkipWhen(
            publish.Errors.Any(error => error.Code is "NU1101" or "NU1102"),
            "Not on the package source: Costura.Fody"
        );

        publish.FailedWith("LSB1206").WarnedWith("LSB1206");

        await StartsAsync(app, "bin/Release/net10.0/Worker.dll");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Trimming_that_is_named_only_when_nothing_is_built_any_more_is_an_error()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        string[] runtime = ["-c", "Release", "-r", "linux-x64", "--self-contained"];
        (await app.DotnetAsync(["build", .. runtime])).Succeeded();

        (
            await app.DotnetAsync(["publish", "--no-build", .. runtime, "-o", "out", "-p:PublishTrimmed=true"])
        ).FailedWith("LSB1205");

        // Before anything else: a single file cannot be mended any more.
        var single = await app.DotnetAsync([
            "publish",
            .. runtime,
            "-o",
            "single",
            "-p:PublishTrimmed=true",
            "-p:PublishSingleFile=true",
            "-p:EnableCompressionInSingleFile=true",
        ]);
        Assert.Contains(Said, single.Succeeded().Output, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("-r linux-x64 --self-contained -p:PublishSingleFile=true", "")]
    [InlineData(
        "-r linux-x64 --no-self-contained -p:PublishSingleFile=true -p:IncludeAllContentForSelfExtract=true",
        ""
    )]
    [InlineData("-r linux-x64 -p:PublishReadyToRun=true", "")]
    [InlineData("-p:UseAppHost=false", "")]
    [InlineData("-p:GenerateDependencyFile=false", "")]
    [InlineData("-p:GenerateRuntimeConfigurationFiles=false", "LSB1204")]
    [InlineData("-r linux-x64 --self-contained -p:PublishSingleFile=true -p:StartupHookSupport=false", "LSB1204")]
    public async Task Every_kind_of_output_is_looked_into(string options, string code)
    {
        using var app = new Workspace(packages).WithAsset("Worker");

        var publish = await app.DotnetAsync(["publish", "-o", "out", .. options.Split(' ')]);

        if (code.Length > 0)
            publish.FailedWith(code);
        else
            Assert.Contains(Said, publish.Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_target_of_the_project_takes_out_of_the_output_is_missed()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("build", "-c", "Release")).Succeeded();
        foreach (
            var (pattern, code) in new[]
            {
                ("litestream", "LSB1207"),
                ("litestream.yml", "LSB1208"),
                ("Litestream.Hosting.dll", "LSB1206"),
            }
        )
        {
            app.Write(
                "Directory.Build.targets",
                $"""
                <Project>
                  <Target Name="TakeOut" AfterTargets="ComputeAndCopyFilesToPublishDirectory">
                    <Delete Files="$(PublishDir){pattern}" />
                  </Target>
                </Project>
                """
            );

            var publish = (await app.DotnetAsync("publish", "--no-build", "-o", "out")).FailedWith(code);

            Assert.DoesNotContain(Said, publish.Output, StringComparison.Ordinal);
        }

        // What is left behind has no hook that ends the app.
        Assert.DoesNotContain(
            "STARTUP_HOOKS",
            File.ReadAllText(app.In("out/Worker.runtimeconfig.json")),
            StringComparison.Ordinal
        );
    }

    /// <summary>A hook that cannot be loaded ends an app with exit code 134, before its first line.</summary>
    private static async Task StartsAsync(Workspace app, string assembly)
    {
        var result = await Cli.Wrap("dotnet")
            .WithArguments([app.In(assembly)])
            .WithWorkingDirectory(app.Folder)
            .WithStandardInputPipe(PipeSource.FromString("row\nstop\n"))
            .WithEnvironmentVariables(Workspace.CleanEnvironment)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, $"{result.ExitCode}\n{result.StandardOutput}\n{result.StandardError}");
        Assert.Contains("wrote row", result.StandardOutput, StringComparison.Ordinal);
    }
}
