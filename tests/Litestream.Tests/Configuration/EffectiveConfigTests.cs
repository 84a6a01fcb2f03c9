using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

[Trait("Uses", "litestream")]
public sealed class EffectiveConfigTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_live_connection_string_wins_and_the_default_replica_moves_with_it()
    {
        var config = Effective(
            Generated(),
            new() { ["ConnectionStrings:Default"] = "Data Source=elsewhere/live.db;Cache=Shared" }
        );

        var database = Assert.Single(config.Databases);
        Assert.Equal(
            ("Data/app.db", In("elsewhere/live.db"), "Default", "ConnectionStrings:Default"),
            (database.ConfiguredPath, database.Path, database.Name, database.Key)
        );
        Assert.Equal(In("elsewhere/litestream-replicas/live.db"), Assert.Single(database.Replicas).Location);
        Assert.Equal(In("elsewhere/.live.db-litestream"), database.MetaPath);
    }

    [Fact]
    public void Without_a_live_value_the_built_path_holds_and_the_data_directory_counts()
    {
        Assert.Equal(In("Data/app.db"), Assert.Single(Effective(Generated()).Databases).Path);
        var config = LitestreamTool.Effective(Write(Generated()), _folder.Path, dataDirectory: In("app data"));
        Assert.Equal(In("app data/Data/app.db"), Assert.Single(config.Databases).Path);
        Assert.Equal(
            In("app data/Data/litestream-replicas/app.db"),
            Assert.Single(config.Databases[0].Replicas).Location
        );
    }

    [Theory]
    [InlineData("Data Source=:memory:", "LSB1005")]
    [InlineData("Data Source=app.db;Mode=ReadOnly", "LSB1006")]
    [InlineData("Data Source=app.db;Password=x", "LSB1007")]
    [InlineData("Server=db;Database=app;User Id=sa", "LSB1004")]
    public void A_live_value_that_is_not_a_file_excludes_the_database(string live, string code)
    {
        var config = Effective(Generated(), new() { ["ConnectionStrings:Default"] = live });

        Assert.Empty(config.Databases);
        Assert.Contains("dbs: []", config.Text, StringComparison.Ordinal);
        Assert.Contains(config.Diagnostics, d => d.Code == code);
    }

    [Theory]
    [InlineData("logging:\n  level: warn\n", "info")]
    [InlineData("logging:\n  level: debug\n", "debug")]
    [InlineData("logging:\n  level: error\n", "info")]
    public void The_file_for_a_litestream_of_its_own_has_its_database_at_both_levels(string logging, string infoLevel)
    {
        var config = Effective(
            "dbs:\n  - path: a.db\n    replicas:\n      - path: r/a\n  - path: b.db\n    replicas:\n      - path: r/b\n"
                + logging
        );

        var one = config.With(config.Databases[1], metricsAddress: null, monitorInterval: null);

        Assert.Equal(config.Databases[1], Assert.Single(one.Databases));
        Assert.All(
            [one.Text, one.InfoLoggingText],
            text =>
            {
                Assert.Contains(In("b.db"), text, StringComparison.Ordinal);
                Assert.DoesNotContain(In("a.db"), text, StringComparison.Ordinal);
            }
        );
        Assert.All(
            [config.InfoLoggingText, one.InfoLoggingText],
            text => Assert.Matches($"level: \"?{infoLevel}\"?\n", text)
        );
        Assert.Equal(config.LogLevel, one.LogLevel);
    }

    [Fact]
    public void Two_settings_that_lead_to_one_file_are_refused()
    {
        var yml = GeneratedConfig
            .Create(
                [new("a.db", "A", "ConnectionStrings:A"), new("b.db", "B", "ConnectionStrings:B")],
                new GeneratedConfigOptions()
            )
            .Text;

        var error = Assert.Throws<LitestreamException>(() =>
            Effective(yml, new() { ["ConnectionStrings:B"] = "Data Source=./a.db" })
        );

        Assert.Equal("LSB1012", error.Diagnostic.Code);
    }

    [Theory]
    [InlineData("Litestream:ReplicaUrl", "s3://live/p", "s3://live/p/Data/app.db")]
    [InlineData("Litestream:ReplicaBucket", "bucket", "s3://bucket/Data/app.db")]
    [InlineData("Litestream:ReplicaUrl", "backups", "backups/Data/app.db")]
    public void The_run_time_replica_replaces_the_built_one_and_keeps_how_it_is_kept(
        string setting,
        string value,
        string location
    )
    {
        var config = Effective(
            Generated(),
            new()
            {
                [setting] = value,
                ["Litestream:ReplicaRegion"] = "eu-west-1",
                ["ConnectionStrings:Default"] = "Data Source=/srv/live.db",
            }
        );

        var replica = Assert.Single(Assert.Single(config.Databases).Replicas);
        Assert.Equal(location.StartsWith("s3:", StringComparison.Ordinal) ? location : In(location), replica.Location);
        Assert.Contains("retention: \"24h\"", config.Text, StringComparison.Ordinal);
        Assert.Empty(config.Diagnostics);
    }

    [Fact]
    public void The_buckets_variable_alone_is_enough_but_a_built_prefix_stays()
    {
        var environment = new Dictionary<string, string> { ["LITESTREAM_REPLICA_BUCKET"] = "bucket" };

        Assert.Equal(
            "s3://bucket/Data/app.db",
            Effective(Generated(), environment: environment).Databases[0].Replicas[0].Location
        );
        Assert.Equal(
            "s3://bucket/prefix/Data/app.db",
            Effective(Generated("s3://${LITESTREAM_REPLICA_BUCKET}/prefix"), environment: environment)
                .Databases[0]
                .Replicas[0]
                .Location
        );
    }

    [Fact]
    public void Settings_become_variables_but_never_over_one_that_is_set()
    {
        var config = Effective(
            Generated("s3://bucket"),
            new() { ["Litestream:AccessKeyId"] = "from-settings", ["Litestream:SecretAccessKey"] = "secret-value" },
            new() { ["LITESTREAM_ACCESS_KEY_ID"] = "from-environment" }
        );

        Assert.Equal(
            [new("LITESTREAM_ACCESS_KEY_ID", "from-environment"), new("LITESTREAM_SECRET_ACCESS_KEY", "secret-value")],
            config.Variables
        );
        Assert.DoesNotContain("secret-value", config.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_break_in_a_variable_is_refused_without_its_value()
    {
        var error = Assert.Throws<LitestreamException>(() =>
            Effective(Generated("s3://bucket"), environment: new() { ["LITESTREAM_SECRET_ACCESS_KEY"] = "abcd\nefgh" })
        );

        Assert.Equal("LSB1017", error.Diagnostic.Code);
        Assert.DoesNotContain("abcd", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variable_that_is_not_set_is_a_warning_unless_upstream_has_a_default()
    {
        Assert.Empty(Effective(Generated("s3://bucket?region=eu-west-1")).Diagnostics);
        var diagnostic = Assert.Single(
            Effective(Generated("s3://bucket/x?region=eu-west-1&endpoint=${BUCKET}")).Diagnostics
        );
        Assert.Equal(("LSB1018", LitestreamSeverity.Warning), (diagnostic.Code, diagnostic.Severity));
        Assert.Contains("BUCKET", diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_that_is_nothing_without_its_variable_is_refused()
    {
        var error = Assert.Throws<LitestreamException>(() =>
            Effective(
                "dbs:\n  - path: ${DATABASE}\n    replicas:\n      - url: s3://bucket/x\n        region: eu-west-1\n"
            )
        );

        Assert.Equal(("LSB1018", 2), (error.Diagnostic.Code, error.Diagnostic.Line));
    }

    [Fact]
    public void Of_a_users_own_file_everything_is_kept_but_what_must_be_absolute()
    {
        var config = LitestreamTool.Effective(
            Write(
                """
                addr: ":9090"
                exec: dotnet App.dll
                access-key-id: ${ID}
                secret-access-key: 'literal-secret'
                logging: {level: debug, type: text}
                dbs:
                  - path: $DATA/a${X}.db
                    meta-path: meta/a
                    checkpoint-interval: 30s
                    replica:
                      url: sftp://u@${HOST}/x
                      name: "\x24{HOME}"
                  - path: ~/b.db
                    replicas:
                      - path: backups/b
                        name: |
                          two
                            lines
                """
            ),
            _folder.Path,
            new Dictionary<string, string> { ["Litestream:ReplicaUrl"] = "s3://ignored" },
            new Dictionary<string, string>
            {
                ["DATA"] = "data",
                ["X"] = "1",
                ["HOME"] = "/home/u",
                ["HOST"] = "host.example",
                ["ID"] = "the-id",
            },
            fast: false
        );

        Assert.Equal(
            $$"""
            # The effective configuration: made by Litestream.Build each time Litestream is started, from {{In(
                "litestream.yml"
            )}}
            addr: ":9090"
            access-key-id: ${ID}
            secret-access-key: |2-
              ${LITESTREAM_SECRET_1}
            logging:
              level: debug
              type: "json"
              stderr: false
            dbs:
              - path: "{{In("data/a1.db")}}"
                meta-path: "{{In("meta/a")}}"
                checkpoint-interval: 30s
                replicas:
                  - url: |2-
                      sftp://u@${HOST}/x
                    name: "\u0024{HOME}"
              - path: "/home/u/b.db"
                replicas:
                  - path: "{{In("backups/b")}}"
                    name: |2-
                      two
                        lines

            """.ReplaceLineEndings(
                "\n"
            ),
            config.Text
        );
        Assert.Equal("literal-secret", config.Variables["LITESTREAM_SECRET_1"]);
        Assert.Equal(
            Repository.IsLine05
                ? ["LSB1020", "LSB1022", "LSB1044"]
                : ["LSB1020", "LSB1022", "LSB1031", "LSB1044"],
            config.Diagnostics.Select(d => d.Code).Order(StringComparer.Ordinal)
        );
        Assert.Equal(In("meta/a"), config.Databases[0].MetaPath);
    }

    [Theory]
    [InlineData("meta-path: state", "meta-path: ./x/../state/")]
    [InlineData("meta-path: state", "meta-path: ${STATE}")]
    [InlineData("meta-path: state", "meta-path: ~/state")]
    [InlineData("meta-path: state", "meta-path: link")]
    [InlineData("meta-path: .b.db-litestream", "")]
    public void Two_databases_with_one_state_folder_are_refused(string first, string second)
    {
        Directory.CreateDirectory(In("state"));
        Directory.CreateSymbolicLink(In("link"), "state");

        var error = Assert.Throws<LitestreamException>(() =>
            Effective(
                $"dbs:\n  - path: a.db\n    {first}\n    replicas:\n      - path: /a\n"
                    + $"  - path: b.db\n    {second}\n    replicas:\n      - path: /b\n",
                environment: new() { ["STATE"] = In("state"), ["HOME"] = _folder.Path }
            )
        );

        Assert.Equal("LSB1011", error.Diagnostic.Code);
    }

    [Fact]
    public void A_password_in_the_url_of_a_users_own_file_is_not_written_again()
    {
        var config = Effective("dbs:\n  - path: a.db\n    replicas:\n      - url: sftp://u:pass-word@host/x\n");

        Assert.DoesNotContain("pass-word", config.Text, StringComparison.Ordinal);
        Assert.Equal("sftp://u:pass-word@host/x", Assert.Single(config.Variables).Value);
        Assert.Equal("sftp://u@host/x", config.Databases[0].Replicas[0].Location);
    }

    [Theory]
    [InlineData("url: sftp://u:hush-hush@${HOST}/x")]
    [InlineData("url: sftp://u:hush-hush@host/x\n        type: ${TYPE}")]
    [InlineData("type: sftp\n        host: h\n        user: u\n        path: x\n        password: hush-hush")]
    [InlineData("type: sftp\n        host: h\n        user: u\n        path: x\n        password: hush-hush${UNSET}")]
    [InlineData("type: sftp\n        host: h\n        user: u\n        path: x\n        password: &p hush-hush")]
    [InlineData("type: s3\n        bucket: b\n        access-key-id: hush-hush\n        secret-access-key: ${SECRET}")]
    [InlineData("type: s3\n        bucket: b\n        secret-access-key: hush-hush")]
    [InlineData("type: s3\n        bucket: b\n        endpoint: https://u:hush-hush@minio:9000")]
    [InlineData("type: abs\n        bucket: b\n        account-name: a\n        account-key: hush-hush")]
    [InlineData("url: abs://a:hush-hush@b/x")]
    [InlineData(
        "path: /r\n        age:\n          identities: "
            + "[AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX]"
    )]
    [InlineData(
        "path: /r\n        age:\n          identities:\n            - |\n              # one\n              "
            + "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n              "
            + "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n            - ${OTHER}"
    )]
    public void No_secret_of_a_users_own_file_is_written_or_shown(string replica) =>
        AssertHidden(replica, "0.3");

    [Theory]
    [InlineData("type: s3\n        bucket: b\n        region: r\n        sse-customer-key: hush-hush")]
    [InlineData("type: abs\n        bucket: b\n        account-name: a\n        sas-token: hush-hush")]
    [InlineData("type: oss\n        bucket: b\n        secret-access-key: hush-hush")]
    [InlineData("type: webdav\n        webdav-url: https://h/x\n        webdav-password: hush-hush")]
    [InlineData("type: webdav\n        webdav-url: https://u:hush-hush@h/x")]
    [InlineData("url: webdavs://u:hush-hush@h/x")]
    [InlineData("url: nats://u:hush-hush@h/b")]
    [InlineData("type: nats\n        bucket: b\n        password: hush-hush")]
    [InlineData("type: nats\n        bucket: b\n        jwt: hush-hush")]
    [InlineData("type: nats\n        bucket: b\n        seed: hush-hush")]
    [InlineData("type: nats\n        bucket: b\n        nkey: hush-hush")]
    [InlineData("type: nats\n        bucket: b\n        token: hush-hush")]
    [InlineData("path: /r\nheartbeat-url: https://hc.example/hush-hush")]
    [InlineData("type: s3\n        bucket: b\n        region: r\nsecret-access-key: hush-hush")]
    public void Nor_one_that_only_the_newer_line_knows(string replica) => AssertHidden(replica, "0.5");

    [Fact]
    public void A_secret_that_is_only_named_for_use_elsewhere_is_excluded()
    {
        var config = Effective(
            "x: &password hush-hush\ny: &keys [hush-hush-2]\nz: &more {secret-access-key: hush-hush-3}\n"
                + Own("type: sftp\n        host: h\n        user: u\n        path: x\n        password: *password")
        );

        Assert.DoesNotContain("hush-hush", config.Text, StringComparison.Ordinal);
        Assert.Equal(["hush-hush"], config.Variables.Values);
    }

    [Fact]
    public void A_password_in_a_variables_url_is_masked_as_it_stands_there_and_decoded()
    {
        var config = Effective(
            Own("url: ${REPLICA}"),
            environment: new() { ["REPLICA"] = "sftp://u:hush%20hush@host/x" }
        );

        Assert.Contains("${REPLICA}", config.Text, StringComparison.Ordinal);
        Assert.Equal("u:*** or ***", config.Secrets.Mask("u:hush%20hush or hush hush"));
    }

    [Theory]
    [InlineData("password: \"hush\\nhush\"")]
    [InlineData("password: *hush-hush")]
    [InlineData("password: \"hush-${x:-hush-hush}\"")]
    [InlineData("password: [hush-hush]")]
    [InlineData("password: {hush-hush: hush-hush}")]
    [InlineData("password: 'hush-hush' hush-hush")]
    [InlineData("password: \"hush-hush")]
    [InlineData("password: @hush-hush")]
    [InlineData("password: !hush-hush!hush-hush hush-hush")]
    [InlineData("password: hush-hush: hush-hush")]
    [InlineData("age: hush-hush")]
    [InlineData("age: {identities: hush-hush}")]
    [InlineData("age: {identities: [{a: hush-hush}]}")]
    [InlineData("path: s3://u:hush-hush@host/x")]
    [InlineData("host: a\n        url: sftp://u:hush-hush@host/x?password=hush-hush")]
    [InlineData("url: s3://u:hush-hush@host/x")]
    public void No_error_about_a_wrong_file_shows_a_secret(string key)
    {
        var error = Assert.Throws<LitestreamException>(() =>
            Effective(Own("type: sftp\n        user: u\n        " + key))
        );

        Assert.DoesNotContain(
            "hush",
            error.ToString().Replace(_folder.Path, "", StringComparison.Ordinal).ReplaceLineEndings(" "),
            StringComparison.Ordinal
        );
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task Age_identities_reach_the_executable_although_the_file_does_not_hold_them()
    {
        const string Identity = "AGE-SECRET-KEY-1Y70S9E56WNUT2DTPDLLQ2EECAV6ZJVPVDEHGYHG3K7KU5K3LC5SQGLX328";
        const string Other = "AGE-SECRET-KEY-18EJ9RG8Y6FSS78KK0TNXMRH3U3DQ9RGE9MZ8XKHJ7Q2FM5R6Y63QJNWJZP";
        const string Recipient = "age15lpfp533az5cezspd3mey2gsckj2he72cmqlyverp8kd5phr53kqz4f4a7";
        LitestreamTool.Sql(In("app.db"), "PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (42)");
        var config = Effective(
            $"dbs:\n  - path: app.db\n    replicas:\n      - path: replica\n        age:\n          identities:\n   "
                + $"         - |\n              # two keys\n              {Other}\n              {Identity}\n          "
                + $"recipients: [{Recipient}]\n"
        );
        var file = config.Write(In("private"));

        Assert.DoesNotContain(
            "AGE-SECRET",
            await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        await LitestreamTool.ReplicateUntilAsync(
            config,
            _folder.Path,
            () => LitestreamTool.HasBackup(In("replica"), 1)
        );
        var restore = await LitestreamTool
            .Command(config.Variables)
            .RunAsync(
                ["restore", "-config", file, "-o", In("restored.db"), In("app.db")],
                TestContext.Current.CancellationToken
            );
        Assert.True(restore.ExitCode == 0, restore.StandardOutput + restore.StandardError);

        Assert.Equal("42", LitestreamTool.Query(In("restored.db"), "SELECT x FROM t"));
    }

    [Fact]
    public void Without_expansion_a_dollar_in_a_users_own_file_is_a_dollar_and_the_executable_reads_it_so()
    {
        var file = Write("dbs:\n  - path: $HOME/a.db\n    replicas:\n      - path: ${HOME}/replica\n");

        var config = EffectiveConfig.Create(
            new EffectiveConfigOptions
            {
                ConfigPath = file,
                BaseDirectory = _folder.Path,
                GetSetting = _ => null,
                Environment = new Dictionary<string, string> { ["HOME"] = "/home/someone" },
                ExpandVariables = false,
            },
            ReleaseLine.All[0].Dialects
        );

        var database = Assert.Single(config.Databases);
        Assert.Equal(In("$HOME/a.db"), database.Path);
        Assert.Equal(In("${HOME}/replica"), Assert.Single(database.Replicas).Location);
        Assert.DoesNotContain(
            "$HOME",
            config.Text.Split('\n').First(line => line.Contains("a.db", StringComparison.Ordinal)),
            StringComparison.Ordinal
        );
        Assert.Empty(config.Diagnostics);
    }

    [Fact]
    public void The_metrics_address_and_the_intervals_are_set()
    {
        var config = EffectiveConfig.Create(
            new EffectiveConfigOptions
            {
                ConfigPath = Write(Generated()),
                BaseDirectory = _folder.Path,
                GetSetting = _ => null,
                Environment = new Dictionary<string, string>(),
                MetricsAddress = "127.0.0.1:9123",
                MonitorInterval = TimeSpan.FromMilliseconds(50),
            },
            ReleaseLine.All[0].Dialects
        );

        Assert.Contains("addr: \"127.0.0.1:9123\"\n", config.Text, StringComparison.Ordinal);
        Assert.Contains("monitor-interval: 50ms\n", config.Text, StringComparison.Ordinal);
        Assert.Contains("sync-interval: 50ms\n", config.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_written_file_is_its_owners_only()
    {
        var path = Effective(Generated()).Write(In("private"));

        Assert.Equal(In("private/litestream.yml"), path);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(In("private"))
            );
        }

        Assert.Equal([path], Directory.GetFiles(In("private")));
    }

    [Theory]
    [InlineData("a: b #c")]
    [InlineData("q\"'\\n")]
    [InlineData(" lead")]
    [InlineData("  lead")]
    [InlineData("{a")]
    [InlineData("*b")]
    [InlineData("!c")]
    [InlineData("%d")]
    [InlineData("'e")]
    [InlineData("- f")]
    [InlineData("| g")]
    [InlineData("trail ")]
    [InlineData("$HOME")]
    [InlineData("漢 😀")]
    [InlineData("---")]
    public async Task A_variable_of_any_value_reaches_the_executable_unchanged(string value)
    {
        // A replica folder with a relative path: the value begins the scalar. The executable's working directory is the
        // test's.
        var replica = Path.Combine(Environment.CurrentDirectory, value, "app.db");
        LitestreamTool.Sql(In("app.db"), "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        var environment = new Dictionary<string, string> { ["VALUE"] = value };
        var built = Write(
            GeneratedConfig
                .Create([new("app.db", null, null)], new GeneratedConfigOptions { ReplicaUrl = "./${VALUE}" })
                .Text.Replace("\"app.db\"", $"\"{In("app.db")}\"", StringComparison.Ordinal)
                .Replace("./${VALUE}", "${VALUE}", StringComparison.Ordinal)
        );
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            var running = LitestreamTool.Command(environment).RunAsync(["replicate", "-config", built], stop.Token);
            await LitestreamTool.WaitUntilAsync(() => LitestreamTool.HasBackup(replica) || running.IsCompleted);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

            Assert.True(LitestreamTool.HasBackup(replica));
            Assert.Equal(
                replica,
                LitestreamTool
                    .Effective(built, Environment.CurrentDirectory, environment: environment)
                    .Databases[0]
                    .Replicas[0]
                    .Location
            );
        }
        finally
        {
            Directory.Delete(Path.Combine(Environment.CurrentDirectory, value), recursive: true);
        }
    }

    private static string Generated(string? url = null) =>
        GeneratedConfig
            .Create(
                [new("Data/app.db", "Default", "ConnectionStrings:Default")],
                new GeneratedConfigOptions { ReplicaUrl = url }
            )
            .Text;

    private void AssertHidden(string replica, string line)
    {
        var config = EffectiveConfig.Create(
            new EffectiveConfigOptions
            {
                ConfigPath = Write(Own(replica)),
                BaseDirectory = _folder.Path,
                GetSetting = _ => null,
                Environment = new Dictionary<string, string>
                {
                    ["HOST"] = "host",
                    ["TYPE"] = "sftp",
                    ["SECRET"] = "other-secret",
                    ["OTHER"] = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
                },
            },
            ReleaseLine.Of(line + ".0").Dialects
        );
        var shown = string.Join(
            '\n',
            [
                config.Text,
                .. config.Diagnostics.Select(d => d.Message),
                .. config.Databases.Select(d => d.ToString()),
                .. config.Databases.SelectMany(d => d.Replicas).Select(r => r.ToString()),
            ]
        );

        var secret = replica.Contains("hush", StringComparison.Ordinal) ? "hush" : "AGE-SECRET-KEY-1GFPYY";
        Assert.DoesNotContain(secret, shown, StringComparison.Ordinal);
        Assert.Contains(config.Variables.Values, v => v.Contains(secret, StringComparison.Ordinal));
        Assert.All(
            config.Variables.Values,
            v => Assert.DoesNotContain(secret, config.Secrets.Mask("failed with " + v), StringComparison.Ordinal)
        );
    }

    private static string Own(string replica) => $"dbs:\n  - path: a.db\n    replicas:\n      - {replica}\n";

    private string Write(string yml) => _folder.Write("litestream.yml", yml);

    private string In(string path) => _folder.Path + "/" + path.TrimStart('/');

    private EffectiveConfig Effective(
        string yml,
        Dictionary<string, string>? settings = null,
        Dictionary<string, string>? environment = null
    ) => LitestreamTool.Effective(Write(yml), _folder.Path, settings, environment);
}
