using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Tests.Databases;
using Litestream.Tests.Restore;

namespace Litestream.Tests.FileSystem;

/// <summary>Who holds a database's lock, whom he leaves behind, and whose the lock file is.</summary>
[Trait("Uses", "litestream")]
public sealed partial class DatabaseLockTests
{
    [Fact]
    public async Task An_orphan_stays_known_until_it_has_ended()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes are identified on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        using var orphan = Replicate(database);
        var identity = await LeaveAsync(database, orphan);

        // One holder that is killed at once, one that lets go in order.
        using (var held = DatabaseLock.TryAcquire(database.File, out _)!)
            held.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null));
        using (var locks = DatabaseLocks.TryAcquire([database.File], out _, out _)!)
            locks.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null));
        Assert.Equal([identity], DatabaseLock.Peek(database.File).LivingReplicators);

        using (var locks = DatabaseLocks.TryAcquire([database.File], out _, out _)!)
        {
            foreach (var found in locks.Found)
                await OrphanedReplicator.KillAsync(found.Record, null, TestContext.Current.CancellationToken);
            Assert.False(identity.IsRunning());
            locks.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null));
            Assert.Empty(DatabaseLock.Peek(database.File).Orphans);
            Assert.Equal([database.File], locks.Broken);
            locks.Broken = new HashSet<string>();
        }

        Assert.Equal(LockRecord.Empty, DatabaseLock.Peek(database.File));
    }

    [Theory]
    [InlineData(40)]
    [InlineData(2000)]
    public void A_record_of_any_length_is_read_whole(int orphans)
    {
        using var folder = new TemporaryFolder();
        var database = Path.Combine(folder.Path, "app.db");
        var record = new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null)
        {
            Orphans =
            [
                .. Enumerable
                    .Range(1, orphans)
                    .Select(id => new ProcessIdentity(
                        id,
                        id,
                        "boot",
                        "pid:[1]",
                        $"/{new string('x', 100)}/litestream"
                    )),
            ],
        };
        using (var held = DatabaseLock.TryAcquire(database, out _)!)
            held.Write(record);

        Assert.Equal(record.Orphans, DatabaseLock.Peek(database).Orphans);
        using var next = DatabaseLock.TryAcquire(database, out _)!;
        Assert.Equal(record.Orphans, next.Found.Orphans);
        Assert.False(next.Found.IsTorn);
    }

    [Fact]
    public async Task A_replication_that_is_cancelled_while_it_waits_for_the_orphan_leaves_it_known()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes are identified on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        using var orphan = Replicate(database);
        var identity = await LeaveAsync(database, orphan);
        await SignalAsync("STOP", orphan);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            ForegroundReplication.RunAsync(
                LitestreamTool.Executable,
                new EffectiveConfigOptions
                {
                    ConfigPath = database.Yml,
                    BaseDirectory = database.Folder,
                    GetSetting = _ => null,
                    Environment = new Dictionary<string, string>(),
                },
                new ForegroundReplicationOptions(),
                line =>
                {
                    if (line.Message.Contains($"still runs as process {orphan.Id}", StringComparison.Ordinal))
                        stop.Cancel();
                },
                _ => { },
                stop.Token
            )
        );

        Assert.Equal([identity], DatabaseLock.Peek(database.File).LivingReplicators);
        await EndAsync(orphan);
    }

    [Fact]
    public async Task A_restore_that_meets_an_orphan_leaves_it_known()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes are identified on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        using var orphan = Replicate(database);
        var identity = await LeaveAsync(database, orphan);

        foreach (var dryRun in new[] { true, false })
        {
            var error = await BackedUpDatabase.FailsAsync(
                "LSB4006",
                database.Request() with
                {
                    Force = true,
                    DryRun = dryRun,
                }
            );
            Assert.Contains($"`kill {orphan.Id}`", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal([identity], DatabaseLock.Peek(database.File).LivingReplicators);
        await EndAsync(orphan);
    }

    [Fact]
    public async Task An_orphan_of_root_is_seen_by_others_though_they_cannot_see_what_it_runs()
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        database.GiveToOther();
        using var orphan = Replicate(database);
        await LeaveAsync(database, orphan);

        using var restore = BackedUpDatabase.StartHostAsOther(
            "restore",
            database.Yml,
            LitestreamTool.Executable.Path,
            "-1",
            "0"
        );
        Assert.Contains(
            $"`kill {orphan.Id}`",
            await restore.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        await restore.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.False(orphan.HasExited);
        await EndAsync(orphan);
    }

    [Fact]
    public async Task What_root_restores_the_databases_user_can_use()
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        database.GiveToOther();
        await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });
        Assert.Equal(
            (BackedUpDatabase.OtherUser, UnixFileMode.UserRead | UnixFileMode.UserWrite),
            Owner(DatabaseLock.PathFor(database.File))
        );

        File.Delete(DatabaseLock.PathFor(database.File));
        File.Delete(database.File);
        await BackedUpDatabase.RestoreAsync(database.Request());

        Assert.Equal(
            (BackedUpDatabase.OtherUser, UnixFileMode.UserRead | UnixFileMode.UserWrite),
            Owner(DatabaseLock.PathFor(database.File))
        );
        Assert.Equal(
            (BackedUpDatabase.OtherUser, UnixFileMode.UserRead | UnixFileMode.UserWrite),
            Owner(database.File)
        );
        using var open = BackedUpDatabase.StartHostAsOther("open", database.File, "6");
        Assert.Equal("open", await open.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        open.StandardInput.Close();
        await open.WaitForExitAsync(TestContext.Current.CancellationToken);
        using var restore = BackedUpDatabase.StartHostAsOther(
            "restore",
            database.Yml,
            LitestreamTool.Executable.Path,
            "-1",
            "0"
        );
        Assert.EndsWith(
            "Restored\n",
            await restore.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal
        );
        await restore.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void What_root_makes_in_a_folder_that_a_group_writes_is_the_groups()
    {
        if (OperatingSystem.IsWindows())
            return;

        SkipUnlessRoot();
        var folder = Directory.CreateTempSubdirectory("litestream-lock-").FullName;
        try
        {
            var missing = Path.Combine(folder, "data", "deep");
            BackedUpDatabase.Give(folder, BackedUpDatabase.OtherUser, 12345);
            File.SetUnixFileMode(
                folder,
                UnixFileMode.UserRead
                    | UnixFileMode.UserWrite
                    | UnixFileMode.UserExecute
                    | UnixFileMode.GroupRead
                    | UnixFileMode.GroupWrite
                    | UnixFileMode.GroupExecute
            );

            using (DatabaseLock.TryAcquire(Path.Combine(folder, "app.db"), out _))
            using (DatabaseLock.TryAcquire(Path.Combine(missing, "app.db"), out _))
            {
                // Only their files matter.
            }

            var path = DatabaseLock.PathFor(Path.Combine(folder, "app.db"));
            Assert.Equal(
                (
                    BackedUpDatabase.OtherUser,
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite
                ),
                Owner(path)
            );
            Assert.Equal(12345u, UnixCalls.Status(path)!.Group);
            Assert.All(
                [Path.Combine(folder, "data"), missing, DatabaseLock.PathFor(Path.Combine(missing, "app.db"))],
                entry => Assert.Equal(BackedUpDatabase.OtherUser, Owner(entry).User)
            );
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(
        "{\"app\":{\"pid\":4711,\"startTicks\":1,\"bootId\":\"\",\"pidNamespace\":\"\",\"executable\":\"app\"}}"
    )]
    public async Task A_lock_file_that_was_left_as_roots_is_given_to_the_databases_user(string content)
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        database.GiveToOther();
        var path = DatabaseLock.PathFor(database.File);
        await File.WriteAllTextAsync(path, content, TestContext.Current.CancellationToken);

        using (DatabaseLock.TryAcquire(database.File, out _))
            Assert.Equal((BackedUpDatabase.OtherUser, UnixFileMode.UserRead | UnixFileMode.UserWrite), Owner(path));

        using var restore = BackedUpDatabase.StartHostAsOther(
            "restore",
            database.Yml,
            LitestreamTool.Executable.Path,
            "-1",
            "0"
        );
        var output = await restore.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await restore.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.EndsWith("Restored\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("link")]
    [InlineData("second name")]
    [InlineData("file")]
    public async Task What_was_put_at_the_place_of_the_lock_file_is_neither_given_away_nor_written_to(string kind)
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        database.GiveToOther();
        var (path, prey) = (DatabaseLock.PathFor(database.File), Path.Combine(database.Folder, "prey"));
        await File.WriteAllTextAsync(prey, "prey", TestContext.Current.CancellationToken);
        if (kind == "link")
            File.CreateSymbolicLink(path, prey);
        else if (kind == "second name")
            Assert.True(AtomicPlacement.TryLink(prey, path));
        else
            File.Move(prey, prey = path);

        if (kind == "file")
        {
            DatabaseLock.TryAcquire(database.File, out _)!.Dispose();
        }
        else
        {
            var error = Assert.Throws<LitestreamException>(() => DatabaseLock.TryAcquire(database.File, out _));
            Assert.Equal("LSB0003", error.Diagnostic.Code);
            Assert.Contains("It is a symbolic link or a hard link", error.Message, StringComparison.Ordinal);
            Assert.Equal(LockRecord.Empty, DatabaseLock.Peek(database.File));
        }

        Assert.Equal("prey", await File.ReadAllTextAsync(prey, TestContext.Current.CancellationToken));
        Assert.Equal(0u, UnixCalls.Status(prey)!.User);
    }

    private static void SkipUnlessRoot() =>
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess,
            "Only root gives files away and starts processes of other users."
        );

    private static (uint User, UnixFileMode Mode) Owner(string path) =>
        (UnixCalls.Status(path)!.User, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(path));

    private static Process Replicate(BackedUpDatabase database) =>
        Process.Start(
            new ProcessStartInfo(
                LitestreamTool.Executable.Path,
                ["replicate", "-config", database.Config.Write(Path.Combine(database.Folder, "run"))]
            )
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;

    /// <summary>The record of an app that was killed.</summary>
    private static async Task<ProcessIdentity> LeaveAsync(BackedUpDatabase database, Process orphan)
    {
        await LitestreamTool.WaitUntilAsync(() =>
            ProcessIdentity.Of(orphan.Id) is { } now && LitestreamProcess.Lives(now)
        );
        var identity = ProcessIdentity.Of(orphan.Id)!;
        using var held = DatabaseLock.TryAcquire(database.File, out _)!;
        held.Write(new LockRecord(new ProcessIdentity(4711, 1, "", "", "app"), identity));
        return identity;
    }

    private static async Task EndAsync(Process process)
    {
        await SignalAsync("KILL", process);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    private static async Task SignalAsync(string signal, Process process)
    {
        using var kill = Process.Start("kill", ["-s", signal, $"{process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, kill.ExitCode);
    }

    [Fact]
    public void It_is_released_although_a_child_that_is_being_started_still_has_the_file()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Looks into /proc.");
        using var folder = new TemporaryFolder();
        var database = Path.Combine(folder.Path, "app.db");
        var held = DatabaseLock.TryAcquire(database, out _)!;
        var descriptor = Directory
            .EnumerateFiles("/proc/self/fd")
            .Single(file => new FileInfo(file).LinkTarget == DatabaseLock.PathFor(database));
        var childs = Duplicate(int.Parse(Path.GetFileName(descriptor), CultureInfo.InvariantCulture));
        try
        {
            held.Dispose();
            held.Dispose();

            using var next = DatabaseLock.TryAcquire(database, out _);
            Assert.NotNull(next);
        }
        finally
        {
            Assert.Equal(0, Close(childs));
        }
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
