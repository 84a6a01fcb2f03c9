using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;

namespace Litestream.Verification;

/// <summary>Restores from a replica and checks what comes back.</summary>
internal sealed class RestoreChecker(VerificationContext context, ReplicaLineages lineages, SemaphoreSlim restores)
{
    private readonly ContentCheck _content = new(context);

    /// <param name="replica">What is restored from.</param>
    /// <param name="sentinel">What has to be there.</param>
    /// <param name="arrival">Where it stands; null where places are not known.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<RestoreCheck> RunAsync(
        ReplicaSettings replica,
        Sentinel sentinel,
        Arrival? arrival,
        CancellationToken cancellationToken
    )
    {
        await restores.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var start = context.Time.GetTimestamp();
            using var copy = new ScratchCopy(
                context.Executable,
                context.Config,
                context.Database,
                context.StorageTimeout
            );
            var check = new RestoreCheck(
                VerificationOutcome.Failed,
                "LSB4103",
                "",
                replica.Name,
                null,
                null,
                default,
                false,
                false
            );
            try
            {
                var own = arrival?.Target?.Lineage;
                if (await RestoreAsync(copy, replica, own, cancellationToken).ConfigureAwait(false) is not { } taken)
                {
                    var others = replica.Folder is { } folder
                        ? string.Concat(
                            context
                                .Line.Older.Where(line => line.Layout.Find(folder) is not null)
                                .Select(line => $" It also holds a backup of release line {line.Name}.")
                        )
                        : "";
                    return check with
                    {
                        Message =
                            $"Replica '{replica.Name}' of '{context.Path}' cannot be restored: the changes arrive, "
                            + $"but their full copy is missing.{others} Stop the replicator, "
                            + $"delete '{context.Database.MetaPath}' and start it again: it then sends a full copy.",
                    };
                }

                if (own is not null && taken.Length > 0)
                {
                    return check with
                    {
                        Message = await lineages
                            .DescribeTakenAsync(replica, taken, own, cancellationToken)
                            .ConfigureAwait(false),
                        Bytes = copy.Bytes,
                        Time = context.Time.GetElapsedTime(start),
                    };
                }
            }
            catch (LitestreamException e) when (e.Diagnostic.Code == "LSB4003" || RestoreErrors.IsHole(e.Diagnostic))
            {
                return check with
                {
                    Message = $"Replica '{replica.Name}' of '{context.Path}' is damaged: {e.Diagnostic.Message}",
                };
            }

            check = check with { Bytes = copy.Bytes };
            check = await Task.Run(
                    () =>
                        _content.Read(
                            check,
                            () => Inspect(copy, check, sentinel, arrival?.ExactTarget is not null, cancellationToken)
                        ),
                    cancellationToken
                )
                .ConfigureAwait(false);
            if (check.ContentDiffers)
            {
                // The restored copy may be newer than the copy of the live database.
                check =
                    arrival?.ExactTarget is { } exactTarget
                    && await copy.RestoreUpToAsync(exactTarget, replica.Name, cancellationToken).ConfigureAwait(false)
                        is { } cut
                        ? await Task.Run(
                                () =>
                                    _content.Read(
                                        check,
                                        () =>
                                            ContentCheck.Compared(
                                                check,
                                                sentinel.Copy!.CompareWith(cut, new(), cancellationToken)
                                            )
                                    ),
                                cancellationToken
                            )
                            .ConfigureAwait(false)
                        : await _content
                            .CompareMeanwhileAsync(copy, check, sentinel, cancellationToken)
                            .ConfigureAwait(false);
            }

            if (check is { Outcome: VerificationOutcome.Failed, HasSentinel: false })
            {
                check = check with
                {
                    Message =
                        check.Message
                        + await lineages.DescribeOtherAsync(replica, cancellationToken).ConfigureAwait(false),
                };
            }

            return check with { Time = context.Time.GetElapsedTime(start) };
        }
        finally
        {
            restores.Release();
        }
    }

    /// <summary>
    /// Once more when it fails: retention may have removed what the first one was about to fetch. And once more when it
    /// takes another lineage while
    /// lineages begin here: it may have been one of them.
    /// </summary>
    /// <param name="copy">Where to.</param>
    /// <param name="replica">Where from.</param>
    /// <param name="own">The lineage that the commit is in; null where it is not known.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>
    /// The lineage that it took when that is none of this database, else empty; null when there is no backup.
    /// </returns>
    private async Task<string?> RestoreAsync(
        ScratchCopy copy,
        ReplicaSettings replica,
        string? own,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (
                    await copy.RestoreAsync(
                            new RestoreSelection(context.Database) { Replica = replica.Name },
                            cancellationToken
                        )
                        .ConfigureAwait(false)
                    is not { } source
                )
                {
                    return null;
                }

                var taken = source.Lineage;
                if (own is null || taken == own || taken == context.State.Lineage())
                    return "";
                if (taken.Length == 0)
                {
                    return await lineages.NewestOfOthersAsync(replica, own, cancellationToken).ConfigureAwait(false)
                        ?? "";
                }

                if (attempt == VerificationContext.Attempts || context.State.Lineage() == own)
                    return taken;
                await Task.Delay(VerificationContext.LongestPause, context.Time, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (LitestreamException e)
                when (attempt < VerificationContext.Attempts
                    && e.Diagnostic.Code != "LSB0003"
                    && e.InnerException is not OperationCanceledException
                )
            {
                // Once more.
            }
        }
    }

    private RestoreCheck Inspect(
        ScratchCopy copy,
        RestoreCheck check,
        Sentinel sentinel,
        bool canBeCut,
        CancellationToken cancellationToken
    )
    {
        using var connection = ScratchDatabase.Open(copy.Path);
        if (
            ScratchDatabase.Damage(
                connection,
                context.Options.Level == VerificationLevel.Full,
                out var note,
                cancellationToken
            ) is
            { } damage
        )
        {
            return check with
            {
                Message = $"The copy of '{context.Path}' restored from replica '{check.Replica}' is damaged: {damage}.",
            };
        }

        if (sentinel.Row is { } row)
        {
            var found = LiveDatabase.ReadRow(connection, row.Table);
            if (found?.Includes(row) != true)
            {
                return check with
                {
                    Message =
                        $"The copy of '{context.Path}' restored from replica '{check.Replica}' is an older state: it "
                        + $"lacks the commit that has arrived "
                        + (
                            found is null
                                ? "(it has no verification row)."
                                : $"(its newest verification row is from {found.Written})."
                        ),
                };
            }
        }

        var good = check with
        {
            Outcome = VerificationOutcome.Verified,
            Code = null,
            HasSentinel = true,
            Message = $"'{context.Path}' was restored from replica '{check.Replica}' with its last commit.{note}",
        };
        if (context.Options.Level != VerificationLevel.Full)
        {
            return good with
            {
                Message =
                    $"{good.Message} Level {context.Options.Level}: rows were neither counted nor compared; Full "
                    + $"compares the content.",
            };
        }

        if (sentinel.Copy is not { } live)
        {
            return good with
            {
                Outcome = VerificationOutcome.Inconclusive,
                Code = "LSB4106",
                Message = $"{good.Message} Its content could not be compared: {sentinel.WhyNoCopy}.",
            };
        }

        // Where pages differ and the copy can be cut at just the commit, its rows are compared then, and not
        // before.
        good = good with
        {
            GoodMessage = good.Message,
        };
        if (canBeCut)
        {
            return live.ComparePages(copy.Path, cancellationToken) is { } same
                ? ContentCheck.Compared(good, same)
                : good with
                {
                    ContentDiffers = true,
                };
        }

        return ContentCheck.Compared(
            good,
            live.CompareWith(copy.Path, new() { StopAtFirst = true }, cancellationToken)
        );
    }
}
