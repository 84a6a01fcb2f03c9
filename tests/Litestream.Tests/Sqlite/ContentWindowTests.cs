using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

/// <summary>What is said of a copy made at some moment between two others.</summary>
public sealed class ContentWindowTests : IDisposable
{
    private const string Long = "a key that is much longer than what a message shows of it, and ends in ";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("UPDATE n SET v = 9 WHERE id = 1", "UPDATE n SET v = 9 WHERE id = 1", 0, 0)]
    [InlineData("UPDATE n SET v = 9 WHERE id = 1", "SELECT 1", 0, 0)]
    [InlineData("UPDATE n SET v = 9 WHERE id = 1", "UPDATE n SET v = 8 WHERE id = 1", 0, 1)]
    [InlineData("UPDATE n SET v = 9 WHERE id = 1", "UPDATE n SET v = 8 WHERE id = 2", 1, 0)]
    [InlineData("UPDATE n SET v = 9 WHERE id = 1", "DELETE FROM n WHERE id = 2", 1, 0)]
    [InlineData("UPDATE w SET v = 9 WHERE k LIKE '%1'", "DELETE FROM w WHERE k LIKE '%2'", 1, 0)]
    [InlineData("UPDATE w SET v = 9 WHERE k LIKE '%1'", "UPDATE w SET v = 9 WHERE k LIKE '%1'", 0, 0)]
    [InlineData("DELETE FROM h WHERE v = 1", "DELETE FROM h WHERE v = 2", 0, 2)]
    [InlineData("SELECT 1", "DELETE FROM h WHERE v = 2", 2, 0)]
    [InlineData("SELECT 1", "INSERT INTO n VALUES (7, 7)", 0, 1)]
    [InlineData("CREATE INDEX i ON n(v)", "UPDATE n SET v = 8 WHERE id = 2", 1, 0)]
    public void What_nothing_explains_is_wrong_and_what_may_be_explained_is_not_known(
        string written,
        string restored,
        int wrong,
        int unknown
    )
    {
        var window = WindowOf(written, restored, all: 1_000);

        Assert.Equal((wrong, unknown), ((int)window.Wrong.Count, (int)window.Unknown));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Where_not_all_differences_can_be_remembered_those_beyond_are_not_known(int all)
    {
        var window = WindowOf("UPDATE n SET v = 9", "UPDATE n SET v = 8", all);

        Assert.Equal(0, window.Wrong.Count);
        Assert.Equal(3, window.Unknown);
    }

    private ContentWindow WindowOf(string written, string restored, int all)
    {
        using var before = Open("before", "SELECT 1");
        using var after = Open("after", written);
        using var between = Open("between", restored);
        var options = new ContentOptions { Limit = all, ArePrivate = true };
        var cancellationToken = TestContext.Current.CancellationToken;
        return ContentWindow.Evaluate(
            DatabaseContent.Compare(before, between, options, cancellationToken),
            DatabaseContent.Compare(before, after, options, cancellationToken),
            DatabaseContent.Compare(after, between, options, cancellationToken)
        );
    }

    private SqliteConnection Open(string name, string change)
    {
        var path = Path.Combine(_folder.Path, $"{name}.db");
        LitestreamTool.Sql(
            path,
            $"""
            CREATE TABLE n(id INTEGER PRIMARY KEY, v); INSERT INTO n VALUES (1, 1), (2, 2), (3, 3);
            CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES ('{Long}1', 1), ('{Long}2', 2);
            CREATE TABLE h(rowid, oid, _rowid_, v); INSERT INTO h(v) VALUES (1), (2), (3);
            """
        );
        LitestreamTool.Sql(path, change);
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString()
        );
        connection.Open();
        return connection;
    }
}
