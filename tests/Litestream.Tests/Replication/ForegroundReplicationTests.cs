using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Replication;
using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Litestream.Tests.Restore;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Replication;

[Trait("Uses", "litestream")]
public sealed class ForegroundReplicationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _lines = [];
    private readonly List<LitestreamDiagnostic> _diagnostics = [];
    private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken
    );

    public ForegroundReplicationTests()
    {
        _folder.Write(
            "litestream.yml",
            "dbs:\n  - path: app.db\n    monitor-interval: 20ms\n    replicas:\n      - path: replica\n        "
                + "sync-interval: 20ms\n"
        );
        LitestreamTool.Sql(
            Database,
            "PRAGMA journal_mode=wal; CREATE TABLE rows(text); INSERT INTO rows VALUES ('first')"
        );
    }

    private string Database => Path.Combine(_folder.Path, "app.db");

    private string Replica => Path.Combine(_folder.Path, "replica");

    public void Dispose()
    {
        _stop.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Cancelling_sends_the_last_commit_and_leaves_no_process_and_no_record()
    {
        var run = RunAsync();
        await ReplicatesAsync(run);
        var record = DatabaseLock.Peek(Database);
        Assert.Equal(Environment.ProcessId, record.App!.ProcessId);

        LitestreamTool.Sql(Database, "INSERT INTO rows VALUES ('last')");
        await _stop.CancelAsync();
        await run;

        Assert.False(record.Replicator!.IsRunning());
        Assert.Equal(LockRecord.Empty, DatabaseLock.Peek(Database));
        Assert.Equal("first,last", await RestoredAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_database_without_a_table_is_left_alone_until_it_has_one(bool isStoppedAtOnce)
    {
        LitestreamTool.Sql(Database, "DROP TABLE rows; VACUUM");
        var run = RunAsync();
        await LitestreamTool.WaitUntilAsync(() =>
            Lines().Any(line => line.Contains("has no tables of the app yet", StringComparison.Ordinal))
        );
        Assert.Equal("0", LitestreamTool.Query(Database, "SELECT count(*) FROM sqlite_master"));
        Assert.Null(DatabaseLock.Peek(Database).Replicator);

        LitestreamTool.Sql(Database, "CREATE TABLE rows(text); INSERT INTO rows VALUES ('first')");
        if (!isStoppedAtOnce)
            await ReplicatesAsync(run);
        await _stop.CancelAsync();
        await run;

        Assert.Equal("first", await RestoredAsync());
    }

    [Fact]
    public async Task A_litestream_that_the_signal_ended_first_runs_once_more_for_what_came_after()
    {
        var run = RunAsync(time: new PatientTime());
        await ReplicatesAsync(run);
        var replicator = DatabaseLock.Peek(Database).Replicator!;

        UnixCalls.Terminate(replicator.ProcessId);
        await LitestreamTool.WaitUntilAsync(() => !replicator.IsRunning());
        LitestreamTool.Sql(Database, "INSERT INTO rows VALUES ('after')");
        await _stop.CancelAsync();
        await run;

        Assert.Equal("first,after", await RestoredAsync());
    }

    [Fact]
    public async Task A_litestream_that_is_started_by_hand_later_is_named_and_the_end_is_an_error()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells which processes have a file open.");
        var run = RunAsync();
        await ReplicatesAsync(run);
        using var other = Process.Start(
            LitestreamTool.Executable.Path,
            ["replicate", Database, "file://" + Path.Combine(_folder.Path, "other replica")]
        );
        try
        {
            await LitestreamTool.WaitUntilAsync(() => run.IsCompleted || _diagnostics.Count > 0);
            var said = Assert.Single(_diagnostics);
            Assert.Equal("LSB5025", said.Code);
            Assert.Contains($"another litestream, process {other.Id},", said.Message, StringComparison.Ordinal);
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await _stop.CancelAsync();
        var failed = await Assert.ThrowsAsync<LitestreamException>(() => run);
        Assert.Equal("LSB5025", failed.Diagnostic.Code);
    }

    [Fact]
    public async Task Beside_a_litestream_that_was_started_by_hand_nothing_is_started()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells which processes have a file open.");
        using var other = Process.Start(
            LitestreamTool.Executable.Path,
            ["replicate", Database, "file://" + Path.Combine(_folder.Path, "other replica")]
        );
        try
        {
            await LitestreamTool.WaitUntilAsync(() => OpenDatabases.Replicators(Database).Contains(other.Id));

            var refused = await Assert.ThrowsAsync<LitestreamException>(() => RunAsync());

            Assert.Equal("LSB3012", refused.Diagnostic.Code);
            Assert.Contains($"process {other.Id},", refused.Message, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Replica));
        }
        finally
        {
            other.Kill();
            await other.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_second_one_is_refused_and_told_who_replicates()
    {
        var run = RunAsync();
        await ReplicatesAsync(run);

        var refused = await Assert.ThrowsAsync<LitestreamException>(() => RunAsync());

        Assert.Equal("LSB3012", refused.Diagnostic.Code);
        Assert.Contains($"process {Environment.ProcessId} ", refused.Message, StringComparison.Ordinal);
        Assert.Contains(
            $"litestream {DatabaseLock.Peek(Database).Replicator!.ProcessId}",
            refused.Message,
            StringComparison.Ordinal
        );
        await _stop.CancelAsync();
        await run;
    }

    [Fact]
    public async Task When_the_command_of_exec_fails_what_it_committed_is_sent_all_the_same()
    {
        var failed = await Assert.ThrowsAsync<LitestreamException>(() => RunAsync(exec: "false"));

        Assert.True(failed.Diagnostic.Code == "LSB3001", failed.Message + string.Join('\n', _lines));
        Assert.Equal("LSB3013", Assert.Single(_diagnostics).Code);
        Assert.Equal("first", await RestoredAsync());
    }

    [Fact]
    public async Task It_ends_well_when_the_command_of_exec_does()
    {
        await RunAsync(exec: "sleep 1");

        Assert.Equal("first", await RestoredAsync());
    }

    [Fact]
    public async Task A_litestream_that_cannot_run_is_a_failure_with_its_own_words()
    {
        var failed = await Assert.ThrowsAsync<LitestreamException>(() => RunAsync(arguments: ["-frobnicate"]));

        Assert.Equal("LSB3001", failed.Diagnostic.Code);
        Assert.Contains("exit code 1", failed.Message, StringComparison.Ordinal);

        // It did not end in order, so the next one begins with a full copy.
        using var free = DatabaseLock.TryAcquire(Database, out _);
        Assert.True(free?.Found.IsUnclean);
    }

    [Fact]
    public async Task A_frozen_litestream_is_killed_when_the_time_is_up_and_that_is_reported()
    {
        var run = RunAsync(stopTimeout: TimeSpan.FromSeconds(1));
        await ReplicatesAsync(run);
        var replicator = DatabaseLock.Peek(Database).Replicator!;
        using (var signal = Process.Start("kill", ["-STOP", $"{replicator.ProcessId}"]))
            await signal.WaitForExitAsync(TestContext.Current.CancellationToken);
        await LitestreamTool.WaitUntilAsync(() => IsFrozen(replicator.ProcessId), () => string.Join('\n', Lines()));

        await _stop.CancelAsync();
        var failed = await Record.ExceptionAsync(() => run) as LitestreamException;

        Assert.True(failed?.Diagnostic.Code == "LSB5005", failed?.Message + string.Join('\n', _lines));
        await LitestreamTool.WaitUntilAsync(() => !replicator.IsRunning());
    }

    [Fact]
    public async Task A_litestream_that_does_not_start_in_time_is_reported_and_the_next_one_sends_a_full_copy()
    {
        var first = RunAsync();
        await ReplicatesAsync(first);
        await _stop.CancelAsync();
        await first;
        var (slow, go) = (Path.Combine(_folder.Path, "slow-litestream"), Path.Combine(_folder.Path, "go"));
        var executable = LitestreamTool.Script(
            slow,
            $"#!/bin/sh\nwhile [ \"$1\" = replicate ] && [ ! -e '{go}' ]; do sleep 0.05; done\nexec "
                + $"'{LitestreamTool.Executable.Path}' \"$@\"\n"
        );

        using (var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken))
        {
            var run = RunAsync(executable: executable, cancellation: stop.Token);
            await LitestreamTool.WaitUntilAsync(() =>
                run.IsCompleted || DatabaseLock.Peek(Database).Replicator is not null
            );

            // The limit of the reader is a size of the WAL too.
            LitestreamTool.Sql(
                Database,
                "CREATE TABLE large(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 110) "
                    + "INSERT INTO large SELECT randomblob(1000000) FROM n"
            );
            await LitestreamTool.WaitUntilAsync(() => run.IsCompleted || _diagnostics.Count > 0);
            Assert.Equal("LSB5025", Assert.Single(_diagnostics).Code);
            await LitestreamTool.WaitUntilAsync(() =>
                LitestreamTool.Query(Database, "PRAGMA wal_checkpoint(TRUNCATE)") == "0"
            );
            LitestreamTool.Sql(Database, "UPDATE rows SET text = 'changed'");
            await File.WriteAllTextAsync(go, "", TestContext.Current.CancellationToken);
            await stop.CancelAsync();
            var failed = await Assert.ThrowsAsync<LitestreamException>(() => run);
            Assert.Equal("LSB5025", failed.Diagnostic.Code);
            Assert.Single(_lines, line => line.Contains("has sent everything", StringComparison.Ordinal));
        }

        using (var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken))
        {
            var next = RunAsync(cancellation: stop.Token);
            await LitestreamTool.WaitUntilAsync(() =>
                next.IsCompleted || DatabaseLock.Peek(Database).Replicator is not null
            );
            await stop.CancelAsync();
            await next;
        }

        Assert.Equal("changed", await RestoredAsync());
        await RestoredContent.AssertSameAsync(Database, Path.Combine(_folder.Path, "copy.db"));
    }

    [Fact]
    public async Task After_an_orderly_end_the_next_one_continues_without_a_full_copy()
    {
        await ReplicateOnceAsync(() => LitestreamTool.Sql(Database, "INSERT INTO rows VALUES ('before')"));
        var state = LitestreamTool.Executable.Line.State(Path.Combine(_folder.Path, ".app.db-litestream"));
        var bookmark = state.Bookmark();
        await ReplicateOnceAsync(() => LitestreamTool.Sql(Database, "INSERT INTO rows VALUES ('after')"));

        Assert.False(state.HasFullCopySince(bookmark, state.Newest(state.Lineage()!)!));
        Assert.Equal(2, _lines.Count(line => line.Contains("has sent everything", StringComparison.Ordinal)));
        Assert.Empty(_diagnostics);
        Assert.Equal("first,before,after", await RestoredAsync());
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_litestream_that_does_not_continue_where_it_ended_is_reported_and_the_next_sends_a_full_copy()
    {
        LitestreamTool.Sql(
            Database,
            "CREATE TABLE large(id INTEGER PRIMARY KEY, x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                + "FROM n WHERE i < 300) INSERT INTO large SELECT i, randomblob(3000) FROM n"
        );

        // It keeps the WAL from being deleted when litestream ends.
        using var other = new SqliteConnection($"Data Source={Database};Pooling=False");
        other.Open();
        other.Scalar("SELECT count(*) FROM rows");
        await ReplicateOnceAsync(() => other.Execute("UPDATE large SET x = randomblob(3000) WHERE id <= 100"));
        other.Execute("UPDATE large SET x = randomblob(3000) WHERE id > 100");
        other.Scalar("PRAGMA wal_checkpoint(RESTART)");
        other.Execute("UPDATE large SET x = 'last' WHERE id = 7");

        var failed = await Assert.ThrowsAsync<LitestreamException>(() =>
            ReplicateOnceAsync(
                () => { },
                () => _diagnostics.Exists(one => one.Message.Contains("did not continue", StringComparison.Ordinal))
            )
        );

        Assert.Equal("LSB5025", failed.Diagnostic.Code);
        using (var free = DatabaseLock.TryAcquire(Database, out _))
            Assert.True(free?.Found.IsUnclean);
        Assert.Single(_lines, line => line.Contains("has sent everything", StringComparison.Ordinal));

        await ReplicateOnceAsync(() => { });
        Assert.Equal("first", await RestoredAsync());
        await RestoredContent.AssertSameAsync(Database, Path.Combine(_folder.Path, "copy.db"));
        Assert.Equal(LockRecord.Empty, DatabaseLock.Peek(Database));
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task What_the_replica_does_not_have_was_not_sent_though_litestream_ends_well()
    {
        await File.AppendAllTextAsync(
            Path.Combine(_folder.Path, "litestream.yml"),
            "shutdown-sync-timeout: 1s\n",
            TestContext.Current.CancellationToken
        );
        var run = RunAsync();
        await ReplicatesAsync(run);
        Directory.Move(Replica, Replica + ".away");
        await File.WriteAllTextAsync(Replica, "in its place", TestContext.Current.CancellationToken);
        LitestreamTool.Sql(Database, "INSERT INTO rows VALUES ('last')");
        await _stop.CancelAsync();
        var failed = await Assert.ThrowsAsync<LitestreamException>(() => run);

        Assert.Equal("LSB5021", failed.Diagnostic.Code);
        Assert.DoesNotContain(_lines, line => line.Contains("has sent everything", StringComparison.Ordinal));
        using var free = DatabaseLock.TryAcquire(Database, out _);
        Assert.True(free?.Found.IsUnclean);
    }

    [Fact]
    public async Task A_restore_that_was_interrupted_is_taken_back_before_anything_is_replicated()
    {
        var aside = Path.Combine(_folder.Path, "aside.db");
        LitestreamTool.Sql(Database, "PRAGMA journal_mode=delete");
        File.Move(Database, aside);
        PlantedRecord.Write(Path.Combine(_folder.Path, ".app.db.litestream-restore-1"), Database, aside, Database);

        var run = RunAsync();
        await ReplicatesAsync(run);
        await _stop.CancelAsync();
        await run;

        Assert.Contains(_lines, line => line.Contains("was interrupted; all files are back", StringComparison.Ordinal));
        Assert.Equal("first", await RestoredAsync());
    }

    [Fact]
    public async Task One_that_cannot_be_taken_back_is_an_error_and_nothing_is_replicated()
    {
        PlantedRecord.Write(
            Path.Combine(_folder.Path, ".app.db.litestream-restore-1"),
            Database,
            Path.Combine(_folder.Path, "gone.db"),
            Database
        );
        File.Delete(Database);

        var failed = await Assert.ThrowsAsync<LitestreamException>(() =>
            RunAsync().WaitAsync(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken)
        );

        Assert.Equal("LSB4008", failed.Diagnostic.Code);
        Assert.False(Directory.Exists(Replica));
        Assert.Equal(LockRecord.Empty, DatabaseLock.Peek(Database));
    }

    [Theory]
    [InlineData("LSB5009")]
    [InlineData("LSB5012")]
    public async Task Another_database_than_the_one_in_the_replica_is_refused(string code)
    {
        var first = RunAsync();
        await ReplicatesAsync(first);
        await _stop.CancelAsync();
        await first;
        var backup = await RestoredAsync();
        foreach (var file in Directory.GetFiles(_folder.Path, "app.db*"))
            File.Delete(file);
        Directory.Delete(Path.Combine(_folder.Path, ".app.db-litestream"), recursive: true);
        if (code == "LSB5009")
            LitestreamTool.Sql(Database, "CREATE TABLE rows(text); INSERT INTO rows VALUES ('other')");
        File.Delete(Path.Combine(_folder.Path, "copy.db"));

        var failed = await Assert.ThrowsAsync<LitestreamException>(() =>
            RunAsync(cancellation: TestContext.Current.CancellationToken)
                .WaitAsync(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken)
        );

        Assert.Equal(code, failed.Diagnostic.Code);
        Assert.Equal(backup, await RestoredAsync());
    }

    /// <summary>Replicates until what was changed has been read, or something else is so, and ends in order.</summary>
    private async Task ReplicateOnceAsync(Action change, Func<bool>? until = null)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var run = RunAsync(cancellation: stop.Token);
        await ReplicatesAsync(run);
        await LitestreamTool.WaitUntilAsync(() =>
            run.IsCompleted || DatabaseLock.Peek(Database).Replicator is not null
        );
        change();
        var state = LitestreamTool.Executable.Line.State(Path.Combine(_folder.Path, ".app.db-litestream"));
        await LitestreamTool.WaitUntilAsync(() =>
            run.IsCompleted
            || (
                until?.Invoke()
                ?? (
                    state.Lineage() is { } lineage
                    && (
                        WalFile.LastCommit(WalFile.PathOf(Database)) is not { } commit
                        || state.Find(lineage, commit) is not null
                    )
                )
            )
        );
        await stop.CancelAsync();
        await run;
    }

    private static bool IsFrozen(int processId) =>
        File.ReadAllText($"/proc/{processId}/stat").Split(')')[^1].TrimStart().StartsWith('T');

    private Task RunAsync(
        string? exec = null,
        IReadOnlyList<string>? arguments = null,
        TimeSpan? stopTimeout = null,
        CancellationToken? cancellation = null,
        LitestreamExecutable? executable = null,
        TimeProvider? time = null
    ) =>
        ForegroundReplication.RunAsync(
            executable ?? LitestreamTool.Executable,
            new EffectiveConfigOptions
            {
                ConfigPath = Path.Combine(_folder.Path, "litestream.yml"),
                BaseDirectory = _folder.Path,
                GetSetting = _ => null,
                Environment = new Dictionary<string, string>(),
            },
            new ForegroundReplicationOptions
            {
                Exec = exec,
                Arguments = arguments ?? [],
                StopTimeout = stopTimeout ?? TimeSpan.FromMinutes(3),
                Time = time ?? TimeProvider.System,
            },
            line =>
            {
                lock (_lines)
                    _lines.Add(line.Text);
            },
            _diagnostics.Add,
            cancellation ?? _stop.Token
        );

    private string[] Lines()
    {
        lock (_lines)
            return [.. _lines];
    }

    private async Task ReplicatesAsync(Task run)
    {
        await LitestreamTool.WaitUntilAsync(
            () =>
                run.IsCompleted
                || (
                    LitestreamTool.HasBackup(Replica, segments: 1)
                    && DatabaseLock.Peek(Database).Replicator is not null
                ),
            () => string.Join('\n', Lines())
        );
        if (run.IsCompleted)
            await run;
    }

    private async Task<string> RestoredAsync()
    {
        var copy = Path.Combine(_folder.Path, "copy.db");
        var yml = LitestreamTool
            .Effective(Path.Combine(_folder.Path, "litestream.yml"), _folder.Path)
            .Write(Path.Combine(_folder.Path, "run"));
        var result = await LitestreamTool
            .Command()
            .RunAsync(["restore", "-config", yml, "-o", copy, Database], TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, result.StandardOutput + result.StandardError + string.Join('\n', _lines));
        return LitestreamTool.Query(copy, "SELECT group_concat(text) FROM rows");
    }

    /// <summary>
    /// The time of the system, but the moment in which a signal to the whole group reaches us after litestream lasts
    /// longer: as long as a slow test needs to send it.
    /// </summary>
    private sealed class PatientTime : TimeProvider
    {
        public override ITimer CreateTimer(
            TimerCallback callback,
            object? state,
            TimeSpan dueTime,
            TimeSpan period
        ) =>
            base.CreateTimer(
                callback,
                state,
                dueTime == Thresholds.GroupSignal ? TimeSpan.FromMinutes(5) : dueTime,
                period
            );
    }
}
