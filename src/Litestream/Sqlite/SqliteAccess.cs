using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>Connections without a pool, and the few things that are done with them.</summary>
internal static class SqliteAccess
{
    /// <summary>SQLite looks at the file and its WAL, writes neither, and makes no file.</summary>
    public static SqliteConnection ReadOnly(string source, int timeout = 30) =>
        Open(source, SqliteOpenMode.ReadOnly, timeout);

    /// <summary>A file that is not there is not made.</summary>
    public static SqliteConnection ReadWrite(string source, int timeout = 30) =>
        Open(source, SqliteOpenMode.ReadWrite, timeout);

    public static SqliteConnection Open(string source, SqliteOpenMode mode, int timeout = 30)
    {
        var connection = new SqliteConnection(ConnectionString(source, mode, timeout));
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public static string ConnectionString(string source, SqliteOpenMode mode, int timeout = 30) =>
        new SqliteConnectionStringBuilder
        {
            DataSource = source,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = timeout,
        }.ToString();

    /// <summary>The name of a database for SQLite, with parameters.</summary>
    public static string Uri(string database, string parameters)
    {
        // On Unix a backslash is a letter of a name.
        var path = OperatingSystem.IsWindows() ? database.Replace('\\', '/') : database;
        return $"file:{string.Join('/', path.Split('/').Select(System.Uri.EscapeDataString))}?{parameters}";
    }

    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"")}\"";

    public static void Execute(this SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public static object? Scalar(this SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>The first value as a text, empty when there is none.</summary>
    public static string ScalarText(this SqliteConnection connection, string sql) =>
        Convert.ToString(connection.Scalar(sql), CultureInfo.InvariantCulture) ?? "";

    /// <summary>Reads all rows.</summary>
    /// <param name="connection">Where from.</param>
    /// <param name="sql">The statement.</param>
    /// <param name="read">Reads a row.</param>
    /// <param name="timeout">How many seconds to wait for a lock; 0 for ever; null as the connection does.</param>
    /// <param name="cancellationToken">Ends it between two rows.</param>
    public static List<T> Rows<T>(
        this SqliteConnection connection,
        string sql,
        Func<SqliteDataReader, T> read,
        int? timeout = null,
        CancellationToken cancellationToken = default
    )
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.CommandTimeout = timeout ?? command.CommandTimeout;
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
        {
            cancellationToken.ThrowIfCancellationRequested();
            rows.Add(read(reader));
        }

        return rows;
    }
}
