using System.Globalization;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>Compares a restored copy of a database with the live one, row by row.</summary>
public static class DatabaseDiff
{
    private const int LongestText = 40;
    private const int LongestBlob = 16;

    private const string SignFunction = "litestream_bits";
    private const string Sequences = "sqlite_sequence";

    /// <summary>The numbers that an app keeps in the header of its database.</summary>
    private static readonly string[] Settings = ["user_version", "application_id"];

    /// <summary>The names of the number of a row; a column of such a name hides it.</summary>
    private static readonly string[] RowIds = ["rowid", "_rowid_", "oid"];

    /// <summary>
    /// Compares two databases through the SQLite library of the app, both read-only, each in one read transaction:
    /// neither is changed, and the live one may be in use. While it
    /// runs, the live database's WAL cannot begin anew, so it grows if much is written.
    /// Rows are told apart by the primary key, else by the rowid (a VACUUM since the copy was made gives other ones);
    /// values are compared exactly, whatever their collation. Generated columns are left out, and so are the tables of
    /// SQLite but that of the AUTOINCREMENT numbers, of the executable and of this library. Virtual tables are compared
    /// by the tables that they keep their
    /// data in.
    /// </summary>
    /// <param name="live">The live database.</param>
    /// <param name="copy">The copy, such as the file of a restore.</param>
    /// <param name="examples">How many keys of each kind are told for each table.</param>
    /// <param name="cancellationToken">Interrupts it.</param>
    /// <exception cref="LitestreamException">LSB4010: one of them is missing or cannot be read, or they are the same
    /// file; LSB4104: there is no SQLite library, or more than one.</exception>
    public static Task<DatabaseDifference> CompareAsync(
        string live,
        string copy,
        int examples = 3,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(live);
        ArgumentException.ThrowIfNullOrEmpty(copy);
        ArgumentOutOfRangeException.ThrowIfNegative(examples);
        return Task.Run(
            () => Compare(Path.GetFullPath(live), Path.GetFullPath(copy), examples, cancellationToken),
            CancellationToken.None
        );
    }

    private static DatabaseDifference Compare(
        string live,
        string copy,
        int examples,
        CancellationToken cancellationToken
    )
    {
        foreach (var file in new[] { live, copy }.Where(file => !File.Exists(file)))
            throw new LitestreamException("LSB4010", $"There is no database {file}, so nothing can be compared.");
        if (DatabasePath.Real(live) == DatabasePath.Real(copy))
            throw new LitestreamException(
                "LSB4010",
                $"{live} and {copy} are the same file. Restore to a file of its own, then compare."
            );
        LiveDatabase.RequireLibrary(live);

        SqliteConnection? connection = null;
        try
        {
            // As a URI, because only then is the other one's name taken as one too.
            connection = new SqliteConnection(
                new SqliteConnectionStringBuilder
                {
                    DataSource = LiveDatabase.Uri(live, "mode=ro"),
                    Mode = SqliteOpenMode.ReadOnly,
                    Pooling = false,
                    DefaultTimeout = 10,
                }.ToString()
            );
            connection.Open();

            // Without a WAL nothing but the file counts, and nothing is left beside it so.
            LiveDatabase.Execute(
                connection,
                $"ATTACH "
                    + $"{Literal(LiveDatabase.Uri(copy, File.Exists(copy + "-wal") ? "mode=ro" : "immutable=1"))} AS copy"
            );
            LiveDatabase.Execute(connection, "BEGIN");

            // SQLite itself does not tell 0.0 from -0.0.
            connection.CreateFunction(
                SignFunction,
                (double number) => BitConverter.DoubleToInt64Bits(number),
                isDeterministic: true
            );
            using var interrupt = cancellationToken.Register(() => SQLitePCL.raw.sqlite3_interrupt(connection.Handle!));
            return new Comparison(connection, examples, cancellationToken).Run(live, copy);
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (SqliteException e)
        {
            throw new LitestreamException(
                "LSB4010",
                $"{live} and {copy} cannot be compared: {e.Message}",
                innerException: e
            );
        }
        finally
        {
            connection?.Dispose();
        }
    }

    private static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>A column that holds a value of its own.</summary>
    private sealed record Column(string Name, string Type, bool NotNull, string? Default, int KeyPosition);

    private sealed record Table(string Sql, IReadOnlyList<Column> Columns)
    {
        public IReadOnlyList<Column> Key { get; } =
        [.. Columns.Where(column => column.KeyPosition > 0).OrderBy(column => column.KeyPosition)];

        /// <summary>The key is the number of the row.</summary>
        public bool HasIntegerKey =>
            Key is [{ Type: var type }] && type.Equals("INTEGER", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>One comparison, in one transaction: <c>main</c> is the live database.</summary>
    private sealed class Comparison(SqliteConnection connection, int examples, CancellationToken cancellationToken)
    {
        public DatabaseDifference Run(string live, string copy)
        {
            var skipped = new List<SkippedTable>();
            var (before, after) = (Objects("main"), Objects("copy"));
            var names = before
                .Concat(after)
                .Where(one => one.Type == "table")
                .Select(one => one.Name)
                .Distinct(SqliteNameComparer.Instance)
                .Order(StringComparer.OrdinalIgnoreCase)
                .ToList();
            var isVirtual = before
                .Concat(after)
                .Where(one => one.Sql.StartsWith("CREATE VIRTUAL", StringComparison.OrdinalIgnoreCase))
                .Select(one => one.Name)
                .ToHashSet(SqliteNameComparer.Instance);
            var schema = Settings.Select(Setting).OfType<SchemaDifference>().ToList();
            var tables = new List<TableDifference>();
            foreach (var name in names)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (isVirtual.Contains(name))
                {
                    skipped.Add(
                        new SkippedTable(name, "a virtual table; the tables that it keeps its data in were compared")
                        {
                            IsVirtual = true,
                        }
                    );
                    continue;
                }

                var (here, there) = (Read("main", name, before), Read("copy", name, after));
                if (here is not null && there is not null && here.Sql != there.Sql)
                    schema.Add(new SchemaDifference("table", name, DifferenceKind.Changed, Columns(here, there)));
                try
                {
                    tables.Add(Compare(name, here, there));
                }
                catch (SqliteException e)
                    when (LiveDatabase.LacksWhatTheAppHas(e) && !cancellationToken.IsCancellationRequested)
                {
                    skipped.Add(new SkippedTable(name, $"it cannot be read without the app: {e.Message}"));
                }
            }

            foreach (var one in before.Concat(after).DistinctBy(one => (one.Type, one.Name)))
            {
                var (here, there) = (Find(before, one), Find(after, one));
                if (here is null || there is null)
                    schema.Add(
                        new SchemaDifference(
                            one.Type,
                            one.Name,
                            here is null ? DifferenceKind.Added : DifferenceKind.Missing,
                            ""
                        )
                    );
                else if (one.Type != "table" && here.Value.Sql != there.Value.Sql)
                    schema.Add(new SchemaDifference(one.Type, one.Name, DifferenceKind.Changed, ""));
            }

            return new DatabaseDifference(live, copy)
            {
                Schema = [.. schema.OrderBy(change => (change.Type, change.Name))],
                Tables = tables,
                Skipped = skipped,
            };
        }

        private SchemaDifference? Setting(string name)
        {
            var (here, there) = (Value("main"), Value("copy"));
            return here == there
                ? null
                : new SchemaDifference("setting", name, DifferenceKind.Changed, $"{there} instead of {here}");

            string Value(string database) =>
                Convert.ToString(
                    LiveDatabase.Scalar(connection, $"PRAGMA {database}.{name}"),
                    CultureInfo.InvariantCulture
                ) ?? "";
        }

        private TableDifference Compare(string name, Table? here, Table? there)
        {
            if (here is null || there is null)
            {
                var count = Count(here is null ? "copy" : "main", name);
                return new TableDifference(name)
                {
                    Added = here is null ? count : 0,
                    Missing = here is null ? 0 : count,
                };
            }

            var columns = here
                .Columns.Select(column => column.Name)
                .Intersect(there.Columns.Select(column => column.Name), SqliteNameComparer.Instance)
                .ToList();
            var note =
                columns.Count < here.Columns.Count || columns.Count < there.Columns.Count
                    ? "only the columns that both have were compared"
                    : "";
            if (columns.Count == 0)
                return new TableDifference(name)
                {
                    Added = Count("copy", name),
                    Missing = Count("main", name),
                    Note = "no column is in both",
                };

            if (KeyOf(name, here, there) is { } key)
            {
                try
                {
                    return CompareByKey(name, key, columns) with { Note = note };
                }
                catch (SqliteException e)
                    when (LiveDatabase.LacksWhatTheAppHas(e) && !cancellationToken.IsCancellationRequested)
                {
                    // The key has a collation of the app's own.
                    note = Join(note, "whole rows were compared, because the key cannot be used without the app");
                }
            }

            return CompareWhole(name, columns) with
            {
                Note = note,
            };
        }

        /// <summary>What tells the rows apart in both; null when nothing does for sure.</summary>
        private IReadOnlyList<string>? KeyOf(string name, Table here, Table there)
        {
            if (
                here.Key.Select(column => column.Name)
                    .SequenceEqual(there.Key.Select(column => column.Name), SqliteNameComparer.Instance)
                && here.Key.Count > 0
            )
            {
                if (here.HasIntegerKey && there.HasIntegerKey)
                    return [Quote(here.Key[0].Name)];

                // Another collation would make other rows the same. And of NULL there may be many in a key, outside
                // WITHOUT ROWID tables.
                var anyNull = string.Join(" OR ", here.Key.Select(column => $"{Quote(column.Name)} IS NULL"));
                return here.Sql == there.Sql && !Any("main", name, anyNull) && !Any("copy", name, anyNull)
                    ? [.. here.Key.Select(column => Quote(column.Name))]
                    : null;
            }

            // A VACUUM gives its rows other numbers.
            return here.Key.Count > 0 || there.Key.Count > 0 || name == Sequences ? null
                : RowIds.FirstOrDefault(alias =>
                    !here
                        .Columns.Concat(there.Columns)
                        .Any(column => column.Name.Equals(alias, StringComparison.OrdinalIgnoreCase))
                )
                    is { } rowid
                    ? [rowid]
                : null;
        }

        private TableDifference CompareByKey(string name, IReadOnlyList<string> key, IReadOnlyList<string> columns)
        {
            // Only the number of a row is found without an index; and an index of another column may have a collation
            // of the app's own.
            var isRowId = key is [var only] && RowIds.Contains(only);
            var table = Quote(name);
            var same = string.Join(" AND ", key.Select(column => $"b.{column} = a.{column}"));
            var join =
                $"FROM main.{table} AS a NOT INDEXED JOIN copy.{table} AS b{(isRowId ? " NOT INDEXED" : "")} ON {same}";
            var differs = $"({Values("a", columns)}) IS NOT ({Values("b", columns)})";
            long both = 0,
                changed = 0;
            Query(
                $"SELECT count(*), total({differs}) {join}",
                row => (both, changed) = (row.GetInt64(0), (long)row.GetDouble(1))
            );
            var (missing, added) = (Count("main", name) - both, Count("copy", name) - both);
            return new TableDifference(name)
            {
                Added = added,
                Missing = missing,
                Changed = changed,
                Key = isRowId ? "rowid" : string.Join(", ", key.Select(Unquote)),
                AddedExamples =
                    added == 0
                        ? []
                        : Examples(
                            key,
                            $"FROM copy.{table} AS a NOT INDEXED WHERE NOT EXISTS (SELECT 1 FROM main.{table} AS b "
                                + $"WHERE {same})"
                        ),
                MissingExamples =
                    missing == 0
                        ? []
                        : Examples(
                            key,
                            $"FROM main.{table} AS a NOT INDEXED WHERE NOT EXISTS (SELECT 1 FROM copy.{table} AS b "
                                + $"WHERE {same})"
                        ),
                ChangedExamples = changed == 0 ? [] : Examples(key, $"{join} WHERE {differs}"),
                ChangedColumns = changed == 0 ? [] : ChangedColumns(columns, $"{join} WHERE {differs}"),
            };
        }

        /// <summary>By whole rows: how often each is there in either file.</summary>
        private TableDifference CompareWhole(string name, IReadOnlyList<string> columns)
        {
            var table = Quote(name);
            var numbered = columns
                .Select(
                    (column, i) => (Column: Quote(column), Name: string.Create(CultureInfo.InvariantCulture, $"c{i}"))
                )
                .ToList();
            var selected = string.Join(", ", numbered.Select(one => $"{one.Column} COLLATE BINARY AS {one.Name}"));
            string Side(string database, int sign) =>
                $"SELECT {selected}, {NumberText.Of(sign)} AS sign FROM {database}.{table} NOT INDEXED";
            var rows =
                $"FROM (SELECT {string.Join(", ", numbered.Select(one => one.Name))}, sum(sign) AS excess FROM "
                + $"({Side("main", 1)} UNION ALL {Side("copy", -1)}) "
                + $"GROUP BY "
                + $"{string.Join(", ", numbered.Select(one => $"{TypeOf(one.Name)}, {one.Name} COLLATE BINARY"))} "
                + $"HAVING sum(sign) <> 0)";
            long added = 0,
                missing = 0;
            Query(
                $"SELECT total(max(-excess, 0)), total(max(excess, 0)) {rows}",
                row => (added, missing) = ((long)row.GetDouble(0), (long)row.GetDouble(1))
            );
            return new TableDifference(name)
            {
                Added = added,
                Missing = missing,
                AddedExamples =
                    added == 0
                        ? []
                        : WholeExamples(columns, numbered.ConvertAll(one => one.Name), $"{rows} WHERE excess < 0"),
                MissingExamples =
                    missing == 0
                        ? []
                        : WholeExamples(columns, numbered.ConvertAll(one => one.Name), $"{rows} WHERE excess > 0"),
            };
        }

        private List<string> Examples(IReadOnlyList<string> key, string from) =>
            Texts(
                $"SELECT {string.Join(", ", key.Select(column => $"a.{column}"))} {from} LIMIT {examples}",
                [.. key.Select(Unquote)]
            );

        /// <summary>The columns that differ, of the rows that <see cref="Examples"/> names.</summary>
        private List<string> ChangedColumns(IReadOnlyList<string> columns, string from)
        {
            var rows = new List<string>();
            Query(
                $"SELECT {string.Join(", ", columns.Select(column => $"({Values("a", [column])}) IS NOT ({Values("b", [column])})"))} {from} "
                    + $"LIMIT {examples}",
                row => rows.Add(string.Join(", ", columns.Where((_, i) => row.GetInt64(i) != 0)))
            );
            return rows;
        }

        /// <summary>The first values of a row are enough to know it by.</summary>
        private List<string> WholeExamples(IReadOnlyList<string> columns, IReadOnlyList<string> names, string from) =>
            Texts($"SELECT {string.Join(", ", names.Take(3))} {from} LIMIT {examples}", columns);

        private List<string> Texts(string sql, IReadOnlyList<string> names)
        {
            var texts = new List<string>();
            Query(
                sql,
                row =>
                    texts.Add(
                        string.Join(
                            " ",
                            Enumerable.Range(0, row.FieldCount).Select(i => $"{names[i]}={Text(row.GetValue(i))}")
                        )
                    )
            );
            return texts;
        }

        private static string Text(object value) =>
            value switch
            {
                DBNull => "NULL",
                string text =>
                    $"'{(text.Length > LongestText ? text[..LongestText] + "..." : text).ReplaceLineEndings(" ")}'",
                byte[] blob => $"x'{Convert.ToHexString(blob, 0, Math.Min(blob.Length, LongestBlob))}"
                    + $"{(blob.Length > LongestBlob ? "..." : "")}'",
                _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
            };

        /// <summary>To SQLite 1 and 1.0 are the same, and so may be 'a' and 'A'.</summary>
        private static string Values(string alias, IReadOnlyList<string> columns) =>
            string.Join(
                ", ",
                columns.Select(column =>
                    $"{alias}.{Quote(column)} COLLATE BINARY, {TypeOf($"{alias}.{Quote(column)}")}"
                )
            );

        /// <summary>The type, and of a real zero its sign too.</summary>
        private static string TypeOf(string value) =>
            $"CASE WHEN {value} COLLATE BINARY = 0 AND typeof({value}) = 'real' THEN {SignFunction}({value}) ELSE "
            + $"typeof({value}) END";

        private long Count(string database, string name) =>
            Convert.ToInt64(
                LiveDatabase.Scalar(connection, $"SELECT count(*) FROM {database}.{Quote(name)} NOT INDEXED"),
                CultureInfo.InvariantCulture
            );

        private bool Any(string database, string name, string condition) =>
            LiveDatabase.Scalar(
                connection,
                $"SELECT 1 FROM {database}.{Quote(name)} NOT INDEXED WHERE {condition} LIMIT 1"
            )
                is not null;

        private List<(string Type, string Name, string Sql)> Objects(string database)
        {
            var objects = new List<(string, string, string)>();
            Query(
                $"SELECT type, name, coalesce(sql, '') FROM {database}.sqlite_master WHERE sql IS NOT NULL AND "
                    + $"(name NOT LIKE 'sqlite\\_%' ESCAPE '\\' OR name = '{Sequences}') AND tbl_name NOT LIKE "
                    + $"'\\_litestream\\_%' ESCAPE '\\'",
                row => objects.Add((row.GetString(0), row.GetString(1), row.GetString(2)))
            );
            return objects;
        }

        private Table? Read(string database, string name, List<(string Type, string Name, string Sql)> objects)
        {
            if (Find(objects, ("table", name, "")) is not { } found)
                return null;
            var columns = new List<Column>();
            Query(
                $"PRAGMA {database}.table_xinfo({Quote(name)})",
                row =>
                {
                    if (row.GetInt64(6) == 0)
                        columns.Add(
                            new Column(
                                row.GetString(1),
                                row.GetString(2),
                                row.GetInt64(3) != 0,
                                row.IsDBNull(4) ? null : row.GetString(4),
                                row.GetInt32(5)
                            )
                        );
                }
            );
            return new Table(found.Sql, columns);
        }

        private static (string Type, string Name, string Sql)? Find(
            List<(string Type, string Name, string Sql)> objects,
            (string Type, string Name, string) wanted
        )
        {
            var found = objects.FindIndex(one =>
                one.Type == wanted.Type && SqliteNameComparer.Instance.Equals(one.Name, wanted.Name)
            );
            return found < 0 ? null : objects[found];
        }

        private static string Columns(Table here, Table there)
        {
            var changes = here
                .Columns.Where(column => !Has(there, column))
                .Select(column => $"column {column.Name} missing")
                .Concat(
                    there.Columns.Where(column => !Has(here, column)).Select(column => $"column {column.Name} added")
                )
                .Concat(
                    here.Columns.Where(column => Has(there, column) && !there.Columns.Contains(column))
                        .Select(column => $"column {column.Name} changed")
                )
                .ToList();
            return changes.Count == 0 ? "its definition" : string.Join(", ", changes);

            static bool Has(Table table, Column column) =>
                table.Columns.Any(one => SqliteNameComparer.Instance.Equals(one.Name, column.Name));
        }

        private void Query(string sql, Action<SqliteDataReader> onRow)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.CommandTimeout = 0;
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                cancellationToken.ThrowIfCancellationRequested();
                onRow(reader);
            }
        }

        private static string Quote(string name) => LiveDatabase.Quote(name);

        private static string Unquote(string name) =>
            name.StartsWith('"') ? name[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal) : name;

        private static string Join(string one, string other) => one.Length == 0 ? other : $"{one}; {other}";
    }
}
