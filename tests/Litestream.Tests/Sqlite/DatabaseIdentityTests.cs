using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

public sealed class DatabaseIdentityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Database => Path.Combine(_folder.Path, "a b%41ü.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_database_gets_its_number_once_and_its_file_has_it_after_a_checkpoint()
    {
        LitestreamTool.Sql(
            Database,
            "PRAGMA journal_mode = wal; CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)"
        );
        using var open = new SqliteConnection($"Data Source={Database};Pooling=False");
        open.Open();

        var pending = new List<long?>();
        var id = await LiveDatabase.IdentifyAsync(
            Database,
            number =>
            {
                Assert.Null(LiveDatabase.ReadIdentity(Database));
                pending.Add(number);
            }
        );

        Assert.NotNull(id);
        Assert.Equal(id, await LiveDatabase.IdentifyAsync(Database, number => pending.Add(number)));
        Assert.Equal([id], pending);
        Assert.Equal(id, LiveDatabase.ReadIdentity(Database));
        Assert.Equal((true, null), LiveDatabase.ReadIdentityInFile(Database));
        LitestreamTool.Sql(Database, "PRAGMA wal_checkpoint(TRUNCATE)");
        Assert.Equal((true, id), LiveDatabase.ReadIdentityInFile(Database));
    }

    [Fact]
    public async Task Without_the_executables_table_nothing_is_written()
    {
        LitestreamTool.Sql(Database, "CREATE TABLE t(x)");

        Assert.Null(await LiveDatabase.IdentifyAsync(Database, _ => Assert.Fail("no number is pending")));
        Assert.False(await LiveDatabase.NudgeAsync(Database));
        Assert.Equal("1", LitestreamTool.Query(Database, "SELECT count(*) FROM sqlite_master"));
        Assert.Equal((true, null), LiveDatabase.ReadIdentityInFile(Database));
    }

    [Fact]
    public void What_is_not_a_database_is_readable_and_has_no_number()
    {
        File.WriteAllText(Database, new string('x', 5000));

        Assert.Equal((true, null), LiveDatabase.ReadIdentityInFile(Database));
    }

    [Fact]
    public void What_is_remembered_is_read_as_it_was_written_and_a_broken_record_is_none()
    {
        File.WriteAllText(Database, "x");
        var history = new DatabaseIdentity(4711, true, FileStamp.Of(Database));
        history.Write(_folder.Path);

        Assert.Equal(history, DatabaseIdentity.Read(_folder.Path));
        File.WriteAllText(Path.Combine(_folder.Path, "history.json"), "{\"id\":");
        Assert.Null(DatabaseIdentity.Read(_folder.Path));
    }
}
