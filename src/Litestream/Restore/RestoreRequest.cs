using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;

namespace Litestream.Restore;

/// <summary>How a restore ended.</summary>
public enum RestoreOutcome
{
    /// <summary>The database is there again.</summary>
    Restored,

    /// <summary>There was a database already; nothing was done.</summary>
    DatabaseExists,

    /// <summary>The replica has no backup yet; nothing was done.</summary>
    NoBackup,

    /// <summary>A dry run: it could be restored; nothing was done.</summary>
    WouldRestore,

    /// <summary>
    /// It failed, as <see cref="RestoreResult.Error"/> says. Only among several: a restore of one database throws.
    /// </summary>
    Failed,
}

/// <summary>What to restore, and where to.</summary>
/// <param name="Config">The effective configuration.</param>
/// <param name="Database">One of its databases.</param>
public sealed record RestoreRequest(EffectiveConfig Config, EffectiveDatabase Database)
{
    /// <summary>Where the restored file goes; null: to the database's own path.</summary>
    public string? Output { get; init; }

    /// <summary>
    /// An existing file at the output ends in <see cref="RestoreOutcome.DatabaseExists"/> instead of LSB4001. Without
    /// meaning together with <see cref="Force"/>.
    /// </summary>
    public bool IfDatabaseNotExists { get; init; }

    /// <summary>An empty replica ends in <see cref="RestoreOutcome.NoBackup"/> instead of LSB4002.</summary>
    public bool IfReplicaExists { get; init; }

    /// <summary>
    /// What is at the output is moved aside, as one dated set in a folder beside it: the database with its <c>-wal</c>,
    /// <c>-shm</c> and <c>-journal</c>, and
    /// at the database's own path the executable's state. If anything fails, it is put back. Default false.
    /// </summary>
    public bool Force { get; init; }

    /// <summary>
    /// Says what would be restored and what would be moved where, and touches nothing. Default false.
    /// </summary>
    public bool DryRun { get; init; }

    /// <summary>
    /// The restored file becomes a database of its own: the tables of the executable, and with them what ties it to the
    /// lineage of the replica, are taken out of it. Whoever replicates it
    /// to that replica later is refused (LSB5009), wherever the file is copied to; a replica of its own it can have.
    /// For production's data on another machine. Default false.
    /// </summary>
    public bool Detach { get; init; }

    /// <summary>
    /// How long the executable may neither say, read nor write anything: the storage does not answer then (LSB4005).
    /// Where it is only slow, something arrives sooner.
    /// </summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The state at this moment, as far as it had been sent by then; null: the newest.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The name of the replica to restore from; null: the one with the newest data.</summary>
    public string? Replica { get; init; }

    /// <summary>
    /// The generation to restore from, 16 hexadecimal digits; null: the one with the newest data. Release line 0.3.
    /// </summary>
    public string? Generation { get; init; }

    /// <summary>
    /// The last WAL index to restore; null: the highest. Not together with <see cref="Timestamp"/>. Release line 0.3.
    /// </summary>
    public long? Index { get; init; }

    /// <summary>
    /// The last transaction to restore, a number of litestream's that <c>ltx</c> lists: one at the end of a file. Null:
    /// the newest. Not together with <see cref="Timestamp"/>. Release line 0.5.
    /// </summary>
    public long? TxId { get; init; }

    /// <summary>How many WAL files are downloaded at once, 1 or more; null: as the executable has it (8).</summary>
    public int? Parallelism { get; init; }

    /// <summary>
    /// More arguments for <c>litestream restore</c>, passed on as they are. Not <c>-o</c>, <c>-config</c>,
    /// <c>-timestamp</c> and <c>-if-...</c>: what they do is done here.
    /// </summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>
    /// How long the executable may take; then it is ended, and the restore fails with LSB3005. Null: as long as it
    /// needs.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    internal RestoreSelection Selection =>
        new(Database)
        {
            Timestamp = Timestamp,
            Replica = Replica,
            Lineage = Generation,
            Index = Index,
            TxId = TxId,
            Parallelism = Parallelism,
        };

    /// <summary>The replicas that count, for messages.</summary>
    internal string Places =>
        Database.Replicas.Count == 0
            ? "any replica (none is configured)"
            : string.Join(
                ", ",
                Database.Replicas.Where(r => Replica is null || r.Name == Replica).Select(r => r.Location)
            );

    /// <inheritdoc cref="IBackupCatalog.PlanAsync" />
    internal async Task<RestorePlan?> PlanAsync(LitestreamExecutable executable, CancellationToken cancellationToken)
    {
        await NewerBackup
            .RefuseAsync(executable, Config, Selection, Patience, cancellationToken)
            .ConfigureAwait(false);
        return await executable
            .Line.Catalog(executable, Config, Timeout)
            .PlanAsync(Selection, cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>The lock of the database, where the caller holds it already.</summary>
    internal DatabaseLock? HeldLock { get; init; }

    internal TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>How to restore a database that is named apart from this.</summary>
public sealed record RestoreOptions
{
    /// <summary>
    /// Where the restored file goes. Null: to a new file beside the database,
    /// <c>&lt;name&gt;-&lt;yyyyMMddTHHmmssZ&gt;&lt;extension&gt;</c> (UTC), or, with <see cref="InPlace"/>, to the
    /// database's own path.
    /// </summary>
    public string? Output { get; init; }

    /// <summary>To the database's own path. Default false. Not together with <see cref="Output"/>.</summary>
    public bool InPlace { get; init; }

    /// <inheritdoc cref="RestoreRequest.IfDatabaseNotExists" />
    public bool IfDatabaseNotExists { get; init; }

    /// <inheritdoc cref="RestoreRequest.IfReplicaExists" />
    public bool IfReplicaExists { get; init; }

    /// <inheritdoc cref="RestoreRequest.Force" />
    public bool Force { get; init; }

    /// <inheritdoc cref="RestoreRequest.DryRun" />
    public bool DryRun { get; init; }

    /// <inheritdoc cref="RestoreRequest.Detach" />
    public bool Detach { get; init; }

    /// <inheritdoc cref="RestoreRequest.Timestamp" />
    public DateTimeOffset? Timestamp { get; init; }

    /// <inheritdoc cref="RestoreRequest.Replica" />
    public string? Replica { get; init; }

    /// <inheritdoc cref="RestoreRequest.Generation" />
    public string? Generation { get; init; }

    /// <inheritdoc cref="RestoreRequest.Index" />
    public long? Index { get; init; }

    /// <inheritdoc cref="RestoreRequest.TxId" />
    public long? TxId { get; init; }

    /// <inheritdoc cref="RestoreRequest.Parallelism" />
    public int? Parallelism { get; init; }

    /// <inheritdoc cref="RestoreRequest.Arguments" />
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <inheritdoc cref="RestoreRequest.Timeout" />
    public TimeSpan? Timeout { get; init; }

    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The request for one database.</summary>
    /// <exception cref="LitestreamException">LSB3008: <see cref="Output"/> together with
    /// <see cref="InPlace"/>.</exception>
    public RestoreRequest For(EffectiveConfig config, EffectiveDatabase database)
    {
        ArgumentNullException.ThrowIfNull(database);
        if (InPlace && Output is not null)
        {
            throw new LitestreamException(
                "LSB3008",
                "A restore goes either in place or to an output file, not both. Choose one of them."
            );
        }

        return new RestoreRequest(config, database)
        {
            Output = InPlace ? null : Output ?? SideFile(database.Path),
            IfDatabaseNotExists = IfDatabaseNotExists,
            IfReplicaExists = IfReplicaExists,
            Force = Force,
            DryRun = DryRun,
            Detach = Detach,
            Timestamp = Timestamp,
            Replica = Replica,
            Generation = Generation,
            Index = Index,
            TxId = TxId,
            Parallelism = Parallelism,
            Arguments = Arguments,
            Timeout = Timeout,
            Time = Time,
        };
    }

    private string SideFile(string path)
    {
        var stem = Path.Combine(Path.GetDirectoryName(path) ?? "", Path.GetFileNameWithoutExtension(path));
        return ReplaceTransaction.Unused($"{stem}-{ReplaceTransaction.Stamp(Time)}", Path.GetExtension(path));
    }
}

/// <summary>What was done.</summary>
/// <param name="Database">The database.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Output">The absolute path of the restored file.</param>
public sealed record RestoreResult(EffectiveDatabase Database, RestoreOutcome Outcome, string Output)
{
    /// <summary>What was moved aside, or in a dry run would be.</summary>
    public IReadOnlyList<MovedFile> MovedAside { get; init; } = [];

    /// <summary>
    /// What it was restored from, or in a dry run would be; null when nothing is restored, or the executable does not
    /// say.
    /// </summary>
    public RestoreSource? Source { get; init; }

    /// <summary>The size of the restored file in bytes; in a dry run, what would be downloaded (compressed).</summary>
    public long Bytes { get; init; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Why it failed; null in all other outcomes.</summary>
    public LitestreamException? Error { get; init; }
}

/// <summary>A file or folder that gets another name.</summary>
/// <param name="From">The path it had.</param>
/// <param name="To">The path it has then.</param>
public sealed record MovedFile(string From, string To);
