using Litestream.Configuration;
using Litestream.Releases.V05;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Releases.V05;

/// <summary>Which replicas can be named to a litestream that runs, and how.</summary>
public sealed class RegistrationUrlTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("{path: a.db, replica: {path: /backup/tenants/a.db}}", "file:///backup/tenants/a.db")]
    [InlineData("{path: a.db, replica: {type: file, path: /b, sync-interval: 1s}}", "file:///b")]
    [InlineData("{path: a.db, monitor-interval: 1000ms, replica: {path: '/b-_.~9'}}", "file:///b-_.~9")]
    [InlineData("{path: a.db, replica: {path: '/with space'}}", null)]
    [InlineData("{path: a.db, replica: {path: /über}}", null)]
    [InlineData("{path: a.db, replica: {path: '/a%41'}}", null)]
    [InlineData("{path: a.db, monitor-interval: 100ms, replica: {path: /b}}", null)]
    [InlineData("{path: a.db, busy-timeout: 2s, replica: {path: /b}}", null)]
    [InlineData("{path: a.db, meta-path: /m, replica: {path: /b}}", null)]
    [InlineData("{path: a.db, replica: {path: /b, sync-interval: 10s}}", null)]
    [InlineData("{path: a.db, replica: {path: /b, max-sync-ltx-files: 2}}", null)]
    [InlineData("{path: a.db, replica: {type: s3, bucket: b, path: p/a.db, region: eu}}", "s3://b/p/a.db?region=eu")]
    [InlineData(
        "{path: a.db, replica: {type: s3, bucket: b, path: p, region: eu, endpoint: 'http://127.0.0.1:9000'}}",
        "s3://b/p?region=eu&endpoint=http%3A%2F%2F127.0.0.1%3A9000"
    )]
    [InlineData("{path: a.db, replica: {type: s3, bucket: b, path: p, region: eu, endpoint: 'localhost:9'}}", null)]
    [InlineData("{path: a.db, replica: {type: s3, bucket: b.c, path: p, region: eu}}", null)]
    [InlineData("{path: a.db, replica: {type: s3, bucket: b, path: p, region: eu, storage-class: X}}", null)]
    [InlineData(
        "{path: a.db, replica: {type: s3, bucket: b, path: p, region: eu, force-path-style: true}}",
        "s3://b/p?region=eu&forcePathStyle=true"
    )]
    [InlineData("{path: a.db, replica: {type: s3, bucket: b, path: p, region: eu, force-path-style: yes}}", null)]
    [InlineData("{path: a.db, replica: {url: 'sftp://u@h/p'}}", null)]
    public void Only_what_a_URL_says_exactly_is_named(string database, string? expected)
    {
        var config = Effective($"dbs:\n  - {database}\n");
        Assert.Equal(expected, RegistrationUrl.Of(config, config, Assert.Single(config.Databases)));
    }

    [Theory]
    [InlineData("LITESTREAM_ACCESS_KEY_ID=k LITESTREAM_SECRET_ACCESS_KEY=s", true)]
    [InlineData("LITESTREAM_ACCESS_KEY_ID=k LITESTREAM_SECRET_ACCESS_KEY=s AWS_ACCESS_KEY_ID=k", true)]
    [InlineData("LITESTREAM_ACCESS_KEY_ID=k LITESTREAM_SECRET_ACCESS_KEY=s AWS_ACCESS_KEY_ID=other", false)]
    [InlineData("AWS_SESSION_TOKEN=t", false)]
    [InlineData("LITESTREAM_S3_ENDPOINT=http://h", false)]
    public void The_keys_of_S3_have_to_be_those_that_it_takes_from_the_environment(string environment, bool isNamed)
    {
        var config = Effective(
            """
            dbs:
              - path: a.db
                replica:
                  type: s3
                  bucket: b
                  path: p
                  region: eu
                  access-key-id: ${LITESTREAM_ACCESS_KEY_ID}
                  secret-access-key: ${LITESTREAM_SECRET_ACCESS_KEY}
            """,
            environment
        );
        Assert.Equal(
            isNamed ? "s3://b/p?region=eu" : null,
            RegistrationUrl.Of(config, config, Assert.Single(config.Databases))
        );
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("addr: ':9090'", true)]
    [InlineData("snapshot: {retention: 48h}", false)]
    [InlineData("sync-interval: 5s", false)]
    [InlineData("l0-retention: 1h", false)]
    public void What_holds_for_all_databases_has_to_be_what_litestream_was_started_with(string more, bool isNamed)
    {
        const string Databases = "dbs: [{path: a.db, replica: {path: /b}}]\n";
        var config = Effective(Databases + more);
        Assert.Equal(
            isNamed,
            RegistrationUrl.Of(Effective(Databases), config, Assert.Single(config.Databases)) is not null
        );
    }

    [Theory]
    [InlineData("sync-interval: 5s")]
    [InlineData("endpoint: http://127.0.0.1:9000")]
    [InlineData("storage-class: STANDARD_IA")]
    public void What_the_top_of_the_file_says_of_replicas_does_not_hold_for_one_that_is_named(string more)
    {
        var config = Effective($"dbs: [{{path: a.db, replica: {{type: s3, bucket: b, path: p, region: eu}}}}]\n{more}");
        Assert.Null(RegistrationUrl.Of(config, config, Assert.Single(config.Databases)));
    }

    public void Dispose() => _folder.Dispose();

    private EffectiveConfig Effective(string text, string environment = "") =>
        EffectiveConfig.Create(
            new EffectiveConfigOptions
            {
                ConfigPath = _folder.Write("litestream.yml", text),
                BaseDirectory = _folder.Path,
                GetSetting = _ => null,
                Environment = environment
                    .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    .Select(pair => pair.Split('='))
                    .ToDictionary(pair => pair[0], pair => pair[1]),
            },
            [ConfigDialect05.Dialect]
        );
}
