using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Tests.Databases;
using Litestream.Tests.Robustness;

namespace Litestream.Tests.Configuration;

/// <summary>A litestream.yml of one release line, read for the other one.</summary>
[Trait("Uses", "litestream")]
public sealed class DialectTranslationTests : IDisposable
{
    private const string Two = """
        dbs:
          - path: a.db
            replicas:
              - path: /backup/a
                FIRST
          - path: b.db
            replicas:
              - path: /backup/b
                SECOND
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_the_same_for_all_databases_becomes_one_block()
    {
        const string Keys = "retention: 168h\n        snapshot-interval: ${EVERY}";
        var text = Two.Replace("FIRST", Keys, StringComparison.Ordinal)
            .Replace("SECOND", Keys, StringComparison.Ordinal);

        var config = Effective("0.5", text, ("EVERY", "12h"));

        Assert.Equal(["LSB1031", "LSB1031"], config.Diagnostics.Select(finding => finding.Code));
        Assert.All(config.Diagnostics, finding => Assert.Equal(LitestreamSeverity.Warning, finding.Severity));
        var snapshot = Assert.IsType<YamlMap>(config.Root["snapshot"]);
        Assert.Equal("168h", snapshot.Text("retention"));
        Assert.Contains("interval: ${EVERY}", config.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("snapshot-interval", config.Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Line", "0.5")]
    public void The_executable_keeps_snapshots_as_the_file_of_the_other_line_says()
    {
        LitestreamTool.Sql(Path.Combine(_folder.Path, "a.db"), "CREATE TABLE t (a)");
        var config = Effective(
            "0.5",
            $"dbs:\n  - path: a.db\n    replicas:\n      - path: {_folder.Path}/r\n        snapshot-interval: 13h\n"
        );
        var file = config.Write(Path.Combine(_folder.Path, "run"));

        var verdict = ExecutableVerdict.OfReplicate(file, until: "\"level\":9,\"interval\":46800000000000");

        Assert.False(verdict.IsRefused, verdict.Output);
    }

    [Theory]
    [InlineData("retention: 168h", "retention: 24h", "and the replicas of this file differ")]
    [InlineData("retention: 168h", "", "and the replicas of this file differ")]
    [InlineData("snapshot-interval: 1h", "snapshot-interval: 2h", "one `interval:` for all databases")]
    [InlineData("retention: 0s", "retention: 0s", "one `retention:` for all databases. Write `snapshot:`")]
    [InlineData("age: {recipients: [x]}", "", "stay with 0.3")]
    [InlineData("validation-interval: 6h", "validation-interval: 6h", "Write `validation:`")]
    public void What_has_no_exact_equal_is_refused_with_its_line(string first, string second, string hint)
    {
        var text = Two.Replace("FIRST", first, StringComparison.Ordinal)
            .Replace("SECOND", second, StringComparison.Ordinal);

        var error = Assert.Throws<LitestreamException>(() => Effective("0.5", text));

        Assert.Equal(("LSB1031", 5), (error.Diagnostic.Code, error.Diagnostic.Line));
        Assert.Contains(hint, error.Diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_has_both_is_refused()
    {
        var text = "snapshot: {retention: 24h}\n" + Two.Replace("FIRST", "retention: 24h", StringComparison.Ordinal);

        Assert.Equal(
            "LSB1031",
            Assert
                .Throws<LitestreamException>(() =>
                    Effective("0.5", text.Replace("SECOND", "retention: 24h", StringComparison.Ordinal))
                )
                .Diagnostic.Code
        );
    }

    [Fact]
    public void Several_replicas_are_refused_by_the_line_that_has_one() =>
        Assert.Equal(
            ("LSB1042", 5),
            Assert
                .Throws<LitestreamException>(() =>
                    Effective("0.5", "dbs:\n  - path: a.db\n    replicas:\n      - path: /a\n      - path: /b\n")
                )
                .Diagnostic is var found
                ? (found.Code, found.Line)
                : default
        );

    [Theory]
    [InlineData("snapshot: {retention: 24h}", "Write `snapshot-interval:` and `retention:` in each replica.")]
    [InlineData("levels: [{interval: 30s}]", "Remove it.")]
    [InlineData("l0-retention: 5m", "Remove it.")]
    [InlineData("socket: {enabled: true}", "Remove it.")]
    [InlineData("shutdown-sync-timeout: 5s", "Remove it.")]
    public void A_key_of_the_newer_line_is_refused_by_the_older_one(string line, string hint)
    {
        var error = Assert.Throws<LitestreamException>(() =>
            Effective("0.3", $"{line}\ndbs:\n  - path: a.db\n    replicas:\n      - path: /a\n")
        );

        Assert.Equal(("LSB1031", 1), (error.Diagnostic.Code, error.Diagnostic.Line));
        Assert.EndsWith(hint, error.Diagnostic.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.3", "type: gcs", "gs://b/")]
    [InlineData("0.5", "type: gs", "gs://b/")]
    public void A_generated_file_has_the_name_of_Googles_storage_in_the_line_at_hand(
        string line,
        string type,
        string location
    )
    {
        var text = GeneratedConfig
            .Create([new("app.db", null, null)], new GeneratedConfigOptions { ReplicaUrl = "gs://b/shop" })
            .Text;

        var config = Effective(line, text);

        Assert.Contains(type + "\n", config.Text.Replace("\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
        var replica = Assert.Single(Assert.Single(config.Databases).Replicas);
        Assert.StartsWith(location, replica.Location, StringComparison.Ordinal);
        Assert.Equal(type["type: ".Length..], replica.Name);
    }

    [Fact]
    public void A_bucket_without_a_region_is_reported_where_the_file_is_generated()
    {
        var text = GeneratedConfig
            .Create([new("app.db", null, null)], new GeneratedConfigOptions { ReplicaUrl = "s3://b/shop" })
            .Text;

        Assert.Contains(Effective("0.5", text).Diagnostics, found => found.Code == "LSB1059");
        Assert.DoesNotContain(
            Effective("0.5", text, ("LITESTREAM_REPLICA_REGION", "eu-west-1")).Diagnostics,
            found => found.Code == "LSB1059"
        );
        Assert.DoesNotContain(Effective("0.3", text).Diagnostics, found => found.Code == "LSB1059");
    }

    [Theory]
    [InlineData("0.3")]
    [InlineData("0.5")]
    public void Of_a_link_the_file_is_replicated(string line)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege there.");
        Directory.CreateDirectory(Path.Combine(_folder.Path, "data"));
        LitestreamTool.Sql(Path.Combine(_folder.Path, "data", "real.db"), "CREATE TABLE t (a)");
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "a.db"), "data/real.db");
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "circle.db"), "circle.db");

        var config = Effective(line, "dbs:\n  - path: a.db\n    replicas:\n      - path: /a\n");

        Assert.Equal(Path.Combine(_folder.Path, "data", "real.db"), Assert.Single(config.Databases).Path);
        Assert.Equal(config.Databases[0], config.Choose("a.db"));
        Assert.Equal(
            "LSB1015",
            Assert
                .Throws<LitestreamException>(() =>
                    Effective(line, "dbs:\n  - path: circle.db\n    replicas:\n      - path: /a\n")
                )
                .Diagnostic.Code
        );
    }

    [Fact]
    public void What_the_app_does_itself_is_not_passed_on()
    {
        var config = Effective(
            "0.5",
            "socket: {enabled: true}\nheartbeat-url: https://example.org/x\ndbs:\n  - path: a.db\n    "
                + "restore-if-db-not-exists: true\n    replica: {path: /a}\n"
        );

        Assert.Equal(["LSB1058", "LSB1020"], config.Diagnostics.Select(found => found.Code));
        Assert.DoesNotContain("restore-if-db-not-exists", config.Text, StringComparison.Ordinal);
        var own = config.With(config.Databases[0], null, null).Text;
        Assert.DoesNotContain("socket", own, StringComparison.Ordinal);
        Assert.DoesNotContain("heartbeat", own, StringComparison.Ordinal);
    }

    /// <summary>A replica in a folder beside the database has upstream's retention, which on 0.5 is one for all.
    /// </summary>
    [Theory]
    [InlineData("snapshot: {retention: 720h}", "", "")]
    [InlineData("", "snapshot: {retention: 720h}", "")]
    [InlineData("", "", "retention: 720h")]
    [InlineData("", "", "retention: ${KEEP}")]
    public void A_database_that_is_added_does_not_shorten_how_long_the_others_are_kept(
        string root,
        string database,
        string replica
    )
    {
        var text =
            $"{root}\ndbs:\n  - path: a.db\n    {database}\n    replicas:\n      - path: /backup/a\n"
            + $"        {replica}\n";
        var added = new EffectiveDatabase("more.db", Path.Combine(_folder.Path, "more.db"), null, null, []);

        var config = EffectiveConfig.Create(
            Options(text, ("KEEP", "720h")) with
            {
                Added = [new AddedDatabase(added)],
            },
            Dialects("0.5")
        );

        Assert.Equal(["a.db", "more.db"], config.Databases.Select(one => one.ConfiguredPath));
        Assert.Matches(@"retention: (720h|\$\{KEEP\})", config.Text);
        Assert.DoesNotMatch("retention: .?24h", config.Text);
    }

    [Theory]
    [InlineData("", "auto-recover: true")]
    [InlineData("auto-recover: yes", "")]
    public void Litestream_is_kept_from_forgetting_what_it_has_not_sent(string root, string replica)
    {
        var config = Effective(
            "0.5",
            $"{root}\ndbs:\n  - path: a.db\n    replica:\n      path: /a\n      {replica}\n"
        );

        var found = Assert.Single(config.Diagnostics);
        Assert.Equal(("LSB1020", LitestreamSeverity.Warning), (found.Code, found.Severity));
        Assert.DoesNotContain("auto-recover", config.Text, StringComparison.Ordinal);
    }

    /// <summary>A note for executables of 0.3, in storage that they know.</summary>
    [Theory]
    [InlineData("type: s3, bucket: b, region: r, path: p", true, "p/note")]
    [InlineData("type: s3, bucket: b, region: r, path: p/", true, "p/note")]
    [InlineData("type: s3, bucket: b, region: r", true, "note")]
    [InlineData("type: gs, bucket: b, path: p", true, "p/note")]
    [InlineData("type: sftp, host: h, user: u, path: /", true, "/note")]
    [InlineData("type: nats, bucket: b", false, "note")]
    [InlineData("type: webdav, webdav-url: 'http://h/', path: p", false, "p/note")]
    [InlineData("path: /r", false, "/r/note")]
    public void A_note_for_the_older_line_is_below_the_backup_and_not_in_it(string replica, bool isLeft, string path)
    {
        var config = Effective("0.5", $"dbs:\n  - path: a.db\n    replica: {{{replica}}}\n");
        var database = Assert.Single(config.Databases);

        Assert.Equal(isLeft, ReplicaNote.IsNeeded(ReleaseLine.All[^1], database));
        var elsewhere = config.Elsewhere(database, Path.Combine(_folder.Path, "note.db"), "note").Root;
        Assert.Equal(path, Assert.Single(Assert.Single(elsewhere.Maps("dbs")).Maps("replicas")).Text("path"));
    }

    private EffectiveConfig Effective(string line, string text, params (string Name, string Value)[] variables) =>
        EffectiveConfig.Create(Options(text, variables), Dialects(line));

    private static IReadOnlyList<ConfigDialect> Dialects(string line) =>
        ReleaseLine.All.Single(one => one.Name == line).Dialects;

    private EffectiveConfigOptions Options(string text, params (string Name, string Value)[] variables) =>
        new()
        {
            ConfigPath = _folder.Write("litestream.yml", text),
            BaseDirectory = _folder.Path,
            GetSetting = _ => null,
            Environment = variables.ToDictionary(one => one.Name, one => one.Value),
        };
}
