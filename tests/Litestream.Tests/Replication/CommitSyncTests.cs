using System.Globalization;
using Litestream.Replication;
using Litestream.Tests.Verification;

namespace Litestream.Tests.Replication;

/// <summary>The wait for what is committed now, with the real executable.</summary>
[Trait("Uses", "litestream")]
public sealed class CommitSyncTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_committed_is_in_the_replica_when_it_answers()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        for (var i = 0; i < 10; i++)
        {
            LitestreamTool.Sql(
                folder.Database,
                $"INSERT INTO item(text) VALUES ('{i}'); UPDATE item SET text = text || 'x'"
            );

            var result = await SyncAsync(folder, Long);

            Assert.True(result.HasArrived, $"{result}\n{folder.Log}");
            Assert.Equal((null, 0, TimeSpan.Zero), (result.Code, result.LagBytes, result.Lag));
            Assert.NotNull(result.Committed);
            Assert.Equal(Content(folder.Database), await RestoredAsync(folder, i));
        }

        Assert.Equal(
            "0",
            LitestreamTool.Query(
                folder.Database,
                "SELECT count(*) FROM sqlite_master WHERE name = '_litestream_verification'"
            )
        );
    }

    [Fact]
    public async Task Under_load_nothing_is_lost_by_it()
    {
        using var folder = await ReplicatedFolder.StartedAsync(monitor: "100ms", sync: "100ms");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var written = 0;
        var writer = Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    LitestreamTool.Sql(
                        folder.Database,
                        "INSERT INTO item(text) VALUES (hex(randomblob(200))); UPDATE item SET text = text || 'x' "
                            + "WHERE id = 1 + abs(random()) % 3"
                    );
                    Interlocked.Increment(ref written);
                    await Task.Delay(5, CancellationToken.None);
                }
            },
            Cancel
        );
        for (var i = 0; i < 5; i++)
        {
            var before = int.Parse(
                LitestreamTool.Query(folder.Database, "SELECT count(*) FROM item"),
                CultureInfo.InvariantCulture
            );

            var result = await SyncAsync(folder, Long);

            Assert.True(result.HasArrived, $"{result}\n{folder.Log}");
            var restored = await RestoredAsync(folder, i);
            Assert.True(restored.Split('\n').Length >= before, $"{before} rows were committed");
        }

        await stop.CancelAsync();
        await writer;
        Assert.True((await SyncAsync(folder, Long)).HasArrived, folder.Log);
        Assert.Equal(Content(folder.Database), await RestoredAsync(folder, 99));
    }

    [Fact]
    public async Task Without_a_replicator_that_is_reported_before_the_time_is_up()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        folder.Stop();
        using var connection = KeepOpen(folder.Database);
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('unsent')");

        var result = await SyncAsync(folder, TimeSpan.FromMinutes(20)).WaitAsync(Long, Cancel);

        Assert.Equal((false, "LSB4101"), (result.HasArrived, result.Code));
        Assert.Contains("no app or litestream is running", result.Message, StringComparison.Ordinal);
        Assert.EndsWith("Start the app, or use LitestreamReplicate.", result.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("verif", result.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_replicator_that_does_nothing_is_not_a_success()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        await folder.SentAsync();
        folder.Freeze();
        try
        {
            LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('unsent')");

            var result = await SyncAsync(folder, TimeSpan.FromSeconds(1)).WaitAsync(Long, Cancel);

            Assert.Equal((false, "LSB4101"), (result.HasArrived, result.Code));
            Assert.True(result.LagBytes is null or > 0, result.ToString());
            Assert.True(result.Lag > TimeSpan.Zero, result.ToString());
        }
        finally
        {
            folder.Thaw();
        }

        Assert.True((await SyncAsync(folder, Long)).HasArrived, folder.Log);
    }

    [Fact]
    public async Task While_the_storage_is_down_it_says_how_much_is_missing_and_for_how_long()
    {
        using var folder = await ReplicatedFolder.StartedAsync();
        await folder.SentAsync();
        Directory.Move(folder.Replica, folder.Replica + ".away");
        await File.WriteAllTextAsync(folder.Replica, "", Cancel);
        LitestreamTool.Sql(folder.Database, "INSERT INTO item(text) VALUES ('unsent')");
        await folder.ReadAsync();

        var result = await SyncAsync(folder, TimeSpan.FromSeconds(3)).WaitAsync(Long, Cancel);

        Assert.False(result.HasArrived);
        Assert.True(result.Code is "LSB4102" or "LSB4005", result.ToString());
        Assert.Matches("[0-9]+ bytes of WAL, committed [0-9.]+ s ago", result.Message);
        Assert.True(result.Lag > TimeSpan.Zero && result.LagBytes > 0, result.ToString());
    }

    [Theory]
    [InlineData("LSB5025: a copy is sent", "LSB5025", "a copy is sent")]
    [InlineData("LSB5007: commits are late. LSB5028: it waits", "LSB5028", "it waits")]
    [InlineData("LSB5003: process 7 replicates it", "LSB5003", "process 7 replicates it")]
    [InlineData("LSB5007: commits are late", null, null)]
    [InlineData("LSB5016: no room (see LSB5025)", null, null)]
    public void A_position_proves_nothing_while_the_app_says_that_a_full_copy_is_needed(
        string problem,
        string? code,
        string? why
    )
    {
        (string, string)? expected = code is null ? null : (code, why!);

        Assert.Equal(expected, CommitSync.ChainProblemOf(problem));
    }

    private static Task<SyncResult> SyncAsync(ReplicatedFolder folder, TimeSpan timeout) =>
        new LitestreamClient(LitestreamTool.Executable, folder.Config).SyncAsync(
            timeout: timeout,
            cancellationToken: Cancel
        );

    private static Microsoft.Data.Sqlite.SqliteConnection KeepOpen(string database)
    {
        var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={database};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM item";
        command.ExecuteScalar();
        return connection;
    }

    private static async Task<string> RestoredAsync(ReplicatedFolder folder, int number)
    {
        var output = Path.Combine(folder.Root, $"restored {number}.db");
        await new LitestreamClient(LitestreamTool.Executable, folder.Config).RestoreAsync(
            options: new() { Output = output },
            cancellationToken: Cancel
        );
        return Content(output);
    }

    private static string Content(string database) =>
        LitestreamTool.Query(
            database,
            "SELECT group_concat(id || ' ' || text, char(10)) FROM (SELECT * FROM item ORDER BY id)"
        );
}
