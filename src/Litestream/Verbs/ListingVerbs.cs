using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Releases.V03;
using Litestream.Releases.V05;

namespace Litestream.Verbs;

/// <summary>Verbs that list what is in the replicas of one database, or of all of them.</summary>
internal static class ListingVerbs
{
    /// <summary>The rows of one database, each as an item with the cells of its row.</summary>
    private delegate Task<IEnumerable<(VerbItem Item, IReadOnlyList<object?> Cells)>> Rows<TCatalog>(
        TCatalog catalog,
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    );

    /// <summary>The generations in the replicas, with the time they cover and how far they are behind.</summary>
    public static Task GenerationsAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken) =>
        ListAsync<BackupCatalog>(
            host,
            options,
            "generations",
            ["replica", "generation", "lag", "start", "end"],
            async (catalog, database, replica, cancellationToken) =>
                (await catalog.GenerationsAsync(database, replica, cancellationToken).ConfigureAwait(false)).Select(
                    one =>
                        (
                            new VerbItem(
                                one.Name,
                                [
                                    ("Replica", one.Replica),
                                    ("Lag", one.Lag),
                                    ("Start", one.Start),
                                    ("End", one.End),
                                ]
                            ),
                            (IReadOnlyList<object?>)
                                [
                                    one.Replica,
                                    one.Name,
                                    one.Lag is { } lag ? $"{VerbItem.Text(lag)}s" : "",
                                    one.Start,
                                    one.End,
                                ]
                        )
                ),
            cancellationToken
        );

    /// <summary>The snapshots in the replicas. Sizes are those of the compressed files.</summary>
    public static Task SnapshotsAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken) =>
        ListAsync<BackupCatalog>(
            host,
            options,
            "snapshots",
            ["replica", "generation", "index", "size", "created"],
            async (catalog, database, replica, cancellationToken) =>
                (await catalog.SnapshotsAsync(database, replica, cancellationToken).ConfigureAwait(false)).Select(one =>
                    Row(
                        $"{one.Generation}/{one.Index:x8}",
                        ("Replica", one.Replica),
                        ("Generation", one.Generation),
                        ("Index", one.Index),
                        ("Size", one.Size),
                        ("Created", one.Created)
                    )
                ),
            cancellationToken
        );

    /// <summary>
    /// The WAL segments in the replicas. Sizes are those of the compressed files, offsets those in the WAL itself.
    /// </summary>
    public static Task WalAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var generation = options.Generation(OptionName.Generation);
        return ListAsync<BackupCatalog>(
            host,
            options,
            "wal",
            ["replica", "generation", "index", "offset", "size", "created"],
            async (catalog, database, replica, cancellationToken) =>
                (
                    await catalog
                        .WalSegmentsAsync(database, replica, generation, cancellationToken)
                        .ConfigureAwait(false)
                ).Select(one =>
                    Row(
                        $"{one.Generation}/{one.Index:x8}_{one.Offset:x8}",
                        ("Replica", one.Replica),
                        ("Generation", one.Generation),
                        ("Index", one.Index),
                        ("Offset", one.Offset),
                        ("Size", one.Size),
                        ("Created", one.Created)
                    )
                ),
            cancellationToken
        );
    }

    /// <summary>The LTX files in the replicas, by level. Sizes are those of the files.</summary>
    public static Task LtxAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken) =>
        ListAsync<LtxCatalog>(
            host,
            options,
            "ltx",
            ["replica", "level", "min_txid", "max_txid", "size", "created"],
            async (catalog, database, replica, cancellationToken) =>
                (await catalog.FilesAsync(database, replica, cancellationToken).ConfigureAwait(false)).Select(one =>
                    Row(
                        $"{one.Level}/{one.MinTxId}-{one.MaxTxId}",
                        ("Replica", one.Replica),
                        ("Level", one.Level),
                        ("MinTxId", one.MinTxId),
                        ("MaxTxId", one.MaxTxId),
                        ("Size", one.Size),
                        ("Created", one.Created)
                    )
                ),
            cancellationToken
        );

    /// <summary>A row whose cells are the values of its item.</summary>
    private static (VerbItem Item, IReadOnlyList<object?> Cells) Row(
        string identity,
        params (string Name, object? Value)[] values
    ) => (new VerbItem(identity, values), [.. values.Select(value => value.Value)]);

    private static async Task ListAsync<TCatalog>(
        VerbHost host,
        VerbOptions options,
        string verb,
        IReadOnlyList<string> columns,
        Rows<TCatalog> list,
        CancellationToken cancellationToken
    )
        where TCatalog : IBackupCatalog
    {
        if (options.Text(OptionName.Arguments) is not null)
        {
            throw new LitestreamException(
                "LSB3008",
                $"{new VerbName(verb)} does not pass on {OptionName.Arguments}. Use {OptionName.Database} and "
                    + $"{OptionName.Replica}, or {VerbName.Run}, which runs any command."
            );
        }

        var timeout = options.Duration(OptionName.Timeout);
        var config = host.LoadConfig();
        var databases = config.ChooseMany(options.Text(OptionName.Database));
        if (host.CreateCatalog(config, timeout) is not TCatalog catalog)
            throw await OtherLineAsync(host, verb, cancellationToken).ConfigureAwait(false);
        var rows = new List<IReadOnlyList<string>>();
        foreach (var database in databases)
        {
            try
            {
                foreach (
                    var (item, cells) in await list(
                            catalog,
                            database,
                            options.Text(OptionName.Replica),
                            cancellationToken
                        )
                        .ConfigureAwait(false)
                )
                {
                    rows.Add([database.ConfiguredPath, .. cells.Select(VerbItem.Text)]);
                    host.Add(
                        item.Identity,
                        [.. item.Values, ("Database", database.ConfiguredPath), ("Path", database.Path)]
                    );
                }
            }
            catch (LitestreamException exception)
            {
                // One database that cannot be listed does not hide the others.
                host.Report(exception.Diagnostic);
            }
        }

        if (rows.Count > 0 || !host.HasErrors)
            host.PrintTable(["database", .. columns], rows);
        PrintOtherLines(host, databases, options.Text(OptionName.Replica));
    }

    /// <summary>What is in the replicas that are folders, and the executable does not list.</summary>
    private static void PrintOtherLines(VerbHost host, IReadOnlyList<EffectiveDatabase> databases, string? replica)
    {
        var line = host.PrepareExecutable().Line;
        foreach (var database in databases)
        {
            foreach (
                var folder in database
                    .Replicas.Where(one => replica is null || one.Name == replica)
                    .Select(one => one.Folder)
            )
            {
                foreach (var other in line.Older.Concat(line.Newer))
                {
                    try
                    {
                        if (folder is null || other.Layout.Find(folder) is not { } found)
                            continue;
                        host.Print(
                            $"'{found.Folder}' holds a backup of {database.ConfiguredPath} by litestream "
                                + $"{other.Name}, from "
                                + $"{found.Oldest:u} to {found.Newest:u} ({ByteSize.Text(found.Bytes)})."
                        );
                        if (line.Older.Contains(other))
                            host.Print($"{VerbName.Restore} with {OptionName.Timestamp} reaches it.");
                        else
                            host.Print("This executable does not read it (LSB4011).");
                    }
                    catch (LitestreamException)
                    {
                        // The list of the replica says that it cannot be read.
                    }
                }
            }
        }
    }

    private static async Task<LitestreamException> OtherLineAsync(
        VerbHost host,
        string verb,
        CancellationToken cancellationToken
    )
    {
        var executable = host.PrepareExecutable();
        return executable.Line.Refuse(
            verb,
            await executable.GetVersionAsync(cancellationToken).ConfigureAwait(false)
        )!;
    }
}
