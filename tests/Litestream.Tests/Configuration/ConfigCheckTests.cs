using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

[Trait("Uses", "litestream")]
public sealed class ConfigCheckTests : IDisposable
{
    private const string Replica = "dbs:\n  - path: a.db\n    replicas:\n      - ";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("dbs:\n", "LSB1043", 1, 5)]
    [InlineData("dbs: []\n", "LSB1043", 1, 6)]
    [InlineData("addr: \":1\"\n", "LSB1043", 1, 1)]
    [InlineData("dbs:\n  - path: a.db\n", "LSB1043", 2, 5)]
    [InlineData("dbs:\n  - path: a.db\n    replicas: []\n", "LSB1043", 3, 15)]
    [InlineData("dbs:\n  - path: a.db\n    replicas:\n", "LSB1043", 2, 5)]
    [InlineData("databases:\n  - path: a.db\n", "LSB1030", 1, 1)]
    [InlineData("dbs:\n  - path: a.db\n    replicas:\n      -\n", "LSB1010", 4, 8)]
    [InlineData("logging: {type: xml}\n" + Replica + "path: /r\n", "LSB1036", 1, 17)]
    [InlineData("logging: {type: pretty}\n" + Replica + "path: /r\n", "LSB1036", 1, 17)]
    [InlineData("logging: {level: loud}\n" + Replica + "path: /r\n", "LSB1036", 1, 18)]
    [InlineData("logging: json\n" + Replica + "path: /r\n", "LSB1033", 1, 10)]
    [InlineData(Replica + "path: s3://bucket/x\n", "LSB1038", 4, 15)]
    [InlineData(Replica + "url: s3://bucket/x\n        bucket: b\n", "LSB1038", 5, 17)]
    [InlineData(Replica + "url: s3://bucket/x\n        type: sftp\n", "LSB1038", 5, 15)]
    [InlineData(Replica + "url: s3:///x\n", "LSB1038", 4, 14)]
    [InlineData(Replica + "url: sftp://host/x\n", "LSB1038", 4, 14)]
    [InlineData(Replica + "type: sftp\n        host: h\n        path: x\n", "LSB1038", 4, 9)]
    [InlineData(Replica + "bucket: b\n        path: x\n", "LSB1032", 4, 9)]
    [InlineData(Replica + "url: s3://bucket/x?endpoint=https://minio:9000\n", "LSB1039", 4, 14)]
    [InlineData(Replica + "url: s3://bucket/x#y\n", "LSB1039", 4, 14)]
    [InlineData(Replica + "url: s3://key@bucket/x\n", "LSB1039", 4, 14)]
    [InlineData(Replica + "url: /backup\n", "LSB1039", 4, 14)]
    [InlineData(Replica + "url: gs://bucket/x\n", "LSB1036", 4, 14)]
    [InlineData(Replica + "url: ftp://host/x\n", "LSB1036", 4, 14)]
    [InlineData(Replica + "path: /a\n      - path: /b\n", "LSB1037", 5, 9)]
    [InlineData(Replica + "path: /a\n        name: x\n      - path: /b\n        name: x\n", "LSB1037", 7, 15)]
    [InlineData(Replica + "path: /a\n  - path: ./x/../b.db\n    replicas: [{path: /a}]\n", "LSB1011", 6, 16)]
    [InlineData(Replica + "path: /a\n  - path: ./a.db\n    replicas: [{path: /b}]\n", "LSB1012", 5, 5)]
    [InlineData("dbs:\n  - path: a?.db\n    replicas: [{path: /a}]\n", "LSB1015", 2, 11)]
    [InlineData("dbs:\n  - path: sqlite:///a.db\n    replicas: [{path: /a}]\n", "LSB1015", 2, 11)]
    [InlineData("dbs:\n  - path: Data Source=a.db\n    replicas: [{path: /a}]\n", "LSB1015", 2, 11)]
    [InlineData("dbs:\n  - path: ':memory:'\n    replicas: [{path: /a}]\n", "LSB1015", 2, 11)]
    [InlineData("dbs:\n  - path: ''\n    replicas: [{path: /a}]\n", "LSB1010", 2, 11)]
    [InlineData(Replica + "path: /r\n        sync-interval: 1.5\n", "LSB1034", 5, 24)]
    [InlineData(Replica + "path: /r\n        sync-interval: '1'\n", "LSB1034", 5, 24)]
    [InlineData(Replica + "path: /r\n        sync-interval: 0\n", "LSB1035", 5, 24)]
    [InlineData(Replica + "path: /r\n        retention-check-interval: 0s\n", "LSB1035", 5, 35)]
    [InlineData(Replica + "type: s3\n        bucket: b\n        force-path-style: \"${X}\"\n", "LSB1033", 6, 27)]
    [InlineData(Replica + "type: s3\n        bucket: b\n        path: ${\n", "LSB1041", 6, 15)]
    public void One_mistake_is_one_error_at_its_place(string text, string code, int line, int column)
    {
        var finding = Assert.Single(Check(text));

        Assert.Equal(
            (code, LitestreamSeverity.Error, line, column),
            (finding.Code, finding.Severity, finding.Line, finding.Column)
        );
    }

    [Theory]
    [InlineData(Replica + "path: /r\nexec: dotnet App.dll\n", "LSB1020")]
    [InlineData("dbs:\n  - path: a.db\n    replica: {path: /r}\n", "LSB1031")]
    [InlineData(Replica + "url: file:///my%20backups\n", "LSB1039")]
    [InlineData(Replica + "url: file://backups/x\n", "LSB1039")]
    [InlineData(Replica + "path: /pa$word\n", "LSB1041")]
    [InlineData(Replica + "url: sftp://user:pa55word@host/x\n", "LSB1044")]
    [InlineData(Replica + "type: sftp\n        host: h\n        user: u\n        password: pa55word\n", "LSB1044")]
    public void What_is_only_doubtful_is_one_warning_without_the_secret(string text, string code)
    {
        var finding = Assert.Single(Check(text));

        Assert.Equal((code, LitestreamSeverity.Warning), (finding.Code, finding.Severity));
        Assert.DoesNotContain("pa55word", finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dbs:\n  - path: a.db\n    replica: {url: 's3://b/x?endpoint=https://m&sign-payload=true'}\n", null)]
    [InlineData("dbs:\n  - path: a.db\n    replica: {type: gs, bucket: b}\n", null)]
    [InlineData("bucket: b\nregion: r\ndbs:\n  - path: a.db\n    replica: {type: s3, path: x}\n", null)]
    [InlineData("bucket: b\ndbs:\n  - path: a.db\n    replica: {type: s3, path: x}\n", "LSB1059")]
    [InlineData("dbs:\n  - {dir: /data, pattern: \"*.db\", watch: true, replica: {path: /r}}\n", "LSB1056")]
    [InlineData(
        "l0-retention: 0s\nlogging: {type: pretty, level: trace}\ndbs:\n  - path: sqlite:///a.db\n    replica: "
            + "{path: /r}\n",
        null
    )]
    [InlineData("dbs:\n  - path: a.db\n    replicas: [{path: /a}, {path: /b}]\n", "LSB1042")]
    [InlineData("dbs:\n  - path: a.db\n    replica: {type: gcs, bucket: b}\n", "LSB1036")]
    [InlineData("dbs:\n  - path: a.db\n    replica: {path: /r, retention: 72h}\n", "LSB1031")]
    [InlineData("dbs:\n  - path: file:a.db\n    replica: {path: /r}\n", "LSB1015")]
    [InlineData("dbs:\n  - path: a.db\n    replica: {path: /r, age: {recipients: [x]}}\n", "LSB1031")]
    [InlineData("snapshot: {interval: 0s}\ndbs:\n  - path: a.db\n    replica: {path: /r}\n", "LSB1035")]
    [InlineData("heartbeat-interval: 30s\ndbs:\n  - path: a.db\n    replica: {path: /r}\n", "LSB1035")]
    [InlineData("part-size: 5MB\ndbs:\n  - path: a.db\n    replica: {path: /r}\n", "LSB1032")]
    [InlineData("levels: [{interval: 30s, retention: 1h}]\ndbs:\n  - path: a.db\n    replica: {path: /r}\n", "LSB1032")]
    [InlineData("exec: [a]\ndbs:\n  - path: a.db\n    replica: {path: /r}\n", "LSB1033")]
    [InlineData("dbs:\n  - path: a%20b.db\n    replica: {path: /r}\n", "LSB1015")]
    [InlineData("dbs:\n  - dir: /data\n    replica: {path: /r}\n", "LSB1056")]
    [InlineData("dbs:\n  - path: a.db\n    dir: /data\n    pattern: x\n    replica: {path: /r}\n", "LSB1056")]
    [InlineData("dbs:\n  - path: a.db\n    replica: {path: /r}\n    replicas: [{path: /b}]\n", "LSB1010")]
    public void The_newer_line_has_its_own_rules(string text, string? code) =>
        Assert.Equal(
            code is null ? [] : [code],
            LitestreamClient.CheckConfiguration(Write(text), "0.5.17").Select(f => f.Code)
        );

    [Fact]
    public void All_findings_are_reported_in_the_order_of_the_file()
    {
        const string Text = """
            adr: ":9090"
            sync-interval: 1s
            dbs:
              - path: a.db
                path: b.db
                monitor-interval: 5
                replicas:
                  - type: s3
                    buckett: b
                    retention: 7d
              - path: c.db
            """;

        Assert.Equal(
            [
                ("LSB1030", 1),
                ("LSB1031", 2),
                ("LSB1010", 5),
                ("LSB1034", 6),
                ("LSB1030", 9),
                ("LSB1034", 10),
                ("LSB1043", 11),
            ],
            Check(Text).Select(f => (f.Code, f.Line))
        );
    }

    [Fact]
    public void The_nearest_key_and_the_right_place_are_named()
    {
        var findings = Check(
            Replica + "path: /r\n        syncInterval: 1s\n        monitor-interval: 1s\n        retentoin: 24h\n"
        );

        Assert.Contains("`sync-interval:`", findings[0].Message, StringComparison.Ordinal);
        Assert.Contains("an entry of `dbs:`", findings[1].Message, StringComparison.Ordinal);
        Assert.Contains("`retention:`", findings[2].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_anchor_at_the_top_is_not_an_unknown_key_and_is_checked_where_it_is_used()
    {
        var findings = Check(
            "x: &defaults\n  sync-interval: 1s\n  retention: 7d\ndbs:\n  - path: a.db\n    replicas: [{<<: "
                + "*defaults, path: /a}]\n  - path: b.db\n    replicas: [{<<: *defaults, path: /b}]\n"
        );

        Assert.Equal(("LSB1034", 3), (Assert.Single(findings).Code, findings[0].Line));
    }

    [Theory]
    [InlineData("\t\n" + Replica + "path: /r\n", 1, 1)]
    [InlineData("# c\n \t\n" + Replica + "path: /r\n", 2, 2)]
    [InlineData("dbs:\n\t# c\n  - path: a.db\n    replicas: [{path: /r}]\n", 2, 1)]
    [InlineData("dbs:\n  - path: a.db\n\t\n    replicas: [{path: /r}]\n", 3, 1)]
    [InlineData("dbs:\n  - path: a.db\n          \t\n    replicas: [{path: /r}]\n", 0, 0)]
    [InlineData("dbs:\n  - path: \"a.db\"\n          \t\n    replicas: [{path: /r}]\n", 3, 11)]
    [InlineData("dbs:\n  - path: a.db # c\n          \t\r\n    replicas: [{path: /r}]\n", 3, 11)]
    [InlineData("dbs:\n  -\tpath: a.db\n    replicas: [{path: /r}]\n", 2, 4)]
    [InlineData("dbs:\n  - path:\ta.db\t\n    replicas: \t[{path: /r}]\t\n", 0, 0)]
    [InlineData("dbs: [{path: a.db,\n\t\n\treplicas: [{path: /r}]}]\n", 0, 0)]
    [InlineData("dbs: [{path: a.db\n\t, replicas: [{path: /r}]}]\n", 2, 1)]
    [InlineData("dbs:\n  - replicas: [{path: /r}]\n    path: a\n     \tb.db\n", 0, 0)]
    [InlineData("dbs:\n  - replicas: [{path: /r}]\n    path: a\n    \tb.db\n", 4, 5)]
    [InlineData("exec: |\n  a\n  \tb\n" + Replica + "path: /r\n", 0, 0)]
    [InlineData("exec: |\n  a\n\t\n" + Replica + "path: /r\n", 3, 1)]
    [InlineData("exec: |\n  \ta\n" + Replica + "path: /r\n", 2, 3)]
    [InlineData("exec: |2\n  \ta\n" + Replica + "path: /r\n", 0, 0)]
    [InlineData(Replica + "path: /r\n\t\t", 5, 1)]
    public async Task A_tab_is_an_error_where_it_is_one_for_the_executable(string text, int line, int column)
    {
        var file = Write(text);
        var errors = LitestreamClient
            .CheckConfiguration(file, "0.3.13")
            .Where(f => f.Severity == LitestreamSeverity.Error)
            .Select(f => (f.Code, f.Line, f.Column));
        var result = await LitestreamTool
            .Command(new Dictionary<string, string>())
            .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);

        Assert.Equal(line == 0 ? [] : [("LSB1010", line, column)], errors);
        Assert.Equal(line == 0, result.ExitCode == 0);
    }

    [Theory]
    [InlineData("url: sftp://host/x\n        user: u\n        password: ${P}\n", true)]
    [InlineData("url: sftp://u@host/x\n        password: ${P}\n        key-path: /k\n", true)]
    [InlineData("url: sftp://host/x\n        password: ${P}\n", false)]
    [InlineData("url: sftp:///x\n        user: u\n", false)]
    [InlineData("url: sftp://u@host/x\n        host: h\n", false)]
    [InlineData("url: abs://container/x\n        account-name: a\n        account-key: ${P}\n", true)]
    [InlineData(
        "url: s3://b/x\n        region: r\n        endpoint: http://m\n        access-key-id: ${P}\n        "
            + "secret-access-key: ${P}\n",
        true
    )]
    [InlineData("url: s3:///x\n        region: r\n", false)]
    [InlineData("url: gcs://b/x\n", true, Traits = ["Line", "0.3"])]
    [InlineData("url: gs://b/x\n", true, Traits = ["Line", "0.5"])]
    public async Task What_stands_beside_a_url_is_checked_as_by_the_executable(string replica, bool isFine)
    {
        var file = Write(Replica + replica);
        var result = await LitestreamTool
            .Command(new Dictionary<string, string> { ["P"] = "cGFzcw==" })
            .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);

        Assert.Equal(
            isFine ? [] : ["LSB1038"],
            LitestreamClient.CheckConfiguration(file, Repository.Version).Select(f => f.Code)
        );
        Assert.Equal(isFine, result.ExitCode == 0);
    }

    [Fact]
    public void A_variable_is_checked_by_its_value_where_there_is_one_and_the_value_is_not_shown()
    {
        var file = Write(Replica + "type: ${TYPE}\n        sync-interval: ${EVERY}\n        path: /r\n");

        Assert.Empty(LitestreamClient.CheckConfiguration(file, "0.3.13"));
        var findings = LitestreamClient.CheckConfiguration(
            file,
            "0.3.13",
            variable: name => name == "TYPE" ? "sftp-secret" : "7d"
        );
        Assert.Equal([("LSB1036", 4), ("LSB1034", 5)], findings.Select(f => (f.Code, f.Line)));
        Assert.Contains("${EVERY}", findings[1].Message, StringComparison.Ordinal);
        Assert.All(findings, f => Assert.DoesNotContain("secret", f.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Without_variables_a_dollar_sign_is_one() =>
        Assert.Empty(
            LitestreamClient.CheckConfiguration(
                Write(Replica + "path: /a$$b/$1/${x:-y}\n"),
                "0.3.13",
                expandVariables: false
            )
        );

    [Fact]
    public void A_file_that_cannot_be_read_is_one_finding()
    {
        var missing = Path.Combine(_folder.Path, "no.yml");
        Assert.Equal("LSB1010", Assert.Single(LitestreamClient.CheckConfiguration(missing, "0.3.13")).Code);
        Assert.Equal("LSB1010", Assert.Single(Check("dbs:\n\t- path: a.db\n")).Code);
    }

    [Fact]
    public void The_effective_configuration_of_a_wrong_file_is_refused_with_all_findings()
    {
        var error = Assert.Throws<LitestreamException>(() =>
            LitestreamTool.Effective(
                Write(Replica + "path: /r\n        retain: 24h\n        sync-interval: 5\n"),
                _folder.Path
            )
        );

        Assert.Equal(["LSB1030", "LSB1034"], error.Diagnostics.Select(d => d.Code));
        Assert.Equal("LSB1030", error.Diagnostic.Code);
        Assert.Contains("LSB1034", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_files_that_the_project_writes_are_without_findings()
    {
        string[] urls =
        [
            "",
            "s3://bucket/x",
            "s3://bucket.s3.eu-central-1.backblazeb2.com/x",
            "abs://account@container/x",
            "gs://bucket/x",
            "sftp://u:${PASSWORD}@host/x",
            "/backups",
            "file:///backups",
        ];
        foreach (var url in urls)
        {
            var text = GeneratedConfig
                .Create(
                    [new("Data/app.db", "Default", "ConnectionStrings:Default"), new("other.db", null, null)],
                    new GeneratedConfigOptions
                    {
                        ReplicaUrl = url.Length == 0 ? null : url,
                        SyncInterval = "1s",
                        SnapshotInterval = "24h",
                        Retention = "72h",
                    }
                )
                .Text;

            Assert.Empty(Check(text));
            Assert.DoesNotContain(
                LitestreamClient.CheckConfiguration(
                    Write(LitestreamTool.Effective(Write(text), _folder.Path).Text),
                    Repository.Version
                ),
                f => f.Severity == LitestreamSeverity.Error
            );
        }
    }

    [Theory]
    [InlineData("pth", "path")]
    [InlineData("synch-interval", "sync-interval")]
    [InlineData("snycInterval", "sync-interval")]
    [InlineData("RETENTION", "retention")]
    [InlineData("frequency", null)]
    [InlineData("", null)]
    public void The_nearest_name_is_the_one_that_was_meant(string wrong, string? meant) =>
        Assert.Equal(meant, NearestName.Of(wrong, ["path", "sync-interval", "retention", "snapshot-interval"]));

    private string Write(string text) => _folder.Write("litestream.yml", text);

    private IReadOnlyList<LitestreamDiagnostic> Check(string text) =>
        LitestreamClient.CheckConfiguration(Write(text), "0.3.13");
}
