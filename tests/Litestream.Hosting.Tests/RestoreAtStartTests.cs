using System.Net;
using System.Net.Sockets;
using Litestream.FileSystem;

namespace Litestream.Hosting.Tests;

/// <summary>What happens inside <c>Build()</c>, before the app can open its database.</summary>
public sealed class RestoreAtStartTests
{
    [Theory]
    [InlineData("")]
    [InlineData("--default-builder", Traits = ["Category", "Long"])]
    [InlineData("--empty-builder", Traits = ["Category", "Long"])]
    [InlineData("--explicit")]
    public async Task A_lost_database_is_back_when_the_host_is_built(string builder)
    {
        using var folder = new AppFolder();
        var rows = await RunOnceAsync(folder);
        folder.DeleteDatabase();

        using var app = folder.Start(builder, "--build-only");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Contains($"built {rows.Count}", app.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\"db_path\"", app.Output, StringComparison.Ordinal);
        Assert.Equal(rows, folder.DatabaseRows());
        Assert.Empty(folder.Replicators());
    }

    [Fact]
    public async Task A_restored_app_continues_replicating_where_it_was()
    {
        using var folder = new AppFolder();
        var rows = await RunOnceAsync(folder);
        folder.DeleteDatabase();

        Assert.Equal([.. rows, "first", "last"], await RunOnceAsync(folder));
        await folder.AssertRestoredAsync();
    }

    [Fact]
    public async Task A_signal_while_the_gate_waits_says_what_of_another_database_was_never_sent()
    {
        using var folder = new AppFolder();
        AppFolder.MakeDatabase(folder.Database);
        var other = Path.Combine(folder.Work, "other.db");
        await File.AppendAllTextAsync(
            folder.Config,
            $"\n  - path: other.db\n    replicas:\n      - type: file\n        path: {folder.Root}/other-replica\n",
            TestContext.Current.CancellationToken
        );

        // Somebody who has not said yet what he does with it, and is waited for until the signal comes.
        folder.Environment["Litestream__StallTimeout"] = "10m";
        using var held = DatabaseLock.TryAcquire(other, out _);
        using var app = folder.Start();
        await app.SaysAsync($"'{other}' is locked by another process, which does not restore it");
        await AppFolder.SignalAsync("TERM", app.Id);

        Assert.Equal(143, await app.EndedAsync());
        Assert.Equal(1, app.Count("LSB5021"));
        Assert.Matches(
            $"LSB5021: Up to \\d+ bytes of .*'{folder.Database}' .*stopped before litestream ran",
            app.Output
        );
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_process_that_holds_the_lock_and_restores_nothing_is_named_and_not_waited_for_without_limit(
        bool hasRecord
    )
    {
        using var folder = new AppFolder();
        await RunOnceAsync(folder);
        folder.DeleteDatabase();
        folder.Environment["Litestream__StallTimeout"] = "10s";
        using var held = DatabaseLock.TryAcquire(folder.Database, out _)!;
        var own = ProcessIdentity.Of(Environment.ProcessId)!;
        if (hasRecord)
            held.Write(new LockRecord(own, null));
        using var app = folder.Start();

        await StoppedAsync(app, "LSB5002");
        var holder = hasRecord ? $"another process ({own.ProcessId}, {own.Executable})" : "another process";
        Assert.Contains($"is locked by {holder}, which does not restore it", app.Output, StringComparison.Ordinal);
        Assert.Contains($"cannot be restored: {holder} holds", app.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("is being restored", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_that_is_at_work_is_waited_for()
    {
        using var folder = new AppFolder();
        var rows = await RunOnceAsync(folder);
        folder.DeleteDatabase();
        folder.Environment["Litestream__StallTimeout"] = "5s";
        using var held = DatabaseLock.TryAcquire(folder.Database, out _)!;
        held.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null));
        using var work = LeasedDirectory.Create(folder.Work, ".orders.db.litestream-restore");
        using var app = folder.Start("--build-only");
        await app.SaysAsync("is being restored by another process");

        // One that starts later with the same limit, and waits for a process that restores nothing, has given up.
        using var other = new AppFolder();
        await RunOnceAsync(other);
        other.DeleteDatabase();
        other.Environment["Litestream__StallTimeout"] = "5s";
        using (DatabaseLock.TryAcquire(other.Database, out _))
        using (var later = other.Start())
            await StoppedAsync(later, "LSB5002");
        Assert.False(app.HasExited, app.Output);
        work.Dispose();
        held.Dispose();

        Assert.Equal(0, await app.EndedAsync());
        Assert.Equal(rows, folder.DatabaseRows());
    }

    [Fact]
    public async Task An_app_that_replicates_nothing_and_holds_the_lock_is_named_to_the_next_one()
    {
        using var folder = new AppFolder();
        await RunOnceAsync(folder);
        folder.DeleteDatabase();
        AppFolder.MakeDatabase(folder.Database);

        // It would end with the error of SQLite when its file is gone.
        folder.Environment["HOSTED_APP_Idle"] = "true";
        using var first = folder.Start();
        await first.SaysAsync("LSB5009");
        await first.SaysAsync("started ");
        foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
            File.Delete(file);
        using var app = folder.Start();

        await StoppedAsync(app, "LSB5002");
        Assert.Contains($"another process ({first.Id}, ", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Line", "0.3")] // 0.5.17 does not work with S3 where AWS_CA_BUNDLE is set.
    public async Task Databases_are_restored_side_by_side()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var folder = new AppFolder();
        folder.WriteConfig(S3(silent.LocalEndpoint.ToString()!));
        var second = File.ReadAllText(folder.Config).Split('\n', 2)[1];
        await File.AppendAllTextAsync(
            folder.Config,
            "\n" + second.Replace("orders", "other", StringComparison.Ordinal),
            TestContext.Current.CancellationToken
        );
        using var app = folder.Start();

        // Neither gets an answer.
        await AppFolder.UntilAsync(() => folder.Replicators().Count == 2, () => $"both were looked for\n{app.Output}");
        await AppFolder.SignalAsync("TERM", app.Id);
        Assert.Equal(143, await app.EndedAsync());
        Assert.Empty(folder.Replicators());
        Assert.Equal(1, app.Count("orders.db' does not exist; looking"));
        Assert.Equal(1, app.Count("other.db' does not exist; looking"));
    }

    [Fact]
    public async Task Without_a_backup_the_app_starts_without_one()
    {
        using var folder = new AppFolder();
        using var app = folder.Start("--build-only");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Contains("no backup yet", app.Output, StringComparison.Ordinal);
        Assert.Contains("built -1", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_backup_the_app_does_not_start_where_one_is_required()
    {
        using var folder = new AppFolder();
        folder.Environment["Litestream__RestoreOnStart"] = "Required";
        using var app = folder.Start();

        await StoppedAsync(app, "LSB5002");
    }

    [Fact]
    public async Task Never_means_never()
    {
        using var folder = new AppFolder();
        await RunOnceAsync(folder);
        folder.DeleteDatabase();
        folder.Environment["Litestream__RestoreOnStart"] = "Never";
        using var app = folder.Start("--build-only");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Contains("built -1", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_forced_restore_killed_between_its_moves_is_taken_back_before_the_app_can_open_the_database()
    {
        using var folder = new AppFolder();
        var rows = await RunOnceAsync(folder);
        var work = Directory
            .CreateDirectory(Path.Combine(folder.Work, ".orders.db.litestream-restore-killed"))
            .FullName;
        var set = Directory.CreateDirectory(folder.Database + ".replaced-20260102T030405Z").FullName;
        await File.WriteAllTextAsync(Path.Combine(work, "lock"), "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(work, "restored.db"), "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(work, "moves.json"),
            $$"""
            {"output":"{{folder.Database}}","folder":"{{set}}","moves":[
              {"from":"{{folder.Database}}","to":"{{set}}/orders.db"},
              {"from":"{{folder.Database}}-wal","to":"{{set}}/orders.db-wal"}]}
            """,
            TestContext.Current.CancellationToken
        );
        File.Move(folder.Database, Path.Combine(set, "orders.db"));

        // So that nothing but that can bring it back.
        folder.Environment["Litestream__RestoreOnStart"] = "Never";
        using var app = folder.Start("--build-only");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Contains($"built {rows.Count}", app.Output, StringComparison.Ordinal);
        Assert.Equal(1, app.Count("was interrupted"));
        Assert.Equal(rows, folder.DatabaseRows());
        Assert.False(Directory.Exists(set));
        Assert.False(Directory.Exists(work));
    }

    [Fact]
    public async Task Storage_that_cannot_be_reached_stops_the_app_with_one_line_and_no_trace()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(S3("127.0.0.1:1"));
        using var app = folder.Start();

        await StoppedAsync(app, "LSB4005");
        Assert.False(File.Exists(folder.Database));
        Assert.Empty(folder.Replicators());
        Assert.Equal([DatabaseLock.PathFor(folder.Database)], Directory.EnumerateFileSystemEntries(folder.Work));
    }

    [Fact]
    [Trait("Line", "0.3")] // For 0.5, the test above.
    public async Task The_line_is_seen_even_where_the_host_logs_nowhere()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(S3("127.0.0.1:1"));
        using var app = folder.Start("--empty-builder");

        await StoppedAsync(app, "LSB4005");
    }

    [Fact]
    [Trait("Line", "0.3")] // As above.
    public async Task An_app_that_registers_by_hand_gets_the_exception()
    {
        using var folder = new AppFolder();
        folder.WriteConfig(S3("127.0.0.1:1"));
        using var app = folder.Start("--explicit");

        Assert.Equal(134, await app.EndedAsync());
        Assert.Contains("Litestream.Diagnostics.LitestreamException: LSB4005", app.Output, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Line", "0.3")] // As above.
    [InlineData("TERM", false, 143)]
    [InlineData("INT", false, 130)]
    [InlineData("INT", true, 130)]
    public async Task A_signal_during_the_restore_ends_the_restore_too(string signal, bool toTheGroup, int exitCode)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var folder = new AppFolder();
        folder.WriteConfig(S3(silent.LocalEndpoint.ToString()!));
        using var app = folder.Start();
        using var connection = await silent.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        Assert.Single(folder.Replicators());

        await AppFolder.SignalAsync(signal, toTheGroup ? -app.Id : app.Id);

        Assert.Equal(exitCode, await app.EndedAsync());
        Assert.Empty(folder.Replicators());
        Assert.DoesNotContain("Unhandled", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_opened_before_the_host_is_built_does_not_replace_its_own_backup()
    {
        using var folder = new AppFolder();
        await RunOnceAsync(folder);
        var saved = RestoredContent.Save(folder.Database);
        folder.DeleteDatabase();
        using var app = folder.Start("--open-before-build");

        await StoppedAsync(app, "LSB5006");
        await folder.AssertRestoredAsync(saved);
    }

    [Fact]
    public async Task A_zero_byte_file_does_not_replace_the_backup()
    {
        using var folder = new AppFolder();
        await RunOnceAsync(folder);
        var saved = RestoredContent.Save(folder.Database);
        folder.DeleteDatabase();
        await File.WriteAllBytesAsync(folder.Database, [], TestContext.Current.CancellationToken);
        using var app = folder.Start();

        await StoppedAsync(app, "LSB5006");
        await folder.AssertRestoredAsync(saved);
    }

    [Fact]
    public async Task A_database_opened_before_the_host_is_built_is_fine_where_there_is_no_backup()
    {
        using var folder = new AppFolder();
        using var app = folder.Start("--open-before-build", "--build-only");

        Assert.Equal(0, await app.EndedAsync());
        Assert.Contains("built 0", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_apps_that_start_at_once_restore_once_and_both_see_the_rows()
    {
        using var folder = new AppFolder();
        var rows = await RunOnceAsync(folder);
        folder.DeleteDatabase();

        using var one = folder.Start("--build-only");
        using var other = folder.Start("--build-only");

        Assert.Equal(0, await one.EndedAsync());
        Assert.Equal(0, await other.EndedAsync());
        Assert.Contains($"built {rows.Count}", one.Output, StringComparison.Ordinal);
        Assert.Contains($"built {rows.Count}", other.Output, StringComparison.Ordinal);
        Assert.Equal(1, one.Count("was restored in") + other.Count("was restored in"));
    }

    [Fact]
    public async Task An_app_does_not_start_over_a_backup_while_another_one_works_on_the_deleted_database()
    {
        using var folder = new AppFolder();
        using var one = folder.Start();
        await one.SentAsync();
        foreach (var file in Directory.EnumerateFiles(folder.Work, "orders.db*"))
            File.Delete(file);

        using var other = folder.Start();

        await StoppedAsync(other, "LSB5002");
        Assert.False(File.Exists(folder.Database));
    }

    [Fact]
    public async Task An_app_starts_beside_one_that_has_not_created_the_database_yet()
    {
        using var folder = new AppFolder();
        using var held = DatabaseLock.TryAcquire(folder.Database, out _)!;
        var other = ProcessIdentity.Of(Environment.ProcessId);
        held.Write(new LockRecord(other, other));

        using var app = folder.Start();

        await app.SaysAsync("started ");
        await app.SaysAsync("LSB5003");

        Assert.Equal(1, app.Count("LSB5003"));
    }

    private static string S3(string endpoint) =>
        $"type: s3\n        bucket: b\n        path: orders\n        region: us-east-1\n        endpoint: "
        + $"http://{endpoint}\n        access-key-id: a\n        secret-access-key: b";

    private static async Task<IReadOnlyList<string>> RunOnceAsync(AppFolder folder)
    {
        using var app = folder.Start();
        await app.SaysAsync("started ");
        await app.TellAsync("stop");
        Assert.Equal(0, await app.EndedAsync());
        return folder.DatabaseRows();
    }

    private static async Task StoppedAsync(AppProcess app, string code)
    {
        // 0.5.17 tries storage on the network for two minutes.
        Assert.Equal(1, await app.EndedAsync(TimeSpan.FromMinutes(4)));
        Assert.Equal(1, app.Count(code));
        Assert.DoesNotContain("Unhandled exception", app.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", app.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\nbuilt ", app.Output, StringComparison.Ordinal);
    }
}
