using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Testing;

/// <summary>Compares the content of two database files that may be open elsewhere.</summary>
internal static class ContentFiles
{
    /// <param name="expected">The database that is right by definition.</param>
    /// <param name="actual">The one that is compared with it.</param>
    /// <param name="limit">How many differences are described.</param>
    /// <param name="cancellationToken">Interrupts it.</param>
    public static Task<ContentComparison> CompareAsync(
        string expected,
        string actual,
        int limit = 5,
        CancellationToken cancellationToken = default
    ) =>
        Task.Run(
            () =>
            {
                using var one = Open(expected);
                using var other = Open(actual);
                return DatabaseContent.Compare(one, other, new() { Limit = limit }, cancellationToken);
            },
            cancellationToken
        );

    private static Microsoft.Data.Sqlite.SqliteConnection Open(string path)
    {
        path = Path.GetFullPath(path);
        if (!File.Exists(path))
            throw new LitestreamException("LSB4010", $"The database '{path}' does not exist, so nothing was compared.");
        LiveDatabase.RequireLibrary(path);

        // Without a WAL nothing but the file counts, and nothing is left beside it so.
        var parameters = File.Exists(DatabasePath.Real(path) + "-wal") ? "mode=ro" : "immutable=1";
        var connection = SqliteAccess.ReadOnly(SqliteAccess.Uri(path, parameters));
        SQLitePCL.raw.sqlite3_busy_timeout(connection.Handle!, 10_000);
        return connection;
    }
}
