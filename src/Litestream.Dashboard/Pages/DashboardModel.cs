using Litestream.Dashboard.Actions;
using Litestream.Dashboard.Monitoring;
using Litestream.Verification;

namespace Litestream.Dashboard.Pages;

/// <summary>All that the page shows. Paths are relative to the content root; no secret is in it.</summary>
public sealed record DashboardModel
{
    /// <summary>The title.</summary>
    public required string Title { get; init; }

    /// <summary>Where the dashboard is mounted, with the app's path base, such as <c>/litestream</c>.</summary>
    public required string BasePath { get; init; }

    /// <summary>Where the page of all databases is.</summary>
    public string HomeUrl => BasePath.Length == 0 ? "/" : BasePath;

    /// <summary>The name in URLs of the database that is shown alone; empty for all. An own layout puts it into
    /// <c>data-view</c>.</summary>
    public string View { get; init; } = "";

    /// <summary>Links at the top.</summary>
    public IReadOnlyList<DashboardLink> Links { get; init; } = [];

    /// <summary>When the page was made.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>The time zone of all times on the page.</summary>
    public required TimeZoneInfo TimeZone { get; init; }

    /// <summary>
    /// Whether the page itself says how long ago something was. False for parts that the script puts into a page: it
    /// writes the ages itself, and they are sent again only when something else has changed.
    /// </summary>
    public bool ShowsAges { get; init; } = true;

    /// <summary>Whether nothing can be started.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>What a form has to send in the field <c>__token</c>.</summary>
    public string RequestToken { get; init; } = "";

    /// <summary>What was typed into the filter.</summary>
    public string Filter { get; init; } = "";

    /// <summary>All databases, the one with the most trouble first.</summary>
    public IReadOnlyList<DatabaseModel> Databases { get; init; } = [];

    /// <summary>Those that are shown in full.</summary>
    public IReadOnlyList<DatabaseModel> Details { get; init; } = [];

    /// <summary>What is wrong.</summary>
    public IReadOnlyList<WarningModel> Warnings { get; init; } = [];

    /// <summary>What was logged as a warning or an error and is not in <see cref="Warnings"/>: the newest line of each
    /// code, at most ten.</summary>
    public IReadOnlyList<LoggedWarningModel> LoggedWarnings { get; init; } = [];

    /// <summary>The litestream process.</summary>
    public required ProcessModel Process { get; init; }

    /// <summary>The last lines of the log, the newest first.</summary>
    public IReadOnlyList<LogModel> Log { get; init; } = [];

    /// <summary>The litestream.yml that the process gets, without secrets.</summary>
    public string Configuration { get; init; } = "";

    /// <summary>What was asked for on the page, the newest first.</summary>
    public IReadOnlyList<ActionModel> Actions { get; init; } = [];

    /// <summary>The style sheet and the script.</summary>
    public required string StyleUrl { get; init; }

    /// <inheritdoc cref="StyleUrl" />
    public required string ScriptUrl { get; init; }

    /// <summary>A moment as people read it: to the second, in the time zone of the page.</summary>
    public string Format(DateTimeOffset moment) =>
        TimeZoneInfo
            .ConvertTime(moment, TimeZone)
            .ToString("yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Two moments: the date of the later one only where it is another day.</summary>
    public string Format(DateTimeOffset from, DateTimeOffset to)
    {
        var (first, last) = (Format(from), Format(to));
        return $"{first} to {(first[..10] == last[..10] ? last[11..] : last)}";
    }
}

/// <summary>What a row of the list of databases shows. Two that are equal look the same.</summary>
/// <param name="Id">Its name in URLs.</param>
/// <param name="Name">Its path, relative to the content root.</param>
/// <param name="Verdict">Whether it is safe.</param>
/// <param name="ProofAt">When it was last proved that its commits come back; null when it never was.</param>
/// <param name="ArrivedAt">When its last commit arrived; null when none has since the app started.</param>
/// <param name="From">The oldest moment that can be restored; null when it is not known.</param>
/// <param name="To">The newest one.</param>
/// <param name="HasSteps">Whether only some of the moments between them can be restored.</param>
public sealed record DatabaseRow(
    string Id,
    string Name,
    Verdict Verdict,
    DateTimeOffset? ProofAt,
    DateTimeOffset? ArrivedAt,
    DateTimeOffset? From,
    DateTimeOffset? To,
    bool HasSteps
)
{
    /// <summary>When the moments were listed, where that is more than 2 minutes ago; else null.</summary>
    public DateTimeOffset? ListedAt { get; init; }
}

/// <summary>A database.</summary>
/// <param name="Row">What its row shows.</param>
public sealed record DatabaseModel(DatabaseRow Row)
{
    /// <summary>Healthy, Degraded or Unhealthy; null when it is not replicated at all.</summary>
    public string? Health { get; init; }

    /// <summary>The last commit, as litestream counts.</summary>
    public string Committed { get; init; } = "";

    /// <summary>How far the replica has come.</summary>
    public string Replicated { get; init; } = "";

    /// <summary>How long the oldest commit has waited that has not arrived.</summary>
    public TimeSpan Lag { get; init; }

    /// <summary>The bytes of WAL that have not arrived; null when that is not known.</summary>
    public long? LagBytes { get; init; }

    /// <summary>How it was proved.</summary>
    public string ProofBy { get; init; } = "";

    /// <summary>The last verification, in a sentence; null when there was none.</summary>
    public string? Verification { get; init; }

    /// <summary>How it ended.</summary>
    public VerificationOutcome? VerificationOutcome { get; init; }

    /// <summary>When that was.</summary>
    public DateTimeOffset? VerifiedAt { get; init; }

    /// <summary>Bytes of the file; null when it is not known yet, or not there.</summary>
    public long? Size { get; init; }

    /// <summary>Bytes of its WAL.</summary>
    public long? WalSize { get; init; }

    /// <summary>Where it goes.</summary>
    public IReadOnlyList<string> Replicas { get; init; } = [];

    /// <summary>The moments that can be restored exactly, where not every one can; the oldest first.</summary>
    public IReadOnlyList<DateTimeOffset> Moments { get; init; } = [];

    /// <summary>The moment up to which every one can be restored, from what release line 0.3 has left in the replica;
    /// null where it has left nothing.</summary>
    public DateTimeOffset? OlderTo { get; init; }

    /// <summary>The newest restore points.</summary>
    public IReadOnlyList<BackupRow> Backups { get; init; } = [];

    /// <summary>How many there are.</summary>
    public int BackupCount { get; init; }

    /// <summary>When they were listed; null when they were not yet.</summary>
    public DateTimeOffset? ListedAt { get; init; }

    /// <summary>Why they could not be listed; null when they could.</summary>
    public string? ListingError { get; init; }

    /// <summary>The last hour.</summary>
    public IReadOnlyList<SamplePoint> Samples { get; init; } = [];

    /// <summary>The command that puts a backup in the place of the database.</summary>
    public string RestoreCommand { get; init; } = "";
}

/// <summary>Something that is wrong.</summary>
/// <param name="Code">Its code; empty when it has none.</param>
/// <param name="Message">What it is.</param>
/// <param name="HasPage">Whether the dashboard has a page about the code.</param>
public sealed record WarningModel(string Code, string Message, bool HasPage);

/// <summary>Something that was wrong.</summary>
/// <param name="Time">When it was logged.</param>
/// <param name="Warning">What it is.</param>
public sealed record LoggedWarningModel(DateTimeOffset Time, WarningModel Warning);

/// <summary>The litestream process.</summary>
/// <param name="State">What the replicator does.</param>
/// <param name="Since">Since when.</param>
public sealed record ProcessModel(string State, DateTimeOffset Since)
{
    /// <summary>Its process id; null when none runs.</summary>
    public int? ProcessId { get; init; }

    /// <summary>The version of the executable; empty when it is not known.</summary>
    public string Version { get; init; } = "";

    /// <summary>What is known against that version.</summary>
    public IReadOnlyList<string> KnownProblems { get; init; } = [];

    /// <summary>When it was started.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How often it was started again.</summary>
    public int Restarts { get; init; }

    /// <summary>Why, the last time.</summary>
    public string? LastRestartReason { get; init; }

    /// <summary>The last ten times, the newest first.</summary>
    public IReadOnlyList<RestartModel> LastRestarts { get; init; } = [];
}

/// <summary>A restart of the litestream process.</summary>
/// <param name="Time">When.</param>
/// <param name="Reason">Why; empty when it is not known.</param>
public sealed record RestartModel(DateTimeOffset Time, string Reason);

/// <summary>A line of the log.</summary>
/// <param name="Time">When.</param>
/// <param name="Level">How bad.</param>
/// <param name="Text">What.</param>
public sealed record LogModel(DateTimeOffset Time, string Level, string Text);

/// <summary>Something that was asked for on the page.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Title">What it is.</param>
/// <param name="User">Who asked for it.</param>
/// <param name="StartedAt">When.</param>
/// <param name="State">How it goes.</param>
/// <param name="Text">How far it is, or what came out.</param>
public sealed record ActionModel(
    int Id,
    string Title,
    string User,
    DateTimeOffset StartedAt,
    ActionState State,
    string Text
)
{
    /// <summary>The moment that was asked for; null: the newest backup.</summary>
    public DateTimeOffset? Moment { get; init; }

    /// <summary>Whose state is restored; null: the newest backup, or not known.</summary>
    public DateTimeOffset? Restored { get; init; }

    /// <summary>The restored file, relative to the content root.</summary>
    public string? Output { get; init; }

    /// <summary>The command that puts the same moment in the place of the database; empty without one.</summary>
    public string RestoreCommand { get; init; } = "";

    /// <summary>How the restored file differs from the live one.</summary>
    public DifferenceModel? Difference { get; init; }
}

/// <summary>How a restored file differs from the live one.</summary>
/// <param name="IsSame">Whether all is the same.</param>
/// <param name="Rows">The tables that differ.</param>
/// <param name="Notes">What else there is to say.</param>
public sealed record DifferenceModel(
    bool IsSame,
    IReadOnlyList<DifferenceRow> Rows,
    IReadOnlyList<string> Notes
);

/// <summary>A table that differs.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Added">Rows that only the restored file has.</param>
/// <param name="Missing">Rows that only the live one has.</param>
/// <param name="Changed">Rows with other values.</param>
/// <param name="Examples">The keys of some of them: which kind they are of, and which columns have changed.</param>
public sealed record DifferenceRow(string Table, long Added, long Missing, long Changed, string Examples);
