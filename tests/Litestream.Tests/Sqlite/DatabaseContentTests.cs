using System.Globalization;
using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

public sealed class DatabaseContentTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string One => Path.Combine(_folder.Path, "one's ü%41.db");

    private string Other => Path.Combine(_folder.Path, "other's ü%41.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_is_the_same_is_the_same_however_its_pages_are_laid_out()
    {
        LitestreamTool.Sql(One, Everything);
        LitestreamTool.Sql(One, $"VACUUM INTO '{Other.Replace("'", "''", StringComparison.Ordinal)}'");
        LitestreamTool.Sql(Other, "PRAGMA page_size = 8192; PRAGMA auto_vacuum = FULL; VACUUM");
        LitestreamTool.Sql(
            Other,
            "CREATE TABLE _litestream_lock(id); CREATE TABLE _litestream_seq(id, seq); INSERT INTO _litestream_seq "
                + "VALUES (1, 2)"
        );

        var comparison = await ContentFiles.CompareAsync(One, Other, cancellationToken: Cancel);

        Assert.True(comparison.IsSame, comparison.ToString());
        Assert.Equal(comparison.ExpectedRows, comparison.ActualRows);
        Assert.Equal(3, comparison.ActualRows["numbered"]);
        Assert.Contains("search_data", comparison.ActualRows.Keys);
        Assert.Contains("sqlite_sequence", comparison.ActualRows.Keys);
        Assert.Contains("sqlite_stat1", comparison.ActualRows.Keys);
    }

    [Theory]
    [InlineData("1", "1.0")]
    [InlineData("1", "'1'")]
    [InlineData("1.0", "'1.0'")]
    [InlineData("'a'", "x'61'")]
    [InlineData("''", "x''")]
    [InlineData("''", "NULL")]
    [InlineData("0", "NULL")]
    [InlineData("'a'", "'A'")]
    [InlineData("'a'", "'a '")]
    [InlineData("0.1", "0.30000000000000004 - 0.2")]
    [InlineData("'a' || char(0) || 'b'", "'a' || char(0) || 'c'")]
    [InlineData("'a' || char(0)", "'a'")]
    [InlineData("CAST(x'ffd8' AS TEXT)", "CAST(x'fed8' AS TEXT)")]
    [InlineData("CAST(x'd8ff' AS TEXT)", "CAST(x'd8fe' AS TEXT)")]
    [InlineData("zeroblob(100000)", "zeroblob(99999) || x'01'")]
    public async Task A_value_is_compared_by_its_type_and_its_bytes(string here, string there)
    {
        foreach (var encoding in new[] { "UTF-8", "UTF-16le", "UTF-16be" })
        {
            foreach (var (file, value) in new[] { (One, here), (Other, there) })
            {
                File.Delete(file);
                LitestreamTool.Sql(
                    file,
                    $"PRAGMA encoding = '{encoding}'; CREATE TABLE t(id INTEGER PRIMARY KEY, x, y COLLATE NOCASE); "
                        + $"INSERT INTO t VALUES (1, 1, 1), (7, {value}, 1), (9, 1, 1)"
                );
            }

            var different = await ContentFiles.CompareAsync(One, Other, cancellationToken: Cancel);
            var same = await ContentFiles.CompareAsync(One, One, cancellationToken: Cancel);

            Assert.Equal("t: row id=7 has another value in column x", different.ToString());
            Assert.True(same.IsSame, same.ToString());
        }
    }

    [Theory]
    [InlineData("UPDATE numbered SET b = 'X' WHERE id = 2", "numbered: row id=2 has another value in column b")]
    [InlineData("DELETE FROM numbered WHERE id = 2", "numbered: row id=2 is missing")]
    [InlineData("INSERT INTO numbered(id, a) VALUES (-5, 1)", "numbered: row id=-5 is not in the database")]
    [InlineData("UPDATE pairs SET v = 2 WHERE a = 'B'", "pairs: row a='B' b=1 has another value in column v")]
    [InlineData("DELETE FROM pairs WHERE a = 'a'", "pairs: row a='a' b=2 is missing")]
    [InlineData("UPDATE plain SET x = 'z' WHERE x = 'b'", "plain: row rowid=2 has another value in column x")]
    [InlineData(
        "UPDATE plain SET rowid = 77 WHERE x = 'b'",
        "plain: row rowid=2 is missing; plain: row rowid=77 is not in the database"
    )]
    [InlineData("UPDATE shadowed SET rowid = 'z'", "shadowed: row _rowid_=1 has another value in column rowid")]
    [InlineData("UPDATE hidden SET v = 'z' WHERE oid = 2", "hidden: row number 2 has another value in column v")]
    [InlineData("UPDATE \"odd \"\"name\" SET \"a b\" = 'z'", "odd \"name: row rowid=1 has another value in column a b")]
    [InlineData("UPDATE strict SET r = 2.5", "strict: row id=1 has another value in column r")]
    [InlineData(
        "UPDATE search SET body = 'other words' WHERE rowid = 1",
        "search_content: row id=1 has another value in column c0"
    )]
    [InlineData("UPDATE sqlite_sequence SET seq = 99", "sqlite_sequence: row rowid=1 has another value in column seq")]
    [InlineData("UPDATE sqlite_stat1 SET stat = '9 9' WHERE tbl = 'plain'", "has another value in column stat")]
    [InlineData("CREATE INDEX added ON plain(x)", "index added: not in the database")]
    [InlineData("DROP VIEW v", "view v: missing")]
    [InlineData("DROP VIEW v; CREATE VIEW v AS SELECT 2", "view v: another definition")]
    [InlineData("ALTER TABLE plain ADD COLUMN z", "table plain: another definition")]
    [InlineData("DROP TABLE plain", "table plain: missing")]
    [InlineData("PRAGMA user_version = 8", "PRAGMA user_version: 8 instead of 7")]
    [InlineData("PRAGMA application_id = 8", "PRAGMA application_id: 8 instead of 0")]
    public async Task What_differs_is_reported_with_its_table_row_and_column(string change, string difference)
    {
        LitestreamTool.Sql(One, Everything);
        LitestreamTool.Sql(Other, Everything);
        LitestreamTool.Sql(Other, change);

        var comparison = await ContentFiles.CompareAsync(One, Other, 50, Cancel);

        Assert.False(comparison.IsSame);
        Assert.Contains(difference, comparison.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_a_key_with_any_order_all_rows_are_found_again()
    {
        var random = new Random(5);
        foreach (var file in new[] { One, Other })
        {
            LitestreamTool.Sql(
                file,
                "CREATE TABLE k(n INTEGER, t TEXT COLLATE NOCASE, r TEXT COLLATE RTRIM, b BLOB, v, PRIMARY KEY (t "
                    + "DESC, n, r, b DESC)) WITHOUT ROWID"
            );
        }

        var expected = (Missing: 0, Added: 0, Changed: 0);
        using (var one = Open(One))
        using (var other = Open(Other))
        {
            for (var i = 0; i < 500; i++)
            {
                var letters = new string([
                    .. Enumerable.Range(0, random.Next(1, 4)).Select(_ => "aAbB_z Z"[random.Next(8)]),
                ]);
                var row = string.Create(
                    CultureInfo.InvariantCulture,
                    $"INSERT OR IGNORE INTO k VALUES ({random.Next(-3, 3)}, '{letters}', "
                        + $"'{letters[..1]}{new string(' ', random.Next(2))}', x'{random.Next(256):x2}', "
                );
                var kind = random.Next(10);
                var isNew = kind == 1 || Execute(one, $"{row} {i})") == 1;
                if (kind != 0 && isNew && Execute(other, $"{row} {(kind == 2 ? -1 : i)})") == 1)
                {
                    expected = kind switch
                    {
                        1 => expected with { Added = expected.Added + 1 },
                        2 => expected with { Changed = expected.Changed + 1 },
                        _ => expected,
                    };
                }
                else if (kind == 0 && isNew)
                {
                    expected = expected with { Missing = expected.Missing + 1 };
                }
            }
        }

        // What is added to the one may be missing in the other by a later row: SQLite itself says what is right.
        LitestreamTool.Sql(
            One,
            $"ATTACH '{Other.Replace("'", "''", StringComparison.Ordinal)}' AS o; CREATE TABLE _litestream_expected "
                + $"AS SELECT (SELECT count(*) FROM main.k a WHERE NOT EXISTS (SELECT 1 FROM o.k b WHERE b.t = a.t AND "
                + $"b.n = a.n AND b.r = a.r AND b.b = a.b)) AS missing, (SELECT count(*) FROM o.k b WHERE NOT EXISTS "
                + $"(SELECT 1 FROM main.k a WHERE b.t = a.t AND b.n = a.n AND b.r = a.r AND b.b = a.b)) AS added"
        );

        var comparison = await ContentFiles.CompareAsync(One, Other, 10_000, Cancel);

        Assert.NotEqual(0, expected.Missing + expected.Added + expected.Changed);
        Assert.Equal(
            LitestreamTool.Query(One, "SELECT missing || ' ' || added FROM _litestream_expected"),
            $"{comparison.Differences.Count(d => d.Kind == ContentDifferenceKind.Missing)} "
                + $"{comparison.Differences.Count(d => d.Kind == ContentDifferenceKind.Added)}"
        );
    }

    [Fact]
    public async Task Collations_functions_and_modules_of_the_app_are_not_needed()
    {
        LitestreamTool.Sql(One, "CREATE TABLE item(id INTEGER PRIMARY KEY, text TEXT)");
        OwnFunctions.Use(One);
        File.Copy(One, Other);
        foreach (var file in new[] { One, Other })
        {
            LitestreamTool.Sql(
                file,
                "PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES ('table', 'vt', 'vt', 0, 'CREATE "
                    + "VIRTUAL TABLE vt USING nobody_has_this(x)'); CREATE TABLE vt_data(id INTEGER PRIMARY "
                    + "KEY, block); "
                    + "INSERT INTO vt_data VALUES (1, x'00')"
            );
        }

        var same = await ContentFiles.CompareAsync(One, Other, cancellationToken: Cancel);
        LitestreamTool.Sql(Other, "UPDATE vt_data SET block = x'01'");
        var different = await ContentFiles.CompareAsync(One, Other, cancellationToken: Cancel);

        Assert.True(same.IsSame, same.ToString());
        Assert.Equal(
            ["checked", "declared", "expression", "generated", "indexed", "item", "keyed", "partial", "vt_data"],
            same.ActualRows.Keys
        );
        Assert.Equal("vt_data: row id=1 has another value in column block", different.ToString());
    }

    [Fact]
    public async Task It_can_be_cancelled_and_the_first_difference_can_end_it()
    {
        foreach (var file in new[] { One, Other })
        {
            LitestreamTool.Sql(
                file,
                "CREATE TABLE t(id INTEGER PRIMARY KEY, x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                    + "FROM n WHERE i < 100000) INSERT INTO t SELECT i, i FROM n"
            );
        }

        LitestreamTool.Sql(Other, "UPDATE t SET x = -1 WHERE id % 2 = 0");
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        using var one = Open(One);
        using var other = Open(Other);

        var all = DatabaseContent.Compare(one, other, null, Cancel);
        var first = DatabaseContent.Compare(one, other, new() { StopAtFirst = true }, Cancel);

        Assert.Equal((50_000, 5, 100_000), (all.Count, all.Differences.Count, all.ActualRows["t"]));
        Assert.EndsWith("; and 49995 more", all.ToString(), StringComparison.Ordinal);
        Assert.Equal((1, "id=2"), (first.Count, Assert.Single(first.Differences).Key));
        Assert.Throws<OperationCanceledException>(() => DatabaseContent.Compare(one, other, null, stop.Token));
    }

    private const string Everything = """
        PRAGMA user_version = 7;
        CREATE TABLE numbered(id INTEGER PRIMARY KEY AUTOINCREMENT, a, b TEXT COLLATE NOCASE,
          twice AS (id * 2), stored AS (id * 3) STORED);
        INSERT INTO numbered(a, b) VALUES (1, 'x'), (2.5, 'y'), (NULL, x'00');
        CREATE TABLE pairs(a TEXT COLLATE NOCASE, b INTEGER, v, PRIMARY KEY (a DESC, b)) WITHOUT ROWID;
        CREATE UNIQUE INDEX pairs_v ON pairs(v, a, b);
        INSERT INTO pairs VALUES ('a', 2, 5), ('B', 1, 4), ('c', 1, 3);
        CREATE TABLE plain(x); CREATE INDEX plain_x ON plain(x DESC);
        INSERT INTO plain VALUES ('c'), ('b'), ('a');
        CREATE TABLE shadowed(rowid, x); INSERT INTO shadowed VALUES ('r', 1);
        CREATE TABLE hidden(rowid, _rowid_, oid, v);
        INSERT INTO hidden VALUES (1, 1, 1, 'a'), (2, 2, 2, 'b'), (3, 3, 3, 'c');
        CREATE TABLE "odd ""name"("a b", [c"d] TEXT, "select"); INSERT INTO "odd ""name" VALUES (1, 2, 3);
        CREATE TABLE strict(id INTEGER PRIMARY KEY, t TEXT, r REAL) STRICT; INSERT INTO strict VALUES (1, 'x', 1);
        CREATE TABLE reversed(id INTEGER PRIMARY KEY DESC, v); INSERT INTO reversed VALUES (3, 'c'), (1, 'a');
        CREATE VIRTUAL TABLE search USING fts5(body); INSERT INTO search VALUES ('some words'), ('more words');
        CREATE VIEW v AS SELECT 1;
        CREATE TRIGGER g AFTER INSERT ON plain BEGIN SELECT 1; END;
        ANALYZE;
        """;

    private static SqliteConnection Open(string file)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString()
        );
        connection.Open();
        return connection;
    }

    private static int Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }
}
