namespace Litestream.Build.Tests;

/// <summary>Every wrong input: one coded message, on the user's file, and nothing half-written.</summary>
public sealed class WrongInputTests(Packages packages)
{
    [Theory]
    [InlineData(
        "LSB1001",
        "appsettings.json",
        "{\n  \"ConnectionStrings\": {\n    \"Orders\": \"Data Source=x.db\",,\n  }\n}",
        3,
        Traits = ["Category", "Long"]
    )]
    [InlineData(
        "LSB1002",
        "app.config",
        "<configuration>\n  <connectionStrings>\n    <add name=\"x\" connectionString=\"Data "
            + "Source=x.db\">\n</configuration>",
        4,
        Traits = ["Category", "Long"]
    )]
    [InlineData(
        "LSB1010",
        "litestream.yml",
        "dbs:\n  - path: app.db\n   replicas: [",
        3,
        Traits = ["Category", "Long"]
    )]
    [InlineData(
        "LSB1030",
        "litestream.yml",
        "dbs:\n  - path: app.db\n    replicas:\n      - path: backups\n        retentoin: 72h\n",
        5
    )]
    [InlineData(
        "LSB1030",
        "litestream.yml",
        "dbs:\r  - path: app.db\r    replicas:\r      - path: backups\r        retentoin: 72h\r",
        5,
        Traits = ["Category", "Long"]
    )]
    [InlineData("LSB1010", "litestream.yml", "exec: [a\n", 2, Traits = ["Category", "Long"])]
    public async Task A_file_that_cannot_be_read_is_one_error_at_its_line(
        string code,
        string file,
        string content,
        int line
    )
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Write(file, content);
        (await app.DotnetAsync("restore")).Succeeded();
        var before = Tree(app);

        var result = (await app.DotnetAsync("build", "--no-restore")).FailedWith(code);

        var error = Assert.Single(result.Errors);
        Assert.Equal(app.In(file), error.File);
        Assert.Equal(line, error.LineNumber);
        Assert.Equal(before, Tree(app));
    }

    [Fact]
    public async Task A_file_of_ones_own_is_checked_for_the_release_line_of_the_executable()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("restore")).Succeeded();
        app.Write(
            "litestream.yml",
            "snapshot:\n  interval: 24h\ndbs:\n  - path: app.db\n    replicas:\n      - path: backups\n"
        );

        // The line that the package brings, then the other one: an executable of the user's own.
        var own = await app.DotnetAsync("build", "--no-restore");
        var other = await app.DotnetAsync("build", "--no-restore", $"-p:LitestreamInstallDir={OtherLine()}");

        var (right, wrong) = Repository.IsLine05 ? (own, other) : (other, own);
        right.Succeeded();
        var error = Assert.Single(wrong.FailedWith("LSB1031").Errors);
        Assert.Equal((app.In("litestream.yml"), 1), (error.File, error.LineNumber));

        static string OtherLine()
        {
            var folder = Repository.In("runtimes", Repository.IsLine05 ? "0.3.13" : "0.5.17", "linux-x64");
            Assert.SkipUnless(Directory.Exists(folder), $"There is no {folder}.");
            return folder;
        }
    }

    [Theory]
    [InlineData("LSB3008", "LitestreamEnabled", "LitestreamAutoStart", "LitestreamRequireExecutable")]
    [InlineData("LSB3004", "LitestreamConfigFile", Traits = ["Category", "Long"])]
    [InlineData("LSB2004", "LitestreamInstallDir", Traits = ["Category", "Long"])]
    [InlineData("LSB1016", "LitestreamConnectionStrings", Traits = ["Category", "Long"])]
    [InlineData(
        "LSB1021",
        "LitestreamSyncInterval",
        "LitestreamSnapshotInterval",
        "LitestreamRetention",
        Traits = ["Category", "Long"]
    )]
    public async Task A_value_with_a_quote_in_it_is_an_error_of_ours(string code, params string[] properties)
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("restore")).Succeeded();
        foreach (var property in properties)
        {
            var result = (await app.DotnetAsync("build", "--no-restore", $"-p:{property}=it's")).FailedWith(code);

            Assert.Contains("it's", Assert.Single(result.Errors).Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_name_that_nothing_reads_is_reported_with_its_place_and_stops_a_restore()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "appsettings.json",
            text =>
                text.Replace(
                    "\"Logging\"",
                    "\"Litestream\": { \"ReplicaUri\": \"s3://b\", \"RestoreOnStart\": \"Requird\" },\n  \"Logging\"",
                    StringComparison.Ordinal
                )
        );
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    """
                      <PropertyGroup>
                        <LitestreamRetentoin>48h</LitestreamRetentoin>
                      </PropertyGroup>
                      <ItemGroup>
                        <LitestreamDatabase Include="a.db" ReplicaUri="s3://bucket" />
                      </ItemGroup>
                    </Project>
                    """,
                    StringComparison.Ordinal
                )
        );
        app.Write(
            "Directory.Build.props",
            "<Project>\n<PropertyGroup>\n<LitestreamInstalDir>x</LitestreamInstalDir>\n</PropertyGroup>\n</Project>"
        );

        var publish = (await app.DotnetAsync("publish", "-o", "out", "-p:litestreamsyncintervall=1s")).Succeeded();

        var lines = File.ReadAllLines(app.In("Worker.csproj")).ToList();
        Assert.Equal(
            [
                ("LSB1019", "appsettings.json", 5, "'Required'"),
                ("LSB1052", "appsettings.json", 5, "'Litestream:ReplicaUrl'"),
                ("LSB1053", "Directory.Build.props", 3, "'LitestreamInstallDir'"),
                ("LSB1053", "Worker.csproj", 0, "'LitestreamSyncInterval'"),
                (
                    "LSB1053",
                    "Worker.csproj",
                    lines.FindIndex(line => line.Contains("LitestreamRetentoin", StringComparison.Ordinal)) + 1,
                    "'LitestreamRetention'"
                ),
                (
                    "LSB1053",
                    "Worker.csproj",
                    lines.FindIndex(line => line.Contains("ReplicaUri", StringComparison.Ordinal)) + 1,
                    "'ReplicaUrl'"
                ),
            ],
            publish
                .Warnings.Where(warning => warning.Code is "LSB1019" or "LSB1052" or "LSB1053")
                .Select(warning =>
                    (
                        warning.Code,
                        File: Path.GetFileName(warning.File),
                        Line: warning.LineNumber,
                        Meant: warning.Text.Split(" mean ")[^1].TrimEnd('?')
                    )
                )
                .OrderBy(warning => warning.Code, StringComparer.Ordinal)
                .ThenBy(warning => warning.File, StringComparer.Ordinal)
                .ThenBy(warning => warning.Line)
        );

        app.Write("out/data/orders.db", "not touched");
        var refused = (
            await app.DotnetAsync(
                "msbuild",
                "-t:LitestreamRestore",
                "-p:LitestreamContentRoot=out",
                "-p:LitestreamDatabase=data/orders.db",
                "-p:LitestreamTimestam=2026-01-01T00:00:00Z",
                "-p:LitestreamForce=true"
            )
        ).FailedWith("LSB3019");
        Assert.Contains("Did you mean 'LitestreamTimestamp'?", refused.Output, StringComparison.Ordinal);
        refused = (
            await app.DotnetAsync(
                "msbuild",
                "-t:LitestreamRestore",
                "-p:LitestreamContentRoot=out",
                "-p:LitestreamDatabase=data/orders.db",
                "-p:LitestreamTimestamp=",
                "-p:LitestreamForce=true"
            )
        ).FailedWith("LSB3008");
        Assert.Contains("LitestreamTimestamp is empty", refused.Output, StringComparison.Ordinal);
        Assert.Equal("not touched", File.ReadAllText(app.In("out/data/orders.db")));

        var variables = new Dictionary<string, string?>
        {
            ["LITESTREAM_ACCES_KEY_ID"] = "k",
            ["Litestream__Verificaton__Interval"] = "1h",
        };
        var databases = (
            await app.DotnetAsync(variables, "msbuild", "-t:LitestreamDatabases", "-p:LitestreamContentRoot=out")
        )
            .Succeeded()
            .WarnedWith("LSB1052")
            .WarnedWith("LSB1053");
        Assert.Contains("'LITESTREAM_ACCESS_KEY_ID'", databases.Output, StringComparison.Ordinal);
        Assert.Contains("'Litestream:Verification:Interval'", databases.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Two_databases_on_one_replica_path_are_refused()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    """
                      <ItemGroup>
                        <LitestreamDatabase Include="a.db" ReplicaUrl="file:///srv/backup/same" />
                        <LitestreamDatabase Include="b.db" ReplicaUrl="file:///srv/backup/same" />
                      </ItemGroup>
                    </Project>
                    """,
                    StringComparison.Ordinal
                )
        );

        // A folder of its own for each database is derived from the URL, so the same URL is not the same path ...
        (await app.DotnetAsync("build")).Succeeded();

        // ... but a file of the same name in another folder comes out at the same one, and is another database.
        app.Edit("Worker.csproj", text => text.Replace("a.db\"", "../b.db\"", StringComparison.Ordinal));
        (await app.DotnetAsync("build")).FailedWith("LSB1011");
    }

    [Fact]
    public async Task A_trimmed_app_that_does_not_compile_against_the_package_is_refused_with_a_code()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "Include=\"Litestream.Build\"",
                    "Include=\"Litestream.Build\" ExcludeAssets=\"compile\"",
                    StringComparison.Ordinal
                )
        );

        var refused = (await app.DotnetAsync("build", "-p:PublishTrimmed=true")).FailedWith("LSB1055");
        Assert.DoesNotContain("error CS", refused.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task The_same_database_twice_is_refused()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    """
                      <ItemGroup>
                        <LitestreamDatabase Include="a.db" />
                        <LitestreamDatabase Include="./a.db" />
                      </ItemGroup>
                    </Project>
                    """,
                    StringComparison.Ordinal
                )
        );

        (await app.DotnetAsync("build")).FailedWith("LSB1012");
    }

    [Fact]
    public async Task A_secret_in_the_replica_url_is_refused_without_being_repeated()
    {
        using var app = new Workspace(packages).WithAsset("Worker");

        var result = (
            await app.DotnetAsync("build", "-p:LitestreamReplicaUrl=sftp://user:hunter2@host/path")
        ).FailedWith("LSB1014");

        Assert.DoesNotContain(
            "hunter2",
            string.Join('\n', result.Errors.Select(error => error.Text)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Of_a_replica_that_a_variable_decides_nothing_is_claimed_until_it_has_a_value()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Write("litestream.yml", "dbs:\n  - path: app.db\n    replicas:\n      - url: ${REPLICA_URL}\n");

        var published = (await app.DotnetAsync("publish", "-o", app.In("out"))).Succeeded();
        Assert.DoesNotContain(published.Warnings, warning => warning.Code == "LSB1101");
        Assert.Contains(
            "app.db -> ${REPLICA_URL} (known where the app runs)",
            published.Output,
            StringComparison.Ordinal
        );

        // The variable is set on the server: what runs the app there is written all the same.
        (await app.DotnetAsync("msbuild", "-t:LitestreamScaffold", "-p:LitestreamScaffoldKind=systemd"))
            .Succeeded()
            .WarnedWith("LSB1045");
        Assert.Contains(
            Directory.EnumerateFiles(app.In("."), "*.service").Select(File.ReadAllText),
            text => text.Contains("REPLICA_URL", StringComparison.Ordinal)
        );
        var doctor = await app.DotnetAsync("msbuild", "-getTargetResult:LitestreamDoctor");
        Assert.NotEqual(0, doctor.ExitCode);
        Assert.Contains($"{app.In("litestream.yml")}(4,", doctor.Output, StringComparison.Ordinal);
        var verify = (await app.DotnetAsync("msbuild", "-t:LitestreamVerify")).FailedWith("LSB1045");
        Assert.DoesNotContain(verify.Errors, error => error.Code == "MSB4018");

        File.Delete(app.In("litestream.yml"));
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    """
                      <ItemGroup>
                        <LitestreamDatabase Include="${DB_PATH}" />
                      </ItemGroup>
                      <PropertyGroup>
                        <LitestreamReplicaUrl>${REPLICA_URL}</LitestreamReplicaUrl>
                      </PropertyGroup>
                    </Project>
                    """,
                    StringComparison.Ordinal
                )
        );
        published = (await app.DotnetAsync("publish", "-o", app.In("out"))).Succeeded();
        Assert.DoesNotContain(published.Warnings, warning => warning.Code == "LSB1101");
        var yml = File.ReadAllText(Path.Combine(app.In("out"), "litestream.yml"));
        Assert.Contains("${REPLICA_URL}/${DB_PATH}\n", yml, StringComparison.Ordinal);
        Assert.DoesNotContain("type:", yml, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_config_file_that_is_named_and_not_there_is_an_error()
    {
        using var app = new Workspace(packages).WithAsset("Worker");

        (await app.DotnetAsync("build", "-p:LitestreamConfigFile=other.yml")).FailedWith("LSB3004");
    }

    [Fact]
    public async Task An_install_dir_without_an_executable_is_an_error()
    {
        using var app = new Workspace(packages).WithAsset("Worker");

        (await app.DotnetAsync("build", "-p:LitestreamInstallDir=nowhere")).FailedWith("LSB2004");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_code_can_be_suppressed_and_elevated()
    {
        using var app = new Workspace(packages).WithAsset("Worker");

        var quiet = (await app.DotnetAsync("publish", "-o", "out", "-p:NoWarn=LSB1101")).Succeeded();
        Assert.DoesNotContain(quiet.Warnings, warning => warning.Code == "LSB1101");
        (await app.DotnetAsync("publish", "-o", "out", "-warnaserror:LSB1101")).FailedWith("LSB1101");
    }

    private static string[] Tree(Workspace app) =>
        Directory
            .EnumerateFiles(app.Folder, "*", SearchOption.AllDirectories)
            .Where(file => file.Contains("litestream", StringComparison.OrdinalIgnoreCase))
            .Select(file => Path.GetRelativePath(app.Folder, file))
            .Order(StringComparer.Ordinal)
            .ToArray();
}
