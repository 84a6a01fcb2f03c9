using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.FileSystem;

public sealed class OpenSqliteFilesTests
{
    [Theory]
    [InlineData("/d/app.db /d/app.db-wal /d/app.db-shm", "/d/app.db")]
    [InlineData("/d/app.db /d/app.db-shm", "/d/app.db")]
    [InlineData("/d/app.db /d/app.db-wal", "/d/app.db")]
    [InlineData("/d/app.db", "")]
    [InlineData("/d/app.db /d/app.db-journal", "")]
    [InlineData("/d/app.db-wal /d/app.db-shm", "")]
    [InlineData("/d/letter-wal", "")]
    [InlineData("r:/d/app.db /d/app.db-wal /d/app.db-shm", "")]
    [InlineData("r:/d/app.db /d/app.db /d/app.db-wal", "/d/app.db")]
    [InlineData("x:/d/app.db x:/d/app.db-wal", "")]
    [InlineData("/d/app.db x:/d/app.db-wal", "")]
    [InlineData("socket:[4711] pipe:[12] anon_inode:[eventpoll] /d/app.db /d/app.db-wal", "/d/app.db")]
    [InlineData("(unreachable)/d/app.db (unreachable)/d/app.db-wal", "")]
    [InlineData(@"/d/data\app.db /d/data\app.db-wal", @"/d/data\app.db")]
    [InlineData("/b.db /b.db-wal /a.db /a.db-shm", "/a.db /b.db")]
    [InlineData("/d/.app.db.litestream-run-1/history.db /d/.app.db.litestream-run-1/history.db-wal", "")]
    [InlineData("/tmp/.litestream-scratch-1/restored.db /tmp/.litestream-scratch-1/restored.db-wal", "")]
    [InlineData("/d/app.db-wal /d/app.db-wal-wal", "/d/app.db-wal")]
    public void A_database_is_known_by_what_SQLite_keeps_beside_it(string open, string databases) =>
        Assert.Equal(
            databases,
            string.Join(' ', OpenSqliteFiles.Find(open.Split(' ').Select(Parse)).Select(file => file.Path))
        );

    [Fact]
    public void A_database_is_the_same_one_by_its_real_path_or_by_the_file_itself()
    {
        var file = new FileIdentity(8, 1, 42);
        OpenFile[] open =
        [
            new("/mnt/app.db", true, file, false),
            new("/other.db", true, new FileIdentity(8, 1, 43), false),
            new("/third.db", true, null, false),
        ];

        Assert.Equal(
            ["/other.db"],
            OpenSqliteFiles.Unknown(open, [("/data/app.db", file), ("/third.db", null)], new PathList([]))
        );
        Assert.Equal(
            ["/mnt/app.db", "/other.db"],
            OpenSqliteFiles.Unknown(open, [("/third.db", null)], new PathList([]))
        );
        Assert.Empty(
            OpenSqliteFiles.Unknown(
                open,
                [("/data/app.db", file), ("/third.db", null)],
                PathList.Create("/oth*.db", path => path)
            )
        );
    }

    [Theory]
    [InlineData("/d/cache.db", true)]
    [InlineData("/d/./x/../cache.db", true)]
    [InlineData("cache.db", true)]
    [InlineData(" other.db ; cache.db", true)]
    [InlineData("*", true)]
    [InlineData("/d/*.db", true)]
    [InlineData("*.db", true)]
    [InlineData("cache.d?", true)]
    [InlineData("/d/cache", false)]
    [InlineData("/cache.db", false)]
    [InlineData("/d/Cache.db", false)]
    [InlineData("", false)]
    public void A_list_of_paths_takes_files_patterns_and_several_in_one(string entry, bool expected) =>
        Assert.Equal(expected, PathList.Create(entry, path => Path.GetFullPath(path, "/d")).Contains("/d/cache.db"));

    [Fact]
    public void This_process_lists_what_it_has_open_and_opens_nothing_for_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux lists it.");
        var folder = Directory.CreateTempSubdirectory("open ü\\ ").FullName;
        try
        {
            var path = Path.Combine(folder, "a (deleted)");
            using (var connection = new SqliteConnection($"Data Source={path};Pooling=False"))
            {
                connection.Open();
                using var command = connection.CreateCommand();
                command.CommandText = "PRAGMA journal_mode = wal; CREATE TABLE t(x)";
                command.ExecuteNonQuery();

                var found = Assert.Single(
                    OpenSqliteFiles.Find(OpenSqliteFiles.OfThisProcess()!),
                    file => file.Path == path
                );
                Assert.Equal(UnixCalls.Status(path)!.Identity, found.Identity);

                File.Delete(path);
                Assert.DoesNotContain(
                    OpenSqliteFiles.Find(OpenSqliteFiles.OfThisProcess()!),
                    file => file.Path == path
                );
            }

            Assert.DoesNotContain(
                OpenSqliteFiles.OfThisProcess()!,
                file => file.Path.StartsWith(folder, StringComparison.Ordinal)
            );
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>With <c>r:</c> in front it is open for reading only, with <c>x:</c> deleted.</summary>
    private static OpenFile Parse(string text) =>
        text[..2] switch
        {
            "r:" => new OpenFile(text[2..], false, null, false),
            "x:" => new OpenFile(text[2..], true, null, true),
            _ => new OpenFile(text, true, null, false),
        };
}
