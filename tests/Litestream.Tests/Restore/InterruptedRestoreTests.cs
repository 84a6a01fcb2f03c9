using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Litestream.Diagnostics;
using Litestream.Restore;

namespace Litestream.Tests.Restore;

/// <summary>
/// A restore that is killed at any moment leaves the old database or the new one, whole; and the next one cleans up.
/// </summary>
[Trait("Uses", "litestream")]
public sealed class InterruptedRestoreTests
{
    private static readonly int LinesOfExecutable = Repository.IsLine05 ? 7 : 5;

    /// <summary>Those of the executable, and one for each of four moves.</summary>
    private static readonly int Lines = LinesOfExecutable + 4;

    [Fact]
    public async Task Killed_after_any_line()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        Assert.Equal(Lines, await RunAsync(database, -1, 0));
        Assert.Equal(BackedUpDatabase.Backup, database.Rows());
        foreach (var lines in Enumerable.Range(LinesOfExecutable, Lines - LinesOfExecutable + 1))
        {
            database.Reset();
            Assert.Equal(lines, await RunAsync(database, lines, 0));
            await NothingIsLostAsync(database, $"killed after {lines} lines");
        }
    }

    [Fact]
    public Task Killed_at_random_moments() => AtRandomAsync(20261124, 5);

    [Fact(Timeout = 30 * 60_000)]
    [Trait("Category", "Long")]
    public Task Killed_at_many_random_moments() => AtRandomAsync(20261125, 60);

    [Fact]
    public async Task Killed_when_the_file_has_its_new_name_and_still_the_old_one()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, Lines, 0);
        var folder = Assert.Single(database.WorkFolders());
        Link(Path.Combine(folder, "restored.db"), database.File);

        await NothingIsLostAsync(database, "between the names", isNew: true);
    }

    [Fact]
    public async Task Killed_when_all_was_done_but_the_record_was_there_still()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, Lines, 0);
        File.Move(Path.Combine(Assert.Single(database.WorkFolders()), "restored.db"), database.File);

        await NothingIsLostAsync(database, "before the record was removed", isNew: true);
    }

    [Fact]
    public async Task Killed_with_a_placeholder_in_place_as_on_file_systems_without_hard_links()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, Lines, 0);
        await File.WriteAllBytesAsync(database.File, [], TestContext.Current.CancellationToken);

        await NothingIsLostAsync(database, "with a placeholder", isNew: false);
    }

    [Fact]
    public async Task Killed_while_it_was_being_taken_back()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, Lines, 0);
        var set = database.ReplacedSet()!;
        Directory.Move(Path.Combine(set, ".app.db-litestream"), database.Config.Databases[0].MetaPath);
        File.Move(Path.Combine(set, "app.db-shm"), database.File + "-shm");

        await NothingIsLostAsync(database, "while it was being taken back", isNew: false);
    }

    [Fact]
    public async Task Killed_before_the_database_was_moved_and_its_app_went_on_since()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Files have second names on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, Lines, 0);
        var set = database.ReplacedSet()!;
        Directory.Move(Path.Combine(set, ".app.db-litestream"), database.Config.Databases[0].MetaPath);
        File.Delete(Path.Combine(set, "app.db-shm"));
        Link(Path.Combine(set, "app.db-wal"), database.File + "-wal");
        File.Move(Path.Combine(set, "app.db"), database.File);
        LitestreamTool.Sql(database.File, "INSERT INTO t VALUES (6)");
        Assert.False(File.Exists(database.File + "-wal"));

        Assert.Equal(
            RestoreOutcome.DatabaseExists,
            (await BackedUpDatabase.RestoreAsync(database.Request() with { IfDatabaseNotExists = true })).Outcome
        );

        Assert.Equal(BackedUpDatabase.Local + ",6", database.Rows());
        Assert.False(File.Exists(database.File + "-wal"));
        Assert.Null(database.ReplacedSet());
        Assert.Empty(database.WorkFolders());
    }

    [Fact]
    public async Task What_cannot_be_found_any_more_is_reported_and_never_called_back()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, Lines, 0);
        File.Delete(Path.Combine(database.ReplacedSet()!, "app.db-wal"));

        var error = await BackedUpDatabase.FailsAsync("LSB4008", database.Request());

        Assert.Contains($"'{database.File}-wal' is missing", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(database.File));
        Assert.NotNull(database.ReplacedSet());
    }

    [Theory]
    [InlineData("no-links")]
    [InlineData("no-free-names")]
    public async Task On_file_systems_that_know_less_it_is_put_in_place_all_the_same(string what)
    {
        SkipWithoutFilter();
        using var database = await BackedUpDatabase.CreateAsync();
        Assert.Equal(Lines, await RunAsync(database, LinesOfExecutable, 0, what));
        Assert.Equal(BackedUpDatabase.Backup, database.Rows());
        Assert.Equal(BackedUpDatabase.Local, database.Rows(Path.Combine(database.ReplacedSet()!, "app.db")));
        Assert.Empty(database.WorkFolders());

        Lose(database, withState: true);
        await RunAsync(database, LinesOfExecutable, 0, what);
        Assert.Equal(BackedUpDatabase.Backup, database.Rows());
        Assert.Empty(database.WorkFolders());
    }

    [Fact]
    public async Task Killed_with_a_placeholder_in_place_of_a_database()
    {
        SkipWithoutFilter();
        using var database = await BackedUpDatabase.CreateAsync();
        Assert.Equal(Lines, await RunAsync(database, LinesOfExecutable, 0, "killed"));
        Assert.Equal(0, new FileInfo(database.File).Length);

        await NothingIsLostAsync(database, "with a placeholder", isNew: false);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Killed_with_a_placeholder_in_place_of_a_lost_database(bool withState)
    {
        SkipWithoutFilter();
        using var database = await BackedUpDatabase.CreateAsync();
        foreach (var isRestored in new[] { false, true })
        {
            Lose(database, withState);
            await RunAsync(database, LinesOfExecutable, 0, "killed");
            Assert.Equal(0, new FileInfo(database.File).Length);
            Assert.True(DatabaseRestore.IsPending(database.File));

            if (isRestored)
            {
                Assert.Equal(
                    RestoreOutcome.Restored,
                    (
                        await BackedUpDatabase.RestoreAsync(database.Request() with { IfDatabaseNotExists = true })
                    ).Outcome
                );
                Assert.Equal(BackedUpDatabase.Backup, database.Rows());
            }
            else
            {
                // The start of the app.
                DatabaseRestore.Recover(database.File, null);
                Assert.False(File.Exists(database.File));
                Assert.Equal(withState, Directory.Exists(database.Config.Databases[0].MetaPath));
            }

            Assert.Empty(database.WorkFolders());
        }
    }

    [Fact]
    public async Task What_somebody_made_at_the_place_of_a_lost_database_meanwhile_stays()
    {
        SkipWithoutFilter();
        using var database = await BackedUpDatabase.CreateAsync();
        Lose(database, withState: false);
        await RunAsync(database, LinesOfExecutable, 0, "killed");
        LitestreamTool.Sql(database.File, "CREATE TABLE t(x); INSERT INTO t VALUES (7)");

        Assert.Equal(
            RestoreOutcome.DatabaseExists,
            (await BackedUpDatabase.RestoreAsync(database.Request() with { IfDatabaseNotExists = true })).Outcome
        );

        Assert.Equal("7", database.Rows());
        Assert.Empty(database.WorkFolders());
    }

    [Fact]
    public async Task It_is_not_taken_back_while_a_process_has_the_database_open()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Open files are seen on Linux.");
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, Lines, 0);
        using (File.Create(database.File))
        {
            var error = Assert.Throws<LitestreamException>(() => DatabaseRestore.Recover(database.File, null));
            Assert.Equal("LSB4008", error.Diagnostic.Code);
            Assert.Contains($"process {Environment.ProcessId} (", error.Message, StringComparison.Ordinal);
        }

        await NothingIsLostAsync(database, "when it was closed", isNew: false);
    }

    [Fact]
    public async Task That_of_root_is_an_error_to_others_and_never_overlooked()
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        database.GiveToOther();
        await RunAsync(database, Lines, 0);
        var before = database.Names().ToList();

        var output = await RestoreAsOtherAsync(database, expected: 1);

        Assert.Contains("Run the restore again as root", output, StringComparison.Ordinal);
        Assert.Equal(
            before.Append(".app.db-litestream.lock").Distinct().Order(StringComparer.Ordinal),
            database.Names()
        );
        await NothingIsLostAsync(database, "as root", isNew: false);
    }

    [Fact]
    public async Task That_of_root_that_had_moved_nothing_blocks_nothing()
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        database.GiveToOther();
        await RunAsync(database, 3, 0);
        await LitestreamTool.WaitUntilAsync(() => !RestoresInto(database.Data));
        var left = Assert.Single(database.WorkFolders());

        await RestoreAsOtherAsync(database, expected: 0);

        Assert.Equal(BackedUpDatabase.Backup, database.Rows());
        Assert.Equal([left], database.WorkFolders());
        await BackedUpDatabase.RestoreAsync(database.Request() with { IfDatabaseNotExists = true });
        Assert.Empty(database.WorkFolders());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_another_user_wrote_into_a_folder_of_his_own_is_not_obeyed(bool link)
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        var prey = Path.Combine(database.Folder, "prey");
        await File.WriteAllTextAsync(prey, "", TestContext.Current.CancellationToken);
        var his = Path.Combine(database.Data, $".app.db.litestream-restore-{Guid.NewGuid():n}");
        PlantedRecord.Write(link ? Path.Combine(database.Folder, "his") : his, database.File, prey);
        database.GiveToOther();
        if (link)
            File.CreateSymbolicLink(his, Path.Combine(database.Folder, "his"));

        var error = await BackedUpDatabase.FailsAsync("LSB4008", database.Request() with { Force = true });
        Assert.Throws<LitestreamException>(() => DatabaseRestore.Recover(database.File, null));

        Assert.Contains(
            link ? "as root" : $"as the user with id {BackedUpDatabase.OtherUser}",
            error.Message,
            StringComparison.Ordinal
        );
        Assert.True(File.Exists(prey));
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
    }

    [Fact]
    public async Task What_one_to_a_dated_file_left_is_removed_by_the_next_of_that_database()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        static string Folder(string output) => $".{output}.litestream-restore-{Guid.NewGuid():n}";
        List<string> left = [Folder("app-20260102T030405Z.db"), Folder("app-20260102T030405Z-2.db")];
        List<string> others = [Folder("app2-20260102T030405Z.db"), Folder("app-of.db")];
        foreach (
            var folder in left.Concat(others)
                .Select(name => Directory.CreateDirectory(Path.Combine(database.Data, name)))
        )
        {
            await File.WriteAllTextAsync(
                Path.Combine(folder.FullName, "lock"),
                "",
                TestContext.Current.CancellationToken
            );
        }

        await BackedUpDatabase.RestoreAsync(
            database.Request() with
            {
                Output = Path.Combine(database.Folder, "copy.db"),
            }
        );

        Assert.Equal(
            others.Order(StringComparer.Ordinal),
            database.WorkFolders().Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task A_dry_run_after_it_says_so_and_touches_nothing()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, Lines, 0);
        var before = database.Names().ToList();
        var lines = new List<string>();

        await BackedUpDatabase.RestoreAsync(database.Request() with { DryRun = true }, line => lines.Add(line.Message));

        Assert.Contains(lines, line => line.Contains("was interrupted", StringComparison.Ordinal));
        Assert.Equal(before, database.Names());
    }

    [Fact]
    public async Task A_forced_restore_after_it_takes_it_back_first_so_that_the_set_is_whole()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        await RunAsync(database, LinesOfExecutable + 2, 0);

        await BackedUpDatabase.RestoreAsync(database.Request() with { Force = true });

        Assert.Equal(BackedUpDatabase.Backup, database.Rows());
        Assert.Equal(BackedUpDatabase.Local, database.Rows(Path.Combine(database.ReplacedSet()!, "app.db")));
        Assert.Empty(database.WorkFolders());
    }

    private static async Task AtRandomAsync(int seed, int times)
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var random = new Random(seed);
        for (var i = 0; i < times; i++)
        {
            var (lines, microseconds) = (random.Next(0, Lines + 1), random.Next(1, 4000));
            database.Reset();
            await RunAsync(database, lines, microseconds);
            await NothingIsLostAsync(database, $"seed {seed}, time {i}: killed {microseconds} µs after {lines} lines");
        }
    }

    /// <summary>Restores by force in a process that kills itself.</summary>
    /// <returns>How many lines it has written.</returns>
    private static async Task<int> RunAsync(
        BackedUpDatabase database,
        int lines,
        int microseconds,
        string? restriction = null
    )
    {
        using var process = BackedUpDatabase.StartHost([
            "restore",
            database.Yml,
            LitestreamTool.Executable.Path,
            lines.ToString(CultureInfo.InvariantCulture),
            microseconds.ToString(CultureInfo.InvariantCulture),
            .. restriction is null ? [] : new[] { restriction },
        ]);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        var written = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
        Assert.True(
            process.ExitCode
                == (
                    restriction switch
                    {
                        null => 137,
                        "killed" => 159,
                        _ => 0,
                    }
                )
                || (written[^1] == "Restored" && process.ExitCode == 0),
            output
        );
        written.Remove("Restored");
        return written.Count;
    }

    private static async Task NothingIsLostAsync(BackedUpDatabase database, string when, bool? isNew = null)
    {
        // As it is found: no file, or one that is whole. (The names that belong to it may still be on their way only
        // while it is not there.)
        if (File.Exists(database.File) && new FileInfo(database.File).Length > 0)
            Assert.Contains(database.Rows(), new[] { BackedUpDatabase.Local, BackedUpDatabase.Backup });
        else
            Assert.Single(database.WorkFolders());

        // The executable of a killed process may write on for a moment, into a folder that is about to be removed.
        await LitestreamTool.WaitUntilAsync(() => !RestoresInto(database.Data));
        var next = await BackedUpDatabase.RestoreAsync(database.Request() with { IfDatabaseNotExists = true });

        Assert.True(next.Outcome == RestoreOutcome.DatabaseExists, when);
        Assert.True(!database.WorkFolders().Any(), when);
        var set = database.ReplacedSet();
        Assert.True(isNew is null || isNew == set is not null, when);
        Assert.True(
            database.Rows() == (set is null ? BackedUpDatabase.Local : BackedUpDatabase.Backup),
            $"{when}: {database.Rows()}"
        );
        if (set is not null)
            Assert.True(database.Rows(Path.Combine(set, "app.db")) == BackedUpDatabase.Local, when);
        Assert.True(Directory.Exists(database.Config.Databases[0].MetaPath) == set is null, when);
        Assert.True(File.Exists(database.File + "-wal") == set is null, when);
    }

    /// <summary>Restores by force as the user whose the files are.</summary>
    private static async Task<string> RestoreAsOtherAsync(BackedUpDatabase database, int expected)
    {
        using var process = BackedUpDatabase.StartHostAsOther(
            "restore",
            database.Yml,
            LitestreamTool.Executable.Path,
            "-1",
            "0"
        );
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == expected, output);
        return output;
    }

    /// <summary>No database; with the executable's state of it, or without.</summary>
    private static void Lose(BackedUpDatabase database, bool withState)
    {
        database.Reset();
        foreach (var ending in new[] { "", "-wal", "-shm" })
            File.Delete(database.File + ending);
        if (!withState)
            Directory.Delete(database.Config.Databases[0].MetaPath, recursive: true);
    }

    private static void SkipUnlessRoot() =>
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess,
            "Only root can start processes of other users."
        );

    private static void SkipWithoutFilter() =>
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64,
            "The filter of system calls is one of Linux on x64."
        );

    private static bool RestoresInto(string folder) =>
        Process
            .GetProcessesByName("litestream")
            .Any(process =>
            {
                using (process)
                {
                    try
                    {
                        return File.ReadAllText($"/proc/{process.Id}/cmdline")
                            .Contains(folder, StringComparison.Ordinal);
                    }
                    catch (IOException)
                    {
                        return false;
                    }
                }
            });

    private static void Link(string from, string to)
    {
        using var process = Process.Start("ln", [from, to]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
