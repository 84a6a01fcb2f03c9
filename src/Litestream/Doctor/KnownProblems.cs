using Litestream.Diagnostics;

namespace Litestream.Doctor;

/// <summary>What is known against releases of the executable.</summary>
internal static class KnownProblems
{
    /// <summary>The findings for a version such as <c>0.3.13</c>, worst first.</summary>
    public static IEnumerable<Finding> Of(string version)
    {
        if (!Version.TryParse(version.Split('-', '+')[0], out var release))
        {
            yield return new(
                FindingLevel.Note,
                "executable",
                $"'{version}' is no version that anything is known about: a build of your own."
            );
            yield break;
        }

        if (release < new Version(0, 3, 5))
        {
            yield return new(
                FindingLevel.Error,
                "executable",
                $"Litestream {version} is older than what this package is made for (0.3.13).",
                "Take the executable of the package: unset LITESTREAM_INSTALL_DIR, or put 0.3.13 there."
            );
            yield break;
        }

        // SQLite 3.7.0 to 3.51.2; the embedded versions were read from the executables and from upstream's go.mod.
        if (release < new Version(0, 5, 17))
        {
            yield return Finding.Of(
                FindingLevel.Warning,
                "executable",
                $"Litestream {version} embeds "
                    + $"SQLite {(release < new Version(0, 5) ? "3.42.0" : "3.51.2 or older")}, which has the "
                    + $"WAL-reset race "
                    + $"(fixed in 3.51.3): two connections that write or checkpoint at the same instant can damage the "
                    + $"database. It is rare.",
                $"Keep Cache=Shared and other programs off the file, verify backups regularly ({VerbName.Verify}), "
                    + $"and plan for 0.5.17 (SQLite 3.53), which reads the backups of 0.3 on folders and S3."
            );
        }

        if (release == new Version(0, 3, 13))
        {
            yield return Finding.Of(
                FindingLevel.Note,
                "executable",
                "Litestream 0.3.13: a folder replica whose disk is full stops replicating without a word, and a "
                    + "restore of some backups panics (fixed in 0.3.14).",
                $"Keep space free on the replica's disk and try a restore now and then ({VerbName.Drill})."
            );
        }

        if (release >= new Version(0, 5) && release < new Version(0, 5, 7))
            yield return new(
                FindingLevel.Warning,
                "executable",
                $"Litestream {version} cannot read backups that 0.3 made.",
                "Take 0.5.17, or restore older backups with 0.3.13."
            );
    }
}
