using System.Globalization;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Verification;

/// <summary>Compares the content of a restored copy with the database.</summary>
internal sealed class ContentCheck(VerificationContext context)
{
    /// <summary>Looks at what was restored. An error of this machine says nothing about the backup.</summary>
    public RestoreCheck Read(RestoreCheck check, Func<RestoreCheck> look)
    {
        try
        {
            return look();
        }
        catch (Exception e) when (ScratchError.IsMachineFault(e))
        {
            return check with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                ContentDiffers = false,
                Message =
                    $"The copy of '{context.Path}' restored from replica '{check.Replica}' could not be compared "
                    + $"on this machine: {ScratchError.Explain(e)}.",
            };
        }
        catch (SqliteException e)
        {
            return check with
            {
                Outcome = VerificationOutcome.Failed,
                Code = "LSB4103",
                Message =
                    $"The copy of '{context.Path}' restored from replica '{check.Replica}' cannot be read: {e.Message}",
            };
        }
    }

    /// <summary>
    /// Where the restored copy may be of any moment since the copy of the live database was made, another copy that is
    /// made now tells what was written meanwhile: a row that is the same in
    /// both must be the same in the restored one.
    /// </summary>
    public async Task<RestoreCheck> CompareMeanwhileAsync(
        ScratchCopy copy,
        RestoreCheck check,
        Sentinel sentinel,
        CancellationToken cancellationToken
    )
    {
        LiveCopy? later;
        string why;
        try
        {
            (later, why) = await Task.Run(
                    () =>
                        LiveCopy.TakeAsync(
                            context.Path,
                            ReaderLimit.Of(context.Settings.MaxCheckpointPages),
                            VerificationContext.ShortestPatience,
                            context.Time,
                            cancellationToken
                        ),
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
        catch (SqliteException e)
        {
            (later, why) = (null, e.Message);
        }

        if (later is null)
        {
            return check with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                ContentDiffers = false,
                Message = $"{check.GoodMessage} Its content could not be compared: {why.TrimEnd('.')}.",
            };
        }

        using (later)
        {
            return await Task.Run(
                    () => Read(check, () => CompareMeanwhile(copy.Path, later, check, sentinel, cancellationToken)),
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
    }

    private static RestoreCheck CompareMeanwhile(
        string restored,
        LiveCopy later,
        RestoreCheck check,
        Sentinel sentinel,
        CancellationToken cancellationToken
    )
    {
        var all = new ContentOptions { Limit = ContentWindow.MostDifferences, ArePrivate = true };
        using var before = sentinel.Copy!.Open();
        using var after = later.Open();
        using var between = ScratchDatabase.Open(restored);
        var window = ContentWindow.Evaluate(
            DatabaseContent.Compare(before, between, all, cancellationToken),
            DatabaseContent.Compare(before, after, all, cancellationToken),
            DatabaseContent.Compare(after, between, all, cancellationToken)
        );
        check = Compared(check, window.Wrong);
        return window.Unknown == 0 || check.Outcome == VerificationOutcome.Failed
            ? check
            : check with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                Message = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{check.GoodMessage} Not all of its content could be compared: {window.Unknown} rows were "
                        + $"changed more than once during the check."
                ),
            };
    }

    /// <summary>What a comparison of the content means for a copy that is good so far.</summary>
    public static RestoreCheck Compared(RestoreCheck check, ContentComparison comparison)
    {
        var counts = comparison
            .ActualRows.Where(table => !table.Key.StartsWith("sqlite_", StringComparison.OrdinalIgnoreCase))
            .ToDictionary();
        check = check with
        {
            RowCounts = new SortedDictionary<string, long>(counts, StringComparer.Ordinal),
            ContentDiffers = comparison.Count > 0,
        };
        if (comparison.Count > 0)
        {
            return check with
            {
                Outcome = VerificationOutcome.Failed,
                Code = "LSB4103",
                Message =
                    $"The copy restored from replica '{check.Replica}' differs from the database: "
                    + $"{comparison.Describe()}.",
            };
        }

        return comparison.IsSame
            ? check with
            {
                Outcome = VerificationOutcome.Verified,
                Code = null,
                Message = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{check.GoodMessage} Tables: {counts.Count}, rows: {counts.Values.Sum()}; compared by content, "
                        + $"no difference."
                ),
            }
            : check with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                Message = $"{check.GoodMessage} Not all of its content could be compared: {comparison}.",
            };
    }
}

/// <summary>What a restored copy showed.</summary>
internal sealed record RestoreCheck(
    VerificationOutcome Outcome,
    string? Code,
    string Message,
    string Replica,
    IReadOnlyDictionary<string, long>? RowCounts,
    long? Bytes,
    TimeSpan Time,
    bool HasSentinel,
    bool ContentDiffers
)
{
    /// <summary>What is said when the content is the same too.</summary>
    public string GoodMessage { get; init; } = "";
}
