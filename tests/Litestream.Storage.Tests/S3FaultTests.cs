using Litestream.Storage.Tests.Servers;
using Litestream.Verification;
using Microsoft.Data.Sqlite;

namespace Litestream.Storage.Tests;

/// <summary>
/// What docs/faults.md says about a storage on the network, with S3 and the defaults; content compared after a bare
/// restore.
/// </summary>
public sealed class S3FaultTests
{
    private const string WrongSecret = "wr0ng-s3cret-of-the-test";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("wrong secret", "SignatureDoesNotMatch")]
    [InlineData("missing bucket", "NoSuchBucket")]
    [InlineData("server down", "connection refused")]
    public async Task An_app_runs_though_its_storage_refuses_and_says_why(string fault, string error)
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = await ReplicatedAsync(server);
        await BreakAsync(server, folder, fault);

        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.StatusAsync("Stalled after 0 restarts", "Degraded", error);

        await app.TellAsync("row refused");
        await app.SaysAsync("wrote refused");
        await app.TellAsync("stop");
        await app.SaysAsync("LSB5004");
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
        await app.StatusAsync("Stalled after 0 restarts", "Degraded", error);
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
        using var folder = await ReplicatedAsync(server);
        var rows = folder.DatabaseRows();
        var saved = RestoredContent.Save(folder.Database);
        folder.DeleteDatabase();
        await BreakAsync(server, folder, fault);

        using (var app = folder.Start())
        {
            Assert.Equal(1, await app.EndedAsync());
            Assert.Contains("LSB4005", app.Output, StringComparison.Ordinal);
            Assert.Contains(error, app.Output, StringComparison.Ordinal);
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
        using var folder = await ReplicatedAsync(server);
        await server.StopAsync();
        using var app = folder.Start();
        await app.StatusAsync("Unhealthy", "connection refused");
        var first = Assert.Single(folder.Replicators());
        var nudges = Nudges(folder);

        await AppFolder.UntilAsync(
            () => Nudges(folder) >= nudges + 4,
            () => $"it was made to try again four times\n{app.Output}",
            TimeSpan.FromMinutes(4)
        );

        Assert.True(folder.Replicators() is [var same] && same == first, app.Output);
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
        var first = Assert.Single(folder.Replicators());

        await server.StopAsync();
        await app.TellAsync("rows 20");
        await app.SaysAsync("wrote 20 rows");
        await app.StatusAsync("Stalled after 0 restarts", "Degraded", "connection refused");
        await server.StartAsync();

        await folder.ArrivesAsync(app, "row 19");
        await folder.SettledAsync(app);

        await folder.AssertRestoredAsync();
        Assert.Equal([first], folder.Replicators());
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_server_that_hangs_is_noticed_and_when_it_answers_again_everything_arrives()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var first = Assert.Single(folder.Replicators());

        await server.FreezeAsync();
        await app.TellAsync("row hung");
        await app.SaysAsync("wrote hung");
        await app.StatusAsync("Stalled", "Degraded");
        await AppFolder.UntilAsync(() => folder.Replicators() is [var id] && id != first, "another litestream ran");
        await server.ThawAsync();

        await folder.ArrivesAsync(app, "hung");
        await folder.SettledAsync(app);
        await folder.AssertRestoredAsync();
        Assert.Contains("LSB5007", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Long")]
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
    [Trait("Category", "Long")]
    public async Task A_server_that_hangs_at_the_start_is_never_taken_for_an_empty_replica(bool isMissing)
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = await ReplicatedAsync(server);
        var rows = folder.DatabaseRows();
        if (isMissing)
        {
            folder.DeleteDatabase();
        }

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

    [Fact]
    public async Task A_replica_on_S3_that_is_emptied_is_seen_by_a_verification()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        using var app = folder.Start();
        await folder.SettledAsync(app);

        await server.EmptyAsync();
        await app.TellAsync("row after");
        await app.SaysAsync("wrote after");
        await folder.SettledAsync(app);

        // What was sent is no use without the snapshot, and nothing tells so but a look at the replica.
        var result = await RoundTrip.Client(folder).VerifyAsync(cancellationToken: Cancel);
        Assert.True(result is { Outcome: VerificationOutcome.Failed, Code: "LSB4103" }, $"{result}");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_verification_proves_that_S3_gives_back_what_was_committed_and_says_what_is_wrong_without_the_server()
    {
        await using var server = await SwiftServer.StartedAsync();
        using var folder = server.App();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var client = RoundTrip.Client(folder);

        foreach (var level in Enum.GetValues<VerificationLevel>())
        {
            var good = await client.VerifyAsync(options: new() { Level = level }, cancellationToken: Cancel);
            Assert.True(good is { Outcome: VerificationOutcome.Verified, Code: null }, $"{level}: {good}");
        }

        await server.StopAsync();
        foreach (var level in Enum.GetValues<VerificationLevel>())
        {
            var bad = await client.VerifyAsync(options: new() { Level = level }, cancellationToken: Cancel);
            Assert.True(
                bad is { Outcome: not VerificationOutcome.Verified, Code: not null }
                    && bad.Message.Contains("connection refused", StringComparison.Ordinal),
                $"{level}: {bad}"
            );
        }

        Assert.DoesNotContain(server.Secret, app.Output, StringComparison.Ordinal);
    }

    /// <summary>An app that has run and stopped in order.</summary>
    private static async Task<AppFolder> ReplicatedAsync(StorageServer server)
    {
        var folder = server.App();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await app.TellAsync("stop");
        await app.EndedAsync();
        return folder;
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
        {
            await server.StartAsync();
        }
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
