using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Litestream.Databases;

namespace Litestream.Tests.Databases;

/// <summary>
/// Settings of real public apps (connection-strings.jsonl), each written into a settings file of its kind and read
/// back.
/// </summary>
public sealed partial class CorpusTests
{
    private static readonly Dictionary<string, JsonObject> Cases = ReadCases();

    public static TheoryData<string> Ids(string expected) =>
        [.. Cases.Where(c => (string)c.Value["expected"]! == expected).Select(c => c.Key)];

    [Theory]
    [MemberData(nameof(Ids), "sqlite-file")]
    public void A_sqlite_file_is_found_with_its_path(string id)
    {
        var result = Find(Cases[id]);
        var value = (string)Cases[id]["value"]!;
        var path = Regex.Replace((string)Cases[id]["path"]!, "^file:", string.Empty);

        if (value.Contains("Password=", StringComparison.Ordinal))
        {
            AssertOnly(result, "LSB1007", path);
        }
        else if (Regex.IsMatch(path, @"[%{$]"))
        {
            AssertOnly(result, "LSB1008", path);
        }
        else if (id == "c198")
        {
            AssertOnly(result, "LSB1004", path); // no provider anywhere, no packages: a question is the right answer
        }
        else
        {
            Assert.Equal(path, Assert.Single(result.Databases).Path);
            Assert.All(result.Diagnostics, d => Assert.Equal("LSB1009", d.Code));
            Assert.Equal(path.Contains('\\', StringComparison.Ordinal), result.Diagnostics.Count == 1);
        }
    }

    [Theory]
    [MemberData(nameof(Ids), "sqlite-memory")]
    public void A_database_in_memory_is_reported_to_be_one(string id) =>
        AssertOnly(Find(Cases[id]), "LSB1005", string.Empty);

    [Theory]
    [MemberData(nameof(Ids), "sqlite-readonly")]
    public void A_read_only_database_is_reported_to_be_one(string id) =>
        AssertOnly(Find(Cases[id]), "LSB1006", (string)Cases[id]["path"]!);

    [Theory]
    [MemberData(nameof(Ids), "not-sqlite")]
    public void Anything_else_is_not_even_asked_about(string id)
    {
        var result = Find(Cases[id]);
        Assert.Empty(result.Databases);
        Assert.Empty(result.Diagnostics);
    }

    [Theory]
    [InlineData("c152", null, "test")]
    [InlineData("c200", "LSB1004", null)]
    [InlineData("c205", null, @"D:\BookStoreDB.db")]
    [InlineData("c215", null, null)]
    [InlineData("c228", null, null)]
    public void What_the_settings_leave_open_gets_one_defined_answer(string id, string? code, string? path)
    {
        Assert.Equal(5, Ids("ambiguous").Count);
        var result = Find(Cases[id]);
        Assert.Equal(path is null ? [] : [path], result.Databases.Select(d => d.Path));
        Assert.Equal(code is null ? [] : [code], result.Diagnostics.Select(d => d.Code).Where(c => c != "LSB1009"));
    }

    [Theory]
    [InlineData("c217", "DuckDB.NET.Data")]
    [InlineData("c218", "DuckDB.NET.Data.Full")]
    [InlineData("c220", "DuckDB.NET.Data")]
    [InlineData("c131", "LiteDB")]
    [InlineData("c140", "LiteDB")]
    public void What_only_the_package_can_tell_is_reported_by_the_package(string id, string package)
    {
        var result = DatabaseFinder.Find(
            [new Setting("Storage:ConnectionString", (string)Cases[id]["value"]!)],
            new DatabaseSearch { SettingsFiles = [], Packages = [package] }
        );
        Assert.Empty(result.Databases);
        Assert.Empty(result.Diagnostics);
    }

    [Fact]
    public void No_diagnostic_quotes_a_value()
    {
        foreach (var item in Cases.Values)
        {
            foreach (var diagnostic in Find(item).Diagnostics)
            {
                Assert.DoesNotContain("***\"", diagnostic.Message, StringComparison.Ordinal);
                Assert.DoesNotContain("Password", diagnostic.Message, StringComparison.Ordinal);
                Assert.True(diagnostic.File is null || diagnostic.Line > 0);
            }
        }
    }

    private static void AssertOnly(DatabaseSearchResult result, string code, string path)
    {
        Assert.Empty(result.Databases);
        var diagnostic = Assert.Single(result.Diagnostics);
        Assert.Equal(code, diagnostic.Code);
        Assert.Contains(path, diagnostic.Message, StringComparison.Ordinal);
    }

    private static DatabaseSearchResult Find(JsonObject item)
    {
        using var folder = new TemporaryFolder();
        var file = (string)item["file"]!;
        var packages = item["packages"]?.AsArray().Select(p => (string)p!).ToList() ?? [];
        if (file.EndsWith(".json", StringComparison.Ordinal))
        {
            return DatabaseFinder.Find(
                new DatabaseSearch
                {
                    SettingsFiles = [folder.Write(file, Json(item).ToJsonString())],
                    Packages = packages,
                }
            );
        }

        if (
            file.EndsWith(".config", StringComparison.OrdinalIgnoreCase)
            || file.EndsWith(".xml", StringComparison.Ordinal)
        )
        {
            return DatabaseFinder.Find(
                new DatabaseSearch { SettingsFiles = [folder.Write(file, Xml(item).ToString())], Packages = packages }
            );
        }

        // Environment variables, ini files, C# text: nothing of ours reads them, their settings are classified all the
        // same.
        var key = ((string)item["key"]!).Replace("__", ":", StringComparison.Ordinal);
        var parent = key.Contains(':', StringComparison.Ordinal) ? key[..(key.LastIndexOf(':') + 1)] : string.Empty;
        var settings = Siblings(item)
            .Select(s => new Setting(parent + s.Key, s.Value))
            .Append(new Setting(key, (string)item["value"]!))
            .ToList();
        return DatabaseFinder.Find(settings, new DatabaseSearch { SettingsFiles = [], Packages = packages });
    }

    private static IEnumerable<KeyValuePair<string, string>> Siblings(JsonObject item) =>
        item["siblings"]?.AsObject().Select(s => KeyValuePair.Create(s.Key, (string)s.Value!)) ?? [];

    private static JsonObject Json(JsonObject item)
    {
        // A:B[Name=x]:C is {"A":{"B":[{"Name":"x","C":...}]}}
        var root = new JsonObject();
        var segments = ((string)item["key"]!).Split(':');
        var parent = root;
        foreach (var segment in segments[..^1])
        {
            if (Entry().Match(segment) is { Success: true } entry)
            {
                var element = new JsonObject { [entry.Groups[2].Value] = entry.Groups[3].Value };
                parent[entry.Groups[1].Value] = new JsonArray(element);
                parent = element;
            }
            else
            {
                var child = new JsonObject();
                parent[segment] = child;
                parent = child;
            }
        }

        foreach (var (key, value) in Siblings(item))
        {
            // "Args:tableName" beside "Serilog:WriteTo:Args:sqliteDbPath", "Database:Provider" from the root,
            // "ProviderName" in the same object.
            var path = key.Split(':');
            var from = Array.IndexOf(segments, path[0]);
            string[] absolute =
                path.Length == 1 && IsFileWide(key) ? path
                : path.Length == 1 ? [.. segments[..^1], key]
                : from > 0 ? [.. segments[..from], .. path]
                : path;
            Put(root, absolute, value);
        }

        parent[segments[^1]] = (string)item["value"]!;
        return root;
    }

    // Which of the corpus's siblings stand at the root of their file.
    private static bool IsFileWide(string key) => key is "DatabaseProvider" or "DataBase" or "TelemetryStorage";

    private static void Put(JsonObject root, string[] path, string value)
    {
        JsonNode node = root;
        foreach (var segment in path[..^1])
        {
            var name = Entry().Match(segment) is { Success: true } entry ? entry.Groups[1].Value : segment;
            var next = node[name] ??= new JsonObject();
            node = next is JsonArray array ? array[0]! : next;
        }

        node[path[^1]] = value;
    }

    private static XDocument Xml(JsonObject item)
    {
        var key = (string)item["key"]!;
        var value = (string)item["value"]!;
        var siblings = Siblings(item).ToList();
        if (key.Split(':') is ["connectionStrings", var name])
        {
            var add = new XElement(
                "add",
                new XAttribute("name", name),
                new XAttribute("connectionString", value),
                siblings.Select(s => new XAttribute(s.Key, s.Value))
            );
            return new XDocument(
                new XElement("configuration", new XElement("connectionStrings", new XElement("clear"), add))
            );
        }

        if (key.StartsWith("appSettings:", StringComparison.Ordinal))
        {
            var settings = siblings.Append(KeyValuePair.Create(key["appSettings:".Length..], value));
            return new XDocument(
                new XElement(
                    "configuration",
                    new XElement(
                        "appSettings",
                        settings.Select(s => new XElement(
                            "add",
                            new XAttribute("key", s.Key),
                            new XAttribute("value", s.Value)
                        ))
                    )
                )
            );
        }

        if (key.StartsWith("targets:target", StringComparison.Ordinal))
        {
            XNamespace nlog = "http://www.nlog-project.org/schemas/NLog.xsd";
            var target = new XElement(
                nlog + "target",
                new XAttribute("name", "db"),
                siblings.Select(s => new XAttribute(s.Key, s.Value)),
                new XAttribute("connectionString", value)
            );
            return new XDocument(new XElement(nlog + "nlog", new XElement(nlog + "targets", target)));
        }

        Assert.Equal("hibernate.cfg.xml", (string)item["file"]!);
        XNamespace hibernate = "urn:nhibernate-configuration-2.2";
        var properties = siblings
            .Append(KeyValuePair.Create(key, value))
            .Select(s => new XElement(hibernate + "property", new XAttribute("name", s.Key), s.Value));
        return new XDocument(
            new XElement(hibernate + "hibernate-configuration", new XElement(hibernate + "session-factory", properties))
        );
    }

    private static Dictionary<string, JsonObject> ReadCases()
    {
        var file = Repository.In("tests", "Litestream.Tests", "Databases", "connection-strings.jsonl");
        var cases = File.ReadLines(file)
            .Select(line => JsonNode.Parse(line)!.AsObject())
            .ToDictionary(c => (string)c["id"]!);
        Assert.Equal(131, cases.Count);
        return cases;
    }

    [GeneratedRegex(@"^(.+)\[(\w+)=(.+)\]$")]
    private static partial Regex Entry();
}
