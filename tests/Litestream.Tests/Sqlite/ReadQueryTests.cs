using System.Text.Json;
using Litestream.Diagnostics;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

/// <summary>What a person may ask a restored copy.</summary>
public sealed class ReadQueryTests : IDisposable
{
    private readonly SqliteConnection _connection = new("Data Source=:memory:");

    public ReadQueryTests()
    {
        _connection.Open();
        using var command = _connection.CreateCommand();
        command.CommandText =
            "CREATE TABLE t(id INTEGER PRIMARY KEY, x); "
            + "INSERT INTO t VALUES (1, 'a'), (2, NULL), (3, x'0aff'), (4, 2.0); "
            + "CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES ('one two'); "
            + "CREATE VIRTUAL TABLE box USING rtree(id, a, b); INSERT INTO box VALUES (1, 0, 1)";
        command.ExecuteNonQuery();
    }

    public void Dispose() => _connection.Dispose();

    [Theory]
    [InlineData("SELECT id, x FROM t WHERE id < 4", """{"id":1,"x":"a"};{"id":2,"x":null};{"id":3,"x":"0AFF"}""")]
    [InlineData("SELECT x, x, 9e999 AS \"x:1\" FROM t WHERE id = 1", """{"x":"a","x:1":"a","x:1:1":"Infinity"}""")]
    [InlineData(" -- why\n SELECT 1 AS n; /* more */ ", """{"n":1}""")]
    [InlineData("WITH a AS (SELECT 1.5 AS r) SELECT r, 'Ä\"\n' AS s FROM a", """{"r":1.5,"s":"Ä\"\n"}""")]
    [InlineData("VALUES (1, 2)", """{"column1":1,"column2":2}""")]
    [InlineData("SELECT text FROM words WHERE words MATCH 'two'", """{"text":"one two"}""")]
    [InlineData("SELECT id FROM box WHERE a < 1", """{"id":1}""")]
    [InlineData("SELECT name FROM pragma_table_info('t')", """{"name":"id"};{"name":"x"}""")]
    [InlineData("PRAGMA page_size", """{"page_size":4096}""")]
    [InlineData("SELECT 1 WHERE 0", "")]
    public void What_reads_gives_its_rows(string sql, string rows)
    {
        ReadQuery.Check(sql);

        Assert.Equal(rows, string.Join(';', Run(sql)));
    }

    [Theory]
    [InlineData("DELETE FROM t", "it writes")]
    [InlineData("INSERT INTO t VALUES (9, 9) RETURNING id", "it writes")]
    [InlineData("WITH a AS (SELECT 1) UPDATE t SET x = 1", "it writes")]
    [InlineData("CREATE TEMP TABLE u AS SELECT * FROM t", "it writes")]
    [InlineData("CREATE TABLE IF NOT EXISTS t(x)", "it writes")]
    [InlineData("DROP TABLE t", "it writes")]
    [InlineData("VACUUM INTO 'copy.db'", "it writes")]
    [InlineData("ATTACH 'other.db' AS other", "it uses ATTACH")]
    [InlineData("DETACH main", "it uses DETACH")]
    [InlineData("BEGIN IMMEDIATE", "it uses BEGIN")]
    [InlineData("SAVEPOINT a", "it uses SAVEPOINT")]
    [InlineData("PRAGMA user_version = 7", "it uses PRAGMA user_version with a value")]
    [InlineData("PRAGMA temp_store_directory = '/tmp'", "it uses PRAGMA temp_store_directory with a value")]
    [InlineData("PRAGMA wal_checkpoint", "it uses PRAGMA wal_checkpoint")]
    [InlineData("SELECT 1; SELECT 2", "it has more than one statement")]
    [InlineData("SELECT 1; DROP TABLE t", "it has more than one statement")]
    [InlineData("SELECT * FROM t WHERE id = @id", "its parameter '@id' has no value")]
    [InlineData("-- nothing", "it has no statement")]
    public void What_does_not_only_read_is_refused(string sql, string why)
    {
        var error = Assert.Throws<LitestreamException>(() => Run(sql));

        Assert.Equal("LSB3024", error.Diagnostic.Code);
        Assert.Contains($"The query was refused: {why}.", error.Message, StringComparison.Ordinal);
        Assert.Equal(4L, _connection.Scalar("SELECT count(*) FROM t"));
    }

    [Theory]
    [InlineData("ATTACH 'other.db' AS other", "LSB3024")]
    [InlineData("CREATE TABLE u(x)", "LSB3024")]
    [InlineData("SELECT 1; SELECT 2", "LSB3024")]
    [InlineData("SELECT FROM t", "LSB4112")]
    [InlineData("SELECT 'open", "LSB4112")]
    [InlineData("SELECT (1", "LSB4112")]
    public void What_no_table_could_mend_is_known_before_a_restore(string sql, string code) =>
        Assert.Equal(code, Assert.Throws<LitestreamException>(() => ReadQuery.Check(sql)).Diagnostic.Code);

    [Theory]
    [InlineData("SELECT * FROM nowhere", "no such table: nowhere")]
    [InlineData("SELECT abs(-9223372036854775808)", "integer overflow")]
    [InlineData("SELECT load_extension('x')", "not authorized")]
    public void What_fails_is_reported_in_the_words_of_SQLite(string sql, string says)
    {
        ReadQuery.Check(sql);
        var error = Assert.Throws<LitestreamException>(() => Run(sql));

        Assert.Equal("LSB4112", error.Diagnostic.Code);
        Assert.Contains($"The query failed: {says}.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_query_without_an_end_is_interrupted()
    {
        using var source = new CancellationTokenSource();
        await source.CancelAsync();

        Assert.Throws<OperationCanceledException>(() =>
            ReadQuery.Run(
                _connection,
                "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n) SELECT max(v) FROM n",
                _ => { },
                _ => { },
                source.Token
            )
        );
    }

    private List<string> Run(string sql)
    {
        var rows = new List<string>();
        ReadQuery.Run(
            _connection,
            sql,
            _ => { },
            row =>
            {
                rows.Add(row.ToJson());
                using var json = JsonDocument.Parse(rows[^1]);
                Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
            },
            TestContext.Current.CancellationToken
        );
        return rows;
    }
}
