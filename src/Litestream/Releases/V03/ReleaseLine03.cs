using Litestream.Diagnostics;

namespace Litestream.Releases.V03;

/// <summary>Release line 0.3: generations, snapshots and WAL segments.</summary>
internal static class ReleaseLine03
{
    public static ReleaseLine Line { get; } =
        new()
        {
            Name = "0.3",
            LineageWord = "generation",
            LocalEntries = ["generations", "generation"],
            Dialect = ConfigDialect03.Dialect,
            Catalog = (executable, config, timeout) =>
                new BackupCatalog(new CatalogCommands(executable, config, timeout), config),
            Restore = new RestoreDialect(),
            State = metaPath => new ShadowWal(metaPath),
            Layout = new ReplicaLayout(),
            ReadPosition = GenerationPosition.From,
            KnownProblems = Problems,
            Lacks = new Dictionary<string, Func<string, MessageText>>
            {
                ["ltx"] = version =>
                    $"Only release line 0.5 keeps LTX files; this is litestream {version}, which keeps snapshots and "
                    + $"WAL segments. Use {VerbName.Snapshots} and {VerbName.Wal}.",
            },
        };

    private static IEnumerable<KnownProblem> Problems(Version release)
    {
        if (release < new Version(0, 3, 5))
        {
            yield return new(
                LitestreamSeverity.Error,
                $"Litestream {release} is older than the release that this package is made for (0.3.13).",
                "Use the executable of the package: unset LITESTREAM_INSTALL_DIR, or put 0.3.13 there."
            );
            yield break;
        }

        if (release < new Version(0, 5))
            yield return KnownProblem.WalResetRace(release, "3.42.0");
        if (release == new Version(0, 3, 13))
        {
            yield return new(
                LitestreamSeverity.Message,
                "Litestream 0.3.13: a folder replica whose disk is full silently stops replicating, and a restore of "
                    + "some backups panics (fixed in 0.3.14).",
                $"Keep space free on the replica's disk, and test a restore regularly ({VerbName.Drill})."
            );
        }
    }
}
