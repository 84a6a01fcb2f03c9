namespace Litestream.Configuration;

/// <summary>A database that a generated litestream.yml replicates.</summary>
/// <param name="Path">The file as the app names it; relative stays relative.</param>
/// <param name="Name">The name people call it by (the connection string's name), or null.</param>
/// <param name="Key">The configuration key that the path came from (<c>ConnectionStrings:Default</c>), or null. At run
/// time the live value of this key wins.</param>
public sealed record ReplicatedDatabase(string Path, string? Name, string? Key)
{
    /// <summary>True: <c>$NAME</c> and <c>${NAME}</c> in <see cref="Path"/> are environment variables of the machine
    /// that the app runs on. Default false: a <c>$</c> is a dollar sign.</summary>
    public bool HasVariables { get; init; }

    /// <summary>
    /// Where this database goes; null for the common URL, or the folder beside the database when there is none.
    /// </summary>
    public string? ReplicaUrl { get; init; }

    /// <summary>How often changes are sent, a duration (<c>1s</c>, <c>500ms</c>, <c>00:00:05</c>); null for the common
    /// one, or upstream's 1 s.</summary>
    public string? SyncInterval { get; init; }

    /// <summary>The user's file that named the database, for messages.</summary>
    public string? File { get; init; }

    /// <summary>1-based line in <see cref="File"/>, 0 when unknown.</summary>
    public int Line { get; init; }

    /// <summary>1-based column in <see cref="File"/>, 0 when unknown.</summary>
    public int Column { get; init; }
}
