using Litestream.Commands;
using Litestream.Configuration;

namespace Litestream.Restore;

/// <summary>How a restore ended well.</summary>
public enum RestoreOutcome
{
    /// <summary>The database is there again.</summary>
    Restored,

    /// <summary>There was a database already; nothing was done.</summary>
    DatabaseExists,

    /// <summary>The replica has no backup yet; nothing was done.</summary>
    NoBackup,
}

/// <summary>What to restore, and where to.</summary>
/// <param name="Config">The effective configuration.</param>
/// <param name="Database">One of its databases.</param>
public sealed record RestoreRequest(EffectiveConfig Config, EffectiveDatabase Database)
{
    /// <summary>Where the restored file goes; null: to the database's own path.</summary>
    public string? Output { get; init; }

    /// <summary>An existing file at the output ends in <see cref="RestoreOutcome.DatabaseExists"/> instead of LSB4001.</summary>
    public bool IfDatabaseNotExists { get; init; }

    /// <summary>An empty replica ends in <see cref="RestoreOutcome.NoBackup"/> instead of LSB4002.</summary>
    public bool IfReplicaExists { get; init; }
}

/// <summary>The restore that never destroys anything.</summary>
public static class DatabaseRestore
{
    /// <summary>Restores into a temporary folder beside the output, checks the file and moves it into place without ever replacing one.</summary>
    /// <exception cref="LitestreamException">LSB4001 to LSB4005, LSB3001.</exception>
    public static Task<RestoreOutcome> RunAsync(LitestreamExecutable executable, RestoreRequest request, Action<LogLine>? onLine, CancellationToken cancellationToken) => throw new NotSupportedException();
}
