using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Databases;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Litestream.Hosting.Tests;

/// <summary>Databases that only the live configuration names.</summary>
public sealed class DiscoveredDatabasesTests : IDisposable
{
    private const string OrdersKey = "ConnectionStrings:Orders";

    private readonly string _folder = Directory.CreateTempSubdirectory("discovered-").FullName;

    private string Config => Path.Combine(_folder, "litestream.yml");

    [Fact]
    public async Task A_database_that_only_a_variable_names_is_replicated_with_the_others_and_is_back_when_it_is_lost()
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(
            folder.Config,
            Generated(new GeneratedConfigOptions { ReplicaUrl = folder.Replica }),
            TestContext.Current.CancellationToken
        );
        folder.Environment["ConnectionStrings__Other"] = "Data Source=data/other.db";
        var other = Path.Combine(folder.Work, "data", "other.db");
        var replica = Path.Combine(folder.Replica, "data", "other.db");

        using (var app = folder.Start())
        {
            await app.SaysAsync("started ");
            await app.TellAsync("other one");
            await app.TellAsync("other two");
            await app.SaysAsync("wrote two");
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
            Assert.Equal(
                1,
                app.Count(
                    $"'{other}' is not in litestream.yml, but ConnectionStrings:Other names it: it is also replicated, "
                        + $"to file {replica}."
                )
            );
            Assert.DoesNotContain("LSB5010", app.Output, StringComparison.Ordinal);
        }

        Assert.Equal(["one", "two"], await RestoreAsync(folder, replica));
        Assert.Equal(["first", "last"], await RestoreAsync(folder, Path.Combine(folder.Replica, "orders.db")));

        Directory.Delete(Path.GetDirectoryName(other)!, recursive: true);
        using var again = folder.Start("--build-only");
        Assert.Equal(0, await again.EndedAsync());
        Assert.Equal(["one", "two"], AppFolder.Rows(other));
    }

    [Fact]
    public async Task When_discovery_is_off_it_is_named_and_not_replicated()
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(folder.Config, Generated(), TestContext.Current.CancellationToken);
        folder.Environment["ConnectionStrings__Other"] = "Data Source=other.db";
        folder.Environment["Litestream__ReplicateDiscovered"] = "false";
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("other one");
        await app.SaysAsync("wrote one");
        await app.TellAsync("stop");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal(1, app.Count("LSB5010"));
        Assert.Equal(1, app.Count("LSB5027"));
        Assert.Contains(
            $"'{Path.Combine(folder.Work, "other.db")}' (ConnectionStrings:Other). Litestream:ReplicateDiscovered "
                + $"is false.",
            app.Output,
            StringComparison.Ordinal
        );
        Assert.Equal(
            ["orders.db"],
            Directory.EnumerateDirectories(Path.Combine(folder.Work, "litestream-replicas")).Select(Path.GetFileName)
        );
    }

    [Theory]
    [InlineData("./sub/../orders.db")]
    [InlineData("link.db")]
    [InlineData("folder/orders.db")]
    [InlineData("file:orders.db?cache=shared")]
    public async Task The_same_file_by_another_name_is_not_added_twice(string path)
    {
        using var folder = new AppFolder();
        await File.WriteAllTextAsync(folder.Config, Generated(), TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(Path.Combine(folder.Work, "link.db"), "orders.db");
        Directory.CreateSymbolicLink(Path.Combine(folder.Work, "folder"), folder.Work);
        folder.Environment["ConnectionStrings__Other"] = $"Data Source={path}";

        // The first time the file is not there yet, the second time it is.
        for (var run = 0; run < 2; run++)
        {
            using var app = folder.Start();
            await app.SaysAsync("started ");
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
            Assert.Equal(1, app.Count("' is replicated to "));
            Assert.DoesNotContain("is not in litestream.yml", app.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Without_a_litestream_yml_it_is_replicated_beside_itself()
    {
        using var folder = new AppFolder();
        File.Delete(folder.Config);
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("stop");

        Assert.Equal(0, await app.EndedAsync());
        Assert.DoesNotContain("LSB3004", app.Output, StringComparison.Ordinal);
        Assert.Equal(
            ["first", "last"],
            await RestoreAsync(folder, Path.Combine(folder.Work, "litestream-replicas", "orders.db"))
        );
    }

    [Fact]
    public async Task The_status_names_what_is_not_replicated()
    {
        var builder = Host.CreateEmptyApplicationBuilder(
            new HostApplicationBuilderSettings { EnvironmentName = "Production" }
        );
        builder.Configuration.AddConfiguration(
            Configuration(
                ("ConnectionStrings:Other", $"Data Source={_folder}/other.db"),
                ("Litestream:ReplicateDiscovered", "false")
            )
        );
        builder.Services.AddLitestream();
        using var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);

        var status = host.Services.GetRequiredService<LitestreamReplicator>().Status;

        Assert.Equal(LitestreamState.Disabled, status.State);
        Assert.Equal([$"{_folder}/other.db"], status.NotReplicated);
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("ConnectionStrings:Other", "Data Source={0}/other.db", "{0}/other.db")]
    [InlineData("ConnectionStrings:Other", "Data Source={0}/other.db;Cache=Shared", "{0}/other.db")]
    [InlineData("ConnectionStrings:Other", "{0}/other.db", "{0}/other.db")]
    [InlineData("Shop:Sqlite:File", "{0}/other.sqlite3", "{0}/other.sqlite3")]
    [InlineData("Shop:0:DataSource", "Filename={0}/other.db", "{0}/other.db")]
    [InlineData("OTHER_CONNECTION", "Data Source={0}/other.db", "{0}/other.db")]
    [InlineData("SQLITE_PATH", "{0}/other.db", "{0}/other.db")]
    [InlineData("ConnectionStrings:Other", "Data Source={0}/other.db;Mode=ReadOnly", null)]
    [InlineData("ConnectionStrings:Other", "Data Source=:memory:", null)]
    [InlineData("ConnectionStrings:Other", "Data Source=Shared;Mode=Memory;Cache=Shared", null)]
    [InlineData("ConnectionStrings:Other", "Data Source={0}/other.db;Password=hunter2", null)]
    [InlineData("ConnectionStrings:Other", "Data Source=%APPDATA%/other.db", null)]
    [InlineData("ConnectionStrings:Other", "Data Source=|DataDirectory|other.db", null)]
    [InlineData("ConnectionStrings:Other", "Server=db;Database=other.db;User Id=sa;Password=x", null)]
    [InlineData("ConnectionStrings:Other", "Host=db;Database=other", null)]
    [InlineData("HISTORY_DB", "{0}/history.db", null)]
    [InlineData("Litestream:ReplicaUrl", "{0}/backup.db", null)]
    [InlineData("LITESTREAM_DATABASE", "{0}/other.db", null)]
    [InlineData("ConnectionStrings:Orders", "Data Source={0}/moved.db", null)]
    [InlineData("ConnectionStrings:Cache", "Data Source={0}/cache.db", null)]
    public void The_builds_rules_tell_a_database_from_everything_else(string key, string value, string? path)
    {
        File.WriteAllText(Config, Generated(new GeneratedConfigOptions { Excluded = ["ConnectionStrings:Cache"] }));

        var plan = Plan((key, string.Format(null, value, _folder)));
        var discovered = plan.Discovered;

        Assert.Equal(
            path is null ? [] : [string.Format(null, path, _folder)],
            discovered.Databases.Select(database => database.Path)
        );
        var isEncrypted = value.Contains("hunter2", StringComparison.Ordinal);
        Assert.Equal(isEncrypted ? ["LSB1007"] : [], discovered.Diagnostics.Select(diagnostic => diagnostic.Code));
        Assert.Equal(isEncrypted ? [$"{_folder}/other.db"] : [], plan.NotReplicated.Select(database => database.Path));
        Assert.Null(plan.NotReplicatedWarning);
        Assert.DoesNotContain(
            discovered.Diagnostics,
            diagnostic => diagnostic.Message.Contains("hunter2", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("{0}/other.db;{0}/encrypted.db", false)]
    public void An_encrypted_database_of_litestream_yml_is_not_replicated_unless_that_is_meant(
        string? meant,
        bool isNamed
    )
    {
        File.WriteAllText(Config, Generated());

        var plan = Plan(
            (OrdersKey, $"Data Source={_folder}/encrypted.db;Password=hunter2"),
            ("ConnectionStrings:Other", $"Data Source={_folder}/other.db;Password=hunter2"),
            ("ConnectionStrings:Good", $"Data Source={_folder}/good.db"),
            ("Litestream:NotReplicated", meant?.Replace("{0}", _folder, StringComparison.Ordinal))
        );

        Assert.Equal([$"{_folder}/good.db"], plan.Databases.Select(database => database.Path));
        Assert.Equal(
            isNamed ? [$"{_folder}/encrypted.db", $"{_folder}/other.db"] : [],
            plan.NotReplicated.Select(database => database.Path)
        );
        Assert.Null(plan.NotReplicatedWarning);
    }

    [Theory]
    [InlineData("/backups", true, false)]
    [InlineData("s3://bucket/shop", true, true)]
    [InlineData(null, false, true)]
    public void A_pattern_that_matches_nothing_is_named_where_that_may_be_a_loss(
        string? replicaUrl,
        bool hasOther,
        bool isNamed
    )
    {
        var pattern = $"{_folder}/tenants/*.db";
        if (hasOther)
            File.WriteAllText(Config, Generated(new GeneratedConfigOptions { ReplicaUrl = replicaUrl }));

        var plan = Plan(("Litestream:DatabasePatterns", pattern));

        Assert.Equal(isNamed ? [pattern] : [], plan.FindEmptyPatterns());
        Assert.Equal(
            replicaUrl?.StartsWith("s3", StringComparison.Ordinal) == true,
            plan.ExplainEmpty([pattern]).Contains("AddDatabaseAsync", StringComparison.Ordinal)
        );
        Directory.CreateDirectory(Path.Combine(_folder, "tenants"));
        File.WriteAllText(Path.Combine(_folder, "tenants", "blue.db"), "");
        Assert.Empty(plan.FindEmptyPatterns());
    }

    [Theory]
    [InlineData(null, "s3://bucket/shop", "s3", "s3://bucket/shop/data/other.db")]
    [InlineData(null, "s3://bucket", "s3", "s3://bucket/data/other.db")]
    [InlineData("abs://a@c/live", "s3://bucket/shop", "abs", "abs://a@c/live/data/other.db")]
    [InlineData(null, "/backups", "file", "/backups/data/other.db")]
    [InlineData(null, null, "file", "{0}/data/litestream-replicas/other.db")]
    public void Its_replica_is_where_the_build_would_have_put_it(
        string? liveUrl,
        string? builtUrl,
        string type,
        string location
    )
    {
        File.WriteAllText(
            Config,
            Generated(
                new GeneratedConfigOptions
                {
                    ReplicaUrl = builtUrl,
                    SyncInterval = "7s",
                    Retention = "99h",
                }
            )
        );

        var plan = Plan(("ConnectionStrings:Other", "Data Source=data/other.db"), ("Litestream:ReplicaUrl", liveUrl));

        var replica = Assert.Single(plan.Databases.Single(plan.IsDiscovered).Replicas);
        var folder = Directory.GetCurrentDirectory();
        Assert.Equal((type, string.Format(null, location, folder)), (replica.Type, replica.Location));
        Assert.Equal(2, plan.Config.Text.Split("\"7s\"").Length - 1);

        // Without an executable it is in the words of the newest line, which has one retention for all.
        Assert.Equal(1, plan.Config.Text.Split("\"99h\"").Length - 1);
        Assert.Empty(plan.NotReplicated);
    }

    [Fact]
    public void Where_the_build_found_no_database_the_projects_properties_hold_for_those_that_are_named_at_run_time()
    {
        File.WriteAllText(
            Config,
            GeneratedConfig
                .Create(
                    [],
                    new GeneratedConfigOptions
                    {
                        ReplicaUrl = "s3://bucket/shop",
                        SyncInterval = "7s",
                        SnapshotInterval = "3h",
                        Retention = "99h",
                    }
                )
                .Text
        );

        var plan = Plan(("ConnectionStrings:Other", "Data Source=data/other.db"));

        var replica = Assert.Single(Assert.Single(plan.Databases).Replicas);
        Assert.Equal(("s3", "s3://bucket/shop/data/other.db"), (replica.Type, replica.Location));
        Assert.All(
            ["\"7s\"", "\"3h\"", "\"99h\"", "LITESTREAM_ACCESS_KEY_ID"],
            text => Assert.Contains(text, plan.Config.Text, StringComparison.Ordinal)
        );

        var moved = Plan(
            ("ConnectionStrings:Other", "Data Source=data/other.db"),
            ("Litestream:ReplicaUrl", "/backups")
        );
        Assert.Equal("/backups/data/other.db", Assert.Single(Assert.Single(moved.Databases).Replicas).Location);
        Assert.Contains("\"99h\"", moved.Config.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_the_build_found_no_database_a_bucket_that_only_a_variable_names_keeps_its_prefix()
    {
        File.WriteAllText(
            Config,
            GeneratedConfig
                .Create([], new GeneratedConfigOptions { ReplicaUrl = "s3://${LITESTREAM_REPLICA_BUCKET}/shop" })
                .Text
        );

        var plan = Plan(
            ("ConnectionStrings:Other", "Data Source=data/other.db"),
            ("Litestream:ReplicaBucket", "orders")
        );

        Assert.Equal("s3://orders/shop/data/other.db", Assert.Single(Assert.Single(plan.Databases).Replicas).Location);
    }

    [Fact]
    public void Where_the_build_found_no_database_a_replica_URL_that_is_all_variable_is_what_its_value_names()
    {
        const string Variable = "LITESTREAM_TESTS_REPLICA_URL";
        File.WriteAllText(
            Config,
            GeneratedConfig.Create([], new GeneratedConfigOptions { ReplicaUrl = $"${{{Variable}}}" }).Text
        );
        Environment.SetEnvironmentVariable(Variable, "s3://bucket/shop");
        try
        {
            var plan = Plan(("ConnectionStrings:Other", "Data Source=data/other.db"));

            var replica = Assert.Single(Assert.Single(plan.Databases).Replicas);
            Assert.Equal(("s3", "s3://bucket/shop/data/other.db"), (replica.Type, replica.Location));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, null);
        }
    }

    [Fact]
    public void Where_the_build_found_and_was_given_nothing_the_replica_is_beside_it_and_old_ones_are_deleted()
    {
        File.WriteAllText(Config, GeneratedConfig.Create([], new GeneratedConfigOptions()).Text);

        var plan = Plan(("ConnectionStrings:Other", $"Data Source={_folder}/other.db"));

        Assert.Equal(
            $"{_folder}/litestream-replicas/other.db",
            Assert.Single(Assert.Single(plan.Databases).Replicas).Location
        );
        Assert.Contains("\"24h\"", plan.Config.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_the_others_are_in_several_places_it_is_beside_itself()
    {
        File.WriteAllText(
            Config,
            GeneratedConfig
                .Create(
                    [
                        new FoundDatabase("orders.db", "Orders", OrdersKey),
                        new FoundDatabase("audit.db", null, null) { ReplicaUrl = "s3://audit" },
                    ],
                    new GeneratedConfigOptions { ReplicaUrl = "s3://bucket/shop" }
                )
                .Text
        );

        var plan = Plan(("ConnectionStrings:Other", $"Data Source={_folder}/other.db"));

        Assert.Equal(
            $"{_folder}/litestream-replicas/other.db",
            Assert.Single(plan.Databases.Single(plan.IsDiscovered).Replicas).Location
        );
        Assert.Equal(1, plan.Config.Text.Split("\"24h\"").Length - 1);
    }

    [Fact]
    public void Two_databases_never_share_a_replica_path_and_those_of_the_file_are_replicated_all_the_same()
    {
        File.WriteAllText(Config, Generated(new GeneratedConfigOptions { ReplicaUrl = "/backups" }));

        var plan = Plan(("ConnectionStrings:Other", "Data Source=../orders.db"));

        Assert.Equal([OrdersKey], plan.Databases.Select(database => database.Key));
        Assert.Equal("LSB1011", Assert.Single(plan.Config.Diagnostics).Code);
        Assert.Equal("ConnectionStrings:Other", Assert.Single(plan.NotReplicated).Key);
        Assert.DoesNotContain("ConnectionStrings:Other", plan.Config.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_settings_with_one_new_file_are_one_database()
    {
        File.WriteAllText(Config, Generated());

        var plan = Plan(
            ("ConnectionStrings:A", $"Data Source={_folder}/other.db"),
            ("ConnectionStrings:B", $"Filename={_folder}/x/../other.db")
        );

        Assert.Equal("ConnectionStrings:A", plan.Databases.Single(plan.IsDiscovered).Key);
    }

    [Fact]
    public void Of_a_link_the_file_is_replicated()
    {
        File.WriteAllText(Config, Generated());
        File.CreateSymbolicLink(Path.Combine(_folder, "link.db"), Path.Combine(_folder, "real.db"));

        var plan = Plan(("ConnectionStrings:Other", $"Data Source={_folder}/link.db"));

        Assert.Equal($"{_folder}/real.db", plan.Databases.Single(plan.IsDiscovered).Path);
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("true", true)]
    [InlineData("false", false)]
    public void To_a_file_of_the_users_own_nothing_is_added_unasked(string? setting, bool isAdded)
    {
        File.WriteAllText(
            Config,
            $"# Not replicated: ConnectionStrings:Cache\ndbs:\n  - path: {_folder}/orders.db\n    replicas:\n      "
                + $"- type: file\n        path: {_folder}/replica\n"
        );

        var plan = Plan(
            ("ConnectionStrings:Other", $"Data Source={_folder}/other.db"),
            ("ConnectionStrings:Cache", $"Data Source={_folder}/cache.db"),
            ("Litestream:ReplicateDiscovered", setting)
        );

        Assert.Equal(isAdded, plan.Databases.Any(plan.IsDiscovered));
        Assert.Equal(isAdded ? [] : [$"{_folder}/other.db"], plan.NotReplicated.Select(database => database.Path));
        Assert.Equal($"{_folder}/replica", plan.Databases[0].Replicas[0].Location);
        Assert.True(!isAdded || plan.Databases[1].Replicas[0].Location == $"{_folder}/litestream-replicas/other.db");
    }

    [Fact]
    public void A_database_in_a_folder_that_the_app_cannot_write_does_not_keep_the_others_from_being_replicated()
    {
        File.WriteAllText(Config, Generated());
        File.WriteAllText(Path.Combine(_folder, "file"), "");

        var plan = Plan(("ConnectionStrings:Other", $"Data Source={_folder}/file/sub/other.db"));

        Assert.Equal([OrdersKey], plan.Databases.Select(database => database.Key));
        Assert.Equal(
            ("LSB5010", LitestreamSeverity.Message),
            Assert.Single(plan.Discovered.Diagnostics.Select(d => (d.Code, d.Severity)))
        );
    }

    [Fact]
    public async Task A_database_that_another_app_replicates_stays_that_apps_unless_it_has_ours_too()
    {
        await File.WriteAllTextAsync(Config, Generated(), TestContext.Current.CancellationToken);
        using var other = Process.Start(new ProcessStartInfo("sleep", "600"))!;
        try
        {
            await AppFolder.UntilAsync(
                () => ProcessIdentity.Of(other.Id)?.Executable.EndsWith("sleep", StringComparison.Ordinal) == true,
                "sleep runs"
            );
            using var shared = DatabaseLock.TryAcquire(Path.Combine(_folder, "other.db"), out _)!;
            shared.Write(new LockRecord(ProcessIdentity.Of(other.Id), null));
            Assert.Equal([OrdersKey], Plan(Settings()).Databases.Select(database => database.Key));

            // A release of this app that still runs has both, and leaves both.
            using var ours = DatabaseLock.TryAcquire(Path.Combine(_folder, "orders.db"), out _)!;
            ours.Write(new LockRecord(ProcessIdentity.Of(other.Id), null));
            Assert.Equal(
                [OrdersKey, "ConnectionStrings:Other"],
                Plan(Settings()).Databases.Select(database => database.Key)
            );
        }
        finally
        {
            other.Kill();
        }

        (string, string?)[] Settings() =>
            [
                (OrdersKey, $"Data Source={_folder}/orders.db"),
                ("ConnectionStrings:Other", $"Data Source={_folder}/other.db"),
            ];
    }

    public void Dispose() => TestFolder.Delete(_folder);

    private static string Generated(GeneratedConfigOptions? options = null) =>
        GeneratedConfig
            .Create([new FoundDatabase("orders.db", "Orders", OrdersKey)], options ?? new GeneratedConfigOptions())
            .Text;

    /// <summary>What a bare restore from the storage gives, without any configuration.</summary>
    private static async Task<IReadOnlyList<string>> RestoreAsync(AppFolder folder, string replica)
    {
        var output = Path.Combine(folder.Root, $"{Guid.NewGuid():N}.db");
        using var process = Process.Start(
            new ProcessStartInfo(Repository.Executable, ["restore", "-o", output, $"file://{replica}"])
            {
                RedirectStandardError = true,
            }
        )!;
        var messages = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, messages);
        return AppFolder.Rows(output);
    }

    private ReplicationPlan Plan(params (string Key, string? Value)[] settings)
    {
        var configuration = Configuration(settings);
        return ReplicationPlan.Create(
            LitestreamSettings.Read(configuration, isDevelopment: false, _folder),
            configuration
        );
    }

    private IConfigurationRoot Configuration(params (string Key, string? Value)[] settings) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(
                settings
                    .Select(setting => KeyValuePair.Create(setting.Key, setting.Value))
                    .Append(KeyValuePair.Create("Litestream:ConfigPath", (string?)Config))
            )
            .Build();
}
