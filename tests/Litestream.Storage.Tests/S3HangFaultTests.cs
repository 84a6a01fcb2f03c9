using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>
/// What docs/faults.md says about a storage that accepts connections and never answers, with S3 and the defaults.
/// </summary>
[Trait("Category", "Long")]
public sealed class S3HangFaultTests
{
    [Fact]
    public async Task A_server_that_hangs_is_noticed_and_when_it_answers_again_everything_arrives()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var first = Assert.Single(folder.Replicating());

        await server.FreezeAsync();
        await app.TellAsync("row hung");
        await app.SaysAsync("wrote hung");
        if (Repository.IsLine05)
        {
            await app.StatusAsync("Stalled after 0 restarts", "Unhealthy", S3FaultTests.NoAnswer);
        }
        else
        {
            await app.StatusAsync("Stalled", "Degraded");
            await AppFolder.UntilAsync(() => folder.Replicating() is [var id] && id != first, "another litestream ran");
        }

        await server.ThawAsync();

        await folder.ArrivesAsync(app, "hung");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
        Assert.Contains("LSB5007", app.Output, StringComparison.Ordinal);
        Assert.Equal(Repository.IsLine05, folder.Replicating() is [var last] && last == first);
    }

    [Fact]
    public async Task An_app_ends_within_its_time_though_the_server_hangs_and_the_next_start_sends_what_is_missing()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await server.FreezeAsync();
            await app.TellAsync("row hung");
            await app.SaysAsync("wrote hung");
            await AppFolder.SignalAsync("TERM", app.Id);

            Assert.Equal(0, await app.EndedAsync());
            Assert.Contains("LSB5005", app.Output, StringComparison.Ordinal);
            Assert.Contains(
                "The last commits may not have been sent",
                app.Output,
                StringComparison.Ordinal
            );
        }

        Assert.Empty(folder.Replicators());
        await server.ThawAsync();
        using var next = folder.Start();
        await folder.SettledAsync(next);
        await folder.AssertRestoredAsync();
        Assert.Contains("hung", folder.DatabaseRows());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_hangs_at_the_start_is_never_taken_for_an_empty_replica(bool isMissing)
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = await server.ReplicatedAsync();
        var rows = folder.DatabaseRows();
        if (isMissing)
            folder.DeleteDatabase();

        await server.FreezeAsync();
        using var app = folder.Start();
        if (isMissing)
        {
            await app.SaysAsync("LSB4005", TimeSpan.FromMinutes(3));
            Assert.Equal(1, await app.EndedAsync());
            Assert.False(File.Exists(folder.Database));
        }
        else
        {
            await app.SaysAsync("started ");
            await app.StatusAsync("Stalled", "Degraded");
        }

        await server.ThawAsync();
        using var next = isMissing ? folder.Start() : null;
        await folder.SettledAsync(next ?? app);
        Assert.Equal([.. rows, "first"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }
}
