using System.Buffers.Binary;

namespace Litestream.Sqlite;

/// <summary>
/// The records of one table as they stand in the file, in the order of its tree
/// (<see href="https://www.sqlite.org/fileformat2.html#b_tree_pages"/>): that of the rowid, or of the key of a WITHOUT
/// ROWID table. Held are one page of each level and one overflow page.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="root">The first page of the table.</param>
internal sealed class TreeCursor(PageFile file, long root)
{
    private const byte IndexInterior = 0x02;
    private const byte TableInterior = 0x05;
    private const byte IndexLeaf = 0x0a;
    private const byte TableLeaf = 0x0d;

    /// <summary>More levels than this no file has; SQLite's own limit.</summary>
    private const int MostLevels = 20;

    private readonly List<Level> _levels = [];
    private readonly byte[] _overflow = new byte[file.PageSize];

    private int _depth = -1;
    private long _pages;
    private bool _isTable;
    private long _left;
    private long _next;
    private byte[] _chunk = [];
    private int _at;
    private int _count;

    /// <summary>Whether the rows have a rowid.</summary>
    public bool HasRowId => _isTable;

    /// <summary>The rowid of the record; 0 where there is none.</summary>
    public long RowId { get; private set; }

    /// <summary>The length of the record.</summary>
    public long Length { get; private set; }

    /// <summary>How many records have been read.</summary>
    public long Rows { get; private set; }

    /// <summary>Goes to the next record.</summary>
    /// <exception cref="InvalidDataException">The tree is not what SQLite would have written.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public bool Step()
    {
        if (_pages == 0)
            Push(root);
        while (_depth >= 0)
        {
            var level = _levels[_depth];
            if (level.IsLeaf)
            {
                if (level.Next < level.Count)
                {
                    Take(level, level.Next++);
                    return true;
                }

                _depth--;
            }
            else if (level.HasOwn)
            {
                // A record of an index stands between two of its children.
                level.HasOwn = false;
                Take(level, level.Next - 1);
                return true;
            }
            else if (level.Next <= level.Count)
            {
                level.HasOwn = !_isTable && level.Next < level.Count;
                Push(level.Child(level.Next++, file.Usable));
            }
            else
            {
                _depth--;
            }
        }

        return false;
    }

    /// <summary>Whether the record is the same, byte for byte. To be asked once for each record.</summary>
    /// <exception cref="InvalidDataException">The one or the other has not all of its pages.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public bool HasSameRecord(TreeCursor other)
    {
        if (Length != other.Length)
            return false;
        while (true)
        {
            var count = Math.Min(_count, other._count);
            if (!_chunk.AsSpan(_at, count).SequenceEqual(other._chunk.AsSpan(other._at, count)))
                return false;
            if (!Advance(count) | !other.Advance(count))
                return true;
        }
    }

    private static long ReadVarint(ReadOnlySpan<byte> from, out int length)
    {
        long value = 0;
        for (length = 1; length < 9; length++)
        {
            var part = from[length - 1];
            value = (value << 7) | (uint)(part & 0x7f);
            if (part < 0x80)
                return value;
        }

        return (value << 8) | from[8];
    }

    private void Push(long number)
    {
        // Each page is in the tree once.
        if (_depth + 1 >= MostLevels || ++_pages > file.Pages)
            throw new InvalidDataException("The pages of the tree form a cycle.");
        if (++_depth == _levels.Count)
            _levels.Add(new Level(file.PageSize));
        var level = _levels[_depth];
        file.Read(number, level.Page);
        level.Begin(number == 1 ? 100 : 0, file.Usable);
        if (_pages == 1)
            _isTable = level.IsTable;
        if (level.IsTable != _isTable)
            throw new InvalidDataException($"Page {number} has another type than its tree.");
    }

    private void Take(Level level, int index)
    {
        var start = level.Cell(index, file.Usable) + (level.IsLeaf ? 0 : 4);

        // What no cell can hold is still within the page's buffer, or out of its range.
        try
        {
            var cell = level.Page.AsSpan(start, file.Usable - start);
            Length = ReadVarint(cell, out var used);
            if (_isTable)
            {
                var id = ReadVarint(cell[used..], out var more);
                used += more;
                if (Rows > 0 && id <= RowId)
                    throw new InvalidDataException("The rows are not in order.");
                RowId = id;
            }

            var local = Local(Length);
            _chunk = level.Page;
            _at = start + used;
            _count = local;
            _left = Length - local;
            _next = _left > 0 ? BinaryPrimitives.ReadUInt32BigEndian(cell[(used + local)..]) : 0;
            _ = cell.Slice(used, local);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new InvalidDataException("A record goes beyond its page.", e);
        }
        catch (IndexOutOfRangeException e)
        {
            throw new InvalidDataException("A record goes beyond its page.", e);
        }

        Rows++;
    }

    /// <summary>How much of a record stands in its cell.</summary>
    private int Local(long length)
    {
        if (length < 0 || length / file.PageSize > file.Pages)
            throw new InvalidDataException("A record is longer than the file.");
        var usable = file.Usable;
        var most = _isTable ? usable - 35 : ((usable - 12) * 64 / 255) - 23;
        if (length <= most)
            return (int)length;
        var least = ((usable - 12) * 32 / 255) - 23;
        var local = least + (int)((length - least) % (usable - 4));
        return local <= most ? local : least;
    }

    /// <summary>Continues in the record; false at its end.</summary>
    private bool Advance(int count)
    {
        _at += count;
        _count -= count;
        if (_count > 0)
            return true;
        if (_left == 0)
            return false;
        file.Read(_next, _overflow);
        _next = BinaryPrimitives.ReadUInt32BigEndian(_overflow);
        (_chunk, _at, _count) = (_overflow, 4, (int)Math.Min(_left, file.Usable - 4));
        _left -= _count;
        return true;
    }

    /// <summary>A page on the way from the root to the record.</summary>
    private sealed class Level(int pageSize)
    {
        private int _start;

        public byte[] Page { get; } = new byte[pageSize];

        public bool IsLeaf { get; private set; }

        public bool IsTable { get; private set; }

        public int Count { get; private set; }

        public int Next { get; set; }

        /// <summary>Whether the record before <see cref="Next"/> has still to be read.</summary>
        public bool HasOwn { get; set; }

        public void Begin(int start, int usable)
        {
            _start = start;
            var kind = Page[start];
            IsLeaf = kind is TableLeaf or IndexLeaf;
            IsTable = kind is TableLeaf or TableInterior;
            if (!IsLeaf && kind is not (TableInterior or IndexInterior))
                throw new InvalidDataException("A page has an unknown type.");
            Count = BinaryPrimitives.ReadUInt16BigEndian(Page.AsSpan(start + 3));
            if (Pointer(Count) > usable)
                throw new InvalidDataException("A page has more records than room.");
            (Next, HasOwn) = (0, false);
        }

        /// <summary>Where a cell begins.</summary>
        public int Cell(int index, int usable)
        {
            var at = BinaryPrimitives.ReadUInt16BigEndian(Page.AsSpan(Pointer(index)));
            if (at < Pointer(Count) || at > usable - 4)
                throw new InvalidDataException("A record is outside the area for records.");
            return at;
        }

        /// <summary>The page below, left of a cell; the last one when there is no such cell.</summary>
        public long Child(int index, int usable)
        {
            var at = index < Count ? Cell(index, usable) : _start + 8;
            return BinaryPrimitives.ReadUInt32BigEndian(Page.AsSpan(at));
        }

        private int Pointer(int index) => _start + (IsLeaf ? 8 : 12) + (index * 2);
    }
}
