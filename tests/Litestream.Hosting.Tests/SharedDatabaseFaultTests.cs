
namespace Litestream.Hosting.Tests;

/// <summary>
/// The faults of docs/faults.md that come of two apps on one database: the real executable, the defaults, and what a
/// bare restore gives compared with the database.
/// </summary>
public sealed class SharedDatabaseFaultTests
{
    [Fact]
    [Trait("Category", "Long")]
    public async Task Two_apps_that_write_to_one_database_have_one_litestream_and_lose_nothing()
    {
        using var folder = new AppFolder();
        using var one = folder.Start();
        await folder.SettledAsync(one);
        using var two = folder.Start();
        await two.SaysAsync("started ");
        await two.SaysAsync("LSB5003");

        Assert.Equal(1, two.Count("LSB5003"));
        var replicator = Assert.Single(folder.Replicators());
        await one.TellAsync("storm one ");
        await two.TellAsync("storm two ");

        await AppFolder.UntilAsync(
            () =>
            {
                Assert.Equal([replicator], folder.Replicators());
                return folder.DatabaseRows().Count > 5000;
            },
            "both had written for long",
            TimeSpan.FromMinutes(4)
        );

        await one.TellAsync("calm");
        await two.TellAsync("calm");
        var count = await StormedAsync(one) + await StormedAsync(two);
        await two.StopAsync();
        await one.StopAsync();
        var rows = folder.DatabaseRows();
        Assert.Equal(count, rows.Count(row => row.StartsWith("storm ", StringComparison.Ordinal)));
        await folder.AssertRestoredAsync();
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("KILL")]
    public async Task An_app_that_takes_over_from_the_one_before_it_amid_a_storm_of_writes_loses_no_row_of_either(
        string signal
    )
    {
        using var folder = new AppFolder();

        // All that is written until the second app is stopped has to be sent then, on a busy machine too.
        folder.Environment["Litestream__ShutdownTimeout"] = "2m";
        using var one = folder.Start();
        await folder.SettledAsync(one);
        await one.TellAsync("storm one ");
        using var two = folder.Start();
        await two.SaysAsync("LSB5003");
        await two.SaysAsync("started ");
        await two.TellAsync("storm two ");
        await AppFolder.UntilAsync(() => Of("one") > 50 && Of("two") > 50, "both stormed");
        var first = Assert.Single(folder.Replicators());

        await AppFolder.SignalAsync(signal, one.Id);
        await one.EndedAsync();
        await AppFolder.UntilAsync(
            () => folder.Replicators() is [var id] && id != first,
            () => $"the second app replicated\n{two.Output}"
        );
        var (ofOne, ofTwo) = (Of("one"), Of("two"));
        await AppFolder.UntilAsync(
            () => Of("two") > ofTwo + 50,
            () => $"it stormed on\n{one.Output}\n----\n{two.Output}"
        );
        Assert.Equal(0, await two.StopAsync());

        Assert.Equal(ofOne, Of("one"));
        Assert.True(
            signal == "KILL" || folder.DatabaseRows().Count(row => row == "last") == 2,
            "Both wrote their last row."
        );
        await RestoredContent.AssertSameAsync(
            folder.Database,
            await folder.RestoreAsync(folder.Database),
            () => $"{one.Output}\n----\n{two.Output}"
        );
        Assert.Empty(folder.Replicators());

        int Of(string app) =>
            folder.DatabaseRows().Count(row => row.StartsWith($"storm {app} ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_apps_that_are_stopped_together_lose_no_row_of_either()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__ShutdownTimeout"] = "2m";
        using var one = folder.Start();
        await folder.SettledAsync(one);
        using var two = folder.Start();
        await two.SaysAsync("LSB5003");
        await two.SaysAsync("started ");
        await two.TellAsync("storm two ");
        await AppFolder.UntilAsync(() => folder.DatabaseRows().Count > 50, "it stormed");

        // The one that replicates is done first.
        await one.StopAsync();
        await two.StopAsync();

        await folder.AssertRestoredAsync();
        Assert.Empty(folder.Replicators());
    }

    private static async Task<int> StormedAsync(AppProcess app)
    {
        await app.SaysAsync("stormed ");
        return int.Parse(
            app.Output.Split("stormed ")[1].Split(' ')[0],
            System.Globalization.CultureInfo.InvariantCulture
        );
    }
}
