using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases.V03;
using ReleaseLine = Litestream.Releases.ReleaseLine;

namespace Litestream.Verbs;

/// <summary>
/// What the verbs have in common that list what is in the replicas of one database, or of all of them.
/// </summary>
internal abstract record ListingVerb : Verb
{
    /// <summary>
    /// Path as configured, path of the file, connection string name, or <c>*</c>; empty for the only one.
    /// </summary>
    public string? Database { get; init; }

    /// <summary>The name of a replica; empty for all.</summary>
    public string? Replica { get; init; }

    /// <summary>The time limit of each listing; empty for the default.</summary>
    public string? Timeout { get; init; }

    /// <summary>Not for these: whatever the executable's command takes has an option.</summary>
    public string? Arguments { get; init; }

    /// <summary>Its name among the targets.</summary>
    protected abstract string Name { get; }

    /// <summary>The executable's command.</summary>
    protected abstract string Command { get; }

    /// <summary>The columns after <c>database</c>.</summary>
    protected abstract IReadOnlyList<string> Columns { get; }

    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        if (OptionValue.Trim(Arguments) is not null)
            throw new LitestreamException(
                "LSB3008",
                $"{Name} passes no LitestreamArguments on: LitestreamDatabase and LitestreamReplica say all there "
                    + $"is to say. LitestreamRun runs any command."
            );
        var timeout = OptionValue.Duration("LitestreamTimeout", Timeout);
        CheckOptions();

        var config = host.LoadConfig();
        var databases = config.ChooseMany(OptionValue.Trim(Database));
        var client = host.CreateCatalog(config, timeout);
        var rows = new List<IReadOnlyList<string>>();
        foreach (var database in databases)
        {
            try
            {
                foreach (
                    var (cells, item) in await ListAsync(client, database, OptionValue.Trim(Replica), cancellationToken)
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
                        await OtherLineAsync(client, database, exception, cancellationToken).ConfigureAwait(false)
                    ).Diagnostic
                );
            }
        }

        if (rows.Count > 0 || !host.HasErrors)
            host.PrintTable(["database", .. Columns], rows);
    }

    /// <summary>Checks options of the verb's own.</summary>
    protected virtual void CheckOptions() { }

    /// <summary>The rows of one database, each as cells and as an item.</summary>
    protected abstract Task<IEnumerable<(IReadOnlyList<object?> Cells, VerbItem Item)>> ListAsync(
        BackupCatalog client,
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    );

    /// <summary>
    /// The executable is only asked for its version when a command failed: then it may be that its release line does
    /// not have it.
    /// </summary>
    private async Task<LitestreamException> OtherLineAsync(
        BackupCatalog client,
        EffectiveDatabase database,
        LitestreamException exception,
        CancellationToken cancellationToken
    )
    {
        if (exception.Diagnostic.Code != "LSB3001")
            return exception;
        var version = await client.VersionAsync(cancellationToken).ConfigureAwait(false);
        return ReleaseLine.Of(version).Refuse(Command, version, database.ConfiguredPath, exception) ?? exception;
    }
}

/// <summary>The generations in the replicas, with the time they cover and how far they are behind.</summary>
internal sealed record GenerationsVerb : ListingVerb
{
    protected override string Name => "LitestreamGenerations";

    protected override string Command => "generations";

    protected override IReadOnlyList<string> Columns => ["replica", "generation", "lag", "start", "end"];

    protected override async Task<IEnumerable<(IReadOnlyList<object?> Cells, VerbItem Item)>> ListAsync(
        BackupCatalog client,
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    ) =>
        (await client.GenerationsAsync(database, replica, cancellationToken).ConfigureAwait(false)).Select(generation =>
            (
                (IReadOnlyList<object?>)
                    [
                        generation.Replica,
                        generation.Name,
                        generation.Lag is { } lag ? $"{VerbItem.Text(lag)}s" : "",
                        generation.Start,
                        generation.End,
                    ],
                new VerbItem(
                    generation.Name,
                    [
                        ("Replica", generation.Replica),
                        ("Lag", generation.Lag),
                        ("Start", generation.Start),
                        ("End", generation.End),
                    ]
                )
            )
        );
}

/// <summary>The snapshots in the replicas. Sizes are those of the compressed files.</summary>
internal sealed record SnapshotsVerb : ListingVerb
{
    protected override string Name => "LitestreamSnapshots";

    protected override string Command => "snapshots";

    protected override IReadOnlyList<string> Columns => ["replica", "generation", "index", "size", "created"];

    protected override async Task<IEnumerable<(IReadOnlyList<object?> Cells, VerbItem Item)>> ListAsync(
        BackupCatalog client,
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    ) =>
        (await client.SnapshotsAsync(database, replica, cancellationToken).ConfigureAwait(false)).Select(snapshot =>
            (
                (IReadOnlyList<object?>)
                    [snapshot.Replica, snapshot.Generation, snapshot.Index, snapshot.Size, snapshot.Created],
                new VerbItem(
                    $"{snapshot.Generation}/{snapshot.Index:x8}",
                    [
                        ("Replica", snapshot.Replica),
                        ("Generation", snapshot.Generation),
                        ("Index", snapshot.Index),
                        ("Size", snapshot.Size),
                        ("Created", snapshot.Created),
                    ]
                )
            )
        );
}

/// <summary>
/// The WAL segments in the replicas. Sizes are those of the compressed files, offsets those in the WAL itself.
/// </summary>
internal sealed record WalVerb : ListingVerb
{
    /// <summary>Only the segments of this generation; empty for all.</summary>
    public string? Generation { get; init; }

    protected override string Name => "LitestreamWal";

    protected override string Command => "wal";

    protected override IReadOnlyList<string> Columns => ["replica", "generation", "index", "offset", "size", "created"];

    protected override void CheckOptions() => _ = OptionValue.Generation("LitestreamGeneration", Generation);

    protected override async Task<IEnumerable<(IReadOnlyList<object?> Cells, VerbItem Item)>> ListAsync(
        BackupCatalog client,
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    ) =>
        (
            await client
                .WalSegmentsAsync(
                    database,
                    replica,
                    OptionValue.Generation("LitestreamGeneration", Generation),
                    cancellationToken
                )
                .ConfigureAwait(false)
        ).Select(segment =>
            (
                (IReadOnlyList<object?>)
                    [segment.Replica, segment.Generation, segment.Index, segment.Offset, segment.Size, segment.Created],
                new VerbItem(
                    $"{segment.Generation}/{segment.Index:x8}_{segment.Offset:x8}",
                    [
                        ("Replica", segment.Replica),
                        ("Generation", segment.Generation),
                        ("Index", segment.Index),
                        ("Offset", segment.Offset),
                        ("Size", segment.Size),
                        ("Created", segment.Created),
                    ]
                )
            )
        );
}

/// <summary>Says what to use instead. It reads no LTX files.</summary>
internal sealed record LtxVerb : Verb
{
    /// <summary>Path as configured, path of the file, or connection string name; empty for the only one.</summary>
    public string? Database { get; init; }

    /// <summary>The time limit; empty for the default.</summary>
    public string? Timeout { get; init; }

    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var timeout = OptionValue.Duration("LitestreamTimeout", Timeout);
        var config = host.LoadConfig();
        var path = (
            OptionValue.Trim(Database) is { } name and not "*" ? config.Choose(name) : config.ChooseMany("*")[0]
        ).ConfiguredPath;
        var version = await host.CreateCatalog(config, timeout).VersionAsync(cancellationToken).ConfigureAwait(false);
        throw ReleaseLine.Of(version).Refuse("ltx", version, path)!;
    }
}
