using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Sqlite;

namespace Litestream.Hosting;

/// <summary>
/// Follows a database until litestream gets it: remembers what <see cref="AdmissionPolicy"/> decides on. Changes
/// nothing.
/// </summary>
internal sealed class DatabaseAdmission
{
    private readonly string _path;
    private DateTimeOffset? _watchedSince;
    private bool _wasWal;
    private bool _isAdmitted;
    private bool _isCleared;

    /// <param name="path">The database.</param>
    /// <param name="evidence">What speaks for a rollback journal.</param>
    /// <param name="replicated">The file as litestream had it when it was last left; null when it never did. It was in
    /// WAL mode then.</param>
    public DatabaseAdmission(string path, JournalEvidence evidence, FileStamp? replicated)
    {
        (_path, Evidence) = (path, evidence);
        if (
            evidence != JournalEvidence.Keyword
            && replicated?.Identity is { } identity
            && FileStamp.Of(path)?.Identity == identity
        )
        {
            Evidence = JournalEvidence.LeftWal;
        }

        MayBeSet = evidence == JournalEvidence.Possible;
    }

    public JournalEvidence Evidence { get; private set; }

    /// <summary>
    /// Whether the app may be about to leave WAL mode, which a reader of ours would keep it from. That litestream left
    /// the file in WAL mode says nothing of the app: every database that was replicated before is such a file. In one
    /// that has left it since, no reader begins.
    /// </summary>
    public bool MayLeaveWal => MayBeSet || Evidence is JournalEvidence.Possible or JournalEvidence.Keyword;

    /// <summary>Whether it has a table, and it is watched whether the app sets a rollback journal.</summary>
    public bool IsWatched => _watchedSince is not null || IsSuspect;

    /// <summary>Whether it was taken from litestream for that.</summary>
    public bool IsSuspect { get; private set; }

    /// <summary>
    /// Whether a lock error of the app speaks for a rollback journal: once, as most are of another kind, and each time
    /// where its code has such a statement.
    /// </summary>
    public bool MayBeSuspected => MayBeSet || !_isCleared;

    private bool MayBeSet { get; }

    /// <summary>Looks once.</summary>
    /// <param name="now">The time.</param>
    /// <param name="isLast">Whether the app has written its last.</param>
    public Admission Look(DateTimeOffset now, bool isLast = false)
    {
        if (FileStamp.Of(_path) is not { } file)
        {
            // What comes in its place is another file.
            (_watchedSince, _wasWal, _isAdmitted) = (null, false, false);
            if (Evidence == JournalEvidence.LeftWal)
                Evidence = MayBeSet ? JournalEvidence.Possible : JournalEvidence.None;
            return Admission.NoFile;
        }

        if (_isAdmitted)
            return Admission.Admit;
        var content = LiveDatabase.ProbeTables(
            _path,
            asksMode: Evidence is JournalEvidence.Possible or JournalEvidence.LeftWal
        );

        // Still in WAL mode, so no connection has left it; whether the app is about to, its code shows.
        if (Evidence == JournalEvidence.LeftWal && content.IsWal == true)
            Evidence = MayBeSet ? JournalEvidence.Possible : JournalEvidence.None;
        if (content.Tables == AppTables.Some)
            _watchedSince ??= now;
        var watched = now - _watchedSince ?? TimeSpan.Zero;
        var admission = AdmissionPolicy.Decide(
            new AdmissionFacts(file.Size, content, Evidence, _wasWal, watched, isLast, IsSuspect)
        );
        _wasWal |= content.IsWal == true;
        if (admission == Admission.Admit)
        {
            _isCleared |= IsSuspect;
            (_isAdmitted, IsSuspect) = (true, false);
        }

        return admission;
    }

    /// <summary>
    /// The app may set a rollback journal, and litestream had the database in WAL mode: it is watched whether it does,
    /// without litestream. Called again, it is watched for longer.
    /// </summary>
    public void Suspect()
    {
        if (Evidence != JournalEvidence.Keyword)
            Evidence = JournalEvidence.Possible;
        (_watchedSince, _wasWal, _isAdmitted, IsSuspect) = (null, true, false, true);
    }
}
