using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Testing;

/// <summary>
/// What a fault test says at its end: the restored file holds what the database holds, row by row, by type and bytes.
/// Counts and positions do not show that.
/// </summary>
public static class RestoredContent
{
    /// <summary>Compares them. Either may be open in another process.</summary>
    /// <param name="database">The database that is right.</param>
    /// <param name="restored">The file that a restore gave; null when there was no backup.</param>
    /// <param name="log">Explains it when they differ.</param>
    public static async Task AssertSameAsync(string database, string? restored, Func<string>? log = null)
    {
        Assert.True(restored is not null, $"There is no backup.\n{log?.Invoke()}");
        var cancellationToken = TestContext.Current.CancellationToken;
        ContentComparison comparison;
        try
        {
            comparison = await ContentFiles.CompareAsync(database, restored, cancellationToken: cancellationToken);
        }
        catch (SqliteException e)
        {
            Assert.Fail($"'{restored}' cannot be read: {e.Message}\n{log?.Invoke()}");
            throw;
        }

        Assert.True(
            comparison.IsSame,
            $"'{restored}' is not what '{database}' holds: {comparison.Describe()}\n{log?.Invoke()}"
        );
    }

    /// <summary>Keeps the content of a database that the test is about to remove, in a file of another name.</summary>
    /// <param name="database">The database.</param>
    /// <param name="folder">Where to; null: beside it.</param>
    public static string Save(string database, string? folder = null)
    {
        var path = Path.Combine(folder ?? Path.GetDirectoryName(database)!, $"saved-{Guid.NewGuid():n}.db");
        using var source = Open(database, SqliteOpenMode.ReadWrite);
        using var target = Open(path, SqliteOpenMode.ReadWriteCreate);
        source.BackupDatabase(target);
        return path;
    }

    private static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = path,
                Mode = mode,
                Pooling = false,
            }.ToString()
        );
        connection.Open();
        return connection;
    }
}
