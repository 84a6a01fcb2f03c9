using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Restore;

namespace Litestream.Tests.Restore;

/// <summary>
/// Root restores in a folder of another user, who may put at every name there what he likes, at any moment: nothing
/// elsewhere gets another owner or content for that.
/// </summary>
[Trait("Uses", "litestream")]
public sealed class LedRestoreTests
{
    [Theory]
    [InlineData("link")]
    [InlineData("second name")]
    [InlineData("file of root")]
    public async Task A_file_that_was_put_in_the_place_of_the_restored_one_is_not_given_away(string kind)
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        var elsewhere = Directory.CreateDirectory(Path.Combine(database.Folder, "elsewhere")).FullName;
        var prey = Path.Combine(elsewhere, "restored.db");
        database.GiveToOther();
        BackedUpDatabase.Give(elsewhere, 0, 0);
        LitestreamTool.Sql(prey, "CREATE TABLE t(x)");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(prey, UnixFileMode.UserRead);
        var before = (UnixCalls.Status(prey)!.User, UnixCalls.Status(prey)!.RawMode);
        var led = false;

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            BackedUpDatabase.RestoreAsync(
                database.Request() with
                {
                    Force = true,
                },
                line =>
                {
                    // The last thing that the executable does.
                    if (
                        led
                        || Array.Find(
                            [.. database.WorkFolders()],
                            folder => !folder.Contains("begun", StringComparison.Ordinal)
                        )
                            is not { } work
                        || !HasEnded(line, work)
                    )
                    {
                        return;
                    }

                    led = true;
                    Directory.Move(work, work + "-aside");
                    if (kind == "file of root")
                    {
                        Directory.CreateSymbolicLink(work, elsewhere);
                        return;
                    }

                    Directory.CreateDirectory(work);
                    if (kind == "link")
                        File.CreateSymbolicLink(Path.Combine(work, "restored.db"), prey);
                    else
                        Assert.True(AtomicPlacement.TryLink(prey, Path.Combine(work, "restored.db")));
                }
            )
        );

        Assert.True(led);
        Assert.True(error.Diagnostic.Code == "LSB4007", error.ToString());
        Assert.Contains("Another process has replaced", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, (UnixCalls.Status(prey)!.User, UnixCalls.Status(prey)!.RawMode));
        Assert.Equal(BackedUpDatabase.Local, database.Rows());
    }

    [Fact]
    public async Task What_is_moved_aside_is_the_databases_users_and_nothing_is_written_where_a_link_leads()
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        var prey = Path.Combine(database.Folder, "prey");
        var elsewhere = Directory.CreateDirectory(Path.Combine(database.Folder, "elsewhere")).FullName;
        await File.WriteAllTextAsync(prey, "prey", TestContext.Current.CancellationToken);
        var meta = database.Config.Databases[0].MetaPath;
        Directory.Delete(meta, recursive: true);
        Directory.CreateSymbolicLink(meta, elsewhere);
        File.CreateSymbolicLink(Path.Combine(elsewhere, "history.json.new"), prey);
        database.GiveToOther();
        BackedUpDatabase.Give(elsewhere, 0, 0);
        BackedUpDatabase.Give(prey, 0, 0);

        // Moved aside with the rest; put back in the moment between.
        var result = await BackedUpDatabase.RestoreAsync(
            database.Request() with
            {
                Force = true,
            },
            line =>
            {
                if (line.Message.StartsWith($"'{meta}' was moved to", StringComparison.Ordinal))
                    Directory.CreateSymbolicLink(meta, elsewhere);
            }
        );

        Assert.Equal(RestoreOutcome.Restored, result.Outcome);
        Assert.Equal(BackedUpDatabase.OtherUser, UnixCalls.Status(database.ReplacedSet()!)!.User);
        Assert.Equal(BackedUpDatabase.OtherUser, UnixCalls.Status(database.File)!.User);
        Assert.Equal(["history.json.new"], Directory.GetFileSystemEntries(elsewhere).Select(Path.GetFileName));
        Assert.Equal("prey", await File.ReadAllTextAsync(prey, TestContext.Current.CancellationToken));
        Assert.Equal([0u, 0u], new[] { elsewhere, prey }.Select(path => UnixCalls.Status(path)!.User));
    }

    [Fact]
    public async Task What_is_remembered_of_the_database_goes_where_its_user_can_use_it_and_follows_no_link()
    {
        SkipUnlessRoot();
        using var database = await BackedUpDatabase.CreateAsync();
        var prey = Path.Combine(database.Folder, "prey");
        await File.WriteAllTextAsync(prey, "prey", TestContext.Current.CancellationToken);
        var meta = database.Config.Databases[0].MetaPath;
        File.CreateSymbolicLink(Path.Combine(meta, "history.json.new"), prey);
        database.GiveToOther();

        DatabaseIdentity.WriteRestored(database.File, meta, 7);

        Assert.Equal(7, DatabaseIdentity.Read(meta)!.Id);
        Assert.Equal(BackedUpDatabase.OtherUser, UnixCalls.Status(Path.Combine(meta, "history.json"))!.User);
        Assert.Equal("prey", await File.ReadAllTextAsync(prey, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("empty", BackedUpDatabase.OtherUser)]
    [InlineData("link", 0)]
    [InlineData("not empty", 0)]
    [InlineData("of another", 12345)]
    public void Of_folders_only_an_empty_one_that_root_has_made_is_given_away(string kind, uint expected)
    {
        SkipUnlessRoot();
        var folder = Directory.CreateTempSubdirectory("litestream-led-").FullName;
        try
        {
            var (made, prey) = (
                Path.Combine(folder, "made"),
                Directory.CreateDirectory(Path.Combine(folder, "prey")).FullName
            );
            if (kind == "link")
                Directory.CreateSymbolicLink(made, prey);
            else
                Directory.CreateDirectory(made);
            if (kind == "not empty")
                File.WriteAllText(Path.Combine(made, "file"), "");
            if (kind == "of another")
                BackedUpDatabase.Give(made, 12345, 12345);

            DatabaseOwner.GiveNewFolder(
                made,
                new FileStatus(default, BackedUpDatabase.OtherUser, BackedUpDatabase.OtherUser)
            );

            Assert.Equal(expected, UnixCalls.Status(made, followLinks: false)!.User);
            Assert.Equal(0u, UnixCalls.Status(prey)!.User);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>
    /// Whether the restored file has its name: waits for that once the executable says that it is about to have it.
    /// </summary>
    private static bool HasEnded(LogLine line, string work)
    {
        if (!line.Message.StartsWith(Repository.IsLine05 ? "}" : "renaming database", StringComparison.Ordinal))
            return false;
        Assert.True(SpinWait.SpinUntil(() => File.Exists(Path.Combine(work, "restored.db")), TimeSpan.FromMinutes(3)));
        return true;
    }

    private static void SkipUnlessRoot() =>
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Only root gives files away.");
}
