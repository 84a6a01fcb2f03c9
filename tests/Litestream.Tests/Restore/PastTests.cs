using System.Data;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Sqlite;
using Litestream.Tests.Verification;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Restore;

/// <summary>A database as it was at a moment, and what changed between two.</summary>
[Trait("Uses", "litestream")]
public sealed class PastTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("app.db")]
    [InlineData("with space 'ä' 漢字 $HOME.db")]
    public async Task A_moment_between_two_writes_has_the_rows_of_the_first_and_the_live_database_stays(string name)
    {
        using var database = await BackedUpDatabase.CreateAsync(name);
        database.Reset();
        var moment = await SendAsync(database, "DELETE FROM t WHERE x = 2; INSERT INTO t VALUES ('later')");
        var client = Client(database);
        var path = client.Config.Databases[0].Path;
        var files = database.Names().ToList();

        await using (var then = await client.OpenAsOfAsync(moment: moment, cancellationToken: Cancel))
        {
            await using (var now = await client.OpenAsOfAsync(path, cancellationToken: Cancel))
            {
                Assert.Equal(ConnectionState.Open, then.State);
                Assert.Equal(BackedUpDatabase.Backup, Rows(then));
                Assert.Equal("1,3,4,5,later", Rows(now));
                var error = Assert.Throws<SqliteException>(() => Execute(then, "DELETE FROM t"));
                Assert.Equal(8, error.SqliteErrorCode);
                Assert.Equal(BackedUpDatabase.Backup, Rows(then));
                Assert.Equal(files, database.Names());
            }
        }

        Assert.Equal("1,3,4,5,later", database.Rows());
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task The_copy_goes_when_the_connection_is_closed_and_what_a_dead_process_left_goes_with_the_next_one()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var dead = LeasedDirectory.Create(Path.GetTempPath(), ".litestream-scratch");
        dead.Leave();

        await using var connection = await Client(database).OpenAsOfAsync(cancellationToken: Cancel);
        var folder = Path.GetDirectoryName(new Uri(connection.DataSource.Split('?')[0]).LocalPath)!;
        Assert.StartsWith(".litestream-scratch-", Path.GetFileName(folder), StringComparison.Ordinal);
        Assert.Equal(BackedUpDatabase.Backup, Rows(connection));
        Assert.False(Directory.Exists(dead.Path));
        Assert.True(File.Exists(Path.Combine(folder, "restored.db")));
        Assert.False(File.Exists(Path.Combine(folder, "restored.db-shm")));
        await connection.CloseAsync();

        Assert.False(Directory.Exists(folder));
        Assert.Contains(
            "OpenAsOfAsync",
            Assert.Throws<InvalidOperationException>(connection.Open).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_lost_database_can_be_asked_too()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        foreach (var file in Directory.GetFiles(database.Data, "app.db*"))
            File.Delete(file);

        await using var connection = await Client(database).OpenAsOfAsync(cancellationToken: Cancel);

        Assert.Equal(BackedUpDatabase.Backup, Rows(connection));
        Assert.False(File.Exists(database.File));
        var error = await FailsAsync(
            "LSB4010",
            () => Client(database).DiffAsync(DateTimeOffset.UtcNow, cancellationToken: Cancel)
        );
        Assert.Contains("does not exist", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_moment_that_the_backup_does_not_hold_is_one_error_with_what_it_holds()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var client = Client(database);

        var early = await FailsAsync(
            "LSB4002",
            () => client.OpenAsOfAsync(moment: DateTimeOffset.UtcNow.AddDays(-1), cancellationToken: Cancel)
        );
        var late = await FailsAsync(
            "LSB3007",
            () => client.OpenAsOfAsync(moment: DateTimeOffset.UtcNow.AddDays(1), cancellationToken: Cancel)
        );

        Assert.Matches("Existing backups: .* [0-9-]+T[0-9:]+Z to [0-9-]+T[0-9:]+Z", early.Message);
        Assert.Contains("is in the future", late.Message, StringComparison.Ordinal);
        await FailsAsync(
            "LSB3008",
            () => client.OpenAsOfAsync(replica: "none", cancellationToken: Cancel)
        );
        await FailsAsync("LSB3003", () => client.OpenAsOfAsync("other.db", cancellationToken: Cancel));
        await ReplicatedFolder.AssertNothingInTempAsync();
    }

    [Fact]
    public async Task Two_moments_are_compared_by_content()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        database.Reset();
        await SendAsync(
            database,
            "CREATE TABLE item(id INTEGER PRIMARY KEY, a, b); "
                + "INSERT INTO item VALUES (1, 1, 1), (2, 2, x'02'), (3, 3, 3)"
        );
        var first = await SendAsync(
            database,
            "UPDATE item SET b = '2' WHERE id = 2; DELETE FROM item WHERE id = 3; INSERT INTO item VALUES (4, 4, 4)"
        );
        var second = await SendAsync(database, "DROP TABLE item");
        var client = Client(database);

        var between = await client.DiffAsync(first, second, cancellationToken: Cancel);
        var toNow = await client.DiffAsync(second, cancellationToken: Cancel);
        var last = await client.DiffAsync(DateTimeOffset.UtcNow, cancellationToken: Cancel);

        Assert.Equal(
            (database.File, first, second, false),
            (between.Database, between.From, between.To, between.IsSame)
        );
        Assert.True(between.FromBackupTime <= first && between.ToBackupTime <= second);
        Assert.Empty(between.Schema);
        var item = Assert.Single(between.Tables, table => !table.IsSame);
        Assert.Equal(("item", 1, 1, 1, "id"), (item.Name, item.Added, item.Removed, item.Changed, item.Key));
        Assert.Equal(["id=4"], item.AddedExamples);
        Assert.Equal(["id=3"], item.RemovedExamples);
        Assert.Equal(["id=2"], item.ChangedExamples);
        Assert.Equal(["b"], item.ChangedColumns);
        Assert.Matches(@"(?m)^table\s+added\s+removed\s+changed\s+examples$", between.ToString());
        Assert.Matches(
            @"(?m)^item\s+1\s+1\s+1\s+added id=4; removed id=3; changed id=2 \(b\)$",
            between.ToString()
        );

        Assert.Equal(new SchemaChange("table", "item", ChangeKind.Removed, ""), Assert.Single(toNow.Schema));
        Assert.Equal(3, Assert.Single(toNow.Tables, table => !table.IsSame).Removed);
        Assert.Contains("to the live database", toNow.ToString(), StringComparison.Ordinal);
        Assert.True(last.IsSame, last.ToString());
        Assert.Null(last.To ?? last.ToBackupTime);
        await ReplicatedFolder.AssertNothingInTempAsync();

        // What is only in the WAL of the live database counts.
        using var connection = new SqliteConnection($"Data Source={database.File};Pooling=False");
        connection.Open();
        Execute(connection, "INSERT INTO t VALUES ('unsent')");
        var unsent = await client.DiffAsync(DateTimeOffset.UtcNow, cancellationToken: Cancel);
        Assert.Equal(1, Assert.Single(unsent.Tables, table => !table.IsSame).Added);

        var swapped = await FailsAsync("LSB3008", () => client.DiffAsync(second, first, cancellationToken: Cancel));
        Assert.Contains("is later than", swapped.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_comparison_is_one_JSON_object()
    {
        using var database = await BackedUpDatabase.CreateAsync();

        // The lists of the executable have whole seconds.
        var begun = DateTimeOffset.UtcNow;
        await LitestreamTool.WaitUntilAsync(() => DateTimeOffset.UtcNow > begun.AddSeconds(1));
        var changes = await Client(database).DiffAsync(DateTimeOffset.UtcNow, cancellationToken: Cancel);

        var json = JsonText.Of(changes.WriteTo);
        Assert.StartsWith(
            $$"""{"database":"{{database.File}}","from":"20""",
            json,
            StringComparison.Ordinal
        );
        Assert.EndsWith(
            ""","toBackupTime":null,"same":false,"tables":[{"name":"t","added":2,"removed":0,"changed":0"""
                + ""","key":"rowid","addedExamples":["rowid=4","rowid=5"],"removedExamples":[],"changedExamples":[]"""
                + ""","changedColumns":[],"note":""}],"schema":[],"skipped":[]}""",
            json,
            StringComparison.Ordinal
        );
    }

    /// <summary>Commits and sends.</summary>
    /// <returns>A moment just before.</returns>
    private static async Task<DateTimeOffset> SendAsync(BackedUpDatabase database, string sql)
    {
        // The lists of the executable have whole seconds.
        var moment = DateTimeOffset.UtcNow.AddSeconds(1);
        await LitestreamTool.WaitUntilAsync(() => DateTimeOffset.UtcNow > moment.AddSeconds(1));
        Task<SyncResult>? sync = null;
        await LitestreamTool.ReplicateUntilAsync(
            database.Config,
            database.Folder,
            () => LitestreamTool.HasBackup(database.Replica, 1) && IsOver()
        );
        Assert.True(sync is not null && (await sync).HasArrived);
        return moment;

        bool IsOver()
        {
            if (sync is null)
            {
                LitestreamTool.Sql(database.File, sql);
                sync = Client(database).SyncAsync(timeout: TimeSpan.FromMinutes(2), cancellationToken: Cancel);
            }

            return sync.IsCompleted;
        }
    }

    private static LitestreamClient Client(BackedUpDatabase database) =>
        new(LitestreamTool.Executable, database.Config);

    private static string Rows(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT group_concat(x) FROM (SELECT x FROM t ORDER BY rowid)";
        return (string)command.ExecuteScalar()!;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static async Task<LitestreamException> FailsAsync(string code, Func<Task> run)
    {
        var error = await Assert.ThrowsAsync<LitestreamException>(run);
        Assert.True(error.Diagnostic.Code == code, error.ToString());
        return error;
    }
}
