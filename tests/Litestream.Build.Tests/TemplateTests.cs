using System.Net;
using System.Text.RegularExpressions;
using CliWrap;
using CliWrap.Buffered;
using Microsoft.Data.Sqlite;

namespace Litestream.Build.Tests;

/// <summary>
/// What a user starts from: the SDK's own templates, created when the test runs, with nothing changed but the added
/// package. A visitor registers through
/// the site's own form, and that user has to come out of the replica.
/// </summary>
public sealed partial class TemplateTests(Packages packages)
{
    private const string User = "ada@example.com";

    /// <summary>
    /// Compressing the template's own style sheets and scripts takes three quarters of a publish; one row of the matrix
    /// does it for all.
    /// </summary>
    private const string Uncompressed = "-p:CompressionEnabled=false";

    public static TheoryData<string, string> EveryTemplatePublishedInEveryWay
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (var template in new[] { "mvc", "webapp", "blazor" })
            {
                rows.Add(template, template == "mvc" ? "" : Uncompressed);
                foreach (
                    var options in new[]
                    {
                        "--no-self-contained",
                        "--self-contained",
                        "--self-contained -p:PublishSingleFile=true",
                        "-p:PublishReadyToRun=true",
                    }
                )
                {
                    rows.Add(template, $"-r linux-x64 {options} {Uncompressed}");
                }
            }

            return rows;
        }
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task An_mvc_app_with_its_live_database_elsewhere_replicates_beside_that_database()
    {
        using var workspace = await CreateAsync("mvc");
        var publish = (await PublishAsync(workspace, Uncompressed)).Succeeded();
        Assert.Equal(["LSB1101", "LSB1102"], LitestreamCodes(publish));
        // No space in it: the executable does not find a file:// URL with one.
        var database = CopyOfTheTemplatesDatabase(workspace, "live/app.db");
        var workingDirectory = Directory.CreateDirectory(workspace.In("somewhere else")).FullName;

        using (
            var app = Start(
                workspace,
                workingDirectory,
                ["--contentRoot", workspace.In("out")],
                ("ConnectionStrings__DefaultConnection", $"DataSource={database};Cache=Shared")
            )
        )
        {
            await RegisterAsync(app, "/Identity/Account/Register");
            app.Signal("TERM");
            Assert.True(await app.WaitForExitAsync() == 0, app.Output);
            Assert.DoesNotContain("LSB5008", app.Output, StringComparison.Ordinal);
        }

        Assert.Empty(RunningApp.ProcessesOf(workspace.In("out/litestream")));
        Assert.Equal(
            [User],
            await RestoredUsersAsync(
                workspace,
                workingDirectory,
                $"file://{workspace.In("live/litestream-replicas/app.db")}"
            )
        );
        Assert.False(
            Directory.Exists(workspace.In("out/litestream-replicas")),
            "The built path was replicated although the live setting names another file."
        );
        Assert.Empty(Directory.EnumerateFileSystemEntries(workingDirectory));
    }

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(EveryTemplatePublishedInEveryWay))]
    public async Task Every_template_published_in_every_way_replicates_from_its_publish_folder(
        string template,
        string options
    )
    {
        using var workspace = await CreateAsync(template);
        var database = DatabaseOf(template);

        SkipWhatTheFeedLacks(await PublishAsync(workspace, options)).Succeeded();
        AssertYmlAndExecutable(workspace, database);
        using (var app = Start(workspace, workspace.In("out"), []))
        {
            await RegisterAsync(app, template == "blazor" ? "/Account/Register" : "/Identity/Account/Register");
            app.Signal("TERM");
            Assert.True(await app.WaitForExitAsync() == 0, app.Output);
        }

        Assert.Empty(RunningApp.ProcessesOf(workspace.In("out/litestream")));
        Assert.Equal(
            [User],
            await RestoredUsersAsync(workspace, workspace.In("out"), "-config", "litestream.yml", database)
        );
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("mvc")]
    [InlineData("webapp")]
    [InlineData("blazor")]
    public async Task A_template_published_for_musl_has_the_same_static_executable(string template)
    {
        using var workspace = await CreateAsync(template);

        SkipWhatTheFeedLacks(await PublishAsync(workspace, $"-r linux-musl-x64 --no-self-contained {Uncompressed}"))
            .Succeeded();

        AssertYmlAndExecutable(workspace, DatabaseOf(template));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_native_aot_app_replicates_although_it_can_have_no_startup_hook()
    {
        using var workspace = new Workspace(packages).WithAsset("Worker");
        SkipWhatIsMissing(
                await workspace.DotnetAsync(
                    "publish",
                    "-c",
                    "Release",
                    "-r",
                    "linux-x64",
                    "-o",
                    "out",
                    "-p:PublishAot=true"
                )
            )
            .Succeeded();
        Assert.False(File.Exists(workspace.In("out/Worker.dll")), "This is not a native app.");

        using (var app = RunningApp.Start(workspace.In("out/Worker"), [], workspace.In("out")))
        {
            await app.WaitForAsync("built, rows: 0");
            app.WriteLine("row");
            await app.WaitForAsync("wrote row");
            app.Signal("TERM");
            Assert.True(await app.WaitForExitAsync() == 0, app.Output);
        }

        Assert.Empty(RunningApp.ProcessesOf(workspace.In("out/litestream")));
        Assert.Equal(
            ["row"],
            await RestoredAsync(
                workspace,
                workspace.In("out"),
                "SELECT text FROM rows",
                "-config",
                "litestream.yml",
                "data/orders.db"
            )
        );
    }

    [Theory]
    [InlineData("F#", Traits = ["Category", "Long"])]
    [InlineData("VB", Traits = ["Category", "Long"])]
    public async Task A_trimmed_app_in_another_language_is_refused_unless_it_starts_Litestream_itself(string language)
    {
        using var workspace = new Workspace(packages);
        var project = await CreateHostedAppAsync(workspace, language);
        workspace.AddPackage(project, "Microsoft.Data.Sqlite", "10.0.15");
        workspace.AddPackage(project);
        workspace.Write("appsettings.json", """{ "ConnectionStrings": { "Orders": "Data Source=orders.db" } }""");
        string[] publish =
        [
            "publish",
            "-c",
            "Release",
            "-o",
            "out",
            "-r",
            "linux-x64",
            "--self-contained",
            "-p:PublishTrimmed=true",
        ];

        var refused = SkipWhatTheFeedLacks(await workspace.DotnetAsync(publish)).FailedWith("LSB1201");
        Assert.False(File.Exists(workspace.In("out/litestream")));
        Assert.Contains("AddLitestream()", Assert.Single(refused.Errors).Text, StringComparison.Ordinal);

        (await workspace.DotnetAsync([.. publish, "-p:LitestreamAutoStart=false"])).Succeeded();
        Assert.True(File.Exists(workspace.In("out/litestream")));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_console_app_without_a_generic_host_is_refused_unless_it_starts_Litestream_itself()
    {
        using var workspace = new Workspace(packages);
        (await workspace.DotnetAsync("new", "console", "-n", "App", "-o", ".", "--no-restore")).Succeeded();
        workspace.AddPackage("App.csproj", "Microsoft.Data.Sqlite", "10.0.15");
        workspace.AddPackage("App.csproj");
        workspace.Write("appsettings.json", """{ "ConnectionStrings": { "Orders": "Data Source=orders.db" } }""");

        (await workspace.DotnetAsync("publish", "-c", "Release", "-o", "out")).FailedWith("LSB1202");
        Assert.False(Directory.Exists(workspace.In("out")));

        (
            await workspace.DotnetAsync("publish", "-c", "Release", "-o", "out", "-p:LitestreamAutoStart=false")
        ).Succeeded();
        Assert.True(File.Exists(workspace.In("out/litestream")));

        // The package of the host alone builds none.
        workspace.AddPackage("App.csproj", "Microsoft.Extensions.Hosting", "10.0.15");
        (await workspace.DotnetAsync("publish", "-c", "Release", "-o", "out")).FailedWith("LSB1202");
        workspace.Write(
            "Program.cs",
            "using var host = Microsoft.Extensions.Hosting.Host.CreateApplicationBuilder(args).Build();"
        );
        (await workspace.DotnetAsync("publish", "-c", "Release", "-o", "out")).Succeeded();
    }

    [Theory]
    [InlineData("net6.0", Traits = ["Category", "Long"])]
    [InlineData("net48", Traits = ["Category", "Long"])]
    public async Task An_app_for_an_older_framework_is_reported_before_anything_else(string framework)
    {
        using var workspace = new Workspace(packages);
        (await workspace.DotnetAsync("new", "console", "-n", "App", "-o", ".", "--no-restore")).Succeeded();
        workspace.Edit(
            "App.csproj",
            text =>
                Regex.Replace(
                    text,
                    "<TargetFramework>.*</TargetFramework>",
                    $"<TargetFramework>{framework}</TargetFramework>"
                )
        );
        workspace.AddPackage("App.csproj");
        workspace.Write("appsettings.json", """{ "ConnectionStrings": { "Orders": "Data Source=orders.db" } }""");

        var build = SkipWhatTheFeedLacks(await workspace.DotnetAsync("build")).FailedWith("LSB1203");

        Assert.Contains(framework, Assert.Single(build.Errors).Text, StringComparison.Ordinal);
        (await workspace.DotnetAsync("msbuild", "-t:_LitestreamCheckHost", "-p:LitestreamEnabled=false")).Succeeded();
    }

    private static string DatabaseOf(string template) => template == "blazor" ? "Data/app.db" : "app.db";

    private static Task<BuildResult> PublishAsync(Workspace workspace, string options) =>
        workspace.DotnetAsync([
            "publish",
            "-c",
            "Release",
            "-o",
            "out",
            .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        ]);

    private static async Task<string> CreateHostedAppAsync(Workspace workspace, string language)
    {
        if (language == "F#")
        {
            (
                await workspace.DotnetAsync("new", "worker", "-lang", language, "-n", "App", "-o", ".", "--no-restore")
            ).Succeeded();
            return "App.fsproj";
        }

        // There is no worker template for Visual Basic.
        (
            await workspace.DotnetAsync("new", "console", "-lang", language, "-n", "App", "-o", ".", "--no-restore")
        ).Succeeded();
        workspace.AddPackage("App.vbproj", "Microsoft.Extensions.Hosting", "10.0.15");
        workspace.Write(
            "Program.vb",
            """
            Imports Microsoft.Extensions.Hosting

            Module Program
                Sub Main(args As String())
                    Host.CreateApplicationBuilder(args).Build().Run()
                End Sub
            End Module
            """
        );
        return "App.vbproj";
    }

    /// <summary>A pack of Microsoft's that the package source does not have says nothing about this package.</summary>
    private static BuildResult SkipWhatTheFeedLacks(BuildResult publish)
    {
        var missing =
            publish.ExitCode == 0
                ? null
                : publish.Errors.FirstOrDefault(error =>
                    error.Code is "NU1101" or "NU1102" or "NETSDK1094" or "NETSDK1112"
                    && MicrosoftsPack().IsMatch(error.Text ?? "")
                );
        if (missing is not null)
            Assert.Skip($"Not on the package source: {missing.Code} {missing.Text}");
        return publish;
    }

    /// <summary>The same with what a native link needs of the machine.</summary>
    internal static BuildResult SkipWhatIsMissing(BuildResult publish)
    {
        SkipWhatTheFeedLacks(publish);
        if (
            publish.ExitCode != 0
            && publish.Errors.FirstOrDefault(error => NoNativeLinker().IsMatch(error.Text ?? "")) is { } missing
        )
        {
            Assert.Skip($"No native linking on this machine: {missing.Text}");
        }

        return publish;
    }

    private static IEnumerable<string> LitestreamCodes(BuildResult publish) =>
        publish
            .Warnings.Select(warning => warning.Code)
            .Where(code => code?.StartsWith("LSB", StringComparison.Ordinal) == true)
            .Distinct()
            .Order(StringComparer.Ordinal);

    private static void AssertYmlAndExecutable(Workspace workspace, string database)
    {
        var yml = File.ReadAllText(workspace.In("out/litestream.yml"));
        Assert.Contains("# ConnectionStrings:DefaultConnection", yml, StringComparison.Ordinal);
        Assert.Contains($"path: \"{database}\"", yml, StringComparison.Ordinal);
        Assert.Contains(
            $"path: \"{database.Replace("app.db", "litestream-replicas/app.db", StringComparison.Ordinal)}\"",
            yml,
            StringComparison.Ordinal
        );
        var executable = Assert.Single(
            Directory.EnumerateFiles(workspace.In("out"), "litestream*", SearchOption.AllDirectories),
            file => Path.GetFileName(file) is "litestream" or "litestream.exe"
        );
        Assert.Equal("755", Convert.ToString((int)File.GetUnixFileMode(executable), 8));
        Assert.Equal(
            File.ReadAllBytes(Repository.In("runtimes", Repository.Version, "linux-x64", "litestream")),
            File.ReadAllBytes(executable)
        );
    }

    private static string CopyOfTheTemplatesDatabase(Workspace workspace, string relative)
    {
        var path = workspace.In(relative);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Copy(workspace.In("app.db"), path);
        return path;
    }

    /// <summary>On a free port, with a home folder of its own for the site's data protection keys.</summary>
    private static RunningApp Start(
        Workspace workspace,
        string workingDirectory,
        string[] arguments,
        params (string Name, string Value)[] settings
    )
    {
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
            ["HOME"] = Directory.CreateDirectory(Path.Combine(workspace.Root, "home")).FullName,
        };
        foreach (var (name, value) in settings)
            environment[name] = value;
        return RunningApp.Start(workspace.In("out/Site"), arguments, workingDirectory, environment);
    }

    /// <summary>
    /// What a browser does: get the form, send it back filled in, with its hidden fields and cookies.
    /// </summary>
    private static async Task RegisterAsync(RunningApp app, string page)
    {
        await app.WaitForAsync("Now listening on: ");
        await app.WaitForAsync("Application started.");
        using var handler = new HttpClientHandler { AllowAutoRedirect = false, UseProxy = false };
        using var client = new HttpClient(handler)
        {
            BaseAddress = new Uri(Address().Match(app.Output).Groups[1].Value),
        };
        var cancellationToken = TestContext.Current.CancellationToken;
        var html = await client.GetStringAsync(new Uri(page, UriKind.Relative), cancellationToken);
        var fields = new Dictionary<string, string>
        {
            ["Input.Email"] = User,
            ["Input.Password"] = "Correct-horse-1",
            ["Input.ConfirmPassword"] = "Correct-horse-1",
        };
        foreach (Match input in HiddenInput().Matches(html))
            fields.TryAdd(Attribute(input.Value, "name"), Attribute(input.Value, "value"));

        using var form = new FormUrlEncodedContent(fields);
        using var response = await client.PostAsync(new Uri(page, UriKind.Relative), form, cancellationToken);

        var answer = await response.Content.ReadAsStringAsync(cancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.Redirect, $"{response.StatusCode}\n{answer}\n{app.Output}");
    }

    private static string Attribute(string element, string name) =>
        WebUtility.HtmlDecode(
            Regex.Match(element, $"\\b{name}=\"([^\"]*)\"", RegexOptions.CultureInvariant).Groups[1].Value
        );

    private static Task<IReadOnlyList<string>> RestoredUsersAsync(
        Workspace workspace,
        string workingDirectory,
        params string[] source
    ) => RestoredAsync(workspace, workingDirectory, "SELECT Email FROM AspNetUsers", source);

    private static async Task<IReadOnlyList<string>> RestoredAsync(
        Workspace workspace,
        string workingDirectory,
        string query,
        params string[] source
    )
    {
        var file = Path.Combine(workspace.Root, $"{Guid.NewGuid():N}.db");
        var result = await Cli.Wrap(workspace.In("out/litestream"))
            .WithArguments(["restore", "-o", file, .. source])
            .WithWorkingDirectory(workingDirectory)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, result.StandardOutput + result.StandardError);
        using var connection = new SqliteConnection($"Data Source={file};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = query;
        using var reader = command.ExecuteReader();
        var values = new List<string>();
        while (reader.Read())
            values.Add(reader.GetString(0));
        return values;
    }

    /// <summary>
    /// The project of a template, with the package added to it and nothing else changed. Not named App: the blazor
    /// template has a component of that name.
    /// </summary>
    private async Task<Workspace> CreateAsync(string template)
    {
        var workspace = new Workspace(packages);
        (
            await workspace.DotnetAsync("new", template, "-au", "Individual", "-n", "Site", "-o", ".", "--no-restore")
        ).Succeeded();
        workspace.AddPackage("Site.csproj");
        return workspace;
    }

    [GeneratedRegex("Now listening on: (http://\\S+)")]
    private static partial Regex Address();

    [GeneratedRegex("<input[^>]*type=\"hidden\"[^>]*>")]
    private static partial Regex HiddenInput();

    [GeneratedRegex(
        "microsoft\\.(netcore\\.app|aspnetcore\\.app|dotnet\\.ilcompiler)|crossgen|runtime pack",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex MicrosoftsPack();

    [GeneratedRegex("Platform linker|cannot find -l|'objcopy'|linker command failed")]
    private static partial Regex NoNativeLinker();
}
