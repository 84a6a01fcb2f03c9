using System.IO.Compression;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using static Litestream.Build.Tests.VerbProject;

namespace Litestream.Build.Tests;

/// <summary>
/// The command-line verbs: all of them on a publish folder with a real replica, and on projects that do not say enough.
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

    private static JsonElement Item(BuildResult result, string target) =>
        JsonDocument
            .Parse(result.Succeeded().Output)
            .RootElement.GetProperty("TargetResults")
            .GetProperty(target)
            .GetProperty("Items")[0];
}
