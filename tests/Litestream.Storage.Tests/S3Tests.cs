using Litestream.Storage.Tests.Servers;

namespace Litestream.Storage.Tests;

/// <summary>Replication to S3, with the defaults.</summary>
public sealed class S3Tests
{
    [Fact]
    public async Task What_is_committed_comes_back_from_S3()
    {
        await using var server = await SwiftServer.StartedAsync();
        await RoundTrip.RunAsync(server, hidesOlderLine: false);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_SIGTERM_amid_a_storm_of_writes_to_S3_loses_nothing(bool toTheGroup)
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        await folder.StormAsync("TERM", toTheGroup, times: 2);
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_database_that_is_added_goes_to_S3_without_a_restart_of_litestream()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        folder.Environment["LITESTREAM_ACCESS_KEY_ID"] = server.Replica["access-key-id"].Trim('\'');
        folder.Environment["LITESTREAM_SECRET_ACCESS_KEY"] = server.Secret;
        var path = Path.Combine(folder.Work, "tenant.db");
        var add =
            $"tenant.db => s3://{server.Replica["bucket"]}/tenants"
            + $"?endpoint={server.Replica["endpoint"]}&region={server.Replica["region"]}";
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.TellAsync($"add {add}");
            await app.SaysAsync($"added {add}");
            await app.TellAsync("into tenant.db <= one");
            await app.SaysAsync("wrote tenant.db <= one");
            await AppFolder.UntilAsync(
                async () =>
                {
                    await app.TellAsync("databases");
                    return app.Output.Contains($"{path} Healthy arrived", StringComparison.Ordinal);
                },
                () => $"it has arrived\n{app.Output}"
            );
            Assert.Equal(1, app.Count("Started "));
            Assert.Equal(0, await app.StopAsync());
            RoundTrip.AssertNoSecret(server, app);
        }

        var rows = AppFolder.Rows(path);
        foreach (var file in new[] { "", "-wal", "-shm" })
            File.Delete(path + file);

        Directory.Delete(Path.Combine(folder.Work, ".tenant.db-litestream"), recursive: true);
        using var next = folder.Start();
        await folder.SettledAsync(next);
        await next.TellAsync($"add {add}");
        await next.SaysAsync($"added {add}");
        Assert.Equal(["one"], rows);
        Assert.Equal(rows, AppFolder.Rows(path));
        Assert.Equal(1, next.Count("Started "));
    }
}
