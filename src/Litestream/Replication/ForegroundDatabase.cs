using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;

namespace Litestream.Replication;

/// <summary>
/// A database that is replicated where no session watches: the chain from its WAL, and what its replicas have of it.
/// </summary>
internal sealed class ForegroundDatabase(
    LitestreamExecutable executable,
    EffectiveConfig config,
    EffectiveDatabase database,
    DatabaseChain chain,
    TimeProvider time
) : IDisposable
{
    private readonly ReleaseLine _line = executable.Line;
    private readonly ILocalState _state = executable.Line.State(database.MetaPath);
    private readonly LagTracker _tracker = new(executable.Line, database, ReplicationSettings.Of(config, database));

    public string Path => database.Path;

    public DatabaseChain Chain => chain;

    /// <summary>Whether its replicas are known to have all of it, without a gap.</summary>
    public bool IsProven { get; private set; }

    /// <summary>LSB5021: what its replicas do not have; null where that is not known, or nothing is missing.</summary>
    public LitestreamDiagnostic? Unsent { get; private set; }

    /// <summary>A line of the executable, which may be about this database; on any thread.</summary>
    public void OnLogLine(LogLine line)
    {
        // 0.5 writes the file's name only.
        if (
            line.Fields.TryGetValue("db", out var name)
            && (name == Path || name == System.IO.Path.GetFileName(Path))
        )
        {
            _tracker.OnLogLine(line, time.GetUtcNow());
        }
    }

    /// <summary>
    /// Looks what the replicas have, when no litestream runs any more. What they list counts: 0.5 ends with exit code 0
    /// also when it could not send.
    /// </summary>
    /// <param name="isReplicated">Whether litestream had it, and it is there.</param>
    /// <param name="left">The time that is left.</param>
    public async Task FinishAsync(bool isReplicated, TimeSpan left)
    {
        (Unsent, IsProven) = (null, !isReplicated && chain.BrokenBy is null);
        if (!isReplicated)
            return;
        if (!chain.IsBlocked && chain.FindGap() is { } gap)
            chain.Break(gap);
        var (unsent, replicated) = await LookAsync(left).ConfigureAwait(false);
        chain.Mend(replicated);
        Unsent = UnsentPolicy.Decide(
            new UnsentFacts(Path)
            {
                FileSize = FileStamp.Of(Path)?.Size,
                WalBytes = WalFile.LastCommit(WalFile.PathOf(Path))?.End,
                Unsent = unsent,
                CopyNeededBy = chain.BrokenBy,
                Error = _tracker.Error?.Message,
            }
        ) is { } said
            ? said with { Message = config.Secrets.Mask(said.Message) }
            : null;
        IsProven = Unsent is null && chain.BrokenBy is null;
    }

    public void Dispose() => chain.Dispose();

    private async Task<(long? Unsent, ReplicaPosition? Replicated)> LookAsync(TimeSpan left)
    {
        var lineage = _tracker.Lineage;
        var settings = _tracker.Settings;
        var access = new ReplicaAccess();
        var folders = new ReplicaFolders(_line.Layout, _state, database, settings, access, time);
        var listing = ReplicaListing.TryCreate(executable, config, database, settings, access, time);
        await folders.LookAsync(lineage, forObstacle: false, forPositions: true).ConfigureAwait(false);
        if (listing is not null)
            await listing.FinishAsync(lineage, left).ConfigureAwait(false);
        var found = listing?.AddTo(folders.Found, lineage) ?? folders.Found;

        // A line that says how far it has come also fails where it could not send. (To look further, the database would
        // have to be opened, and the last one who closes it takes the WAL with it.)
        if (_line.ReportsProgress)
            return (0, lineage is null ? null : _tracker.Reached(found, lineage));
        var unsent = _tracker.Finish(found, time.GetUtcNow());
        var replicated = _tracker.Replicated;
        var hasAll = lineage is not null && _state.Newest(lineage) is { } newest && replicated?.Reaches(newest) == true;
        return (unsent == 0 && !hasAll ? null : unsent, replicated);
    }
}
