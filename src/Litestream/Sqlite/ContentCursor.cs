using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Litestream.Sqlite;

/// <summary>The rows of one table, one after the other. Only one row is held at a time.</summary>
internal sealed class ContentCursor(
    SqliteConnection connection,
    sqlite3_stmt statement,
    ContentTable table,
    bool hasRowIdFirst,
    bool asStored,
    string? encoding
) : IDisposable
{
    private readonly int _columns = raw.sqlite3_column_count(statement);

    /// <summary>How many rows have been read.</summary>
    public long Rows { get; private set; }

    /// <summary>What tells this row from the others, in words.</summary>
    public string Key =>
        table switch
        {
            { RowIdColumn: >= 0 } => $"{table.Columns[table.RowIdColumn]}={Text(Index(table.RowIdColumn))}",
            { KeyIndex: not null } => string.Join(
                " ",
                table.Key.Select(part => $"{table.Columns[part.Column]}={Text(Index(part.Column))}")
            ),
            _ when hasRowIdFirst => $"{table.RowId}={Text(0)}",
            _ => string.Create(CultureInfo.InvariantCulture, $"number {Rows}"),
        };

    /// <summary>What tells this row from all others, in other comparisons too; null when nothing does.</summary>
    public string? Id =>
        table switch
        {
            { RowIdColumn: >= 0 } or { KeyIndex: null } => HasRowId ? Key : null,
            _ when table.Key.Any(part => part.Collation is not ("BINARY" or "NOCASE" or "RTRIM")) => null,
            _ => string.Join(" ", table.Key.Select(part => Exact(Index(part.Column)))),
        };

    /// <summary>Whether the rowid can be read.</summary>
    public bool HasRowId => hasRowIdFirst || table.RowIdColumn >= 0;

    public void Dispose() => statement.Dispose();

    /// <summary>Goes to the row with a rowid; false when there is none. Of a cursor that reads one row.</summary>
    public bool Find(long rowId)
    {
        raw.sqlite3_reset(statement);
        raw.sqlite3_bind_int64(statement, 1, rowId);
        return Step();
    }

    public bool Step()
    {
        var result = raw.sqlite3_step(statement);
        if (result == raw.SQLITE_ROW)
        {
            Rows++;
            return true;
        }

        if (result != raw.SQLITE_DONE)
            SqliteException.ThrowExceptionForRC(result, connection.Handle!);
        return false;
    }

    /// <summary>The index of the first value that is not the same in the other row; -1 when all are.</summary>
    public int FirstDifference(ContentCursor other)
    {
        for (var i = 0; i < _columns; i++)
        {
            if (!IsSame(statement, other.Statement, i))
                return i;
        }

        return -1;
    }

    /// <summary>The column that an index of <see cref="FirstDifference"/> stands for.</summary>
    public string ColumnName(int index) =>
        hasRowIdFirst && index == 0
            ? table.RowId!
            : table.Columns[(index - (hasRowIdFirst ? 1 : 0)) / (asStored ? 2 : 1)];

    /// <summary>
    /// Which row comes first. 0 too where that is unknown: a table whose rowid has no name, or a key with a
    /// collation that only the app has.
    /// </summary>
    public int CompareKey(ContentCursor other)
    {
        if (table.RowIdColumn >= 0 || hasRowIdFirst)
        {
            var index = hasRowIdFirst ? 0 : Index(table.RowIdColumn);
            var number = raw.sqlite3_column_int64(other.Statement, index);
            return raw.sqlite3_column_int64(statement, index).CompareTo(number);
        }

        foreach (var part in table.Key)
        {
            var order = Compare(other, Index(part.Column), part.Collation);
            if (order is null)
                return 0;
            if (order != 0)
                return part.IsDescending ? -order.Value : order.Value;
        }

        return 0;
    }

    private sqlite3_stmt Statement => statement;

    private static bool IsSame(sqlite3_stmt one, sqlite3_stmt other, int index)
    {
        var type = raw.sqlite3_column_type(one, index);
        return type == raw.sqlite3_column_type(other, index)
            && type switch
            {
                raw.SQLITE_NULL => true,
                raw.SQLITE_INTEGER => raw.sqlite3_column_int64(one, index) == raw.sqlite3_column_int64(other, index),
                raw.SQLITE_FLOAT => Bits(one, index) == Bits(other, index),
                _ => raw.sqlite3_column_blob(one, index).SequenceEqual(raw.sqlite3_column_blob(other, index)),
            };
    }

    private static long Bits(sqlite3_stmt row, int index) =>
        BitConverter.DoubleToInt64Bits(raw.sqlite3_column_double(row, index));

    private int Index(int column) => (column * (asStored ? 2 : 1)) + (hasRowIdFirst ? 1 : 0);

    /// <summary>SQLite's order; null where only the app knows it.</summary>
    private int? Compare(ContentCursor other, int index, string collation)
    {
        if (IsSame(statement, other.Statement, index) && (!asStored || IsSame(statement, other.Statement, index + 1)))
            return 0;
        var (rank, otherRank) = (Rank(index), other.Rank(index));
        if (rank != otherRank)
            return rank.CompareTo(otherRank);
        if (rank == 1)
        {
            var there = other.Statement;
            return IsInteger(index) && other.IsInteger(index)
                ? raw.sqlite3_column_int64(statement, index).CompareTo(raw.sqlite3_column_int64(there, index))
                : raw.sqlite3_column_double(statement, index).CompareTo(raw.sqlite3_column_double(there, index));
        }

        var bytes = raw.sqlite3_column_blob(statement, index);
        var otherBytes = raw.sqlite3_column_blob(other.Statement, index);
        return rank == 3 || collation == "BINARY"
            ? bytes.SequenceCompareTo(otherBytes)
            : collation switch
            {
                "NOCASE" => CompareNoCase(Utf8(bytes), other.Utf8(otherBytes)),
                "RTRIM" => Utf8(bytes).TrimEnd((byte)' ').SequenceCompareTo(other.Utf8(otherBytes).TrimEnd((byte)' ')),
                _ => null,
            };
    }

    /// <summary>As SQLite does: letters of ASCII only, no further than a NUL, then the length.</summary>
    private static int CompareNoCase(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        for (var i = 0; i < one.Length && i < other.Length; i++)
        {
            var order = Lower(one[i]) - Lower(other[i]);
            if (order != 0)
                return order;
            if (one[i] == 0)
                break;
        }

        return one.Length - other.Length;

        static int Lower(byte letter) => letter is >= (byte)'A' and <= (byte)'Z' ? letter + ('a' - 'A') : letter;
    }

    private bool IsInteger(int index) => raw.sqlite3_column_type(statement, index) == raw.SQLITE_INTEGER;

    private ReadOnlySpan<byte> Utf8(ReadOnlySpan<byte> text) =>
        asStored && encoding is not null ? Encoding.UTF8.GetBytes(Decode(text)) : text;

    private string Decode(ReadOnlySpan<byte> text) =>
        (asStored ? encoding : null) switch
        {
            "UTF-16le" => Encoding.Unicode.GetString(text),
            "UTF-16be" => Encoding.BigEndianUnicode.GetString(text),
            _ => Encoding.UTF8.GetString(text),
        };

    /// <summary>NULL comes first, then numbers, text, blobs.</summary>
    private int Rank(int index) =>
        raw.sqlite3_column_type(statement, index) switch
        {
            raw.SQLITE_NULL => 0,
            raw.SQLITE_INTEGER or raw.SQLITE_FLOAT => 1,
            raw.SQLITE_TEXT => 2,
            _ => asStored && raw.sqlite3_column_int64(statement, index + 1) != 0 ? 2 : 3,
        };

    /// <summary>A value of a key, as long as it is.</summary>
    private string Exact(int index)
    {
        if (Rank(index) < 2)
            return Text(index);
        var bytes = raw.sqlite3_column_blob(statement, index);
        var exact = bytes.Length > 32 ? SHA256.HashData(bytes) : bytes;
        return $"{Rank(index)}:{bytes.Length}:{Convert.ToHexString(exact)}";
    }

    private string Text(int index)
    {
        switch (Rank(index))
        {
            case 0:
                return "NULL";
            case 1:
                return IsInteger(index)
                    ? raw.sqlite3_column_int64(statement, index).ToString(CultureInfo.InvariantCulture)
                    : raw.sqlite3_column_double(statement, index).ToString("R", CultureInfo.InvariantCulture);
            case 2:
                return ValueText.Of(Decode(raw.sqlite3_column_blob(statement, index)));
            default:
                return ValueText.Of(raw.sqlite3_column_blob(statement, index));
        }
    }
}
