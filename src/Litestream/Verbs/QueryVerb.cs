using System.Globalization;
using Litestream.Diagnostics;
using Litestream.Restore;
using Litestream.Sqlite;

namespace Litestream.Verbs;

/// <summary>A query on a database as it was. Touches no database: it restores to a scratch file and removes
/// it.</summary>
internal static class QueryVerb
{
    /// <summary>So many rows decide how wide the columns are.</summary>
    private const int MeasuredRows = 100;

    private const int LongestText = 200;
    private const int LongestBlob = 32;

    public static async Task RunAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var sql =
            options.Text(OptionName.Sql)
            ?? throw new LitestreamException(
                "LSB3008",
                $"{OptionName.Sql} is missing. Write the query, such as \"SELECT count(*) FROM orders\". Nothing was "
                    + $"started."
            );
        var choice = options.Text(OptionName.Database);
        if (choice == "*")
        {
            throw new LitestreamException(
                "LSB3008",
                $"{OptionName.All} may be several databases, but a query is for one. Choose it with "
                    + $"{OptionName.Database}. Nothing was started."
            );
        }

        var (moment, replica) = (options.Moment(OptionName.Timestamp), options.Text(OptionName.Replica));
        var timeout = options.Duration(OptionName.Timeout);
        if (moment is { } asked)
            host.Print($"As of {PointInTime.Describe(asked, TimeProvider.System)}");
        var config = host.LoadConfig();
        var database = config.Choose(choice);
        var executable = host.PrepareExecutable();
        PastCopy.RequireLibrary(database);
        ReadQuery.Check(sql);
        await TimeLimit
            .RunAsync(
                timeout,
                "The query",
                async token =>
                {
                    using var copy = await PastCopy
                        .RestoreAsync(executable, config, database, moment, replica, token)
                        .ConfigureAwait(false);
                    var source =
                        copy.Source.Lineage.Length > 0 ? $"{copy.Source.Replica}, {copy.Source}" : "the replica";
                    host.Print($"From {source}, backup of {VerbItem.Text(copy.Newest)}");
                    await Task.Run(() => Print(host, copy, sql, token), token).ConfigureAwait(false);
                },
                cancellationToken
            )
            .ConfigureAwait(false);
    }

    private static void Print(VerbHost host, PastCopy copy, string sql, CancellationToken cancellationToken)
    {
        var table = new List<string[]>();
        int[]? widths = null;
        var rows = 0L;
        var left = 0L;
        using var connection = copy.Open();
        ReadQuery.Run(
            connection,
            sql,
            names => table.Add([.. names.Select(Cell)]),
            row =>
            {
                rows++;
                if (
                    !host.HandOn(
                        new VerbItem(
                            rows.ToString(CultureInfo.InvariantCulture),
                            [("BackupTime", copy.Newest), ("Row", row)]
                        )
                    )
                )
                {
                    left++;
                }

                table.Add([.. row.Values.Select(Cell)]);
                if (table.Count > MeasuredRows || widths is not null)
                    PrintTable();
            },
            cancellationToken
        );
        PrintTable();
        host.Print($"{rows} {(rows == 1 ? "row" : "rows")}");
        if (left > 0)
        {
            host.Report(
                new(
                    "LSB3025",
                    LitestreamSeverity.Warning,
                    $"The query has {rows} rows, and the target returns the first {rows - left} as items. All were "
                        + "printed. Use LIMIT and OFFSET, or the command of the app, which returns all."
                )
            );
        }

        void PrintTable()
        {
            if (table.Count == 0)
                return;
            widths ??= [.. table[0].Select((_, column) => table.Max(cells => cells[column].Length))];
            foreach (var cells in table)
                host.Print(string.Join("  ", cells.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
            table.Clear();
        }
    }

    /// <summary>On one line, and nothing that a terminal would obey.</summary>
    private static string Cell(object? value) =>
        value switch
        {
            null => "NULL",
            double real => Real(real),
            byte[] blob when blob.Length > LongestBlob =>
                $"x'{Convert.ToHexString(blob.AsSpan(0, LongestBlob))}...' ({NumberText.Of(blob.Length)} bytes)",
            byte[] blob => $"x'{Convert.ToHexString(blob)}'",
            string text => string.Concat(
                (text.Length > LongestText ? text[..LongestText] + "..." : text).Select(one =>
                    char.IsControl(one) ? ' ' : one
                )
            ),
            _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        };

    /// <summary>A real is written so that it is not taken for an integer.</summary>
    private static string Real(double value)
    {
        var text = value.ToString(CultureInfo.InvariantCulture);
        return double.IsInteger(value) && !text.Contains('E', StringComparison.Ordinal) ? text + ".0" : text;
    }
}
