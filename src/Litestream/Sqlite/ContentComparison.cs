namespace Litestream.Sqlite;

/// <summary>How two databases are compared.</summary>
internal sealed record ContentOptions
{
    /// <summary>How many differences are described; all of them are counted.</summary>
    public int Limit { get; init; } = 5;

    /// <summary>Whether the first difference ends the comparison.</summary>
    public bool StopAtFirst { get; init; }

    /// <summary>Whether no other process has the files open, so that their pages may be read as well.</summary>
    public bool ArePrivate { get; init; }
}

/// <summary>What became of a row or of an object of the schema.</summary>
internal enum ContentDifferenceKind
{
    /// <summary>The row is in the expected database only.</summary>
    Missing,

    /// <summary>The row is in the other database only.</summary>
    Added,

    /// <summary>The row is in both, with another value.</summary>
    Changed,

    /// <summary>A table, index, view, trigger or setting of the database is not the same.</summary>
    Schema,
}

/// <summary>One place where two databases differ. Values are not shown: a message may end in a log.</summary>
/// <param name="Table">The table; empty for a setting of the database.</param>
/// <param name="Key">The row (<c>id=7</c>, <c>rowid=7</c>), or what of the schema.</param>
/// <param name="Column">Of a changed row the first column that differs; else null.</param>
/// <param name="Kind">What became of it.</param>
/// <param name="Detail">Of the schema: how it differs.</param>
internal sealed record ContentDifference(
    string Table,
    string Key,
    string? Column,
    ContentDifferenceKind Kind,
    string Detail
)
{
    /// <summary>
    /// Tells the row from all others of the table in other comparisons too, which <see cref="Key"/>, for people, does
    /// not; null when nothing does.
    /// </summary>
    public string? Id { get; init; } = Key;

    /// <inheritdoc />
    public override string ToString() =>
        Kind switch
        {
            ContentDifferenceKind.Missing => $"{Table}: row {Key} is missing",
            ContentDifferenceKind.Added => $"{Table}: row {Key} is not in the database",
            ContentDifferenceKind.Changed => $"{Table}: row {Key} has another value in column {Column}",
            _ => $"{Key}: {Detail}",
        };
}

/// <summary>A table that was not compared.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Reason">SQLite's words.</param>
internal sealed record SkippedContent(string Table, string Reason);

/// <summary>How two databases compare.</summary>
/// <param name="Count">How many differences there are; with <see cref="ContentOptions.StopAtFirst"/> at most those of
/// the schema and one more.</param>
/// <param name="Differences">The first of them.</param>
/// <param name="ExpectedRows">The rows of each table of the expected database, as far as it was read.</param>
/// <param name="ActualRows">The same of the other one.</param>
/// <param name="Skipped">The tables that could not be read without the app.</param>
internal sealed record ContentComparison(
    long Count,
    IReadOnlyList<ContentDifference> Differences,
    IReadOnlyDictionary<string, long> ExpectedRows,
    IReadOnlyDictionary<string, long> ActualRows,
    IReadOnlyList<SkippedContent> Skipped
)
{
    /// <summary>Whether everything was compared and nothing differs.</summary>
    public bool IsSame => Count == 0 && Skipped.Count == 0;

    /// <summary>The differences, in words.</summary>
    public override string ToString()
    {
        var skipped = Skipped.Select(one => $"{one.Table}: not compared ({one.Reason.TrimEnd('.')})");
        var all = Differences.Select(one => one.ToString()).Concat(skipped).ToList();
        if (all.Count == 0)
        {
            var rows = ActualRows.Values.Sum();
            return FormattableString.Invariant($"{ActualRows.Count} tables with {rows} rows are the same");
        }

        var more = Count - Differences.Count;
        return string.Join("; ", all) + (more > 0 ? FormattableString.Invariant($"; and {more} more") : "");
    }

    /// <summary>The differences with the numbers of rows in front, in words.</summary>
    public string Describe()
    {
        const int Most = 5;
        var counts = ExpectedRows
            .Keys.Union(ActualRows.Keys)
            .Where(table => Rows(ExpectedRows, table) != Rows(ActualRows, table))
            .Order(StringComparer.Ordinal)
            .Select(table => $"{table}: {Rows(ActualRows, table)} instead of {Rows(ExpectedRows, table)}")
            .ToList();
        if (counts.Count > Most)
            counts = [.. counts.Take(Most), "..."];
        return string.Join("; ", counts.Append(ToString()));
    }

    private static string Rows(IReadOnlyDictionary<string, long> of, string table) =>
        of.TryGetValue(table, out var rows) ? FormattableString.Invariant($"{rows} rows") : "no such table";
}

/// <summary>What is known of a copy that was made at some moment between two others.</summary>
/// <param name="Wrong">The differences to the first that nothing explains which was written between them.</param>
/// <param name="Unknown">How many rows are neither as they were before nor as they are now.</param>
internal sealed record ContentWindow(ContentComparison Wrong, long Unknown)
{
    /// <summary>How many differences are remembered for this, in all.</summary>
    public const int MostDifferences = 100_000;

    /// <summary>Tells what is wrong from what was only written meanwhile.</summary>
    /// <param name="toBefore">The copy compared with the database as it was before.</param>
    /// <param name="meanwhile">The database as it is now compared with what it was before.</param>
    /// <param name="toAfter">The copy compared with the database as it is now.</param>
    public static ContentWindow Evaluate(
        ContentComparison toBefore,
        ContentComparison meanwhile,
        ContentComparison toAfter
    )
    {
        static (string, string?) Id(ContentDifference one) => (one.Table, one.Id);
        var written = meanwhile.Differences.Select(Id).ToHashSet();
        var notAsNow = toAfter.Differences.Select(Id).ToHashSet();

        // When there are too many to remember, those beyond are not known.
        var isComplete = meanwhile.Count == meanwhile.Differences.Count;
        var isNowComplete = toAfter.Count == toAfter.Differences.Count;
        var wrong = new List<ContentDifference>();
        var unknown = toBefore.Count - toBefore.Differences.Count;
        foreach (var difference in toBefore.Differences)
        {
            var id = Id(difference);

            // A row that is in neither may have come and gone again meanwhile, as those of a queue do.
            var mayHaveBeenWritten =
                !isComplete || written.Contains(id) || difference.Kind == ContentDifferenceKind.Added;
            if (!mayHaveBeenWritten)
                wrong.Add(difference);
            else if (!isNowComplete || notAsNow.Contains(id) || (difference.Id is null && written.Contains(id)))
                unknown++;
        }

        var first = wrong.Take(new ContentOptions().Limit).ToList();
        var left = toBefore with { Count = wrong.Count, Differences = first, ExpectedRows = toBefore.ActualRows };
        return new ContentWindow(left, unknown);
    }
}
