namespace Litestream.Sqlite;

/// <content>
/// The quick way to compare the rows of a table: record by record as they stand in the pages of two private files. The
/// same bytes under the same definition are the same values; what is not the same is read through SQLite, row by row.
/// </content>
internal static partial class DatabaseContent
{
    private sealed partial class Run
    {
        private readonly (PageFile One, PageFile Other)? _pages = options.ArePrivate
            ? OpenPages(expected, actual, cancellationToken)
            : null;

        public void Dispose()
        {
            _pages?.One.Dispose();
            _pages?.Other.Dispose();
        }

        private static (PageFile One, PageFile Other)? OpenPages(
            ContentSource expected,
            ContentSource actual,
            CancellationToken cancellationToken
        )
        {
            if (expected.Setting("encoding") != actual.Setting("encoding"))
                return null;
            if (PageFile.Open(expected.Path, cancellationToken) is not { } one)
                return null;
            if (PageFile.Open(actual.Path, cancellationToken) is { } other)
                return (one, other);
            one.Dispose();
            return null;
        }

        /// <summary>False when the rows have to be read through SQLite; nothing has been said of them then.</summary>
        private bool CompareRecords(ContentTable table)
        {
            // Of what SQLite keeps about other tables, not all rows count.
            if (
                _pages is not var (here, there)
                || table.Name.StartsWith("sqlite_", StringComparison.OrdinalIgnoreCase)
                || expected.Definition(table.Name) is not { Sql: { } sql } definition
                || actual.Definition(table.Name) is not { } otherDefinition
                || otherDefinition.Sql != sql
            )
            {
                return false;
            }

            var (count, described) = (_count, _differences.Count);
            try
            {
                var left = new TreeCursor(here, definition.RootPage);
                var right = new TreeCursor(there, otherDefinition.RootPage);
                using var rows = new RowPair(expected, actual, table);
                if (CompareRecords(table, left, right, rows))
                {
                    (_expectedRows[table.Name], _actualRows[table.Name]) = (left.Rows, right.Rows);
                    return true;
                }
            }
            catch (InvalidDataException)
            {
                // SQLite says what is wrong with it.
            }

            _count = count;
            _differences.RemoveRange(described, _differences.Count - described);
            return false;
        }

        private bool CompareRecords(ContentTable table, TreeCursor left, TreeCursor right, RowPair rows)
        {
            var (hasLeft, hasRight) = (left.Step(), right.Step());
            while ((hasLeft || hasRight) && !IsOver)
            {
                var order = (hasLeft, hasRight) switch
                {
                    (true, false) => -1,
                    (false, true) => 1,
                    _ => left.RowId.CompareTo(right.RowId),
                };
                if (order != 0 || !left.HasSameRecord(right))
                {
                    // In which order the other rows come may only be known to the app.
                    if (!left.HasRowId || !rows.CanBeFound)
                        return false;
                    if (order < 0)
                        AddRow(table, RowPair.Find(rows.One, left.RowId), null, ContentDifferenceKind.Missing);
                    else if (order > 0)
                        AddRow(table, RowPair.Find(rows.Other, right.RowId), null, ContentDifferenceKind.Added);
                    else
                        CompareRow(table, rows, left.RowId);
                }

                if (order <= 0)
                    hasLeft = left.Step();
                if (order >= 0)
                    hasRight = right.Step();
            }

            return true;
        }

        /// <summary>The same values can be stored in more than one way.</summary>
        private void CompareRow(ContentTable table, RowPair rows, long rowId)
        {
            var (one, other) = (RowPair.Find(rows.One, rowId), RowPair.Find(rows.Other, rowId));
            if (one.FirstDifference(other) is var column and >= 0)
                AddRow(table, one, one.ColumnName(column), ContentDifferenceKind.Changed);
        }
    }

    /// <summary>A row of each of two tables, found by its rowid.</summary>
    private sealed class RowPair(ContentSource expected, ContentSource actual, ContentTable table) : IDisposable
    {
        private ContentCursor? _one;
        private ContentCursor? _other;

        public bool CanBeFound => table.RowId is not null && One.HasRowId;

        public ContentCursor One => _one ??= expected.ReadOne(table, actual.IsUtf8);

        public ContentCursor Other => _other ??= actual.ReadOne(table, expected.IsUtf8);

        public static ContentCursor Find(ContentCursor cursor, long rowId) =>
            cursor.Find(rowId) ? cursor : throw new InvalidDataException("SQLite does not find the row.");

        public void Dispose()
        {
            _one?.Dispose();
            _other?.Dispose();
        }
    }
}
