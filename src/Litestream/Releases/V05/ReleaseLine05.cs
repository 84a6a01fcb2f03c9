using Litestream.Diagnostics;

namespace Litestream.Releases.V05;

/// <summary>Release line 0.5: LTX files and TXIDs.</summary>
internal static class ReleaseLine05
{
    public static ReleaseLine Line { get; } =
        new()
        {
            Name = "0.5",
            LineageWord = "lineage",
            Older = [V03.ReleaseLine03.Line],
            LocalEntries = ["ltx"],
            Dialect = ConfigDialect05.Dialect,
            ReportsProgress = false,
            AsksStorageFirst = true,
            CanBeginLineage = false,
            Control = path => new ControlSocket(path),
            GatherPause = TimeSpan.FromSeconds(2),
            Catalog = (executable, config, timeout) =>
                new LtxCatalog(new CatalogCommands(executable, config, timeout), config),
            Restore = new RestoreDialect05(),
            State = metaPath => new LocalLtx(metaPath),
            Layout = new LtxLayout(),
            ReadPosition = TxIdPosition.From,
            KnownProblems = Problems,
            Lacks = new Dictionary<string, Func<string, MessageText>>
            {
                ["generations"] = version => UseLtx(VerbName.Generations, version),
                ["snapshots"] = version => UseLtx(VerbName.Snapshots, version),
                ["wal"] = version => UseLtx(VerbName.Wal, version),
            },
        };

    private static MessageText UseLtx(VerbName verb, string version) =>
        $"{verb} is for release line 0.3, whose replicas have generations, snapshots and WAL segments; this is "
        + $"litestream {version}, which keeps LTX files. Use {VerbName.Ltx}: its files of level 9 are the snapshots.";

    private static IEnumerable<KnownProblem> Problems(Version release)
    {
        if (release < new Version(0, 5, 17))
            yield return KnownProblem.WalResetRace(release, "3.51.2 or older");
        if (release < new Version(0, 5, 7))
        {
            yield return new(
                LitestreamSeverity.Warning,
                $"Litestream {release} cannot read backups that 0.3 made.",
                "Use 0.5.17, or restore older backups with 0.3.13."
            );
        }
    }
}
