namespace Litestream.Replication;

/// <summary>How a full copy begins.</summary>
internal enum CutAction
{
    /// <summary>The WAL is emptied by a checkpoint of ours.</summary>
    Truncate,

    /// <summary>A new lineage alone does it: whoever opens the database next recovers its WAL.</summary>
    NewLineage,

    /// <summary>
    /// A new lineage is the best that this process can do, and it cannot be relied on. The next start does the rest,
    /// before the app opens the database.
    /// </summary>
    NewLineageUntilRestart,
}

/// <summary>What the beginning of a full copy depends on.</summary>
/// <param name="MayBeOpened">Whether this process may open the database now: it has one SQLite library, or the
/// database is not open here.</param>
/// <param name="BringsAnotherLibrary">Whether the app was published with another SQLite library, which may open the
/// database at any moment.</param>
/// <param name="IsBeforeApp">Whether the app cannot have opened it yet: in the gate, and in a process without an
/// app.</param>
/// <param name="IsOpenAnywhere">Whether a process has it open; null when that is unknown.</param>
/// <param name="CanBeginLineage">Whether the release line sends a full copy with a WAL that was not emptied.</param>
internal sealed record CutFacts(
    bool MayBeOpened,
    bool BringsAnotherLibrary,
    bool IsBeforeApp,
    bool? IsOpenAnywhere,
    bool CanBeginLineage = true
);

/// <summary>
/// Decides how a full copy begins. The end of a connection of ours drops the locks that another SQLite library of this
/// process holds on the same file, so with two of them the app's data comes first. Pure.
/// </summary>
internal static class CutPolicy
{
    public static CutAction Decide(CutFacts look) =>
        look.MayBeOpened && (look.IsBeforeApp || !look.BringsAnotherLibrary) ? CutAction.Truncate
        : look is { IsOpenAnywhere: false, CanBeginLineage: true } ? CutAction.NewLineage
        : CutAction.NewLineageUntilRestart;
}
