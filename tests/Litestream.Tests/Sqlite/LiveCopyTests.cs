using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Litestream.Tests.Verification;
using Litestream.Verification;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

[Trait("Uses", "litestream")]
public sealed class LiveCopyTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Database => Path.Combine(_folder.Path, "live.db");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0.1, 100, 9_000, false)]
    [InlineData(1, 100, 7_400, false)]
    [InlineData(1, 100, 7_500, true)]
    [InlineData(1, 9_000, 9_000, false)]
    [InlineData(3.9, 100, 200, false)]
    [InlineData(4, 100, 100, true)]
    public void A_reader_ends_after_a_time_and_before_the_WAL_is_so_long_that_litestream_waits_for_it(
        double seconds,
        long then,
        long now,
        bool ends
    ) => Assert.Equal(ends, ReaderLimit.Of(10_000).IsReached(TimeSpan.FromSeconds(seconds), then, now));

    [Fact]
    public async Task A_copy_holds_what_was_committed_last_and_is_not_disturbed_by_what_follows()
    {
        Fill(300);
        using var app = Open();
        Execute(app, "UPDATE t SET x = 'new' WHERE id = 7");
        using var expected = Save();

        var (copy, why) = await LiveCopy.TakeAsync(
            Database,
            ReaderLimit.Of(10_000),
            Patience,
            TimeProvider.System,
            Cancel
        );
        Execute(app, "UPDATE t SET x = 'newer'");

        Assert.True(copy is not null, why);
        Assert.Equal("new", Scalar(copy, "SELECT x FROM t WHERE id = 7"));
        Assert.NotNull(copy.Mark);
        Assert.True(IsSame(expected, copy));
        copy.Dispose();
        Assert.False(File.Exists(copy.Path));
    }

    [Fact]
    public async Task A_large_database_is_copied_in_several_short_readers_while_nothing_is_written()
    {
        Fill(3_000);
        using var app = Open();
        Execute(app, "UPDATE t SET x = 'new' WHERE id = 7");

        var (copy, why) = await LiveCopy.TakeAsync(
            Database,
            new ReaderLimit(TimeSpan.Zero, 0),
            Patience,
            TimeProvider.System,
            Cancel
        );

        Assert.True(copy is not null, why);
        Assert.Equal("new", Scalar(copy, "SELECT x FROM t WHERE id = 7"));
        using var expected = Save();
        Assert.True(IsSame(expected, copy));
        copy.Dispose();
    }

    [Fact]
    public async Task One_that_is_written_to_all_the_time_and_too_large_is_given_up_and_says_why()
    {
        Fill(3_000);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var writer = Task.Run(
            () =>
            {
                using var app = Open();
                while (!stop.IsCancellationRequested)
                {
                    Execute(app, "UPDATE t SET x = hex(randomblob(10)) WHERE id = 7");
                    stop.Token.WaitHandle.WaitOne(10);
                }
            },
            Cancel
        );
        try
        {
            var (copy, why) = await LiveCopy.TakeAsync(
                Database,
                new ReaderLimit(TimeSpan.Zero, 0),
                Patience,
                TimeProvider.System,
                Cancel
            );

            Assert.Null(copy);
            Assert.StartsWith("the database changes all the time and is so large", why, StringComparison.Ordinal);
        }
        finally
        {
            await stop.CancelAsync();
            await writer;
        }
    }

    [Theory]
    [InlineData("SELECT 1", true)]
    [InlineData("UPDATE _litestream_seq SET seq = 9", true)]
    [InlineData("UPDATE t SET x = 'other' WHERE id = 200", false)]
    [InlineData("PRAGMA user_version = 3", false)]
    [InlineData("CREATE TABLE more(x)", false)]
    [InlineData("DROP TABLE empty; CREATE TABLE empty(x, y)", false)]
    [InlineData("INSERT INTO empty VALUES (1)", false)]
    [InlineData("DELETE FROM t WHERE id = 300", false)]
    public async Task Pages_are_the_same_only_where_rows_are(string change, bool isSame)
    {
        Fill(300);
        LitestreamTool.Sql(
            Database,
            "CREATE TABLE _litestream_seq(id INTEGER PRIMARY KEY, seq); INSERT INTO _litestream_seq VALUES (1, 1); "
                + "CREATE TABLE empty(x)"
        );
        using var app = Open();
        var (copy, why) = await LiveCopy.TakeAsync(
            Database,
            ReaderLimit.Of(10_000),
            Patience,
            TimeProvider.System,
            Cancel
        );
        Assert.True(copy is not null, why);
        var restored = Path.Combine(_folder.Path, "restored.db");
        File.Copy(copy.Path, restored);
        LitestreamTool.Sql(restored, change);

        var pages = copy.ComparePages(restored, Cancel);
        var rows = copy.CompareWith(restored, new(), Cancel);

        Assert.Equal(isSame, pages is not null);
        Assert.Equal(isSame, rows.IsSame);
        if (isSame)
            Assert.Equal(["empty: 0", "t: 300"], rows.ActualRows.Select(table => $"{table.Key}: {table.Value}"));
        copy.Dispose();
    }

    [Fact]
    public async Task Without_a_WAL_mode_a_reader_would_hold_up_the_app_and_none_is_begun()
    {
        LitestreamTool.Sql(Database, "CREATE TABLE t(id INTEGER PRIMARY KEY, x)");

        var (copy, why) = await LiveCopy.TakeAsync(
            Database,
            ReaderLimit.Of(10_000),
            Patience,
            TimeProvider.System,
            Cancel
        );

        Assert.Null(copy);
        Assert.Contains("not in WAL mode", why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_it_is_verified_the_app_writes_on_and_never_finds_its_database_busy()
    {
        // 100 MB, and some 60 commits a second of four pages: litestream checkpoints all the time.
        using var folder = new ReplicatedFolder(monitor: "100ms", sync: "100ms", checkpointPages: 200);
        LitestreamTool.Sql(
            folder.Database,
            "CREATE TABLE big(id INTEGER PRIMARY KEY, x BLOB); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i "
                + "+ 1 FROM n WHERE i < 25000) INSERT INTO big SELECT i, randomblob(3500) FROM n"
        );
        folder.Start();
        await folder.WaitUntilAsync(() => LitestreamTool.HasBackup(folder.Replica, 1));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var count = 0;
        var writer = Task.Run(
            () =>
            {
                // A write that waits longer for a lock fails. (Litestream may be paused with the lock in its hand.)
                using var app = new SqliteConnection($"Data Source={folder.Database};Pooling=False;Default Timeout=30");
                app.Open();
                while (!stop.IsCancellationRequested)
                {
                    Execute(
                        app,
                        $"UPDATE big SET x = randomblob(3500) WHERE id BETWEEN {count % 24_000} "
                            + $"AND {(count % 24_000) + 3}"
                    );
                    Interlocked.Increment(ref count);
                    stop.Token.WaitHandle.WaitOne(10);
                }
            },
            Cancel
        );
        try
        {
            await LitestreamTool.WaitUntilAsync(() => Volatile.Read(ref count) >= 200);
            for (var i = 0; i < 2; i++)
            {
                var before = Volatile.Read(ref count);
                var deadline = DateTime.UtcNow.AddMinutes(5);
                VerificationResult result;
                do
                {
                    // LSB4106: a slow machine did not copy it in the time that a reader may stand.
                    result = await DatabaseVerification.RunAsync(
                        LitestreamTool.Executable,
                        folder.Config,
                        folder.Config.Databases[0],
                        new() { Timeout = Patience },
                        Cancel
                    );
                } while (result.Code == "LSB4106" && DateTime.UtcNow < deadline);

                Assert.True(result.Outcome == VerificationOutcome.Verified, $"{result}\n{folder.Log}");
                Assert.Contains("compared by content", result.Message, StringComparison.Ordinal);
                Assert.True(Volatile.Read(ref count) > before, "Nothing was written meanwhile.");
            }
        }
        finally
        {
            await stop.CancelAsync();
            await writer;
        }
    }

    private void Fill(int pages) =>
        LitestreamTool.Sql(
            Database,
            $"PRAGMA journal_mode = wal; CREATE TABLE t(id INTEGER PRIMARY KEY, x, y BLOB); WITH RECURSIVE n(i) AS "
                + $"(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {pages}) INSERT INTO t SELECT i, i, "
                + $"randomblob(3500) FROM n"
        );

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        return connection;
    }

    private SqliteConnection Save()
    {
        var saved = new SqliteConnection("Data Source=:memory:");
        saved.Open();
        using var app = Open();
        app.BackupDatabase(saved);
        return saved;
    }

    private static bool IsSame(SqliteConnection expected, LiveCopy copy)
    {
        using var actual = copy.Open();
        return DatabaseContent.Compare(expected, actual, null, Cancel).IsSame;
    }

    private static void Execute(SqliteConnection connection, string sql) => connection.Execute(sql);

    private static string? Scalar(LiveCopy copy, string sql)
    {
        using var connection = copy.Open();
        return connection.Scalar(sql) as string;
    }
}
