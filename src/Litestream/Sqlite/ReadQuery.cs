using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Litestream.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Litestream.Sqlite;

/// <summary>One row of a query: integers, reals, texts, blobs and nulls as SQLite has them.</summary>
/// <param name="Names">The names of its columns, each once.</param>
/// <param name="Values">Their values; null is NULL.</param>
internal sealed record QueryRow(IReadOnlyList<string> Names, IReadOnlyList<object?> Values)
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>As a JSON object: blobs are texts of hexadecimal digits.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Options))
        {
            json.WriteStartObject();
            foreach (var (name, value) in Names.Zip(Values))
            {
                json.WritePropertyName(name);
                switch (value)
                {
                    case null:
                        json.WriteNullValue();
                        break;
                    case long number:
                        json.WriteNumberValue(number);
                        break;
                    case double real when double.IsFinite(real):
                        json.WriteNumberValue(real);
                        break;
                    case byte[] blob:
                        json.WriteStringValue(Convert.ToHexString(blob));
                        break;
                    default:
                        json.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                        break;
                }
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}

/// <summary>
/// One statement that a person typed, and that only reads. The rows are handed on one by one.
/// </summary>
internal static class ReadQuery
{
    private const int Pragma = 19;
    private const int Transaction = 22;
    private const int Attach = 24;
    private const int Detach = 25;
    private const int Savepoint = 32;

    private static readonly string[] PragmasWithText =
    [
        "collation_list",
        "compile_options",
        "database_list",
        "foreign_key_check",
        "foreign_key_list",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "module_list",
        "pragma_list",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    ];

    /// <summary>Others set something when they have an argument.</summary>
    private static readonly string[] PragmasAlone =
    [
        "application_id",
        "auto_vacuum",
        "data_version",
        "encoding",
        "freelist_count",
        "journal_mode",
        "page_count",
        "page_size",
        "schema_version",
        "user_version",
    ];

    /// <summary>What errors say that no table could mend.</summary>
    private static readonly string[] SyntaxWords = ["syntax error", "incomplete input", "unrecognized token"];

    /// <summary>Finds what is wrong whatever the tables are, before anything is restored.</summary>
    /// <exception cref="LitestreamException">LSB3024: it does not only read; LSB4112: it is no SQL.</exception>
    public static void Check(string sql)
    {
        using var connection = SqliteAccess.Open(":memory:", SqliteOpenMode.Memory);
        Check(connection, sql, hasTables: false);
    }

    /// <summary>Runs it.</summary>
    /// <param name="connection">To the database; it is of no use for anything else afterwards.</param>
    /// <param name="sql">The statement.</param>
    /// <param name="onColumns">Gets the names of the columns, before the rows.</param>
    /// <param name="onRow">Gets each row.</param>
    /// <param name="cancellationToken">Interrupts it.</param>
    /// <exception cref="LitestreamException">LSB3024: it does not only read; LSB4112: it failed.</exception>
    public static void Run(
        SqliteConnection connection,
        string sql,
        Action<IReadOnlyList<string>> onColumns,
        Action<QueryRow> onRow,
        CancellationToken cancellationToken
    )
    {
        using var interrupt = new Interruption(connection, cancellationToken);
        try
        {
            Check(connection, sql, hasTables: true);
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.CommandTimeout = 0;
            using var reader = command.ExecuteReader();
            var names = Unique([.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)]);
            onColumns(names);
            while (reader.Read())
            {
                cancellationToken.ThrowIfCancellationRequested();
                onRow(new QueryRow(names, [.. names.Select((_, i) => reader.IsDBNull(i) ? null : reader.GetValue(i))]));
            }
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (SqliteException e)
        {
            throw Failed(raw.sqlite3_errmsg(connection.Handle!).utf8_to_string(), e);
        }
    }

    private static void Check(SqliteConnection connection, string sql, bool hasTables)
    {
        string? denied = null;
        strdelegate_authorizer authorizer = (_, action, name, argument, _, _) =>
        {
            var what = action switch
            {
                Attach => "ATTACH",
                Detach => "DETACH",
                Transaction => name,
                Savepoint => "SAVEPOINT",
                Pragma when !MayRead(name, argument) => $"PRAGMA {name}{(argument is null ? "" : " with a value")}",
                _ => null,
            };
            denied ??= what;
            return what is null ? raw.SQLITE_OK : raw.SQLITE_DENY;
        };

        // It stays with the connection: the statement is prepared once more when it is run.
        raw.sqlite3_set_authorizer(connection.Handle!, authorizer, null!);
        var statements = 0;
        for (var rest = sql; rest.Length > 0;)
        {
            var result = raw.sqlite3_prepare_v2(connection.Handle!, rest, out var statement, out rest);
            using (statement)
            {
                if (denied is not null)
                    throw Refused($"it uses {denied}");
                if (result != raw.SQLITE_OK)
                {
                    var message = raw.sqlite3_errmsg(connection.Handle!).utf8_to_string();
                    if (hasTables || SyntaxWords.Any(word => message.Contains(word, StringComparison.Ordinal)))
                        throw Failed(message, null);
                    return;
                }

                // White space and comments are not a statement.
                if (statement.IsInvalid)
                    continue;
                if (++statements > 1)
                    throw Refused("it has more than one statement");
                if (raw.sqlite3_stmt_readonly(statement) == 0)
                    throw Refused("it writes");
                if (raw.sqlite3_bind_parameter_count(statement) > 0)
                {
                    throw Refused(
                        $"its parameter '{raw.sqlite3_bind_parameter_name(statement, 1).utf8_to_string() ?? "?"}' has "
                            + "no value"
                    );
                }
            }
        }

        if (statements == 0)
            throw Refused("it has no statement");
    }

    private static bool MayRead(string? pragma, string? argument) =>
        PragmasWithText.Contains(pragma, StringComparer.OrdinalIgnoreCase)
        || (argument is null && PragmasAlone.Contains(pragma, StringComparer.OrdinalIgnoreCase));

    /// <summary>As SQLite itself names columns of one name in a subquery: <c>id</c>, <c>id:1</c>.</summary>
    private static List<string> Unique(IReadOnlyList<string> names)
    {
        var unique = new List<string>();
        foreach (var name in names)
        {
            var free = name;
            for (var i = 1; unique.Contains(free); i++)
                free = $"{name}:{NumberText.Of(i)}";
            unique.Add(free);
        }

        return unique;
    }

    private static LitestreamException Refused(string why) =>
        new(
            "LSB3024",
            $"The query was refused: {why}. It may only read: write one SELECT (or VALUES, EXPLAIN, or a PRAGMA that "
                + "shows something), with its values in it."
        );

    private static LitestreamException Failed(string message, Exception? e) =>
        new(
            "LSB4112",
            $"The query failed: {message.TrimEnd('.')}. Correct it. The tables are those of the moment you asked for.",
            innerException: e
        );
}
