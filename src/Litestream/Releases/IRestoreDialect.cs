using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Releases;

/// <summary>How the executable is asked for a restore, and what it says.</summary>
internal interface IRestoreDialect
{
    /// <summary>Flags that only this library may set, without the hyphen.</summary>
    IReadOnlyList<string> ReservedFlags { get; }

    /// <exception cref="LitestreamException">LSB3008: the selection contradicts itself.</exception>
    void Check(RestoreSelection selection);

    /// <summary>The arguments that select the state.</summary>
    IReadOnlyList<string> Arguments(RestoreSelection selection);

    /// <summary>What it takes, as far as it has said so.</summary>
    /// <param name="database">What is restored.</param>
    /// <param name="line">What it says.</param>
    /// <param name="source">What is known by the lines before.</param>
    RestoreSource? Source(EffectiveDatabase database, LogLine line, RestoreSource? source);

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

/// <summary>The codes for what the executable says, as far as its lines say the same.</summary>
internal static class RestoreErrors
{
    private static readonly string[] Full =
    [
        "no space left on device",
        "disk quota exceeded",
        "database or disk is full",
        "not enough space on the disk",
    ];

    private static readonly string[] Command =
    [
        "database not found in config",
        "cannot read config",
        "yaml:",
        "flag provided but not defined",
        "invalid value",
        "too many arguments",
    ];

    private static readonly string[] Hole =
    [
        "missing",
        "no such file",
        "not found",
        "NotFound",
        "NoSuchKey",
        "does not exist",
    ];

    /// <summary>It is the place of the whole backup that is not there.</summary>
    private static readonly string[] NoPlace =
    [
        "NoSuchBucket",
        "ContainerNotFound",
        "bucket doesn't exist",
    ];

    private const string ExitCode = "`litestream restore` ended with exit code";

    /// <summary>Whether the storage answers, and something that belongs to the backup is not there.</summary>
    /// <param name="diagnostic">What a restore failed with.</param>
    public static bool IsHole(LitestreamDiagnostic diagnostic)
    {
        // What comes before is from here: a path may have such a word in it.
        if (diagnostic.Code != "LSB4005" || diagnostic.Message.Split(ExitCode) is not [_, .., var said])
            return false;
        return Hole.Any(word => said.Contains(word, StringComparison.OrdinalIgnoreCase))
            && !NoPlace.Any(word => said.Contains(word, StringComparison.Ordinal));
    }

    /// <param name="message">What it said.</param>
    /// <param name="damaged">What it says of a damaged backup.</param>
    public static string Classify(string message, string[] damaged)
    {
        bool Says(string[] words) => words.Any(w => message.Contains(w, StringComparison.OrdinalIgnoreCase));
        return Says(Full) ? "LSB4009"
            : Says(Command) ? "LSB3001"
            : Says(damaged) ? "LSB4003"
            : "LSB4005";
    }
}
