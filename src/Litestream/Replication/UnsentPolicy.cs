using System.Globalization;
using Litestream.Diagnostics;

namespace Litestream.Replication;

/// <summary>What is known of one database when the app has stopped.</summary>
/// <param name="Path">The database.</param>
internal sealed record UnsentFacts(string Path)
{
    /// <summary>The size of the file; null when there is none.</summary>
    public long? FileSize { get; init; }

    /// <summary>Up to where its WAL has commits; null when it has none.</summary>
    public long? WalBytes { get; init; }

    /// <summary>Whether it may have a table of the app's own. Without one there is nothing to lose.</summary>
    public bool MayHaveTables { get; init; } = true;

    /// <summary>Whether the file is just as the last stop left it that had sent everything.</summary>
    public bool IsAsSent { get; init; }

    /// <summary>Whether another process replicates it, which sends what this one has committed.</summary>
    public bool IsAnothers { get; init; }

    /// <summary>Whether the file was deleted while the app ran, so that it went on in one without a name.</summary>
    public bool WasDeleted { get; init; }

    /// <summary>Why litestream did not have it at the stop, with the code in front; null when it had.</summary>
    public string? NotReplicated { get; init; }

    /// <summary>Whether the next start does not send it either.</summary>
    public bool IsRefused { get; init; }

    /// <summary>How many bytes litestream has not sent: 0 when it has sent all; null when that is not known.</summary>
    public long? Unsent { get; init; }

    /// <summary>Why a full copy is needed; null when none is.</summary>
    public string? CopyNeededBy { get; init; }

    /// <summary>Litestream's last error; null when it had none.</summary>
    public string? Error { get; init; }
}

/// <summary>
/// Decides what is said of a database at the stop of the app: nothing when its replica has everything, else how much is
/// missing and why. Pure.
/// </summary>
internal static class UnsentPolicy
{
    public const string Code = "LSB5021";

    public static LitestreamDiagnostic? Decide(UnsentFacts facts)
    {
        if (facts.FileSize is null)
        {
            return !facts.WasDeleted
                ? null
                : Error(
                    $"The commits that the app made to '{facts.Path}' after the file was deleted are lost: "
                        + "neither a file nor the replica has them. The next start restores the backup."
                );
        }

        if (!facts.MayHaveTables || facts.IsAnothers)
            return null;
        if (facts.NotReplicated is null ? facts is { Unsent: 0, CopyNeededBy: null } : facts.IsAsSent)
            return null;

        var isMeasured = facts is { NotReplicated: null, Unsent: not null };
        var bytes = (isMeasured ? facts.Unsent : facts.WalBytes ?? facts.FileSize)!.Value;
        var upTo = isMeasured ? "" : "Up to ";
        var what = facts is { NotReplicated: null, Unsent: 0 }
            ? string.Create(CultureInfo.InvariantCulture, $"The full copy ({facts.FileSize} bytes)")
            : string.Create(CultureInfo.InvariantCulture, $"{upTo}{bytes} bytes of the last commits");
        var why =
            facts.NotReplicated
            ?? facts.Error
            ?? (
                facts.CopyNeededBy is { } reason
                    ? $"it was needed because {reason}"
                    : "litestream ended before it had sent them"
            );
        var next = facts.IsRefused ? "a start sends it only after you correct that" : "the next start sends it";
        return Error(
            $"{what} of '{facts.Path}' did not arrive in the replica: {why.TrimEnd('.')}. "
                + $"Everything is in the database file, and {next}. "
                + "Keep the file until then."
        );
    }

    /// <summary>What is said at the stop of databases that the app had and that have no replica at all; null when there
    /// are none.</summary>
    /// <param name="databases">Each with its size.</param>
    public static LitestreamDiagnostic? WithoutReplica(IReadOnlyList<(string Path, long Size)> databases)
    {
        if (databases.Count == 0)
            return null;
        var names = databases.Select(database =>
            string.Create(CultureInfo.InvariantCulture, $"'{database.Path}' ({database.Size} bytes)")
        );
        return new LitestreamDiagnostic(
            "LSB5027",
            LitestreamSeverity.Warning,
            $"The app ended, and these databases have no backup: {string.Join(", ", names)}. "
                + "Keep the files. Add them to litestream.yml, or list them in Litestream:NotReplicated if "
                + "that is intended."
        );
    }

    /// <summary>How much had not arrived at the last look, in brackets; empty when that is not known.</summary>
    public static string AtLastLook(IEnumerable<LitestreamDatabaseStatus> databases) =>
        databases.Sum(database => database.LagBytes ?? 0) is > 0 and var bytes
            ? string.Create(CultureInfo.InvariantCulture, $" ({bytes} bytes at the last check)")
            : "";

    private static LitestreamDiagnostic Error(string message) => new(Code, LitestreamSeverity.Error, message);
}
