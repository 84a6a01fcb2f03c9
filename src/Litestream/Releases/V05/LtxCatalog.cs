using System.Globalization;
using System.Text.Json;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases.V03;

namespace Litestream.Releases.V05;

/// <summary>What is in the replicas of release line 0.5, as the executable lists it.</summary>
/// <param name="commands">Runs the executable.</param>
/// <param name="config">What it is started with.</param>
internal sealed class LtxCatalog(CatalogCommands commands, EffectiveConfig config) : IBackupCatalog
{
    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    public TimeSpan Timeout => commands.Timeout;

    public Task<string> VersionAsync(CancellationToken cancellationToken) => commands.VersionAsync(cancellationToken);

    public async Task<IReadOnlyList<DatabaseEntry>> DatabasesAsync(CancellationToken cancellationToken) =>
        await ListAsync(
                "databases",
                ["-json"],
                row =>
                {
                    var path = row.GetProperty("path").GetString() ?? "";
                    var known = config.Databases.FirstOrDefault(database => database.Path == path);
                    return new DatabaseEntry(
                        path,
                        known is null
                            ? [row.GetProperty("replica").GetString() ?? ""]
                            : [.. known.Replicas.Select(replica => replica.Name)]
                    );
                },
                cancellationToken
            )
            .ConfigureAwait(false);

    /// <summary>The LTX files of a database, by level and TXID.</summary>
    /// <param name="database">The database, which need not exist.</param>
    /// <param name="replica">The name of its replica; null: whichever it has.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    public async Task<IReadOnlyList<LtxFile>> FilesAsync(
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    )
    {
        ReplicaNames.Require(database, replica);
        var name = database.Replicas is [var only, ..] ? only.Name : "";
        return await ListAsync(
                "ltx",
                ["-level", "all", "-json", database.Path],
                row => new LtxFile(
                    name,
                    row.GetProperty("level").GetInt32(),
                    row.GetProperty("min_txid").GetString()!,
                    row.GetProperty("max_txid").GetString()!,
                    row.GetProperty("size").GetInt64(),
                    row.GetProperty("timestamp").GetDateTimeOffset()
                ),
                cancellationToken
            )
            .ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<LineageRange>> LineagesAsync(
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    )
    {
        var files = await FilesAsync(database, replica, cancellationToken).ConfigureAwait(false);
        return files.Count == 0
            ? []
            :
            [
                new(
                    files[0].Replica,
                    TxIdPosition.OnlyLineage,
                    files.Min(file => file.Created),
                    files.Max(file => file.Created)
                ),
            ];
    }

    public async Task<IReadOnlyList<FullCopy>> FullCopiesAsync(
        EffectiveDatabase database,
        string? replica,
        CancellationToken cancellationToken
    ) =>
        [
            .. (await FilesAsync(database, replica, cancellationToken).ConfigureAwait(false))
                .Where(file => TxIdPosition.Parse(file.MinTxId) == 1)
                .Select(file => new FullCopy(TxIdPosition.OnlyLineage, file.Created)),
        ];

    public async Task<IReadOnlyDictionary<string, string>> SignaturesAsync(
        EffectiveDatabase database,
        CancellationToken cancellationToken
    ) =>
        (await FilesAsync(database, null, cancellationToken).ConfigureAwait(false))
            .Where(file => file.Level == 0 && file.MinTxId == file.MaxTxId)
            .DistinctBy(file => file.MaxTxId)
            .ToDictionary(file => file.MaxTxId, file => LtxLayout.Signature(file.Size, file.Created));

    public async Task<DateTimeOffset?> NewestAsync(
        EffectiveDatabase database,
        string? replica,
        DateTimeOffset? moment,
        CancellationToken cancellationToken
    ) =>
        (await FilesAsync(database, replica, cancellationToken).ConfigureAwait(false))
            .Select(file => (DateTimeOffset?)file.Created)
            .Where(created => moment is null || created <= moment)
            .Append(Older(database, moment)?.Newest)
            .Max();

    public async Task<ReplicaProgress> ProgressAsync(
        EffectiveDatabase database,
        string replica,
        string lineage,
        CancellationToken cancellationToken
    )
    {
        var files = await FilesAsync(database, replica, cancellationToken).ConfigureAwait(false);
        var local = new LocalLtx(database.MetaPath);
        var whole = files.Where(file => file.Size >= LtxHeader.Length && !local.IsCutOff(file));
        return TxIdRange.Progress([.. whole.Select(file => (RangeOf(file), file.Created))]);
    }

    public async Task<RestorePlan?> PlanAsync(RestoreSelection selection, CancellationToken cancellationToken)
    {
        var files = await FilesAsync(selection.Database, selection.Replica, cancellationToken).ConfigureAwait(false);
        if (files.Count == 0 && Older(selection.Database) is null)
            return null;

        // The moments of the list are whole seconds, those of the executable are not: one that was sent within the
        // second that was asked for may be too new.
        var taken = files
            .Where(file => !(RangeOf(file).Max > selection.TxId) && !(file.Created > selection.Timestamp))
            .ToList();
        if (
            selection.TxId is null
            && Older(selection.Database, selection.Timestamp) is { } older
            && taken.All(file => file.Created + OneSecond < older.Newest)
        )
        {
            return new RestorePlan(
                new LtxSource(selection.Database.Replicas[0].Name, "", older.Newest),
                older.RestoreBytes
            );
        }

        if (
            TxIdRange.Reach(taken.Select(RangeOf)) is not { } reach
            || (selection.TxId is { } txId && reach != txId)
        )
        {
            throw NothingFits(selection, files);
        }

        var last = taken.Where(file => RangeOf(file).Max == reach).Min(file => file.Created);
        var plan = Cheapest(taken, reach);
        return new RestorePlan(
            new LtxSource(files[0].Replica, TxIdPosition.Format(reach), last),
            plan.Sum(file => file.Size)
        );
    }

    /// <summary>This line takes the last state before the moment itself.</summary>
    public async Task<LineageRange?> LastBeforeAsync(RestoreSelection selection, CancellationToken cancellationToken)
    {
        var files = await FilesAsync(selection.Database, selection.Replica, cancellationToken).ConfigureAwait(false);
        return files.Count == 0 && Older(selection.Database) is null ? null : throw NothingFits(selection, files);
    }

    /// <summary>The executable says the same of an empty replica and of one without its first file.</summary>
    public async Task<bool> HasBackupAsync(RestoreSelection selection, CancellationToken cancellationToken)
    {
        var files = await FilesAsync(selection.Database, selection.Replica, cancellationToken).ConfigureAwait(false);
        if (files.Count == 0 || TxIdRange.Reach(files.Select(RangeOf)) is not null)
            return files.Count > 0;
        var place = string.Join(", ", selection.Database.Replicas.Select(replica => replica.Location));
        throw new LitestreamException(
            "LSB4003",
            $"The replica '{place}' of '{selection.Database.Path}' has files from TXID "
                + $"{files.Min(file => file.MinTxId)} on, but not those before it, so nothing can be restored from it. "
                + "Put the missing files back, or give the database another replica path."
        );
    }

    /// <summary>What release line 0.3 has left in the replica, where that is a folder: this executable restores from it
    /// and does not list it.</summary>
    internal static BackupFiles? Older(EffectiveDatabase database, DateTimeOffset? moment = null) =>
        database.Replicas is [{ Folder: { } folder }, ..] ? new ReplicaLayout().Find(folder, moment) : null;

    /// <summary>The files that a restore reads: from the highest level that continues, as the executable has
    /// it.</summary>
    private static List<LtxFile> Cheapest(List<LtxFile> files, long reach)
    {
        var plan = new List<LtxFile>();
        for (var at = 0L; at < reach;)
        {
            var next = files
                .Where(file => RangeOf(file).Min <= at + 1 && RangeOf(file).Max > at)
                .MaxBy(file => (RangeOf(file).Max, file.Level));
            if (next is null)
                break;
            plan.Add(next);
            at = RangeOf(next).Max;
        }

        return plan;
    }

    private static TxIdRange RangeOf(LtxFile file) =>
        new(TxIdPosition.Parse(file.MinTxId) ?? 0, TxIdPosition.Parse(file.MaxTxId) ?? 0);

    private static LitestreamException NothingFits(RestoreSelection selection, IReadOnlyList<LtxFile> files)
    {
        var wanted =
            selection.TxId is { } txId ? $"TXID {TxIdPosition.Format(txId)}"
            : selection.Timestamp is { } time ? Text(time)
            : "a restore";
        var compacted =
            selection.TxId is { } asked && files.Any(file => RangeOf(file) is var r && r.Min < asked && asked < r.Max)
                ? " That transaction has been compacted with others: only those at the end of a file can be restored."
                : "";
        var there = new List<string>();
        if (files.Count > 0)
        {
            var least = files.Min(file => file.MinTxId);
            var most = TxIdRange.Reach(files.Select(RangeOf)) is { } reach ? TxIdPosition.Format(reach) : "none";
            var (first, last) = (files.Min(file => file.Created), files.Max(file => file.Created));
            there.Add($"TXID {least} to {most}, {Text(first)} to {Text(last)}");
        }

        if (Older(selection.Database) is { } older)
            there.Add($"of release line 0.3, {Text(older.Oldest)} to {Text(older.Newest)}");
        return new LitestreamException(
            "LSB4002",
            $"There is no backup of '{selection.Database.Path}' for {wanted}. Existing backups: "
                + $"{string.Join("; ", there)}.{compacted}"
        );
    }

    private static string Text(DateTimeOffset time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private async Task<IReadOnlyList<T>> ListAsync<T>(
        string command,
        IReadOnlyList<string> arguments,
        Func<JsonElement, T> toRecord,
        CancellationToken cancellationToken
    )
    {
        var result = await commands.RunAsync(command, arguments, cancellationToken).ConfigureAwait(false);
        CommandTable.ThrowIfFailed(command, result);

        // Lines of its log may come before.
        var start = result.StandardOutput.StartsWith('[')
            ? 0
            : result.StandardOutput.IndexOf("\n[", StringComparison.Ordinal);
        try
        {
            using var json = JsonDocument.Parse(result.StandardOutput.AsMemory(Math.Max(start, 0)));
            return [.. json.RootElement.EnumerateArray().Select(toRecord)];
        }
        catch (Exception e)
            when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new LitestreamException(
                "LSB3001",
                $"`litestream {command}` printed no list that can be read: {e.Message}",
                innerException: e
            );
        }
    }
}
