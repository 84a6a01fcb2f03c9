using System.Text.Json;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Releases;

/// <summary>Everything that a release line of Litestream decides. Chosen once, by the executable's version.</summary>
internal sealed record ReleaseLine
{
    /// <summary>Each line that is known, oldest first.</summary>
    public static IReadOnlyList<ReleaseLine> All { get; } =
    [V03.ReleaseLine03.Line, V05.ReleaseLine05.Line];

    /// <summary>What an executable is taken for that does not say its version, and a configuration where there is no
    /// executable: the line that comes with the package.</summary>
    public static ReleaseLine Default => All[^1];

    /// <summary>The first two numbers of its versions, such as <c>0.3</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it calls a lineage.</summary>
    public required string LineageWord { get; init; }

    /// <summary>The lines before it, whose replicas it reads too where they are folders or S3.</summary>
    public IReadOnlyList<ReleaseLine> Older { get; init; } = [];

    /// <summary>Whether a backup of an older line may be in the storage of a replica, where this line does not see it.
    /// </summary>
    public bool MayOverlook(ConfiguredReplica replica) =>
        Older.Count > 0 && replica.Type is ("abs" or "gcs" or "gs" or "sftp");

    /// <summary>The lines after it, whose replicas it does not read.</summary>
    public IReadOnlyList<ReleaseLine> Newer => [.. All.Where(line => line.Older.Any(older => older.Name == Name))];

    /// <summary>What it keeps in its state folder beside a database: the entries there, the largest first.</summary>
    public required IReadOnlyList<string> LocalEntries { get; init; }

    /// <summary>Which keys and values of litestream.yml it reads.</summary>
    public required ConfigDialect Dialect { get; init; }

    /// <summary>Its dialect, then those of the other lines.</summary>
    public IReadOnlyList<ConfigDialect> Dialects =>
        [Dialect, .. All.Select(line => line.Dialect).Where(other => other != Dialect)];

    /// <summary>Whether its positions are known here. Where not, only a restore proves that something has arrived.
    /// </summary>
    public bool KnowsPositions { get; init; } = true;

    /// <summary>Whether its metrics say how far each replica has come.</summary>
    public bool ReportsProgress { get; init; } = true;

    /// <summary>Whether it reads nothing of a database before the storage has answered.</summary>
    public bool AsksStorageFirst { get; init; }

    /// <summary>Whether it can be made to begin a new lineage, with a full copy: see
    /// <see cref="ILocalState.ForgetLineage"/>. Where not, only an emptied WAL has it send one.</summary>
    public bool CanBeginLineage { get; init; } = true;

    /// <summary>Opens the control socket at a path, of a litestream that runs; null: it has none.</summary>
    public Func<string, IControlSocket>? Control { get; init; }

    /// <summary>Litestream is started again for databases that were added at most so often.</summary>
    public TimeSpan GatherPause { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What is in the replicas; with how long each listing may take (null: 2 minutes).</summary>
    public required Func<LitestreamExecutable, EffectiveConfig, TimeSpan?, IBackupCatalog> Catalog { get; init; }

    /// <summary>The arguments of a restore, and what it says.</summary>
    public required IRestoreDialect Restore { get; init; }

    /// <summary>What it keeps beside a database, by the path of its state folder.</summary>
    public required Func<string, ILocalState> State { get; init; }

    /// <summary>What it keeps in a replica that is a folder.</summary>
    public required IReplicaLayout Layout { get; init; }

    /// <summary>Reads a position from JSON; null when it is another line's.</summary>
    public required Func<JsonElement, ReplicaPosition?> ReadPosition { get; init; }

    /// <summary>What is known against one of its versions, worst first.</summary>
    public required Func<Version, IEnumerable<KnownProblem>> KnownProblems { get; init; }

    /// <summary>The commands that it lacks, and what to do instead with a version.</summary>
    public required IReadOnlyDictionary<string, Func<string, MessageText>> Lacks { get; init; }

    /// <summary>The line of a version such as <c>0.3.13</c>; null: the executable does not say one. A version of no
    /// known line is taken for one of the newest line before it, but its positions are not trusted.</summary>
    public static ReleaseLine Of(string? version) =>
        version is null
            ? Default
            : All.FirstOrDefault(line => version.StartsWith(line.Name + ".", StringComparison.Ordinal))
                ?? Before(version) with
                {
                    Name = version,
                    KnowsPositions = false,
                };

    private static ReleaseLine Before(string version) =>
        Version.TryParse(version, out var number)
            ? All.LastOrDefault(line => Version.Parse(line.Name) < number) ?? All[0]
            : Default;

    /// <summary>The line of an executable; the default line where there is none.</summary>
    public static ReleaseLine Of(Func<LitestreamExecutable> find)
    {
        try
        {
            return find().Line;
        }
        catch (LitestreamException)
        {
            // Reported where it is needed.
            return Default;
        }
    }

    /// <summary>When it last read from a database, by the state folder beside it; null: never.</summary>
    public DateTimeOffset? LastRead(string metaPath) =>
        State(metaPath) is var state && state.Lineage() is { } lineage ? state.LastWrite(lineage) : null;

    /// <summary>Why this line cannot go on from where it had read to, by the state folder beside a database: another
    /// one has read from it since. Null: it can.</summary>
    public string? WhyOutdated(string metaPath) =>
        LastRead(metaPath) is { } last && All.FirstOrDefault(line => line.LastRead(metaPath) > last) is { } other
            ? $"litestream {other.Name} has replicated the database since"
            : null;

    /// <summary>Why a command cannot be run with this executable; null when it can.</summary>
    public LitestreamException? Refuse(string command, string version) =>
        Lacks.TryGetValue(command, out var instead) ? new LitestreamException("LSB3009", instead(version)) : null;
}

/// <summary>The release line of an executable.</summary>
internal static class ExecutableLine
{
    extension(LitestreamExecutable executable)
    {
        /// <summary>By its own version; see <see cref="LitestreamExecutable.Version"/>.</summary>
        public ReleaseLine Line => ReleaseLine.Of(executable.Version);
    }
}

/// <summary>Something that is known against a version of the executable.</summary>
internal sealed record KnownProblem(LitestreamSeverity Severity, MessageText Message, MessageText Action)
{
    /// <summary>SQLite 3.7.0 to 3.51.2; the embedded versions were read from the executables and from upstream's
    /// go.mod.</summary>
    public static KnownProblem WalResetRace(Version release, string sqlite) =>
        new(
            LitestreamSeverity.Warning,
            $"Litestream {release} embeds SQLite {sqlite}, which has the WAL-reset race (fixed in 3.51.3): two "
                + $"connections that write or checkpoint at the same instant can damage the database. It is rare.",
            $"Do not use Cache=Shared or other programs on the file, verify backups regularly ({VerbName.Verify}), and "
                + $"plan for 0.5.17 (SQLite 3.53), which reads the backups of 0.3 on folders and S3."
        );
}
