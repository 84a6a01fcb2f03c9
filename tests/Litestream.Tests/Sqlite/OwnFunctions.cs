using Microsoft.Data.Sqlite;

namespace Litestream.Tests.Sqlite;

/// <summary>Tables that need a collation or a function which only the app has.</summary>
internal static class OwnFunctions
{
    public const int Rows = 300;

    public static void Use(string database)
    {
        using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
        connection.Open();
        connection.CreateCollation("APP", string.CompareOrdinal);
        connection.CreateFunction("app", (string x) => x.Length, isDeterministic: true);
        using var command = connection.CreateCommand();

        // The rows are long, so that an index is the shorter way to count them.
        var rows =
            $"WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < {Rows}) SELECT v, 'x' || v, "
            + $"hex(randomblob(300)) FROM n";
        command.CommandText = $"""
            CREATE TABLE indexed(id INTEGER PRIMARY KEY, x TEXT, filler TEXT);
            CREATE INDEX indexed_x ON indexed(x COLLATE APP);
            CREATE TABLE declared(id INTEGER PRIMARY KEY, x TEXT COLLATE APP UNIQUE, filler TEXT);
            CREATE TABLE expression(id INTEGER PRIMARY KEY, x TEXT, filler TEXT);
            CREATE INDEX expression_x ON expression(app(x));
            CREATE TABLE partial(id INTEGER PRIMARY KEY, x TEXT, filler TEXT);
            CREATE INDEX partial_x ON partial(x) WHERE app(x) > 0;
            CREATE TABLE generated(id INTEGER PRIMARY KEY, x TEXT, filler TEXT, y AS (app(x)) STORED, z AS (app(x)));
            CREATE TABLE checked(id INTEGER PRIMARY KEY, x TEXT CHECK (app(x) > 0), filler TEXT);
            CREATE TABLE keyed(id INTEGER, x TEXT COLLATE APP PRIMARY KEY, filler TEXT) WITHOUT ROWID;
            CREATE VIEW shown AS SELECT app(x) FROM indexed;
            CREATE TRIGGER fired AFTER INSERT ON item BEGIN SELECT app(NEW.text); END;
            INSERT INTO indexed {rows};
            INSERT INTO declared {rows};
            INSERT INTO expression {rows};
            INSERT INTO partial {rows};
            INSERT INTO generated(id, x, filler) {rows};
            INSERT INTO checked {rows};
            INSERT INTO keyed {rows};
            """;
        command.ExecuteNonQuery();
    }
}
