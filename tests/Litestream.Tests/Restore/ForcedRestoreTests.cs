using System.Diagnostics;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Releases.V03;
using Litestream.Releases.V05;
using Litestream.Restore;

namespace Litestream.Tests.Restore;

/// <summary>What is there is moved aside as a whole, or stays as it was.</summary>
[Trait("Uses", "litestream")]
public sealed class ForcedRestoreTests
{
    [Theory]
    [InlineData("app.db")]
    [InlineData("with space 'ä' \"漢字\" $HOME.db")]
    public async Task The_old_database_is_moved_aside_with_all_that_belongs_to_it_and_is_whole_there(string name)
    {
        using var database = await BackedUpDatabase.CreateAsync(name);

        var result = await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });

        Assert.Equal(RestoreOutcome.Restored, result.Outcome);
        Assert.Equal(BackedUpDatabase.Backup, database.Rows());
        var set = database.ReplacedSet()!;
        Assert.Matches(@"\.replaced-\d{8}T\d{6}Z$", set);
        Assert.Equal(BackedUpDatabase.Local, database.Rows(Path.Combine(set, name)));
        Assert.Equal(
            new[] { name, name + "-wal", name + "-shm", $".{name}-litestream" }.Select(file => new MovedFile(
                Path.Combine(database.Data, file),
                Path.Combine(set, file)
            )),
            result.MovedAside
        );
        Assert.All(result.MovedAside, moved => Assert.True(Path.Exists(moved.To)));
        Assert.Equal(
            new[] { name, Path.GetFileName(set), $".{name}-litestream", $".{name}-litestream.lock" }.Order(
                StringComparer.Ordinal
            ),
            database.Names()
        );
        Assert.Equal(new FileInfo(database.File).Length, result.Bytes);
        Assert.Equal(
            Source(database),
            result.Source
        );
    }

    [Fact]
    public async Task Without_force_nothing_changes()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var before = database.Names().ToList();

        var error = await BackedUpDatabase.FailsAsync("LSB4001", database.Request());

        Assert.Contains("force", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, database.Names());
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
    }

    [Theory]
    [InlineData("-wal")]
    [InlineData("-shm")]
    [InlineData("-journal")]
    public async Task Stale_files_of_a_lost_database_are_moved_aside_and_never_applied(string ending)
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var stale =
            ending == "-wal"
                ? await File.ReadAllBytesAsync(database.File + "-wal", TestContext.Current.CancellationToken)
                : "stale"u8.ToArray();
        foreach (var other in new[] { "", "-wal", "-shm" })
            File.Delete(database.File + other);
        await File.WriteAllBytesAsync(database.File + ending, stale, TestContext.Current.CancellationToken);

        await BackedUpDatabase.FailsAsync("LSB4004", database.Request());
        await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });

        Assert.Equal(BackedUpDatabase.Backup, database.Rows());
        Assert.False(File.Exists(database.File + ending));
        Assert.Equal(
            stale,
            await File.ReadAllBytesAsync(
                Path.Combine(database.ReplacedSet()!, "app.db" + ending),
                TestContext.Current.CancellationToken
            )
        );
    }

    [Fact]
    public async Task Replication_continues_after_it_and_a_later_restore_has_the_new_rows()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });
        LitestreamTool.Sql(database.File, "INSERT INTO t VALUES (7)");
        var before = ReplicaFiles.All(database.Replica);

        await LitestreamTool.ReplicateUntilAsync(
            database.Config,
            database.Folder,
            () => ReplicaFiles.Changes(database.Replica).Except(before).Any()
        );

        var copy = Path.Combine(database.Folder, "copy.db");
        await BackedUpDatabase.RestoreAsync(database.Request() with { Output = copy });
        Assert.Equal("1,2,3,7", database.Rows(copy));
    }

    [Fact]
    public async Task A_side_file_is_replaced_by_force_too_and_the_database_stays_as_it_is()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var output = Path.Combine(database.Folder, "side", "copy.db");
        Directory.CreateDirectory(Path.GetDirectoryName(output)!);
        await File.WriteAllTextAsync(output, "another", TestContext.Current.CancellationToken);

        var result = await BackedUpDatabase.RestoreAsync(database.Request() with { Output = output, Force = true });

        Assert.Equal(BackedUpDatabase.Backup, database.Rows(output));
        Assert.Equal(
            "another",
            await File.ReadAllTextAsync(Assert.Single(result.MovedAside).To, TestContext.Current.CancellationToken)
        );
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
        Assert.True(Directory.Exists(database.Config.Databases[0].MetaPath));
    }

    [Fact]
    public async Task Two_on_the_same_second_have_sets_of_their_own()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var time = new StoppedTime();

        var first = await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true, Time = time });
        var second = await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true, Time = time });

        Assert.EndsWith(
            ".replaced-20260102T030405Z",
            Path.GetDirectoryName(first.MovedAside[0].To),
            StringComparison.Ordinal
        );
        Assert.EndsWith(
            ".replaced-20260102T030405Z-2",
            Path.GetDirectoryName(second.MovedAside[0].To),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_backup_that_does_not_come_leaves_everything_as_it_was()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        ReplicaFiles.Truncate(database.Replica, 20);
        var before = database.Names().Append(".app.db-litestream.lock").Order(StringComparer.Ordinal).ToList();

        await BackedUpDatabase.FailsAsync("LSB4003", database.Request() with { Force = true });

        Assert.Equal(before, database.Names());
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
    }

    [Fact]
    public async Task A_failure_between_the_moves_puts_everything_back()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var before = database.Names().Append(".app.db-litestream.lock").Order(StringComparer.Ordinal).ToList();

        await Assert.ThrowsAsync<InvalidTimeZoneException>(() =>
            BackedUpDatabase.RestoreAsync(
                database.Request() with
                {
                    Force = true,
                },
                line =>
                {
                    if (line.Message.StartsWith($"'{database.File}-wal' was moved", StringComparison.Ordinal))
                        throw new InvalidTimeZoneException();
                }
            )
        );

        Assert.Equal(before, database.Names());
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
    }

    [Fact]
    public async Task A_move_that_fails_puts_everything_back_and_says_why()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var before = database.Names().Append(".app.db-litestream.lock").Order(StringComparer.Ordinal).ToList();

        // The place that the executable's state is to go to is taken at the last moment.
        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            BackedUpDatabase.RestoreAsync(
                database.Request() with
                {
                    Force = true,
                },
                line =>
                {
                    if (line.Message.StartsWith($"'{database.File}-shm' was moved", StringComparison.Ordinal))
                        File.WriteAllText(Path.Combine(database.ReplacedSet()!, ".app.db-litestream"), "");
                }
            )
        );

        Assert.Equal("LSB4008", error.Diagnostic.Code);
        File.Delete(Path.Combine(database.ReplacedSet()!, ".app.db-litestream"));
        await BackedUpDatabase.FailsAsync("LSB4001", database.Request());
        Assert.Equal(before, database.Names());
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
    }

    [Fact]
    public async Task A_database_that_appears_between_the_moves_is_not_replaced_and_nothing_is_lost()
    {
        using var database = await BackedUpDatabase.CreateAsync();

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            BackedUpDatabase.RestoreAsync(
                database.Request() with
                {
                    Force = true,
                },
                line =>
                {
                    if (line.Message.StartsWith($"'{database.File}-shm' was moved", StringComparison.Ordinal))
                        File.WriteAllText(database.File, "somebody's");
                }
            )
        );

        Assert.Equal("LSB4008", error.Diagnostic.Code);
        Assert.Equal("somebody's", await File.ReadAllTextAsync(database.File, TestContext.Current.CancellationToken));
        await BackedUpDatabase.FailsAsync("LSB4008", database.Request());
        File.Delete(database.File);
        Assert.Equal(
            RestoreOutcome.DatabaseExists,
            (await BackedUpDatabase.RestoreAsync(database.Request() with { IfDatabaseNotExists = true })).Outcome
        );
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
        Assert.Null(database.ReplacedSet());
        Assert.Empty(database.WorkFolders());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_database_that_is_opened_just_before_it_is_moved_is_put_back(bool hasLog)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        LitestreamTool.Sql(database.File, "PRAGMA wal_checkpoint(TRUNCATE)");
        foreach (var ending in new[] { "-wal", "-shm" })
            File.Delete(database.File + ending);
        FileStream? open = null;

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            BackedUpDatabase.RestoreAsync(
                database.Request() with
                {
                    Force = true,
                },
                line =>
                {
                    if (!line.Message.StartsWith($"'{database.File}' was moved", StringComparison.Ordinal))
                        return;
                    if (hasLog)
                        File.WriteAllText(database.File + "-wal", "");
                    else
                        open = File.OpenRead(Path.Combine(database.ReplacedSet()!, "app.db"));
                }
            )
        );
        open?.Dispose();

        Assert.Equal("LSB4007", error.Diagnostic.Code);
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
        Assert.Equal(hasLog, File.Exists(database.File + "-wal"));
        Assert.Null(database.ReplacedSet());
        Assert.Empty(database.WorkFolders());
    }

    [Fact]
    public async Task A_log_that_SQLite_deletes_between_the_moves_is_not_lost()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Files have second names on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();

        await Assert.ThrowsAsync<LitestreamException>(() =>
            BackedUpDatabase.RestoreAsync(
                database.Request() with
                {
                    Force = true,
                },
                line =>
                {
                    if (!line.Message.StartsWith($"'{database.File}' was moved", StringComparison.Ordinal))
                        return;
                    LitestreamTool.Sql(database.File, "SELECT * FROM sqlite_master");
                    Assert.Equal(0, new FileInfo(database.File).Length);
                    Assert.False(File.Exists(database.File + "-wal"));
                }
            )
        );

        Assert.Equal(BackedUpDatabase.Local, database.Rows());
        Assert.Null(database.ReplacedSet());
        Assert.Empty(database.WorkFolders());
    }

    [Fact]
    public async Task What_fails_when_the_restored_file_is_in_place_is_a_warning()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var warnings = new List<string>();

        // The record of the moves cannot be deleted.
        var result = await BackedUpDatabase.RestoreAsync(
            database.Request() with
            {
                Force = true,
            },
            line =>
            {
                if (line.Level == "WARN")
                    warnings.Add(line.Message);
                if (!line.Message.StartsWith($"'{database.File}' was moved", StringComparison.Ordinal))
                    return;
                var record = Path.Combine(Assert.Single(database.WorkFolders()), "moves.json");
                File.Delete(record);
                Directory.CreateDirectory(record);
            }
        );

        Assert.Equal(RestoreOutcome.Restored, result.Outcome);
        Assert.Contains(
            warnings,
            warning => warning.StartsWith($"'{database.File}' was restored", StringComparison.Ordinal)
        );
        Assert.Equal(BackedUpDatabase.Backup, database.Rows());
    }

    [Fact]
    public async Task By_force_to_a_new_file_it_takes_the_lock_of_that_place()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var copy = Path.Combine(database.Folder, "copy.db");
        using (DatabaseLock.TryAcquire(copy, out _))
            await BackedUpDatabase.FailsAsync("LSB4006", database.Request() with { Output = copy, Force = true });

        Assert.Equal(
            RestoreOutcome.Restored,
            (await BackedUpDatabase.RestoreAsync(database.Request() with { Output = copy, Force = true })).Outcome
        );
    }

    [Fact]
    public async Task Owner_and_mode_of_the_old_file_are_kept()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("Owners are kept on Linux.");
            return;
        }

        using var database = await BackedUpDatabase.CreateAsync();
        File.SetUnixFileMode(database.File, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        var root = Environment.UserName == "root";
        if (root)
            BackedUpDatabase.Give(database.File, 12345, 12346);

        await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });

        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
            File.GetUnixFileMode(database.File)
        );
        if (root)
        {
            Assert.Equal(
                (12345u, 12346u),
                (UnixCalls.Status(database.File)!.User, UnixCalls.Status(database.File)!.Group)
            );
            Assert.Equal(12345u, UnixCalls.Status(database.ReplacedSet()!)!.User);
        }
    }

    [Fact]
    public async Task A_link_at_the_path_stays_and_the_file_that_it_leads_to_is_replaced()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var real = Path.Combine(database.Folder, "elsewhere", "real.db");
        Directory.CreateDirectory(Path.GetDirectoryName(real)!);
        foreach (var ending in new[] { "", "-wal", "-shm" })
            File.Move(database.File + ending, real + ending);
        File.CreateSymbolicLink(database.File, real);

        var result = await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });

        Assert.Equal(real, new FileInfo(database.File).LinkTarget);
        Assert.Equal(BackedUpDatabase.Backup, database.Rows(real));
        Assert.Equal(BackedUpDatabase.Local, database.Rows(result.MovedAside[0].To));
        Assert.Equal(
            Path.GetDirectoryName(real),
            Path.GetDirectoryName(Path.GetDirectoryName(result.MovedAside[0].To))
        );
        Assert.Equal(
            ["history.json"],
            Directory.GetFileSystemEntries(database.Config.Databases[0].MetaPath).Select(Path.GetFileName)
        );
    }

    [Fact]
    public async Task A_database_in_a_linked_folder_is_restored_there()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var real = Path.Combine(database.Folder, "volume");
        Directory.Move(database.Data, real);
        Directory.CreateSymbolicLink(database.Data, real);

        await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });

        Assert.Equal(BackedUpDatabase.Backup, database.Rows(Path.Combine(real, "app.db")));
        Assert.NotNull(database.ReplacedSet());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_folder_or_a_link_to_nowhere_at_the_path_is_refused_even_with_force(bool folder)
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var output = Path.Combine(database.Folder, "taken");
        if (folder)
            Directory.CreateDirectory(output);
        else
            File.CreateSymbolicLink(output, Path.Combine(database.Folder, "nowhere"));

        await BackedUpDatabase.FailsAsync("LSB4001", database.Request() with { Output = output, Force = true });
        Assert.True(folder ? Directory.Exists(output) : new FileInfo(output).LinkTarget is not null);
    }

    [Fact]
    public async Task A_full_disk_is_one_clear_error_and_leaves_nothing()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        using var disk = SmallDisk.Mount(Path.Combine(database.Folder, "small"), "size=64k");
        var output = Path.Combine(disk.Path, "app.db");
        await File.WriteAllTextAsync(output, "old", TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(
            Path.Combine(disk.Path, "filler"),
            new byte[48 * 1024],
            TestContext.Current.CancellationToken
        );

        var error = await BackedUpDatabase.FailsAsync(
            "LSB4009",
            database.Request() with
            {
                Output = output,
                Force = true,
            }
        );

        Assert.Contains(disk.Path, error.Message, StringComparison.Ordinal);
        Assert.Equal("old", await File.ReadAllTextAsync(output, TestContext.Current.CancellationToken));
        Assert.Equal(
            [".app.db-litestream.lock", "app.db", "filler"],
            Directory.GetFileSystemEntries(disk.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
        File.Delete(Path.Combine(disk.Path, "filler"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_disk_without_one_free_byte_is_the_same_error(bool force)
    {
        using var database = await BackedUpDatabase.CreateAsync();
        using var disk = SmallDisk.Mount(Path.Combine(database.Folder, "small"), "size=64k");
        var output = Path.Combine(disk.Path, "app.db");
        if (force)
            await File.WriteAllTextAsync(output, "old", TestContext.Current.CancellationToken);
        disk.Fill();
        var before = Directory.GetFileSystemEntries(disk.Path).Order(StringComparer.Ordinal).ToList();

        await BackedUpDatabase.FailsAsync("LSB4009", database.Request() with { Output = output, Force = force });

        Assert.Equal(
            before,
            Directory
                .GetFileSystemEntries(disk.Path)
                .Where(entry => !entry.EndsWith(".lock", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task Another_file_system_is_as_good_a_place_as_the_databases_own()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        using var disk = SmallDisk.Mount(Path.Combine(database.Folder, "other"), "size=4m");
        var output = Path.Combine(disk.Path, "app.db");

        await BackedUpDatabase.RestoreAsync(database.Request() with { Output = output });
        await BackedUpDatabase.RestoreAsync(database.Request() with { Output = output, Force = true });

        Assert.Equal(BackedUpDatabase.Backup, database.Rows(output));
        Assert.Single(Directory.GetDirectories(disk.Path));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_reported_before_anything_is_fetched()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        using var disk = SmallDisk.Mount(Path.Combine(database.Folder, "readonly"), "ro");
        var lines = 0;

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            BackedUpDatabase.RestoreAsync(
                database.Request() with
                {
                    Output = Path.Combine(disk.Path, "app.db"),
                },
                _ => lines++
            )
        );

        Assert.Equal("LSB0003", error.Diagnostic.Code);
        Assert.Equal(0, lines);
    }

    /// <summary>What a restore of the newest state takes.</summary>
    private static RestoreSource Source(BackedUpDatabase database)
    {
        var replica = database.Config.Databases[0].Replicas[0].Name;
        return Repository.IsLine05
            ? new LtxSource(replica, Path.GetFileName(ReplicaFiles.Changes(database.Replica)[^1])[17..33], null)
            : new GenerationSource(
                replica,
                Path.GetFileName(
                    Assert.Single(Directory.GetDirectories(Path.Combine(database.Replica, "generations")))
                ),
                0,
                0,
                null
            );
    }

    private sealed class StoppedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    }

    /// <summary>A file system of its own; only where mounting is permitted.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private SmallDisk(string path) => Path = path;

        public string Path { get; }

        public static SmallDisk Mount(string path, string options)
        {
            Directory.CreateDirectory(path);
            Assert.SkipUnless(
                OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path),
                "Mounting a file system is not permitted here."
            );
            return new SmallDisk(path);
        }

        public void Fill()
        {
            using var file = File.Create(System.IO.Path.Combine(Path, "filler"), 1);
            try
            {
                for (var block = new byte[4096]; ;)
                    file.Write(block);
            }
            catch (IOException)
            {
                // Full.
            }
        }

        public void Dispose() => Run("umount", "-l", Path);

        private static bool Run(string program, params string[] arguments)
        {
            try
            {
                using var process = Process.Start(
                    new ProcessStartInfo(program, arguments) { RedirectStandardError = true }
                )!;
                process.StandardError.ReadToEnd();
                process.WaitForExit();
                return process.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false;
            }
        }
    }
}
