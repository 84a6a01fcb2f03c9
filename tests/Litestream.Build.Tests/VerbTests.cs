using System.Text.Json;

namespace Litestream.Build.Tests;

/// <summary>The command-line verbs, on a publish folder with a real replica and on projects that do not say enough.</summary>
public sealed class VerbTests(Packages packages)
{
    [Fact]
    public async Task On_a_publish_folder_each_verb_prints_and_returns_what_is_there()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        (await app.DotnetAsync("publish", "-c", "Release", "-o", "out")).Succeeded();
        await PublishedAppTests.RunOnceAsync(app, expectedRows: 0);
        Task<BuildResult> VerbAsync(string verb, params string[] properties) =>
            app.DotnetAsync(["msbuild", $"-t:{verb}", "-p:LitestreamContentRoot=out", .. properties]);

        var database = Item(await VerbAsync("LitestreamDatabases", "-getTargetResult:LitestreamDatabases"), "LitestreamDatabases");
        Assert.Equal("data/orders.db", database.GetProperty("Identity").GetString());
        Assert.Equal("Orders", database.GetProperty("Name").GetString());
        Assert.Equal(app.In("out/data/orders.db"), database.GetProperty("Path").GetString());
        Assert.Equal("true", database.GetProperty("Exists").GetString());
        Assert.Equal("file", database.GetProperty("ReplicaType").GetString());

        Assert.Contains(app.In("out/data/orders.db"), (await VerbAsync("LitestreamConfig")).Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal("0.3.13", Item(await VerbAsync("LitestreamVersion", "-getTargetResult:LitestreamVersion"), "LitestreamVersion").GetProperty("Identity").GetString());

        // Our configuration and the one absolute path are added to any command of the executable.
        var generations = (await VerbAsync("LitestreamRun", "-p:LitestreamArguments=generations data/orders.db")).Succeeded();
        Assert.Matches(@"file\s+[0-9a-f]{16}\s", generations.Output);
        (await VerbAsync("LitestreamRun", "-p:LitestreamArguments=frobnicate")).FailedWith("LSB3001");
        (await VerbAsync("LitestreamRun", "-p:LitestreamArguments=replicate")).FailedWith("LSB3006");
        (await VerbAsync("LitestreamRun")).FailedWith("LSB3006");

        var before = File.ReadAllBytes(app.In("out/data/orders.db"));
        (await VerbAsync("LitestreamRestore")).FailedWith("LSB4001");
        Assert.Equal(before, File.ReadAllBytes(app.In("out/data/orders.db")));
        (await VerbAsync("LitestreamRestore", "-p:LitestreamIfDbNotExists=true")).Succeeded();
        (await VerbAsync("LitestreamRestore", "-p:LitestreamDatabase=Orders", "-p:LitestreamOutput=a copy/of it.db")).Succeeded();
        Assert.Equal(["row"], PublishedAppTests.Rows(app.In("out/a copy/of it.db")));
        var wrong = (await VerbAsync("LitestreamRestore", "-p:LitestreamDatabase=order.db")).FailedWith("LSB3003");
        Assert.Contains("'data/orders.db' (Orders)", wrong.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_choice_that_is_missing_a_folder_without_a_yml_and_a_replica_without_a_backup_are_told_apart()
    {
        using var app = new Workspace(packages).WithAsset("Worker");
        app.Edit("Worker.csproj", text => text.Replace("</Project>", "<ItemGroup><LitestreamDatabase Include=\"other.db\" /></ItemGroup></Project>", StringComparison.Ordinal));
        (await app.DotnetAsync("restore")).Succeeded();

        var choose = (await app.DotnetAsync("msbuild", "-t:LitestreamRestore")).FailedWith("LSB3002");
        Assert.Contains("'other.db'", choose.Output, StringComparison.Ordinal);
        (await app.DotnetAsync("msbuild", "-t:LitestreamRestore", "-p:LitestreamDatabase=other.db")).FailedWith("LSB4002");
        (await app.DotnetAsync("msbuild", "-t:LitestreamRestore", "-p:LitestreamDatabase=other.db", "-p:LitestreamIfReplicaExists=true")).Succeeded();
        Assert.False(File.Exists(app.In("other.db")));
        (await app.DotnetAsync("msbuild", "-t:LitestreamDatabases", "-p:LitestreamContentRoot=nowhere")).FailedWith("LSB3004");
    }

    private static JsonElement Item(BuildResult result, string target) => JsonDocument
        .Parse(result.Succeeded().Output)
        .RootElement.GetProperty("TargetResults").GetProperty(target).GetProperty("Items")[0];
}
