using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Litestream.Configuration;
using Litestream.Deployment;
using Litestream.Diagnostics;
using Litestream.Tests.Databases;
using YamlDotNet.Serialization;

namespace Litestream.Tests.Deployment;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class ScaffoldTests : IDisposable
{
    /// <summary>All that a Dockerfile may have, and that this one may want.</summary>
    private static readonly string[] Instructions =
    [
        "FROM",
        "RUN",
        "WORKDIR",
        "COPY",
        "VOLUME",
        "ENV",
        "EXPOSE",
        "USER",
        "STOPSIGNAL",
        "ENTRYPOINT",
    ];

    private readonly TemporaryFolder _folder = new();

    private ScaffoldInputs Shop =>
        new()
        {
            AssemblyName = "My.Shop",
            ProjectFile = "src/My Shop/My.Shop.csproj",
            BuildContext = _folder.Path,
            FrameworkVersion = "10.0",
            Databases = ["data/app.db"],
            ReplicaFolders = ["data/litestream-replicas/app.db"],
            Variables =
            [
                new ConfigVariable("LITESTREAM_ACCESS_KEY_ID", true, VariableSource.None, "", "the access key of s3"),
                new ConfigVariable("AWS_REGION", false, VariableSource.Environment, "***", "the region"),
            ],
        };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a service with dotnet")]
    [InlineData("a self-contained service")]
    [InlineData("an odd folder, databases elsewhere, a low port")]
    [InlineData("an odd folder with dotnet")]
    public async Task Systemd_accepts_the_unit_without_a_word(string which)
    {
        var install = Path.Combine(
            _folder.Path,
            which.StartsWith("an odd", StringComparison.Ordinal) ? "100% of $HOME; odd" : "out"
        );
        Directory.CreateDirectory(install);
        var program = Path.Combine(install, "My.Shop");
        File.WriteAllText(program, "");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var app = (Shop with { InstallDirectory = install }) switch
        {
            var shop when which.Contains("self", StringComparison.Ordinal) => shop with
            {
                IsSelfContained = true,
                IsWeb = true,
            },
            var shop when which.Contains("port", StringComparison.Ordinal) => shop with
            {
                IsSingleFile = true,
                IsWeb = true,
                Port = 80,
                Databases = ["/srv/data of all/a.db", "../b.db"],
                ReplicaFolders = ["/home/backups/a"],
            },
            var shop => shop,
        };

        var unit = Text(ScaffoldKind.Systemd, app, "my-shop.service")
            .Replace("/usr/bin/dotnet", Environment.ProcessPath, StringComparison.Ordinal);

        var (exitCode, output) = await VerifyAsync("my-shop.service", unit);
        Assert.True((exitCode, output) == (0, ""), output);
        Assert.Contains(
            "not-a-mode",
            (
                await VerifyAsync(
                    "my-shop.service",
                    unit.Replace("KillMode=mixed", "KillMode=not-a-mode", StringComparison.Ordinal)
                )
            ).Output,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_unit_leaves_litestream_to_the_app_and_gives_it_the_time_that_it_may_take()
    {
        var unit = Settings(
            Text(ScaffoldKind.Systemd, Shop with { ShutdownTimeout = TimeSpan.FromSeconds(90) }, "my-shop.service")
        );

        Assert.Equal("mixed", unit["KillMode"].Single());
        Assert.True(int.Parse(unit["TimeoutStopSec"].Single(), CultureInfo.InvariantCulture) > 30 + 90);
        Assert.Equal("my-shop my-shop/data my-shop/data/litestream-replicas/app.db", unit["StateDirectory"].Single());
        Assert.Equal("/var/lib/my-shop", unit["WorkingDirectory"].Single());
        Assert.Equal("/usr/bin/dotnet /opt/my-shop/My.Shop.dll", unit["ExecStart"].Single());
        Assert.Equal(["DOTNET_CONTENTROOT=/opt/my-shop"], unit["Environment"]);
        Assert.Equal("-/etc/my-shop.env", unit["EnvironmentFile"].Single());
        Assert.DoesNotContain("MemoryDenyWriteExecute", unit.Keys);
        Assert.DoesNotContain("PrivateUsers", unit.Keys);
        Assert.Equal("yes", unit["ProtectHome"].Single());
    }

    [Fact]
    public void What_lies_elsewhere_may_be_written_to()
    {
        var app = Shop with
        {
            Databases = ["/srv/shop/a.db", "../../../home/me/b.db", "c.db"],
            ReplicaFolders = ["/mnt/backups"],
            IsWeb = true,
            Port = 443,
        };
        var unit = Settings(Text(ScaffoldKind.Systemd, app, "my-shop.service"));

        Assert.Equal(["/home/me", "/mnt/backups", "/srv/shop"], unit["ReadWritePaths"]);
        Assert.Equal("no", unit["ProtectHome"].Single());
        Assert.Equal("CAP_NET_BIND_SERVICE", unit["AmbientCapabilities"].Single());
        Assert.Contains("ASPNETCORE_URLS=http://localhost:443", unit["Environment"]);
        Assert.Equal(
            ["/var/lib/my-shop", "/home/me", "/mnt/backups", "/srv/shop"],
            JsonSerializer.Deserialize<string[]>(Docker(app).Single(line => line.Name == "VOLUME").Value)!
        );
    }

    [Theory]
    [InlineData("framework", "aspnet:10.0", "-c Release -o /app", "dotnet,/app/My.Shop.dll")]
    [InlineData("rid", "aspnet:10.0", "-c Release -r linux-x64 -o /app", "/app/My.Shop")]
    [InlineData("self", "runtime-deps:10.0-alpine", "-c Release -r linux-musl-x64 -o /app", "/app/My.Shop")]
    [InlineData("aot", "runtime-deps:10.0", "-c Release -o /app", "/app/My.Shop")]
    [InlineData("windows", "aspnet:10.0", "-c Release -r linux-x64 -o /app", "dotnet,/app/My.Shop.dll")]
    public void The_Dockerfile_builds_publishes_and_runs_as_a_user_who_owns_the_data(
        string which,
        string image,
        string publish,
        string entry
    )
    {
        var app = (Shop with { IsWeb = true }) switch
        {
            var shop when which == "rid" => shop with { RuntimeIdentifier = "linux-x64" },
            var shop when which == "self" => shop with { RuntimeIdentifier = "linux-musl-x64", IsSelfContained = true },
            var shop when which == "aot" => shop with { IsAot = true },
            var shop when which == "windows" => shop with { RuntimeIdentifier = "win-x64" },
            var shop => shop,
        };

        var lines = Docker(app);

        Assert.All(lines, line => Assert.Contains(line.Name, Instructions));
        Assert.Equal(
            [
                "FROM",
                "WORKDIR",
                "COPY",
                "RUN",
                "FROM",
                "COPY",
                "RUN",
                "VOLUME",
                "WORKDIR",
                "ENV",
                "ENV",
                "EXPOSE",
                "USER",
                "STOPSIGNAL",
                "ENTRYPOINT",
            ],
            lines.Select(line => line.Name).Where((name, i) => !(which == "aot" && i == 1))
        );
        Assert.Equal(
            $"dotnet publish 'src/My Shop/My.Shop.csproj' {publish}",
            lines.Last(line => line.Value.StartsWith("dotnet publish", StringComparison.Ordinal)).Value
        );
        Assert.Equal($"mcr.microsoft.com/dotnet/{image}", lines.Last(line => line.Name == "FROM").Value);
        Assert.Equal(
            "mkdir -p /var/lib/my-shop /var/lib/my-shop/data /var/lib/my-shop/data/litestream-replicas/app.db && "
                + "chown app:app /var/lib/my-shop /var/lib/my-shop/data "
                + "/var/lib/my-shop/data/litestream-replicas/app.db",
            lines.Last(line => line.Name == "RUN").Value
        );
        Assert.Equal("app", lines.Single(line => line.Name == "USER").Value);
        Assert.Equal("SIGTERM", lines.Single(line => line.Name == "STOPSIGNAL").Value);
        Assert.Equal(entry, string.Join(',', JsonSerializer.Deserialize<string[]>(lines[^1].Value)!));
        Assert.Contains(
            "**/*.db",
            Text(ScaffoldKind.Dockerfile, app, "Dockerfile.dockerignore"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_Compose_file_waits_long_enough_and_keeps_the_data()
    {
        var folder = Path.Combine(_folder.Path, "deploy");
        var app = Shop with { IsWeb = true, HasOwnUrls = true, Port = 5123, Databases = ["a.db", "/srv/shop/b.db"] };
        var text = Scaffold.Create(ScaffoldKind.Compose, app, folder).Single().Text;

        var compose = new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(text);
        var service = Assert.IsType<Dictionary<object, object>>(
            Assert.IsType<Dictionary<object, object>>(compose["services"])["my-shop"]
        );

        Assert.Equal("75s", service["stop_grace_period"]);
        Assert.Equal(
            ["my-shop-data:/var/lib/my-shop", "my-shop-data-2:/srv/shop"],
            Assert.IsType<List<object>>(service["volumes"])
        );
        Assert.Equal(
            ["my-shop-data", "my-shop-data-2"],
            Assert.IsType<Dictionary<object, object>>(compose["volumes"]).Keys
        );
        Assert.Equal(["5123:5123"], Assert.IsType<List<object>>(service["ports"]));
        var build = Assert.IsType<Dictionary<object, object>>(service["build"]);
        Assert.Equal(("..", "deploy/Dockerfile"), (build["context"], build["dockerfile"]));
        Assert.Equal(
            "my-shop.env",
            Assert.IsType<Dictionary<object, object>>(Assert.IsType<List<object>>(service["env_file"]).Single())["path"]
        );
        Assert.Equal(
            ["URLS=http://+:5123"],
            Docker(app)
                .Where(line => line.Name == "ENV" && line.Value.Contains("URLS", StringComparison.Ordinal))
                .Select(line => line.Value)
        );
    }

    [Fact]
    public void Names_of_variables_are_reported_and_no_value_is()
    {
        foreach (var kind in new[] { ScaffoldKind.Systemd, ScaffoldKind.Dockerfile, ScaffoldKind.Compose })
        {
            var text = Scaffold.Create(kind, Shop, _folder.Path)[0].Text;
            Assert.Contains("LITESTREAM_ACCESS_KEY_ID  the access key of s3", text, StringComparison.Ordinal);
            Assert.Contains("AWS_REGION                the region (if needed)", text, StringComparison.Ordinal);
            Assert.DoesNotContain("***", text, StringComparison.Ordinal);
            Assert.DoesNotContain("\r", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_is_there_stays_and_then_none_is_written()
    {
        var files = Scaffold.Create(ScaffoldKind.Dockerfile, Shop, _folder.Path);
        _folder.Write("Dockerfile.dockerignore", "mine");

        var error = Assert.Throws<LitestreamException>(() => Scaffold.Write(files, _folder.Path, force: false));

        Assert.Equal("LSB3017", error.Diagnostic.Code);
        Assert.Equal(["Dockerfile.dockerignore"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(_folder.Path, "Dockerfile.dockerignore")));

        Scaffold.Write(files, _folder.Path, force: true);
        Assert.Equal(
            files.Select(file => file.Text),
            files.Select(file => File.ReadAllText(Path.Combine(_folder.Path, file.Name)))
        );
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_file_that_cannot_be_put_in_its_place_leaves_all_as_they_were(bool isReplaced)
    {
        var files = Scaffold.Create(ScaffoldKind.Dockerfile, Shop, _folder.Path);
        Directory.CreateDirectory(Path.Combine(_folder.Path, files[^1].Name));
        if (isReplaced)
            _folder.Write(files[0].Name, "mine");

        var error = Assert.Throws<LitestreamException>(() => Scaffold.Write(files, _folder.Path, force: true));

        Assert.Equal("LSB0003", error.Diagnostic.Code);
        Assert.Equal(isReplaced ? [files[0].Name] : [], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        if (isReplaced)
            Assert.Equal("mine", File.ReadAllText(Path.Combine(_folder.Path, files[0].Name)));
    }

    [Fact]
    public void A_file_that_cannot_be_written_leaves_no_other_and_no_folder()
    {
        var folder = Path.Combine(_folder.Path, "new", "deep");

        var error = Assert.Throws<LitestreamException>(() =>
            Scaffold.Write([new("one", "1"), new("none/two", "2")], folder, force: false)
        );

        Assert.Equal("LSB0003", error.Diagnostic.Code);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void What_is_replaced_keeps_its_mode_and_a_link_what_it_leads_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Modes and links of Unix.");
        var real = _folder.Write("shared/Procfile", "mine");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(real, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var link = Path.Combine(_folder.Path, "Procfile");
        File.CreateSymbolicLink(link, "shared/Procfile");

        Scaffold.Write([new("Procfile", "new")], _folder.Path, force: true);

        Assert.Equal("shared/Procfile", new FileInfo(link).LinkTarget);
        Assert.Equal("new", File.ReadAllText(real));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(real));
        Assert.Equal(["Procfile"], Directory.GetFiles(Path.Combine(_folder.Path, "shared")).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("Shop", "shop")]
    [InlineData("My.Shop_2", "my-shop-2")]
    [InlineData("42", "app-42")]
    [InlineData("日本", "app")]
    public void A_name_is_made_that_services_users_and_containers_can_have(string assembly, string expected) =>
        Assert.Equal(expected, (Shop with { AssemblyName = assembly }).Name);

    private string Text(ScaffoldKind kind, ScaffoldInputs app, string name) =>
        Scaffold.Create(kind, app, _folder.Path).Single(file => file.Name == name).Text;

    private List<(string Name, string Value)> Docker(ScaffoldInputs app) =>
        [
            .. Text(ScaffoldKind.Dockerfile, app, "Dockerfile")
                .Split('\n')
                .Where(line => line.Length > 0 && line[0] != '#')
                .Select(line => (line.Split(' ')[0], line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..])),
        ];

    private static ILookup<string, string> Lines(string unit) =>
        unit.Split('\n')
            .Where(line => line.Length > 0 && line[0] is not ('#' or '['))
            .ToLookup(line => line.Split('=')[0], line => line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..]);

    private static Dictionary<string, List<string>> Settings(string unit) =>
        Lines(unit).ToDictionary(line => line.Key, line => line.ToList(), StringComparer.Ordinal);

    private async Task<(int ExitCode, string Output)> VerifyAsync(string name, string unit)
    {
        var file = _folder.Write(name, unit);
        var start = new ProcessStartInfo("systemd-analyze", ["verify", file])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("systemd-analyze is not installed (Debian: apt-get install systemd)");
            throw;
        }

        using (process)
        {
            var output = await Task.WhenAll(
                process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
                process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)
            );
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (process.ExitCode, string.Concat(output));
        }
    }
}
