using Litestream.Databases;
using Litestream.Diagnostics;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Databases;

public sealed class DatabaseFinderTests : IDisposable
{
    private static readonly string[] EfCore =
    [
        "Microsoft.EntityFrameworkCore.Sqlite",
        "Microsoft.EntityFrameworkCore.Sqlite.Core",
        "Microsoft.Data.Sqlite.Core",
        "SQLitePCLRaw.core",
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // What real apps write, by framework: the whole document, the packages, the paths that are databases, the codes
    // that are reported.
    public static TheoryData<string, string, string, string, string> Apps =>
        new()
        {
            {
                "mvc template",
                """
                {"ConnectionStrings":{"DefaultConnection":"DataSource=app.db;Cache=Shared"},
                  "Logging":{"LogLevel":{"Default":"Information"}},"AllowedHosts":"*"}
                """,
                "",
                "app.db",
                ""
            },
            {
                "quartz flat",
                """
                {"Quartz":{"quartz.jobStore.type":"Quartz.Impl.AdoJobStore.JobStoreTX, Quartz",
                  "quartz.dataSource.default.provider":"SQLite-Microsoft",
                  "quartz.dataSource.default.connectionString":"Data Source=jobs"}}
                """,
                "",
                "jobs",
                ""
            },
            {
                "quartz two sources",
                """
                {"Quartz":{"quartz.dataSource.a.provider":"SqlServer",
                  "quartz.dataSource.a.connectionString":"Data Source=sql1",
                  "quartz.dataSource.b.provider":"SQLite",
                  "quartz.dataSource.b.connectionString":"Data Source=sched"}}
                """,
                "",
                "sched",
                ""
            },
            {
                "quartz nested",
                """
                {"Quartz":{"dataSource":{"default":{"provider":"SQLite","connectionString":"Data Source=quartz.dat"}}}}
                """,
                "",
                "quartz.dat",
                ""
            },
            {
                "health checks ui",
                """
                {"HealthChecksUI":{"HealthChecks":[{"Name":"Sqlite","Uri":"http://localhost/health"}],
                  "HealthCheckDatabaseConnectionString":"Data Source=healthchecksdb"}}
                """,
                "AspNetCore.HealthChecks.UI.SQLite.Storage",
                "healthchecksdb",
                ""
            },
            {
                "serilog",
                """
                {"Serilog":{"Using":["Serilog.Sinks.Console","Serilog.Sinks.SQLite"],
                  "MinimumLevel":{"Override":{"Microsoft.Data.Sqlite":"Warning"}},
                  "WriteTo":[{"Name":"File","Args":{"path":"logs/log.txt"}},
                  {"Name":"SQLite","Args":{"sqliteDbPath":"logs/log.db","tableName":"Logs"}}]}}
                """,
                "Serilog.Sinks.SQLite",
                "logs/log.db",
                ""
            },
            {
                "serilog other sink",
                """
                {"Serilog":{"WriteTo":[{"Name":"MongoDB","Args":{"databaseUrl":"mongodb://localhost/logs"}},
                  {"Name":"LiteDB","Args":{"databaseUrl":"logs.db"}}]}}
                """,
                "",
                "",
                ""
            },
            {
                "umbraco",
                """
                {"ConnectionStrings":{"umbracoDbDSN":
                  "Data Source=|DataDirectory|/Umbraco.sqlite.db;Cache=Shared;Foreign Keys=True;Pooling=True",
                  "umbracoDbDSN_ProviderName":"Microsoft.Data.Sqlite"}}
                """,
                "",
                "|DataDirectory|/Umbraco.sqlite.db",
                ""
            },
            {
                "umbraco on sql server",
                """
                {"ConnectionStrings":{"umbracoDbDSN":"Server=.;Database=U;Integrated Security=true",
                  "umbracoDbDSN_ProviderName":"Microsoft.Data.SqlClient"}}
                """,
                "Umbraco.Cms.Persistence.Sqlite",
                "",
                ""
            },
            {
                "orchard",
                """
                {"OrchardCore":{"DatabaseProvider":"Sqlite",
                  "ConnectionString":"Data Source=App_Data/Sites/Default/OrchardCore.db;Cache=Shared"}}
                """,
                "",
                "App_Data/Sites/Default/OrchardCore.db",
                ""
            },
            {
                "abp",
                """
                {"ConnectionStrings":{"Default":"Data Source=./MyProjectName.db;Cache=Shared","Redis":"127.0.0.1"},
                  "Redis":{"Configuration":"127.0.0.1"}}
                """,
                "",
                "./MyProjectName.db",
                ""
            },
            {
                "elsa",
                """{"Elsa":{"Persistence":{"Provider":"Sqlite","ConnectionStrings":{"Default":"Data Source=elsa"}}}}""",
                "",
                "elsa",
                ""
            },
            {
                "elsa with mongo",
                """
                {"DatabaseProvider":"MongoDb","ConnectionStrings":{
                  "Sqlite":"Data Source=App_Data/elsa.sqlite.db;Cache=Shared;",
                  "MongoDb":"mongodb://localhost:27017/elsa"}}
                """,
                "",
                "App_Data/elsa.sqlite.db",
                ""
            },
            { "hangfire bare", """{"Hangfire":{"Storage":"SQLite","Path":"hangfire.db"}}""", "", "hangfire.db", "" },
            {
                "hangfire bare by package",
                """{"ConnectionStrings":{"HangfireConnection":"hangfire.db"}}""",
                "Hangfire.Storage.SQLite",
                "hangfire.db",
                ""
            },
            {
                "hangfire litedb",
                """{"ConnectionStrings":{"HangfireConnection":"Filename=hangfire.db;Mode=Exclusive"}}""",
                "Hangfire.LiteDB,LiteDB",
                "",
                ""
            },
            { "litedb by package", """{"ConnectionStrings":{"Default":"Filename=data.db"}}""", "LiteDB", "", "" },
            {
                "sqlite beside litedb",
                """{"ConnectionStrings":{"Default":"Data Source=app.db","Cache":"Filename=cache.db"}}""",
                "LiteDB,Microsoft.Data.Sqlite",
                "app.db",
                "LSB1004"
            },
            {
                "duckdb by package",
                """{"ConnectionStrings":{"Analytics":"Data Source=stats.db"}}""",
                "DuckDB.NET.Data.Full",
                "",
                ""
            },
            {
                "duckdb beside sqlite",
                """
                {"ConnectionStrings":{"Analytics":"Data Source=stats.db","App":"Data Source=app.db;Foreign Keys=True"}}
                """,
                "DuckDB.NET.Data,Microsoft.Data.Sqlite",
                "app.db",
                "LSB1004"
            },
            {
                "dbup",
                """{"Database":{"Engine":"sqlite","Connection":"Data Source=./data/app.sqlite3;Pooling=False"}}""",
                "dbup-sqlite",
                "./data/app.sqlite3",
                ""
            },
            {
                "sql server",
                """
                {"ConnectionStrings":{"A":"Data Source=.;Initial Catalog=x;Integrated Security=True",
                  "B":"Data Source=.\\SQLEXPRESS;AttachDbFilename=|DataDirectory|\\x.mdf",
                  "C":"Data Source=sql.example.org"}}
                """,
                "Microsoft.Data.SqlClient",
                "",
                ""
            },
            {
                "oracle, host only",
                """{"ConnectionStrings":{"A":"Data Source=db1:1521/XE;User Id=/"}}""",
                "Oracle.ManagedDataAccess.Core",
                "",
                ""
            },
            {
                "blob and queues",
                """
                {"ConnectionStrings":{"Blob":"UseDevelopmentStorage=true",
                  "Bus":"Endpoint=sb://x.example.org/;SharedAccessKeyName=a;SharedAccessKey=b=",
                  "Insights":"InstrumentationKey=0;IngestionEndpoint=https://x.example.org/"}}
                """,
                "Microsoft.Data.Sqlite",
                "",
                ""
            },
            {
                "provider type in the parent",
                """
                {"Tenants":[{"Name":"a","DbType":"Sqlite","ConnectionString":"DataSource=a.data"},
                  {"Name":"b","DbType":"MySql","ConnectionString":"Data Source=b;"}]}
                """,
                "",
                "a.data",
                ""
            },
            {
                "sqlsugar",
                """
                {"SqlSugar":[{"DbType":"Sqlite","ConnectionString":"DataSource=./Admin.NET.db",
                  "IsAutoCloseConnection":true}]}
                """,
                "SqlSugarCore",
                "./Admin.NET.db",
                ""
            },
            {
                "freesql",
                """
                {"DbConfig":{"type":"Sqlite","connectionString":
                  "Data Source=|DataDirectory|\\admindb.db; Pooling=true;Min Pool Size=1"}}
                """,
                "",
                "|DataDirectory|\\admindb.db",
                "LSB1009"
            },
            {
                "memory",
                """
                {"ConnectionStrings":{"A":"Data Source=:memory:","B":"Data Source=x;Mode=Memory;Cache=Shared",
                  "C":"Data Source=file:x.db?mode=memory&cache=shared"}}
                """,
                "Microsoft.Data.Sqlite",
                "",
                "LSB1005,LSB1005,LSB1005"
            },
            {
                "uris",
                """
                {"ConnectionStrings":{"A":"Data Source=file:a.db?cache=shared","B":"Data Source=file:b.db?mode=ro",
                  "C":"Data Source=file:///data/c%20d.db"}}
                """,
                "",
                "a.db,/data/c d.db",
                "LSB1006"
            },
            {
                "a capital Mode in a URI is a file",
                """{"ConnectionStrings":{"A":"Data Source=file:name?Mode=Memory"}}""",
                "Microsoft.Data.Sqlite",
                "name",
                ""
            },
            {
                "encrypted",
                """
                {"ConnectionStrings":{"A":"Data Source=secret.db;Password=hunter2","B":"Data Source=open.db;Password="}}
                """,
                "",
                "open.db",
                "LSB1007"
            },
            {
                "rollback journal",
                """
                {"ConnectionStrings":{"A":"Data Source=a.db;Version=3;Journal Mode=Delete",
                  "B":"Data Source=b.db;JournalMode=Wal","C":"Data Source=c.db;Journal Mode=Default;Version=3",
                  "D":"Data Source=d.db;journal mode=Truncate","E":"Data Source=:memory:;Journal Mode=Off"}}
                """,
                "",
                "a.db,b.db,c.db,d.db",
                "LSB1054,LSB1054,LSB1005"
            },
            {
                "placeholders",
                """
                {"ConnectionStrings":{"A":"Data Source=%APPDATA%\\a.db","B":"Data Source=${DATA}/b.db",
                  "C":"Data Source={0}","D":"Data Source=$(Root)/d.db","E":"Data Source=~/e.db",
                  "F":"Data Source=#{Path}#/f.db"}}
                """,
                "Microsoft.Data.Sqlite",
                "",
                "LSB1008,LSB1008,LSB1008,LSB1008,LSB1008,LSB1008"
            },
            {
                "log path and friends",
                """
                {"Logging":{"File":{"Path":"logs/today.db"}},"Thumbs":"Thumbs.db","Files":"*.db",
                  "Url":"https://x.example.org/y.db","Ext":".db","List":"a.db;b.db"}
                """,
                "Npgsql",
                "",
                ""
            },
            {
                "backup path asks",
                """{"BackupDatabasePath":"backups/app.db"}""",
                "Microsoft.Data.Sqlite",
                "",
                "LSB1004"
            },
            { "geo database", """{"GeoIp":{"DatabasePath":"GeoLite2-City.db"}}""", "Microsoft.Data.Sqlite", "", "" },
            {
                "sql ce and access",
                """
                {"ConnectionStrings":{"A":"Data Source=|DataDirectory|\\a.sdf;Password=x","B":"Data Source=b.mdb"}}
                """,
                "Microsoft.Data.Sqlite",
                "",
                ""
            },
            {
                "two keys, one file",
                """
                {"ConnectionStrings":{"A":"Data Source=app.db","B":"Data Source=./app.db;Mode=ReadOnly",
                  "C":"DataSource=./x/../app.db"},"DatabasePath":"app.db"}
                """,
                "",
                "app.db",
                ""
            },
            {
                "product named like an engine",
                """{"CosmosCMS":{"ConnectionString":"Data Source=cms.db"}}""",
                "Microsoft.EntityFrameworkCore.Sqlite",
                "",
                "LSB1004"
            },
            {
                "URI of SQLite's under an engine's name",
                """{"EventStore":{"Path":"file:events.db?mode=rwc"}}""",
                "Microsoft.Data.Sqlite",
                "",
                "LSB1004"
            },
            { "no evidence at all", """{"App":{"Source":"Data Source=mydata"}}""", "", "", "LSB1004" },
            {
                "provider as a bare word",
                """{"Database":"sqlite","Storage":"SQLite","DbProvider":"Sqlite"}""",
                "Microsoft.Data.Sqlite",
                "",
                ""
            },
            {
                "no settings that matter",
                """
                {"Urls":"http://*:5000","Kestrel":{"Certificates":{"Default":{
                  "Path":"a.pfx","Password":"x=y;Data Source"}}}}
                """,
                "Microsoft.Data.Sqlite",
                "",
                ""
            },
            {
                "quotes and semicolons",
                """
                {"ConnectionStrings":{"A":"Data Source=\"my ;data's.db\";Cache=Shared","B":"Data Source='b \"x\".db'"}}
                """,
                "",
                "my ;data's.db,b \"x\".db",
                ""
            },
            {
                "unicode",
                """{"ConnectionStrings":{"A":"Data Source=数据/gr\u00f6\u00dfe \uD83D\uDE00.db"}}""",
                "",
                "数据/größe 😀.db",
                ""
            },
            {
                "nhibernate",
                """
                {"hibernate":{"connection.driver_class":"NHibernate.Driver.SQLite20Driver",
                  "connection.connection_string":"Data Source=nh.data;Version=3"}}
                """,
                "",
                "nh.data",
                ""
            },
            {
                "commented and set by script",
                """{"ConnectionStrings":{/* "Old":"Data Source=old.db", */"A":"<SET BY SCRIPT>","B":"","C":"   "}}""",
                "Microsoft.Data.Sqlite",
                "",
                ""
            },
            {
                "aspire",
                """
                {"ConnectionStrings":{"sqlite":"Data Source=/data/aspire.db;Cache=Shared;Mode=ReadWriteCreate"},
                  "Aspire":{"Microsoft":{"EntityFrameworkCore":{"Sqlite":{"MyContext":{
                  "ConnectionString":"Data Source=ctx","DisableTracing":false}}}}}}
                """,
                "",
                "/data/aspire.db,ctx",
                ""
            },
            {
                "log levels",
                """
                {"Logging":{"LogLevel":{"Microsoft.EntityFrameworkCore.Sqlite.Connection":"Warning"}},
                  "Serilog":{"MinimumLevel":{"Override":{"Microsoft.Data.Sqlite.Database":"Error"}}}}
                """,
                "Microsoft.Data.Sqlite",
                "",
                ""
            },
            {
                "provider of another part of the file",
                """
                {"DatabaseProvider":"SqlServer","ConnectionStrings":{"Default":"Data Source=app.db"},
                  "Log":{"Sink":{"Name":"SQLite","Args":{"file":"log.db"}}}}
                """,
                "",
                "app.db,log.db",
                ""
            },
            {
                "npgsql beside",
                """{"ConnectionStrings":{"Default":"Host=db;Database=app.db;Username=x"}}""",
                "Npgsql,Microsoft.Data.Sqlite",
                "",
                ""
            },
            { "ravendb and friends", """{"Raven":{"Urls":["http://x"],"DatabaseName":"app.db"}}""", "", "", "LSB1004" },
        };

    [Theory]
    [MemberData(nameof(Apps))]
    public void Real_settings_are_distinguished_by_evidence(
        string app,
        string json,
        string packages,
        string paths,
        string codes
    )
    {
        var result = Find(json, packages.Split(',', StringSplitOptions.RemoveEmptyEntries));
        Assert.True(
            paths.Split(',', StringSplitOptions.RemoveEmptyEntries).SequenceEqual(result.Databases.Select(d => d.Path))
                && codes
                    .Split(',', StringSplitOptions.RemoveEmptyEntries)
                    .SequenceEqual(result.Diagnostics.Select(d => d.Code)),
            $"{app}: found [{string.Join(" | ", result.Databases.Select(d => d.Path))}]\n"
                + $"{string.Join('\n', result.Diagnostics)}"
        );
        Assert.All(result.Diagnostics, d => Assert.DoesNotContain("hunter2", d.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_candidate_says_where_it_is_and_how_to_answer()
    {
        var file = _folder.Write(
            "appsettings.json",
            "{\r\n  \"ConnectionStrings\": { \"Default\": \"Data Source=app.db\" },\r\n  \"Portal\": {\r\n    "
                + "\"DatabasePath\": \"./portal.db\"\r\n  }\r\n}\r\n"
        );
        var result = DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [file] });
        var candidate = Assert.Single(result.Diagnostics);
        Assert.Equal(
            ("LSB1004", LitestreamSeverity.Warning, file, 4, 21),
            (candidate.Code, candidate.Severity, candidate.File, candidate.Line, candidate.Column)
        );
        Assert.Contains(
            "<LitestreamConnectionStrings>Default;Portal:DatabasePath</LitestreamConnectionStrings>",
            candidate.Message,
            StringComparison.Ordinal
        );
        Assert.Contains("<LitestreamDatabase Include=\"./portal.db\" />", candidate.Message, StringComparison.Ordinal);
        Assert.Contains(
            "<LitestreamConnectionStrings>!Portal:DatabasePath</LitestreamConnectionStrings>",
            candidate.Message,
            StringComparison.Ordinal
        );

        var yes = DatabaseFinder.Find(
            new DatabaseSearch { SettingsFiles = [file], ConnectionStrings = ["Default", "Portal:DatabasePath"] }
        );
        Assert.Equal(["app.db", "./portal.db"], yes.Databases.Select(d => d.Path));
        Assert.Empty(yes.Diagnostics);
        var no = DatabaseFinder.Find(
            new DatabaseSearch { SettingsFiles = [file], ConnectionStrings = ["!Portal:DatabasePath"] }
        );
        Assert.Equal("app.db", Assert.Single(no.Databases).Path);
        Assert.Empty(no.Diagnostics);
    }

    [Fact]
    public void A_found_database_says_where_its_value_stands()
    {
        var file = _folder.Write(
            "appsettings.json",
            "{\n\t\"ümläut 😀\": 1, \"ConnectionStrings\": {\"Main\": \"Data Source=a.db\"}}"
        );
        Assert.Equal(
            new FoundDatabase("a.db", "Main", "ConnectionStrings:Main")
            {
                File = file,
                Line = 2,
                Column = 48,
            },
            Assert.Single(DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [file] }).Databases)
        );
    }

    [Fact]
    public void Named_settings_are_exactly_those_that_are_taken()
    {
        const string Json =
            """{"ConnectionStrings":{"A":"Data Source=a.db","B":"Data Source=b.db"},"Store":{"Where":"c.data"}}""";
        Assert.Equal(["b.db"], Find(Json, [], "B").Databases.Select(d => d.Path));
        Assert.Equal(["a.db"], Find(Json, [], "!B").Databases.Select(d => d.Path));
        Assert.Equal(
            ["a.db", "c.data"],
            Find(Json, [], "connectionstrings__a", "Store:Where").Databases.Select(d => d.Path)
        );
        Assert.Equal(["a.db"], Find(Json, [], "A", "B", "!B").Databases.Select(d => d.Path));
    }

    [Theory]
    [InlineData("", "!B", "ConnectionStrings:B")]
    [InlineData("", "A", "ConnectionStrings:B")]
    [InlineData("", "!Memory", "ConnectionStrings:Memory")]
    [InlineData("", "A;B", "")]
    [InlineData("DuckDB.NET.Data", "", "ConnectionStrings:A,ConnectionStrings:B,ConnectionStrings:Again")]
    [InlineData("", "", "")]
    public void What_is_excluded_although_it_looks_like_a_file_is_reported(
        string package,
        string names,
        string excluded
    )
    {
        const string Json =
            """
            {"ConnectionStrings":{"A":"Data Source=a.db","B":"Data Source=b.db","Again":"Data Source=./a.db",
              "Memory":"Data Source=:memory:"},"Store":{"Where":"c.data"}}
            """;

        var result = Find(
            Json,
            package.Length == 0 ? [] : [package],
            names.Split(';', StringSplitOptions.RemoveEmptyEntries)
        );

        Assert.Equal(excluded.Split(',', StringSplitOptions.RemoveEmptyEntries), result.Excluded);
    }

    [Fact]
    public void A_name_that_is_not_there_is_an_error_with_the_nearest_one()
    {
        const string Json =
            """
            {"ConnectionStrings":{"Default":"Data Source=a.db","Sql":"Server=x;Password=hunter2"},
              "Logging":{"LogLevel":{"Microsoft":"Warning"}}}
            """;
        foreach (var name in (string[])["Defualt", "!Defualt", "Microsoft"])
        {
            var error = Assert.Single(Find(Json, [], name).Diagnostics);
            Assert.Equal(("LSB1016", LitestreamSeverity.Error), (error.Code, error.Severity));
            if (name != "Microsoft")
                Assert.Contains("Did you mean 'Default'?", error.Message, StringComparison.Ordinal);
        }

        var foreign = Assert.Single(Find(Json, [], "Sql").Diagnostics);
        Assert.Equal(("LSB1016", 1), (foreign.Code, foreign.Line));
        Assert.DoesNotContain("hunter2", foreign.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_named_setting_is_taken_though_it_is_read_only_or_has_a_placeholder()
    {
        var result = Find(
            """
            {"ConnectionStrings":{"A":"Data Source=a.db;Mode=ReadOnly","B":"Data Source={dir}/b.db",
              "C":"Data Source=c.db;Password=x"}}
            """,
            [],
            "A",
            "B",
            "C"
        );
        Assert.Equal(["a.db", "{dir}/b.db"], result.Databases.Select(d => d.Path));
        Assert.Equal("LSB1007", Assert.Single(result.Diagnostics).Code);
    }

    [Fact]
    public void Windows_paths_are_fine_on_windows_and_odd_elsewhere()
    {
        var file = _folder.Write(
            "appsettings.json",
            """{"ConnectionStrings":{"A":"Data Source=data\\app.db","B":"Data Source=DATA/App.db"}}"""
        );
        var windows = DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [file], WindowsTarget = true });
        Assert.Equal("data\\app.db", Assert.Single(windows.Databases).Path);
        Assert.Empty(windows.Diagnostics);
        var linux = DatabaseFinder.Find(new DatabaseSearch { SettingsFiles = [file] });
        Assert.Equal(["data\\app.db", "DATA/App.db"], linux.Databases.Select(d => d.Path));
        Assert.Equal("LSB1009", Assert.Single(linux.Diagnostics).Code);
    }

    [Fact]
    public void The_same_is_found_on_a_machine_that_has_the_files_and_on_one_that_has_not()
    {
        const string Json =
            """
            {"ConnectionStrings":{"Default":"Data Source=text.db"},"X":{"A":"Data Source=real.data",
              "B":"Data Source=text.data","C":"Data Source=used.data"}}
            """;
        var without = Find(Json, EfCore);
        CreateDatabase("real.data");
        _folder.Write("text.db", new string('x', 200));
        _folder.Write("text.data", new string('x', 200));
        _folder.Write("used.data-wal", "x");
        var with = Find(Json, EfCore);

        Assert.Equal(without.Databases, with.Databases);
        Assert.Equal(without.Diagnostics, with.Diagnostics);
        Assert.Contains(with.Databases, d => d.Path == "text.db");
    }

    private DatabaseSearchResult Find(string json, IReadOnlyCollection<string> packages, params string[] names) =>
        DatabaseFinder.Find(
            new DatabaseSearch
            {
                SettingsFiles = [_folder.Write("appsettings.json", json)],
                Packages = packages,
                ConnectionStrings = names,
            }
        );

    private void CreateDatabase(string name)
    {
        using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = Path.Combine(_folder.Path, name),
                Pooling = false,
            }.ToString()
        );
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "CREATE TABLE t(x)";
        command.ExecuteNonQuery();
    }
}
