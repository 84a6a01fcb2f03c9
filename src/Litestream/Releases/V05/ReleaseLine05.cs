using Litestream.Diagnostics;

namespace Litestream.Releases.V05;

/// <summary>Release line 0.5: LTX files. Only its configuration and its problems are known here.</summary>
internal static class ReleaseLine05
{
    public static ReleaseLine Over(ReleaseLine other) =>
        other with
        {
            Name = "0.5",
            Dialect = ConfigDialect05.Dialect,
            KnowsPositions = false,
            ReadPosition = _ => null,
            KnownProblems = Problems,
            Lacks = new Dictionary<string, Func<string, string, MessageText>>
            {
                ["generations"] = (version, database) => UseLtx(VerbName.Generations, version, database),
                ["snapshots"] = (version, database) => UseLtx(VerbName.Snapshots, version, database),
                ["wal"] = (version, database) => UseLtx(VerbName.Wal, version, database),
                ["ltx"] = (version, database) =>
                    $"This version of Litestream.Build does not read LTX files. litestream {version} lists them "
                    + $"itself: {VerbName.Running($"ltx -level all '{database}'")}.",
            },
        };

    private static MessageText UseLtx(VerbName verb, string version, string database) =>
        $"{verb} is for release line 0.3, whose replicas have generations, snapshots and WAL segments; this is "
        + $"litestream {version}, which keeps LTX files: {VerbName.Running($"ltx -level all '{database}'")} lists them "
        + $"(-level 9: the snapshots).";

    private static IEnumerable<KnownProblem> Problems(Version release)
    {
        if (release < new Version(0, 5, 17))
            yield return KnownProblem.WalResetRace(release, "3.51.2 or older");
        if (release < new Version(0, 5, 7))
            yield return new(
                LitestreamSeverity.Warning,
                $"Litestream {release} cannot read backups that 0.3 made.",
                "Use 0.5.17, or restore older backups with 0.3.13."
            );
    }
}
