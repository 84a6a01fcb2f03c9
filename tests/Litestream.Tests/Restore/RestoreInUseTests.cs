using System.Diagnostics;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Restore;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Restore;

/// <summary>A database that a process uses is not replaced.</summary>
[Trait("Uses", "litestream")]
public sealed class RestoreInUseTests
{
    [Fact]
    public async Task A_process_that_has_the_database_open_is_named_and_nothing_is_touched()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        var process = await BackedUpDatabase.StartOpenerAsync(database.File);
        try
        {
            var before = database.Names().Append(".app.db-litestream.lock").Order(StringComparer.Ordinal).ToList();

            var error = await BackedUpDatabase.FailsAsync("LSB4006", database.Request() with { Force = true });
            await BackedUpDatabase.FailsAsync("LSB4006", database.Request() with { Force = true, DryRun = true });

            Assert.Contains($"process {process.Id} (", error.Message, StringComparison.Ordinal);
            Assert.Contains($"kill {process.Id}`", error.Message, StringComparison.Ordinal);
            Assert.Equal(before, database.Names());
        }
        finally
        {
            await BackedUpDatabase.EndAsync(process);
        }

        Assert.Equal(BackedUpDatabase.Local + ",6", database.Rows());
        Assert.Equal(
            RestoreOutcome.Restored,
            (await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true })).Outcome
        );
    }

    [Fact]
    public async Task The_database_is_known_by_its_path_through_a_linked_folder_too()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a privilege there.");
        using var database = await BackedUpDatabase.CreateAsync();
        var link = Path.Combine(database.Data, "linked");
        Directory.CreateSymbolicLink(link, ".");
        foreach (var ending in new[] { "", "-wal", "-shm" })
            File.Delete(database.File + ending);
        using var held = DatabaseLock.TryAcquire(database.File, out _);

        await BackedUpDatabase.FailsAsync(
            "LSB4006",
            database.Request() with
            {
                Output = Path.Combine(link, database.Name),
            }
        );

        Assert.False(File.Exists(database.File));
    }

    [Fact]
    public async Task A_deleted_database_that_a_process_still_has_open_is_not_restored_beside_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        var process = await BackedUpDatabase.StartOpenerAsync(database.File);
        try
        {
            foreach (var ending in new[] { "", "-wal", "-shm" })
                File.Delete(database.File + ending);

            var error = await BackedUpDatabase.FailsAsync("LSB4006", database.Request());

            Assert.Contains($"process {process.Id} (", error.Message, StringComparison.Ordinal);
            Assert.Contains("(deleted)", error.Message, StringComparison.Ordinal);
            Assert.False(File.Exists(database.File));
        }
        finally
        {
            await BackedUpDatabase.EndAsync(process);
        }

        Assert.Equal(RestoreOutcome.Restored, (await BackedUpDatabase.RestoreAsync(database.Request())).Outcome);
    }

    [Fact]
    public async Task A_process_that_reaches_the_database_by_another_path_is_found()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        var link = Path.Combine(database.Folder, "volume");
        Directory.CreateSymbolicLink(link, database.Data);
        var process = await BackedUpDatabase.StartOpenerAsync(Path.Combine(link, "app.db"));
        try
        {
            var error = await BackedUpDatabase.FailsAsync("LSB4006", database.Request() with { Force = true });
            Assert.Contains($"process {process.Id} (", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            await BackedUpDatabase.EndAsync(process);
        }
    }

    [Fact]
    public async Task A_connection_of_this_process_stops_it_too()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        using (
            var connection = new SqliteConnection(
                new SqliteConnectionStringBuilder { DataSource = database.File, Pooling = false }.ToString()
            )
        )
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM t";
            command.ExecuteScalar();

            var error = await BackedUpDatabase.FailsAsync("LSB4006", database.Request() with { Force = true });

            Assert.Contains("this process itself", error.Message, StringComparison.Ordinal);
            Assert.Contains("ClearAllPools", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_database_that_is_opened_while_the_backup_is_fetched_is_not_replaced()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        Process? process = null;
        try
        {
            var error = await Assert.ThrowsAsync<LitestreamException>(() =>
                BackedUpDatabase.RestoreAsync(
                    database.Request() with
                    {
                        Force = true,
                    },
                    line =>
                    {
                        // 0.5 says nothing before it has all of it.
                        if (line.Message is "restoring snapshot" or "{")
                        {
                            process = BackedUpDatabase.StartHost("open", database.File, "6");
                            Assert.Equal("open", process.StandardOutput.ReadLine());
                        }
                    }
                )
            );

            Assert.Equal("LSB4006", error.Diagnostic.Code);
        }
        finally
        {
            await BackedUpDatabase.EndAsync(process!);
        }

        Assert.Equal(BackedUpDatabase.Local + ",6", database.Rows());
        Assert.Empty(database.WorkFolders());
    }

    [Fact]
    public async Task A_litestream_that_somebody_started_by_hand_is_found()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        LitestreamException? error = null;
        var segments = ReplicaFiles.Changes(database.Replica).Count;

        await LitestreamTool.ReplicateUntilAsync(
            database.Config,
            database.Folder,
            () =>
            {
                if (ReplicaFiles.Changes(database.Replica).Count <= segments)
                    return false;
                error = BackedUpDatabase
                    .FailsAsync("LSB4006", database.Request() with { Force = true })
                    .GetAwaiter()
                    .GetResult();
                return true;
            }
        );

        Assert.Contains("/litestream) has ", error!.Message, StringComparison.Ordinal);
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
    }

    [Fact]
    public async Task The_app_that_holds_the_lock_is_named_with_its_litestream()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes are identified on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        using var app = Process.Start("sleep", "300");
        using (var held = DatabaseLock.TryAcquire(database.File, out _)!)
        {
            await LitestreamTool.WaitUntilAsync(() =>
                ProcessIdentity.Of(app.Id)?.Executable.Contains("dotnet", StringComparison.Ordinal) == false
            );
            held.Write(new LockRecord(ProcessIdentity.Of(app.Id), new ProcessIdentity(4711, 1, "", "", "litestream")));

            foreach (var dryRun in new[] { false, true })
            {
                var error = await BackedUpDatabase.FailsAsync(
                    "LSB4006",
                    database.Request() with
                    {
                        Force = true,
                        DryRun = dryRun,
                    }
                );
                Assert.Contains($"Process {app.Id} (", error.Message, StringComparison.Ordinal);
                Assert.Contains("process 4711", error.Message, StringComparison.Ordinal);
                Assert.Contains($"`kill {app.Id}`", error.Message, StringComparison.Ordinal);
            }

            Assert.Equal(BackedUpDatabase.Local, database.Rows());
            var copy = Path.Combine(database.Folder, "copy.db");
            Assert.Equal(
                RestoreOutcome.Restored,
                (await BackedUpDatabase.RestoreAsync(database.Request() with { Output = copy })).Outcome
            );
            app.Kill();
        }

        Assert.Equal(
            RestoreOutcome.Restored,
            (await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true })).Outcome
        );
    }

    [Fact]
    public async Task Who_holds_the_lock_already_says_so()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        using var held = DatabaseLock.TryAcquire(database.File, out _)!;

        Assert.Equal(
            RestoreOutcome.Restored,
            (await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true, HeldLock = held })).Outcome
        );
        Assert.Null(DatabaseLock.TryAcquire(database.File, out _));
    }

    [Fact]
    public async Task The_lock_is_free_afterwards()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });

        using var held = DatabaseLock.TryAcquire(database.File, out _);
        Assert.Equal(LockRecord.Empty, held!.Found);
    }
}
