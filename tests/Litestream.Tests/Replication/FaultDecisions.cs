using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Releases.V03;
using Litestream.Replication;
using Litestream.Verification;
using static Litestream.Replication.LitestreamHealth;
using static Litestream.Replication.LitestreamState;

namespace Litestream.Tests.Replication;

/// <summary>What is decided once about a fault.</summary>
/// <param name="Decide">Asks the policies, with what is seen of the fault.</param>
/// <param name="Expected">What they say.</param>
internal sealed record FaultDecision(Func<object> Decide, object Expected);

/// <summary>
/// The rows of docs/faults.md that are decided at once, not from look to look: about the process, the start, the full
/// copy, the configuration and the stop. And those that no decision shows.
/// </summary>
internal static class FaultDecisions
{
    private const string Database = Supervision.Path;

    private const string NotArrived = $"bytes of the last commits of '{Database}' did not arrive in the replica";

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private static readonly DatabaseStanding Fine = new(Exclusion.None, Healthy, IsSettled: true);

    private static readonly EndedProcess Killed = new() { ExitCode = 137, RanFor = 10 * Second, HasReplicated = true };

    private static readonly LitestreamException Broken = new("LSB2008", "it cannot run here");

    private static readonly IOException NoSpace = new("No space left on device", 28);

    private static readonly ChainFacts Lost = new(MarkState.Absent, true, WasSeen: true, AbsentLooks: 3, null, 0);

    private static readonly ChainFacts Slow = new(MarkState.Absent, false, WasSeen: false, 60, 60 * Second, 0);

    private static readonly CutFacts BeforeApp = new(MayBeOpened: true, false, IsBeforeApp: true, false);

    private static readonly UnsentFacts Stopped = new(Database) { FileSize = 8192, WalBytes = 4152, Unsent = 4152 };

    public static Dictionary<string, FaultDecision> Table { get; } =
        new(StringComparer.Ordinal)
        {
            ["litestream is killed, at rest or under load"] = new(
                () => ProcessPolicy.AfterEnd(Killed, Second),
                new RestartDecision("litestream ended with exit code 137; it restarts", "ended", Second)
            ),
            [
                "litestream is killed while commits wait, and the app's last connection closes then: "
                    + "SQLite deletes the WAL"
            ] = new(
                () =>
                    (
                        ProcessPolicy.AfterEnd(Killed, Second).Cause,
                        ReplicatorStatePolicy.Decide(Restarting, isRunning: true, [Fine])
                    ),
                ("ended", Replicating)
            ),
            ["a replica on S3 is emptied"] = new(
                () =>
                    Overall(
                        Replicating,
                        database: new(Database)
                        {
                            Verification = new(
                                new EffectiveDatabase(Database, Database, null, null, []),
                                VerificationOutcome.Failed,
                                "there is no backup",
                                "LSB4103"
                            ),
                        }
                    ),
                (Unhealthy, "LSB4103: there is no backup")
            ),
            ["the disk of the database is full, or has no inodes left, when the app starts"] = new(
                () =>
                    (
                        StartFailurePolicy.MayPass(new(NoSpace, HasLocks: false, HasRun: false)),
                        ProcessPolicy.AfterFailedStart(NoSpace, Second)
                    ),
                (
                    true,
                    new RestartDecision(
                        "litestream could not be started (No space left on device); trying again",
                        "not_started",
                        Second
                    )
                )
            ),
            ["litestream hangs in a disk that does not answer, and cannot be killed"] = new(
                () => StopThatHangs(30 * Second),
                (30 + 8) * Second
            ),
            ["the same, where the replica is a `file:` URL, in a variable too (`url: ${REPLICA_URL}`)"] = new(
                () => Replica("url: ${REPLICA_URL}", "file:///backup/app.db").Folder!,
                "/backup/app.db"
            ),
            ["the database is overwritten in place (encrypted, with garbage)"] = new(
                () => (ProcessPolicy.EndPatience(new("the database is another one"), isOtherFile: true), Refused()),
                (TimeSpan.Zero, (true, Unhealthy))
            ),
            [
                "another database is published over this one before a start: a template's, another app's, "
                    + "with and without its WAL"
            ] = new(() => Refused(), (true, Unhealthy)),
            [
                "the state folder of a database is lost, and the disk has no room for a copy of the backup, "
                    + "which would tell whether it is of this database"
            ] = new(() => RoomLedger.Decide(free: 100, kept: 10, needed: 91, taken: 0), RoomVerdict.None),
            ["a laptop runs the app with the production replica"] = new(() => Refused(), (true, Unhealthy)),
            ["the app has a SQLite database open that nothing replicates"] = new(
                () => (Overall(Replicating, open: Open("/a.db")), UnsentPolicy.WithoutReplica([("/a.db", 1)])!.Code),
                ((Degraded, "LSB5018: open and not replicated: /a.db"), "LSB5027")
            ),
            ["litestream.yml has a mistake"] = new(
                () =>
                {
                    const string Text = "databases:\n  - path: a.db\n";
                    var finding = ConfigCheck.Run("a.yml", Text, [ConfigDialect03.Dialect], _ => null, true).Single();
                    return (finding.Code, finding.Severity, finding.Line, finding.Column);
                },
                ("LSB1030", LitestreamSeverity.Error, 1, 1)
            ),
            [
                "the place of a replica depends on an environment variable that is not set "
                    + "(`url: ${REPLICA_URL}`)"
            ] = new(
                () =>
                {
                    var replica = Replica("url: ${REPLICA_URL}", variable: null);
                    return (replica.Missing.Single(), replica.Source!.Line, replica.Source.Column);
                },
                ("REPLICA_URL", 4, 14)
            ),
            ["litestream refuses its configuration"] = new(
                () =>
                {
                    var ended = new EndedProcess { ExitCode = 1, RanFor = Second };
                    var refused = new LitestreamException(ProcessPolicy.AfterEnd(ended, Second).Refused!);
                    return (refused.Diagnostic.Code, MayPass(refused), Unsent("litestream never ran (LSB5014)"));
                },
                ("LSB5014", false, $"LSB5021: Up to 4152 {NotArrived}: litestream never ran (LSB5014)")
            ),
            ["the executable is missing (LSB5001)"] = new(
                () => (Overall(Failed), Unsent("litestream never ran (LSB5001)")),
                ((Unhealthy, "Failed"), $"LSB5021: Up to 4152 {NotArrived}: litestream never ran (LSB5001)")
            ),
            ["the executable is broken, or for another processor (LSB2008)"] = new(
                () => (MayPass(Broken), Unsent("litestream never ran (LSB2008)")),
                (false, $"LSB5021: Up to 4152 {NotArrived}: litestream never ran (LSB2008)")
            ),
            ["the executable is away for a moment while the app runs"] = new(
                () =>
                    (
                        StartFailurePolicy.MayPass(new(Broken, HasLocks: true, HasRun: true)),
                        ProcessPolicy.AfterFailedStart(Broken, Second).NextPause
                    ),
                (true, 2 * Second)
            ),
            [
                "the stop takes longer than `ShutdownTimeout`, amid the first snapshot of a large database for example"
            ] = new(
                () =>
                    (
                        StopBudget.Left(StopStep.Session, 30 * Second, TimeSpan.Zero),
                        UnsentPolicy.AtLastLook([new(Database) { LagBytes = 12 }])
                    ),
                (34 * Second, " (12 bytes at the last check)")
            ),
            ["SIGKILL of the app, under load too (out of memory, `docker kill`)"] = new(
                () => CutPolicy.Decide(BeforeApp),
                CutAction.Truncate
            ),
            [
                "litestream loses its read lock on the WAL while it runs "
                    + "(its own table was away when it checkpointed, for example)"
            ] = new(
                () => (ChainPolicy.Decide(Lost with { AbsentLooks = 2 }), ChainPolicy.Decide(Lost)),
                (ChainAction.None, ChainAction.Break)
            ),
            ["litestream is slow to start, while the app writes and checkpoints"] = new(
                () =>
                    (
                        ChainPolicy.Decide(Slow with { ReaderAge = 59 * Second }),
                        ChainPolicy.Decide(Slow),
                        ChainPolicy.Decide(Slow with { ReaderAge = Second, WalGrowth = 100 << 20 })
                    ),
                (ChainAction.None, ChainAction.GiveUpReader, ChainAction.GiveUpReader)
            ),
            [
                "a full copy is needed and the app has the database open with two SQLite libraries "
                    + "(System.Data.SQLite beside Microsoft.Data.Sqlite)"
            ] = new(
                () =>
                    (
                        CutPolicy.Decide(new(MayBeOpened: false, true, IsBeforeApp: false, IsOpenAnywhere: true)),
                        CutPolicy.Decide(BeforeApp with { BringsAnotherLibrary = true })
                    ),
                (CutAction.NewLineageUntilRestart, CutAction.Truncate)
            ),
            ["a process restarts the WAL between the end of litestream and the final pass of a stop"] = new(
                () =>
                    (
                        ChainPolicy.IsUnread(new(HasReader: false, MayBeOpened: true, HasWal: true, IsRead: true)),
                        Said(Stopped with { Unsent = 0, CopyNeededBy = "it did not continue" })
                    ),
                (
                    true,
                    $"LSB5021: The full copy (8192 bytes) of '{Database}' did not arrive in the replica: it was needed "
                        + "because it did not continue"
                )
            ),
            ["a stop while the storage takes nothing"] = new(
                () => Said(Stopped with { Error = "no route to host" }),
                $"LSB5021: 4152 {NotArrived}: no route to host"
            ),
            ["two apps on one database, both writing"] = new(() => Beside(), (RestoreWaitStep.GoOn, Waits, "")),
            ["a new release starts before the old one has stopped or is killed"] = new(
                () => (Beside(), ReplicatorStatePolicy.Decide(Starting, isRunning: true, [Fine])),
                ((RestoreWaitStep.GoOn, Waits, ""), Replicating)
            ),
        };

    /// <summary>The rows that only a real process shows, or that nothing decides, and why.</summary>
    public static Dictionary<string, string> WithoutDecision { get; } =
        new(StringComparer.Ordinal)
        {
            ["litestream is frozen when the app stops, or is killed"] = "signals resume or kill it",
            ["the disk of the database is full"] = "SQLite says so to the app",
            ["the executable has lost its x permission"] = "the file gets it back",
            [
                "SIGTERM, SIGINT, to the app or its group, under load too; "
                    + "`StopApplication`; exception; `Environment.Exit`"
            ] = "how a process ends",
            ["a signal while the restore at start runs"] = "how a process ends",
            [
                "an orderly restart: SIGTERM to the app, Ctrl+C or systemd's signal to its group, a new version"
            ] = "litestream itself continues where it was",
            ["nothing reads the app's output, or its reader is gone"] = "a pipe that is full or closed",
            ["the app's log hangs while litestream writes much"] = "a pipe that is full",
            ["code in the app's process opens and closes the database file outside SQLite"] = "locks of the system",
            ["an app with 200 databases"] = "how much one litestream carries",
            ["the machine is lost"] = "not run",
        };

    private static (LitestreamHealth, string) Waits => (Degraded, "Waiting");

    /// <summary>How an app does beside another one that replicates, and what it says at its stop.</summary>
    private static (RestoreWaitStep, (LitestreamHealth, string), string) Beside() =>
        (
            RestoreWait.Decide(new() { IsPastGate = true, IsRunning = true }, Supervision.Stall),
            Overall(Waiting),
            Said(Stopped with { IsAnothers = true })
        );

    private static bool MayPass(Exception error) => StartFailurePolicy.MayPass(new(error, true, HasRun: false));

    /// <summary>Whether the replicator has failed, and how the only database does: it is not that of its
    /// replica.</summary>
    private static (bool HasFailed, LitestreamHealth Health) Refused()
    {
        var other = new LitestreamDiagnostic("LSB5009", LitestreamSeverity.Error, "another database");
        var state = new DatabaseState(Database).CheckLineage().Exclude(Exclusion.Refused, other);
        var standing = new DatabaseStanding(state.Exclusion, state.Health, IsSettled: false);
        return (ReplicatorStatePolicy.HasFailed([standing]), state.Health);
    }

    private static (LitestreamHealth Health, string Problems) Overall(
        LitestreamState state,
        LitestreamDatabaseStatus? database = null,
        IReadOnlyList<string>? open = null
    )
    {
        var status = new LitestreamStatus(state, null, null, 0, null)
        {
            Databases = [database ?? new LitestreamDatabaseStatus(Database)],
            OpenNotReplicated = open ?? [],
        };
        var overall = OverallHealth.Of(status, DateTimeOffset.UnixEpoch);
        return (overall.Health, string.Join('\n', overall.Problems));
    }

    private static IReadOnlyList<string> Open(string path) =>
        OpenSqliteFiles.Unknown(
            OpenSqliteFiles.Find([new(path, true, null, IsDeleted: false), new(path + "-wal", true, null, false)]),
            [(Database, null)],
            new PathList([])
        );

    private static ReplicaIdentity Replica(string text, string? variable) =>
        ReplicaIdentity.AtRun(
            LitestreamConfigFile
                .Parse("a.yml", $"dbs:\n  - path: app.db\n    replicas:\n      - {text}\n", expandVariables: true)
                .Entries[0]
                .Replicas[0],
            _ => variable,
            folder => folder
        );

    private static string Unsent(string why) => Said(Stopped with { NotReplicated = why });

    /// <summary>The first sentence that is said at the stop; empty where nothing is.</summary>
    private static string Said(UnsentFacts facts) =>
        UnsentPolicy.Decide(facts) is { } said ? $"{said.Code}: {said.Message.Split(". ")[0]}" : "";

    private static TimeSpan StopThatHangs(TimeSpan timeout) =>
        Enum.GetValues<StopStep>()
            .Aggregate(TimeSpan.Zero, (elapsed, step) => elapsed + StopBudget.Left(step, timeout, elapsed));
}
