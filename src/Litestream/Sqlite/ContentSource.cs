using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Litestream.Sqlite;

/// <summary>A table, index, view or trigger; where it stands in the file is ignored.</summary>
/// <param name="Type">What it is.</param>
/// <param name="Name">Its name.</param>
/// <param name="Table">The table that it belongs to.</param>
/// <param name="Sql">Its definition; null for the index of a constraint.</param>
/// <param name="IsStored">Whether it is a table with rows of its own: no virtual one.</param>
internal sealed record SchemaObject(string Type, string Name, string Table, string? Sql, bool IsStored);

/// <summary>A part of the key of a WITHOUT ROWID table.</summary>
/// <param name="Column">The index of the column in <see cref="ContentTable.Columns"/>.</param>
/// <param name="IsDescending">Whether the rows are in descending order of it.</param>
/// <param name="Collation">Its collation.</param>
internal sealed record KeyPart(int Column, bool IsDescending, string Collation);

/// <summary>How a table is read.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Columns">The columns whose values are in the file.</param>
/// <param name="RowId">A name for the rowid that no column hides, or the column that stands for it; null when there is
/// none.</param>
/// <param name="RowIdColumn">The index of the column that stands for the rowid; -1 when there is none.</param>
/// <param name="KeyIndex">Of a WITHOUT ROWID table the name of its key's index, which is the table itself; else
/// null.</param>
/// <param name="Key">The key of a WITHOUT ROWID table; else empty.</param>
internal sealed record ContentTable(
    string Name,
    IReadOnlyList<string> Columns,
    string? RowId,
    int RowIdColumn,
    string? KeyIndex,
    IReadOnlyList<KeyPart> Key
)
{
    /// <summary>Whether rows of the one can be compared with rows of the other.</summary>
    public bool HasSameColumns(ContentTable other) =>
        Columns.SequenceEqual(other.Columns, SqliteNameComparer.Instance)
        && RowId == other.RowId
        && RowIdColumn == other.RowIdColumn
        && Key.SequenceEqual(other.Key);
}

/// <summary>One of two databases that are compared, in one read transaction.</summary>
internal sealed class ContentSource : IDisposable
{
    /// <summary>SQLite's default for the columns of a result.</summary>
    private const int MostColumns = 2000;

    private static readonly string[] RowIds = ["rowid", "_rowid_", "oid"];

    private readonly SqliteConnection _connection;
    private readonly bool _ownsTransaction;
    private readonly HashSet<string> _known = new(StringComparer.OrdinalIgnoreCase) { "BINARY", "NOCASE", "RTRIM" };
    private readonly List<string> _standIns = [];

    public ContentSource(SqliteConnection connection)
    {
        _connection = connection;
        _ownsTransaction = raw.sqlite3_get_autocommit(connection.Handle!) != 0;
        if (_ownsTransaction)
            connection.Execute("BEGIN");
        IsUtf8 = Setting("encoding") == "UTF-8";
    }

    /// <summary>The path of its file.</summary>
    public string Path => raw.sqlite3_db_filename(_connection.Handle!, "main").utf8_to_string();

    /// <summary>Whether text is stored as UTF-8; else as UTF-16.</summary>
    public bool IsUtf8 { get; }

    public void Dispose()
    {
        if (_ownsTransaction && raw.sqlite3_get_autocommit(_connection.Handle!) == 0)
            _connection.Execute("ROLLBACK");

        // They have no order, and must not be used for anything else.
        foreach (var collation in _standIns)
            raw.sqlite3_create_collation(_connection.Handle!, collation, null, null);
    }

    /// <summary>The answer of a PRAGMA.</summary>
    public string Setting(string name) => _connection.ScalarText($"PRAGMA {name}");

    /// <summary>The schema without what is of the executable and of this library.</summary>
    public IReadOnlyList<SchemaObject> Objects() =>
        _connection
            .Rows("SELECT type, name, tbl_name, sql, rootpage FROM main.sqlite_master", row => new SchemaObject(
                row.GetString(0),
                row.GetString(1),
                row.GetString(2),
                row.IsDBNull(3) ? null : row.GetString(3),
                row.GetString(0) == "table" && !row.IsDBNull(4) && row.GetInt64(4) != 0
            ))
            .FindAll(one => !DatabaseContent.IsOwn(one.Name) && !DatabaseContent.IsOwn(one.Table));

    /// <summary>The definition of a table, and its first page; null when it has no page of its own.</summary>
    public (string Sql, long RootPage)? Definition(string name) =>
        _connection
            .Rows(
                "SELECT name, sql, rootpage FROM main.sqlite_master "
                    + "WHERE type = 'table' AND rootpage > 1 AND sql IS NOT NULL",
                row => (Name: row.GetString(0), Definition: ((string, long)?)(row.GetString(1), row.GetInt64(2)))
            )
            .FindLast(one => one.Name == name)
            .Definition;

    /// <summary>How a table is read.</summary>
    public ContentTable Describe(string name)
    {
        var all = _connection.Rows($"PRAGMA main.table_xinfo({SqliteAccess.Quote(name)})", row =>
            (Name: row.GetString(1), IsKey: row.GetInt64(5) > 0, Hidden: row.GetInt64(6))
        );

        // 2 is a generated column that is not stored.
        var columns = all.Where(column => column.Hidden != 2).Select(column => column.Name).ToList();
        var keyColumns = all.FindAll(column => column.IsKey);
        var keyIndex = _connection
            .Rows($"PRAGMA main.index_list({SqliteAccess.Quote(name)})", row => (row.GetString(1), row.GetString(3)))
            .FindLast(index => index.Item2 == "pk")
            .Item1;
        var (hasRowId, key) = keyIndex is null ? (true, []) : KeyOf(keyIndex, columns);
        if (!hasRowId)
            return new ContentTable(name, columns, null, -1, keyIndex, key);

        // A key without an index is the rowid itself.
        var rowIdColumn = keyIndex is null && keyColumns.Count == 1 ? columns.IndexOf(keyColumns[0].Name) : -1;
        var rowId = RowIds.FirstOrDefault(alias =>
            !all.Exists(column => column.Name.Equals(alias, StringComparison.OrdinalIgnoreCase))
        );
        if (rowIdColumn >= 0)
            rowId = SqliteAccess.Quote(columns[rowIdColumn]);
        return new ContentTable(name, columns, rowId, rowIdColumn, null, []);
    }

    /// <summary>The number of rows.</summary>
    public long Count(string name)
    {
        var table = Describe(name);
        var count = _connection.Scalar($"SELECT count(*) {From(table)}");
        return Convert.ToInt64(count, CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Reads the rows in the order of the table's own tree, which is that of the rowid, or of the key of a WITHOUT
    /// ROWID table. Nothing is sorted: that would need the collations of the app, which
    /// only the app has, and room for all rows.
    /// </summary>
    /// <param name="table">How it is read.</param>
    /// <param name="isOtherUtf8">Whether the other database stores text as UTF-8.</param>
    public ContentCursor Read(ContentTable table, bool isOtherUtf8) =>
        Read(table, isOtherUtf8, From(table) + (table.RowId is null ? "" : $" ORDER BY x.{table.RowId}"));

    /// <summary>Reads the row whose rowid is asked for.</summary>
    /// <inheritdoc cref="Read(ContentTable, bool)" />
    public ContentCursor ReadOne(ContentTable table, bool isOtherUtf8) =>
        Read(table, isOtherUtf8, $"FROM main.{SqliteAccess.Quote(table.Name)} AS x WHERE x.{table.RowId} = ?1");

    private ContentCursor Read(ContentTable table, bool isOtherUtf8, string from)
    {
        // What is read as text is converted to UTF-8, and what is not valid is replaced: only a blob comes as it is.
        var asStored = !(IsUtf8 && isOtherUtf8) && (table.Columns.Count * 2) + 1 <= MostColumns;
        var values = table
            .Columns.Select(column => $"x.{SqliteAccess.Quote(column)}")
            .SelectMany(column => asStored ? AsStored(column) : [column])
            .ToList();
        var hasRowIdFirst = table.RowId is not null && table.RowIdColumn < 0 && values.Count < MostColumns;
        if (hasRowIdFirst)
            values.Insert(0, $"x.{table.RowId}");
        var sql = $"SELECT {string.Join(", ", values)} {from}";
        var result = raw.sqlite3_prepare_v2(_connection.Handle!, sql, out var statement);
        if (result != raw.SQLITE_OK)
            SqliteException.ThrowExceptionForRC(result, _connection.Handle!);
        var encoding = IsUtf8 ? null : Setting("encoding");
        return new ContentCursor(_connection, statement, table, hasRowIdFirst, asStored, encoding);
    }

    private static string[] AsStored(string column) =>
        [
            $"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END",
            $"typeof({column}) = 'text'",
        ];

    private static string From(ContentTable table)
    {
        var access = table.KeyIndex is null ? "NOT INDEXED" : $"INDEXED BY {SqliteAccess.Quote(table.KeyIndex)}";
        return $"FROM main.{SqliteAccess.Quote(table.Name)} AS x {access} {Filter(table.Name)}";
    }

    /// <summary>What SQLite keeps about the tables that are ignored.</summary>
    private static string Filter(string name)
    {
        var column =
            name.StartsWith("sqlite_stat", StringComparison.OrdinalIgnoreCase) ? "tbl"
            : name.Equals("sqlite_sequence", StringComparison.OrdinalIgnoreCase) ? "name"
            : null;
        return column is null ? "" : $"WHERE coalesce(x.{column}, '') NOT LIKE '\\_litestream\\_%' ESCAPE '\\'";
    }

    private static int Compare(object data, string one, string other) => string.CompareOrdinal(one, other);

    private (bool HasRowId, IReadOnlyList<KeyPart> Key) KeyOf(string index, List<string> columns)
    {
        // -1 is the rowid.
        var all = _connection.Rows($"PRAGMA main.index_xinfo({SqliteAccess.Quote(index)})", row =>
            (
                HasRowId: row.GetInt64(1) == -1,
                Part: row.GetInt64(1) == -1 || row.GetInt64(5) == 0
                    ? null
                    : new KeyPart(
                        columns.IndexOf(row.GetString(2)),
                        row.GetInt64(3) != 0,
                        row.IsDBNull(4) ? "BINARY" : row.GetString(4).ToUpperInvariant()
                    )
            )
        );
        if (all.Exists(one => one.HasRowId))
            return (true, []);
        var key = all.Select(one => one.Part).OfType<KeyPart>().ToList();
        key.ForEach(part => StandInFor(part.Collation));
        return (false, key);
    }

    /// <summary>
    /// A WITHOUT ROWID table cannot be opened without the collation of its key, though a read from one end to the
    /// other compares nothing. So a collation that only the app has gets a stand-in
    /// here, before the table is used for the first time: SQLite does not look again.
    /// </summary>
    private void StandInFor(string collation)
    {
        if (!_known.Add(collation))
            return;
        try
        {
            // PRAGMA collation_list has the unknown ones too.
            _connection.Scalar($"SELECT '' = '' COLLATE {SqliteAccess.Quote(collation)}");
            return;
        }
        catch (SqliteException e) when (LiveDatabase.LacksWhatTheAppHas(e))
        {
            _standIns.Add(collation);
        }

        raw.sqlite3_create_collation(_connection.Handle!, collation, null, Compare);
    }
}
