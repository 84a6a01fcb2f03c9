using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;

namespace Litestream.Releases;

/// <summary>
/// A note in storage that is not a folder, for executables of older release lines: a newer line has written to this
/// replica. Release line 0.3 lists there what it calls generations and nothing else, so the note is a generation by
/// name, without anything that could be restored from it. The executable writes it: an empty database that is sent
/// there.
/// </summary>
internal static class ReplicaNote
{
    /// <summary>As long as the name of a generation, and no random number.</summary>
    public const string Generation = "0505050505050505";

    private const string Place = "generations/" + Generation;

    /// <summary>Whether an executable has to leave one for those of older lines: in storage that they know. NATS has no
    /// path, so there the note would be written to the place of the backup itself.</summary>
    public static bool IsNeeded(ReleaseLine line, EffectiveDatabase database) =>
        line.Older.Count > 0
        && database.Replicas.Any(replica => replica.Type is "s3" or "gcs" or "gs" or "abs" or "sftp");

    /// <summary>Whether a newer line has left one for this executable.</summary>
    /// <param name="executable">One of an older line.</param>
    /// <param name="config">What it is started with.</param>
    /// <param name="database">The database, which need not exist.</param>
    /// <param name="replica">The name of one replica; null for all.</param>
    /// <param name="moment">It does not count for a moment at which the older line still sent; null: now.</param>
    /// <param name="timeout">How long the listing may take; null: 2 minutes.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <exception cref="LitestreamException">LSB0003, LSB2008, LSB3001, LSB3005: the replica cannot be listed.
    /// </exception>
    public static async Task<bool> IsThereAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        string? replica,
        DateTimeOffset? moment,
        TimeSpan? timeout,
        CancellationToken cancellationToken
    )
    {
        if (
            executable.Line.Newer.Count == 0
            || !database.Replicas.Any(one => one.Folder is null && (replica is null || one.Name == replica))
        )
        {
            return false;
        }

        // It lists nothing for a file that is not there, and looks at no more than the time of one that is.
        var elsewhere = config.Elsewhere(database, executable.Path, below: "");
        var lineages = await executable
            .Line.Catalog(executable, elsewhere, timeout)
            .LineagesAsync(elsewhere.Databases[0], replica, cancellationToken)
            .ConfigureAwait(false);
        return lineages.Any(lineage => lineage.Name == Generation) && !(moment <= lineages.Max(lineage => lineage.End));
    }

    /// <summary>Leaves one where there is none yet.</summary>
    /// <param name="executable">One of a newer line.</param>
    /// <param name="config">What it is started with.</param>
    /// <param name="database">One of its databases.</param>
    /// <param name="folder">A private folder.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <returns>False when that did not work: the storage may not answer.</returns>
    public static async Task<bool> WriteAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        EffectiveDatabase database,
        string folder,
        CancellationToken cancellationToken
    )
    {
        var work = Path.Combine(folder, $"note-{Guid.NewGuid():n}");
        try
        {
            Directory.CreateDirectory(work);
            var file = Path.Combine(work, "note.db");
            var elsewhere = config.Elsewhere(database, file, Place);
            if (await IsListedAsync().ConfigureAwait(false))
                return true;
            NonDatabaseFile.CreateNew(file).Dispose();
            await new CatalogCommands(executable, elsewhere, timeout: null)
                .RunAsync("replicate", ["-once"], cancellationToken)
                .ConfigureAwait(false);
            return await IsListedAsync().ConfigureAwait(false);

            async Task<bool> IsListedAsync() =>
                (
                    await executable
                        .Line.Catalog(executable, elsewhere, null)
                        .LineagesAsync(elsewhere.Databases[0], replica: null, cancellationToken)
                        .ConfigureAwait(false)
                ).Count > 0;
        }
        catch (Exception e) when (e is LitestreamException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
        finally
        {
            Remove(work);
        }
    }

    private static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It goes with the folder that it is in.
        }
    }
}
