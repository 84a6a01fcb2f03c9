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
    /// <exception cref="Diagnostics.LitestreamException">LSB4002: there are backups, but none that fits; LSB4003: there
    /// are only remains of one; what the listings and the restore throw.</exception>
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
            return await catalog.HasBackupAsync(selection, cancellationToken).ConfigureAwait(false)
                ? await restore(selection).ConfigureAwait(false)
                : null;

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

            // Something was sent meanwhile, which is newer than the moment that is wanted; now that lies within the
            // lineage.
            if (await restore(selection).ConfigureAwait(false) is { } exact)
                return exact;
        }
    }
}
