namespace Litestream.Sqlite;

/// <summary>What a settings value leads to.</summary>
public enum SqliteTargetKind
{
    /// <summary>A database file that can be replicated.</summary>
    File,

    /// <summary>A database in memory: nothing to replicate.</summary>
    Memory,

    /// <summary>A file that the app only reads.</summary>
    ReadOnly,

    /// <summary>An encrypted file (SQLCipher, SEE), which Litestream cannot replicate.</summary>
    Encrypted,

    /// <summary>A path with a placeholder that only the app itself can fill in.</summary>
    Unresolved,

    /// <summary>Something else.</summary>
    NotSqlite,

    /// <summary>Possibly a SQLite file: only the user can say.</summary>
    Candidate,
}

/// <summary>What a settings value leads to.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Path">The path as it stands in the value, without a <c>file:</c> scheme; null for
/// <see cref="SqliteTargetKind.Memory"/> and <see cref="SqliteTargetKind.NotSqlite"/>.</param>
public sealed record SqliteTarget(SqliteTargetKind Kind, string? Path);
