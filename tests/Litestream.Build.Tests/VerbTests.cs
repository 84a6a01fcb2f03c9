using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using CliWrap;
using CliWrap.Buffered;
using Microsoft.Build.Logging.StructuredLogger;
using Microsoft.Data.Sqlite;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tests;

/// <summary>
/// The command-line verbs, on a publish folder with a real replica and on projects that do not say enough.
/// </summary>
public sealed class VerbTests(Packages packages)
{
    [Fact(Timeout = 40 * 60_000)]
    public async Task On_a_publish_folder_each_verb_prints_and_returns_what_is_there()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("publish", "-c", "Release", "-o", "out")).Succeeded();
        await PublishedAppTests.RunOnceAsync(app, expectedRows: 0);
        Task<BuildResult> VerbAsync(string verb, params string[] properties) =>
            app.DotnetAsync(["msbuild", $"-t:{verb}", "-p:LitestreamContentRoot=out", .. properties]);

        var database = Item(
            await VerbAsync("LitestreamDatabases", "-getTargetResult:LitestreamDatabases"),
            "LitestreamDatabases"
        );
        Assert.Equal("data/orders.db", database.GetProperty("Identity").GetString());
        Assert.Equal("Orders", database.GetProperty("Name").GetString());
        Assert.Equal(app.In("out/data/orders.db"), database.GetProperty("Path").GetString());
        Assert.Equal("true", database.GetProperty("Exists").GetString());
        Assert.Equal("file", database.GetProperty("ReplicaType").GetString());

        Assert.Contains(
            app.In("out/data/orders.db"),
            (await VerbAsync("LitestreamConfig")).Succeeded().Output,
            StringComparison.Ordinal
        );
        Assert.Equal(
            Repository.Version,
            Item(await VerbAsync("LitestreamVersion", "-getTargetResult:LitestreamVersion"), "LitestreamVersion")
                .GetProperty("Identity")
                .GetString()
        );

        // Our configuration and the one absolute path are added to any command of the executable.
        var backup = (
            await VerbAsync(
                "LitestreamRun",
                $"-p:LitestreamArguments={(Repository.IsLine05 ? "ltx" : "generations")} data/orders.db"
            )
        ).Succeeded();
        Assert.Matches(Repository.IsLine05 ? @"\b[0-9a-f]{16}\b" : @"file\s+[0-9a-f]{16}\s", backup.Output);
        (await VerbAsync("LitestreamRun", "-p:LitestreamArguments=frobnicate")).FailedWith("LSB3001");
        (await VerbAsync("LitestreamRun", "-p:LitestreamArguments=replicate")).FailedWith("LSB3006");
        (await VerbAsync("LitestreamRun")).FailedWith("LSB3006");

        var before = File.ReadAllBytes(app.In("out/data/orders.db"));
        (await VerbAsync("LitestreamRestore")).FailedWith("LSB4001");
        Assert.Equal(before, File.ReadAllBytes(app.In("out/data/orders.db")));
        (await VerbAsync("LitestreamRestore", "-p:LitestreamIfDbNotExists=true")).Succeeded();
        (
            await VerbAsync("LitestreamRestore", "-p:LitestreamDatabase=Orders", "-p:LitestreamOutput=a copy/of it.db")
        ).Succeeded();
        Assert.Equal(["row"], PublishedAppTests.Rows(app.In("out/a copy/of it.db")));
        var wrong = (await VerbAsync("LitestreamRestore", "-p:LitestreamDatabase=order.db")).FailedWith("LSB3003");
        Assert.Contains("'data/orders.db' (Orders)", wrong.Output, StringComparison.Ordinal);

        // Beside the running app: what it commits arrives and comes back, and nothing takes its database away from it.
        using var running = RunningApp.Start(app.In("out/Worker"), ["--contentRoot", app.In("out")], app.In("out"));
        await running.WaitForAsync("built, rows: 1");
        WaitUntil(() => RunningApp.ProcessesOf(app.In("out/litestream")).Count == 1, () => running.Output);
        var verified = Item(
            await VerbAsync("LitestreamVerify", LongTimeout, "-getTargetResult:LitestreamVerify"),
            "LitestreamVerify"
        );
        Assert.Equal("Verified", verified.GetProperty("Outcome").GetString());

        // The app tells others at most once a second.
        BuildResult? told = null;
        JsonElement status = default;
        WaitUntil(
            () =>
            {
                told = VerbAsync("LitestreamStatus", "-getTargetResult:LitestreamStatus").GetAwaiter().GetResult();
                if (told.ExitCode != 0)
                    return false;
                status = Item(told, "LitestreamStatus");
                return RunningApp.ProcessesOf(app.In("out/litestream")) is [var replicator]
                    && status.GetProperty("Replicator").GetString() == $"{replicator}";
            },
            () => told!.Output
        );
        Assert.Equal("Healthy", status.GetProperty("Health").GetString());
        Assert.Equal($"{running.Id}", status.GetProperty("App").GetString());
        Assert.Equal("Replicating", status.GetProperty("State").GetString());
        (await VerbAsync("LitestreamRestore", "-p:LitestreamForce=true")).FailedWith("LSB4006");
        running.WriteLine("still here");
        await running.WaitForAsync("wrote still here");
        running.Signal("TERM");
        Assert.Equal(0, await running.WaitForExitAsync());
        Assert.Equal(["row", "still here"], PublishedAppTests.Rows(app.In("out/data/orders.db")));

        // Pulled, it continues no lineage: whoever replicates it where it comes from is refused.
        var pull = (
            await VerbAsync("LitestreamPull", "-p:LitestreamForce=true", "-p:LitestreamTimestamp=0 seconds ago")
        ).Succeeded();
        Assert.Matches(@"As of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]* [+-]\d\d:\d\d \(", pull.Output);
        Assert.Equal(["row", "still here"], PublishedAppTests.Rows(app.In("out/data/orders.db")));
        (await VerbAsync("LitestreamReplicate")).FailedWith("LSB5009");
    }

    [Fact]
    public async Task A_choice_that_is_missing_a_folder_without_a_yml_and_a_replica_without_a_backup_are_distinguished()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit(
            "Worker.csproj",
            text =>
                text.Replace(
                    "</Project>",
                    "<ItemGroup><LitestreamDatabase Include=\"other.db\" /></ItemGroup></Project>",
                    StringComparison.Ordinal
                )
        );
        (await app.DotnetAsync("restore")).Succeeded();

        var choose = (await app.DotnetAsync("msbuild", "-t:LitestreamRestore")).FailedWith("LSB3002");
        Assert.Contains("'other.db'", choose.Output, StringComparison.Ordinal);
        (await app.DotnetAsync("msbuild", "-t:LitestreamRestore", "-p:LitestreamDatabase=other.db")).FailedWith(
            "LSB4002"
        );
        (
            await app.DotnetAsync(
                "msbuild",
                "-t:LitestreamRestore",
                "-p:LitestreamDatabase=other.db",
                "-p:LitestreamIfReplicaExists=true"
            )
        ).Succeeded();
        Assert.False(File.Exists(app.In("other.db")));
        (await app.DotnetAsync("msbuild", "-t:LitestreamDatabases", "-p:LitestreamContentRoot=nowhere")).FailedWith(
            "LSB3004"
        );
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task The_listings_return_what_the_replicas_hold_under_a_path_with_two_spaces_and_a_yml_elsewhere()
    {
        using var app = await RestoredAsync("two  späces ü");
        await ReplicateAsync(app, () => Insert(app.In(One), "first"));

        var snapshots = await ItemsAsync(app, "LitestreamSnapshots", "-p:LitestreamDatabase=*");
        var files = Directory
            .EnumerateFiles(app.In("replicas"), "*.snapshot.lz4", SearchOption.AllDirectories)
            .Select(file => new FileInfo(file))
            .OrderBy(file => file.FullName)
            .ToList();
        Assert.Equal(2, files.Count);
        Assert.Equal(
            files.Select(file => (Generation(file), Hex(file.Name[..8]), file.Length, Seconds(file))),
            snapshots
                .OrderBy(item => item["Replica"])
                .Select(item => (item["Generation"], Number(item["Index"]), Number(item["Size"]), item["Created"]))
        );
        Assert.Equal(
            [(One, app.In(One), "near by"), (Two, app.In(Two), "ünd fern")],
            snapshots.Select(item => (item["Database"], item["Path"], item["Replica"])).Order()
        );

        var wal = await ItemsAsync(app, "LitestreamWal", $"-p:LitestreamDatabase={One}");
        files =
        [
            .. Directory
                .EnumerateFiles(app.In("replicas/one"), "*.wal.lz4", SearchOption.AllDirectories)
                .Select(file => new FileInfo(file))
                .OrderBy(file => file.Name),
        ];
        Assert.NotEmpty(files);
        Assert.Equal(
            files.Select(file =>
                (
                    $"{Generation(file)}/{file.Name[..17]}",
                    Hex(file.Name[..8]),
                    Hex(file.Name[9..17]),
                    file.Length,
                    Seconds(file)
                )
            ),
            wal.Select(item =>
                (item["Identity"], Number(item["Index"]), Number(item["Offset"]), Number(item["Size"]), item["Created"])
            )
        );
        Assert.Empty(
            await ItemsAsync(
                app,
                "LitestreamWal",
                $"-p:LitestreamDatabase={app.In(One)}",
                "-p:LitestreamGeneration=0123456789abcdef"
            )
        );

        var result = await VerbAsync(
            app,
            "LitestreamGenerations",
            "-p:LitestreamDatabase=*",
            "-getTargetResult:LitestreamGenerations"
        );
        var generations = Items(result.Succeeded(), "LitestreamGenerations");
        Assert.Equal(
            snapshots.Select(item => item["Generation"]).Order(),
            generations.Select(item => item["Identity"]).Order()
        );
        Assert.All(generations, item => Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", item["End"]));
        Assert.All(generations, item => Assert.True(double.Parse(item["Lag"], CultureInfo.InvariantCulture) < 60));
        Assert.Contains(
            Messages(result),
            line =>
                line.StartsWith("database ", StringComparison.Ordinal) && line.EndsWith("end", StringComparison.Ordinal)
        );

        // One that cannot be listed does not hide the other, and the items are there although the target failed.
        Directory.Move(app.In("replicas/two"), app.In("replicas/gone"));
        File.WriteAllText(app.In("replicas/two"), "a file where the folder was");
        var half = (
            await VerbAsync(
                app,
                "LitestreamSnapshots",
                "-p:LitestreamDatabase=*",
                "-getTargetResult:LitestreamSnapshots"
            )
        ).FailedWith("LSB3001");
        Assert.Equal(One, Assert.Single(Items(half, "LitestreamSnapshots"))["Database"]);
        (await VerbAsync(app, "LitestreamGenerations")).FailedWith("LSB3002");
        (await VerbAsync(app, "LitestreamLtx", $"-p:LitestreamDatabase={One}")).FailedWith("LSB3009");
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task The_LTX_listing_returns_what_the_replicas_hold_under_a_path_with_two_spaces_and_a_yml_elsewhere()
    {
        using var app = await RestoredAsync("two  späces ü");
        await ReplicateAsync(app, () => Insert(app.In(One), "first"));

        var result = await VerbAsync(app, "LitestreamLtx", "-p:LitestreamDatabase=*", "-getTargetResult:LitestreamLtx");
        var listed = Items(result.Succeeded(), "LitestreamLtx");
        (string Database, string Replica, string Folder)[] replicas =
        [
            (One, "near by", "replicas/one"),
            (Two, "ünd fern", "replicas/two"),
        ];
        foreach (var (database, replica, folder) in replicas)
        {
            var files = ReplicaFiles.All(app.In(folder)).Select(file => new FileInfo(file)).ToList();
            Assert.NotEmpty(files);
            Assert.Equal(
                files
                    .Select(file =>
                        (
                            $"{file.Directory!.Name}/{file.Name[..33]}",
                            file.Directory.Name,
                            file.Name[..16],
                            file.Name[17..33],
                            file.Length,
                            Seconds(file)
                        )
                    )
                    .Order(),
                listed
                    .Where(item => item["Database"] == database)
                    .Select(item =>
                        (
                            item["Identity"],
                            item["Level"],
                            item["MinTxId"],
                            item["MaxTxId"],
                            Number(item["Size"]),
                            item["Created"]
                        )
                    )
                    .Order()
            );
            Assert.All(
                listed.Where(item => item["Database"] == database),
                item => Assert.Equal((app.In(database), replica), (item["Path"], item["Replica"]))
            );
        }

        Assert.Contains(
            Messages(result),
            line =>
                line.StartsWith("database ", StringComparison.Ordinal)
                && line.EndsWith("created", StringComparison.Ordinal)
        );

        // One that cannot be listed does not hide the other, and the items are there although the target failed.
        Directory.Move(app.In("replicas/two"), app.In("replicas/gone"));
        File.WriteAllText(app.In("replicas/two"), "a file where the folder was");
        var half = (
            await VerbAsync(app, "LitestreamLtx", "-p:LitestreamDatabase=*", "-getTargetResult:LitestreamLtx")
        ).FailedWith("LSB3001");
        Assert.All(Items(half, "LitestreamLtx"), item => Assert.Equal(One, item["Database"]));
        Assert.NotEmpty(Items(half, "LitestreamLtx"));
        (await VerbAsync(app, "LitestreamLtx")).FailedWith("LSB3002");
        foreach (var other in new[] { "LitestreamGenerations", "LitestreamSnapshots", "LitestreamWal" })
            (await VerbAsync(app, other, $"-p:LitestreamDatabase={One}")).FailedWith("LSB3009");
    }

    [Fact]
    public async Task A_restore_goes_to_a_moment_moves_a_file_aside_only_when_forced_and_a_dry_run_changes_nothing()
    {
        using var app = await RestoredAsync("two  späces ü");
        var between = DateTimeOffset.MinValue;
        await ReplicateAsync(
            app,
            () =>
            {
                Insert(app.In(One), "first");
                WaitForRow(app, "first");
                between = AfterAWholeSecond(app.In("replicas/one"));
                Insert(app.In(One), "second");
                WaitForRow(app, "second");
            }
        );
        Insert(app.In(One), "never left");

        var moment = Assert.Single(
            await ItemsAsync(
                app,
                "LitestreamRestore",
                $"-p:LitestreamDatabase={One}",
                "-p:LitestreamOutput=out  put/ä.db",
                $"-p:LitestreamTimestamp={between:O}"
            )
        );
        Assert.Equal((app.In("out  put/ä.db"), "Restored"), (moment["Identity"], moment["Outcome"]));
        Assert.Equal(["first"], PublishedAppTests.Rows(app.In("out  put/ä.db")));

        var before = Tree(app);
        (await VerbAsync(app, "LitestreamRestore", $"-p:LitestreamDatabase={One}")).FailedWith("LSB4001");
        var would = await VerbAsync(
            app,
            "LitestreamRestore",
            $"-p:LitestreamDatabase={One}",
            "-p:LitestreamForce=true",
            "-p:LitestreamDryRun=true",
            "-getTargetResult:LitestreamRestore"
        );
        Assert.Equal("WouldRestore", Assert.Single(Items(would.Succeeded(), "LitestreamRestore"))["Outcome"]);
        Assert.Equal(before, Tree(app));

        var forced = await VerbAsync(
            app,
            "LitestreamRestore",
            $"-p:LitestreamDatabase={One}",
            "-p:LitestreamForce=true",
            "-getTargetResult:LitestreamRestore"
        );
        var item = Assert.Single(Items(forced.Succeeded(), "LitestreamRestore"));
        Assert.Equal((app.In(One), "Restored"), (item["Identity"], item["Outcome"]));
        Assert.Equal(["first", "second"], PublishedAppTests.Rows(app.In(One)));
        var aside = item["MovedAside"].Split(';');
        Assert.All(aside, path => Assert.True(Path.Exists(path), path));
        Assert.Contains(Messages(forced), line => line.Contains(aside[0], StringComparison.Ordinal));
        var kept = Assert.Single(
            aside,
            path =>
                File.Exists(path)
                && Path.GetFileName(path).Contains(".db", StringComparison.Ordinal)
                && !path.EndsWith("-wal", StringComparison.Ordinal)
                && !path.EndsWith("-shm", StringComparison.Ordinal)
        );
        Assert.Equal(["first", "second", "never left"], PublishedAppTests.Rows(kept));

        // All of them: the one that is there is left alone, the lost one comes back.
        Lose(app.In(Two));
        var all = await ItemsAsync(
            app,
            "LitestreamRestore",
            "-p:LitestreamDatabase=*",
            "-p:LitestreamIfDbNotExists=true"
        );
        Assert.Equal(
            [(app.In(One), "DatabaseExists"), (app.In(Two), "Restored")],
            all.Select(result => (result["Identity"], result["Outcome"]))
        );
    }

    [Fact(Timeout = 40 * 60_000)]
    public async Task Verify_proves_a_healthy_replica_and_tells_one_that_nothing_feeds_by_code_exit_code_and_item()
    {
        using var app = await RestoredAsync("app");
        await ReplicateAsync(
            app,
            async () =>
            {
                Insert(app.In(One), "first");

                // The databases lie in the folder of the project, which a publish may ship: nothing is written there
                // unasked, and nothing more is claimed.
                var unasked = await ItemsAsync(app, "LitestreamVerify", LongTimeout);
                Assert.All(unasked, item => Assert.Equal(("Verified", "Position"), (item["Outcome"], item["Level"])));
                Assert.All(
                    unasked,
                    item => Assert.Contains("is not proved", item["Message"], StringComparison.Ordinal)
                );
                Assert.Equal(
                    "0",
                    Scalar(app.In(One), "SELECT count(*) FROM sqlite_master WHERE name = '_litestream_verification'")
                );

                var asked = (
                    await VerbAsync(
                        app,
                        "LitestreamVerify",
                        "-p:LitestreamVerifyLevel=Full",
                        LongTimeout,
                        "-getTargetResult:LitestreamVerify"
                    )
                )
                    .Succeeded()
                    .WarnedWith("LSB3021");
                var verified = Items(asked, "LitestreamVerify");
                Assert.Equal(
                    [(One, "Verified", "Full"), (Two, "Verified", "Full")],
                    verified.Select(item => (item["Identity"], item["Outcome"], item["Level"]))
                );
                Assert.Equal("1", verified[0]["Rows"]);
                AssertInReplica(verified[0]["Committed"], app.In("replicas/one"));

                var position = Assert.Single(
                    await ItemsAsync(
                        app,
                        "LitestreamVerify",
                        $"-p:LitestreamDatabase={One}",
                        "-p:LitestreamVerifyLevel=position",
                        "-p:LitestreamVerifyWrite=false",
                        LongTimeout
                    )
                );
                Assert.Equal(
                    ("Verified", "Position", ""),
                    (position["Outcome"], position["Level"], position["RestoredBytes"])
                );
            }
        );

        var stopped = (
            await VerbAsync(
                app,
                "LitestreamVerify",
                "-p:LitestreamVerifyLevel=Full",
                "-p:LitestreamTimeout=2",
                "-getTargetResult:LitestreamVerify"
            )
        ).FailedWith("LSB4101");
        Assert.Equal(
            ["NotReplicating", "NotReplicating"],
            Items(stopped, "LitestreamVerify").Select(item => item["Outcome"])
        );
        Assert.Equal(1, stopped.ExitCode);
        Assert.Equal("1", Scalar(app.In(One), "SELECT count(*) FROM rows"));
        Assert.Equal("1", Scalar(app.In(One), "SELECT count(*) FROM _litestream_verification"));

        var drill = Assert.Single(
            await ItemsAsync(
                app,
                "LitestreamDrill",
                $"-p:LitestreamDatabase={One}",
                "-p:LitestreamDrillQuery=SELECT count(*) AS n%2C max(text) AS last FROM rows"
            )
        );
        Assert.Equal("n=1, last=first", drill["Answer"]);
        Assert.True(double.Parse(drill["RecoveryTime"], CultureInfo.InvariantCulture) > 0);
        (
            await VerbAsync(
                app,
                "LitestreamDrill",
                $"-p:LitestreamDatabase={One}",
                "-p:LitestreamDrillQuery=SELECT 1 FROM rows WHERE text = 'nothing'"
            )
        ).FailedWith("LSB4111");

        var row = Assert.Single(
            await ItemsAsync(
                app,
                "LitestreamQuery",
                $"-p:LitestreamDatabase={One}",
                "-p:LitestreamTimestamp=now",
                "-p:LitestreamSql=SELECT text%2C NULL AS n FROM rows WHERE text LIKE 'f%25st'"
            )
        );
        Assert.Equal(("1", """{"text":"first","n":null}"""), (row["Identity"], row["Row"]));
        (
            await VerbAsync(
                app,
                "LitestreamQuery",
                $"-p:LitestreamDatabase={One}",
                "-p:LitestreamSql=DELETE FROM rows"
            )
        ).FailedWith("LSB3024");
        var same = Assert.Single(await ItemsAsync(app, "LitestreamDiff", $"-p:LitestreamDatabase={One}"));
        Assert.Equal(("true", "none"), (same["Same"], same["Changes"]));

        var started = await ItemsAsync(app, "LitestreamVerify", "-p:LitestreamStartReplicator=true", LongTimeout);
        Assert.Equal(["Verified", "Verified"], started.Select(item => item["Outcome"]));
        Assert.Empty(
            Directory
                .EnumerateFiles(app.In("obj"), "litestream", SearchOption.AllDirectories)
                .SelectMany(RunningApp.ProcessesOf)
        );
        Assert.Empty(Directory.EnumerateFiles(app.Folder, "*.tmp*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("INT", Traits = ["Category", "Long"])]
    [InlineData("TERM")]
    public async Task A_verification_with_a_litestream_of_its_own_that_is_stopped_leaves_no_process(string signal)
    {
        using var app = await RestoredAsync("app");

        // Nothing is sent before the hour is over, so it waits.
        app.Edit(Yml, text => text.Replace("sync-interval: 20ms", "sync-interval: 1h", StringComparison.Ordinal));
        using var verb = RunningApp.Start(
            "dotnet",
            [
                "msbuild",
                "-t:LitestreamVerify",
                $"-p:LitestreamConfigFile={Yml}",
                $"-p:LitestreamDatabase={One}",
                "-p:LitestreamStartReplicator=true",
            ],
            app.Folder,
            app.EnvironmentVariables
        );
        WaitUntil(
            () =>
                Directory.Exists(app.In("obj"))
                && Directory
                    .EnumerateFiles(app.In("obj"), "litestream", SearchOption.AllDirectories)
                    .SelectMany(RunningApp.ProcessesOf)
                    .Any(IsReplicating)
                // It has begun with the database.
                && Directory.Exists(app.In($"data/.one.db-litestream/{AppFolder.ContentFolder}")),
            () => verb.Output
        );

        verb.Signal(signal);
        await verb.WaitForExitAsync();

        Assert.Empty(
            Directory
                .EnumerateFiles(app.In("obj"), "litestream", SearchOption.AllDirectories)
                .SelectMany(RunningApp.ProcessesOf)
        );
        Assert.True(
            ReplicaFiles.Starts(app.In("replicas/one")).Count > 0,
            "what was committed was sent"
        );

        static bool IsReplicating(int id)
        {
            try
            {
                return File.ReadAllText($"/proc/{id}/cmdline").Contains("replicate", StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Every_wrong_value_is_one_error_that_names_the_property_before_anything_is_started()
    {
        using var app = await RestoredAsync("app");
        var started = DummyExecutable(app, "0.3.13");
        (string Target, string Properties, string Named)[] cases =
        [
            ("LitestreamGenerations", "LitestreamTimeout=0", "LitestreamTimeout"),
            ("LitestreamSnapshots", "LitestreamNoExpandEnv=perhaps", "LitestreamNoExpandEnv"),
            ("LitestreamWal", "LitestreamGeneration=newest", "LitestreamGeneration"),
            ("LitestreamWal", "LitestreamArguments=-v", "LitestreamArguments"),
            ("LitestreamRestore", "LitestreamForce=maybe", "LitestreamForce"),
            ("LitestreamRestore", "LitestreamDryRun=2", "LitestreamDryRun"),
            ("LitestreamRestore", "LitestreamIndex=ten", "LitestreamIndex"),
            ("LitestreamRestore", "LitestreamParallelism=0", "LitestreamParallelism"),
            ("LitestreamRestore", "LitestreamIfDbNotExists=x", "LitestreamIfDbNotExists"),
            ("LitestreamRestore", "LitestreamIfReplicaExists=x", "LitestreamIfReplicaExists"),
            ("LitestreamRestore", "LitestreamDatabase=*;LitestreamOutput=x.db", "LitestreamOutput"),
            ("LitestreamVerify", "LitestreamVerifyLevel=Half", "LitestreamVerifyLevel"),
            ("LitestreamVerify", "LitestreamVerifyWrite=never", "LitestreamVerifyWrite"),
            ("LitestreamVerify", "LitestreamStartReplicator=maybe", "LitestreamStartReplicator"),
            ("LitestreamDrill", "LitestreamTimeout=a while", "LitestreamTimeout"),
            ("LitestreamReplicate", $"LitestreamDatabase={One}", "LitestreamDatabase"),
        ];
        var calls = cases.Select(c =>
            $"    <MSBuild Projects=\"../Worker.csproj\" Targets=\"{c.Target}\" Properties=\"{c.Properties}\" "
            + $"ContinueOnError=\"true\" />"
        );
        app.Write(
            "calls/all.proj",
            $"<Project>\n  <Target Name=\"All\">\n{string.Join('\n', calls)}\n  </Target>\n</Project>\n"
        );

        var result = (
            await app.DotnetAsync(
                "msbuild",
                "calls/all.proj",
                $"-p:LitestreamConfigFile={Yml}",
                $"-p:LitestreamInstallDir={app.In("own")}"
            )
        ).FailedWith("LSB3008");

        Assert.Equal(cases.Length, result.Errors.Count(error => error.Code == "LSB3008"));
        Assert.All(
            cases.Zip(result.Errors.Where(error => error.Code == "LSB3008")),
            pair => Assert.Contains(pair.First.Named, pair.Second.Text, StringComparison.Ordinal)
        );
        Assert.False(File.Exists(started), "the executable was started");
        (
            await VerbAsync(app, "LitestreamRestore", $"-p:LitestreamDatabase={One}", "-p:LitestreamTimestamp=soon")
        ).FailedWith("LSB3007");
    }

    [Fact]
    public async Task Nothing_but_the_version_is_asked_where_that_is_enough_and_a_command_of_the_other_line_is_named()
    {
        using var app = await RestoredAsync("app");
        var started = DummyExecutable(app, "0.5.17");
        var own = $"-p:LitestreamInstallDir={app.In("own")}";

        (await VerbAsync(app, "LitestreamDatabases", own)).Succeeded();
        (await VerbAsync(app, "LitestreamConfig", own)).Succeeded();
        var status = Items(
            (await VerbAsync(app, "LitestreamStatus", own, "-getTargetResult:LitestreamStatus")).FailedWith("LSB5020"),
            "LitestreamStatus"
        );
        Assert.All(status, item => Assert.Equal("Unknown", item["Health"]));
        Assert.Equal(
            [(One, "not initialized", ""), (Two, "not initialized", "")],
            status.Select(item => (item["Identity"], item["Status"], item["Replicator"]))
        );
        // What reads a yml of the user's own says which keys are right in it.
        Assert.Equal(["version"], File.ReadLines(started).Distinct());

        var other = (await VerbAsync(app, "LitestreamGenerations", $"-p:LitestreamDatabase={One}", own)).FailedWith(
            "LSB3009"
        );
        Assert.Contains(
            "LitestreamLtx",
            Assert.Single(other.Errors, error => error.Code == "LSB3009").Text,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_storage_that_never_answers_ends_at_the_time_limit_and_at_ctrl_c_and_leaves_no_process()
    {
        using var app = await RestoredAsync("app");
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        app.Write("s3.yml", S3(((IPEndPoint)silent.LocalEndpoint).Port));
        (
            await app.DotnetAsync(
                Keys,
                "msbuild",
                $"-t:{Listing}",
                "-p:LitestreamConfigFile=s3.yml",
                "-p:LitestreamTimeout=500ms"
            )
        ).FailedWith("LSB3005");
        var executable = Assert.Single(
            Directory.EnumerateFiles(app.In("obj"), "litestream", SearchOption.AllDirectories)
        );
        Assert.Empty(RunningApp.ProcessesOf(executable));

        using var verb = RunningApp.Start(
            "dotnet",
            ["msbuild", "-t:LitestreamRestore", "-p:LitestreamConfigFile=s3.yml", "-p:LitestreamOutput=back.db"],
            app.Folder,
            app.EnvironmentVariables.Concat(Keys).ToDictionary()
        );
        WaitUntil(() => RunningApp.ProcessesOf(executable).Count == 1, () => verb.Output);
        verb.Signal("INT");
        Assert.NotEqual(0, await verb.WaitForExitAsync());
        Assert.Empty(RunningApp.ProcessesOf(executable));
        Assert.Empty(Directory.EnumerateFileSystemEntries(app.Folder, "*back*"));
    }

    [Fact]
    public async Task A_secret_is_in_no_output_and_in_no_binary_log()
    {
        const string FromVariable = "s3cr3t-from-a-variable";
        const string FromSetting = "s3cr3t-from-a-setting";
        const string FromYml = "s3cr3t-from-the-yml";
        const string FromList = "AGE-SECRET-KEY-1Y70S9E56WNUT2DTPDLLQ2EECAV6ZJVPVDEHGYHG3K7KU5K3LC5SQGLX328";
        using var app = await RestoredAsync("app");
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        silent.Stop();

        // Release line 0.5 has no encryption, and thus no key in a list.
        const string Encryption =
            $"        age:\n          identities:\n            - {FromList}\n          recipients:\n            - "
            + "age15lpfp533az5cezspd3mey2gsckj2he72cmqlyverp8kd5phr53kqz4f4a7\n";
        app.Write("s3.yml", S3(port, FromYml) + (Repository.IsLine05 ? "" : Encryption));
        app.Edit(
            "appsettings.json",
            text =>
                text.Replace(
                    "\"Logging\"",
                    $"\"Litestream\": {{ \"AccessKeyId\": \"{FromSetting}\" }},\n  \"Logging\"",
                    StringComparison.Ordinal
                )
        );
        var variables = new Dictionary<string, string?> { ["LITESTREAM_SECRET_ACCESS_KEY"] = FromVariable };

        var seen = new StringBuilder();
        foreach (
            var verb in new[]
            {
                "LitestreamConfig",
                Listing,
                "LitestreamRestore",
                "LitestreamVerify",
                "LitestreamDrill",
            }
        )
        {
            var result = await app.DotnetAsync(
                variables,
                "msbuild",
                $"-t:{verb}",
                "-p:LitestreamConfigFile=s3.yml",
                "-p:LitestreamOutput=back.db",
                "-p:LitestreamTimeout=20",
                "-v:diag"
            );
            Assert.Equal(verb == "LitestreamConfig", result.ExitCode == 0);
            using var log = new GZipStream(File.OpenRead(result.BinaryLog), CompressionMode.Decompress);
            using var bytes = new MemoryStream();
            await log.CopyToAsync(bytes, TestContext.Current.CancellationToken);
            seen.Append(result.Output).Append(result.ErrorOutput).Append(Encoding.UTF8.GetString(bytes.ToArray()));
        }

        var everything = seen.ToString();
        Assert.Contains("LitestreamVerify", everything, StringComparison.Ordinal);
        foreach (var secret in new[] { FromVariable, FromSetting, FromYml, FromList })
            Assert.DoesNotContain(secret, everything, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_verb_can_be_extended_and_is_forwarded_in_a_project_with_several_target_frameworks()
    {
        var targets = XDocument.Load(Repository.In("buildTransitive", "Litestream.Build.Commands.targets")).Root!;
        var verbs = targets
            .Elements("Target")
            .Where(target => !target.Attribute("Name")!.Value.StartsWith('_'))
            .ToList();
        using var package = ZipFile.OpenRead(Path.Combine(packages.Feed, $"Litestream.Build.{packages.Version}.nupkg"));
        using var file = package.GetEntry("buildMultiTargeting/Litestream.Build.Verbs.targets")!.Open();
        var forwarded = XDocument.Load(file).Root!.Elements("Target");
        var documented = File.ReadAllText(Repository.In("docs", "commands.md"));

        Assert.True(verbs.Count >= 12);
        Assert.Equal(
            verbs.Select(verb => verb.Attribute("Name")!.Value).Order(),
            forwarded.Select(target => target.Attribute("Name")!.Value).Order()
        );
        Assert.All(
            verbs,
            verb =>
                Assert.StartsWith(
                    $"$({verb.Attribute("Name")!.Value}DependsOn);",
                    verb.Attribute("DependsOnTargets")!.Value,
                    StringComparison.Ordinal
                )
        );
        Assert.All(
            verbs,
            verb => Assert.Contains($"`{verb.Attribute("Name")!.Value}`", documented, StringComparison.Ordinal)
        );

        // What a property of ours feeds is in the manual.
        var properties = targets
            .Descendants("_LitestreamVerb")
            .SelectMany(item => item.Attributes())
            .Where(attribute => attribute.Name.LocalName.StartsWith("Litestream", StringComparison.Ordinal))
            .SelectMany(attribute =>
                Regex.Matches(attribute.Value, @"\$\((Litestream\w+)\)").Select(match => match.Groups[1].Value)
            )
            .Distinct();
        Assert.All(properties, property => Assert.Contains($"`{property}`", documented, StringComparison.Ordinal));
    }

    private static readonly Dictionary<string, string?> Keys = new() { ["LITESTREAM_ACCESS_KEY_ID"] = "key" };
    private const string One = "data/one.db";
    private const string Two = "data/zwei  ü.db";
    private const string Yml = "else where/my.yml";

    /// <summary>Time enough for a commit to arrive on a slow machine.</summary>
    private const string LongTimeout = "-p:LitestreamTimeout=3m";

    /// <summary>What lists the full copies in a replica.</summary>
    private static string Listing => Repository.IsLine05 ? "LitestreamLtx" : "LitestreamSnapshots";

    /// <summary>
    /// A project that is restored and nothing more, with a yml in a folder of its own, two databases and their
    /// replicas.
    /// </summary>
    private async Task<Workspace> RestoredAsync(string name)
    {
        var app = new Workspace(packages, name).WithAsset("Worker");
        app.Write(Yml, $"dbs:\n{Entry(One, "near by", "replicas/one")}{Entry(Two, "ünd fern", "replicas/two")}");
        foreach (var database in new[] { One, Two })
        {
            Directory.CreateDirectory(app.In("data"));
            _ = Scalar(
                app.In(database),
                "PRAGMA journal_mode = WAL; CREATE TABLE rows(id INTEGER PRIMARY KEY, text TEXT NOT NULL)"
            );
        }

        (await app.DotnetAsync("restore")).Succeeded();
        return app;

        static string Entry(string path, string replica, string folder) =>
            $"  - path: \"{path}\"\n    monitor-interval: 20ms\n    replicas:\n      - name: {replica}\n        "
            + $"path: {folder}\n        sync-interval: 20ms\n";
    }

    private static string S3(int port, string secret = "0123456789") =>
        $"dbs:\n  - path: {One}\n    replicas:\n      - type: s3\n        bucket: bucket\n        path: one\n       "
        + $" region: eu-west-1\n        endpoint: http://127.0.0.1:{port}\n        access-key-id: "
        + $"${{LITESTREAM_ACCESS_KEY_ID}}\n        secret-access-key: {secret}\n";

    private static Task<BuildResult> VerbAsync(Workspace app, string verb, params string[] properties) =>
        app.DotnetAsync(["msbuild", $"-t:{verb}", $"-p:LitestreamConfigFile={Yml}", .. properties]);

    private static async Task<IReadOnlyList<IReadOnlyDictionary<string, string>>> ItemsAsync(
        Workspace app,
        string verb,
        params string[] properties
    ) => Items((await VerbAsync(app, verb, [.. properties, $"-getTargetResult:{verb}"])).Succeeded(), verb);

    private static List<Dictionary<string, string>> Items(BuildResult result, string target) =>
        [
            .. JsonDocument
                .Parse(result.Output)
                .RootElement.GetProperty("TargetResults")
                .GetProperty(target)
                .GetProperty("Items")
                .EnumerateArray()
                .Select(item =>
                    item.EnumerateObject()
                        .ToDictionary(metadata => metadata.Name, metadata => metadata.Value.GetString() ?? "")
                ),
        ];

    private static List<string> Messages(BuildResult result) =>
        [.. result.Log.FindChildrenRecursive<Message>().Select(message => message.Text)];

    /// <summary>
    /// The real executable feeds both replicas while something is done, and ends when all of it has been sent: 0.3.13
    /// with something left to send writes it twice at once at its end, and one of the two may fail. 0.5 sends the rest
    /// once, at its end.
    /// </summary>
    private static async Task ReplicateAsync(Workspace app, Func<Task> during)
    {
        using var replicator = RunningApp.Start(Executable, ["replicate", "-config", app.In(Yml)], app.Folder);
        try
        {
            WaitForSegments(app, "one", 1);
            WaitForSegments(app, "two", 1);
            await during();
            WaitUntil(() =>
                Repository.IsLine05
                || (Sent(replicator.Output, app.In(One)) && Sent(replicator.Output, app.In(Two)))
            );
            replicator.Signal("TERM");
            Assert.Equal(0, await replicator.WaitForExitAsync());
        }
        finally
        {
            TestContext.Current.TestOutputHelper?.WriteLine(replicator.Output);
        }
    }

    private static Task ReplicateAsync(Workspace app, Action during) =>
        ReplicateAsync(
            app,
            () =>
            {
                during();
                return Task.CompletedTask;
            }
        );

    /// <summary>Whether the executable has logged as many bytes of WAL segments as the database's WAL has.</summary>
    private static bool Sent(string output, string database) =>
        output
            .Split('\n')
            .Where(line =>
                line.Contains("msg=\"wal segment written\"", StringComparison.Ordinal)
                // Quoted where there are spaces in it.
                && (line.Contains($"db={database} ", StringComparison.Ordinal)
                    || line.Contains($"db=\"{database}\"", StringComparison.Ordinal))
            )
            .Sum(line => long.Parse(line.Trim().Split("sz=")[^1], CultureInfo.InvariantCulture))
        >= new FileInfo($"{database}-wal").Length;

    private static string Executable => Repository.Executable;

    private static void WaitForSegments(Workspace app, string replica, int count) =>
        WaitUntil(() => ReplicaFiles.Changes(app.In($"replicas/{replica}")).Count >= count);

    /// <summary>Waits until a restore of the first database has the row.</summary>
    private static void WaitForRow(Workspace app, string text) =>
        WaitUntil(() =>
        {
            var copy = Path.Combine(app.Root, $"{Guid.NewGuid():N}.db");
            var restore = Cli.Wrap(Executable)
                .WithArguments(["restore", "-config", app.In(Yml), "-o", copy, One])
                .WithWorkingDirectory(app.Folder)
                .WithValidation(CommandResultValidation.None)
                .ExecuteBufferedAsync(TestContext.Current.CancellationToken)
                .GetAwaiter()
                .GetResult();
            return restore.ExitCode == 0 && File.Exists(copy) && PublishedAppTests.Rows(copy).Contains(text);
        });

    /// <summary>The place of a commit, as a verification tells it, is one in this replica.</summary>
    private static void AssertInReplica(string committed, string replica)
    {
        if (Repository.IsLine05)
        {
            Assert.Contains(
                ReplicaFiles.Changes(replica),
                file => Path.GetFileName(file).EndsWith($"{committed}.ltx", StringComparison.Ordinal)
            );
            return;
        }

        Assert.Equal(
            committed.Split('/')[0],
            Path.GetFileName(Directory.EnumerateDirectories(Path.Combine(replica, "generations")).Single())
        );
    }

    private static void WaitUntil(Func<bool> condition, Func<string>? what = null)
    {
        for (var watch = Stopwatch.StartNew(); !condition(); Thread.Sleep(20))
        {
            Assert.True(
                watch.Elapsed < TimeSpan.FromMinutes(10),
                $"It did not come about within 10 minutes. {what?.Invoke()}"
            );
        }
    }

    /// <summary>
    /// A replica knows when its files were written, in whole seconds: the moment between two commits is one that no
    /// file was written at.
    /// </summary>
    private static DateTimeOffset AfterAWholeSecond(string replica)
    {
        var last = ReplicaFiles.Newest(replica);
        WaitUntil(() => DateTime.UtcNow > last.AddSeconds(1.1));
        var moment = DateTimeOffset.UtcNow;
        WaitUntil(() => DateTimeOffset.UtcNow > moment.AddSeconds(1.1));
        return moment;
    }

    private static void Insert(string database, string text)
    {
        var rows = Scalar(database, "SELECT count(*) FROM rows");
        _ = Scalar(database, $"INSERT INTO rows(text) VALUES ('{text}')");
        Assert.NotEqual(rows, Scalar(database, "SELECT count(*) FROM rows"));
    }

    private static string Scalar(string database, string sql)
    {
        using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = database, Pooling = false }.ToString()
        );
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture) ?? "";
    }

    private static void Lose(string database)
    {
        foreach (
            var file in Directory.EnumerateFiles(Path.GetDirectoryName(database)!, Path.GetFileName(database) + "*")
        )
        {
            File.Delete(file);
        }
    }

    /// <summary>
    /// Stands in for an executable that must not be started, or for another release line; it leaves a mark when it is
    /// run.
    /// </summary>
    private static string DummyExecutable(Workspace app, string version)
    {
        var started = app.In("started");
        app.Write(
            "own/litestream",
            $"#!/bin/sh\necho \"$1\" >> '{started}'\nif [ \"$1\" = version ]; then echo {version}; exit 0; fi\necho "
                + $"\"unknown command: $1\" >&2\nexit 1\n"
        );
        File.SetUnixFileMode(
            app.In("own/litestream"),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        return started;
    }

    private static SortedDictionary<string, long> Tree(Workspace app) =>
        new(
            Directory
                .EnumerateFiles(app.In("data"), "*", SearchOption.AllDirectories)
                .Concat(Directory.EnumerateFiles(app.In("replicas"), "*", SearchOption.AllDirectories))
                .ToDictionary(file => file, file => new FileInfo(file).Length),
            StringComparer.Ordinal
        );

    private static string Generation(FileInfo file) => file.Directory!.Parent!.Name;

    private static long Hex(string text) =>
        long.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static string Seconds(FileInfo file) =>
        file.LastWriteTimeUtc.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static JsonElement Item(BuildResult result, string target) =>
        JsonDocument
            .Parse(result.Succeeded().Output)
            .RootElement.GetProperty("TargetResults")
            .GetProperty(target)
            .GetProperty("Items")[0];
}
