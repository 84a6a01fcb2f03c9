using System.Text.Json;
using System.Text.Json.Serialization;
using Litestream.Diagnostics;

namespace Litestream.Sqlite;

/// <summary>What became of a thing between two moments.</summary>
public enum ChangeKind
{
    /// <summary>Only at the later moment.</summary>
    Added,

    /// <summary>Only at the earlier moment.</summary>
    Removed,

    /// <summary>At both, but not the same.</summary>
    Changed,
}

/// <summary>How a database changed between two moments, compared by content.</summary>
public sealed record DatabaseChanges
{
    private const string RemovedWord = "removed";

    private readonly DatabaseDifference _difference;

    internal DatabaseChanges(string database, DatabaseDifference difference)
    {
        (Database, _difference) = (database, difference);
        Tables =
        [
            .. difference.Tables.Select(table => new TableChanges(table.Name)
            {
                Added = table.Added,
                Removed = table.Missing,
                Changed = table.Changed,
                Key = table.Key,
                AddedExamples = table.AddedExamples,
                RemovedExamples = table.MissingExamples,
                ChangedExamples = table.ChangedExamples,
                ChangedColumns = table.ChangedColumns,
                Note = table.Note,
            }),
        ];
        Schema =
        [
            .. difference.Schema.Select(one => new SchemaChange(one.Type, one.Name, KindOf(one.Kind), one.Detail)),
        ];
    }

    /// <summary>The database, absolute.</summary>
    public string Database { get; }

    /// <summary>The earlier moment; null: the newest state in the replica.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>The later moment; null: the live database.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>
    /// When the newest part of the backup at <see cref="From"/> was made (whole seconds): what was committed after it
    /// had not been sent by then. Null where that is not known.
    /// </summary>
    public DateTimeOffset? FromBackupTime { get; init; }

    /// <summary>The same at <see cref="To"/>; null for the live database.</summary>
    public DateTimeOffset? ToBackupTime { get; init; }

    /// <summary>
    /// The tables that were compared, by name, those without a change too. A table of one moment only has all its rows
    /// as added or removed.
    /// </summary>
    public IReadOnlyList<TableChanges> Tables { get; }

    /// <summary>Tables, indexes, views, triggers and numbers of the header that are not the same at both
    /// moments.</summary>
    public IReadOnlyList<SchemaChange> Schema { get; }

    /// <summary>The tables that were not compared, and why.</summary>
    public IReadOnlyList<SkippedTable> Skipped => _difference.Skipped;

    /// <summary>
    /// Whether everything was compared and nothing changed. A virtual table is compared by the tables that it keeps its
    /// data in.
    /// </summary>
    public bool IsSame => _difference.IsSame;

    /// <summary>In a few words.</summary>
    internal string Summary => _difference.Summary(RemovedWord);

    /// <summary>
    /// For people: a table of what changed, with examples, a line for each change of the schema and for what was not
    /// compared.
    /// </summary>
    public override string ToString() =>
        _difference.Describe(
            $"{Database} from {Describe(From, FromBackupTime, "the newest backup")} to "
                + $"{Describe(To, ToBackupTime, "the live database")} (added: only at the later moment; removed: only "
                + "at the earlier one; changed: at both, with other values):",
            RemovedWord
        );

    /// <summary>Writes it as one JSON object; docs/api.md has its shape.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var schema = Schema.Select(one => new SchemaForm(
            one.Type,
            one.Name,
            one.Kind.ToString().ToLowerInvariant(),
            one.Detail
        ));
        JsonSerializer.Serialize(
            json,
            new ChangesForm(
                Database,
                From?.UtcDateTime,
                To?.UtcDateTime,
                FromBackupTime?.UtcDateTime,
                ToBackupTime?.UtcDateTime,
                IsSame,
                Tables,
                [.. schema],
                Skipped
            ),
            ChangesJson.Default.ChangesForm
        );
    }

    private static string Describe(DateTimeOffset? moment, DateTimeOffset? backup, string otherwise)
    {
        var text = moment is { } known ? PointInTime.Describe(known, TimeProvider.System) : otherwise;
        return backup is { } time ? FormattableString.Invariant($"{text} [backup of {time:u}]") : text;
    }

    private static ChangeKind KindOf(DifferenceKind kind) =>
        kind switch
        {
            DifferenceKind.Added => ChangeKind.Added,
            DifferenceKind.Missing => ChangeKind.Removed,
            _ => ChangeKind.Changed,
        };
}

/// <summary>A table, index, view, trigger or number of the header that is not the same at both moments.</summary>
/// <param name="Type"><c>table</c>, <c>index</c>, <c>view</c>, <c>trigger</c>; or <c>setting</c>: <c>user_version</c>,
/// <c>application_id</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What became of it.</param>
/// <param name="Detail">Of a changed table the columns that differ, of a setting the values; else empty.</param>
public sealed record SchemaChange(string Type, string Name, ChangeKind Kind, string Detail);

/// <summary>The rows of one table that are not the same at both moments.</summary>
/// <param name="Name">The name of the table.</param>
public sealed record TableChanges(string Name)
{
    /// <summary>The rows that are there at the later moment only.</summary>
    public long Added { get; init; }

    /// <summary>The rows that are there at the earlier moment only.</summary>
    public long Removed { get; init; }

    /// <summary>
    /// The rows of one key that have other values. Always 0 without a <see cref="Key"/>: such a row is one added and
    /// one removed.
    /// </summary>
    public long Changed { get; init; }

    /// <inheritdoc cref="TableDifference.Key" />
    public string Key { get; init; } = "";

    /// <summary>The keys of a few added rows (<c>id=7</c>), or without a key some of their values.</summary>
    public IReadOnlyList<string> AddedExamples { get; init; } = [];

    /// <summary>The same of removed rows.</summary>
    public IReadOnlyList<string> RemovedExamples { get; init; } = [];

    /// <summary>The same of changed rows.</summary>
    public IReadOnlyList<string> ChangedExamples { get; init; } = [];

    /// <summary>Of each row in <see cref="ChangedExamples"/> the columns that differ, with commas between
    /// them.</summary>
    public IReadOnlyList<string> ChangedColumns { get; init; } = [];

    /// <summary>What limits the comparison; else empty.</summary>
    public string Note { get; init; } = "";

    /// <summary>Whether the rows are the same at both moments.</summary>
    public bool IsSame => Added == 0 && Removed == 0 && Changed == 0;
}

/// <summary>Changes as their JSON has them.</summary>
internal sealed record ChangesForm(
    string Database,
    DateTime? From,
    DateTime? To,
    DateTime? FromBackupTime,
    DateTime? ToBackupTime,
    bool Same,
    IReadOnlyList<TableChanges> Tables,
    IReadOnlyList<SchemaForm> Schema,
    IReadOnlyList<SkippedTable> Skipped
);

[JsonSerializable(typeof(ChangesForm))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    IgnoreReadOnlyProperties = true,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
internal sealed partial class ChangesJson : JsonSerializerContext;
