using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.Doctor;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Tests.Databases;

namespace Litestream.Tests.Configuration;

/// <summary>What a replica is, as far as it is known while the app is built and exactly when it runs.</summary>
[Trait("Uses", "litestream")]
public sealed class ReplicaIdentityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("path: /r", "file", "file")]
    [InlineData("type: ${FILE}\n        path: /r", "file", "file")]
    [InlineData("type: s3\n        bucket: ${BUCKET}", "s3", "s3")]
    [InlineData("url: ${S3}", "s3", "s3")]
    [InlineData("url: $S3", "s3", "s3")]
    [InlineData("url: '${S3}'", "s3", "s3")]
    [InlineData("url: \"${S3}\"", "s3", "s3")]
    [InlineData("url: ${QUOTED}", "s3", "s3")]
    [InlineData("url: ${COMMENTED}", "s3", "s3")]
    [InlineData("url: ${SCHEME}://b/p", "s3", "s3")]
    [InlineData("url: ${SCHEME}${REST}", "s3", "s3")]
    [InlineData("url: S3://b/p", "s3", "s3")]
    [InlineData("url: abs://a@c/p", "abs", "abs")]
    [InlineData("url: gcs://b/p", "gcs", "gcs", Traits = ["Line", "0.3"])]
    [InlineData("url: gs://b/p", "gs", "gs", Traits = ["Line", "0.5"])]
    [InlineData("url: sftp://u@h/p", "sftp", "sftp")]
    [InlineData("url: file:///r", "file", "file")]
    [InlineData("url: file:r", "file", "file")]
    [InlineData("url: ${FOLDER}", "file", "file")]
    [InlineData("type: s3\n        url: file:///r", "file", "file")]
    [InlineData("name: ${NAMED}\n        path: /r", "file", "mine")]
    [InlineData("name: ${EMPTYNAME}\n        path: /r", "file", "file")]
    public async Task Type_and_name_are_those_of_the_executable(string replica, string type, string name)
    {
        var yml = Write(Own(replica));
        var answer = await LitestreamTool
            .Command(Environment)
            .RunAsync(["databases", "-config", yml], TestContext.Current.CancellationToken);
        var node = Assert.Single(LitestreamConfigFile.Load(yml).Entries[0].Replicas);

        var identity = ReplicaIdentity.AtRun(node, Environment.GetValueOrDefault, Path.GetFullPath);

        Assert.Equal((type, name), (identity.Type, identity.Name));
        Assert.EndsWith(
            " " + (Repository.IsLine05 ? type : name),
            answer.StandardOutput.TrimEnd(),
            StringComparison.Ordinal
        );
    }

    /// <summary>What it creates is seen on the disk: all in one run, a database each.</summary>
    [Fact]
    public async Task The_folder_of_a_file_url_is_the_one_that_the_executable_writes_to()
    {
        string[] tails =
        [
            "plain",
            "slash/",
            "per%20cent",
            "%41",
            "a b",
            "ä",
            "漢😀",
            // 0.5 takes it for a query.
            .. Repository.IsLine05 ? Array.Empty<string>() : ["x?q=1"],
            "x#f",
            "y/../z",
            "double//slash",
            "./dot",
            "x+y,z;=&@!'()*",
            "[x]{y}^|",
            "[ok]",
            "~/tilde",
            "c:d",
        ];
        var urls = tails
            .Select(tail => $"file://{_folder.Path}/r/{tail}")
            .Append($"file:{_folder.Path}/r/one")
            .Append($"FILE://{_folder.Path}/r/upper")
            .ToList();
        var yml = "dbs:\n";
        for (var i = 0; i < urls.Count; i++)
        {
            LitestreamTool.Sql(In($"{i}.db"), "PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)");
            yml += $"  - path: {In($"{i}.db")}\n    replicas:\n      - url: \"{urls[i]}\"\n";
        }

        var folders = urls.Select(url => FileUrl.Folder(url)!).ToList();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var running = LitestreamTool.Command().RunAsync(["replicate", "-config", Write(yml)], stop.Token);
        await LitestreamTool.WaitUntilAsync(
            () => running.IsCompleted || folders.All(folder => LitestreamTool.HasBackup(folder)),
            () =>
                string.Join(
                    '\n',
                    folders
                        .Where(folder => !LitestreamTool.HasBackup(folder))
                        .Concat(
                            Directory.EnumerateDirectories(
                                In("r"),
                                AppFolder.ContentFolder,
                                SearchOption.AllDirectories
                            )
                        )
                )
        );
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        Assert.All(folders, folder => Assert.True(LitestreamTool.HasBackup(folder), folder));
    }

    [Theory]
    [InlineData("file://")]
    [InlineData("file:")]
    [InlineData("file:///")]
    [InlineData("file:///.")]
    [InlineData("file:///a/%zz")]
    [InlineData("s3://b/p")]
    [InlineData("/folder")]
    [InlineData("")]
    public void What_names_no_folder_has_none(string url) => Assert.Null(FileUrl.Folder(url));

    [Theory]
    [InlineData("url: ${X}", null, null, "${X}")]
    [InlineData("url: $X", null, null, "$X")]
    [InlineData("url: ${X}/p", null, null, "${X}/p")]
    [InlineData("url: ${A}${B}", null, null, "${A}${B}")]
    [InlineData("url: s3://${X}/p", "s3", "s3", "s3://${X}/p")]
    [InlineData("url: file://${X}", "file", "file", "file://${X}")]
    [InlineData("type: ${X}\n        path: /r", null, null, "/r")]
    [InlineData("type: ${X}\n        path: /r\n        name: n", null, "n", "/r")]
    [InlineData("path: ${X}", "file", "file", "${X}")]
    [InlineData("path: /r/${X}", "file", "file", "/r/${X}")]
    [InlineData("type: s3\n        bucket: ${X}\n        path: p", "s3", "s3", "s3://${X}/p")]
    [InlineData("url: s3://b/p\n        name: ${X}", "s3", null, "s3://b/p")]
    public void What_a_variable_decides_is_not_known_while_the_app_is_built(
        string replica,
        string? type,
        string? name,
        string location
    )
    {
        var node = Assert.Single(LitestreamConfigFile.Load(Write(Own(replica))).Entries[0].Replicas);

        var identity = ReplicaIdentity.AtBuild(node);

        Assert.Equal((type, name, location, null), (identity.Type, identity.Name, identity.Location, identity.Folder));
        Assert.Equal(replica.Contains("name: ${X}", StringComparison.Ordinal), identity.IsKnown);
    }

    [Theory]
    [InlineData("url: ${X}")]
    [InlineData("url: $X")]
    [InlineData("url: '${X}'")]
    [InlineData("url: ${X}/p")]
    [InlineData("url: ${SCHEME}${X}")]
    [InlineData("url: s3://${X}")]
    [InlineData("url: s3://b/${X}")]
    [InlineData("url: file://${X}")]
    [InlineData("url: file:///srv/${X}")]
    [InlineData("type: ${X}\n        path: /r")]
    [InlineData("path: ${X}")]
    [InlineData("path: /srv/${X}")]
    [InlineData("type: s3\n        bucket: ${X}")]
    [InlineData("type: s3\n        bucket: b\n        path: ${X}")]
    [InlineData("type: abs\n        account-name: ${X}\n        bucket: b")]
    [InlineData("type: sftp\n        user: u\n        path: /p\n        host: ${X}")]
    public async Task An_unset_variable_that_a_place_depends_on_is_an_error_that_names_it_and_the_line(string replica)
    {
        // A bucket without a region is an error of its own on release line 0.5.
        var isBucket = replica.Contains("s3", StringComparison.Ordinal);
        var yml = Write(Own(replica + (isBucket ? "\n        region: eu-west-1" : "")));
        foreach (var environment in new[] { Environment, Environment.Append(new("X", "")).ToDictionary() })
        {
            var error = Assert.Throws<LitestreamException>(() => Effective(yml, environment));

            Assert.Equal(("LSB1045", yml), (error.Diagnostic.Code, error.Diagnostic.File));
            Assert.InRange(error.Diagnostic.Line, 4, 7);
            Assert.Contains(" X is not set", error.Message, StringComparison.Ordinal);
            AssertReadable(error.Message);
        }

        var findings = await LitestreamDoctor.ExamineAsync(
            new DoctorOptions { Config = Options(yml, Environment), Executable = () => LitestreamTool.Executable },
            TestContext.Current.CancellationToken
        );
        Assert.Contains(
            findings,
            finding =>
                finding is { Code: "LSB1045", Level: FindingLevel.Error }
                && finding.Message.Contains(yml + "(", StringComparison.Ordinal)
        );
        Assert.DoesNotContain(findings, finding => finding.Code == "LSB1101");
        Assert.All(findings, finding => AssertReadable(finding.Message));
        Assert.Contains(
            ConfigVariables.Read(Options(yml, Environment)),
            variable => variable is { Name: "X", IsMissing: true }
        );
    }

    [Theory]
    [InlineData("path: ${X}")]
    [InlineData("path: data/${X}.db")]
    [InlineData("path: '$X'")]
    public void So_is_one_in_the_path_of_a_database(string path)
    {
        var error = Assert.Throws<LitestreamException>(() =>
            Effective(Write($"dbs:\n  - {path}\n    replicas:\n      - path: /r\n"), Environment)
        );

        Assert.Equal(("LSB1018", 2), (error.Diagnostic.Code, error.Diagnostic.Line));
        Assert.Contains(" X, which is not set", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("url: ${FOLDER}", "/srv/backup")]
    [InlineData("url: file:///srv/backup", "/srv/backup")]
    [InlineData("url: file:///srv/backup/", "/srv/backup")]
    [InlineData("url: file://${REST2}", "/srv/backup")]
    [InlineData("type: ${FILE}\n        path: ${REST2}", "/srv/backup")]
    [InlineData("path: ${QUOTEDFOLDER}", "/srv/backup")]
    [InlineData("path: backup/${PART}", "{base}/backup/part")]
    public void A_folder_is_one_however_it_is_written(string replica, string folder)
    {
        folder = folder.Replace("{base}", _folder.Path, StringComparison.Ordinal);
        var config = Effective(Write(Own(replica)), Environment);

        var one = Assert.Single(Assert.Single(config.Databases).Replicas);
        Assert.Equal(new ConfiguredReplica("file", "file", folder) { Folder = folder }, one);
        var settings = Assert.Single(ReplicationSettings.Of(config, config.Databases[0]).Replicas);
        Assert.Equal(("file", "file", folder), (settings.Name, settings.Type, settings.Folder));
        Assert.DoesNotContain("url:", config.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("url: ${S3}", "url: s3://b/p")]
    [InlineData("url: s3://b/p/", "type: s3\n        bucket: b\n        path: /p")]
    [InlineData("url: s3://${BUCKET}/p", "type: ${SCHEME}\n        bucket: b\n        path: p")]
    [InlineData(
        "url: s3://b/p\n        endpoint: h:9000",
        "type: s3\n        bucket: b\n        path: p\n        endpoint: https://h:9000/"
    )]
    [InlineData("url: file:///srv/backup", "path: /srv/./backup/")]
    [InlineData("url: ${FOLDER}", "path: ${REST2}")]
    [InlineData("url: sftp://u@h:22/p", "type: sftp\n        host: h\n        user: v\n        path: /p")]
    [InlineData("url: abs://a@c/p", "type: abs\n        account-name: a\n        bucket: c\n        path: p")]
    public void Two_databases_at_one_place_are_an_error_however_it_is_written(string first, string second)
    {
        var yml = Write(Two(first, second));

        Assert.Equal("LSB1011", Assert.Throws<LitestreamException>(() => Effective(yml, Environment)).Diagnostic.Code);
    }

    /// <summary>Release line 0.5 reads it, and a key of the same name wins.</summary>
    [Theory]
    [InlineData("url: s3://b/p?region=r&endpoint=http%3A%2F%2Fh:9000", "type: s3", "h:9000", true)]
    [InlineData("url: s3://b/p?endpoint=h:9000\n        endpoint: other", "type: s3", "https://other/", true)]
    [InlineData("url: s3://b/p?endpoint=h:9000&region=r", "url: s3://b/p?endpoint=H:9000", "", true)]
    [InlineData("url: s3://b/p?endpoint=h:9000", "url: s3://b/p?endpoint=h:9001", "", false)]
    [InlineData("url: s3://b/p?endpoint=h:9000", "url: s3://b/p", "", false)]
    public void The_endpoint_in_a_url_tells_one_place_from_another(
        string first,
        string second,
        string endpoint,
        bool isSame
    )
    {
        if (endpoint.Length > 0)
            second += $"\n        bucket: b\n        path: p\n        endpoint: {endpoint}";
        string PlaceOf(string replica) =>
            ReplicaIdentity
                .AtRun(
                    Assert.Single(LitestreamConfigFile.Load(Write(Own(replica))).Entries[0].Replicas),
                    _ => null,
                    Path.GetFullPath
                )
                .Place;

        Assert.Equal(isSame, PlaceOf(first) == PlaceOf(second));
    }

    [Theory]
    [InlineData("link/a", "real/a")]
    [InlineData("link/a", "other/a")]
    [InlineData("link/missing/a", "real/missing/a/")]
    [InlineData("inner", "real")]
    public void Two_folders_that_are_one_through_links_are_one_place(string first, string second)
    {
        Directory.CreateDirectory(In("real"));
        Directory.CreateSymbolicLink(In("link"), "real");
        Directory.CreateSymbolicLink(In("other"), In("real"));
        Directory.CreateSymbolicLink(In("inner"), "link");

        var error = Assert.Throws<LitestreamException>(() =>
            Effective(Write(Two($"path: {In(first)}", $"path: {In(second)}")), Environment)
        );

        Assert.Equal("LSB1011", error.Diagnostic.Code);
        Assert.Equal(2, Effective(Write(Two($"path: {In("link/a")}", $"path: {In("real/b")}")), []).Databases.Count);
    }

    [Theory]
    [InlineData("url: ${A}", "url: ${B}")]
    [InlineData("url: ${A}", "url: s3://b/p")]
    [InlineData("path: ${A}", "path: ${B}")]
    public void While_they_are_not_known_nothing_is_reported(string first, string second)
    {
        var yml = Write(Two(first, second));

        Assert.Empty(LitestreamClient.CheckConfiguration(yml, "0.3.13"));
    }

    /// <summary>
    /// Another disk than the database's: no warning, and the doctor looks at the folder that is really written to.
    /// </summary>
    [Theory]
    [InlineData("url: file:///dev/shm/replica", false)]
    [InlineData("url: ${ELSEWHERE}", false)]
    [InlineData("url: ${HERE}", true)]
    [InlineData("url: ${S3}", false)]
    public async Task Whether_it_is_on_the_same_disk_is_looked_up_where_it_is(string replica, bool isSame)
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && !Mounts.AreTheSame("/dev/shm/x", _folder.Path),
            "There is no other file system here."
        );
        var environment = Environment
            .Append(new("ELSEWHERE", "file:///dev/shm/replica"))
            .Append(new("HERE", "file://" + In("replica")))
            .ToDictionary();

        var findings = await LitestreamDoctor.ExamineAsync(
            new DoctorOptions
            {
                Config = Options(Write(Own(replica)), environment),
                Executable = () => throw new LitestreamException("LSB2003", "none"),
            },
            TestContext.Current.CancellationToken
        );

        Assert.Equal(isSame, findings.Any(finding => finding.Code == "LSB1101"));
    }

    [Fact]
    public void Two_names_that_become_one_are_an_error_when_the_app_runs()
    {
        var yml = Write(Own("path: /r\n        name: ${NAMED}\n      - path: /q\n        name: mine"));

        Assert.Empty(LitestreamClient.CheckConfiguration(yml, "0.3.13"));
        var error = Assert.Throws<LitestreamException>(() => Effective(yml, Environment));
        Assert.Equal("LSB1037", error.Diagnostic.Code);
    }

    [Fact]
    public void Two_databases_that_become_one_are_an_error_when_the_app_runs()
    {
        var yml = Write(
            "dbs:\n  - path: ${A}\n    replicas:\n      - path: /r\n  - path: ${B}\n    replicas:\n      - path: /q\n"
        );

        Assert.Empty(LitestreamClient.CheckConfiguration(yml, "0.3.13"));
        Assert.Equal(
            "LSB1012",
            Assert
                .Throws<LitestreamException>(() => Effective(yml, new() { ["A"] = "x.db", ["B"] = "./x.db" }))
                .Diagnostic.Code
        );
    }

    [Theory]
    [InlineData("url: file://")]
    [InlineData("url: file:///")]
    [InlineData("path: ${S3}")]
    public void A_file_url_without_a_folder_is_refused(string replica) =>
        Assert.Equal(
            "LSB1046",
            Assert.Throws<LitestreamException>(() => Effective(Write(Own(replica)), Environment)).Diagnostic.Code
        );

    [Theory]
    [InlineData("s3://b/p", "s3", "s3://b/p/Data/app.db")]
    [InlineData("s3://b/p?endpoint=http%3A%2F%2Fminio%3A9000", "s3", "s3://b/p/Data/app.db")]
    [InlineData("gs://b", "gcs", "gs://b/Data/app.db")]
    [InlineData("sftp://u:hush-hush@h/p", "sftp", "sftp://h/p/Data/app.db")]
    [InlineData("/srv/backup", "file", "/srv/backup/Data/app.db")]
    [InlineData("/srv/backup/", "file", "/srv/backup/Data/app.db")]
    [InlineData("file:///srv/backup", "file", "/srv/backup/Data/app.db")]
    public void A_replica_url_that_is_a_variable_is_what_its_value_says(string value, string type, string location)
    {
        var environment = new Dictionary<string, string> { ["X"] = value };
        var built = Write(Generated("${X}"));
        var fromSetting = _folder.Write("setting/litestream.yml", Generated(null));

        Assert.Equal(
            ("", false),
            (
                LitestreamConfigFile.Load(built).Databases[0].Replicas[0].Type,
                LitestreamConfigFile.Load(built).Databases[0].Replicas[0].IsKnown
            )
        );
        foreach (
            var config in (EffectiveConfig[])
                [
                    Effective(built, environment),
                    Effective(fromSetting, environment, new() { ["Litestream:ReplicaUrl"] = "${X}" }),
                ]
        )
        {
            var replica = Assert.Single(Assert.Single(config.Databases).Replicas);
            Assert.Equal(
                (type, type, location, type == "file"),
                (replica.Name, replica.Type, replica.Location, replica.Folder is not null)
            );
            Assert.Equal(
                value.Contains("minio", StringComparison.Ordinal),
                config.Text.Contains("endpoint: \"http://minio:9000\"", StringComparison.Ordinal)
            );
            Assert.DoesNotContain("hush", config.Text, StringComparison.Ordinal);
            Assert.Contains(ConfigVariables.Read(Options(built, environment)), variable => variable.Name == "X");
        }
    }

    [Theory]
    [InlineData("${X}", "s3", "/p", "s3")]
    [InlineData("${X}://b/p", "s3", "/p", "s3")]
    [InlineData("${X}${Y}", "s3:", "//b/p", "s3")]
    [InlineData("$X", "s3://b", "", "s3")]
    [InlineData("./${X}", "s3://b", "", "file")]
    [InlineData("/srv/${X}", "tenant", "", "file")]
    [InlineData("${X}/${Y}", "/srv", "tenant", "file")]
    public void Composed_ones_too(string url, string x, string y, string type)
    {
        var environment = new Dictionary<string, string>
        {
            ["X"] = x == "s3" && url == "${X}" ? "s3://b" : x,
            ["Y"] = y,
        };

        Assert.Equal(type, Effective(Write(Generated(url)), environment).Databases[0].Replicas[0].Type);
    }

    [Theory]
    [InlineData("${X}")]
    [InlineData("$X")]
    [InlineData("${X}://b")]
    [InlineData("s3://${X}")]
    [InlineData("/srv/${X}")]
    [InlineData("file://${X}")]
    public void Without_its_variable_a_replica_url_is_an_error_wherever_it_stands(string url)
    {
        var built = Write(Generated(url));
        var error = Assert.Throws<LitestreamException>(() => Effective(built, []));
        Assert.Equal(("LSB1045", built), (error.Diagnostic.Code, error.Diagnostic.File));
        Assert.Contains(" X is not set", error.Message, StringComparison.Ordinal);

        var fromSetting = _folder.Write("setting/litestream.yml", Generated(null));
        error = Assert.Throws<LitestreamException>(() =>
            Effective(fromSetting, [], new() { ["Litestream:ReplicaUrl"] = url })
        );
        Assert.Equal("LSB1045", error.Diagnostic.Code);
        Assert.Contains("Litestream:ReplicaUrl: ", error.Message, StringComparison.Ordinal);
        AssertReadable(error.Message);
    }

    [Theory]
    [InlineData("${X}://u:hush-hush@h/p")]
    [InlineData("${X}?secret-access-key=hush-hush")]
    public void A_secret_beside_the_variable_is_refused(string url)
    {
        var error = Assert.Throws<LitestreamException>(() => Generated(url));

        Assert.Equal("LSB1014", error.Diagnostic.Code);
        Assert.DoesNotContain("hush", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("${DB}", "/data/app.db", "/data/app.db", "/data/litestream-replicas/app.db", "s3://b/data/app.db")]
    [InlineData(
        "$DB",
        "data/app.db",
        "{base}/data/app.db",
        "{base}/data/litestream-replicas/app.db",
        "s3://b/data/app.db"
    )]
    [InlineData("${DB}", "../app.db", "{parent}/app.db", "{parent}/litestream-replicas/app.db", "s3://b/app.db")]
    [InlineData("${DB}/app.db", "/data", "/data/app.db", "/data/litestream-replicas/app.db", "s3://b/data/app.db")]
    [InlineData("data/${DB}.db", "x", "{base}/data/x.db", "{base}/data/litestream-replicas/x.db", "s3://b/data/x.db")]
    [InlineData(
        "data/pa$.db",
        "x",
        "{base}/data/pa$.db",
        "{base}/data/litestream-replicas/pa$.db",
        "s3://b/data/pa$.db"
    )]
    public void A_variable_in_an_item_is_expanded_when_the_app_runs(
        string item,
        string value,
        string path,
        string folder,
        string location
    )
    {
        string There(string text) =>
            text.Replace("{base}", _folder.Path, StringComparison.Ordinal)
                .Replace("{parent}", Path.GetDirectoryName(_folder.Path), StringComparison.Ordinal);
        FoundDatabase database = new(item, null, null) { HasVariables = true };
        var environment = new Dictionary<string, string> { ["DB"] = value, ["X"] = "s3://b?endpoint=h" };

        foreach (var (url, expected) in new[] { (null, folder), ("s3://b", location), ("${X}", location) })
        {
            var yml = Write(GeneratedConfig.Create([database], new GeneratedConfigOptions { ReplicaUrl = url }).Text);

            Assert.Equal(item, LitestreamConfigFile.Load(yml).Databases[0].Path);
            var one = Assert.Single(Effective(yml, environment).Databases);
            Assert.Equal((There(path), There(expected)), (one.Path, Assert.Single(one.Replicas).Location));
        }
    }

    [Fact]
    public void Without_its_variable_an_item_is_an_error()
    {
        var yml = Write(
            GeneratedConfig
                .Create([new("${DB}", null, null) { HasVariables = true }], new GeneratedConfigOptions())
                .Text
        );

        var error = Assert.Throws<LitestreamException>(() => Effective(yml, []));

        Assert.Equal(("LSB1018", yml), (error.Diagnostic.Code, error.Diagnostic.File));
        Assert.Contains(" DB, which is not set", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("${}")]
    [InlineData("$1.db")]
    [InlineData("a$$b.db")]
    [InlineData("${DB:-app.db}")]
    public void A_dollar_in_an_item_that_is_not_a_variable_is_an_error_while_the_app_is_built(string item) =>
        Assert.Equal(
            "LSB1041",
            Assert
                .Throws<LitestreamException>(() =>
                    GeneratedConfig.Create(
                        [new(item, null, null) { HasVariables = true }],
                        new GeneratedConfigOptions()
                    )
                )
                .Diagnostic.Code
        );

    [Fact]
    public void A_dollar_in_a_connection_string_is_one_as_before()
    {
        var yml = Write(
            GeneratedConfig.Create([new("data/$DB.db", "A", "ConnectionStrings:A")], new GeneratedConfigOptions()).Text
        );

        Assert.Equal(In("data/$DB.db"), Assert.Single(Effective(yml, new() { ["DB"] = "x" }).Databases).Path);
    }

    /// <summary>A database that only the app's live configuration names goes where those of the file go.</summary>
    [Fact]
    public void A_database_that_is_added_goes_where_the_variable_says()
    {
        var config = EffectiveConfig.Create(
            Options(Write(Generated("${X}")), new() { ["X"] = "s3://b/p" }) with
            {
                Added = [new AddedDatabase(new EffectiveDatabase("more.db", In("more.db"), null, null, []))],
            },
            ReleaseLine.All[0].Dialects
        );

        Assert.Equal(
            ["s3://b/p/Data/app.db", "s3://b/p/more.db"],
            config.Databases.Select(database => database.Replicas[0].Location)
        );
    }

    [Theory]
    [InlineData("type: ${X}\n        url: s3://b/p?${Y}=1")]
    [InlineData("type: x${X}\n        path: /r")]
    [InlineData("${X}: y\n        path: /r")]
    [InlineData("path: ${X}://y")]
    [InlineData("url: ${X}\n        path: /r\n        name: ${X}\n      - url: ${X}\n        name: ${X}")]
    [InlineData("type: s3\n        bucket: b\n        force-path-style: ${X}x\n        sync-interval: ${X} s")]
    [InlineData("path: /r\n        age: ${X}")]
    public void No_message_shows_how_variables_are_kept_inside(string replica)
    {
        foreach (
            var environment in (Dictionary<string, string>[])
                [
                    [],
                    Environment,
                    new() { ["X"] = "x", ["Y"] = "y" },
                ]
        )
        {
            var yml = Write(Own(replica));
            Assert.All(
                LitestreamClient.CheckConfiguration(yml, "0.3.13", variable: environment.GetValueOrDefault),
                finding => AssertReadable(finding.ToString())
            );
            try
            {
                var config = Effective(yml, environment);
                Assert.All(
                    config.Databases.SelectMany(database => database.Replicas),
                    one => AssertReadable(one.ToString())
                );
            }
            catch (LitestreamException e)
            {
                AssertReadable(e.Message);
            }
        }
    }

    private static Dictionary<string, string> Environment { get; } =
        new()
        {
            ["S3"] = "s3://b/p",
            ["QUOTED"] = "\"s3://b/p\"",
            ["COMMENTED"] = "s3://b/p # the bucket",
            ["SCHEME"] = "s3",
            ["REST"] = "://b/p",
            ["BUCKET"] = "b",
            ["FILE"] = "file",
            ["FOLDER"] = "file:///srv/backup",
            ["QUOTEDFOLDER"] = "'/srv/backup'",
            ["REST2"] = "/srv/backup",
            ["PART"] = "part",
            ["NAMED"] = "mine",
        };

    private static void AssertReadable(string text) =>
        Assert.DoesNotContain(text, c => c is >= '\uE000' and <= '\uF8FF');

    private static string Own(string replica) => $"dbs:\n  - path: a.db\n    replicas:\n      - {replica}\n";

    private static string Two(string first, string second) =>
        $"dbs:\n  - path: a.db\n    replicas:\n      - {first}\n  - path: b.db\n    replicas:\n      - {second}\n";

    private static string Generated(string? url) =>
        GeneratedConfig
            .Create(
                [new("Data/app.db", "Default", "ConnectionStrings:Default")],
                new GeneratedConfigOptions { ReplicaUrl = url }
            )
            .Text;

    private string Write(string yml) => _folder.Write("litestream.yml", yml);

    private string In(string path) => _folder.Path + "/" + path;

    private EffectiveConfigOptions Options(string yml, Dictionary<string, string> environment) =>
        new()
        {
            ConfigPath = yml,
            BaseDirectory = _folder.Path,
            GetSetting = _ => null,
            Environment = environment,
        };

    private EffectiveConfig Effective(
        string yml,
        Dictionary<string, string> environment,
        Dictionary<string, string>? settings = null
    ) =>
        EffectiveConfig.Create(
            Options(yml, environment) with
            {
                GetSetting = key => settings?.GetValueOrDefault(key),
            },
            ReleaseLine.All[0].Dialects
        );
}
