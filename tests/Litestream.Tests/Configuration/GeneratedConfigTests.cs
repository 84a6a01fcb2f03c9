using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

[Trait("Uses", "litestream")]
public sealed class GeneratedConfigTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_file_is_the_same_whatever_the_order_and_has_only_line_feeds()
    {
        FoundDatabase[] databases =
        [
            new("data/b.db", "B", "ConnectionStrings:B"),
            new("app.db", "A", "ConnectionStrings:A"),
        ];

        var text = GeneratedConfig.Create(databases, new GeneratedConfigOptions()).Text;

        Assert.Equal(text, GeneratedConfig.Create([databases[1], databases[0]], new GeneratedConfigOptions()).Text);
        Assert.EndsWith(
            """
            dbs:
              # ConnectionStrings:A
              - path: "app.db"
                replicas:
                  - type: "file"
                    path: "litestream-replicas/app.db"
                    retention: "24h"
              # ConnectionStrings:B
              - path: "data/b.db"
                replicas:
                  - type: "file"
                    path: "data/litestream-replicas/b.db"
                    retention: "24h"

            """.ReplaceLineEndings("\n"),
            text,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain('\r', text);
    }

    [Fact]
    public void Without_a_database_wrong_properties_are_found_all_the_same()
    {
        static string Code(GeneratedConfigOptions options) =>
            Assert.Throws<LitestreamException>(() => GeneratedConfig.Create([], options)).Diagnostic.Code;

        Assert.Equal("LSB1014", Code(new() { ReplicaUrl = "sftp://user:hunter2@host/path" }));
        Assert.Equal("LSB1013", Code(new() { ReplicaUrl = "ftp://host/path" }));
        Assert.Equal("LSB1021", Code(new() { Retention = "7" }));
        Assert.Equal("LSB1021", Code(new() { SyncInterval = "soon" }));
    }

    [Theory]
    [InlineData("s3://bucket:9000/p")]
    [InlineData("s3://key@bucket:9000/p")]
    [InlineData("s3://bucket:${PORT}/p")]
    [InlineData("gs://bucket:80")]
    [InlineData("abs://account@container:10000/p")]
    [InlineData("sftp://user@host:x/p")]
    [InlineData("sftp://user@host:/p")]
    [InlineData("sftp://user@host:0/p")]
    [InlineData("sftp://user@host:65536/p")]
    [InlineData("sftp://user@[::1]:x/p")]
    [InlineData("s3://bucket/%zz")]
    [InlineData("file:///data/100%")]
    public void A_port_where_there_is_none_or_that_is_not_a_number_and_a_stray_percent_sign_are_found(string url)
    {
        var error = Assert.Throws<LitestreamException>(() => Create("app.db", url));

        Assert.Equal("LSB1013", error.Diagnostic.Code);
    }

    [Theory]
    [InlineData("s3://bucket.localhost:9000/p", "endpoint: \"http://localhost:9000\"")]
    [InlineData("sftp://user@host:2222/p", "host: \"host:2222\"")]
    [InlineData("sftp://user@[::1]:22/p", "host: \"[::1]:22\"")]
    [InlineData("sftp://user@[::1]/p", "host: \"[::1]\"")]
    [InlineData("sftp://user@host:${PORT}/p", "host:${PORT}")]
    [InlineData("s3://bucket/100%25", "path: \"100%/app.db\"")]
    public void A_port_that_is_one_and_an_encoded_percent_sign_are_taken(string url, string line) =>
        Assert.Contains(line, Create("app.db", url), StringComparison.Ordinal);

    [Fact]
    public void An_s3_replica_has_the_urls_prefix_and_the_databases_path_and_no_secret()
    {
        var text = Create(
            "./Data/app.db",
            "s3://bucket/prefix/?region=eu-central-1&endpoint=https%3A%2F%2Fminio.example%3A9000&forcePathStyle=true"
        );

        Assert.EndsWith(
            """
                  - type: "s3"
                    bucket: "bucket"
                    path: "prefix/Data/app.db"
                    region: "eu-central-1"
                    endpoint: "https://minio.example:9000"
                    access-key-id: |2-
                      ${LITESTREAM_ACCESS_KEY_ID}
                    secret-access-key: |2-
                      ${LITESTREAM_SECRET_ACCESS_KEY}
                    force-path-style: true

            """.ReplaceLineEndings("\n"),
            text,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("s3://bucket", "s3", "s3://bucket/Data/app.db")]
    [InlineData("s3://${BUCKET}/a/${TIER}", "s3", "s3://${BUCKET}/a/${TIER}/Data/app.db")]
    [InlineData("s3://bucket.nyc3.digitaloceanspaces.com/x", "s3", "s3://bucket/x/Data/app.db")]
    [InlineData("abs://account@container/x", "abs", "abs://account@container/x/Data/app.db")]
    [InlineData("gs://bucket/x", "gcs", "gs://bucket/x/Data/app.db", Traits = ["Line", "0.3"])]
    [InlineData("gcs://bucket", "gcs", "gs://bucket/Data/app.db", Traits = ["Line", "0.3"])]
    [InlineData("sftp://user@host:2222/backups", "sftp", "sftp://host:2222/backups/Data/app.db")]
    [InlineData("/var/backups", "file", "/var/backups/Data/app.db")]
    [InlineData("file:///var/my%20backups", "file", "/var/my backups/Data/app.db")]
    [InlineData("../backups/", "file", "../backups/Data/app.db")]
    [InlineData("s3://bucket.localhost:9000/a@b", "s3", "s3://bucket/a@b/Data/app.db")]
    public async Task A_url_of_each_kind_is_read_by_the_executable(string url, string type, string location)
    {
        var file = _folder.Write("litestream.yml", Create("Data/app.db", url));

        var replica = Assert.Single(Assert.Single(LitestreamConfigFile.Load(file).Databases).Replicas);

        Assert.Equal((type, location), (replica.Type, replica.Location));
        var result = await LitestreamTool
            .Command(
                new Dictionary<string, string>
                {
                    ["BUCKET"] = "b",
                    ["TIER"] = "t",
                    ["LITESTREAM_AZURE_ACCOUNT_KEY"] = "a2V5",
                }
            )
            .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);
        Assert.DoesNotContain("ERROR", result.StandardOutput + result.StandardError, StringComparison.Ordinal);
        Assert.Contains("Data/app.db", result.StandardOutput, StringComparison.Ordinal);
    }

    /// <summary>The lines have different names for it: 0.5 gets its own when it is started.</summary>
    [Theory]
    [InlineData("gs://bucket/x", "gs://bucket/x/Data/app.db")]
    [InlineData("gcs://bucket", "gs://bucket/Data/app.db")]
    public async Task Google_storage_has_the_name_that_the_executable_knows(string url, string location)
    {
        var config = LitestreamTool.Effective(
            _folder.Write("litestream.yml", Create("Data/app.db", url)),
            _folder.Path
        );

        Assert.Equal(location, config.Databases[0].Replicas[0].Location);
        var result = await config.WithFileAsync(file =>
            LitestreamTool.Command().RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken)
        );
        Assert.True(result.ExitCode == 0, result.StandardError);
        Assert.EndsWith(
            Repository.IsLine05 ? " gs" : " gcs",
            result.StandardOutput.TrimEnd(),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("s3://key:abcd@bucket")]
    [InlineData("s3://key:1234/abcd@bucket/prefix")]
    [InlineData("sftp://user:ab/abcd@host/folder")]
    [InlineData("s3://bucket?secret-access-key=abcd")]
    [InlineData("s3://bucket?secretAccessKey=abcd")]
    [InlineData("sftp://user:abcd@host/folder")]
    [InlineData("sftp://user:${A}abcd@host/folder")]
    [InlineData("abs://account:abcd@container")]
    public void A_secret_in_a_url_is_refused_and_not_repeated(string url)
    {
        var error = Assert.Throws<LitestreamException>(() => Create("app.db", url));

        Assert.Equal("LSB1014", error.Diagnostic.Code);
        Assert.DoesNotContain("abcd", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sftp://user:${SFTP_PASSWORD}@host/folder", "${SFTP_PASSWORD}")]
    [InlineData("s3://${KEY}:${SECRET}@bucket", "${SECRET}")]
    public void A_variable_in_its_place_is_taken(string url, string expected) =>
        Assert.Contains(expected, Create("app.db", url), StringComparison.Ordinal);

    [Theory]
    [InlineData("ftp://host/x")]
    [InlineData("s3://")]
    [InlineData("s3:///prefix")]
    [InlineData("s3:/bucket/prefix")]
    [InlineData("sftp:user@host/folder")]
    [InlineData("abs://container/x")]
    [InlineData("sftp://host/x")]
    [InlineData("s3://bucket?regio=x")]
    [InlineData("s3://bucket?skip-verify=maybe")]
    [InlineData("gs://bucket?region=x")]
    [InlineData("file://host/share")]
    public void A_url_that_is_not_understood_is_refused_at_the_users_place(string url)
    {
        var error = Assert.Throws<LitestreamException>(() =>
            GeneratedConfig.Create(
                [
                    new FoundDatabase("app.db", null, null)
                    {
                        ReplicaUrl = url,
                        File = "app.csproj",
                        Line = 7,
                        Column = 3,
                    },
                ],
                new GeneratedConfigOptions()
            )
        );

        Assert.Equal("LSB1013", error.Diagnostic.Code);
        Assert.StartsWith("app.csproj(7,3): LSB1013: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("app.db", "app.db")]
    [InlineData("app.db", "./app.db")]
    [InlineData("data/app.db", "data//x/../app.db")]
    public void One_database_twice_is_refused(string first, string second)
    {
        var error = Assert.Throws<LitestreamException>(() =>
            GeneratedConfig.Create([new(first, null, null), new(second, null, null)], new GeneratedConfigOptions())
        );

        Assert.Equal("LSB1012", error.Diagnostic.Code);
    }

    [Fact]
    public void Two_databases_on_one_replica_path_are_refused()
    {
        var error = Assert.Throws<LitestreamException>(() =>
            GeneratedConfig.Create(
                [new("../app.db", null, null), new("app.db", null, null)],
                new GeneratedConfigOptions { ReplicaUrl = "s3://bucket" }
            )
        );

        Assert.Equal("LSB1011", error.Diagnostic.Code);
        Assert.Contains("s3://bucket/app.db", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("what?.db")]
    [InlineData("a\nb.db")]
    [InlineData("a\u0085b.db")]
    [InlineData("private\uE000use.db")]
    [InlineData("folder/")]
    [InlineData(" ")]
    public void A_path_that_the_executable_cannot_handle_is_refused(string path) =>
        Assert.Equal("LSB1015", Assert.Throws<LitestreamException>(() => Create(path, null)).Diagnostic.Code);

    [Fact]
    public void A_wrong_property_is_not_blamed_on_the_file_that_names_the_database()
    {
        var database = new FoundDatabase("app.db", "Default", "ConnectionStrings:Default")
        {
            File = "appsettings.json",
            Line = 2,
            Column = 5,
        };
        LitestreamDiagnostic Refused(FoundDatabase of, GeneratedConfigOptions options) =>
            Assert.Throws<LitestreamException>(() => GeneratedConfig.Create([of], options)).Diagnostic;

        Assert.Null(Refused(database, new() { Retention = "7d" }).File);
        Assert.Null(Refused(database, new() { ReplicaUrl = "ftp://host" }).File);
        var own = Refused(database with { SyncInterval = "7d" }, new() { SyncInterval = "1s" });
        Assert.Equal(("appsettings.json", 2), (own.File, own.Line));
        Assert.StartsWith("SyncInterval of app.db is '7d'", own.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Intervals_and_retention_go_to_the_replica()
    {
        var text = GeneratedConfig
            .Create(
                [new("app.db", null, null) { SyncInterval = "500ms" }],
                new GeneratedConfigOptions
                {
                    SyncInterval = "5s",
                    SnapshotInterval = "1h30m",
                    Retention = "72h",
                    ReplicaUrl = "s3://b",
                }
            )
            .Text;

        Assert.Contains(" sync-interval: \"500ms\"\n", text, StringComparison.Ordinal);
        Assert.Contains(" snapshot-interval: \"1h30m\"\n", text, StringComparison.Ordinal);
        Assert.Contains(" retention: \"72h\"\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("with space/a'b \"c\" #1.db")]
    [InlineData("a: b/$HOME ${X} $$ $.db")]
    [InlineData("100%/x@y;z.db")]
    [InlineData("back\\slash/ä 漢字 😀.db")]
    [InlineData(" lead/trail ")]
    [InlineData("- x/*&!|>{}[],`.db")]
    [InlineData("${LITESTREAM_DOLLAR}.db")]
    [InlineData("\uFEFFbom\uF000.db")]
    public async Task The_executable_reads_any_path_as_it_is_meant(string path)
    {
        var file = _folder.Write(
            "litestream.yml",
            GeneratedConfig.Create([new(path, null, "Key:$HOME\\" + path)], new GeneratedConfigOptions()).Text
        );

        var result = await LitestreamTool
            .Command()
            .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);

        // A header and one row.
        var row = Assert.Single(result.StandardOutput.TrimEnd('\n').Split('\n')[1..]);
        var expected = Path.Combine(Environment.CurrentDirectory, path);
        Assert.StartsWith(expected, row, StringComparison.Ordinal);
        Assert.Equal("file", row[expected.Length..].Trim());
        Assert.Equal("Key:$HOME\\" + path, Assert.Single(LitestreamConfigFile.Load(file).Databases).Key);
    }

    [Fact]
    public void No_database_gives_an_empty_list()
    {
        var text = GeneratedConfig.Create([], new GeneratedConfigOptions()).Text;

        Assert.EndsWith("dbs: []\n", text, StringComparison.Ordinal);
        Assert.Empty(LitestreamConfigFile.Load(_folder.Write("litestream.yml", text)).Databases);
    }

    private static string Create(string path, string? url) =>
        GeneratedConfig
            .Create([new FoundDatabase(path, null, null)], new GeneratedConfigOptions { ReplicaUrl = url })
            .Text;
}
