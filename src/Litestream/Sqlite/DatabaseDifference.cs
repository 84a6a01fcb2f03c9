using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Litestream.Diagnostics;

namespace Litestream.Sqlite;

/// <summary>What became of a thing on the way from the live database to the copy.</summary>
public enum DifferenceKind
{
    /// <summary>Only in the copy: putting the copy in place would bring it back.</summary>
    Added,

    /// <summary>Only in the live database: putting the copy in place would lose it.</summary>
    Missing,

    /// <summary>In both, but not the same: putting the copy in place would set it back.</summary>
    Changed,
}

/// <summary>
/// How a copy of a database, such as a restore to a side file, differs from the live one: what putting it in place
/// would undo.
/// </summary>
/// <param name="Live">The live database, absolute.</param>
/// <param name="Copy">The copy, absolute.</param>
public sealed record DatabaseDifference(string Live, string Copy)
{
    private const int MostColumns = 60;
    private const string MissingWord = "missing";

    /// <summary>Tables, indexes, views and triggers that are not the same in both.</summary>
    public IReadOnlyList<SchemaDifference> Schema { get; init; } = [];

    /// <summary>
    /// The tables that were compared, by name, those without a difference too. A table of one file only has all its
    /// rows as added or missing.
    /// </summary>
    public IReadOnlyList<TableDifference> Tables { get; init; } = [];

    /// <summary>The tables that were not compared, and why.</summary>
    public IReadOnlyList<SkippedTable> Skipped { get; init; } = [];

    /// <summary>
    /// Whether everything was compared and nothing differs. A virtual table is compared by the tables that it keeps its
    /// data in.
    /// </summary>
    public bool IsSame => HasNoDifference && Unknown.Count == 0;

    private bool HasNoDifference => Schema.Count == 0 && Tables.All(table => table.IsSame);

    private List<string> Unknown => [.. Skipped.Where(table => !table.IsVirtual).Select(table => table.Name)];

    /// <summary>In a few words.</summary>
    /// <param name="missing">The word for what only the live database has.</param>
    internal string Summary(string missing = MissingWord)
    {
        var differences = HasNoDifference
            ? "none"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"rows: {Tables.Sum(table => table.Added)} added, {Tables.Sum(table => table.Missing)} {missing}, "
                    + $"{Tables.Sum(table => table.Changed)} changed; schema: {Schema.Count} changed"
            );
        return Unknown.Count == 0 ? differences : $"{differences}; not compared: {string.Join(", ", Unknown)}";
    }

    /// <summary>
    /// For people: a table of what differs, with examples, a line for each change of the schema and for what was not
    /// compared.
    /// </summary>
    public override string ToString() =>
        Describe(
            $"{Copy} against {Live} (added: only in the copy; missing: only in the live database; changed: in both, "
                + "with other values):",
            MissingWord
        );

    /// <param name="title">The first line.</param>
    /// <param name="missing">The word for what only the live database has.</param>
    internal string Describe(string title, string missing)
    {
        var text = new StringBuilder().AppendLine(title);
        var different = Tables.Where(table => !table.IsSame).ToList();
        if (different.Count > 0)
        {
            List<string[]> rows =
            [
                ["table", "added", missing, "changed", "examples"],
            ];
            rows.AddRange(
                different.Select(table =>
                    new[]
                    {
                        table.Name,
                        NumberText.Of(table.Added),
                        NumberText.Of(table.Missing),
                        NumberText.Of(table.Changed),
                        Examples(table, "added", missing, "changed"),
                    }
                )
            );
            var widths = Enumerable
                .Range(0, rows[0].Length)
                .Select(column => rows.Max(row => row[column].Length))
                .ToList();
            foreach (var row in rows)
            {
                text.AppendLine(
                    string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd()
                );
            }
        }

        foreach (var change in Schema)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{change.Type} {change.Name}: {Word(change.Kind, missing)}"
                    + $"{(change.Detail.Length == 0 ? "" : $" ({change.Detail})")}"
            );
        }

        if (IsSame)
            text.AppendLine(CultureInfo.InvariantCulture, $"no difference in {Tables.Count} tables");
        foreach (var table in different.Where(table => table.Note.Length > 0))
            text.AppendLine(CultureInfo.InvariantCulture, $"{table.Name}: {table.Note}");
        foreach (var skipped in Skipped)
            text.AppendLine(CultureInfo.InvariantCulture, $"{skipped.Name}: not compared: {skipped.Reason}");
        return text.ToString();
    }

    /// <summary>Writes it as one JSON object; docs/api.md has its shape.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var schema = Schema.Select(change => new SchemaForm(
            change.Type,
            change.Name,
            Word(change.Kind, MissingWord),
            change.Detail
        ));
        JsonSerializer.Serialize(
            json,
            new DifferenceForm(Live, Copy, IsSame, Tables, [.. schema], Skipped),
            DifferenceJson.Default.DifferenceForm
        );
    }

    /// <summary>Some rows that differ, each kind with its word; of changed rows with the columns.</summary>
    internal static string Examples(TableDifference table, string added, string missing, string changed) =>
        string.Join(
            "; ",
            new[]
            {
                Some(added, table.AddedExamples, table.Added),
                Some(missing, table.MissingExamples, table.Missing),
                Some(
                    changed,
                    [.. table.ChangedExamples.Select((row, i) => $"{row} ({Column(table, i)})")],
                    table.Changed
                ),
            }.Where(text => text.Length > 0)
        );

    private static string Column(TableDifference table, int row)
    {
        var columns = row < table.ChangedColumns.Count ? table.ChangedColumns[row] : "";
        return columns.Length > MostColumns ? $"{columns[..MostColumns]}..." : columns;
    }

    private static string Some(string what, IReadOnlyList<string> examples, long count) =>
        examples.Count == 0 ? "" : $"{what} {string.Join(", ", examples)}{(count > examples.Count ? ", ..." : "")}";

    private static string Word(DifferenceKind kind, string missing) =>
        kind == DifferenceKind.Missing ? missing : kind.ToString().ToLowerInvariant();
}

/// <summary>A table, index, view, trigger or number of the header that is not the same in both files.</summary>
/// <param name="Type"><c>table</c>, <c>index</c>, <c>view</c>, <c>trigger</c>; or <c>setting</c>: <c>user_version</c>,
/// <c>application_id</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What became of it.</param>
/// <param name="Detail">Of a changed table the columns that differ, of a setting the values; else empty.</param>
public sealed record SchemaDifference(string Type, string Name, DifferenceKind Kind, string Detail);

/// <summary>A table that was not compared.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Reason">Why.</param>
public sealed record SkippedTable(string Name, string Reason)
{
    /// <summary>Whether the tables that it keeps its data in were compared instead.</summary>
    internal bool IsVirtual { get; init; }
}

/// <summary>The rows of one table that are not the same in both files.</summary>
/// <param name="Name">The name of the table.</param>
public sealed record TableDifference(string Name)
{
    /// <summary>The rows that only the copy has.</summary>
    public long Added { get; init; }

    /// <summary>The rows that only the live database has.</summary>
    public long Missing { get; init; }

    /// <summary>
    /// The rows of one key that have other values. Always 0 without a <see cref="Key"/>: such a row is one added and
    /// one missing.
    /// </summary>
    public long Changed { get; init; }

    /// <summary>
    /// What tells one row from another: the columns of the primary key, or <c>rowid</c>. Empty: whole rows were
    /// compared.
    /// </summary>
    public string Key { get; init; } = "";

    /// <summary>The keys of a few added rows (<c>id=7</c>), or without a key some of their values.</summary>
    public IReadOnlyList<string> AddedExamples { get; init; } = [];

    /// <summary>The same of missing rows.</summary>
    public IReadOnlyList<string> MissingExamples { get; init; } = [];

    /// <summary>The same of changed rows.</summary>
    public IReadOnlyList<string> ChangedExamples { get; init; } = [];

    /// <summary>Of each row in <see cref="ChangedExamples"/> the columns that differ, with commas between
    /// them.</summary>
    public IReadOnlyList<string> ChangedColumns { get; init; } = [];

    /// <summary>What limits the comparison; else empty.</summary>
    public string Note { get; init; } = "";

    /// <summary>Whether the rows are the same in both.</summary>
    public bool IsSame => Added == 0 && Missing == 0 && Changed == 0;
}

/// <summary>A difference as its JSON has it.</summary>
internal sealed record DifferenceForm(
    string Live,
    string Copy,
    bool Same,
    IReadOnlyList<TableDifference> Tables,
    IReadOnlyList<SchemaForm> Schema,
    IReadOnlyList<SkippedTable> Skipped
);

/// <summary>A change of the schema as its JSON has it.</summary>
internal sealed record SchemaForm(string Type, string Name, string Kind, string Detail);

[JsonSerializable(typeof(DifferenceForm))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    IgnoreReadOnlyProperties = true,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
internal sealed partial class DifferenceJson : JsonSerializerContext;
