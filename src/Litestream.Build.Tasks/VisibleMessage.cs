using Litestream.Diagnostics;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>
/// A line that every console logger of MSBuild shows. The terminal logger shows no message below a warning, with one
/// exception that it makes for test runs: an
/// extended message of type TLTESTOUTPUT, in a project in which a target named _TestRunStart has run (our targets see
/// to that). Every other logger, and the binary log,
/// takes it for the message of high importance that it is. So it is logged once, and where the exception is gone, what
/// is lost is the line under the terminal logger.
/// </summary>
internal static class VisibleMessage
{
    private const string ShownAtOnce = "TLTESTOUTPUT";

    /// <summary>What the terminal logger takes for the path of a project's output, behind the project's name.</summary>
    private const string OutputArrow = " -> ";

    /// <summary>A line without more.</summary>
    /// <param name="line">The text; one line.</param>
    /// <param name="projectFile">The project at work.</param>
    public static ExtendedBuildMessageEventArgs Of(string line, string projectFile) =>
        new ExtendedBuildMessageEventArgs(ShownAtOnce, Guard(line, projectFile), null, null, MessageImportance.High);

    /// <summary>A finding that is neither a warning nor an error, at its place.</summary>
    /// <param name="diagnostic">The finding.</param>
    /// <param name="projectFile">The project at work: the place of what has none of its own.</param>
    public static ExtendedBuildMessageEventArgs Of(LitestreamDiagnostic diagnostic, string projectFile) =>
        new(
            ShownAtOnce,
            subcategory: null,
            diagnostic.Code,
            diagnostic.File ?? projectFile,
            diagnostic.Line,
            diagnostic.Column,
            endLineNumber: 0,
            endColumnNumber: 0,
            Guard(diagnostic.Message, projectFile),
            helpKeyword: null,
            senderName: null,
            MessageImportance.High
        );

    /// <summary>
    /// The terminal logger swallows a line that begins with the project's name and has an arrow in it: a space in front
    /// keeps it.
    /// </summary>
    public static string Guard(string line, string projectFile)
    {
        var name = Path.GetFileNameWithoutExtension(projectFile);
        var isTaken =
            name.Length > 0
            && line.StartsWith(name, StringComparison.Ordinal)
            && line.Contains(OutputArrow, StringComparison.Ordinal);
        return isTaken ? " " + line : line;
    }
}
