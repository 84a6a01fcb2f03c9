using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Releases;

/// <summary>How the executable is asked for a restore, and what it says.</summary>
internal interface IRestoreDialect
{
    /// <exception cref="LitestreamException">LSB3008: the selection contradicts itself.</exception>
    void Check(RestoreSelection selection);

    /// <summary>The arguments that select the state.</summary>
    IReadOnlyList<string> Arguments(RestoreSelection selection);

    /// <summary>What it takes, as far as it has said so.</summary>
    RestoreSource? Source(LogLine line, RestoreSource? source);

    /// <summary>Whether it says that there is no backup.</summary>
    bool SaysNoBackup(string text);

    /// <summary>The code for what it said when it failed.</summary>
    string Classify(string message);

    /// <summary>Restores the database as it was at just this place, if the executable cannot do that itself.</summary>
    /// <param name="folder">A private folder.</param>
    /// <param name="position">The place.</param>
    /// <param name="replica">The name of the replica.</param>
    /// <param name="restore">Restores a selection to a file in the folder.</param>
    /// <returns>The file; null when that did not work.</returns>
    Task<string?> RestoreUpToAsync(
        string folder,
        ReplicaPosition position,
        string replica,
        Func<string, IReadOnlyList<string>, Task> restore
    );
}
