using Litestream.Sqlite;

namespace Litestream.Dashboard.Actions;

/// <summary>What somebody can do on the dashboard.</summary>
public enum ActionKind
{
    /// <summary>A full verification, now.</summary>
    Verify,

    /// <summary>A fire drill: restores to a private file, checks and measures.</summary>
    Drill,

    /// <summary>A restore to a new file beside the database, and a comparison with the live one.</summary>
    Restore,
}

/// <summary>How an action goes.</summary>
public enum ActionState
{
    /// <summary>Not ended yet.</summary>
    Running,

    /// <summary>Ended well.</summary>
    Succeeded,

    /// <summary>Ended, and not well.</summary>
    Failed,
}

/// <summary>An action that was asked for on the dashboard.</summary>
/// <param name="Id">Its number, since the app started.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Database">The absolute path of its database.</param>
/// <param name="User">Who asked for it.</param>
/// <param name="StartedAt">When.</param>
internal sealed record DashboardAction(int Id, ActionKind Kind, string Database, string User, DateTimeOffset StartedAt)
{
    public ActionState State { get; init; }

    /// <summary>The moment that is restored; null: the newest backup.</summary>
    public DateTimeOffset? Moment { get; init; }

    /// <summary>Whose state is restored: of 0.5, which merges its files, the moment of the newest one up to
    /// <see cref="Moment"/>. Null: the newest backup, or not known.</summary>
    public DateTimeOffset? Restored { get; init; }

    /// <summary>The last thing that it said.</summary>
    public string Progress { get; init; } = "";

    /// <summary>What came out, in a sentence.</summary>
    public string Result { get; init; } = "";

    /// <summary>The restored file.</summary>
    public string? Output { get; init; }

    /// <summary>How the restored file differs from the live one.</summary>
    public DatabaseDifference? Difference { get; init; }
}
