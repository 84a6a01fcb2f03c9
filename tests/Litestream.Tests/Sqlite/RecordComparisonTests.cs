using System.Globalization;
using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

/// <summary>The quick way, by the records in the pages, says the same as the slow one, through SQLite.</summary>
public sealed class RecordComparisonTests : IDisposable
{
    private const string Tables = """
        CREATE TABLE n(id INTEGER PRIMARY KEY, v, r REAL, t TEXT COLLATE NOCASE, u NUMERIC);
        CREATE TABLE w(k TEXT COLLATE NOCASE, n INTEGER, v, PRIMARY KEY (k DESC, n)) WITHOUT ROWID;
        CREATE TABLE p(v, w); CREATE INDEX p_v ON p(v);
        CREATE TABLE g(a INTEGER, b AS (a * 2), c AS (a * 3) STORED);
        """;

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string One => Path.Combine(_folder.Path, "one.db");

    private string Other => Path.Combine(_folder.Path, "other.db");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Records_and_rows_tell_the_same(int seed)
    {
        var random = new Random(seed);
        var pageSize = new[] { 512, 1024, 4096, 65536 }[random.Next(4)];
        var encoding = new[] { "UTF-8", "UTF-16le", "UTF-16be" }[seed % 3];
        Sql(One, $"PRAGMA page_size = {pageSize}; PRAGMA encoding = '{encoding}'; {Tables}");
        Sql(One, ["BEGIN", .. Enumerable.Range(0, 600).Select(_ => Insert(random)), "COMMIT"]);
        File.Copy(One, Other);
        for (var round = 0; round < 6; round++)
        {
            if (round == 3)
                Sql(Other, $"PRAGMA page_size = {(pageSize == 512 ? 8192 : 512)}; PRAGMA auto_vacuum = FULL; VACUUM");
            if (round > 0)
            {
                Sql(
                    random.Next(3) == 0 ? One : Other,
                    ["BEGIN", .. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Change(random)), "COMMIT"]
                );
            }

            var byRecords = Compare(arePrivate: true);
            var byRows = Compare(arePrivate: false);

            Assert.Equal(byRows.Count, byRecords.Count);
            Assert.Equal(byRows.Differences, byRecords.Differences);
            Assert.Equal(byRows.ExpectedRows, byRecords.ExpectedRows);
            Assert.Equal(byRows.ActualRows, byRecords.ActualRows);
            Assert.Equal(round == 0, byRecords.IsSame);
        }
    }

    [Theory]
    [InlineData("zeroblob(3000000) || x'00'", "zeroblob(3000000) || x'01'")]
    [InlineData("x'01' || zeroblob(3000000)", "x'02' || zeroblob(3000000)")]
    [InlineData("9007199254740993", "9007199254740992.0")]
    [InlineData("9223372036854775807", "9223372036854775806")]
    [InlineData("-0.0 * 1", "0.0")]
    [InlineData("5e-324", "0.0")]
    [InlineData("9e999", "-9e999")]
    [InlineData("CAST(x'c3' AS TEXT)", "CAST(x'c4' AS TEXT)")]
    [InlineData("'a' || char(0) || 'b'", "'a' || char(0) || 'c'")]
    [InlineData("x''", "zeroblob(1)")]
    public void The_one_value_that_differs_is_found(string here, string there)
    {
        foreach (var table in new[] { "n(id, v)", "w(n, k, v)", "p(rowid, v)" })
        {
            foreach (var (file, value) in new[] { (One, here), (Other, there) })
            {
                File.Delete(file);
                Sql(file, Tables, $"INSERT INTO {table} VALUES (7, {(table[0] == 'w' ? "'k', " : "")}{value})");
            }

            foreach (var arePrivate in new[] { true, false })
            {
                var difference = Assert.Single(Compare(arePrivate).Differences);
                Assert.Equal(("v", ContentDifferenceKind.Changed), (difference.Column, difference.Kind));
            }
        }
    }

    [Fact]
    public void The_same_values_stored_in_another_way_are_the_same()
    {
        // A column added later is in no record written before.
        Sql(
            One,
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a)",
            "INSERT INTO t VALUES (1, 'x')",
            "ALTER TABLE t ADD COLUMN b DEFAULT 5"
        );
        Sql(Other, "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b DEFAULT 5)", "INSERT INTO t VALUES (1, 'x', 5)");
        Sql(
            One,
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_master SET sql = 'CREATE TABLE t(id INTEGER PRIMARY KEY, a, b DEFAULT 5)'"
        );

        Assert.True(Compare(arePrivate: true).IsSame, Compare(arePrivate: true).ToString());
    }

    [Fact]
    public void What_no_tree_is_is_left_to_SQLite()
    {
        Sql(One, "PRAGMA page_size = 512; CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
        Sql(
            One,
            [
                "BEGIN",
                .. Enumerable.Range(0, 300).Select(i => $"INSERT INTO t VALUES ({i}, hex(zeroblob(40)))"),
                "COMMIT",
            ]
        );
        var bytes = File.ReadAllBytes(One);
        var random = new Random(11);
        for (var trial = 0; trial < 150; trial++)
        {
            var broken = bytes.ToArray();
            for (var i = random.Next(1, 4); i > 0; i--)
                broken[random.Next(512, broken.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(Other, broken);
            try
            {
                var byRows = Compare(arePrivate: false);
                var byRecords = Compare(arePrivate: true);
                Assert.True(
                    byRecords.IsSame == byRows.IsSame || byRecords.Count > 0,
                    $"trial {trial}: {byRows}; {byRecords}"
                );
            }
            catch (SqliteException)
            {
                // It is damaged, and that is said.
            }
        }
    }

    [Fact]
    public void Of_a_file_with_a_WAL_the_pages_are_not_read()
    {
        Sql(One, "PRAGMA journal_mode = WAL; CREATE TABLE t(a)");
        using var app = Open(One);
        using (var command = app.CreateCommand())
        {
            command.CommandText = "INSERT INTO t VALUES (1)";
            command.ExecuteNonQuery();
        }

        Assert.Null(PageFile.Open(One, Cancel));
    }

    private static string Insert(Random random)
    {
        string Value() =>
            random.Next(8) switch
            {
                0 => "NULL",
                1 => random.NextInt64().ToString(CultureInfo.InvariantCulture),
                2 => (random.NextDouble() * 10).ToString("R", CultureInfo.InvariantCulture),
                3 => "1.0",
                4 => $"'{new string('ä', random.Next(30))}'",
                5 => $"hex(zeroblob({random.Next(6000)}))",
                6 => $"x'{random.Next(256):x2}' || zeroblob({random.Next(90)})",
                _ => random.Next(-3, 3).ToString(CultureInfo.InvariantCulture),
            };
        return random.Next(5) switch
        {
            0 => $"INSERT OR IGNORE INTO w VALUES "
                + $"('{"aAbBcC"[random.Next(6)]}{random.Next(20)}', {random.Next(5)}, {Value()})",
            1 => $"INSERT INTO p VALUES ({Value()}, {Value()})",
            2 => $"INSERT INTO g VALUES ({random.Next()})",
            _ => $"INSERT OR REPLACE INTO n VALUES "
                + $"({random.Next(-9999, 9999)}, {Value()}, {Value()}, {Value()}, {Value()})",
        };
    }

    private static string Change(Random random)
    {
        var table = "nwpg"[random.Next(4)].ToString();
        var row =
            $"WHERE {(table == "w" ? "k || n" : "rowid")} = (SELECT {(table == "w" ? "k || n" : "rowid")} "
            + $"FROM {table} LIMIT 1 OFFSET {random.Next(60)})";
        return random.Next(3) switch
        {
            0 => $"DELETE FROM {table} {row}",
            1 => table == "g"
                ? $"UPDATE g SET a = a + 1 {row}"
                : $"UPDATE {table} SET v = {random.Next(1000, 2000)} {row}",
            _ => Insert(random),
        };
    }

    private ContentComparison Compare(bool arePrivate)
    {
        using var one = Open(One);
        using var other = Open(Other);
        return DatabaseContent.Compare(one, other, new() { Limit = 10_000, ArePrivate = arePrivate }, Cancel);
    }

    private static void Sql(string file, params string[] statements)
    {
        using var connection = Open(file);
        using var command = connection.CreateCommand();
        foreach (var statement in statements)
        {
            command.CommandText = statement;
            command.ExecuteNonQuery();
        }
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
