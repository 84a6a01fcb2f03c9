namespace Litestream.Sqlite;

/// <summary>
/// Names of tables and columns, as SQLite compares them: only ASCII letters have another case. "Ä" and "ä" are two
/// tables.
/// </summary>
internal sealed class SqliteNameComparer : IEqualityComparer<string>
{
    public static SqliteNameComparer Instance { get; } = new();

    public bool Equals(string? x, string? y) =>
        string.Equals(x, y, StringComparison.Ordinal)
        || (x is not null && y is not null && x.Length == y.Length && Fold(x).SequenceEqual(Fold(y)));

    public int GetHashCode(string obj) => string.GetHashCode(Fold(obj), StringComparison.Ordinal);

    private static string Fold(string name) =>
        string.Create(
            name.Length,
            name,
            (folded, from) =>
            {
                for (var i = 0; i < folded.Length; i++)
                    folded[i] = char.IsAsciiLetterUpper(from[i]) ? (char)(from[i] | 0x20) : from[i];
            }
        );
}
