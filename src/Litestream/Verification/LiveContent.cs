using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;

namespace Litestream.Verification;

/// <summary>How the content of a restored file compares with the database.</summary>
/// <param name="Note">In a sentence.</param>
/// <param name="Matches">Whether all of it was compared and is the same.</param>
internal readonly record struct ContentOutcome(string Note, bool Matches = false);

/// <summary>The database as it was before the restore, or why it is not compared.</summary>
internal sealed record LiveContent(LiveCopy? Copy, string Why) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public void Dispose() => Copy?.Dispose();

    /// <summary>Copies the database as it is before the restore, where it has a WAL: without one it is not in use, and
    /// nothing is left beside it so.</summary>
    public static async Task<LiveContent> CopyAsync(
        EffectiveConfig config,
        EffectiveDatabase database,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        if (!File.Exists(database.Path) || WalFile.Header(WalFile.PathOf(database.Path)) is null)
        {
            return new(
                null,
                File.Exists(database.Path) ? "The content was not compared: the database is not in use." : ""
            );
        }

        try
        {
            var limit = ReaderLimit.Of(ReplicationSettings.Of(config, database).MaxCheckpointPages);
            var (copy, why) = await Task.Run(
                    () => LiveCopy.TakeAsync(database.Path, limit, Patience, time, cancellationToken),
                    cancellationToken
                )
                .ConfigureAwait(false);
            return new(copy, copy is null ? $"The content could not be compared: {why}." : "");
        }
        catch (SqliteException e)
        {
            return new(null, $"The content could not be compared: {e.Message}");
        }
    }

    /// <summary>The restored file against the database; where that was written to meanwhile, the replica cut at the
    /// commit that was copied.</summary>
    /// <exception cref="LitestreamException">LSB4103: it is not the same.</exception>
    public async Task<ContentOutcome> CompareAsync(
        string database,
        ScratchCopy copy,
        ILocalState state,
        RestoreSource restored,
        CancellationToken cancellationToken
    )
    {
        if (Copy is not { } before)
            return new(Why);
        try
        {
            return await CompareAsync(database, copy, before, state, restored, cancellationToken).ConfigureAwait(false);
        }
        catch (LitestreamException e) when (e.Diagnostic.Code == "LSB0003")
        {
            return new($"The content could not be compared. {e.Diagnostic.Message}");
        }
        catch (Exception e) when (ScratchError.IsMachineFault(e))
        {
            return new($"The content could not be compared: {ScratchError.Explain(e)}.");
        }
        catch (SqliteException e)
        {
            throw new LitestreamException(
                "LSB4003",
                $"The restored copy cannot be read: {e.Message}",
                innerException: e
            );
        }
    }

    private static async Task<ContentOutcome> CompareAsync(
        string database,
        ScratchCopy copy,
        LiveCopy before,
        ILocalState state,
        RestoreSource restored,
        CancellationToken cancellationToken
    )
    {
        var comparison = await CompareFileAsync(copy.Path, stopAtFirst: true).ConfigureAwait(false);
        if (comparison.Count > 0)
        {
            if (
                state.Lineage() is not { } lineage
                || before.Mark is not { } mark
                || state.Find(lineage, mark) is not { } place
                || (state.RestorableEnd(place) is { } end && !before.RollForward(database, end))
                || restored.Replica.Length == 0
                || await copy.RestoreUpToAsync(place, restored.Replica, cancellationToken).ConfigureAwait(false)
                    is not { } cut
            )
            {
                return new("The content could not be compared: the database changed during the drill.");
            }

            comparison = await CompareFileAsync(cut, stopAtFirst: false).ConfigureAwait(false);
        }

        return comparison.Count > 0
                ? throw new LitestreamException(
                    "LSB4103",
                    $"The restored copy differs from the database: {comparison.Describe()}."
                )
            : comparison.IsSame ? new($"The content matches the database: {comparison}.", true)
            : new($"Not all of the content could be compared: {comparison}.");

        Task<ContentComparison> CompareFileAsync(string file, bool stopAtFirst) =>
            Task.Run(
                () => before.CompareWith(file, new() { StopAtFirst = stopAtFirst }, cancellationToken),
                cancellationToken
            );
    }
}
