using System.Globalization;
using CliWrap;
using CliWrap.Buffered;
using Microsoft.Build.Logging.StructuredLogger;
using static Litestream.Build.Tests.VerbProject;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tests;

/// <summary>The verbs that read a replica: the listings, the restore, the proofs.</summary>
public sealed class ReplicaVerbTests(Packages packages)
{
    [Fact]
    [Trait("Line", "0.3")]
    public async Task The_listings_return_what_the_replicas_hold_under_a_path_with_two_spaces_and_a_yml_elsewhere()
    {
        using var app = await RestoredAsync(packages, "two  späces ü");
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
        using var app = await RestoredAsync(packages, "two  späces ü");
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
        using var app = await RestoredAsync(packages, "two  späces ü");
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
        using var app = await RestoredAsync(packages, "app");
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

    private static void Lose(string database)
    {
        foreach (
            var file in Directory.EnumerateFiles(Path.GetDirectoryName(database)!, Path.GetFileName(database) + "*")
        )
        {
            File.Delete(file);
        }
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
}
