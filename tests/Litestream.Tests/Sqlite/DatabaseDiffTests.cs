using System.Globalization;
using System.Text;
using System.Text.Json;
using Litestream.Diagnostics;
using Litestream.Sqlite;
using Litestream.Tests.Databases;
using Litestream.Tests.Restore;
using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

[Trait("Uses", "litestream")]
public sealed class DatabaseDiffTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Live => Path.Combine(_folder.Path, "live's ü%41.db");

    private string Copy => Path.Combine(_folder.Path, "copy's ü%41.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_restored_copy_shows_what_a_restore_would_undo_while_the_database_is_in_use()
    {
        using var database = await BackedUpDatabase.CreateAsync();
        var copy = Path.Combine(database.Folder, "side.db");
        await BackedUpDatabase.RestoreAsync(database.Request() with { Output = copy });
        LitestreamTool.Sql(
            database.File,
            "UPDATE t SET x = 20 WHERE x = 2; DELETE FROM t WHERE x = 1; CREATE TABLE IF NOT EXISTS "
                + "_litestream_verification(id); INSERT INTO _litestream_verification VALUES (1)"
        );
        using var opener = await BackedUpDatabase.StartOpenerAsync(database.File);
        var files = Directory.GetFiles(database.Folder);

        var difference = await new LitestreamClient(LitestreamTool.Executable, database.Config).DiffAsync(
            copy,
            cancellationToken: TestContext.Current.CancellationToken
        );

        var table = Assert.Single(difference.Tables);
        Assert.Equal(("t", 1, 3, 1, "rowid"), (table.Name, table.Added, table.Missing, table.Changed, table.Key));
        Assert.Equal(
            ["rowid=1", "rowid=4", "rowid=5", "rowid=6", "rowid=2"],
            table.AddedExamples.Concat(table.MissingExamples).Concat(table.ChangedExamples)
        );
        Assert.Empty(difference.Schema);
        Assert.Empty(difference.Skipped);
        Assert.Equal(files, Directory.GetFiles(database.Folder));
        Assert.Contains(
            "t      1      3        1        added rowid=1; missing rowid=4, rowid=5, rowid=6; changed rowid=2",
            difference.ToString(),
            StringComparison.Ordinal
        );
        await BackedUpDatabase.EndAsync(opener);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Random_changes_are_counted_exactly(int seed)
    {
        var random = new Random(seed);
        using var connection = Open(Live);
        Execute(
            connection,
            """
            PRAGMA journal_mode = wal;
            CREATE TABLE numbered(id INTEGER PRIMARY KEY, a, b TEXT COLLATE NOCASE, c REAL,
              twice AS (id * 2), stored AS (id * 3) STORED);
            CREATE TABLE "odd ""name"(k TEXT PRIMARY KEY, a, b, c);
            CREATE TABLE pairs(k1 TEXT, k2 INTEGER, a, b, c, PRIMARY KEY (k1, k2)) WITHOUT ROWID;
            CREATE TABLE plain(a, b, c);
            CREATE TABLE shadowed(rowid, a, b, c);
            CREATE TABLE nulls(k TEXT PRIMARY KEY, a, b, c);
            CREATE INDEX plain_a ON plain(a);
            """
        );
        Kind[] kinds =
        [
            new("numbered", ["id"], true),
            new("odd \"name", ["k"], true),
            new("pairs", ["k1", "k2"], true),
            new("plain", ["rowid"], true),
            new("shadowed", ["_rowid_"], true),
            new("nulls", ["k"], false),
        ];
        foreach (var kind in kinds)
        {
            for (var i = 0; i < 60; i++)
                Insert(connection, kind, random);
        }

        Execute(connection, "INSERT INTO nulls(k, a) VALUES (NULL, 1), (NULL, 1), (NULL, 2)");
        using (var copy = Open(Copy))
            connection.BackupDatabase(copy);
        var before = kinds.ToDictionary(kind => kind.Table, kind => Rows(connection, kind));
        for (var i = 0; i < 120; i++)
        {
            var kind = kinds[random.Next(kinds.Length)];
            switch (random.Next(4))
            {
                case 0:
                    Insert(connection, kind, random);
                    break;
                case 1:
                    Execute(connection, $"DELETE FROM {SqliteAccess.Quote(kind.Table)} WHERE {Any(kind, random)}");
                    break;
                default:
                    Execute(
                        connection,
                        $"UPDATE {SqliteAccess.Quote(kind.Table)} SET {"abc"[random.Next(3)]} = $v "
                            + $"WHERE {Any(kind, random)}",
                        Value(random)
                    );
                    break;
            }
        }

        var difference = await CompareAsync();

        Assert.Empty(difference.Schema);
        Assert.Empty(difference.Skipped);
        Assert.Equal(
            kinds.Select(kind => kind.Table).Order(StringComparer.OrdinalIgnoreCase),
            difference.Tables.Select(table => table.Name)
        );
        foreach (var kind in kinds)
        {
            var (then, now) = (before[kind.Table], Rows(connection, kind));
            var expected = kind.HasKey
                ? (
                    then.Count(row => now.All(other => other.Key != row.Key)),
                    now.Count(row => then.All(other => other.Key != row.Key)),
                    then.Count(row => now.Any(other => other.Key == row.Key && other.Values != row.Values))
                )
                : (Surplus(then, now), Surplus(now, then), 0);
            var table = difference.Tables.Single(table => table.Name == kind.Table);
            Assert.Equal(
                (kind.Table, expected.Item1, expected.Item2, expected.Item3),
                (table.Name, (int)table.Added, (int)table.Missing, (int)table.Changed)
            );
            Assert.Equal(
                (Math.Min(3, table.Added), Math.Min(3, table.Missing), Math.Min(3, table.Changed)),
                (table.AddedExamples.Count, table.MissingExamples.Count, table.ChangedExamples.Count)
            );
            if (kind.HasKey)
            {
                var changed = then.Where(row => now.Any(other => other.Key == row.Key && other.Values != row.Values))
                    .Select(row => row.Shown)
                    .ToList();
                Assert.All(
                    table.ChangedExamples,
                    example => Assert.Contains(example.Replace("_rowid_", "rowid", StringComparison.Ordinal), changed)
                );
            }
        }
    }

    [Fact]
    public async Task Values_are_compared_exactly()
    {
        Both("CREATE TABLE v(id INTEGER PRIMARY KEY, x, y TEXT COLLATE NOCASE)");
        LitestreamTool.Sql(
            Live,
            "INSERT INTO v VALUES (1, 1, 'a'), (2, NULL, NULL), (3, 'x', 'a'), (4, x'41', 'a'), (5, 9e999 - 9e999, "
                + "'a'), (6, 0.1, 'a'), (7, '', 'a'), (8, x'00ff', 'same')"
        );
        LitestreamTool.Sql(
            Copy,
            "INSERT INTO v VALUES (1, 1.0, 'a'), (2, NULL, NULL), (3, 'x', 'A'), (4, 'A', 'a'), (5, NULL, 'a'), (6, "
                + "0.1, 'a'), (7, NULL, 'a'), (8, x'00ff', 'same')"
        );

        var table = Assert.Single((await CompareAsync(examples: 9)).Tables);

        Assert.Equal((0, 0, 4), (table.Added, table.Missing, table.Changed));
        Assert.Equal(["id=1", "id=3", "id=4", "id=7"], table.ChangedExamples);
    }

    [Fact]
    public async Task A_changed_schema_is_reported_and_rows_are_compared_by_the_columns_that_both_have()
    {
        LitestreamTool.Sql(
            Live,
            """
            CREATE TABLE same(id INTEGER PRIMARY KEY, x); INSERT INTO same VALUES (1, 'x');
            CREATE TABLE young(x); INSERT INTO young VALUES (1), (2);
            CREATE TABLE wider(id INTEGER PRIMARY KEY, x, y TEXT);
            INSERT INTO wider VALUES (1, 'x', 'new'), (2, 'changed', 'new');
            CREATE TABLE rekeyed(a TEXT PRIMARY KEY, b); INSERT INTO rekeyed VALUES ('k', 1), ('l', 2);
            CREATE INDEX i ON same(x); CREATE VIEW v AS SELECT 1;
            CREATE TRIGGER g AFTER INSERT ON same BEGIN SELECT 1; END;
            CREATE TABLE _litestream_lock(id); CREATE TABLE _litestream_seq(id, seq);
            """
        );
        LitestreamTool.Sql(
            Copy,
            """
            CREATE TABLE same(id INTEGER PRIMARY KEY, x); INSERT INTO same VALUES (1, 'x');
            CREATE TABLE old(x); INSERT INTO old VALUES (1);
            CREATE TABLE wider(id INTEGER PRIMARY KEY, x, z); INSERT INTO wider VALUES (1, 'x', 'old'), (2, 'x', 'old');
            CREATE TABLE rekeyed(a TEXT, b INTEGER PRIMARY KEY); INSERT INTO rekeyed VALUES ('k', 1), ('m', 2);
            CREATE VIEW v AS SELECT 2; CREATE TRIGGER g AFTER INSERT ON same BEGIN SELECT 1; END;
            """
        );

        var difference = await CompareAsync();

        Assert.Equal(
            [
                "index i Missing ",
                "table old Added ",
                "table rekeyed Changed column a changed, column b changed",
                "table wider Changed column y missing, column z added",
                "table young Missing ",
                "view v Changed ",
            ],
            difference.Schema.Select(change => $"{change.Type} {change.Name} {change.Kind} {change.Detail}")
        );
        Assert.Equal(
            ["old 1 0 0 ", "rekeyed 1 1 0 ", "same 0 0 0 id", "wider 0 0 1 id", "young 0 2 0 "],
            difference.Tables.Select(table => $"{table.Name} {table.Added} {table.Missing} {table.Changed} {table.Key}")
        );
        Assert.Equal(["a='m' b=2"], difference.Tables.Single(table => table.Name == "rekeyed").AddedExamples);
        Assert.Contains(
            "only the columns",
            difference.Tables.Single(table => table.Name == "wider").Note,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "table wider: changed (column y missing, column z added)",
            difference.ToString(),
            StringComparison.Ordinal
        );

        using var json = JsonDocument.Parse(JsonText.Of(difference.WriteTo));
        Assert.False(json.RootElement.GetProperty("same").GetBoolean());
        Assert.Equal(
            ["old", "rekeyed", "same", "wider", "young"],
            json.RootElement.GetProperty("tables")
                .EnumerateArray()
                .Select(table => table.GetProperty("name").GetString())
        );
        Assert.Equal("added", json.RootElement.GetProperty("schema")[1].GetProperty("kind").GetString());
    }

    [Fact]
    public async Task What_only_the_app_has_is_not_a_hindrance()
    {
        LitestreamTool.Sql(Live, "CREATE TABLE item(id INTEGER PRIMARY KEY, text TEXT)");
        OwnFunctions.Use(Live);
        using (var live = Open(Live))
        {
            live.CreateCollation("APP", string.CompareOrdinal);
            Execute(
                live,
                "CREATE TABLE texts(x TEXT COLLATE APP PRIMARY KEY, id, filler); INSERT INTO texts SELECT x, id, "
                    + "filler FROM indexed"
            );
        }

        using (var live = Open(Live))
        using (var copy = Open(Copy))
            live.BackupDatabase(copy);
        using (var connection = Open(Live))
        {
            connection.CreateCollation("APP", string.CompareOrdinal);
            connection.CreateFunction("app", (string x) => x.Length, isDeterministic: true);
            foreach (
                var table in new[]
                {
                    "indexed",
                    "declared",
                    "expression",
                    "partial",
                    "generated",
                    "checked",
                    "keyed",
                    "texts",
                }
            )
            {
                Execute(
                    connection,
                    $"DELETE FROM {table} WHERE id = 7; UPDATE {table} SET filler = 'other' WHERE id = 3"
                );
            }
        }

        var difference = await CompareAsync();

        Assert.Equal("keyed", Assert.Single(difference.Skipped).Name);
        Assert.Equal(
            [
                "checked 1 0 1 id",
                "declared 1 0 1 id",
                "expression 1 0 1 id",
                "generated 1 0 1 id",
                "indexed 1 0 1 id",
                "item 0 0 0 id",
                "partial 1 0 1 id",
                "texts 2 1 0 ",
            ],
            difference.Tables.Select(table => $"{table.Name} {table.Added} {table.Missing} {table.Changed} {table.Key}")
        );
        Assert.Contains(
            "without the app",
            difference.Tables.Single(table => table.Name == "texts").Note,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Virtual_tables_are_compared_by_the_tables_that_they_keep_their_data_in()
    {
        Both(
            "CREATE VIRTUAL TABLE search USING fts5(x); CREATE VIRTUAL TABLE box USING rtree(id, a, b); CREATE "
                + "TABLE search_history(x); INSERT INTO search VALUES ('word')"
        );
        LitestreamTool.Sql(
            Live,
            "UPDATE search SET x = 'another' WHERE rowid = 1; INSERT INTO box VALUES (1, 2, 3); INSERT INTO "
                + "search_history VALUES (1)"
        );

        var difference = await CompareAsync();

        Assert.False(difference.IsSame);
        Assert.Equal(["box", "search"], difference.Skipped.Select(table => table.Name));
        Assert.Equal(["id=1"], difference.Tables.Single(table => table.Name == "search_content").ChangedExamples);
        Assert.Equal(1, difference.Tables.Single(table => table.Name == "box_rowid").Missing);
        Assert.Contains(
            "search: not compared: a virtual table; the tables with its data were compared",
            difference.ToString(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Of_changed_rows_the_columns_that_differ_are_reported()
    {
        Both("CREATE TABLE v(id INTEGER PRIMARY KEY, x REAL, \"y z\" TEXT COLLATE NOCASE, w)");
        LitestreamTool.Sql(Live, "INSERT INTO v VALUES (1, 1, 'a', 5), (2, 1, 'a', 5), (3, 2, 'a', 5), (4, 3, 'a', 5)");
        LitestreamTool.Sql(
            Copy,
            "INSERT INTO v VALUES (1, 1, 'A', 6), (2, 1.5, 'a', 5), (3, 2, 'a', 5), (4, 4, 'a', 5)"
        );

        var difference = await CompareAsync();

        var table = Assert.Single(difference.Tables);
        Assert.Equal(["id=1", "id=2", "id=4"], table.ChangedExamples);
        Assert.Equal(["y z, w", "x", "x"], table.ChangedColumns);
        Assert.Contains("changed id=1 (y z, w), id=2 (x), id=4 (x)", difference.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Very_many_columns_and_no_difference_are_no_trouble()
    {
        var columns = string.Join(", ", Enumerable.Range(0, 900).Select(i => $"c{i}"));
        Both(
            $"CREATE TABLE wide(id INTEGER PRIMARY KEY, {columns}); CREATE TABLE keyed({columns}, k TEXT PRIMARY "
                + $"KEY); INSERT INTO keyed(k, c1) VALUES (NULL, 1), ('a', 2); INSERT INTO wide(id, c899) VALUES (1, 2)"
        );

        var difference = await CompareAsync();

        Assert.True(difference.IsSame, difference.ToString());
        Assert.Contains("no difference in 2 tables", difference.ToString(), StringComparison.Ordinal);
        LitestreamTool.Sql(Live, "UPDATE wide SET c899 = 3; UPDATE keyed SET c899 = 1 WHERE k IS NULL");
        Assert.Equal(
            ["keyed 1 1 0", "wide 0 0 1"],
            (await CompareAsync()).Tables.Select(table => $"{table.Name} {table.Added} {table.Missing} {table.Changed}")
        );
    }

    [Fact]
    public async Task What_cannot_be_compared_has_a_code_and_nothing_is_made()
    {
        LitestreamTool.Sql(Live, "CREATE TABLE t(x)");
        await FailsAsync(Live, Path.Combine(_folder.Path, "none.db"));
        await FailsAsync(Path.Combine(_folder.Path, "none.db"), Live);
        await FailsAsync(Live, Live);
        _folder.Write("junk.db", new string('x', 5000));
        await FailsAsync(Live, Path.Combine(_folder.Path, "junk.db"));
        Assert.False(File.Exists(Path.Combine(_folder.Path, "none.db")));

        static async Task FailsAsync(string live, string copy)
        {
            var error = await Assert.ThrowsAsync<LitestreamException>(() =>
                DatabaseDiff.CompareAsync(live, copy, cancellationToken: TestContext.Current.CancellationToken)
            );
            Assert.Equal("LSB4010", error.Diagnostic.Code);
        }
    }

    private Task<DatabaseDifference> CompareAsync(int examples = 3) =>
        DatabaseDiff.CompareAsync(Live, Copy, examples, TestContext.Current.CancellationToken);

    private void Both(string sql)
    {
        LitestreamTool.Sql(Live, sql);
        LitestreamTool.Sql(Copy, sql);
    }

    private static SqliteConnection Open(string database)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = database, Pooling = false }.ToString()
        );
        connection.Open();
        return connection;
    }

    private static void Execute(SqliteConnection connection, string sql, object? value = null)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        if (value is not null)
            command.Parameters.AddWithValue("$v", value);
        command.ExecuteNonQuery();
    }

    private static void Insert(SqliteConnection connection, Kind kind, Random random)
    {
        using var command = connection.CreateCommand();
        IEnumerable<(string Name, object Value)> values =
        [
            ("a", Value(random)),
            ("b", Value(random)),
            ("c", Value(random)),
        ];
        if (kind.Key is ["k"])
            values = values.Append(("k", Text(random)));
        if (kind.Key is ["k1", "k2"])
            values = values.Append(("k1", Text(random))).Append(("k2", (long)random.Next(5)));
        foreach (var (name, value) in values)
            command.Parameters.AddWithValue("$" + name, value);
        command.CommandText =
            $"INSERT OR IGNORE INTO {SqliteAccess.Quote(kind.Table)}("
            + $"{string.Join(", ", values.Select(value => value.Name))}) "
            + $"VALUES ({string.Join(", ", values.Select(value => "$" + value.Name))})";
        command.ExecuteNonQuery();
    }

    private static string Any(Kind kind, Random random) =>
        kind.Key is ["k1", ..]
            ? $"(k1, k2) IN (SELECT k1, k2 FROM pairs ORDER BY 1, 2 LIMIT 1 OFFSET {random.Next(30)})"
        : kind.Table == "shadowed" ? $"_rowid_ IN (SELECT _rowid_ FROM shadowed LIMIT 1 OFFSET {random.Next(60)})"
        : $"rowid IN (SELECT rowid FROM {SqliteAccess.Quote(kind.Table)} LIMIT 1 OFFSET {random.Next(60)})";

    private static object Value(Random random) =>
        random.Next(8) switch
        {
            0 => DBNull.Value,
            1 => (long)random.Next(3),
            2 => random.Next(3) / 1.0,
            3 => double.PositiveInfinity,
            4 => Encoding.UTF8.GetBytes(Text(random)),
            5 => new byte[random.Next(3)],
            _ => Text(random),
        };

    private static string Text(Random random) =>
        new([.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => "aAbBü'\" \n"[random.Next(9)])]);

    /// <summary>The model: what a person would compare, as texts with their types.</summary>
    private static List<Row> Rows(SqliteConnection connection, Kind kind)
    {
        using var command = connection.CreateCommand();
        command.CommandText =
            $"SELECT {string.Join(", ", kind.Key)}, "
            + $"{string.Join(", ", "abc".Select(column => $"typeof({column}) || ':' || hex({column})"))} "
            + $"FROM {SqliteAccess.Quote(kind.Table)}";
        using var reader = command.ExecuteReader();
        var rows = new List<Row>();
        while (reader.Read())
        {
            var keys = Enumerable.Range(0, kind.Key.Count).Select(i => reader.GetValue(i)).ToList();
            var shown = kind.Key.Zip(
                keys,
                (name, value) =>
                    $"{name.Trim('_')}="
                    + (
                        value is string text
                            ? $"'{text.ReplaceLineEndings(" ")}'"
                            : Convert.ToString(value, CultureInfo.InvariantCulture)
                    )
            );
            rows.Add(
                new Row(
                    string.Join('|', keys.Select(key => key is DBNull ? "NULL" : $"{key.GetType().Name}{key}")),
                    string.Join('|', Enumerable.Range(kind.Key.Count, 3).Select(reader.GetString)),
                    string.Join(" ", shown)
                )
            );
        }

        return rows;
    }

    private static int Surplus(List<Row> rows, List<Row> others)
    {
        var left = others.Select(row => (row.Key, row.Values)).ToList();
        return rows.Count(row => !left.Remove((row.Key, row.Values)));
    }

    private sealed record Kind(string Table, IReadOnlyList<string> Key, bool HasKey);

    private sealed record Row(string Key, string Values, string Shown);
}
