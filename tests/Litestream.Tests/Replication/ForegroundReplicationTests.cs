using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Tests.Databases;
using Litestream.Tests.Restore;

namespace Litestream.Tests.Replication;

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
            _lines.ToArray().Any(line => line.Contains("has no tables of the app yet", StringComparison.Ordinal))
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
        var run = RunAsync();
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
    public async Task A_frozen_litestream_is_killed_when_the_time_is_up_and_that_is_said()
    {
        var run = RunAsync(stopTimeout: TimeSpan.FromSeconds(1));
        await ReplicatesAsync(run);
        var replicator = DatabaseLock.Peek(Database).Replicator!;
        using (var signal = Process.Start("kill", ["-STOP", $"{replicator.ProcessId}"]))
            await signal.WaitForExitAsync(TestContext.Current.CancellationToken);
        await LitestreamTool.WaitUntilAsync(() => IsFrozen(replicator.ProcessId), () => string.Join('\n', _lines));

        await _stop.CancelAsync();
        var failed = await Record.ExceptionAsync(() => run) as LitestreamException;

        Assert.True(failed?.Diagnostic.Code == "LSB5005", failed?.Message + string.Join('\n', _lines));
        Assert.False(replicator.IsRunning());
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
            RunAsync().WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken)
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
                .WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken)
        );

        Assert.Equal(code, failed.Diagnostic.Code);
        Assert.Equal(backup, await RestoredAsync());
    }

    private static bool IsFrozen(int processId) =>
        File.ReadAllText($"/proc/{processId}/stat").Split(')')[^1].TrimStart().StartsWith('T');

    private Task RunAsync(
        string? exec = null,
        IReadOnlyList<string>? arguments = null,
        TimeSpan? stopTimeout = null,
        CancellationToken? cancellation = null
    ) =>
        ForegroundReplication.RunAsync(
            LitestreamTool.Executable,
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
                StopTimeout = stopTimeout ?? TimeSpan.FromSeconds(30),
            },
            line =>
            {
                lock (_lines)
                    _lines.Add(line.Text);
            },
            _diagnostics.Add,
            cancellation ?? _stop.Token
        );

    private async Task ReplicatesAsync(Task run)
    {
        await LitestreamTool.WaitUntilAsync(
            () => run.IsCompleted || LitestreamTool.HasBackup(Replica, segments: 1),
            () => string.Join('\n', _lines)
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
}
