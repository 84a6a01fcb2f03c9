using Litestream.Configuration;

namespace Litestream.Releases;

/// <summary>
/// The control socket of a litestream that runs: databases are added to it and removed from it without a restart. Each
/// call is bounded, and goes only to the process that it is meant for: another one may have taken the socket.
/// </summary>
internal interface IControlSocket : IDisposable
{
    /// <summary>The replica of a database as it can be named here; null where that says less than its configuration
    /// does, so that only a restart hands it over exactly.</summary>
    /// <param name="running">What litestream was started with.</param>
    /// <param name="config">A configuration that has the database.</param>
    /// <param name="database">The database.</param>
    string? ReplicaUrl(EffectiveConfig running, EffectiveConfig config, EffectiveDatabase database);

    /// <summary>Adds a database.</summary>
    /// <param name="processId">Litestream.</param>
    /// <param name="path">The database.</param>
    /// <param name="replicaUrl">See <see cref="ReplicaUrl"/>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    Task<ControlOutcome> AddAsync(
        int processId,
        string path,
        string replicaUrl,
        CancellationToken cancellationToken
    );

    /// <summary>Removes a database, of which litestream sends the rest.</summary>
    /// <param name="processId">Litestream.</param>
    /// <param name="path">The database.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    Task<ControlOutcome> RemoveAsync(int processId, string path, CancellationToken cancellationToken);
}

/// <summary>What came of a call.</summary>
internal enum ControlOutcome
{
    /// <summary>Litestream has the database now, or does not have it any more.</summary>
    Done,

    /// <summary>Our litestream does not answer at the socket (yet), so it was not asked.</summary>
    NotAsked,

    /// <summary>It was asked, and it is unknown whether it has the database.</summary>
    Unknown,
}
