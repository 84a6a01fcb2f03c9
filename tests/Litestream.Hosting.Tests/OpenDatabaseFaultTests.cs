using System.Text.RegularExpressions;

namespace Litestream.Hosting.Tests;

/// <summary>What the app has open and nothing replicates, seen by a real app about itself.</summary>
public sealed class OpenDatabaseFaultTests
{
    [Theory]
    [InlineData("")]
    [InlineData("*/cache.db", Traits = ["Category", "Long"])]
    [InlineData("other.db;cache.db")]
    public async Task A_database_that_the_app_opens_and_nothing_replicates_is_named_unless_that_is_meant(string meant)
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__NotReplicated"] = meant;
        await File.WriteAllTextAsync(
            Path.Combine(folder.Work, "appsettings.json"),
            "{}",
            TestContext.Current.CancellationToken
        );
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await app.TellAsync("hold cache.db");
        await app.SaysAsync("holds cache.db");
        await app.TellAsync("hold seen.db");
        await app.SaysAsync("holds seen.db");

        // Both were open from then on: once the one is named, the other would have been too.
        await app.SaysAsync($"LSB5018: The app has the SQLite database '{folder.Work}/seen.db' open");
        await app.SaysAsync(
            "Add '- path: seen.db' with a replica to litestream.yml, or list the path in Litestream:NotReplicated"
        );
        Assert.Equal(meant.Length == 0 ? 2 : 1, app.Count("LSB5018: The app has"));
        Assert.DoesNotContain($"'{folder.Database}' open", app.Output, StringComparison.Ordinal);

        string[] lacking = meant.Length == 0 ? ["cache.db", "seen.db"] : ["seen.db"];
        var problem =
            $"LSB5018: open and not "
            + $"replicated: {string.Join(", ", lacking.Select(name => Path.Combine(folder.Work, name)))}";
        await AppFolder.UntilAsync(
            async () =>
                (await CommandRun.OfAsync(folder, ["status"])).Output.Contains(problem, StringComparison.Ordinal),
            () => $"status has it\n{app.Output}"
        );
        Assert.Contains(
            problem,
            (await CommandRun.OfAsync(folder, ["doctor"])).FailedWith(1, "LSB3011").Output,
            StringComparison.Ordinal
        );
        await app.StopAsync();
        Assert.Equal(1, app.Count("LSB5027"));
        Assert.All(
            lacking,
            name =>
                Assert.Matches(
                    $"LSB5027: .*'{Regex.Escape(Path.Combine(folder.Work, name))}' \\(\\d+ bytes\\)",
                    app.Output
                )
        );
    }

    [Fact]
    public async Task An_app_whose_setting_names_another_database_than_it_opens_is_never_healthy()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(folder.FileReplica, "data/orders.db");
        folder.Environment["Litestream__StallTimeout"] = "3s";
        folder.Environment["Litestream__ReplicateDiscovered"] = "false";
        folder.Environment["ConnectionStrings__Orders"] = $"Data Source={folder.Database}";
        using var app = folder.Start();

        await app.SaysAsync($"LSB5017: '{folder.Work}/data/orders.db' has not existed since the app started");
        await app.StatusAsync("Degraded", "LSB5017");
        Assert.DoesNotContain("Replicating", app.Output, StringComparison.Ordinal);
        await app.StopAsync();
    }
}
