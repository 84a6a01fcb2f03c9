using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Releases.V03;

namespace Litestream.Verbs;

/// <summary>Verbs that list what is in the replicas of one database, or of all of them.</summary>
internal static class ListingVerbs
{
    /// <summary>The rows of one database, each as an item with the cells of its row.</summary>
    private delegate Task<IEnumerable<(VerbItem Item, IReadOnlyList<object?> Cells)>> Rows(
        BackupCatalog catalog,
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    );

    /// <summary>The generations in the replicas, with the time they cover and how far they are behind.</summary>
    public static Task GenerationsAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken) =>
        ListAsync(
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
        ListAsync(
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
        return ListAsync(
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

    /// <summary>Says what to use instead. It reads no LTX files.</summary>
    public static async Task LtxAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var timeout = options.Duration(OptionName.Timeout);
        var config = host.LoadConfig();
        var path = (
            options.Text(OptionName.Database) is { } name and not "*" ? config.Choose(name) : config.ChooseMany("*")[0]
        ).ConfiguredPath;
        var version = await host.CreateCatalog(config, timeout).VersionAsync(cancellationToken).ConfigureAwait(false);
        throw ReleaseLine.Of(version).Refuse("ltx", version, path)!;
    }

    /// <summary>A row whose cells are the values of its item.</summary>
    private static (VerbItem Item, IReadOnlyList<object?> Cells) Row(
        string identity,
        params (string Name, object? Value)[] values
    ) => (new VerbItem(identity, values), [.. values.Select(value => value.Value)]);

    private static async Task ListAsync(
        VerbHost host,
        VerbOptions options,
        string verb,
        IReadOnlyList<string> columns,
        Rows list,
        CancellationToken cancellationToken
    )
    {
        if (options.Text(OptionName.Arguments) is not null)
            throw new LitestreamException(
                "LSB3008",
                $"{new VerbName(verb)} does not pass on {OptionName.Arguments}. Use {OptionName.Database} and "
                    + $"{OptionName.Replica}, or {VerbName.Run}, which runs any command."
            );
        var timeout = options.Duration(OptionName.Timeout);
        var config = host.LoadConfig();
        var databases = config.ChooseMany(options.Text(OptionName.Database));
        var catalog = host.CreateCatalog(config, timeout);
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
                host.Report(
                    (
                        await OtherLineAsync(verb, catalog, database, exception, cancellationToken)
                            .ConfigureAwait(false)
                    ).Diagnostic
                );
            }
        }

        if (rows.Count > 0 || !host.HasErrors)
            host.PrintTable(["database", .. columns], rows);
    }

    /// <summary>
    /// The executable is only asked for its version when a command failed: then it may be that its release line does
    /// not have it.
    /// </summary>
    private static async Task<LitestreamException> OtherLineAsync(
        string verb,
        BackupCatalog catalog,
        EffectiveDatabase database,
        LitestreamException exception,
        CancellationToken cancellationToken
    )
    {
        if (exception.Diagnostic.Code != "LSB3001")
            return exception;
        var version = await catalog.VersionAsync(cancellationToken).ConfigureAwait(false);
        return ReleaseLine.Of(version).Refuse(verb, version, database.ConfiguredPath, exception) ?? exception;
    }
}
