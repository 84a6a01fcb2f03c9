using System.IO.Compression;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Litestream.Build.Tests;

/// <summary>What a build and a publish put where.</summary>
public sealed class OutputTests(Packages packages)
{
    private const UnixFileMode Mode755 =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    [Fact]
    public async Task A_publish_has_the_yml_and_one_executable_with_mode_755_and_says_what_goes_where()
    {
        using var app = new Workspace(packages).WithAsset("Worker");

        var result = (await app.DotnetAsync("publish", "-c", "Release", "-o", "out")).Succeeded();

        Assert.Equal(["out/litestream"], Executables(app, "out"));
        Assert.Equal(Mode755, File.GetUnixFileMode(app.In("out/litestream")));
        var yml = File.ReadAllText(app.In("out/litestream.yml"));
        Assert.Contains("path: \"data/orders.db\"", yml, StringComparison.Ordinal);
        Assert.Contains("# ConnectionStrings:Orders", yml, StringComparison.Ordinal);
        Assert.Contains("path: \"data/litestream-replicas/orders.db\"", yml, StringComparison.Ordinal);
        Assert.DoesNotContain(app.Root, yml, StringComparison.Ordinal);
        Assert.Contains(
            "Litestream: data/orders.db -> file: data/litestream-replicas/orders.db",
            result.Output,
            StringComparison.Ordinal
        );
        Assert.Contains(
            $"Litestream: executable {Repository.Version} for linux-x64",
            result.Output,
            StringComparison.Ordinal
        );
        Assert.Equal(
            ["LSB1101"],
            result
                .Warnings.Select(warning => warning.Code)
                .Where(code => code?.StartsWith("LSB", StringComparison.Ordinal) == true)
        );
    }

    [Fact]
    public async Task A_build_has_them_too_and_a_second_build_runs_no_task_in_our_targets()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        var first = (await app.DotnetAsync("build")).Succeeded();
        Assert.Contains("WriteLitestreamConfig", first.OurTasks);

        var second = (await app.DotnetAsync("build")).Succeeded();

        Assert.Empty(second.TasksInOurTargets);
        Assert.Equal(Mode755, File.GetUnixFileMode(app.In("bin/Debug/net10.0/litestream")));
        Assert.True(File.Exists(app.In("bin/Debug/net10.0/litestream.yml")));
        var options = JsonDocument
            .Parse(File.ReadAllText(app.In("bin/Debug/net10.0/Worker.runtimeconfig.json")))
            .RootElement.GetProperty("runtimeOptions")
            .GetProperty("configProperties");
        Assert.Equal("Litestream.Hosting", options.GetProperty("STARTUP_HOOKS").GetString());
        Assert.Equal("Worker", options.GetProperty("Litestream.EntryAssembly").GetString());
    }

    [Fact]
    public async Task A_publish_after_a_build_and_without_building_is_whole()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("build", "-c", "Release")).Succeeded();

        (await app.DotnetAsync("publish", "--no-build", "-o", "out")).Succeeded();

        Assert.True(File.Exists(app.In("out/litestream")));
        Assert.True(File.Exists(app.In("out/litestream.yml")));
    }

    [Fact]
    public async Task Clean_removes_everything_that_was_added()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("build")).Succeeded();

        (await app.DotnetAsync("msbuild", "-t:LitestreamVersion")).Succeeded();
        (await app.DotnetAsync("clean")).Succeeded();

        Assert.Empty(Directory.EnumerateFiles(app.Folder, "litestream*", SearchOption.AllDirectories));
        Assert.Empty(Directory.EnumerateFiles(app.In("obj"), "*.stamp", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task The_yml_is_the_same_bytes_in_another_folder_and_follows_a_change_of_the_settings()
    {
        using var one = new Workspace(packages, "one").WithAsset("Worker");
        using var two = new Workspace(packages, "another folder").WithAsset("Worker");
        (await one.DotnetAsync("build")).Succeeded();
        (await two.DotnetAsync("build")).Succeeded();
        Assert.Equal(
            File.ReadAllBytes(one.In("bin/Debug/net10.0/litestream.yml")),
            File.ReadAllBytes(two.In("bin/Debug/net10.0/litestream.yml"))
        );

        one.Edit(
            "appsettings.json",
            text => text.Replace("data/orders.db", "data/renamed.db", StringComparison.Ordinal)
        );
        (await one.DotnetAsync("build")).Succeeded();

        Assert.Contains(
            "data/renamed.db",
            File.ReadAllText(one.In("bin/Debug/net10.0/litestream.yml")),
            StringComparison.Ordinal
        );
        var third = (await one.DotnetAsync("build", "-p:LitestreamReplicaUrl=s3://bucket/prefix")).Succeeded();
        Assert.Contains("WriteLitestreamConfig", third.OurTasks);
        Assert.Contains(
            "prefix/data/renamed.db",
            File.ReadAllText(one.In("bin/Debug/net10.0/litestream.yml")),
            StringComparison.Ordinal
        );
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task When_the_last_database_goes_the_yml_is_for_those_that_are_named_at_run_time()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("build")).Succeeded();

        app.Edit(
            "appsettings.json",
            text =>
                text.Replace(
                    "Data Source=data/orders.db",
                    "Server=db;Database=orders;User Id=x",
                    StringComparison.Ordinal
                )
        );
        var result = (await app.DotnetAsync("build")).Succeeded();

        Assert.Contains("message LSB1003", result.Output, StringComparison.Ordinal);
        Assert.EndsWith(
            "dbs: []\n",
            File.ReadAllText(app.In("bin/Debug/net10.0/litestream.yml")),
            StringComparison.Ordinal
        );
        Assert.True(File.Exists(app.In("bin/Debug/net10.0/litestream")));
        Assert.Empty((await app.DotnetAsync("build")).Succeeded().TasksInOurTargets);
    }

    [Fact]
    public async Task A_design_time_build_runs_nothing_of_ours()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("restore")).Succeeded();

        var result = (
            await app.DotnetAsync(
                "msbuild",
                "-t:Compile",
                "-p:DesignTimeBuild=true",
                "-p:SkipCompilerExecution=true",
                "-p:ProvideCommandLineArgs=true"
            )
        ).Succeeded();

        Assert.Empty(result.TasksInOurTargets);
        Assert.False(Directory.Exists(app.In("obj/Debug/net10.0/litestream")));
    }

    [Fact]
    public async Task Nothing_of_it_is_in_the_users_own_package()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "Worker.csproj",
            text => text.Replace("<Nullable>", "<IsPackable>true</IsPackable><Nullable>", StringComparison.Ordinal)
        );

        (await app.DotnetAsync("pack", "-o", "packed")).Succeeded();

        using var package = System.IO.Compression.ZipFile.OpenRead(
            Directory.EnumerateFiles(app.In("packed"), "*.nupkg").Single()
        );
        Assert.DoesNotContain(package.Entries, entry => entry.Name is "litestream" or "litestream.yml");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task The_initializer_of_another_release_is_written_anew_and_then_left_alone()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        string[] build = ["build", "-p:PublishTrimmed=true"];
        (await app.DotnetAsync(build)).Succeeded();
        var initializer = app.In("obj/Debug/net10.0/litestream/LitestreamAutoStart.g.cs");
        var text = File.ReadAllText(initializer);
        File.WriteAllText(initializer, "// of a release before\n");

        (await app.DotnetAsync(build)).Succeeded();

        Assert.Equal(text, File.ReadAllText(initializer));
        Assert.Contains(
            "LitestreamAutoStart.Enable(typeof(LitestreamAutoStartInitializer).Assembly);",
            text,
            StringComparison.Ordinal
        );
        Assert.Empty((await app.DotnetAsync(build)).Succeeded().TasksInOurTargets);
    }

    [Fact]
    public void Every_page_that_the_packed_readme_links_to_is_in_the_package()
    {
        using var package = ZipFile.OpenRead(Path.Combine(packages.Feed, $"Litestream.Build.{packages.Version}.nupkg"));
        using var readme = new StreamReader(package.GetEntry("README.md")!.Open());
        var links = Regex
            .Matches(readme.ReadToEnd(), @"\]\((?!https?:)([^)#]+)")
            .Select(link => link.Groups[1].Value)
            .ToList();

        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.NotNull(package.GetEntry(link)));
    }

    [Fact]
    public async Task A_startup_hook_of_the_users_own_is_kept()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    "  <ItemGroup><RuntimeHostConfigurationOption Include=\"STARTUP_HOOKS\" Value=\"My.Hook\" "
                        + "/></ItemGroup>\n</Project>",
                    StringComparison.Ordinal
                )
        );

        (await app.DotnetAsync("build")).Succeeded();

        Assert.Contains(
            "\"STARTUP_HOOKS\": \"My.Hook:Litestream.Hosting\"",
            File.ReadAllText(app.In("bin/Debug/net10.0/Worker.runtimeconfig.json")),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_startup_hook_in_runtimeconfig_template_is_kept()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Write(
            "runtimeconfig.template.json",
            "{ \"configProperties\": { \"STARTUP_HOOKS\": \"My.Hook\", \"x\": \"y\" } }"
        );

        (await app.DotnetAsync("build")).Succeeded();

        Assert.Contains(
            "\"STARTUP_HOOKS\": \"My.Hook:Litestream.Hosting\"",
            File.ReadAllText(app.In("bin/Debug/net10.0/Worker.runtimeconfig.json")),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task LitestreamAutoStart_false_leaves_the_runtimeconfig_alone()
    {
        using var app = new Workspace(packages).WithAsset("Worker");

        (await app.DotnetAsync("build", "-p:LitestreamAutoStart=false")).Succeeded();

        Assert.DoesNotContain(
            "STARTUP_HOOKS",
            File.ReadAllText(app.In("bin/Debug/net10.0/Worker.runtimeconfig.json")),
            StringComparison.Ordinal
        );
        Assert.True(File.Exists(app.In("bin/Debug/net10.0/litestream.yml")));
    }

    [Fact]
    public async Task A_database_among_the_published_files_is_a_warning_with_the_line_that_fixes_it()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Write("data/orders.db", "");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    "  <ItemGroup><None Update=\"data/orders.db\" CopyToOutputDirectory=\"PreserveNewest\" "
                        + "/></ItemGroup>\n</Project>",
                    StringComparison.Ordinal
                )
        );

        var result = (await app.DotnetAsync("publish", "-o", "out")).Succeeded().WarnedWith("LSB1102");

        Assert.Contains(
            "<None Update=\"data/orders.db\" CopyToPublishDirectory=\"Never\" />",
            result.Output,
            StringComparison.Ordinal
        );
    }

    private static IEnumerable<string> Executables(Workspace app, string folder) =>
        Directory
            .EnumerateFiles(app.In(folder), "litestream*", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(file) is "litestream" or "litestream.exe")
            .Select(file => Path.GetRelativePath(app.Folder, file));

    [Fact]
    public async Task An_editor_gets_the_schema_of_the_section_Litestream()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("restore")).Succeeded();

        var items = (await app.DotnetAsync(["msbuild", "-getItem:JsonSchemaSegment"])).Succeeded();

        using var json = JsonDocument.Parse(items.Output);
        var segment = Assert.Single(
            json.RootElement.GetProperty("Items").GetProperty("JsonSchemaSegment").EnumerateArray(),
            item => item.GetProperty("FullPath").GetString()!.Contains("litestream", StringComparison.OrdinalIgnoreCase)
        );
        Assert.Matches($"^(?:{segment.GetProperty("FilePathPattern").GetString()})$", "appsettings.Production.json");
        using var schema = JsonDocument.Parse(
            await File.ReadAllBytesAsync(
                segment.GetProperty("FullPath").GetString()!,
                TestContext.Current.CancellationToken
            )
        );
        Assert.True(schema.RootElement.GetProperty("properties").TryGetProperty("Litestream", out _));
    }
}
