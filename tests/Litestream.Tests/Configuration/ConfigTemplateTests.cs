using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

[Trait("Uses", "litestream")]
public sealed class ConfigTemplateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static ReleaseLine Line => ReleaseLine.Of(Repository.Version);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("s3://bucket/prefix?endpoint=https://minio.example:9000&forcePathStyle=true")]
    [InlineData("s3://${LITESTREAM_REPLICA_BUCKET}/prefix")]
    [InlineData("abs://account@container/prefix")]
    [InlineData("gs://bucket/prefix")]
    [InlineData("sftp://user:${SFTP_PASSWORD}@host/folder")]
    [InlineData("/var/back ups/$cheap")]
    public void It_gives_the_same_effective_configuration_as_the_generated_file(string? url)
    {
        var generated = Generated(
            [
                new("Data/app.db", "A", "ConnectionStrings:A"),
                new("/srv/sp  ace \"ü\" $x/b.db", null, null) { SyncInterval = "10s" },
                new("|DataDirectory|/c.db", null, null),
            ],
            new GeneratedConfigOptions { ReplicaUrl = url, SnapshotInterval = "12h" }
        );

        var environment = EnvPlaceholders
            .Names(EnvPlaceholders.Mark(url ?? ""))
            .ToDictionary(name => name, _ => "value");
        Assert.Equal(
            Effective(generated, environment: environment),
            Effective(Write(Create(generated)), environment: environment)
        );
    }

    [Fact]
    public void A_setting_that_is_excluded_stays_so()
    {
        string[] excluded = ["ConnectionStrings:Cache", "Odd:$key\n\"é\""];
        var generated = Generated([new("app.db", null, null)], new GeneratedConfigOptions { Excluded = excluded });

        Assert.Equal(excluded, LitestreamConfigFile.Load(generated).Excluded);
        Assert.Equal(excluded, LitestreamConfigFile.Load(Write(Create(generated))).Excluded);
    }

    [Fact]
    public void The_replica_of_the_run_time_setting_is_taken_over_and_said()
    {
        var generated = Generated([new("app.db", null, null)], new GeneratedConfigOptions());
        var settings = new Dictionary<string, string> { ["Litestream:ReplicaUrl"] = "s3://live/prefix" };

        var own = Create(generated, settings);

        Assert.Equal(Effective(generated, settings), Effective(Write(own)));
        Assert.Contains("Remove that setting", string.Join('\n', own.Instructions), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_executable_takes_it_as_it_is()
    {
        var file = Write(
            Create(Generated([new("app.db", null, null), new("Data/b.db", null, null)], new GeneratedConfigOptions()))
        );

        var result = await LitestreamTool
            .Command()
            .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);

        Assert.Equal((0, ""), (result.ExitCode, result.StandardError));
        Assert.Equal(
            2,
            result.StandardOutput.Split('\n').Count(line => line.EndsWith("file", StringComparison.Ordinal))
        );
    }

    /// <summary>Every example in it is a line that its user can take out of the comment.</summary>
    [Fact]
    public void It_is_written_in_the_words_of_the_line_and_so_are_its_examples()
    {
        var file = Write(
            Create(
                Generated([new("app.db", null, null)], new GeneratedConfigOptions { SnapshotInterval = "12h" })
            )
        );
        var text = File.ReadAllText(file);
        Assert.Contains(Line.Dialect.Reader, text, StringComparison.Ordinal);
        Assert.Equal(Repository.IsLine05, text.Contains("\nsnapshot:\n", StringComparison.Ordinal));
        Assert.Equal(Repository.IsLine05, text.Contains("\n    replica:\n", StringComparison.Ordinal));
        const string Examples = "^( *)# ( *(?:snapshot|validation|[a-z-]*interval|retention):(?: \"[0-9a-z]+\")?)$";
        var shown = Regex.Replace(text, Examples, "$1$2", RegexOptions.Multiline);
        Assert.Equal(Repository.IsLine05 ? 3 : 2, Regex.Count(text, Examples, RegexOptions.Multiline));

        foreach (var one in new[] { text, shown })
        {
            File.WriteAllText(file, one);
            Assert.Empty(LitestreamConfigFile.Check(file, Line.Dialects).Select(finding => finding.ToString()));
        }
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task The_s3_replica_in_its_comments_takes_the_place_of_the_folder()
    {
        var lines = File.ReadAllLines(
            Write(Create(Generated([new("app.db", null, null)], new GeneratedConfigOptions())))
        );
        var replica = Array.IndexOf(lines, "    replica:");
        var start = Array.FindIndex(lines, line => line == "      # type: \"s3\"");
        var example = lines[start..].Select(line => line.Replace("# ", "", StringComparison.Ordinal));
        var file = _folder.Write("s3.yml", string.Join('\n', lines[..(replica + 1)].Concat(example)));

        var result = await LitestreamTool
            .Command(new Dictionary<string, string> { ["LITESTREAM_REPLICA_BUCKET"] = "bucket" })
            .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("s3", result.StandardOutput, StringComparison.Ordinal);
        Assert.Equal(
            "s3://${LITESTREAM_REPLICA_BUCKET}/app.db",
            Assert.Single(LitestreamConfigFile.Load(file).Databases[0].Replicas).Location
        );
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task The_example_in_its_comments_is_an_s3_replica_that_the_executable_takes()
    {
        var lines = File.ReadAllLines(
            Write(Create(Generated([new("app.db", null, null)], new GeneratedConfigOptions())))
        );
        var start = Array.FindIndex(lines, line => line.TrimStart() == "# - type: \"s3\"");
        var file = _folder.Write(
            "s3.yml",
            string.Join(
                '\n',
                lines.Select(
                    (line, i) =>
                        i >= start && line.StartsWith("      # ", StringComparison.Ordinal)
                            ? "      " + line[8..]
                            : line
                )
            )
        );

        var result = await LitestreamTool
            .Command(new Dictionary<string, string> { ["LITESTREAM_REPLICA_BUCKET"] = "bucket" })
            .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);

        Assert.Contains("file,s3", result.StandardOutput, StringComparison.Ordinal);
        Assert.Equal(
            "s3://${LITESTREAM_REPLICA_BUCKET}/app.db",
            LitestreamConfigFile.Load(file).Databases[0].Replicas[1].Location
        );
    }

    [Fact]
    public void A_file_that_is_there_stays_as_it_is()
    {
        var own = Create(Generated([new("app.db", null, null)], new GeneratedConfigOptions()));
        var file = _folder.Write("litestream.yml", "mine");

        Assert.Equal("LSB3010", Assert.Throws<LitestreamException>(() => own.Write(file)).Diagnostic.Code);
        Assert.Equal("mine", File.ReadAllText(file));

        _folder.Write("litestream.yml", "dbs: []\n");
        Assert.Equal("LSB3010", Assert.Throws<LitestreamException>(() => Create(file)).Diagnostic.Code);
    }

    [Fact]
    public void The_instructions_name_every_variable_and_its_user_secret()
    {
        var instructions = string.Join(
            '\n',
            Create(
                Generated([new("app.db", null, null)], new GeneratedConfigOptions { ReplicaUrl = "s3://bucket" })
            ).Instructions
        );

        Assert.Contains(
            "dotnet user-secrets set \"Litestream:SecretAccessKey\" \"...\"",
            instructions,
            StringComparison.Ordinal
        );
        Assert.Contains("LITESTREAM_ACCESS_KEY_ID=...", instructions, StringComparison.Ordinal);
        Assert.Contains("\"ReplicaEndpoint\": \"\"", instructions, StringComparison.Ordinal);
        Assert.DoesNotContain("\"SecretAccessKey\":", instructions, StringComparison.Ordinal);
    }

    private string Generated(FoundDatabase[] databases, GeneratedConfigOptions options) =>
        _folder.Write("obj/litestream.yml", GeneratedConfig.Create(databases, options).Text);

    private ConfigTemplate Create(string generated, Dictionary<string, string>? settings = null) =>
        ConfigTemplate.Create(Options(generated, settings), Line.Dialect);

    private string Write(ConfigTemplate own)
    {
        var file = Path.Combine(_folder.Path, "litestream.yml");
        own.Write(file);
        return file;
    }

    /// <summary>Without its first line, which names the file.</summary>
    private string Effective(
        string file,
        Dictionary<string, string>? settings = null,
        Dictionary<string, string>? environment = null
    )
    {
        var config = EffectiveConfig.Create(
            Options(file, settings) with
            {
                Environment = environment ?? [],
            },
            Line.Dialects
        );
        var text = config.Text[(config.Text.IndexOf('\n', StringComparison.Ordinal) + 1)..];

        // In any order of the keys at the top.
        return string.Concat(Regex.Split(text, "^(?=[a-z])", RegexOptions.Multiline).Order(StringComparer.Ordinal));
    }

    private EffectiveConfigOptions Options(string file, Dictionary<string, string>? settings) =>
        new()
        {
            ConfigPath = file,
            BaseDirectory = _folder.Path,
            GetSetting = key => settings?.GetValueOrDefault(key),
            Environment = new Dictionary<string, string>(),
        };
}
