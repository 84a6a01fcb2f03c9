using Litestream.Restore;
using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>What every storage has to do.</summary>
internal static class RoundTrip
{
    /// <summary>
    /// Replicates, restores with the executable, with the client, and at the start of an app whose database is missing,
    /// which continues the replica.
    /// </summary>
    /// <param name="server">The storage.</param>
    /// <param name="hidesOlderLine">Litestream 0.5 does not read there what 0.3 sent.</param>
    public static async Task RunAsync(StorageServer server, bool hidesOlderLine)
    {
        using var folder = server.App();
        using (var app = folder.Start())
        {
            await app.SaysAsync("started");
            Assert.Equal(
                hidesOlderLine && Repository.Version.StartsWith("0.5.", StringComparison.Ordinal),
                app.Output.Contains("LSB5030", StringComparison.Ordinal)
            );
            await folder.SettledAsync(app);
            await app.TellAsync("rows 100");
            await app.SaysAsync("wrote 100 rows");
            await app.TellAsync("stop");
            Assert.Equal(0, await app.EndedAsync());
            AssertNoSecret(server, app);
        }

        var rows = folder.DatabaseRows();
        Assert.Equal(102, rows.Count);
        await folder.AssertRestoredAsync();

        var output = Path.Combine(folder.Root, "by-client.db");
        var result = await Client(folder)
            .RestoreAsync(options: new() { Output = output }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(RestoreOutcome.Restored, result.Outcome);
        await RestoredContent.AssertSameAsync(folder.Database, output);

        folder.DeleteDatabase();
        using var next = folder.Start();
        await next.SaysAsync($"built {rows.Count}");
        await folder.SettledAsync(next);
        await next.TellAsync("row after");
        await folder.ArrivesAsync(next, "after");
        Assert.Equal([.. rows, "first", "after"], folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    /// <summary>The API, as another process than the app uses it.</summary>
    public static LitestreamClient Client(AppFolder folder) =>
        LitestreamClient.Create(
            new()
            {
                ApplicationDirectory = folder.Work,
                ConfigPath = folder.Config,
                ExecutablePath = folder.Executable,
                Environment = folder
                    .Environment.Where(pair => pair.Value is not null)
                    .ToDictionary(pair => pair.Key, pair => pair.Value!),
            }
        );

    /// <summary>Neither in the log nor in the status that it was asked for.</summary>
    public static void AssertNoSecret(StorageServer server, AppProcess app)
    {
        if (server.Secret is { } secret)
            Assert.DoesNotContain(secret, app.Output, StringComparison.Ordinal);
    }
}
