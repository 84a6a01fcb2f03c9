using System.Text.RegularExpressions;
using Litestream.Releases;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>However the app ends: no process is left, and the replica has the last row.</summary>
public sealed class EndOfTheAppTests
{
    public static readonly TheoryData<string> Ends =
    [
        "SIGTERM",
        "SIGINT",
        "SIGTERM to the group",
        new TheoryDataRow<string>("SIGINT to the group").WithTrait("Category", "Long"),
        "stop",
        "throw-background",
        "throw-thread",
        "throw-main",
        "return-main",
        "exit",
    ];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task However_the_app_ends_the_replica_has_its_last_row_and_no_process_is_left(string end)
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("row before");
        await app.SaysAsync("wrote before");
        await app.SentAsync();
        await app.TellAsync("row after");
        await app.SaysAsync("wrote after");

        await EndAsync(app, end);

        Assert.Empty(folder.Replicators());
        Assert.Contains("after", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
        Assert.Empty(folder.RunDirectories);
    }

    [Theory]
    [InlineData("SIGTERM")]
    [InlineData("SIGTERM to the group")]
    [InlineData("exit")]
    [InlineData("throw-thread")]
    public async Task An_app_that_lives_for_a_moment_loses_nothing(string end)
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("row only");
        await app.SaysAsync("wrote only");

        await EndAsync(app, end);

        Assert.Empty(folder.Replicators());
        Assert.Contains("only", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task What_was_committed_before_the_lineage_of_the_replica_was_known_is_sent_at_the_stop()
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            Assert.Equal(0, await before.StopAsync());
        }

        // Only a copy of the backup tells, and that takes as long as this test wants.
        Directory.Delete(Path.Combine(folder.Work, ".orders.db-litestream"), recursive: true);
        var go = Path.Combine(folder.Root, "go");
        await File.WriteAllTextAsync(
            folder.Executable,
            $"#!/bin/sh\nwhile [ \"$1\" = restore ] && [ ! -e '{go}' ]; do sleep 0.05; done\nexec "
                + $"'{Repository.Executable}' \"$@\"\n",
            TestContext.Current.CancellationToken
        );

        // Half of it is for that copy.
        folder.Environment["Litestream__ShutdownTimeout"] = "2m";
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("row meanwhile");
        await app.SaysAsync("wrote meanwhile");
        await app.TellAsync("stop");
        await app.SaysAsync("Application is shutting down");
        Assert.Equal(0, app.Count("initialized db"));
        await File.WriteAllTextAsync(go, "", TestContext.Current.CancellationToken);

        Assert.Equal(0, await app.EndedAsync());
        Assert.Contains("meanwhile", (await folder.RestoredRowsAsync())!);
        await folder.AssertRestoredAsync();
        Assert.Contains("has sent everything", app.Output, StringComparison.Ordinal);
    }

    // 0.3 does not end while a file is in the place of the folder.
    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_database_whose_storage_fails_leaves_time_for_the_others_at_the_stop()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__ShutdownTimeout"] = "20s";
        var other = Path.Combine(folder.Work, "other.db");
        AppFolder.MakeDatabase(other);
        await File.AppendAllTextAsync(
            folder.Config,
            $"\n  - path: other.db\n    replicas: [{{path: '{folder.Root}/other'}}]\n",
            TestContext.Current.CancellationToken
        );
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await folder.SettledAsync(app);
        Directory.Move(folder.Replica, folder.Replica + ".moved");
        await File.WriteAllTextAsync(folder.Replica, "in the way", TestContext.Current.CancellationToken);
        await app.TellAsync("row unsent");
        await app.TellAsync("into other.db <= sent");
        await app.SaysAsync("wrote other.db <= sent");
        await app.StopAsync();

        Assert.DoesNotContain("LSB5005", app.Output, StringComparison.Ordinal);
        Assert.Matches($"LSB5021: .+{Regex.Escape(folder.Database)}", app.Output);
        Assert.DoesNotMatch($"LSB5021: .+{Regex.Escape(other)}", app.Output);
        var rows = AppFolder.Rows(other);
        Assert.Contains("sent", rows);
        File.Delete(folder.Replica);
        Directory.Move(folder.Replica + ".moved", folder.Replica);
        foreach (var file in new[] { other, other + "-wal", other + "-shm" })
            File.Delete(file);
        using var next = folder.Start();
        await next.SaysAsync("started ");
        Assert.Equal(rows, AppFolder.Rows(other));
        await folder.SettledAsync(next);
        Assert.Equal(0, await next.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task Rows_that_the_app_writes_long_after_a_signal_to_the_group_are_sent()
    {
        using var folder = new AppFolder();
        folder.Environment["StopDelay"] = "2500";
        using var app = folder.Start();
        await app.SentAsync();

        await EndAsync(app, "SIGTERM to the group");

        Assert.Equal("last", folder.DatabaseRows()[^1]);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task Rows_written_between_two_signals_to_the_group_are_sent()
    {
        using var folder = new AppFolder();
        folder.Environment["StopDelay"] = "300";
        using var app = folder.Start();
        await app.SentAsync();
        await AppFolder.SignalAsync("TERM", -app.Id);
        await app.SaysAsync("wrote last");
        await AppFolder.SignalAsync("TERM", -app.Id, mayHaveEnded: true);
        await app.EndedAsync();

        Assert.Empty(folder.Replicators());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task Many_rows_written_until_the_end_all_arrive()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("rows 500");
        await app.SaysAsync("wrote 500 rows");
        await EndAsync(app, "SIGTERM to the group");

        Assert.Equal(502, folder.DatabaseRows().Count);
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_litestream_that_is_frozen_when_the_app_ends_continues_and_sends_everything()
    {
        using var folder = new AppFolder();

        // After 10 s without an answer it is asked to end, and continues.
        folder.Environment["Litestream__ShutdownTimeout"] = "2m";
        using var app = folder.Start();
        await app.SentAsync();
        await AppFolder.SignalAsync("STOP", Assert.Single(folder.Replicators()));
        await app.TellAsync("row unsent");
        await app.SaysAsync("wrote unsent");

        await EndAsync(app, "SIGTERM");

        Assert.DoesNotContain("LSB5005", app.Output, StringComparison.Ordinal);
        Assert.Empty(folder.Replicators());
        Assert.Contains("unsent", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task The_frozen_litestream_of_a_killed_app_ends_and_the_next_app_continues()
    {
        using var folder = new AppFolder();
        using (var killed = folder.Start())
        {
            await killed.SentAsync();
            await AppFolder.SignalAsync("STOP", Assert.Single(folder.Replicators()));
            await killed.TellAsync("row unsent");
            await killed.SaysAsync("wrote unsent");
            await AppFolder.SignalAsync("KILL", killed.Id);
            await killed.EndedAsync();
        }

        var orphan = Assert.Single(folder.Replicators());
        using var app = folder.Start();
        await app.SaysAsync($"still runs as process {orphan}");
        await folder.ArrivesAsync(app, "unsent");
        await EndAsync(app, "SIGTERM");

        Assert.Empty(folder.Replicators());
        await folder.AssertRestoredAsync();
    }

    /// <summary>
    /// The number is in the database, and not in the replica: litestream was frozen, or not fast enough.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_app_that_was_killed_while_its_database_got_its_number_continues(bool isPending)
    {
        using var folder = new AppFolder();
        using (var before = folder.Start())
        {
            await folder.SettledAsync(before);
            Assert.Equal(0, await before.StopAsync());
        }

        long number;
        using (var connection = new SqliteConnection($"Data Source={folder.Database};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "UPDATE _litestream_seq SET seq = seq / 2 WHERE id = 2 RETURNING seq";
            number = (long)command.ExecuteScalar()!;
        }

        new DatabaseIdentity(null, false, null) { PendingId = isPending ? number : number + 1 }.Write(
            Path.Combine(folder.Work, ".orders.db-litestream")
        );
        using var app = folder.Start();
        if (!isPending)
        {
            await app.SaysAsync("LSB5009");
            return;
        }

        await app.SaysAsync("started ");
        await app.TellAsync("row after");
        await folder.ArrivesAsync(app, "after");
        Assert.DoesNotContain("LSB5009", app.Output, StringComparison.Ordinal);
        await EndAsync(app, "SIGTERM");
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task An_app_that_never_creates_its_database_ends_at_once()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(folder.FileReplica, "never.db");
        using var app = folder.Start();
        await app.SaysAsync("started ");

        await EndAsync(app, "SIGTERM to the group");

        Assert.Empty(folder.Replicators());
        Assert.False(File.Exists(Path.Combine(folder.Work, "never.db")));
    }

    private static async Task EndAsync(AppProcess app, string end)
    {
        if (end.StartsWith("SIG", StringComparison.Ordinal))
        {
            await AppFolder.SignalAsync(
                end[3..].Split(' ')[0],
                end.EndsWith("group", StringComparison.Ordinal) ? -app.Id : app.Id
            );
        }
        else
        {
            await app.TellAsync(end);
        }

        var exitCode = await app.EndedAsync();
        Assert.Equal(
            end switch
            {
                "exit" => 7,
                "throw-thread" or "throw-main" => 134,
                _ => 0,
            },
            exitCode
        );
    }
}
