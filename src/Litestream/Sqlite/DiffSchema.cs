using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>A table, index, view or trigger with its definition.</summary>
internal sealed record DiffObject(string Type, string Name, string Sql);

/// <summary>A column that holds a value of its own.</summary>
internal sealed record DiffColumn(string Name, string Type, bool NotNull, string? Default, int KeyPosition);

/// <summary>A table with its columns.</summary>
internal sealed record DiffTable(string Sql, IReadOnlyList<DiffColumn> Columns)
{
    /// <summary>The names of the primary key's columns, in its order.</summary>
    public IReadOnlyList<string> Key { get; } =
    [
        .. Columns
            .Where(column => column.KeyPosition > 0)
            .OrderBy(column => column.KeyPosition)
            .Select(column => column.Name),
    ];

    /// <summary>The key is the number of the row.</summary>
    public bool HasIntegerKey =>
        Key.Count == 1
        && Columns.Single(column => column.KeyPosition > 0).Type.Equals("INTEGER", StringComparison.OrdinalIgnoreCase);

    /// <summary>Which columns are not the same in the other one.</summary>
    public string ChangesTo(DiffTable other)
    {
        static bool Has(DiffTable table, DiffColumn column) =>
            table.Columns.Any(one => SqliteNameComparer.Instance.Equals(one.Name, column.Name));
        List<string> changes =
        [
            .. Columns.Where(column => !Has(other, column)).Select(column => $"column {column.Name} missing"),
            .. other.Columns.Where(column => !Has(this, column)).Select(column => $"column {column.Name} added"),
            .. Columns
                .Where(column => Has(other, column) && !other.Columns.Contains(column))
                .Select(column => $"column {column.Name} changed"),
        ];
        return changes.Count == 0 ? "its definition" : string.Join(", ", changes);
    }
}

/// <summary>What one of two databases has, without what is of SQLite, of the executable and of this library.</summary>
/// <param name="connection">To both.</param>
/// <param name="database">Its name there.</param>
internal sealed class DiffSchema(SqliteConnection connection, string database)
{
    /// <summary>The table of the AUTOINCREMENT numbers.</summary>
    public const string Sequences = "sqlite_sequence";

    public IReadOnlyList<DiffObject> Objects { get; } =
        connection.Rows(
            $"SELECT type, name, coalesce(sql, '') FROM {database}.sqlite_master WHERE sql IS NOT NULL AND "
                + $"(name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR name = '{Sequences}') "
                + "AND tbl_name NOT LIKE '\\_litestream\\_%' ESCAPE '\\'",
            row => new DiffObject(row.GetString(0), row.GetString(1), row.GetString(2))
        );

    /// <summary>The numbers that an app keeps in the header of its database, where they differ.</summary>
    public static IEnumerable<SchemaDifference> Settings(DiffSchema before, DiffSchema after) =>
        from name in (string[])["user_version", "application_id"]
        let here = before.Setting(name)
        let there = after.Setting(name)
        where here != there
        select new SchemaDifference("setting", name, DifferenceKind.Changed, $"{there} instead of {here}");

    public DiffObject? Find(string type, string name) =>
        Objects.FirstOrDefault(one => one.Type == type && SqliteNameComparer.Instance.Equals(one.Name, name));

    /// <summary>A table; null when it is not there.</summary>
    public DiffTable? Read(string name) =>
        Find("table", name) is { } found
            ? new DiffTable(
                found.Sql,
                connection
                    .Rows($"PRAGMA {database}.table_xinfo({SqliteAccess.Quote(name)})", row =>
                        row.GetInt64(6) != 0
                            ? null
                            : new DiffColumn(
                                row.GetString(1),
                                row.GetString(2),
                                row.GetInt64(3) != 0,
                                row.IsDBNull(4) ? null : row.GetString(4),
                                row.GetInt32(5)
                            )
                    )
                    .OfType<DiffColumn>()
                    .ToList()
            )
            : null;

    private string Setting(string name) => connection.ScalarText($"PRAGMA {database}.{name}");
}
