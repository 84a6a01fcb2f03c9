using Litestream.Storage.Tests.Servers;
using Microsoft.Data.Sqlite;

namespace Litestream.Storage.Tests;

/// <summary>
/// What docs/faults.md says about a storage on the network, with S3 and the defaults; content compared after a bare
/// restore.
/// </summary>
public sealed class S3FaultTests
{
    private const string WrongSecret = "wr0ng-s3cret-of-the-test";

    /// <summary>Of a storage that release line 0.5 tries to reach, for two minutes.</summary>
    public const string NoAnswer = "the storage of its replica does not answer";

    [Theory]
    [InlineData("wrong secret", "SignatureDoesNotMatch")]
    [InlineData("missing bucket", "NoSuchBucket")]
    [InlineData("server down", "connection refused")]
    public async Task An_app_runs_though_its_storage_refuses_and_says_why(string fault, string error)
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = await server.ReplicatedAsync();
        await BreakAsync(server, folder, fault);

        using var app = folder.Start();
        await app.SaysAsync("started ");
        await IsRefusedAsync(app, fault, error);

        await app.TellAsync("row refused");
        await app.SaysAsync("wrote refused");
        await app.TellAsync("stop");

        // 0.5 ends with exit code 0 though it could not send the rest: that is measured.
        await app.SaysAsync(Repository.IsLine05 ? "LSB5021" : "LSB5004");
        await app.SaysAsync("the next start sends");
        await app.EndedAsync();
        AssertNoSecret(server, app);

        // Nothing was lost, and nothing is in the way.
        await RepairAsync(server, folder, fault);
        using var next = folder.Start();
        await folder.SettledAsync(next);
        await folder.AssertRestoredAsync();
    }

    [Theory]
    [InlineData("wrong secret", "SignatureDoesNotMatch")]
    [InlineData("missing bucket", "NoSuchBucket")]
    [InlineData("server down", "connection refused")]
    public async Task A_database_that_was_never_replicated_is_degraded_too_while_its_storage_refuses(
        string fault,
        string error
    )
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        AppFolder.MakeDatabase(folder.Database);
        await BreakAsync(server, folder, fault);

        using var app = folder.Start();
        await app.SaysAsync("started ");
        await IsRefusedAsync(app, fault, error, "the replica has not answered yet");
        AssertNoSecret(server, app);

        if (fault == "server down")
        {
            await server.StartAsync();
            await folder.SettledAsync(app);
            await folder.AssertRestoredAsync();
        }
    }

    [Theory]
    [InlineData("wrong secret", "SignatureDoesNotMatch")]
    [InlineData("missing bucket", "NoSuchBucket")]
    [InlineData("server down", "connection refused")]
    public async Task An_app_without_its_database_does_not_start_while_its_storage_refuses(string fault, string error)
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = await server.ReplicatedAsync();
        var rows = folder.DatabaseRows();
        var saved = RestoredContent.Save(folder.Database);
        folder.DeleteDatabase();
        await BreakAsync(server, folder, fault);

        using (var app = folder.Start())
        {
            // 0.5 tries to connect for two minutes, which is about when it is ended.
            var isEnded = Repository.IsLine05 && fault == "server down";
            Assert.Equal(1, await app.EndedAsync(isEnded ? TimeSpan.FromMinutes(4) : null));
            Assert.Contains("LSB4005", app.Output, StringComparison.Ordinal);
            Assert.Matches(isEnded ? $"{error}|storage (may|does) not answer" : error, app.Output);
            Assert.Equal(1, app.Count("crit:"));
            AssertNoSecret(server, app);
        }

        Assert.False(File.Exists(folder.Database));
        await RepairAsync(server, folder, fault);
        await folder.AssertRestoredAsync(saved);
        using var next = folder.Start();
        await next.SaysAsync($"built {rows.Count}");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_storage_that_refuses_for_long_makes_it_unhealthy_and_does_not_restart_litestream()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = await server.ReplicatedAsync();
        await server.StopAsync();
        using var app = folder.Start();
        await app.StatusAsync("Unhealthy", "connection refused");
        if (!Repository.IsLine05)
        {
            // 0.5 tries again on its own; that it refuses was seen after twice the time of a litestream that is stuck.
            var first = Assert.Single(folder.Replicating());
            var nudges = Nudges(folder);
            await AppFolder.UntilAsync(
                () => Nudges(folder) >= nudges + 4,
                () => $"it was made to try again four times\n{app.Output}",
                TimeSpan.FromMinutes(4)
            );
            Assert.True(folder.Replicating() is [var same] && same == first, app.Output);
        }

        await app.StatusAsync("Stalled after 0 restarts", "Unhealthy");
        await server.StartAsync();
        await folder.ArrivesAsync(app, "first");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task What_was_committed_while_the_server_was_away_arrives_when_it_is_back_without_another_commit()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();

        // On its own litestream would send it with its next checkpoint.
        File.WriteAllText(
            folder.Config,
            File.ReadAllText(folder.Config)
                .Replace("    replicas:", "    checkpoint-interval: 1h\n    replicas:", StringComparison.Ordinal)
        );
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var first = Assert.Single(folder.Replicating());

        await server.StopAsync();
        await app.TellAsync("rows 20");
        await app.SaysAsync("wrote 20 rows");
        var error = Repository.IsLine05 ? NoAnswer : "connection refused";
        await app.StatusAsync("Stalled after 0 restarts", "Degraded", error);
        await server.StartAsync();

        await folder.ArrivesAsync(app, "row 19");
        await folder.SettledAsync(app);

        await folder.AssertRestoredAsync();
        Assert.Equal([first], folder.Replicating());
    }

    /// <summary>The status says so, and litestream is not started again for it.</summary>
    private static async Task IsRefusedAsync(AppProcess app, string fault, string error, string noAnswer = NoAnswer)
    {
        if (Repository.IsLine05 && fault == "server down")
        {
            await app.StatusAsync("Stalled after 0 restarts", "Degraded", noAnswer);
            await app.StatusAsync("Stalled after 0 restarts", "Unhealthy", error);
        }
        else
        {
            await app.StatusAsync("Stalled after 0 restarts", "Degraded", error);
        }
    }

    private static async Task BreakAsync(SwiftServer server, AppFolder folder, string fault)
    {
        switch (fault)
        {
            case "wrong secret":
                folder.Environment[StorageServer.SecretVariable] = WrongSecret;
                break;
            case "missing bucket":
                StorageServer.Configure(
                    folder,
                    new Dictionary<string, string>(server.Replica) { ["bucket"] = "no-such-bucket" }
                );
                break;
            case "server down":
                await server.StopAsync();
                break;
        }
    }

    private static async Task RepairAsync(SwiftServer server, AppFolder folder, string fault)
    {
        folder.Environment[StorageServer.SecretVariable] = server.Secret;
        StorageServer.Configure(folder, server.Replica);
        if (fault == "server down")
            await server.StartAsync();
    }

    /// <summary>
    /// How often the supervisor, or litestream at a checkpoint, has written to litestream's own table.
    /// </summary>
    private static long Nudges(AppFolder folder)
    {
        using var connection = new SqliteConnection($"Data Source={folder.Database};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT seq FROM _litestream_seq WHERE id = 1";
        return command.ExecuteScalar() as long? ?? 0;
    }

    private static void AssertNoSecret(StorageServer server, AppProcess app)
    {
        RoundTrip.AssertNoSecret(server, app);
        Assert.DoesNotContain(WrongSecret, app.Output, StringComparison.Ordinal);
    }
}
