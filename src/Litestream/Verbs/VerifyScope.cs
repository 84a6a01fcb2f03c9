using Litestream.Diagnostics;
using Litestream.Verification;

namespace Litestream.Verbs;

/// <summary>
/// How much a verification proves, and what it may write, where it was not said. A database in the folder of a project
/// is a template: it is published with the app, so what is
/// written to it is shipped. There nothing is written unless that is asked for, and then it is said before.
/// </summary>
/// <param name="Level">How much is proved.</param>
/// <param name="Write">Whether a row is written.</param>
/// <param name="Notice">What will be written into a project's database, or null.</param>
/// <param name="Limit">What is not shown because nothing is written, or null.</param>
internal sealed record VerifyScope(
    VerificationLevel Level,
    bool Write,
    LitestreamDiagnostic? Notice,
    MessageText? Limit
)
{
    /// <summary>Decides.</summary>
    /// <param name="level">As asked for; null where it was not.</param>
    /// <param name="write">As asked for; null where it was not.</param>
    /// <param name="startsReplicator">Whether litestream is started if no replicator runs.</param>
    /// <param name="projectFolder">The folder of the project whose databases are meant; null in a published app, or
    /// where its folder was named.</param>
    /// <param name="databases">The databases that are verified, absolute.</param>
    public static VerifyScope Of(
        VerificationLevel? level,
        bool? write,
        bool startsReplicator,
        string? projectFolder,
        IEnumerable<string> databases
    )
    {
        var shipped = InProject(projectFolder, databases);
        if (shipped.Count == 0)
            return new(level ?? VerificationLevel.Full, write ?? true, null, null);
        if (level is null && write is null && !startsReplicator)
        {
            return new(
                VerificationLevel.Position,
                false,
                null,
                $"Nothing was written or restored, because this is the folder of a project: it is not proved that the "
                    + $"backup can be restored. LitestreamContentRoot=<the published app's folder> verifies the "
                    + $"database of the app; {OptionName.VerifyLevel.Set("Full")} verifies this one, and writes to it."
            );
        }

        var scope = new VerifyScope(level ?? VerificationLevel.Full, write ?? true, null, null);
        var tables = new List<string>();
        if (scope is { Write: true, Level: not VerificationLevel.Position })
            tables.Add("_litestream_verification");
        if (startsReplicator)
            tables.AddRange(["_litestream_seq", "_litestream_lock"]);
        return tables.Count == 0
            ? scope
            : scope with
            {
                Notice = Writes(
                    VerbName.Verify,
                    tables,
                    shipped,
                    $" {OptionName.VerifyLevel.Set("Position")} writes nothing."
                ),
            };
    }

    /// <summary>Of a verb that starts litestream: what will be written into databases of a project, or null.</summary>
    public static LitestreamDiagnostic? OfReplicate(string? projectFolder, IEnumerable<string> databases) =>
        InProject(projectFolder, databases) is { Count: > 0 } shipped
            ? Writes(VerbName.Replicate, ["_litestream_seq", "_litestream_lock"], shipped, "")
            : null;

    private static LitestreamDiagnostic Writes(
        VerbName verb,
        List<string> tables,
        List<string> databases,
        MessageText otherwise
    ) =>
        new(
            "LSB3021",
            LitestreamSeverity.Warning,
            $"{verb} writes the {(tables.Count == 1 ? "table" : "tables")} {string.Join(", ", tables)} "
                + $"to {string.Join(", ", databases.Select(database => $"'{database}'"))}, in the folder of the "
                + $"project: "
                + $"a publish may ship {(databases.Count == 1 ? "it" : "them")}. "
                + $"For the database of the published app, name its folder in LitestreamContentRoot.{otherwise}"
        );

    private static List<string> InProject(string? folder, IEnumerable<string> databases) =>
        folder is null
            ? []
            :
            [
                .. databases.Where(database =>
                    Path.GetRelativePath(folder, database) is var relative
                    && !Path.IsPathRooted(relative)
                    && relative.Split(Path.DirectorySeparatorChar)[0] != ".."
                ),
            ];
}
