using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>
/// Compares what two databases hold: the schema, and every row of every table, value by value, by storage type and
/// bytes. How the pages are laid out does not matter. Two cursors are
/// read side by side in key order, so the memory that is needed does not grow with the database.
/// </summary>
/// <remarks>
/// Not compared: the tables of the executable and of this library (<c>_litestream_*</c>), what follows from other
/// values (virtual generated columns, indexes), the freelist. Virtual tables
/// are compared by the tables that they keep their data in; no module, function or collation of the app is ever called.
/// </remarks>
internal static partial class DatabaseContent
{
    private const string OwnPrefix = "_litestream_";

    private static readonly string[] Settings = ["user_version", "application_id"];

    /// <summary>Compares through two connections, each in one read transaction (its own, when it has none).</summary>
    /// <param name="expected">A connection to the database that is right by definition.</param>
    /// <param name="actual">A connection to the one that is compared with it.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Interrupts it.</param>
    /// <exception cref="SqliteException">One of them cannot be read.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ContentComparison Compare(
        SqliteConnection expected,
        SqliteConnection actual,
        ContentOptions? options,
        CancellationToken cancellationToken
    )
    {
        using var interrupt = new Interruption(expected, cancellationToken);
        using var otherInterrupt = new Interruption(actual, cancellationToken);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var one = new ContentSource(expected);
            using var other = new ContentSource(actual);
            using var run = new Run(one, other, options ?? new(), cancellationToken);
            return run.All();
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    /// <summary>
    /// The comparison of two private files whose pages are the same; null where they are not, which says nothing about
    /// their rows.
    /// </summary>
    /// <inheritdoc cref="DatabaseImage.IsSame(SqliteConnection, string, SqliteConnection, string, CancellationToken)"
    /// />
    public static ContentComparison? CompareImages(
        SqliteConnection one,
        string onePath,
        SqliteConnection other,
        string otherPath,
        CancellationToken cancellationToken
    )
    {
        using var interrupt = new Interruption(one, cancellationToken);
        try
        {
            // What differs in the first page is not compared there.
            if (
                Settings.Any(name => one.ScalarText($"PRAGMA {name}") != other.ScalarText($"PRAGMA {name}"))
                || !DatabaseImage.IsSame(one, onePath, other, otherPath, cancellationToken)
            )
            {
                return null;
            }

            using var source = new ContentSource(one);
            var rows = new SortedDictionary<string, long>(StringComparer.Ordinal);
            foreach (var table in source.Objects().Where(table => table.IsStored))
                rows[table.Name] = source.Count(table.Name);
            return new ContentComparison(0, [], rows, rows, []);
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (SqliteException e) when (LiveDatabase.LacksWhatTheAppHas(e))
        {
            return null;
        }
    }

    /// <summary>Whether a table is of the executable or of this library.</summary>
    public static bool IsOwn(string table) => table.StartsWith(OwnPrefix, StringComparison.OrdinalIgnoreCase);

    private sealed partial class Run(
        ContentSource expected,
        ContentSource actual,
        ContentOptions options,
        CancellationToken cancellationToken
    ) : IDisposable
    {
        private readonly List<ContentDifference> _differences = [];
        private readonly SortedDictionary<string, long> _expectedRows = new(StringComparer.Ordinal);
        private readonly SortedDictionary<string, long> _actualRows = new(StringComparer.Ordinal);
        private readonly List<SkippedContent> _skipped = [];
        private long _count;

        private bool IsOver => options.StopAtFirst && _count > 0;

        public ContentComparison All()
        {
            Compare("encoding", expected.Setting("encoding"), actual.Setting("encoding"));
            foreach (var name in Settings)
                Compare(name, expected.Setting(name), actual.Setting(name));
            var (here, there) = (expected.Objects(), actual.Objects());
            CompareSchema(here, there);
            var (before, after) = (Tables(here), Tables(there));
            foreach (var name in before.Union(after).Order(StringComparer.OrdinalIgnoreCase))
            {
                if (IsOver)
                    break;
                cancellationToken.ThrowIfCancellationRequested();
                CompareTable(name, before.Contains(name), after.Contains(name));
            }

            return new ContentComparison(_count, _differences, _expectedRows, _actualRows, _skipped);
        }

        /// <summary>To SQLite only ASCII letters have another case: "Ä" and "ä" are two tables.</summary>
        private static HashSet<string> Tables(IReadOnlyList<SchemaObject> schema) =>
            schema.Where(one => one.IsStored).Select(one => one.Name).ToHashSet();

        private void Compare(string setting, string here, string there)
        {
            if (here != there)
                AddSchema("", $"PRAGMA {setting}", $"{there} instead of {here}");
        }

        private void CompareSchema(IReadOnlyList<SchemaObject> here, IReadOnlyList<SchemaObject> there)
        {
            static (string, string) Id(SchemaObject one) => (one.Type, one.Name);
            var (before, after) = (here.DistinctBy(Id).ToDictionary(Id), there.DistinctBy(Id).ToDictionary(Id));
            foreach (var id in before.Keys.Union(after.Keys).Order())
            {
                var (one, other) = (before.GetValueOrDefault(id), after.GetValueOrDefault(id));
                if (one is null)
                    AddSchema(other!.Table, $"{id.Item1} {other.Name}", "not in the database");
                else if (other is null)
                    AddSchema(one.Table, $"{id.Item1} {one.Name}", "missing");
                else if (one != other)
                    AddSchema(one.Table, $"{id.Item1} {one.Name}", "another definition");
            }
        }

        private void CompareTable(string name, bool isHere, bool isThere)
        {
            try
            {
                if (!isHere || !isThere)
                {
                    (isHere ? _expectedRows : _actualRows)[name] = (isHere ? expected : actual).Count(name);
                    return;
                }

                var (one, other) = (expected.Describe(name), actual.Describe(name));
                if (!one.HasSameColumns(other))
                {
                    // The definitions differ, and that is said already.
                    (_expectedRows[name], _actualRows[name]) = (expected.Count(name), actual.Count(name));
                    return;
                }

                if (CompareRecords(one))
                    return;
                using var left = expected.Read(one, actual.IsUtf8);
                using var right = actual.Read(other, expected.IsUtf8);
                CompareRows(one, left, right);
                (_expectedRows[name], _actualRows[name]) = (left.Rows, right.Rows);
            }
            catch (SqliteException e)
                when (LiveDatabase.LacksWhatTheAppHas(e) && !cancellationToken.IsCancellationRequested)
            {
                _skipped.Add(new SkippedContent(name, e.Message));
            }
        }

        private void CompareRows(ContentTable table, ContentCursor left, ContentCursor right)
        {
            var (hasLeft, hasRight) = (left.Step(), right.Step());
            while ((hasLeft || hasRight) && !IsOver)
            {
                if (((left.Rows + right.Rows) & 0x3ff) == 0)
                    cancellationToken.ThrowIfCancellationRequested();
                var order = (hasLeft, hasRight) switch
                {
                    (true, false) => -1,
                    (false, true) => 1,
                    _ => 0,
                };
                if (order == 0 && left.FirstDifference(right) is var column and >= 0)
                {
                    order = left.CompareKey(right);
                    if (order == 0)
                        AddRow(table, left, left.ColumnName(column), ContentDifferenceKind.Changed);
                }

                if (order < 0)
                    AddRow(table, left, null, ContentDifferenceKind.Missing);
                if (order > 0)
                    AddRow(table, right, null, ContentDifferenceKind.Added);
                if (order <= 0)
                    hasLeft = left.Step();
                if (order >= 0)
                    hasRight = right.Step();
            }
        }

        private void AddSchema(string table, string what, string detail)
        {
            _count++;
            if (_differences.Count < options.Limit)
                _differences.Add(new ContentDifference(table, what, null, ContentDifferenceKind.Schema, detail));
        }

        private void AddRow(ContentTable table, ContentCursor row, string? column, ContentDifferenceKind kind)
        {
            _count++;
            if (_differences.Count < options.Limit)
                _differences.Add(new ContentDifference(table.Name, row.Key, column, kind, "") { Id = row.Id });
        }
    }
}
