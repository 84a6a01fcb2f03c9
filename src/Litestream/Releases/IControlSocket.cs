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
    /// <returns>False: it is unknown whether litestream has it.</returns>
    Task<bool> AddAsync(int processId, string path, string replicaUrl);

    /// <summary>Removes a database, of which litestream sends the rest.</summary>
    /// <param name="processId">Litestream.</param>
    /// <param name="path">The database.</param>
    /// <returns>False: it is unknown whether litestream has it.</returns>
    Task<bool> RemoveAsync(int processId, string path);
}
