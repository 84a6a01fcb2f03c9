using System.Text;
using System.Text.Json;
using CsCheck;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Releases.V03;
using Litestream.Replication;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Litestream.Verbs;
using Litestream.Verification;

namespace Litestream.Tests.Robustness;

/// <summary>No input makes anything but a finding: no other exception, no hang.</summary>
public sealed class FuzzTests
{
    private static readonly string[] Settings =
    [
        """
        { "ConnectionStrings": { "Default": "Data Source=app.db;Cache=Shared",
          "Other": "Server=x;Database=y;User Id=z" } }
        """,
        """
        { "ConnectionStrings": { "A": "Data Source=|DataDirectory|/a.db", "A_ProviderName": "Microsoft.Data.Sqlite" },
          "Db": { "Provider": "sqlite", "0": { "Path": "x.sqlite" } } }
        """,
        """{ /* c */ "a": [ "Filename=b.db", { "b:c": "file:x.db?mode=ro" }, null, 1.5e3, true, ], }""",
        """{ "Litestream": { "ReplicaUrl": "s3://b/p", "Enabled": true }, "Data Source": "DataSource=:memory:" }""",
    ];

    private static readonly string[] Xml =
    [
        """
        <configuration><connectionStrings>
          <add name="A" connectionString="Data Source=app.db" providerName="System.Data.SQLite" />
        </connectionStrings><appSettings><add key="B" value="b.sqlite"/></appSettings></configuration>
        """,
        """
        <?xml version="1.0" encoding="utf-8"?><hibernate-configuration><session-factory>
          <property name="connection.connection_string">Data Source=x.db</property>
        </session-factory></hibernate-configuration>
        """,
        """
        <nlog><targets>
          <target name="db" type="Database" connectionString="Data Source=log.db"><parameter/></target>
          <target name="db"/>
        </targets></nlog>
        """,
    ];

    private static readonly string[] Strings =
    [
        "Data Source=app.db",
        "Data Source=app.db;Cache=Shared;Mode=ReadWriteCreate",
        "Filename=\"a b.db\";Password=x",
        "file:app.db?mode=ro&cache=shared",
        "URI=file:OpenSim.db,version=3",
        "Data Source=\" \"",
        "Data Source=' ';",
        "FullUri=file:x",
        "metadata=res://*/x;provider=System.Data.SQLite;provider connection string=\"Data Source=x.db\"",
        "Server=.;Database=x.sqlite",
        "Driver={SQLite3 ODBC Driver};Database=c:\\a.db",
        "/var/lib/app.db",
        "C:\\data\\app.db",
        "|DataDirectory|app.db",
        ":memory:",
        "=",
        "a=b=c",
        "file:///C:/x.db",
        "Database=app.sqlite",
    ];

    private static readonly string[] Urls =
    [
        "s3://bucket/prefix",
        "s3://key:${SECRET}@bucket/p?endpoint=http://x:9000&force-path-style=true",
        "abs://account:${K}@container/p",
        "gs://b/p",
        "sftp://u:${P}@h:22/p?key-path=/k",
        "file:///folder",
        "/folder",
        "./folder",
        "C:\\x",
        "s3://b.localhost:9000/p",
        "s3://%zz/p",
        "s3:x",
        "",
        "sftp://[::1]:22/x",
        "s3://b.s3.us-west-000.backblazeb2.com/p",
    ];

    private static readonly string[] Lines =
    [
        """{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"replicating to","name":"s3","sync-interval":1000}""",
        """{"level":"ERROR","msg":"failed","error":"x\ud800"}""",
        "time=2026-01-01T00:00:00Z level=ERROR msg=\"failed to run\" error=\"a \\\"b\\\" \\x41 \\u00e4\" db=/x",
        "2026/11/28 18:57:39 ERROR failed to run error=\"yaml: unmarshal errors:\\n  line 5\"",
        "2026/11/28 18:57:39 INFO a=b c= d=\"\"",
        "panic: nil Handler",
        "",
    ];

    private static readonly string[] Metrics =
    [
        "# TYPE litestream_sync_count counter\nlitestream_sync_count{db=\"/data/app.db\"} "
            + "12\nlitestream_replica_wal_index{db=\"/data/app.db\",name=\"file\"} "
            + "3\nlitestream_replica_wal_offset{db=\"/data/app.db\",name=\"file\"} 4.152e+03\nlitestream_x +Inf\n",
    ];

    private static readonly string[] Records =
    [
        """
        {"app":{"pid":1,"startTicks":5,"bootId":"b","pidNamespace":"pid:[4026531836]","executable":"/x"},
          "replicator":{"pid":2,"startTicks":5,"bootId":"b","pidNamespace":"n","executable":"/l"},
          "metricsAddress":"127.0.0.1:1","orphans":[{"pid":3,"startTicks":5,"bootId":"b","pidNamespace":"n",
          "executable":"/l"}]}
        """,
        """
        {"version":1,"app":{"pid":1,"startTicks":5,"bootId":"b","pidNamespace":"n","executable":"/x"},
          "appStartedAt":"2026-01-01T00:00:00Z","writtenAt":"2026-01-01T00:00:00Z","state":"Replicating",
          "since":"2026-01-01T00:00:00Z","replicatorProcessId":2,"restarts":0,"lastError":null,"notReplicated":["/a"],
          "database":{"health":"Healthy","committed":{"generation":"g","index":1,"offset":2},"lagSeconds":0.5,
          "lagBytes":7,"lastSync":"2026-01-01T00:00:00Z","verification":{"outcome":"Verified","level":"Full",
          "message":"m","code":"LSB4010","durationSeconds":1.5}}}
        """,
        """{"id":12,"inFile":true,"major":8,"minor":1,"inode":77,"size":4096,"modified":638000000000000000}""",
        "[]",
        "{}",
        "null",
        "1",
        "\"x\"",
        """{"version":1,"app":5}""",
        """
        {"version":1,"app":{"pid":1,"startTicks":5,"bootId":"b","pidNamespace":"n","executable":"/x"},
          "writtenAt":"2026-01-01T00:00:00Z","state":"Replicating","since":"2026-01-01T00:00:00Z","restarts":0,
          "database":{"health":"Healthy","lagSeconds":1e300}}
        """,
    ];

    private static readonly string[] Tables =
    [
        "path              replicas\n/tmp/robust/x.db  file,s3\n",
        "name  generation        lag     start                 end\nfile  0123456789abcdef  -1m3.5s  "
            + "2026-01-01T00:00:00Z  2026-01-01T00:00:01Z\ns3    0123456789abcdef  0s      0001-01-01T00:00:00Z  "
            + "0001-01-01T00:00:00Z\n",
        "replica  generation        index  size  created\nfile     0123456789abcdef  0      4096  "
            + "2026-01-01T00:00:00Z\n",
        "replica  generation        index  offset  size  created\nfile     0123456789abcdef  0      0       4096  "
            + "2026-01-01T00:00:00Z\n",
        "time=2026-01-01T00:00:00Z level=ERROR msg=x\n",
    ];

    private static readonly string[] Words =
    [
        "2026-11-24T10:15:30Z",
        "2026-11-24 10:15",
        "yesterday 10:15",
        "10 minutes ago",
        "2h ago",
        "999999999999999999d ago",
        "10:15",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "90",
        "90s",
        "1m30s",
        "00:01:30",
        "99999999999999999999",
        "0x0c",
        "12",
        "true",
        "FALSE",
        "Full",
        "Quick,Full",
        "1",
        "0123456789abcdef",
        "-config 'x y' \"z\"",
        "'",
        "1\u0661s",
        "replicate -config x",
        "*",
        "app.db",
        "../app.db",
        "Default",
        "",
    ];

    private static readonly string[] Assets =
    [
        """
        {"version":3,"targets":{"net10.0":{"Microsoft.Data.Sqlite/9.0.3":{"type":"package",
          "dependencies":{"SQLitePCLRaw":"2.1.0"}},"SQLitePCLRaw/2.1.0":{"type":"package"}}},
          "projectFileDependencyGroups":{"net10.0":["Microsoft.Data.Sqlite >= 9.0.3"]},
          "project":{"frameworks":{"net10.0":{"targetAlias":"net10.0"}}}}
        """,
        "[]",
        """{"targets":[]}""",
        """{"targets":{"net10.0":{"A/1":5}}}""",
        """{"targets":{"net10.0":{}},"projectFileDependencyGroups":{"net10.0":[null]}}""",
    ];

    private static readonly string[] Locks =
    [
        "1: POSIX  ADVISORY  READ 1234 fe:01:5678 128 128\n2: FLOCK  ADVISORY  WRITE 99 00:2f:1 0 EOF",
        "1: -> POSIX  ADVISORY  WRITE 1234 fe:01:5678 123 EOF",
        "",
        "7: OFDLCK ADVISORY READ -1 fe:01:5678 120 127",
        "fe:01:5678",
        "1: POSIX ADVISORY READ 99999999999 :::5678 9223372036854775808 1",
    ];

    /// <summary>What a restore writes before it moves files; FOLDER is where it may.</summary>
    private static readonly string[] SwapRecords =
    [
        """
        {"output":"FOLDER/app.db","folder":"FOLDER/app.db.replaced-1","moves":[{"from":"FOLDER/app.db",
          "to":"FOLDER/app.db.replaced-1/app.db"},{"from":"FOLDER/app.db-wal",
          "to":"FOLDER/app.db.replaced-1/app.db-wal"}]}
        """,
        """{"output":"FOLDER/app.db","folder":null,"moves":[]}""",
        """{"output":null,"folder":null,"moves":[{"from":null,"to":null}]}""",
        """{"output":"","folder":"","moves":[{"from":"","to":""}]}""",
        "[]",
        "null",
        "5",
        "",
        """{"output":5,"folder":[],"moves":{}}""",
        """
        {"output":"FOLDER/a\u0000","folder":"FOLDER/a\u0000","moves":[{"from":"FOLDER/\u0000","to":"FOLDER/\u0000"}]}
        """,
        """{"output":"FOLDER/app.db","moves":[{"from":"FOLDER/app.db"}]}""",
    ];

    /// <summary>What is tried: a name, and whether at length.</summary>
    public static TheoryData<string> Pieces => [.. All.Keys];

    private static Dictionary<string, Action<int>> All { get; } =
        new(StringComparer.Ordinal)
        {
            ["litestream.yml"] = cases =>
                WithFolder(folder =>
                    Fuzz.Run(
                        Gen.Int[3_000_000, 4_000_000],
                        cases,
                        seed => ReadConfig(folder, new ConfigGrammar(seed).Next()),
                        seed => $"seed {seed}"
                    )
                ),
            ["litestream.yml, any text"] = cases =>
                WithFolder(folder =>
                    Fuzz.Run(
                        [
                            .. Enumerable
                                .Range(0, 40)
                                .Select(seed => Encoding.UTF8.GetString(new ConfigGrammar(seed).Next())),
                            "",
                            "\r",
                            "[",
                            "{",
                            "a",
                            "- ",
                            "'",
                            "%YAML 1.2",
                        ],
                        cases,
                        text => ReadConfig(folder, Encoding.UTF8.GetBytes(text))
                    )
                ),
            ["appsettings.json"] = cases =>
                WithFolder(folder => Fuzz.Run(Settings, cases, text => Find(folder.Write("appsettings.json", text)))),
            ["app.config"] = cases =>
                WithFolder(folder => Fuzz.Run(Xml, cases, text => Find(folder.Write("app.config", text)))),
            ["connection strings"] = cases => Fuzz.Run(Strings, cases, Classify),
            ["setting names"] = cases =>
                Fuzz.Run(
                    ["ConnectionStrings:Default", "Db:0:Path", "A_ProviderName", "x:", ":", "Data:Provider", "a::0"],
                    cases,
                    key =>
                        DatabaseFinder.Find(
                            [
                                new Setting(key, "Data Source=a.db"),
                                new Setting(key + "_ProviderName", "sqlite"),
                                new Setting(key + ":Provider", "npgsql"),
                            ],
                            Search([])
                        )
                ),
            ["replica URLs"] = cases => Fuzz.Run(Urls, cases, Generate),
            ["intervals"] = cases =>
                Fuzz.Run(
                    ["1s", "24h", "1h2m3.5s", "0.0000000001s", "99999999h", "1\u0661s", "1"],
                    cases,
                    text =>
                        GeneratedConfig.Create(
                            [new("a.db", null, null) { SyncInterval = text }],
                            new()
                            {
                                Retention = text,
                                SnapshotInterval = text,
                                SyncInterval = text,
                            }
                        )
                ),
            ["GoDuration"] = cases =>
                Fuzz.Run(
                    ["1h2m3.5s", "9223372036854775807ns", "0.1234567890123456789h", "1e3s"],
                    cases,
                    text =>
                        _ = GoDuration.IsPositive(text)
                            ? GoDuration.Parse(text)
                            : TimeSpan.FromSeconds(GoDuration.Seconds(text) ?? 0)
                ),
            ["log lines"] = cases =>
                Fuzz.Run(
                    Lines,
                    cases,
                    text =>
                    {
                        var line = LogLine.Parse(text);
                        _ = line.Display + line.Explanation;
                    }
                ),
            ["metrics"] = cases =>
                Fuzz.Run(
                    Metrics,
                    cases,
                    text =>
                        ReplicatorMetrics.Parse(text).OfReplica("litestream_replica_wal_index", "/data/app.db", "file")
                ),
            ["lock records"] = cases =>
                Fuzz.Run(
                    Records,
                    cases,
                    text => _ = LockRecord.Parse(Encoding.UTF8.GetBytes(text)).LivingReplicators.Count()
                ),
            ["files beside a database"] = cases =>
                WithFolder(folder => Fuzz.Run(Records, cases, text => ReadFiles(folder, text))),
            ["the list of locks"] = cases =>
                Fuzz.Run(
                    Locks,
                    cases,
                    text =>
                    {
                        _ =
                            ReplicationMark.Parse(text.Split('\n'))(new FileIdentity(0, 0, 5678)).ToString()
                            + FileIdentity.Parse(text)
                            + FileIdentity.Parse(text.Split(' ')[^1]);
                    }
                ),
            ["records of a restore"] = cases =>
                WithFolder(folder => Fuzz.Run(SwapRecords, cases, text => TakeBack(folder, text))),
            ["listing tables"] = cases => Fuzz.Run(Tables, cases, ReadTables),
            ["options"] = cases => Fuzz.Run(Words, cases, ReadOptions),
            ["properties of the verbs"] = cases =>
                WithFolder(folder =>
                    Fuzz.Run(
                        Gen.Select(Gen.Int[0, 35], Fuzz.Damaged(Words).Array[6, 6]),
                        cases / 3,
                        verb => GiveVerb(folder, verb.Item1, verb.Item2),
                        verb => $"{verb.Item1}: {string.Join(" | ", verb.Item2)}"
                    )
                ),
            ["project.assets.json"] = cases =>
                WithFolder(folder =>
                    Fuzz.Run(
                        Assets,
                        cases,
                        text => ProjectPackages.Read(folder.Write("project.assets.json", text), "net10.0")
                    )
                ),
        };

    [Theory]
    [MemberData(nameof(Pieces))]
    public void Nothing_but_a_finding_comes_of_a_damaged_input(string piece) => All[piece](Fuzz.Cases(atLength: false));

    [Theory(Timeout = 60 * 60_000)]
    [Trait("Category", "Long")]
    [MemberData(nameof(Pieces))]
    public void Nothing_but_a_finding_comes_of_many_damaged_inputs(string piece) =>
        All[piece](Fuzz.Cases(atLength: true));

    [Theory]
    [InlineData("deep XML")]
    [InlineData("a long key")]
    [InlineData("a long log line")]
    [InlineData("many keys")]
    [InlineData("many settings")]
    [InlineData("many tabs")]
    public void A_large_input_ends_soon(string kind)
    {
        using var folder = new TemporaryFolder();
        Fuzz.Run(
            Gen.Const(kind),
            1,
            _ =>
            {
                switch (kind)
                {
                    case "deep XML":
                        Find(
                            folder.Write(
                                "app.config",
                                string.Concat(Enumerable.Repeat("<element>", 60_000))
                                    + string.Concat(Enumerable.Repeat("</element>", 60_000))
                            )
                        );
                        break;
                    case "a long key":
                        ReadConfig(folder, Encoding.UTF8.GetBytes($"? {new string('k', 500_000)}\n: v\n"));
                        break;
                    case "a long log line":
                        LogLine.Parse(
                            "2026/11/28 18:57:39 ERROR " + string.Concat(Enumerable.Repeat("a= ", 100_000)) + "\""
                        );
                        break;
                    case "many keys":
                        ReadConfig(
                            folder,
                            Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 10_000).Select(i => $"k{i}: v\n")))
                        );
                        break;
                    case "many settings":
                        Find(
                            folder.Write(
                                "appsettings.json",
                                "{"
                                    + string.Join(
                                        ',',
                                        Enumerable.Range(0, 5_000).Select(i => $"\"K{i}\":\"Data Source={i}.db\"")
                                    )
                                    + "}"
                            )
                        );
                        break;
                    default:
                        ReadConfig(
                            folder,
                            Encoding.UTF8.GetBytes(
                                string.Concat(Enumerable.Range(0, 3_000).Select(i => $"k{i}: [\"a\n\tb\",\n\tc]\n"))
                            )
                        );
                        break;
                }
            },
            text => text
        );
    }

    private static void WithFolder(Action<TemporaryFolder> run)
    {
        using var folder = new TemporaryFolder();
        run(folder);
    }

    private static void ReadConfig(TemporaryFolder folder, byte[] bytes)
    {
        var file = Path.Combine(folder.Path, "litestream.yml");
        File.WriteAllBytes(file, bytes);
        foreach (var line in ReleaseLine.All)
        {
            foreach (
                var finding in LitestreamClient.CheckConfiguration(
                    file,
                    line.Name + ".0",
                    ConfigGrammar.Variables.GetValueOrDefault
                )
            )
            {
                Assert.True(
                    finding.Line >= 0 && finding.Message.AsSpan().IndexOfAnyInRange('\ue000', '\ue002') < 0,
                    finding.ToString()
                );
            }
        }

        var options = Options(folder, file);
        Try(() => _ = LitestreamConfigFile.Load(file, expandVariables: false));
        Try(() => _ = EffectiveConfig.Create(options, ReleaseLine.All[0].Dialects).Text);
        Try(() => _ = ConfigVariables.Read(options));
        Try(() => _ = ConfigTemplate.Create(options, ReleaseLine.All[0].Dialect));
        Try(() =>
            _ = EffectiveConfig.Create(
                options with
                {
                    ConfigText = $"{GeneratedConfig.Marker}\n{Encoding.UTF8.GetString(bytes)}",
                },
                ReleaseLine.All[0].Dialects
            )
        );
    }

    private static EffectiveConfigOptions Options(TemporaryFolder folder, string file) =>
        new()
        {
            ConfigPath = file,
            BaseDirectory = folder.Path,
            GetSetting = _ => null,
            Environment = ConfigGrammar.Variables,
        };

    private static DatabaseSearch Search(IReadOnlyList<string> files) =>
        new() { SettingsFiles = files, Packages = ["Microsoft.Data.Sqlite"] };

    private static void Find(string file) => _ = DatabaseFinder.Find(Search([file])).Databases;

    private static void Classify(string text)
    {
        SqliteConnectionSetting.Parse(text);
        var settings = new[]
        {
            new Setting("ConnectionStrings:A", text),
            new Setting("Db:Provider", text),
            new Setting("Path", text),
        };
        foreach (var windows in (bool[])[true, false])
        {
            var found = DatabaseFinder.Find(
                settings,
                Search([]) with
                {
                    WindowsTarget = windows,
                    ConnectionStrings = windows ? ["A", "!Path"] : [],
                }
            );
            Try(() =>
                _ = GeneratedConfig.Create(
                    [.. found.Databases.Select(d => new FoundDatabase(d.Path, d.Name, d.Key))],
                    new GeneratedConfigOptions { Excluded = found.Excluded }
                )
            );
            foreach (var database in found.Databases)
                Try(() => _ = DatabasePath.Resolve(database.Path, "/app", text));
        }
    }

    private static void Generate(string url)
    {
        Try(() => ReplicaUrl.Parse(url, "data/app.db", (code, message) => new LitestreamException(code, message)));
        Try(() =>
            _ = GeneratedConfig.Create(
                [new FoundDatabase("app.db", null, null) { ReplicaUrl = url }],
                new GeneratedConfigOptions { ReplicaUrl = url }
            )
        );
        Try(() =>
            _ = GeneratedConfig.Create(
                [new FoundDatabase(url, url, url)],
                new GeneratedConfigOptions { Excluded = [url] }
            )
        );
        ReplicaUrl.Password(url);
    }

    private static void ReadFiles(TemporaryFolder folder, string text)
    {
        var path = Path.Combine(folder.Path, "app.db");
        folder.Write(".app.db-litestream.status", text);
        folder.Write("meta/history.json", text);
        folder.Write("meta/generation", text);
        var database = new EffectiveDatabase("app.db", path, null, null, []);
        StatusFile.Read(database);
        DatabaseIdentity.Read(Path.Combine(folder.Path, "meta"));
        var shadow = new ShadowWal(Path.Combine(folder.Path, "meta"));
        if (shadow.Lineage() is { } generation)
        {
            shadow.Newest(generation);
            shadow.LastWrite(generation);
            shadow.Find(generation, new WalPosition(1, 2, 3));
        }

        folder.Write("app.db-wal", text);
        WalFile.LastCommit(path + "-wal");
    }

    /// <summary>A record that names a place outside the folder is not tried: it would be obeyed.</summary>
    private static void TakeBack(TemporaryFolder folder, string text)
    {
        text = Encoding.UTF8.GetString(
            Encoding.UTF8.GetBytes(text.Replace("FOLDER", folder.Path, StringComparison.Ordinal))
        );
        if (!StaysIn(folder.Path, text))
            return;
        var work = Path.Combine(folder.Path, "work");
        Directory.CreateDirectory(Path.Combine(folder.Path, "app.db.replaced-1"));
        folder.Write("app.db.replaced-1/app.db", "x");
        folder.Write("work/moves.json", text);
        using var held = DirectoryHandle.TryOpen(work)!;
        Try(() => ReplaceTransaction.Recover(held, _ => { }));
    }

    private static bool StaysIn(string folder, string record)
    {
        try
        {
            using var json = JsonDocument.Parse(record);
            return Texts(json.RootElement)
                .All(text =>
                    text.Length == 0
                    || text.Contains('\0', StringComparison.Ordinal)
                    || Path.GetFullPath(text).StartsWith(folder + "/", StringComparison.Ordinal)
                );
        }
        catch (JsonException)
        {
            return true;
        }
        catch (InvalidOperationException)
        {
            // A surrogate alone: nothing reads it as a text.
            return true;
        }
    }

    private static IEnumerable<string> Texts(JsonElement json) =>
        json.ValueKind switch
        {
            JsonValueKind.String => [json.GetString()!],
            JsonValueKind.Array => json.EnumerateArray().SelectMany(Texts),
            JsonValueKind.Object => json.EnumerateObject().SelectMany(property => Texts(property.Value)),
            _ => [],
        };

    private static void ReadTables(string text)
    {
        var result = new CommandResult(0, text, "");
        Try(() => _ = Listing.Databases(result, []));
        Try(() => _ = Listing.Generations(result));
        Try(() => _ = Listing.Snapshots(result));
        Try(() => _ = Listing.WalSegments(result));
    }

    private static void ReadOptions(string text)
    {
        Try(() => OptionValue.Flag(new("--x", "x"), text));
        Try(() => OptionValue.Duration(new("--x", "x"), text));
        Try(() => OptionValue.Count(new("--x", "x"), text));
        Try(() => OptionValue.Index(new("--x", "x"), text));
        Try(() => OptionValue.Generation(new("--x", "x"), text));
        Try(() => OptionValue.Word<VerificationLevel>(new("--x", "x"), text));
        Try(() => PointInTime.Parse(text, TimeProvider.System));
        Try(() => RunVerb.Split(text));
        _ = NearestName.Of(text, ["litestream", "restore"]);
    }

    private static void GiveVerb(TemporaryFolder folder, int number, string[] text)
    {
        var file = folder.Write("litestream.yml", "dbs:\n  - path: app.db\n    replicas:\n      - path: replica\n");
        var host = new RefusingHost(folder, Options(folder, file));
        var verbs = Verb.All.Where(verb => verb.Options.Count > 0 && !verb.IsOfBuild).ToList();
        var verb = verbs[number % verbs.Count];
        var first = number / verbs.Count * 5;
        var given = text.Select((one, i) => (verb.Options[(first + i) % verb.Options.Count].Property, Text: one))
            .DistinctBy(option => option.Property)
            .ToDictionary(option => option.Property, option => (string?)option.Text);
        verb.RunAsync(host, new VerbOptions(given), CancellationToken.None).GetAwaiter().GetResult();
    }

    private static void Try(Action run)
    {
        try
        {
            run();
        }
        catch (LitestreamException)
        {
            // A finding is the answer to a wrong input; anything else fails the case.
        }
    }

    /// <summary>A place to give verbs in that starts nothing.</summary>
    private sealed class RefusingHost(TemporaryFolder folder, EffectiveConfigOptions options) : VerbHost
    {
        public override CommandWords Words => CommandWords.Default;

        public override string Directory => folder.Path;

        public override string Fact(string name) => name == "ProjectFile" ? Path.Combine(folder.Path, "x.csproj") : "";

        public override EffectiveConfigOptions ConfigOptions(bool required = true) => options;

        public override LitestreamExecutable FindExecutable() =>
            throw new LitestreamException("LSB2003", "There is none here.");

        public override void Detail(LogLine line) { }

        public override Task UntilEndOfProcessAsync(TimeSpan stopTimeout, Func<Task> run) => run();

        protected override void Write(string line) { }

        protected override void Show(LitestreamDiagnostic diagnostic) { }
    }
}
