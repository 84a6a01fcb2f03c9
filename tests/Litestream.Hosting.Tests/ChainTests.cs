using System.Buffers.Binary;
using System.Diagnostics;
using Litestream.Replication;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Hosting.Tests;

/// <summary>
/// Whether the replica is the database, after everything that can come between the WAL and litestream.
/// </summary>
public sealed class ChainTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("TERM", false)]
    [InlineData("INT", true)]
    [InlineData("TERM", true, Traits = ["Category", "Long"])]
    public async Task An_orderly_restart_sends_no_snapshot(string signal, bool toTheGroup)
    {
        using var folder = new AppFolder();
        await RestartInOrderAsync(folder, signal, toTheGroup, megabytes: 5, times: 2);

        Assert.Single(folder.FullCopies());
    }

    [Fact(Timeout = 30 * 60_000)]
    [Trait("Category", "Long")]
    public async Task Ten_orderly_restarts_of_a_database_of_50_MB_send_at_most_one_snapshot()
    {
        using var folder = new AppFolder();
        await RestartInOrderAsync(folder, "TERM", toTheGroup: false, megabytes: 50, times: 5);
        await RestartInOrderAsync(folder, "INT", toTheGroup: true, megabytes: 0, times: 5);

        Assert.InRange(folder.FullCopies().Count, 1, 2);
    }

    [Fact]
    public async Task After_a_stop_the_database_file_alone_is_complete_and_another_in_its_place_meets_no_old_WAL()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            Assert.Equal(0, await app.StopAsync());
        }

        Assert.False(File.Exists(folder.Database + "-wal"));
        var alone = Path.Combine(folder.Root, "alone.db");
        File.Copy(folder.Database, alone);
        await folder.AssertRestoredAsync(alone);

        // The same file once more, but not the one that was left.
        File.Delete(folder.Database);
        using (var connection = Open(alone))
            Execute(connection, "INSERT INTO orders VALUES ('by hand')");

        File.Copy(alone, folder.Database);
        using var next = folder.Start();
        await next.SaysAsync("started ");
        await folder.ArrivesAsync(next, "by hand");
        Assert.Equal(0, await next.StopAsync());
        Assert.Contains("by hand", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task What_is_written_after_the_stop_by_somebody_else_is_kept_by_the_next_start()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            Assert.Equal(0, await app.StopAsync());
        }

        using (var connection = Open(folder.Database))
            Execute(connection, "UPDATE orders SET text = 'changed' WHERE rowid = 1");

        using var next = folder.Start();
        await folder.ArrivesAsync(next, "changed");
        Assert.Equal(0, await next.StopAsync());
        Assert.Contains("changed", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task An_app_that_was_killed_needs_a_full_copy_and_is_not_healthy_before_it_has_arrived()
    {
        using var folder = new AppFolder();
        using (var killed = folder.Start())
        {
            await killed.TellAsync("accounts");
            await killed.SaysAsync("has accounts");
            await folder.SettledAsync(killed);
            await killed.TellAsync("churn 2 FULL");
            await AppFolder.UntilAsync(() => new FileInfo(folder.Database + "-wal").Length > 2_000_000, "it wrote");
            await AppFolder.SignalAsync("KILL", killed.Id);
            await killed.EndedAsync();
        }

        // Its litestream lives until it writes a line that nothing reads any more. The next one waits, so that the
        // status is seen before the copy has arrived.
        var (hold, letGo) = Holding(folder);
        hold();
        using var app = folder.Start();
        await app.SaysAsync("LSB5025");
        await app.StatusAsync("Stalled", "Degraded", "LSB5025");
        var before = folder.FullCopies().Count;
        letGo();
        await app.SaysAsync("The full copy of ");
        await app.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
        await folder.AssertRestoredAsync();
        Assert.Equal(before + 1, folder.FullCopies().Count);
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    public async Task A_full_copy_is_complete_while_the_app_writes_on()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await app.TellAsync("accounts");
        await app.SaysAsync("has accounts");
        await folder.SettledAsync(app);
        await app.TellAsync("churn 1 NORMAL");
        await AppFolder.UntilAsync(() => new FileInfo(folder.Database + "-wal").Length > 500_000, "it wrote");
        await AppFolder.SignalAsync("KILL", Assert.Single(folder.Replicators()));
        await app.SaysAsync("LSB5025");
        await app.SaysAsync("The full copy of ");
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_reader_that_keeps_the_WAL_from_being_emptied_delays_the_full_copy_and_the_health_says_so()
    {
        using var folder = new AppFolder();

        // After that it is Unhealthy.
        folder.Environment["Litestream__StallTimeout"] = "2m";
        using var app = folder.Start();
        await folder.SettledAsync(app);
        using (var reader = Open(folder.Database))
        {
            Execute(reader, "BEGIN; SELECT count(*) FROM orders");
            await app.TellAsync("row while read");
            await app.SaysAsync("wrote while read");
            await AppFolder.SignalAsync("KILL", Assert.Single(folder.Replicators()));
            await app.StatusAsync("Degraded", "LSB5026");
            Assert.Empty(folder.Replicators());
        }

        await app.SaysAsync("The full copy of ");
        await app.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
        await folder.AssertRestoredAsync();
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task With_two_SQLite_libraries_in_the_app_a_full_copy_waits_for_the_next_start_and_the_health_says_so()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            await app.TellAsync("another-library");
            await app.SaysAsync("has another library");
            await AppFolder.SignalAsync("KILL", Assert.Single(folder.Replicators()));
            await app.SaysAsync("LSB5028: ");

            // What is committed is sent all the same.
            await AppFolder.UntilAsync(
                () => folder.FullCopies().Count >= 2,
                () => $"a new generation had arrived\n{app.Output}"
            );
            await app.TellAsync("row meanwhile");
            await app.SaysAsync("wrote meanwhile");
            await folder.ArrivesAsync(app, "meanwhile");
            await app.StatusAsync("Stalled after", "Degraded 0.0 s 0 bytes", "LSB5028");
            Assert.Equal(0, app.Count("The full copy of '"));
            Assert.Equal(0, await app.StopAsync());
            Assert.Equal(1, app.Count("LSB5021: The full copy"));
        }

        using var next = folder.Start();
        await next.SaysAsync("LSB5025");
        await next.SaysAsync("The full copy of ");
        await next.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
        Assert.Equal(0, next.Count("LSB5028"));
        await folder.AssertRestoredAsync();
        Assert.Equal(0, await next.StopAsync());
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_WAL_that_is_restarted_before_the_final_pass_is_a_full_copy_at_the_next_start()
    {
        using var folder = new AppFolder();
        var hold = Path.Combine(folder.Root, "hold");
        await File.WriteAllTextAsync(
            folder.Executable,
            $"#!/bin/sh\nwhile [ \"$1\" = replicate ] && [ -e '{hold}' ]; do sleep 0.05; done\nexec "
                + $"'{Repository.Executable}' \"$@\"\n",
            Cancel
        );
        using (var app = folder.Start())
        {
            await app.TellAsync("accounts");
            await app.SaysAsync("has accounts");
            await folder.SettledAsync(app);
            await app.TellAsync("sql UPDATE account SET balance = balance + 3 WHERE id <= 5000");
            await app.SaysAsync("\nran ");
            await app.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");

            // With it, no reader of ours can begin.
            await app.TellAsync("another-library");
            await app.SaysAsync("has another library");
            await File.WriteAllTextAsync(hold, "", Cancel);
            await AppFolder.SignalAsync("TERM", -app.Id);
            await app.SaysAsync("Final pass: ");
            using (var other = Open(folder.Database))
            {
                Execute(other, "UPDATE account SET balance = balance + 1");
                Execute(other, "PRAGMA wal_checkpoint(RESTART)");
                Execute(other, "UPDATE account SET balance = balance - 1 WHERE id = 7");
            }

            File.Delete(hold);
            Assert.Equal(0, await app.EndedAsync());
            Assert.Contains("litestream did not continue where it had ended", app.Output, StringComparison.Ordinal);
            Assert.Equal(1, app.Count("LSB5021: "));
            Assert.DoesNotContain("has sent everything", app.Output, StringComparison.Ordinal);
        }

        using var next = folder.Start();
        await next.SaysAsync("LSB5025");
        await next.SaysAsync("The full copy of ");
        await next.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
        await folder.AssertRestoredAsync();
        Assert.Equal(0, await next.StopAsync());
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_WAL_that_was_restarted_after_the_state_folder_was_lost_is_found_and_a_full_copy_is_sent()
    {
        using var folder = new AppFolder();
        using var other = Open(AppFolder.MakeDatabase(folder.Database));
        Execute(other, "PRAGMA journal_mode = wal");
        using (var app = folder.Start())
        {
            await app.TellAsync("accounts");
            await app.SaysAsync("has accounts");
            await folder.SettledAsync(app);
            Execute(other, "UPDATE account SET balance = balance + 3 WHERE id <= 5000");
            await app.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
            Assert.Equal(0, await app.StopAsync());
        }

        Directory.Delete(Path.Combine(folder.Work, ".orders.db-litestream"), recursive: true);

        // The stop has brought all of the WAL into the file, so the first of these begins it anew, too.
        Execute(other, "UPDATE account SET balance = balance + 1 WHERE id = 19000");
        Execute(other, "PRAGMA wal_checkpoint(RESTART)");
        Execute(other, "UPDATE account SET balance = balance - 1 WHERE id = 7");
        using var next = folder.Start();
        await next.SaysAsync(
            $"LSB5025: A full copy of '{folder.Database}' must be sent: litestream did not continue where it had ended."
        );
        await next.SaysAsync("The full copy of ");
        await next.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
        await folder.AssertRestoredAsync();
        Assert.Equal(0, await next.StopAsync());
    }

    [Fact]
    public async Task A_litestream_that_loses_its_hold_on_the_WAL_is_started_again_with_a_full_copy()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__StallTimeout"] = "2m";
        var (hold, letGo) = Holding(folder);
        using var app = folder.Start();
        await folder.SettledAsync(app);
        var litestream = Assert.Single(folder.Replicators());
        await AppFolder.UntilAsync(() => MarkOf(folder, litestream) == MarkState.Held, "litestream held its mark");

        // The next litestream waits, so that the status is seen before the copy has arrived.
        hold();
        do
        {
            await LoseMarkAsync(folder, litestream);
        } while (MarkOf(folder, litestream) == MarkState.Held);

        await app.SaysAsync(
            $"LSB5025: A full copy of '{folder.Database}' must be sent: litestream lost its hold on the WAL."
        );
        await app.StatusAsync("Degraded", "LSB5025");
        letGo();
        await app.SaysAsync("The full copy of ");
        Assert.NotEqual(litestream, Assert.Single(folder.Replicators()));
        await app.TellAsync("row after it");
        await app.SaysAsync("wrote after it");
        await folder.ArrivesAsync(app, "after it");
        await app.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
        await folder.AssertRestoredAsync();

        // Litestream may have begun one more generation by itself, when it saw the other WAL.
        Assert.InRange(folder.FullCopies().Count, 2, 3);
        Assert.Equal(0, app.Count("LSB5004"));
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    public async Task A_commit_that_a_killed_process_left_in_the_WAL_is_found_and_replaced_by_a_full_copy()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await app.TellAsync("row last of all");
        await app.SaysAsync("wrote last of all");
        await folder.ArrivesAsync(app, "last of all");

        // Nothing may write over it before it is seen: neither litestream, when it checkpoints, nor a nudge.
        using (var writer = Open(folder.Database))
        {
            Execute(writer, "BEGIN IMMEDIATE");
            AppendGhost(folder.Database + "-wal");
            await app.SaysAsync("LSB5025");
            Execute(writer, "ROLLBACK");
        }

        Assert.Contains("another process was killed while it committed", app.Output, StringComparison.Ordinal);
        await app.SaysAsync("The full copy of ");
        await app.TellAsync("row after it");
        await app.SaysAsync("wrote after it");
        await folder.ArrivesAsync(app, "after it");
        await folder.AssertRestoredAsync();
        Assert.Equal(0, await app.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task Another_litestream_that_is_at_work_already_keeps_ours_from_starting_until_it_has_ended()
    {
        using var folder = new AppFolder();

        // After that it is Unhealthy.
        folder.Environment["Litestream__StallTimeout"] = "2m";
        AppFolder.MakeDatabase(folder.Database);
        using var foreign = StartForeign(folder);
        await AppFolder.UntilAsync(
            () => Directory.Exists(Path.Combine(folder.Work, ".orders.db-litestream", AppFolder.ContentFolder)),
            "the other one replicated"
        );

        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.SaysAsync("LSB5003");
        Assert.Contains($"(process {foreign.Id})", app.Output, StringComparison.Ordinal);
        await app.TellAsync("row beside it");
        await app.SaysAsync("wrote beside it");
        await app.StatusAsync("Degraded", "LSB5003");
        Assert.Equal([foreign.Id], folder.Replicators());

        foreign.Kill();
        await foreign.WaitForExitAsync(Cancel);
        await app.SaysAsync("The full copy of ");
        await app.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
        await folder.AssertRestoredAsync();
        Assert.Equal(1, app.Count("\n      LSB5003: "));
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    public async Task Another_litestream_that_comes_later_has_ours_stop_until_it_has_ended()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        using var foreign = StartForeign(folder);

        await app.SaysAsync($"(process {foreign.Id})");
        await AppFolder.UntilAsync(() => folder.Replicators() is [var only] && only == foreign.Id, "ours had ended");
        await app.TellAsync("row beside it");
        await app.SaysAsync("wrote beside it");
        foreign.Kill();
        await foreign.WaitForExitAsync(Cancel);
        await app.SaysAsync("The full copy of ");
        await app.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
        await folder.AssertRestoredAsync();
        Assert.Equal(0, await app.StopAsync());
    }

    [Fact]
    [Trait("Line", "0.3")]
    public async Task The_trace_of_a_litestream_that_cannot_be_seen_stops_ours_until_somebody_adopts_the_replica()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            Assert.Equal(0, await app.StopAsync());
        }

        // One that ran while the app did not: it began a generation of its own.
        File.Delete(Path.Combine(folder.Work, ".orders.db-litestream", "generation"));
        using (var foreign = StartForeign(folder))
        {
            await AppFolder.UntilAsync(() => folder.FullCopies().Count == 2, "the other one had sent a snapshot");
            await AppFolder.SignalAsync("TERM", foreign.Id);
            await foreign.WaitForExitAsync(Cancel);
        }

        using (var app = folder.Start())
        {
            await app.SaysAsync("LSB5023");
            await app.SaysAsync("started ");
            await app.StatusAsync("Stalled after", "Degraded", "LSB5023");
            Assert.Empty(folder.Replicators());
            await app.StopAsync();
            Assert.Matches("LSB5021: Up to \\d+ bytes of .+LSB5023.+only after you correct that", app.Output);
        }

        folder.Environment["Litestream__AdoptReplica"] = "true";
        using var adopting = folder.Start();
        await folder.SettledAsync(adopting);
        Assert.Equal(0, adopting.Count("LSB5023"));
        Assert.Equal(0, await adopting.StopAsync());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_replica_that_has_more_than_was_sent_from_here_stops_ours_until_somebody_adopts_it()
    {
        using var folder = new AppFolder();
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            Assert.Equal(0, await app.StopAsync());
        }

        // A copy of the database, on another host as it were: nothing on this one shows who has it open.
        var elsewhere = Directory.CreateDirectory(Path.Combine(folder.Root, "elsewhere")).FullName;
        var copy = Path.Combine(elsewhere, "orders.db");
        File.Copy(folder.Database, copy);
        var config = Path.Combine(elsewhere, "litestream.yml");
        await File.WriteAllTextAsync(
            config,
            $"dbs:\n  - path: '{copy}'\n    replicas:\n      - {folder.FileReplica}\n",
            Cancel
        );
        using (var app = folder.Start())
        {
            await folder.SettledAsync(app);
            using (var foreign = StartForeign(folder, config))
            using (var connection = Open(copy))
            {
                await AppFolder.UntilAsync(
                    () =>
                    {
                        Execute(connection, "INSERT INTO orders VALUES ('theirs')");
                        return app.Output.Contains("LSB5023", StringComparison.Ordinal);
                    },
                    () => $"the app saw what the other one sent\n{app.Output}"
                );
                foreign.Kill();
                await foreign.WaitForExitAsync(Cancel);
            }

            await app.StatusAsync("Stalled after", "Degraded", "LSB5023");
            await AppFolder.UntilAsync(() => folder.Replicators().Count == 0, "ours had ended");
            await app.TellAsync("row unsent");
            await app.SaysAsync("wrote unsent");
            await app.StopAsync();
            Assert.Matches("LSB5021: .+LSB5023.+only after you correct that", app.Output);
        }

        folder.Environment["Litestream__AdoptReplica"] = "true";
        using var adopting = folder.Start();
        await folder.SettledAsync(adopting);
        Assert.Equal(0, adopting.Count("LSB5023"));
        Assert.Equal(0, await adopting.StopAsync());
        Assert.Contains("unsent", folder.DatabaseRows());
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_stop_says_what_a_storage_did_not_take_and_how_much()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(
            "type: s3\n        bucket: b\n        endpoint: http://127.0.0.1:1\n        region: us-east-1"
        );
        folder.Environment["Litestream__ShutdownTimeout"] = "10s";
        folder.Environment["LITESTREAM_ACCESS_KEY_ID"] = "none";
        folder.Environment["LITESTREAM_SECRET_ACCESS_KEY"] = "none";
        AppFolder.MakeDatabase(folder.Database);
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("row unsent");
        await app.SaysAsync("wrote unsent");

        await app.StopAsync();

        Assert.Equal(1, app.Count("LSB5021"));
        Assert.Matches("LSB5021: (?:Up to )?\\d+ bytes of", app.Output);
        Assert.DoesNotContain("has sent everything", app.Output, StringComparison.Ordinal);
    }

    [Theory(Timeout = 30 * 60_000)]
    [InlineData("", false)]
    [InlineData(" truncate", false)]
    [InlineData("", true)]
    [Trait("Category", "Long")]
    public async Task Heavy_writes_without_any_kill_arrive_as_they_are_five_times(string option, bool hasOther)
    {
        for (var i = 0; i < 5; i++)
        {
            using var folder = new AppFolder();
            using var app = folder.Start();
            await app.SaysAsync("started ");
            await app.TellAsync("accounts");
            await app.SaysAsync("has accounts");
            await folder.SettledAsync(app);
            folder.Environment["Litestream__Enabled"] = "false";
            using var other = hasOther ? folder.Start() : null;
            if (other is not null)
            {
                // Another process, which truncates the WAL after each of its commits.
                await other.SaysAsync("started ");
                await other.TellAsync("heavy 35 truncate");
            }

            await app.TellAsync($"heavy 35{option}");
            await app.SaysAsync("bytes heavily", TimeSpan.FromMinutes(5));
            if (other is not null)
            {
                await other.SaysAsync("bytes heavily", TimeSpan.FromMinutes(5));
                Assert.Equal(0, await other.StopAsync());
            }

            await app.StatusAsync("Replicating", "Healthy 0.0 s 0 bytes");
            await folder.AssertRestoredAsync();

            // Where a WAL had restarted before litestream had read it, a full copy has followed.
            Assert.True(app.Count("LSB5025: A full copy of ") <= app.Count("The full copy of "), app.Output);
            Assert.Equal(0, await app.StopAsync());
            await folder.AssertRestoredAsync();
        }
    }

    [Fact]
    public Task Three_random_kills_under_load_leave_a_replica_that_is_the_database() => KillAsync(3);

    [Fact(Timeout = 60 * 60_000)]
    [Trait("Category", "Long")]
    public Task Fifty_random_kills_under_load_leave_a_replica_that_is_the_database() =>
        KillAsync(RandomKill.Times(50));

    private static Task KillAsync(int times) =>
        RandomKill.TryAsync(
            times,
            async kill =>
            {
                using var folder = new AppFolder();
                return await kill.RunAsync(folder);
            }
        );

    private static async Task RestartInOrderAsync(
        AppFolder folder,
        string signal,
        bool toTheGroup,
        int megabytes,
        int times
    )
    {
        for (var i = 0; i <= times; i++)
        {
            using var app = folder.Start();
            await app.SaysAsync("started ");
            if (i == 0 && megabytes > 0)
            {
                await app.TellAsync($"load {megabytes}");
                await app.SaysAsync("loaded ");
            }

            await app.TellAsync($"row {signal} {i}");
            await app.SaysAsync($"wrote {signal} {i}");
            await folder.SettledAsync(app);
            await AppFolder.SignalAsync(signal, toTheGroup ? -app.Id : app.Id);
            Assert.Equal(0, await app.EndedAsync());

            // Commits that are late for a moment (LSB5007), as they may be on a busy machine, arrive all the same.
            Assert.True(app.Count("LSB50") == app.Count("LSB5007"), app.Output);
            await folder.AssertRestoredAsync();
        }
    }

    /// <summary>Has the app start litestream through an executable of ours, which can be made to wait before it becomes
    /// litestream. What else it is asked, such as its version, it answers at once.</summary>
    private static (Action Hold, Action LetGo) Holding(AppFolder folder)
    {
        var (file, hold) = (Path.Combine(folder.Root, "litestream-held"), Path.Combine(folder.Root, "held"));

        // With its permissions.
        File.Copy(folder.Executable, file);
        File.WriteAllText(
            file,
            $"#!/bin/sh\nwhile [ \"$1\" = replicate ] && [ -e '{hold}' ]; do sleep 0.05; done\nexec "
                + $"'{folder.Executable}' \"$@\"\n"
        );
        folder.Environment["Litestream__ExecutablePath"] = file;
        return (() => File.WriteAllText(hold, ""), () => File.Delete(hold));
    }

    private static MarkState MarkOf(AppFolder folder, int litestream) =>
        ReplicationMark.Look([folder.Database])![folder.Database].MarkOf(litestream);

    /// <summary>
    /// Litestream gives up its mark to checkpoint, from 1,000 pages on, and takes it again with a statement on its own
    /// table. Where that has another name at this moment, as after a tool that tidies up, it continues without a mark.
    /// </summary>
    private static async Task LoseMarkAsync(AppFolder folder, int litestream)
    {
        using var reader = Open(folder.Database);
        using var writer = Open(folder.Database);
        Execute(writer, "PRAGMA wal_autocheckpoint = 0");

        // It keeps the other name out of the database file, where the app's identity is looked for.
        Execute(reader, "BEGIN; SELECT count(*) FROM orders");
        Execute(
            writer,
            "BEGIN IMMEDIATE; ALTER TABLE _litestream_seq RENAME TO away; "
                + "CREATE TABLE IF NOT EXISTS filler(x); "
                + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) "
                + "INSERT INTO filler SELECT randomblob(4000) FROM n; COMMIT"
        );
        var absent = 0;
        await AppFolder.UntilAsync(
            () => (absent = MarkOf(folder, litestream) == MarkState.Absent ? absent + 1 : 0) >= 5,
            "litestream had lost its mark"
        );
        Execute(writer, "ALTER TABLE away RENAME TO _litestream_seq");
        Execute(reader, "COMMIT");

        // This is what the mark is to prevent. With a short WAL, litestream does not checkpoint again.
        Execute(writer, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    private static Process StartForeign(AppFolder folder, string? config = null)
    {
        var start = new ProcessStartInfo(folder.Executable, ["replicate", "-config", config ?? folder.Config])
        {
            WorkingDirectory = folder.Work,
        };
        folder.SetEnvironment(start);
        return Process.Start(start)!;
    }

    /// <summary>
    /// What a process leaves that is killed between writing its commit to the WAL and telling the others: the last page
    /// once more, with a changed byte.
    /// </summary>
    private static void AppendGhost(string wal)
    {
        using var file = new FileStream(wal, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var header = new byte[32];
        file.ReadExactly(header);
        var size = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(8)) is 1
            ? 65536
            : BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(8));
        var end = WalFile.LastCommit(wal)!.End;
        var frame = new byte[24 + size];
        file.Seek(end - frame.Length, SeekOrigin.Begin);
        file.ReadExactly(frame);
        frame[^1] ^= 1;
        var isBigEndian = (header[3] & 1) == 1;
        var (one, two) = (
            BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(16)),
            BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(20))
        );
        foreach (var part in new[] { frame.AsMemory(0, 8), frame.AsMemory(24) })
        {
            for (var at = 0; at < part.Length; at += 8)
            {
                one += Word(part.Span[at..]) + two;
                two += Word(part.Span[(at + 4)..]) + one;
            }
        }

        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(16), one);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(20), two);
        file.Seek(end, SeekOrigin.Begin);
        file.Write(frame);

        uint Word(ReadOnlySpan<byte> bytes) =>
            isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        return connection;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
