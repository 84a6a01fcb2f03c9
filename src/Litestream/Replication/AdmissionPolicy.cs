using Litestream.Diagnostics;
using Litestream.Sqlite;

namespace Litestream.Replication;

/// <summary>
/// What speaks for an app that sets a rollback journal by itself. Litestream needs WAL mode, and holds a lock that lets
/// no connection leave it.
/// </summary>
internal enum JournalEvidence
{
    /// <summary>
    /// Nothing does: a database that is not in WAL mode has SQLite's default, and litestream may change it.
    /// </summary>
    None,

    /// <summary>It may: its code has such a statement, or one of its statements has failed as if it were one.</summary>
    Possible,

    /// <summary>It does: litestream left the same file in WAL mode.</summary>
    LeftWal,

    /// <summary>Its connection string does.</summary>
    Keyword,
}

/// <summary>Whether litestream gets a database.</summary>
internal enum Admission
{
    /// <summary>There is no file.</summary>
    NoFile,

    /// <summary>
    /// The file has no table of the app's own: nothing can be lost, and an app that makes its tables in an empty file
    /// only must find it empty.
    /// </summary>
    NoTable,

    /// <summary>It is not known yet.</summary>
    Wait,

    /// <summary>
    /// The app sets a rollback journal: with litestream each such statement would wait for its timeout and fail.
    /// </summary>
    RollbackJournal,

    /// <summary>It gets it.</summary>
    Admit,
}

/// <summary>What is known about a database that litestream does not have yet.</summary>
/// <param name="Size">The size of the file; null when there is none.</param>
/// <param name="Content">What it holds; null when there is no file.</param>
/// <param name="Evidence">What speaks for a rollback journal.</param>
/// <param name="WasWal">Whether it was in WAL mode before, while the app ran.</param>
/// <param name="WatchedFor">How long it has been watched since it had a table.</param>
/// <param name="IsLast">Whether the app has written its last, so that nothing can be waited for.</param>
/// <param name="IsSuspect">Whether it was taken from litestream, as a statement of the app failed.</param>
internal sealed record AdmissionFacts(
    long? Size,
    TablesProbe? Content,
    JournalEvidence Evidence,
    bool WasWal,
    TimeSpan WatchedFor,
    bool IsLast,
    bool IsSuspect = false
);

/// <summary>Decides when litestream gets a database. Pure.</summary>
internal static class AdmissionPolicy
{
    public static Admission Decide(AdmissionFacts facts)
    {
        if (facts.Size is not { } size || facts.Content is not { } content)
            return Admission.NoFile;
        switch (content.Tables)
        {
            case AppTables.None:
                return Admission.NoTable;
            case AppTables.NotNow:
                return facts.IsLast ? Admission.Admit : Admission.Wait;
            case AppTables.Unreadable when size == 0:
                return Admission.NoTable;
        }

        if (facts.Evidence == JournalEvidence.Keyword)
            return Admission.RollbackJournal;
        if (facts.Evidence == JournalEvidence.LeftWal && content.IsWal == false)
            return Admission.RollbackJournal;
        if (facts.Evidence != JournalEvidence.Possible)
            return Admission.Admit;

        // Never in WAL mode so far: that is what every new database is like.
        if (content.IsWal == false)
            return facts.WasWal ? Admission.RollbackJournal : Admission.Admit;
        var watch = facts.IsSuspect ? Thresholds.SuspicionWatch : Thresholds.JournalWatch;
        return facts.IsLast || facts.WatchedFor >= watch
            ? Admission.Admit
            : Admission.Wait;
    }

    /// <summary>How a database does that litestream does not have yet, and why.</summary>
    /// <param name="admission">The decision.</param>
    /// <param name="path">The database.</param>
    /// <param name="waited">Since when it has been so.</param>
    /// <param name="limit">From when on that is not in order.</param>
    /// <param name="isWatched">Whether it is watched whether the app sets a rollback journal.</param>
    /// <param name="isSuspect">Whether it was taken from litestream for that.</param>
    public static (LitestreamHealth Health, LitestreamDiagnostic Why) Explain(
        Admission admission,
        string path,
        TimeSpan waited,
        TimeSpan limit,
        bool isWatched = false,
        bool isSuspect = false
    )
    {
        if (isSuspect)
        {
            return (
                LitestreamHealth.Degraded,
                new LitestreamDiagnostic(
                    "LSB5019",
                    LitestreamSeverity.Warning,
                    $"'{path}' is currently not replicated: a statement of the app failed with "
                        + $"'database is locked'. It is watched for {NumberText.Seconds(Thresholds.SuspicionWatch)} s, "
                        + "to see whether the app sets a rollback journal."
                )
            );
        }

        var what = admission switch
        {
            Admission.NoFile => $"'{path}' has not existed since the app started, so nothing is replicated. "
                + "If the app keeps its data in another file, correct the path in litestream.yml or in "
                + "<LitestreamDatabase Include=\"...\" />. If the app creates the file later, replication starts then.",
            Admission.NoTable => $"'{path}' has no tables of the app, so nothing is replicated. "
                + "If the app keeps its data in another file, correct the path in litestream.yml or in "
                + "<LitestreamDatabase Include=\"...\" />. If the app creates its tables later, replication "
                + "starts then.",
            _ when isWatched => $"'{path}' is not replicated yet: "
                + $"it is watched for {NumberText.Seconds(Thresholds.JournalWatch)} s, "
                + "to see whether the app sets a rollback journal.",
            _ => $"'{path}' cannot be read, so nothing is replicated: another connection has locked it. End "
                + $"the transaction or the exclusive lock of that connection.",
        };
        return (
            waited >= limit ? LitestreamHealth.Degraded : LitestreamHealth.Healthy,
            new LitestreamDiagnostic("LSB5017", LitestreamSeverity.Warning, what)
        );
    }

    /// <summary>Why a database of an app that sets a rollback journal is not replicated.</summary>
    public static LitestreamDiagnostic Refuse(string path, JournalEvidence evidence)
    {
        var how =
            evidence == JournalEvidence.Keyword
                ? "its connection string has 'Journal Mode'"
                : "PRAGMA journal_mode";
        return new(
            "LSB5019",
            LitestreamSeverity.Error,
            $"'{path}' is not replicated: the app sets a rollback journal for it ({how}), "
                + $"but Litestream needs WAL mode. "
                + "With both, the app's statements would wait and fail with 'database is locked'. Let the app set "
                + "WAL mode, or set it once ('PRAGMA journal_mode = wal') and keep it, then restart the app."
        );
    }
}
