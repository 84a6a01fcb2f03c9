using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

public sealed class LitestreamConfigFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("sftp://user:pa55word@host/x", "sftp://user@host/x")]
    [InlineData("sftp://user:pa55/word@host/x", "sftp://user@host/x")]
    [InlineData("sftp://user:pa55/w@rd@host:22/x", "sftp://user@host:22/x")]
    [InlineData("s3://bucket/x?secret-access-key=pa55:w@rd", "s3://bucket/x")]
    [InlineData("s3://bucket.localhost:9000/x", "s3://bucket.localhost:9000/x")]
    public void A_location_shows_no_password(string url, string shown)
    {
        var file = LitestreamConfigFile.Load(
            _folder.Write("litestream.yml", $"dbs:\n  - path: a.db\n    replicas:\n      - url: {url}\n")
        );

        Assert.Equal(shown, file.Databases[0].Replicas[0].Location);
    }

    [Theory]
    [InlineData("dbs:\n  - path: a.db\n    replicas: [\n", 4, 1)]
    [InlineData("dbs:\n\t- path: a.db\n", 2, 1)]
    [InlineData("\tdbs: []\n", 1, 1)]
    [InlineData("a: 1\n \t b: c\n", 2, 2)]
    [InlineData("dbs:\n  - path: a.db\n    path: b.db\n", 3, 5)]
    [InlineData("dbs: []\ndbs: []\n", 2, 1)]
    [InlineData("- path: a.db\n", 1, 1)]
    [InlineData("just text\n", 1, 1)]
    [InlineData("", 1, 1)]
    [InlineData("dbs:\n  path: a.db\n", 2, 3)]
    [InlineData("dbs: a.db\n", 1, 6)]
    [InlineData("dbs:\n  - a.db\n", 2, 5)]
    [InlineData("dbs:\n  - replicas: []\n", 2, 5)]
    [InlineData("dbs:\n  - path: a.db\n    replicas: x\n", 3, 15)]
    [InlineData("dbs:\n  - path: a.db\n    replicas: [x]\n", 3, 16)]
    [InlineData("dbs:\n  - path: a.db\n    replica: {}\n    replicas: []\n", 3, 14)]
    [InlineData("dbs: *nothing\n", 1, 6)]
    [InlineData("dbs: []\n---\ndbs: []\n", 2, 1)]
    [InlineData("a: ${X}: b\n", 1, 8)]
    public void What_cannot_be_read_is_one_error_at_its_line_and_column(string text, int line, int column)
    {
        var file = _folder.Write("litestream.yml", text);

        var error = Assert.Throws<LitestreamException>(() => LitestreamConfigFile.Load(file));

        Assert.Equal(
            ("LSB1010", file, line, column),
            (error.Diagnostic.Code, error.Diagnostic.File, error.Diagnostic.Line, error.Diagnostic.Column)
        );
    }

    [Fact]
    public void A_tab_is_named()
    {
        var error = Assert.Throws<LitestreamException>(() =>
            LitestreamConfigFile.Load(_folder.Write("litestream.yml", "dbs:\n\t- path: a.db\n"))
        );

        Assert.Contains("tab", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tab_inside_a_text_is_part_of_it()
    {
        var config = LitestreamConfigFile.Load(
            _folder.Write("litestream.yml", "a: |2\n  x\n  \ty\nb: \"1\n\t2\"\ndbs:\n  - path: a.db\t# c\n")
        );

        Assert.Equal("a.db", Assert.Single(config.Databases).Path);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var error = Assert.Throws<LitestreamException>(() =>
            LitestreamConfigFile.Load(Path.Combine(_folder.Path, "no.yml"))
        );

        Assert.Equal("LSB1010", error.Diagnostic.Code);
    }

    [Fact]
    public void A_users_own_file_is_read_with_anchors_merges_variables_and_both_dialects()
    {
        var file = _folder.Write(
            "litestream.yml",
            """
            x: &defaults
              replicas:
                - url: s3://key:secret@${BUCKET}/a?secret=x
            dbs:
              # ConnectionStrings:NotAKey
              - <<: *defaults
                path: ${DATA}/a.db
              - {path: b.db, replica: {type: sftp, host: h, path: ${P}}}
              - dir: /folder
                pattern: "*.db"
            """
        );

        var config = LitestreamConfigFile.Load(file);

        Assert.False(config.IsGenerated);
        Assert.Equal(["${DATA}/a.db", "b.db"], config.Databases.Select(d => d.Path));
        Assert.All(config.Databases, d => Assert.Null(d.Key));
        Assert.Equal(
            new ConfiguredReplica("s3", "s3", "s3://key@${BUCKET}/a") { IsKnown = false },
            Assert.Single(config.Databases[0].Replicas)
        );
        Assert.Equal(
            new ConfiguredReplica("sftp", "sftp", "sftp://h/${P}") { IsKnown = false },
            Assert.Single(config.Databases[1].Replicas)
        );
        Assert.Equal((8, 5), (config.Databases[1].Line, config.Databases[1].Column));
    }

    [Fact]
    public void A_generated_file_gives_back_its_databases_and_their_keys()
    {
        var file = _folder.Write(
            "litestream.yml",
            GeneratedConfig
                .Create(
                    [new("Data/app.db", "Default", "ConnectionStrings:Default"), new("x/$other.db", null, null)],
                    new GeneratedConfigOptions()
                )
                .Text
        );

        var config = LitestreamConfigFile.Load(file);

        Assert.True(config.IsGenerated);
        Assert.Equal(
            [("Data/app.db", "ConnectionStrings:Default"), ("x/$other.db", null)],
            config.Databases.Select(d => (d.Path, d.Key))
        );
        Assert.Equal(
            new ConfiguredReplica("file", "file", "Data/litestream-replicas/app.db"),
            Assert.Single(config.Databases[0].Replicas)
        );
    }
}
