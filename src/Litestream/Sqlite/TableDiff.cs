using System.Globalization;
using Litestream.Diagnostics;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>Compares the rows of tables that two databases have under one name, in SQL.</summary>
/// <param name="connection">To both: <c>main</c> is the live database, <c>copy</c> the other.</param>
/// <param name="examples">How many keys of each kind are named.</param>
/// <param name="cancellationToken">Interrupts it.</param>
internal sealed class TableDiff(SqliteConnection connection, int examples, CancellationToken cancellationToken)
{
    /// <summary>A function of ours: SQLite itself does not tell 0.0 from -0.0.</summary>
    public const string BitsFunction = "litestream_bits";

    /// <summary>The names of the number of a row; a column of such a name hides it.</summary>
    private static readonly string[] RowIds = ["rowid", "_rowid_", "oid"];

    public TableDifference Compare(string name, DiffTable? here, DiffTable? there)
    {
        List<string> columns =
            here is null || there is null ? [] : [.. Names(here).Intersect(Names(there), SqliteNameComparer.Instance)];
        if (columns.Count == 0)
        {
            return new TableDifference(name)
            {
                Added = there is null ? 0 : Count("copy", name),
                Missing = here is null ? 0 : Count("main", name),
                Note = here is null || there is null ? "" : "the two tables have no column in common",
            };
        }

        var note =
            columns.Count < here!.Columns.Count || columns.Count < there!.Columns.Count
                ? "only the columns that both have were compared"
                : "";
        if (KeyOf(name, here, there!) is { } key)
        {
            try
            {
                return CompareByKey(name, key, columns) with { Note = note };
            }
            catch (SqliteException e) when (LacksWhatTheAppHas(e))
            {
                // The key has a collation of the app's own.
                note =
                    $"{note}{(note.Length == 0 ? "" : "; ")}whole rows were compared, because the key cannot be used "
                    + "without the app";
            }
        }

        return CompareWhole(name, columns) with
        {
            Note = note,
        };
    }

    public bool LacksWhatTheAppHas(SqliteException e) =>
        LiveDatabase.LacksWhatTheAppHas(e) && !cancellationToken.IsCancellationRequested;

    private static IEnumerable<string> Names(DiffTable table) => table.Columns.Select(column => column.Name);

    /// <summary>What tells the rows apart in both; null when nothing does for sure.</summary>
    private string[]? KeyOf(string name, DiffTable here, DiffTable there)
    {
        if (here.Key.Count > 0 && here.Key.SequenceEqual(there.Key, SqliteNameComparer.Instance))
        {
            string[] key = [.. here.Key.Select(SqliteAccess.Quote)];
            if (here.HasIntegerKey && there.HasIntegerKey)
                return key;

            // Another collation would make other rows the same. And of NULL there may be many in a key, outside
            // WITHOUT ROWID tables.
            var isNull = string.Join(" OR ", key.Select(column => $"{column} IS NULL"));
            return here.Sql == there.Sql && !Any("main", name, isNull) && !Any("copy", name, isNull) ? key : null;
        }

        // A VACUUM gives its rows other numbers.
        return here.Key.Count > 0 || there.Key.Count > 0 || name == DiffSchema.Sequences ? null
            : RowIds.FirstOrDefault(alias =>
                !Names(here).Concat(Names(there)).Contains(alias, StringComparer.OrdinalIgnoreCase)
            )
                is { } rowid
                ? [rowid]
            : null;
    }

    private TableDifference CompareByKey(string name, string[] key, List<string> columns)
    {
        // Only the number of a row is found without an index; and an index of another column may have a collation of
        // the app's own.
        var isRowId = key is [var only] && RowIds.Contains(only);
        var table = SqliteAccess.Quote(name);
        var same = string.Join(" AND ", key.Select(column => $"b.{column} = a.{column}"));
        var join =
            $"FROM main.{table} AS a NOT INDEXED JOIN copy.{table} AS b{(isRowId ? " NOT INDEXED" : "")} ON {same}";
        var differs = $"({Values("a", columns)}) IS NOT ({Values("b", columns)})";
        var (both, changed) = Rows($"SELECT count(*), total({differs}) {join}", row =>
            (row.GetInt64(0), (long)row.GetDouble(1))
        )[0];
        string OnlyIn(string database, string other) =>
            $"FROM {database}.{table} AS a NOT INDEXED "
            + $"WHERE NOT EXISTS (SELECT 1 FROM {other}.{table} AS b WHERE {same})";
        List<string> Examples(long count, string from) =>
            Texts(count, [.. key.Select(Unquote)], key.Select(column => $"a.{column}"), from);
        var (added, missing) = (Count("copy", name) - both, Count("main", name) - both);
        return new TableDifference(name)
        {
            Added = added,
            Missing = missing,
            Changed = changed,
            Key = isRowId ? "rowid" : string.Join(", ", key.Select(Unquote)),
            AddedExamples = Examples(added, OnlyIn("copy", "main")),
            MissingExamples = Examples(missing, OnlyIn("main", "copy")),
            ChangedExamples = Examples(changed, $"{join} WHERE {differs}"),
            ChangedColumns = changed == 0 ? [] : ChangedColumns(columns, $"{join} WHERE {differs}"),
        };
    }

    /// <summary>By whole rows: how often each is there in either file.</summary>
    private TableDifference CompareWhole(string name, List<string> columns)
    {
        var numbered = columns.Select((_, i) => $"c{NumberText.Of(i)}").ToList();
        string Side(string database, int sign) =>
            $"SELECT {Each(i => $"{SqliteAccess.Quote(columns[i])} COLLATE BINARY AS {numbered[i]}")}, "
            + $"{NumberText.Of(sign)} AS sign FROM {database}.{SqliteAccess.Quote(name)} NOT INDEXED";
        string Each(Func<int, string> text) => string.Join(", ", Enumerable.Range(0, columns.Count).Select(text));
        var rows =
            $"FROM (SELECT {Each(i => numbered[i])}, sum(sign) AS excess "
            + $"FROM ({Side("main", 1)} UNION ALL {Side("copy", -1)}) "
            + $"GROUP BY {Each(i => $"{TypeOf(numbered[i])}, {numbered[i]} COLLATE BINARY")} HAVING sum(sign) <> 0)";
        var (added, missing) = Rows($"SELECT total(max(-excess, 0)), total(max(excess, 0)) {rows}", row =>
            ((long)row.GetDouble(0), (long)row.GetDouble(1))
        )[0];

        // The first values of a row are enough to know it by.
        return new TableDifference(name)
        {
            Added = added,
            Missing = missing,
            AddedExamples = Texts(added, columns, numbered.Take(3), $"{rows} WHERE excess < 0"),
            MissingExamples = Texts(missing, columns, numbered.Take(3), $"{rows} WHERE excess > 0"),
        };
    }

    /// <summary>The columns that differ, of the rows that are the examples.</summary>
    private List<string> ChangedColumns(List<string> columns, string from)
    {
        var differs = columns.Select(column => $"({Values("a", [column])}) IS NOT ({Values("b", [column])})");
        return Rows($"SELECT {string.Join(", ", differs)} {from} LIMIT {examples}", row =>
            string.Join(", ", columns.Where((_, i) => row.GetInt64(i) != 0))
        );
    }

    private List<string> Texts(long count, List<string> names, IEnumerable<string> columns, string from) =>
        count == 0
            ? []
            : Rows($"SELECT {string.Join(", ", columns)} {from} LIMIT {examples}", row =>
                string.Join(" ", Enumerable.Range(0, row.FieldCount).Select(i => $"{names[i]}={Text(row.GetValue(i))}"))
            );

    private static string Text(object value) =>
        value switch
        {
            DBNull => "NULL",
            string text => ValueText.Of(text),
            byte[] blob => ValueText.Of(blob),
            _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        };

    /// <summary>To SQLite 1 and 1.0 are the same, and so may be 'a' and 'A'.</summary>
    private static string Values(string alias, List<string> columns) =>
        string.Join(
            ", ",
            columns
                .Select(column => $"{alias}.{SqliteAccess.Quote(column)}")
                .Select(value => $"{value} COLLATE BINARY, {TypeOf(value)}")
        );

    /// <summary>The type, and of a real zero its sign too.</summary>
    private static string TypeOf(string value) =>
        $"CASE WHEN {value} COLLATE BINARY = 0 AND typeof({value}) = 'real' THEN {BitsFunction}({value}) ELSE "
        + $"typeof({value}) END";

    private long Count(string database, string name) =>
        Rows($"SELECT count(*) FROM {database}.{SqliteAccess.Quote(name)} NOT INDEXED", row => row.GetInt64(0))[0];

    private bool Any(string database, string name, string condition) =>
        Rows($"SELECT 1 FROM {database}.{SqliteAccess.Quote(name)} NOT INDEXED WHERE {condition} LIMIT 1", _ =>
            true
        ).Count > 0;

    /// <summary>Without a limit of time.</summary>
    private List<T> Rows<T>(string sql, Func<SqliteDataReader, T> read) =>
        connection.Rows(sql, read, timeout: 0, cancellationToken);

    private static string Unquote(string name) => name.StartsWith('"') ? name[1..^1].Replace("\"\"", "\"") : name;
}
