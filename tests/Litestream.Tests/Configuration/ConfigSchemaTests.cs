using System.Text;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

/// <summary>Every key of the schema, in every place, for both release lines.</summary>
[Trait("Uses", "litestream")]
public sealed partial class ConfigSchemaTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string, string> RightPlaces() =>
        new(
            from line in ReleaseLine.All
            from key in line.Dialect.Keys
            select (line.Name, key.Place.ToString(), key.Name)
        );

    public static TheoryData<string, string, string, string> WrongPlaces() =>
        new(
            from line in ReleaseLine.All
            from key in line.Dialect.Keys
            from place in Enum.GetValues<ConfigPlace>()
            where
                Block(line.Dialect, place) is not null && line.Dialect.Find(place, key.Name) is null
            select (line.Name, key.Place.ToString(), key.Name, place.ToString())
        );

    public static TheoryData<string, string, string> KeysOfTheOtherLine() =>
        new(
            from line in ReleaseLine.All
            from key in Other(line.Name).Keys
            where Block(line.Dialect, key.Place) is not null && line.Dialect.Find(key.Place, key.Name) is null
            select (line.Name, key.Place.ToString(), key.Name)
        );

    public static TheoryData<string, string, string> WrongTypes() =>
        new(
            from line in ReleaseLine.All
            from key in line.Dialect.Keys
            where key.ReplicaTypes.Count > 0
            from type in Types(line.Dialect)
            where !key.ReplicaTypes.Contains(type)
            select (line.Name, key.Name, type)
        );

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(RightPlaces))]
    public void A_key_in_its_place_is_accepted(string line, string place, string name) =>
        Assert.DoesNotContain(
            Check(Document(Dialect(line), Key(Dialect(line), place, name)), line),
            f => f.Code is not ("LSB1020" or "LSB1056" or "LSB1058")
        );

    [Theory]
    [MemberData(nameof(WrongPlaces))]
    public void A_key_in_a_wrong_place_is_refused_at_its_line(string line, string place, string name, string wrong)
    {
        var key = Key(Dialect(line), place, name);
        var root = Document(Dialect(line), key, Enum.Parse<ConfigPlace>(wrong));

        var text = YamlWriter.Write(root, "# A test's file\n");
        var finding = Assert.Single(Check(text, line), f => f.Code is "LSB1031" or "LSB1032");

        var isTranslated = wrong == "Replica" && Dialect(line).SnapshotKeys.ContainsKey(name);
        Assert.Equal(isTranslated ? LitestreamSeverity.Warning : LitestreamSeverity.Error, finding.Severity);
        Assert.Equal(name + ":", text.Split('\n')[finding.Line - 1][(finding.Column - 1)..][..(name.Length + 1)]);
        if (finding.Code == "LSB1032")
            Assert.Contains(ConfigSchema.In(key.Place), finding.Message, StringComparison.Ordinal);
        else
            Assert.NotNull(Other(line).Find(Enum.Parse<ConfigPlace>(wrong), name));
    }

    [Theory]
    [MemberData(nameof(KeysOfTheOtherLine))]
    public void A_key_of_the_other_line_is_reported_with_what_to_do(string line, string place, string name)
    {
        var key = Key(Other(line), place, name);

        var finding = Assert.Single(Check(Document(Dialect(line), key), line), f => f.Code == "LSB1031");

        Assert.Contains(Other(line).Reader, finding.Message, StringComparison.Ordinal);
        Assert.EndsWith(key.Instead, finding.Message, StringComparison.Ordinal);
        var isTranslated =
            name == "replica" || (place == "Replica" && Dialect(line).SnapshotKeys.ContainsKey(name));
        Assert.Equal(isTranslated ? LitestreamSeverity.Warning : LitestreamSeverity.Error, finding.Severity);
    }

    [Theory]
    [MemberData(nameof(WrongTypes))]
    public void A_key_of_another_type_of_replica_is_refused(string line, string name, string type)
    {
        var root = Document(Dialect(line), Key(Dialect(line), nameof(ConfigPlace.Replica), name), type: type);

        var finding = Assert.Single(Check(root, line));

        Assert.Equal("LSB1032", finding.Code);
        Assert.Contains("of type " + type, finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_schema_has_exactly_the_keys_that_are_compiled_into_the_executable()
    {
        var executable = Encoding.Latin1.GetString(File.ReadAllBytes(LitestreamTool.Executable.Path));

        // Read by 0.5 and then refused, or without effect.
        string[] useless = Repository.IsLine05 ? ["-", "age", "identities", "recipients", "validation-interval"] : [];
        Assert.Equal(
            Dialect(Repository.IsLine05 ? "0.5" : "0.3")
                .Keys.Select(k => k.Name)
                .Concat(useless)
                .Distinct()
                .Order(StringComparer.Ordinal),
            YamlTag().Matches(executable).Select(m => m.Groups[1].Value).Distinct().Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    [Trait("Line", "0.3")] // For 0.5 some keys need another one beside them: Config05AgainstExecutableTests.
    public async Task What_is_accepted_for_the_executables_line_the_executable_accepts_too()
    {
        var count = 0;

        // `age:` wants real keys, and a path of a key its file.
        var line = Repository.IsLine05 ? "0.5" : "0.3";
        var dialect = Dialect(line);
        foreach (
            var key in dialect.Keys.Where(k =>
                k.Place != ConfigPlace.Age && k.Inside != ConfigPlace.Age && k.Name != "sse-customer-key-path"
            )
        )
        {
            IEnumerable<string> types =
                key.Place == ConfigPlace.Replica
                    ? Types(dialect).Where(t => key.ReplicaTypes.Count == 0 || key.ReplicaTypes.Contains(t))
                    : [""];
            foreach (var type in types)
            {
                var file = _folder.Write(
                    "litestream.yml",
                    YamlWriter.Write(Document(dialect, key, type: type.Length > 0 ? type : null))
                );
                var errors = LitestreamClient
                    .CheckConfiguration(file, line + ".0")
                    .Where(f => f.Severity == LitestreamSeverity.Error)
                    .ToList();

                // Read by the executable, and refused for what it does then.
                if (errors is [{ Code: "LSB1056" or "LSB1058" }])
                    continue;
                Assert.Empty(errors);

                var result = await LitestreamTool
                    .Command()
                    .RunAsync(["databases", "-config", file], TestContext.Current.CancellationToken);

                Assert.True(
                    result.ExitCode == 0,
                    $"{key.Place} {key.Name} {type}: {result.StandardOutput}{result.StandardError}"
                );
                count++;
            }
        }

        Assert.InRange(count, 60, 300);
    }

    [Fact]
    public void A_new_line_needs_a_dialect_and_nothing_else()
    {
        const string Own = """
            Root    turbo Flag
                -> Buy a faster disk.
            Replica type  Word words=file,drum else=Ignored
            """;
        var made = new ConfigDialect { Reader = "Litestream 0.7", Keys = ConfigSchema.Read(Own, hasDefaults: false) };
        string Findings(string text, params ConfigDialect[] dialects) =>
            string.Join(
                '\n',
                LitestreamConfigFile
                    .Check(_folder.Write("litestream.yml", text), dialects)
                    .Select(f => $"{f.Code} {f.Line} {f.Message}")
            );

        const string File = "turbo: true\ndbs:\n- path: /a\n  replicas:\n  - type: drum\n";
        Assert.Equal("", Findings(File, made, Dialect("0.3"), Dialect("0.5")));
        Assert.Equal(
            "LSB1031 1 `turbo:` is a key of Litestream 0.7; Litestream 0.3 does not know it. Buy a faster disk.\n"
                + "LSB1036 5 Litestream 0.3 has no replica of the type `drum` and would not start. Known values: file, "
                + "s3, gcs, abs, sftp.",
            Findings(File, Dialect("0.3"), made)
        );
        Assert.Equal(
            "LSB1031 1 `levels:` is a key of Litestream 0.5; Litestream 0.7 does not know it. Remove it.",
            Findings("levels: []\n" + File["turbo: true\n".Length..], made, Dialect("0.3"), Dialect("0.5"))
        );
    }

    /// <summary>A valid file with the key in it.</summary>
    private static YamlMap Document(ConfigDialect line, ConfigKey key, ConfigPlace? place = null, string? type = null)
    {
        var where = place ?? key.Place;
        type ??=
            where == ConfigPlace.Replica && key.Place == ConfigPlace.Replica
                ? key.ReplicaTypes.FirstOrDefault(Types(line).Contains)
                : null;
        var replica =
            key is { Place: ConfigPlace.Replica, Name: "url" } && place is null
                ? new YamlMap { ["url"] = new YamlScalar(Url(type ?? "s3")) }
                : Replica(type ?? "s3");
        var database = new YamlMap { ["path"] = new YamlScalar("/data/app.db") };
        database["replicas"] = new YamlList { Items = [replica] };
        var root = new YamlMap { ["dbs"] = new YamlList { Items = [database] } };
        if (key.Name is "dir" or "pattern" && place is null && line.Find(ConfigPlace.Database, "dir") is not null)
        {
            database.Remove("path");
            database["dir"] = new YamlScalar("/data");
            database["pattern"] = new YamlScalar("*.db");
        }

        if (key.Name == "replica" && place is null)
            database.Remove("replicas");

        // Each of the two needs the other one.
        if (key.Name is "client-cert" or "client-key" && type == "nats")
            replica[key.Name == "client-cert" ? "client-key" : "client-cert"] = new YamlScalar("x");

        YamlMap target;
        switch (where)
        {
            case ConfigPlace.Root:
                target = root;
                break;
            case ConfigPlace.Database:
                target = database;
                break;
            case ConfigPlace.Replica:
                target = replica;
                break;
            default:
                target = new YamlMap();
                var (owner, name, list) = Block(line, where) ?? throw new InvalidOperationException();
                (owner == ConfigPlace.Replica ? replica : root)[name] = list
                    ? new YamlList { Items = [target] }
                    : target;
                break;
        }

        if (!target.Has(key.Name))
            target[key.Name] = Sample(key, line);
        return root;
    }

    /// <summary>Where a block stands; the three big places have no name of their own.</summary>
    private static (ConfigPlace Owner, string Name, bool List)? Block(ConfigDialect line, ConfigPlace place) =>
        place is ConfigPlace.Root or ConfigPlace.Database or ConfigPlace.Replica ? (place, "", false)
        : line.Keys.FirstOrDefault(k => k.Inside == place) is { } key
            ? (key.Place, key.Name, key.Kind == ConfigKind.Blocks)
        : null;

    private static string[] Types(ConfigDialect line) =>
        [.. Key(line, nameof(ConfigPlace.Replica), "type").Words];

    private static string Url(string type) =>
        type switch
        {
            "file" => "file:///backup",
            "s3" => "s3://bucket.localhost/x",
            "sftp" => "sftp://user@host/x",
            "abs" => "abs://account@bucket/x",
            _ => type + "://bucket/x",
        };

    private static YamlMap Replica(string type)
    {
        var replica = new YamlMap { ["type"] = new YamlScalar(type) };
        string[] needed = type switch
        {
            "file" => ["path"],
            "abs" => ["bucket", "account-name"],
            "sftp" => ["host", "user"],
            "webdav" => ["webdav-url"],
            "s3" => ["bucket", "region"],
            _ => ["bucket"],
        };
        foreach (var name in needed)
            replica[name] = new YamlScalar("x");
        return replica;
    }

    private static YamlNode Sample(ConfigKey key, ConfigDialect line) =>
        key.Kind switch
        {
            ConfigKind.Text => new YamlScalar(key.Secret ? EnvPlaceholders.Variable("X") : "x"),
            ConfigKind.Word => new YamlScalar(key.Words[0]),
            ConfigKind.Address => new YamlScalar("127.0.0.1:9090"),
            ConfigKind.Flag => new YamlScalar("true", YamlStyle.Plain),
            ConfigKind.Count => new YamlScalar("5", YamlStyle.Plain),
            ConfigKind.Web => new YamlScalar("https://example.org/x"),
            ConfigKind.Mode => new YamlScalar("0600", YamlStyle.Plain),
            ConfigKind.Duration => new YamlScalar("2m", YamlStyle.Plain),
            ConfigKind.Size => new YamlScalar("5MiB", YamlStyle.Plain),
            ConfigKind.Texts => new YamlList { Items = [new YamlScalar(EnvPlaceholders.Variable("X"))] },
            ConfigKind.Blocks => new YamlList { Items = [Inside(key, line)] },
            _ => Inside(key, line),
        };

    private static YamlMap Inside(ConfigKey key, ConfigDialect line)
    {
        if (key.Inside == ConfigPlace.Replica)
            return Replica("s3");
        var inner = line
            .Keys.Concat(ReleaseLine.All.SelectMany(one => one.Dialect.Keys))
            .First(k => k.Place == key.Inside);
        return new YamlMap { [inner.Name] = Sample(inner, line) };
    }

    private static ConfigKey Key(ConfigDialect line, string place, string name) =>
        Assert.Single(line.Keys, k => k.Place.ToString() == place && k.Name == name);

    private static ConfigDialect Dialect(string line) => ReleaseLine.All.Single(one => one.Name == line).Dialect;

    private static ConfigDialect Other(string line) => ReleaseLine.All.First(one => one.Name != line).Dialect;

    private IReadOnlyList<LitestreamDiagnostic> Check(YamlMap root, string line) =>
        Check(YamlWriter.Write(root), line);

    private IReadOnlyList<LitestreamDiagnostic> Check(string text, string line) =>
        LitestreamClient.CheckConfiguration(_folder.Write("litestream.yml", text), line + ".0");

    [GeneratedRegex("yaml:\"([a-z0-9-]+)[\",]")]
    private static partial Regex YamlTag();
}
