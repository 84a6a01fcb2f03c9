using Litestream.Diagnostics;
using Litestream.Releases;

namespace Litestream.Restore;

/// <summary>
/// Restores a selection, and what the executable itself does not find: a moment after the last change of a lineage.
/// </summary>
internal static class MomentRestore
{
    /// <param name="catalog">Lists what there is.</param>
    /// <param name="selection">Which state.</param>
    /// <param name="restore">Restores a selection, over what was restored before; null when there is no
    /// backup.</param>
    /// <param name="cancellationToken">Ends the listings.</param>
    /// <returns>What it took; null when there is no backup at all.</returns>
    /// <exception cref="LitestreamException">LSB4002: there are backups, but none that fits; LSB4003: there is one from
    /// which nothing can be restored; what the listings and the restore throw.</exception>
    public static async Task<RestoreSource?> RunAsync(
        IBackupCatalog catalog,
        RestoreSelection selection,
        Func<RestoreSelection, Task<RestoreSource?>> restore,
        CancellationToken cancellationToken
    )
    {
        if (await restore(selection).ConfigureAwait(false) is { } source)
            return source;
        if (selection is { Timestamp: null, Lineage: null, Index: null, TxId: null })
        {
            if (!await catalog.HasBackupAsync(selection, cancellationToken).ConfigureAwait(false))
                return null;
            return await restore(selection).ConfigureAwait(false)
                ?? throw new LitestreamException(
                    "LSB4003",
                    $"The replica of '{selection.Database.Path}' has the files of a backup, but Litestream finds "
                        + "nothing in them to restore. Restore an earlier state, or give the database another replica "
                        + "path."
                );
        }

        while (true)
        {
            var lineage = await catalog.LastBeforeAsync(selection, cancellationToken).ConfigureAwait(false);
            if (lineage is null)
                return null;

            var newest = selection with { Timestamp = null, Replica = lineage.Replica, Lineage = lineage.Name };
            var taken = await restore(newest).ConfigureAwait(false);
            var now = await catalog.LastBeforeAsync(selection, cancellationToken).ConfigureAwait(false);
            if (taken is null || (now?.Name, now?.End) == (lineage.Name, lineage.End))
                return taken;

            // Something was sent meanwhile, which is newer than the moment that is wanted; now that is within the
            // lineage.
            if (await restore(selection).ConfigureAwait(false) is { } exact)
                return exact;
        }
    }
}
