using System.Text;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

/// <summary>Every key of the schema, in every place, for both release lines.</summary>
public sealed partial class ConfigSchemaTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<ReleaseLine, string, string> RightPlaces() =>
        new(
            from line in Enum.GetValues<ReleaseLine>()
            from key in ConfigSchema.Keys
            where key.IsOf(line)
            select (line, key.Place.ToString(), key.Name)
        );

    public static TheoryData<ReleaseLine, string, string, string> WrongPlaces() =>
        new(
            from line in Enum.GetValues<ReleaseLine>()
            from key in ConfigSchema.Keys
            where key.IsOf(line)
            from place in Enum.GetValues<ConfigPlace>()
            where
                Block(line, place) is not null
                && !ConfigSchema.Keys.Any(k => k.IsOf(line) && k.Place == place && k.Name == key.Name)
            select (line, key.Place.ToString(), key.Name, place.ToString())
        );

    public static TheoryData<ReleaseLine, string, string> KeysOfTheOtherLine() =>
        new(
            from line in Enum.GetValues<ReleaseLine>()
            from key in ConfigSchema.Keys
            where
                !key.IsOf(line)
                && Block(line, key.Place) is not null
                && !ConfigSchema.Keys.Any(k => k.IsOf(line) && k.Place == key.Place && k.Name == key.Name)
            select (line, key.Place.ToString(), key.Name)
        );

    public static TheoryData<ReleaseLine, string, string> WrongTypes() =>
        new(
            from line in Enum.GetValues<ReleaseLine>()
            from key in ConfigSchema.Keys
            where key.IsOf(line) && key.ReplicaTypes.Count > 0
            from type in Types(line)
            where !key.ReplicaTypes.Contains(type)
            select (line, key.Name, type)
        );

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(RightPlaces))]
    public void A_key_in_its_place_is_accepted(ReleaseLine line, string place, string name) =>
        Assert.DoesNotContain(Check(Document(line, Key(line, place, name)), line), f => f.Code != "LSB1020");

    [Theory]
    [MemberData(nameof(WrongPlaces))]
    public void A_key_in_a_wrong_place_is_refused_at_its_line(ReleaseLine line, string place, string name, string wrong)
    {
        var key = Key(line, place, name);
        var root = Document(line, Key(line, place, name), Enum.Parse<ConfigPlace>(wrong));

        var text = YamlWriter.Write(root, "# A test's file\n");
        var finding = Assert.Single(Check(text, line), f => f.Code is "LSB1031" or "LSB1032");

        Assert.Equal(LitestreamSeverity.Error, finding.Severity);
        Assert.Equal(name + ":", text.Split('\n')[finding.Line - 1][(finding.Column - 1)..][..(name.Length + 1)]);
        if (finding.Code == "LSB1032")
            Assert.Contains(ConfigSchema.Name(key.Place), finding.Message, StringComparison.Ordinal);
        else
            Assert.Contains(ConfigSchema.Keys, k => k.Name == name && !k.IsOf(line) && k.Place.ToString() == wrong);
    }

    [Theory]
    [MemberData(nameof(KeysOfTheOtherLine))]
    public void A_key_of_the_other_line_is_told_with_what_to_do(ReleaseLine line, string place, string name)
    {
        var key = Assert.Single(ConfigSchema.Keys, k => !k.IsOf(line) && k.Place.ToString() == place && k.Name == name);

        var finding = Assert.Single(Check(Document(line, key), line), f => f.Code == "LSB1031");

        Assert.Contains(
            ConfigSchema.Name(line == ReleaseLine.V03 ? ReleaseLine.V05 : ReleaseLine.V03),
            finding.Message,
            StringComparison.Ordinal
        );
        Assert.EndsWith(key.Instead, finding.Message, StringComparison.Ordinal);
        Assert.Equal(name == "replica" ? LitestreamSeverity.Warning : LitestreamSeverity.Error, finding.Severity);
    }

    [Theory]
    [MemberData(nameof(WrongTypes))]
    public void A_key_of_another_type_of_replica_is_refused(ReleaseLine line, string name, string type)
    {
        var root = Document(
            line,
            Assert.Single(ConfigSchema.Keys, k => k.IsOf(line) && k.Place == ConfigPlace.Replica && k.Name == name),
            type: type
        );

        var finding = Assert.Single(Check(root, line));

        Assert.Equal("LSB1032", finding.Code);
        Assert.Contains("of type " + type, finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_schema_has_exactly_the_keys_that_are_compiled_into_the_executable()
    {
        var executable = Encoding.Latin1.GetString(File.ReadAllBytes(LitestreamTool.Executable.Path));

        Assert.Equal(
            ConfigSchema
                .Keys.Where(k => k.IsOf(ReleaseLine.V03))
                .Select(k => k.Name)
                .Distinct()
                .Order(StringComparer.Ordinal),
            YamlTag().Matches(executable).Select(m => m.Groups[1].Value).Distinct().Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task What_is_accepted_for_the_executables_line_the_executable_accepts_too()
    {
        var count = 0;

        // `age:` wants real keys.
        foreach (
            var key in ConfigSchema.Keys.Where(k =>
                k.IsOf(ReleaseLine.V03) && k.Place != ConfigPlace.Age && k.Inside != ConfigPlace.Age
            )
        )
        {
            IEnumerable<string> types =
                key.Place == ConfigPlace.Replica
                    ? Types(ReleaseLine.V03).Where(t => key.ReplicaTypes.Count == 0 || key.ReplicaTypes.Contains(t))
                    : [""];
            foreach (var type in types)
            {
                var file = _folder.Write(
                    "litestream.yml",
                    YamlWriter.Write(Document(ReleaseLine.V03, key, type: type.Length > 0 ? type : null))
                );
                Assert.DoesNotContain(LitestreamConfigFile.Check(file), f => f.Severity == LitestreamSeverity.Error);

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

        Assert.InRange(count, 60, 200);
    }

    /// <summary>A valid file with the key in it.</summary>
    private static YamlMap Document(ReleaseLine line, ConfigKey key, ConfigPlace? place = null, string? type = null)
    {
        var where = place ?? key.Place;
        type ??=
            where == ConfigPlace.Replica && key.Place == ConfigPlace.Replica
                ? key.ReplicaTypes.FirstOrDefault(Types(line).Contains)
                : null;
        var replica =
            key is { Place: ConfigPlace.Replica, Name: "url" } && place is null
                ? new YamlMap { ["url"] = new YamlScalar(type == "s3" || type is null ? "s3://bucket/x" : Url(type)) }
                : Replica(type ?? "s3");
        var database = new YamlMap { ["path"] = new YamlScalar("/data/app.db") };
        database["replicas"] = new YamlList { Items = [replica] };
        var root = new YamlMap { ["dbs"] = new YamlList { Items = [database] } };
        if (key.Name is "dir" or "pattern" && place is null && line == ReleaseLine.V05)
        {
            database.Remove("path");
            database["dir"] = new YamlScalar("/data");
            database["pattern"] = new YamlScalar("*.db");
        }

        if (key.Name == "replica" && place is null)
            database.Remove("replicas");

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
    private static (ConfigPlace Owner, string Name, bool List)? Block(ReleaseLine line, ConfigPlace place) =>
        place is ConfigPlace.Root or ConfigPlace.Database or ConfigPlace.Replica ? (place, "", false)
        : ConfigSchema.Keys.FirstOrDefault(k => k.IsOf(line) && k.Inside == place) is { } key
            ? (key.Place, key.Name, key.Kind == ConfigKind.Blocks)
        : null;

    private static string[] Types(ReleaseLine line) =>
        ConfigSchema.Keys.Single(k => k.Place == ConfigPlace.Replica && k.Name == "type").Words(line);

    private static string Url(string type) =>
        type switch
        {
            "file" => "file:///backup",
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
            _ => ["bucket"],
        };
        foreach (var name in needed)
            replica[name] = new YamlScalar("x");
        return replica;
    }

    private static YamlNode Sample(ConfigKey key, ReleaseLine line) =>
        key.Kind switch
        {
            ConfigKind.Text => new YamlScalar(key.Secret ? EnvPlaceholders.Variable("X") : "x"),
            ConfigKind.Word => new YamlScalar(key.Words(line)[0]),
            ConfigKind.Address => new YamlScalar("127.0.0.1:9090"),
            ConfigKind.Flag => new YamlScalar("true", YamlStyle.Plain),
            ConfigKind.Count => new YamlScalar("5", YamlStyle.Plain),
            ConfigKind.Duration => new YamlScalar("2m", YamlStyle.Plain),
            ConfigKind.Size => new YamlScalar("5MiB", YamlStyle.Plain),
            ConfigKind.Texts => new YamlList { Items = [new YamlScalar(EnvPlaceholders.Variable("X"))] },
            ConfigKind.Blocks => new YamlList { Items = [Inside(key, line)] },
            _ => Inside(key, line),
        };

    private static YamlMap Inside(ConfigKey key, ReleaseLine line)
    {
        if (key.Inside == ConfigPlace.Replica)
            return Replica("s3");
        var inner = ConfigSchema.Keys.First(k => k.Place == key.Inside);
        return new YamlMap { [inner.Name] = Sample(inner, line) };
    }

    private static ConfigKey Key(ReleaseLine line, string place, string name) =>
        Assert.Single(ConfigSchema.Keys, k => k.IsOf(line) && k.Place.ToString() == place && k.Name == name);

    private IReadOnlyList<LitestreamDiagnostic> Check(YamlMap root, ReleaseLine line) =>
        Check(YamlWriter.Write(root), line);

    private IReadOnlyList<LitestreamDiagnostic> Check(string text, ReleaseLine line) =>
        LitestreamConfigFile.Check(_folder.Write("litestream.yml", text), line);

    [GeneratedRegex("yaml:\"([a-z0-9-]+)[\",]")]
    private static partial Regex YamlTag();
}
