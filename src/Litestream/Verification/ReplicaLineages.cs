using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;

namespace Litestream.Verification;

/// <summary>Which lineages a replica holds beside that of the database here.</summary>
internal sealed class ReplicaLineages(VerificationContext context)
{
    /// <summary>A sentence when the replica has lineages, but not that of the database here.</summary>
    public async Task<string> DescribeOtherAsync(ReplicaSettings replica, CancellationToken cancellationToken)
    {
        try
        {
            var lineages = (
                await context
                    .Catalog.LineagesAsync(context.Database, replica.Name, cancellationToken)
                    .ConfigureAwait(false)
            )
                .Select(g => g.Name)
                .ToList();
            var own = context.State.Lineage();
            if (own is not null && lineages.Contains(own))
            {
                return await NewestOfOthersAsync(replica, own, cancellationToken).ConfigureAwait(false) is { } newest
                    ? " " + await DescribeTakenAsync(replica, newest, own, cancellationToken).ConfigureAwait(false)
                    : "";
            }

            return lineages.Count == 0
                ? ""
                : $" The replica holds another lineage "
                    + $"({string.Join(", ", lineages.Take(3))}{(lineages.Count > 3 ? ", ..." : "")}) than this "
                    + $"database ({own ?? "none"}): it belongs to another database, or another database has "
                    + $"replaced this one.";
        }
        catch (LitestreamException)
        {
            return "";
        }
    }

    /// <summary>
    /// The lineage that a restore would take by the lists, when it is none of this database; else null. Lineages
    /// of this database follow each other: none is written to once the next has begun.
    /// (The lists have whole seconds, in which one may end and the next begin.)
    /// </summary>
    /// <exception cref="LitestreamException">LSB4005: the storage cannot be listed.</exception>
    public async Task<string?> NewestOfOthersAsync(
        ReplicaSettings replica,
        string own,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            IReadOnlyList<LineageRange> lineages;
            try
            {
                lineages = await context
                    .Catalog.LineagesAsync(context.Database, replica.Name, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (LitestreamException e)
            {
                throw new LitestreamException(
                    "LSB4005",
                    $"Replica '{replica.Name}' of '{context.Path}' cannot be listed: {e.Diagnostic.Message}",
                    innerException: e
                );
            }

            var mine = lineages.FirstOrDefault(g => g.Name == own);
            var other = lineages.Where(g => g.Name != own && g.End is not null).MaxBy(g => g.End);
            if (
                other is null
                || (mine is not null && (other.End < mine.End || other.End <= mine.Start))
                || other.Name == context.State.Lineage()
            )
            {
                return null;
            }

            if (attempt == VerificationContext.Attempts || context.State.Lineage() == own)
                return other.Name;

            // One is being begun here.
            await Task.Delay(VerificationContext.LongestPause, context.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What it means that a restore takes another lineage than that of this database.</summary>
    public async Task<string> DescribeTakenAsync(
        ReplicaSettings replica,
        string taken,
        string own,
        CancellationToken cancellationToken
    )
    {
        var isOlder = false;
        try
        {
            var lineages = await context
                .Catalog.LineagesAsync(context.Database, replica.Name, cancellationToken)
                .ConfigureAwait(false);
            isOlder =
                lineages.FirstOrDefault(g => g.Name == own) is not { } mine
                || lineages.FirstOrDefault(g => g.Name == taken)?.End <= mine.Start;
        }
        catch (LitestreamException)
        {
            // Then there is no telling.
        }

        return $"A restore from replica '{replica.Name}' takes {context.Line.LineageWord} {taken}, but "
            + $"'{context.Path}' has {context.Line.LineageWord} {own}. "
            + (
                isOlder
                    ? "The commits sent from here cannot be restored: a restore gives an older lineage, or that of "
                        + "another host or database that writes to the replica."
                    : "Another host or database also writes to the replica, and was the last to do so. Let only "
                        + "one of them replicate to this place, and give the other its own replica."
            );
    }

    public async Task<LitestreamException?> ProbeAsync(ReplicaSettings replica, CancellationToken cancellationToken)
    {
        try
        {
            await context
                .Catalog.FullCopiesAsync(context.Database, replica.Name, cancellationToken)
                .ConfigureAwait(false);
            return null;
        }
        catch (LitestreamException e)
        {
            return new LitestreamException("LSB4005", e.Diagnostic.Message, innerException: e);
        }
    }
}
