using Litestream.Releases;

namespace Litestream.Doctor;

/// <summary>What is known against releases of the executable.</summary>
internal static class KnownProblems
{
    private const string Subject = "executable";

    /// <summary>The findings for a version such as <c>0.3.13</c>, worst first.</summary>
    public static IEnumerable<Finding> Of(string version) =>
        Version.TryParse(version.Split('-', '+')[0], out var release)
            ? ReleaseLine
                .Of(version)
                .KnownProblems(release)
                .Select(problem => Finding.Of(
                    Finding.LevelOf(problem.Severity),
                    Subject,
                    problem.Message,
                    problem.Action
                ))
            :
            [
                new(
                    FindingLevel.Note,
                    Subject,
                    $"Nothing is known about version '{version}': it is your own build."
                ),
            ];
}
