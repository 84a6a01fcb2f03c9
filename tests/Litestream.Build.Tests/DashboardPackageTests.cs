namespace Litestream.Build.Tests;

/// <summary>The dashboard from its package, in an app that the build has given the hook.</summary>
public sealed class DashboardPackageTests(Packages packages)
{
    [Theory]
    [InlineData("")]
    [InlineData("-r linux-x64 --self-contained -p:PublishTrimmed=true", Traits = ["Category", "Long"])]
    [InlineData("-r linux-x64 -p:PublishAot=true", Traits = ["Category", "Long"])]
    public async Task One_package_and_one_line_mount_it_in_an_API_without_pages(string options)
    {
        using var workspace = new Workspace(packages);
        (await workspace.DotnetAsync("new", "web", "-n", "Shop", "-o", ".", "--no-restore")).Succeeded();
        workspace.AddPackage("Shop.csproj");
        workspace.AddPackage("Shop.csproj", "Litestream.Dashboard");
        workspace.AddPackage("Shop.csproj", "Microsoft.Data.Sqlite", "10.0.15");
        workspace.Write("appsettings.json", """{ "ConnectionStrings": { "Shop": "Data Source=shop.db" } }""");
        workspace.Write(
            "Program.cs",
            """
            using Microsoft.Data.Sqlite;

            var app = WebApplication.CreateSlimBuilder(args).Build();
            using (var connection = new SqliteConnection(app.Configuration.GetConnectionString("Shop")))
            {
                connection.Open();
                using var command = connection.CreateCommand();
                command.CommandText = "CREATE TABLE IF NOT EXISTS Orders (Id INTEGER PRIMARY KEY)";
                command.ExecuteNonQuery();
            }

            app.MapLitestreamDashboard();
            app.Run();
            """
        );
        var publish = await workspace.DotnetAsync([
            "publish",
            "-c",
            "Release",
            "-o",
            "out",
            .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        ]);
        TemplateTests.SkipWhatIsMissing(publish).Succeeded();
        using var app = RunningApp.Start(
            workspace.In("out/Shop"),
            [],
            workspace.In("out"),
            new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = "http://127.0.0.1:0" }
        );
        await app.WaitForAsync("Now listening on: ");
        var address = app.Output.Split("Now listening on: ")[1].Split('\n')[0].Trim();
        using var client = new HttpClient(new HttpClientHandler { UseProxy = false })
        {
            BaseAddress = new Uri(address),
        };
        var page = await client.GetStringAsync("/litestream", TestContext.Current.CancellationToken);
        Assert.Contains(">shop.db</a>", page, StringComparison.Ordinal);
        Assert.Contains("id=\"pid\"", page, StringComparison.Ordinal);
        var style = page.Split("rel=\"stylesheet\" href=\"")[1].Split('"')[0];
        Assert.Contains(
            "--paper",
            await client.GetStringAsync(style, TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "\"path\":\"shop.db\"",
            await client.GetStringAsync("/litestream/api/status", TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        app.Signal("TERM");
        Assert.True(await app.WaitForExitAsync() == 0, app.Output);
    }
}
