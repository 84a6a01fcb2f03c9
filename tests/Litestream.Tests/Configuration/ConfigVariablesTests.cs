using Litestream.Configuration;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

public sealed class ConfigVariablesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_variable_of_the_users_own_file_is_needed_and_told_with_its_place()
    {
        var variables = Read(
            "dbs:\n  - path: ${DATA}/app.db\n    replicas:\n      - url: s3://bucket/x\n        secret-access-key: "
                + "${S3_SECRET}\n"
        );

        var data = Assert.Single(variables, v => v.Name == "DATA");
        Assert.True(data.IsMissing);
        Assert.Equal("path of ${DATA}/app.db", data.Purpose);
        Assert.Equal(
            "secret-access-key of ${DATA}/app.db",
            Assert.Single(variables, v => v.Name == "S3_SECRET").Purpose
        );
        Assert.False(Assert.Single(variables, v => v.Name == "AWS_PROFILE").IsMissing);
    }

    [Fact]
    public void A_value_is_shown_only_where_it_is_known_to_be_no_secret()
    {
        var variables = Read(
            "dbs:\n  - path: ${DATA}/app.db\n    replicas:\n      - type: s3\n        bucket: "
                + "${LITESTREAM_REPLICA_BUCKET}\n        region: ${LITESTREAM_REPLICA_REGION}\n        "
                + "secret-access-key: ${HARMLESS}\n",
            new()
            {
                ["DATA"] = "pa55",
                ["LITESTREAM_REPLICA_BUCKET"] = "my-bucket",
                ["HARMLESS"] = "pa55",
            }
        );

        Assert.Equal("my-bucket", Assert.Single(variables, v => v.Name == "LITESTREAM_REPLICA_BUCKET").Value);
        Assert.DoesNotContain(variables, v => v.ToString().Contains("pa55", StringComparison.Ordinal));
        var region = Assert.Single(variables, v => v.Name == "LITESTREAM_REPLICA_REGION");
        Assert.Equal((false, VariableSource.None, ""), (region.Required, region.Source, region.Value));
    }

    [Fact]
    public void A_default_value_which_litestream_does_not_know_is_not_shown()
    {
        var variables = Read(
            "dbs:\n  - path: app.db\n    replicas:\n      - url: s3://bucket/x\n        secret-access-key: "
                + "${S3_SECRET:-pa55}\n"
        );

        Assert.True(Assert.Single(variables, v => v.Name == "S3_SECRET...").IsMissing);
        Assert.DoesNotContain(variables, v => v.ToString().Contains("pa55", StringComparison.Ordinal));
    }

    [Fact]
    public void A_setting_is_a_source_and_the_environment_wins_over_it()
    {
        var yml = GeneratedConfig
            .Create([new("app.db", null, null)], new GeneratedConfigOptions { ReplicaUrl = "s3://bucket" })
            .Text;

        var variables = Read(
            yml,
            new() { ["LITESTREAM_ACCESS_KEY_ID"] = "from the environment" },
            new() { ["Litestream:AccessKeyId"] = "x", ["Litestream:SecretAccessKey"] = "y" }
        );

        Assert.Equal(
            VariableSource.Environment,
            Assert.Single(variables, v => v.Name == "LITESTREAM_ACCESS_KEY_ID").Source
        );
        var secret = Assert.Single(variables, v => v.Name == "LITESTREAM_SECRET_ACCESS_KEY");
        Assert.Equal(
            (VariableSource.Setting, "Litestream:SecretAccessKey", "***"),
            (secret.Source, secret.Setting, secret.Value)
        );
        Assert.DoesNotContain(variables, v => v.IsMissing);
    }

    [Fact]
    public void The_variables_of_the_run_time_replica_count_not_those_of_the_built_one()
    {
        var yml = GeneratedConfig
            .Create([new("app.db", null, null)], new GeneratedConfigOptions { ReplicaUrl = "sftp://u:${OLD}@host/x" })
            .Text;

        var variables = Read(yml, settings: new() { ["Litestream:ReplicaUrl"] = "sftp://u:${NEW}@host/x" });

        Assert.DoesNotContain(variables, v => v.Name == "OLD");
        Assert.True(Assert.Single(variables, v => v.Name == "NEW").IsMissing);
    }

    [Fact]
    public void What_the_executable_reads_by_itself_depends_on_the_kind_of_replica()
    {
        string[] Names(string replica) =>
            [
                .. Read($"dbs:\n  - path: app.db\n    replicas:\n      - {replica}\n")
                    .Where(v => v.Name != "LITESTREAM_INSTALL_DIR")
                    .Select(v => v.Name),
            ];

        Assert.Empty(Names("path: backups"));
        Assert.Equal(["GOOGLE_APPLICATION_CREDENTIALS"], Names("url: gcs://bucket/x"));
        Assert.Equal(["LITESTREAM_AZURE_ACCOUNT_KEY"], Names("url: abs://account@container/x"));
        Assert.Equal(
            [
                "LITESTREAM_ACCESS_KEY_ID",
                "LITESTREAM_SECRET_ACCESS_KEY",
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_PROFILE",
            ],
            Names("url: s3://bucket/x")
        );
    }

    private IReadOnlyList<ConfigVariable> Read(
        string yml,
        Dictionary<string, string>? environment = null,
        Dictionary<string, string>? settings = null
    ) =>
        ConfigVariables.Read(
            new EffectiveConfigOptions
            {
                ConfigPath = _folder.Write("litestream.yml", yml),
                BaseDirectory = _folder.Path,
                GetSetting = key => settings?.GetValueOrDefault(key),
                Environment = environment ?? [],
            }
        );
}
