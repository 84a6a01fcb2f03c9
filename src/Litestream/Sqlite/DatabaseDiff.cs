using Litestream.Diagnostics;
using Litestream.FileSystem;
using Microsoft.Data.Sqlite;

namespace Litestream.Sqlite;

/// <summary>One of two databases that are compared.</summary>
/// <param name="Path">Its file, absolute.</param>
/// <param name="Name">Its name in messages.</param>
/// <param name="IsLive">Whether others may write to it.</param>
internal sealed record DiffSide(string Path, string Name, bool IsLive)
{
    /// <summary>Where nothing writes and there is no WAL, nothing but the file counts, and nothing is left beside it
    /// so.</summary>
    public string Uri => SqliteAccess.Uri(Path, IsLive || File.Exists(Path + "-wal") ? "mode=ro" : "immutable=1");
}

/// <summary>Compares a restored copy of a database with the live one, row by row.</summary>
public static class DatabaseDiff
{
    /// <summary>
    /// Compares two databases through the SQLite library of the app, both read-only, each in one read transaction:
    /// neither is changed, and the live one may be in use. While it
    /// runs, the live database's WAL cannot begin anew, so it grows if much is written.
    /// Rows are distinguished by the primary key, else by the rowid (a VACUUM since the copy was made gives other
    /// ones); values are compared exactly, whatever their collation. Generated columns are ignored, and so are the
    /// tables of SQLite but that of the AUTOINCREMENT numbers, of the executable and of this library. Virtual tables
    /// are compared by the tables that they keep their data in.
    /// </summary>
    /// <param name="live">The live database.</param>
    /// <param name="copy">The copy, such as the file of a restore.</param>
    /// <param name="examples">How many keys of each kind are named for each table.</param>
    /// <param name="cancellationToken">Interrupts it.</param>
    /// <exception cref="LitestreamException">LSB4010: one of them is missing or cannot be read, or they are the same
    /// file; LSB4104: there is no SQLite library, or more than one.</exception>
    public static Task<DatabaseDifference> CompareAsync(
        string live,
        string copy,
        int examples = 3,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(live);
        ArgumentException.ThrowIfNullOrEmpty(copy);
        ArgumentOutOfRangeException.ThrowIfNegative(examples);
        (live, copy) = (Path.GetFullPath(live), Path.GetFullPath(copy));
        return CompareAsync(
            new DiffSide(live, $"'{live}'", IsLive: true),
            new DiffSide(copy, $"'{copy}'", IsLive: false),
            examples,
            cancellationToken
        );
    }

    /// <summary>The same of any two, of which at most one is live.</summary>
    internal static Task<DatabaseDifference> CompareAsync(
        DiffSide before,
        DiffSide after,
        int examples,
        CancellationToken cancellationToken
    ) => Task.Run(() => Compare(before, after, examples, cancellationToken), CancellationToken.None);

    private static DatabaseDifference Compare(
        DiffSide before,
        DiffSide after,
        int examples,
        CancellationToken cancellationToken
    )
    {
        foreach (var side in new[] { before, after }.Where(side => !File.Exists(side.Path)))
        {
            throw new LitestreamException(
                "LSB4010",
                $"The database {side.Name} does not exist, so nothing was compared."
            );
        }

        if (DatabasePath.Real(before.Path) == DatabasePath.Real(after.Path))
        {
            throw new LitestreamException(
                "LSB4010",
                $"{before.Name} and {after.Name} are the same file. Restore to another file, then compare."
            );
        }

        LiveDatabase.RequireLibrary(after.IsLive ? after.Path : before.Path);

        SqliteConnection? connection = null;
        try
        {
            // As a URI, because only then is the other one's name taken as one too.
            connection = SqliteAccess.ReadOnly(before.Uri, timeout: 10);
            connection.Execute($"ATTACH '{after.Uri.Replace("'", "''")}' AS copy");
            connection.Execute("BEGIN");
            connection.CreateFunction(
                TableDiff.BitsFunction,
                (double number) => BitConverter.DoubleToInt64Bits(number),
                isDeterministic: true
            );
            using var interrupt = new Interruption(connection, cancellationToken);
            return Compare(connection, new(before.Path, after.Path), examples, cancellationToken);
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (SqliteException e)
        {
            throw new LitestreamException(
                "LSB4010",
                $"{before.Name} and {after.Name} cannot be compared: {e.Message}",
                innerException: e
            );
        }
        finally
        {
            connection?.Dispose();
        }
    }

    /// <summary>In one transaction: <c>main</c> is the live database.</summary>
    private static DatabaseDifference Compare(
        SqliteConnection connection,
        DatabaseDifference difference,
        int examples,
        CancellationToken cancellationToken
    )
    {
        var (before, after) = (new DiffSchema(connection, "main"), new DiffSchema(connection, "copy"));
        var tables = new TableDiff(connection, examples, cancellationToken);
        var all = before.Objects.Concat(after.Objects).ToList();
        var isVirtual = all.Where(one => one.Sql.StartsWith("CREATE VIRTUAL", StringComparison.OrdinalIgnoreCase))
            .Select(one => one.Name)
            .ToHashSet(SqliteNameComparer.Instance);
        var schema = DiffSchema.Settings(before, after).ToList();
        var (compared, skipped) = (new List<TableDifference>(), new List<SkippedTable>());
        foreach (
            var name in all.Where(one => one.Type == "table")
                .Select(one => one.Name)
                .Distinct(SqliteNameComparer.Instance)
                .Order(StringComparer.OrdinalIgnoreCase)
        )
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (isVirtual.Contains(name))
            {
                skipped.Add(
                    new SkippedTable(name, "a virtual table; the tables with its data were compared")
                    {
                        IsVirtual = true,
                    }
                );
                continue;
            }

            var (here, there) = (before.Read(name), after.Read(name));
            if (here is not null && there is not null && here.Sql != there.Sql)
                schema.Add(new SchemaDifference("table", name, DifferenceKind.Changed, here.ChangesTo(there)));
            try
            {
                compared.Add(tables.Compare(name, here, there));
            }
            catch (SqliteException e) when (tables.LacksWhatTheAppHas(e))
            {
                skipped.Add(new SkippedTable(name, $"it cannot be read without the app: {e.Message}"));
            }
        }

        foreach (var one in all.DistinctBy(one => (one.Type, one.Name)))
        {
            var (here, there) = (before.Find(one.Type, one.Name), after.Find(one.Type, one.Name));
            DifferenceKind? kind =
                here is null ? DifferenceKind.Added
                : there is null ? DifferenceKind.Missing
                : one.Type != "table" && here.Sql != there.Sql ? DifferenceKind.Changed
                : null;
            if (kind is { } known)
                schema.Add(new SchemaDifference(one.Type, one.Name, known, ""));
        }

        return difference with
        {
            Schema = [.. schema.OrderBy(change => (change.Type, change.Name))],
            Tables = compared,
            Skipped = skipped,
        };
    }
}
