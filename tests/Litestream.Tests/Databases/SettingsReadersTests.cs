using System.Text;
using Litestream.Databases;
using Litestream.Diagnostics;
using Microsoft.Extensions.Configuration;

namespace Litestream.Tests.Databases;

public sealed class SettingsReadersTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"A":{"B":"1"}}""", """{"a":{"b":"2"}}""")]
    [InlineData("""{"A:B":"1","C":{"D:E":"x"}}""", """{"A":{"b":"2"},"c:d":{"E":"y"}}""")]
    [InlineData("""{"List":["a","b","c"]}""", """{"List":["x"],"List:2":"z"}""")]
    [InlineData("""{"A":{"B":"1","C":"2"}}""", """{"A":null}""")]
    [InlineData("""{"A":"1","B":true,"C":1.50,"D":[[1,2],{"x":3}]}""", """{"A":{"B":"nested"}}""")]
    [InlineData("/* c */ {\"A\":\"1\", // c\r\n \"B\":{\"C\":\"2\",},}", """{"b":{"C":"3"}}""")]
    [InlineData("""{"A":{"x":1},"A":{"y":2}}""", """{"":{"":"empty"}}""")]
    [InlineData("""{"A":"gr\u00f6\u00dfe \"q\" \\ \n","数据":{"库":"v"}}""", "{}")]
    public void Json_is_layered_as_the_configuration_system_layers_it(string json, string environmentJson)
    {
        foreach (var encoding in (Encoding[])[new UTF8Encoding(false), new UTF8Encoding(true), Encoding.Unicode])
        {
            var files = new[]
            {
                _folder.Write("appsettings.json", json, encoding),
                _folder.Write("appsettings.Production.json", environmentJson, encoding),
            };
            var expected = new ConfigurationBuilder()
                .AddJsonFile(files[0])
                .AddJsonFile(files[1])
                .Build()
                .AsEnumerable()
                .Where(p => !string.IsNullOrEmpty(p.Value));
            var actual = DatabaseFinder.ReadSettings(files);
            Assert.Equal(
                expected.Select(p => $"{p.Key.ToUpperInvariant()}={p.Value}").Order(StringComparer.Ordinal),
                actual
                    .Where(s => s.Value.Length > 0)
                    .Select(s => $"{s.Key.ToUpperInvariant()}={s.Value}")
                    .Order(StringComparer.Ordinal)
            );

            var live = LiveSettings.Read(_folder.Path, "Production", new Dictionary<string, string>());
            Assert.All(expected, p => Assert.Equal(p.Value, live.Get(p.Key)));
        }
    }

    [Fact]
    public void A_null_in_a_later_file_hides_the_value()
    {
        var files = new[]
        {
            _folder.Write(
                "appsettings.json",
                """{"ConnectionStrings":{"A":"Data Source=a.db","B":"Data Source=b.db"}}"""
            ),
            _folder.Write(
                "appsettings.Production.json",
                """{"ConnectionStrings":{"a":null,"B":"Data Source=/data/b.db"}}"""
            ),
        };
        var found = Assert.Single(DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = files }).Databases);
        Assert.Equal(("/data/b.db", files[1]), (found.Path, found.File));
    }

    [Fact]
    public void A_file_that_is_not_there_is_skipped()
    {
        var file = _folder.Write("appsettings.json", """{"ConnectionStrings":{"A":"Data Source=a.db"}}""");
        var missing = Path.Combine(_folder.Path, "appsettings.Production.json");
        Assert.Single(
            DatabaseFinder
                .Find(
                    new DatabaseSearch
                    {
                        SettingsFiles = [file, missing, Path.Combine(_folder.Path, "none", "web.config")],
                    }
                )
                .Databases
        );
    }

    [Theory]
    [InlineData("{\n  \"A\": \"1\"\n  \"B\": \"2\"\n}", 3, 3)]
    [InlineData("{\r\n  \"A\": \"ü😀\" x\r\n}", 2, 14)]
    [InlineData("", 1, 1)]
    [InlineData("[1]", 1, 1)]
    [InlineData("  \"text\"", 1, 3)]
    [InlineData("{\"A\":", 1, 6)]
    [InlineData("{\n \"A\": {\"B\": 1},\n \"a:b\": 2}", 3, 9)]
    [InlineData("{\"A\": \"\\ud800\"}", 1, 7)]
    public void Json_that_is_broken_is_one_error_at_its_place(string json, int line, int column)
    {
        var file = _folder.Write("appsettings.json", json);
        Assert.ThrowsAny<Exception>(() => new ConfigurationBuilder().AddJsonFile(file).Build());
        var e = Assert.Throws<LitestreamException>(() =>
            DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [file] })
        );
        Assert.Equal(
            ("LSB1001", file, line, column),
            (e.Diagnostic.Code, e.Diagnostic.File, e.Diagnostic.Line, e.Diagnostic.Column)
        );
    }

    [Fact]
    public void An_unquoted_secret_is_not_quoted_in_the_error()
    {
        var json = _folder.Write("appsettings.json", """{"Password": topsecret}""");
        Assert.DoesNotContain(
            "topsecret",
            Assert
                .Throws<LitestreamException>(() => DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [json] }))
                .Message,
            StringComparison.Ordinal
        );
        var xml = _folder.Write(
            "app.config",
            "<configuration><connectionStrings><add name=\"a\" connectionString=\"Data "
                + "Source=a.db;Password=x&topsecret;\"/></connectionStrings></configuration>"
        );
        Assert.DoesNotContain(
            "topsecret",
            Assert
                .Throws<LitestreamException>(() => DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [xml] }))
                .Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Deep_nesting_is_a_clean_error()
    {
        var json = _folder.Write(
            "appsettings.json",
            string.Concat(Enumerable.Repeat("{\"a\":", 2000)) + "1" + new string('}', 2000)
        );
        Assert.Equal(
            "LSB1001",
            Assert
                .Throws<LitestreamException>(() => DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [json] }))
                .Diagnostic.Code
        );
        var xml = _folder.Write(
            "app.config",
            string.Concat(Enumerable.Repeat("<a>", 2000))
                + "Data Source=a.db"
                + string.Concat(Enumerable.Repeat("</a>", 2000))
        );
        Assert.Equal(
            "LSB1002",
            Assert
                .Throws<LitestreamException>(() => DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [xml] }))
                .Diagnostic.Code
        );
    }

    [Fact]
    public void A_file_of_five_megabytes_is_read()
    {
        var text = new StringBuilder("{\n");
        for (var i = 0; text.Length < 5_000_000; i++)
        {
            text.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"\"Section{i}\": {{ \"Name\": \"value {i}\", \"Items\": [\"a\", \"b/c.txt\"] }},\n"
            );
        }

        text.Append("\"ConnectionStrings\": { \"A\": \"Data Source=a.db\" } }");
        var found = Assert.Single(
            DatabaseFinder
                .Find(new DatabaseSearch { SettingsFiles = [_folder.Write("appsettings.json", text.ToString())] })
                .Databases
        );
        Assert.Equal((text.ToString().Count(c => c == '\n') + 1, 29), (found.Line, found.Column));
    }

    [Theory]
    [InlineData(
        "<configuration>\n  <connectionStrings>\n    <add name=\"a\">\n  </connectionStrings>\n</configuration>",
        4
    )]
    [InlineData("<configuration>\r\n <add connectionString=\"a&b\"/></configuration>", 2)]
    [InlineData("", 1)]
    [InlineData("<a/><b/>", 1)]
    public void Xml_that_is_broken_is_one_error_at_its_line(string xml, int line)
    {
        var file = _folder.Write("web.config", xml);
        var e = Assert.Throws<LitestreamException>(() =>
            DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [file] })
        );
        Assert.Equal(("LSB1002", file, line), (e.Diagnostic.Code, e.Diagnostic.File, Math.Max(e.Diagnostic.Line, 1)));
    }

    [Fact]
    public void Xml_values_have_their_place_and_their_provider()
    {
        var file = _folder.Write(
            "app.config",
            """
            <?xml version="1.0"?>
            <configuration>
              <!-- <connectionStrings><add name="old" connectionString="Data Source=old.db"/></connectionStrings> -->
              <connectionStrings>
                <clear />
                <add name="Main"
                     connectionString = "Data Source=main.data"
                     providerName="System.Data.SQLite" />
                <add name="Other" connectionString="Data Source=other" providerName="System.Data.SqlClient" />
              </connectionStrings>
              <appSettings><add key="SqlitePath" value="settings.db"/></appSettings>
              <log4net>
                <appender name="A">
                  <connectionType value="System.Data.SQLite.SQLiteConnection, System.Data.SQLite, Version=1.0.0.0"/>
                  <connectionString value="Data Source=log.data;Synchronous=Off"/>
                </appender>
              </log4net>
              <applicationSettings><App.Properties.Settings>
                <setting name="Db" serializeAs="String"><value>Data Source=user.db</value></setting>
              </App.Properties.Settings></applicationSettings>
            </configuration>
            """
        );
        var result = DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [file] });
        Assert.Equal(["main.data", "settings.db", "log.data", "user.db"], result.Databases.Select(d => d.Path));
        Assert.Equal(
            new FoundDatabase("main.data", "Main", "connectionStrings:Main")
            {
                File = file,
                Line = 7,
                Column = 29,
            },
            result.Databases[0]
        );
        Assert.Empty(result.Diagnostics);
    }

    [Fact]
    public void Entities_of_a_document_type_are_never_fetched()
    {
        _folder.Write("secret.txt", "Data Source=stolen.db");
        var file = _folder.Write(
            "app.config",
            $"<!DOCTYPE c [<!ENTITY x SYSTEM \"{_folder.Path}/secret.txt\">]><c><a>&x;</a></c>"
        );
        var e = Record.Exception(() => DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [file] }));
        Assert.True(e is LitestreamException { Diagnostic.Code: "LSB1002" }, e?.ToString() ?? "no error");
    }

    [Fact]
    public void Environment_variables_win_over_the_files()
    {
        _folder.Write(
            "appsettings.json",
            """{"ConnectionStrings":{"A":"Data Source=a.db","B":"Data Source=b.db"},"Litestream":{"ReplicaUrl":"x"}}"""
        );
        var live = LiveSettings.Read(
            _folder.Path,
            "Production",
            new Dictionary<string, string>
            {
                ["connectionstrings__a"] = "Data Source=/data/a.db",
                ["CUSTOMCONNSTR_C"] = "Data Source=c.db",
                ["Litestream__ReplicaUrl"] = "s3://bucket",
            }
        );
        Assert.Equal("Data Source=/data/a.db", live.Get("ConnectionStrings:A"));
        Assert.Equal("Data Source=b.db", live.Get("CONNECTIONSTRINGS:B"));
        Assert.Equal("Data Source=c.db", live.Get("ConnectionStrings:C"));
        Assert.Equal("s3://bucket", live.Get("Litestream:ReplicaUrl"));
        Assert.Null(live.Get("None"));
    }
}
