using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

/// <summary>Two databases that differ in one thing, or in nothing but their pages, and what is said of them.</summary>
public sealed class OneDifferenceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string One => Path.Combine(_folder.Path, "one.db");

    private string Other => Path.Combine(_folder.Path, "other.db");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("CREATE TABLE t(a); INSERT INTO t VALUES (1)", "UPDATE t SET a = 1.0")]
    [InlineData("CREATE TABLE t(a); INSERT INTO t VALUES (0.0)", "UPDATE t SET a = -0.0")]
    [InlineData(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a ANY) STRICT; INSERT INTO t VALUES (1, 0.0)",
        "UPDATE t SET a = -0.0"
    )]
    [InlineData(
        "CREATE TABLE t(k PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO t VALUES (0.0, 1)",
        "UPDATE t SET k = -0.0"
    )]
    [InlineData("CREATE TABLE t(k PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO t VALUES (1, 1)", "UPDATE t SET k = 1.0")]
    [InlineData("CREATE TABLE t(k PRIMARY KEY, a); INSERT INTO t VALUES (1, 1)", "UPDATE t SET k = 1.0")]
    [InlineData(
        "CREATE TABLE t(k PRIMARY KEY, a); INSERT INTO t VALUES (NULL, 1), (NULL, 1)",
        "DELETE FROM t WHERE rowid = 1"
    )]
    [InlineData(
        "CREATE TABLE t(k PRIMARY KEY, a); INSERT INTO t VALUES (NULL, 1), (NULL, 2)",
        "UPDATE t SET a = 1 WHERE a = 2"
    )]
    [InlineData("CREATE TABLE t(a); INSERT INTO t VALUES (9007199254740993)", "UPDATE t SET a = 9007199254740992.0")]
    [InlineData(
        "CREATE TABLE t(a); INSERT INTO t VALUES (9223372036854775807)",
        "UPDATE t SET a = 9223372036854775807.0"
    )]
    [InlineData(
        "CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (9223372036854775807)",
        "UPDATE t SET a = a - 1"
    )]
    [InlineData(
        "CREATE TABLE t(a); INSERT INTO t VALUES (CAST(hex(zeroblob(2000000)) || 'a' AS BLOB))",
        "UPDATE t SET a = CAST(hex(zeroblob(2000000)) || 'b' AS BLOB)"
    )]
    [InlineData(
        "CREATE TABLE t(a); INSERT INTO t VALUES (hex(zeroblob(20000)) || 'a')",
        "UPDATE t SET a = hex(zeroblob(20000)) || 'b'"
    )]
    [InlineData(
        "CREATE TABLE t(a TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('a')",
        "UPDATE t SET a = 'A'"
    )]
    [InlineData(
        "CREATE TABLE t(a TEXT COLLATE RTRIM PRIMARY KEY DESC) WITHOUT ROWID; INSERT INTO t VALUES ('a')",
        "UPDATE t SET a = 'a '"
    )]
    [InlineData(
        "CREATE TABLE t(a); INSERT INTO t VALUES ('a' || char(0) || 'b')",
        "UPDATE t SET a = 'a' || char(0) || 'c'"
    )]
    [InlineData(
        "CREATE TABLE t(a); INSERT INTO t VALUES (CAST(x'ffd8' AS TEXT))",
        "UPDATE t SET a = CAST(x'fed8' AS TEXT)"
    )]
    [InlineData("CREATE TABLE t(a); INSERT INTO t VALUES ('a')", "UPDATE t SET a = x'61'")]
    [InlineData("CREATE TABLE t(a)", "INSERT INTO t DEFAULT VALUES")]
    [InlineData(
        "CREATE TABLE t(a, b AS (a + 1), c AS (a + 2) STORED); INSERT INTO t(a) VALUES (1)",
        "UPDATE t SET a = 2"
    )]
    [InlineData(
        "CREATE TABLE \"Ä\"(a); CREATE TABLE \"ä\"(a); INSERT INTO \"Ä\" VALUES (1); INSERT INTO \"ä\" VALUES (1)",
        "UPDATE \"ä\" SET a = 2"
    )]
    [InlineData(
        "CREATE TABLE \"Ä\"(a); CREATE TABLE \"ä\"(a); INSERT INTO \"Ä\" VALUES (1); INSERT INTO \"ä\" VALUES (1)",
        "UPDATE \"Ä\" SET a = 2"
    )]
    [InlineData("CREATE TABLE t(\"Ä\", \"ä\"); INSERT INTO t VALUES (1, 1)", "UPDATE t SET \"ä\" = 2")]
    [InlineData("CREATE TABLE t(\"Ä\", \"ä\"); INSERT INTO t VALUES (1, 1)", "UPDATE t SET \"Ä\" = 2")]
    [InlineData(
        "CREATE TABLE \"it's \"\"x\"\" [y] `z`\"(\"a'b\"); INSERT INTO \"it's \"\"x\"\" [y] `z`\" VALUES (1)",
        "UPDATE \"it's \"\"x\"\" [y] `z`\" SET \"a'b\" = 2"
    )]
    [InlineData("CREATE TABLE [copy](a); INSERT INTO [copy] VALUES (1)", "UPDATE [copy] SET a = 2")]
    [InlineData("CREATE TABLE main(a); INSERT INTO main VALUES (1)", "UPDATE main SET a = 2")]
    [InlineData("CREATE TABLE litestream(a); INSERT INTO litestream VALUES (1)", "UPDATE litestream SET a = 2")]
    [InlineData("CREATE TABLE xlitestreamx(a); INSERT INTO xlitestreamx VALUES (1)", "UPDATE xlitestreamx SET a = 2")]
    [InlineData("CREATE TABLE sqlitex(a); INSERT INTO sqlitex VALUES (1)", "UPDATE sqlitex SET a = 2")]
    [InlineData("CREATE TABLE t(rowid, oid, _rowid_); INSERT INTO t VALUES (1, 2, 3)", "UPDATE t SET oid = 9")]
    [InlineData(
        "CREATE TABLE t(rowid, oid, _rowid_); INSERT INTO t VALUES (1, 2, 3), (1, 2, 3)",
        "INSERT INTO t VALUES (1, 2, 3)"
    )]
    [InlineData("CREATE TABLE t(rowid INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 2)", "UPDATE t SET rowid = 2")]
    [InlineData(
        "CREATE TABLE t(rowid TEXT PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO t VALUES (1, 2)",
        "UPDATE t SET a = 3"
    )]
    [InlineData("CREATE TABLE t(a, sign, excess, c0); INSERT INTO t VALUES (1, 2, 3, 4)", "UPDATE t SET excess = 9")]
    [InlineData("CREATE TABLE t(a PRIMARY KEY, sign, c0); INSERT INTO t VALUES (NULL, 2, 4)", "UPDATE t SET sign = 9")]
    [InlineData(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (5)",
        "UPDATE sqlite_sequence SET seq = 9"
    )]
    [InlineData(
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (5)",
        "DELETE FROM sqlite_sequence"
    )]
    [InlineData("CREATE TABLE t(a)", "PRAGMA user_version = 3")]
    [InlineData("CREATE TABLE t(a)", "PRAGMA application_id = 3")]
    [InlineData("CREATE TABLE t(a)", "CREATE INDEX i ON t(a)")]
    [InlineData(
        "CREATE TABLE t(a); CREATE INDEX i ON t(a) WHERE a > 1",
        "DROP INDEX i; CREATE INDEX i ON t(a) WHERE a > 2"
    )]
    [InlineData("CREATE TABLE t(a); CREATE INDEX i ON t(a + 1)", "DROP INDEX i; CREATE INDEX i ON t(a + 2)")]
    [InlineData(
        "CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
        "DROP TRIGGER g; CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 2; END"
    )]
    [InlineData("CREATE TABLE t(a); CREATE VIEW v AS SELECT 1", "DROP VIEW v; CREATE VIEW v AS SELECT 2")]
    [InlineData("CREATE TABLE t(a); CREATE VIEW v AS SELECT 'x'", "DROP VIEW v; CREATE VIEW v AS SELECT 'X'")]
    [InlineData("CREATE TABLE t(a)", "CREATE TABLE u(a)")]
    [InlineData("CREATE TABLE t(a); CREATE TABLE u(a)", "DROP TABLE u; CREATE VIEW u AS SELECT 1 AS a")]
    [InlineData("CREATE TABLE t(a)", "DROP TABLE t; CREATE TABLE t(a TEXT)")]
    [InlineData("CREATE TABLE t(a)", "DROP TABLE t; CREATE TABLE t(a CHECK (a > 0))")]
    [InlineData(
        "CREATE VIRTUAL TABLE f USING fts5(b); INSERT INTO f VALUES ('one two')",
        "UPDATE f SET b = 'one three'"
    )]
    [InlineData(
        "CREATE VIRTUAL TABLE f USING fts5(b, content=''); INSERT INTO f(rowid, b) VALUES (1, 'one two')",
        "INSERT INTO f(rowid, b) VALUES (2, 'three')"
    )]
    [InlineData(
        "CREATE VIRTUAL TABLE f USING fts4(b); INSERT INTO f VALUES ('one two')",
        "UPDATE f SET b = 'one three'"
    )]
    [InlineData("CREATE VIRTUAL TABLE r USING rtree(id, a, b); INSERT INTO r VALUES (1, 2, 3)", "UPDATE r SET b = 4")]
    [InlineData("CREATE TABLE t(a)", "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE t(b)'")]
    public async Task One_difference_is_never_taken_for_none(string schema, string change)
    {
        foreach (var encoding in new[] { "UTF-8", "UTF-16le" })
        {
            foreach (var file in new[] { One, Other })
            {
                File.Delete(file);
                LitestreamTool.Sql(file, $"PRAGMA encoding = '{encoding}'; {schema}");
            }

            LitestreamTool.Sql(Other, change);
            await AssertAsync(isSame: false);
        }
    }

    [Theory]
    [InlineData("VACUUM")]
    [InlineData("PRAGMA page_size = 512; VACUUM")]
    [InlineData("PRAGMA page_size = 65536; VACUUM")]
    [InlineData("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")]
    [InlineData("PRAGMA journal_mode = WAL")]
    [InlineData("CREATE TABLE gone(a); INSERT INTO gone VALUES (zeroblob(100000)); DROP TABLE gone")]
    [InlineData("PRAGMA secure_delete = OFF; INSERT INTO t VALUES (7, 'x', 1); DELETE FROM t WHERE id = 7")]
    [InlineData("REINDEX")]
    [InlineData("UPDATE t SET a = a")]
    [InlineData("CREATE TABLE _litestream_x(a)")]
    public async Task Other_pages_are_not_a_difference(string change)
    {
        foreach (var file in new[] { One, Other })
        {
            LitestreamTool.Sql(
                file,
                """
                CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); CREATE INDEX i ON t(a DESC);
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                  INSERT INTO t SELECT i * 2 + 10, zeroblob(i * 10), -0.0 FROM n;
                CREATE TABLE w(k TEXT COLLATE NOCASE PRIMARY KEY DESC, v) WITHOUT ROWID;
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                  INSERT INTO w SELECT 'k' || i, zeroblob(i * 10) FROM n;
                CREATE TABLE empty(a); CREATE TABLE empty_key(a PRIMARY KEY) WITHOUT ROWID;
                CREATE TABLE [it's](a PRIMARY KEY, b); INSERT INTO [it's] VALUES (NULL, 1), (NULL, 1), (NULL, 2);
                CREATE VIRTUAL TABLE f USING fts5(b); INSERT INTO f VALUES ('one two');
                """
            );
        }

        LitestreamTool.Sql(Other, change);
        await AssertAsync(isSame: true);
    }

    private async Task AssertAsync(bool isSame)
    {
        var content = await ContentFiles.CompareAsync(One, Other, cancellationToken: Cancel);
        var reverse = await ContentFiles.CompareAsync(Other, One, cancellationToken: Cancel);
        var difference = await DatabaseDiff.CompareAsync(One, Other, cancellationToken: Cancel);
        using var one = Open(One);
        using var other = Open(Other);
        var rows = DatabaseContent.Compare(one, other, null, Cancel);
        var pages = DatabaseContent.CompareImages(one, One, other, Other, Cancel);
        Assert.True(rows.IsSame == isSame, $"rows: {rows}");
        Assert.True(content.IsSame == isSame, $"records: {content}");
        Assert.True(reverse.IsSame == isSame, $"records, the other way round: {reverse}");
        Assert.True(pages is null || (pages.IsSame && isSame), $"pages: {pages}");
        Assert.True(difference.IsSame == isSame, $"diff: {difference}");
    }

    private static SqliteConnection Open(string file)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString()
        );
        connection.Open();
        return connection;
    }
}
