using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Releases.V05;
using Litestream.Replication;
using static Litestream.Replication.DatabaseAction;
using static Litestream.Replication.LitestreamHealth;

namespace Litestream.Tests.Replication;

/// <summary>
/// The rows of docs/faults.md that are decisions about one database: what is seen, second by second, what the health
/// says and what is done. The rows are named as the table names them. What is decided once is in
/// <see cref="FaultDecisions"/>, and a row may be in both.
/// </summary>
public sealed class SupervisionTests
{
    private const string Generation = "0123456789abcdef";

    private static readonly Dictionary<string, Row> Rows = new(StringComparer.Ordinal)
    {
        ["litestream is killed, at rest or under load"] = FullCopy(),
        ["litestream is frozen (SIGSTOP)"] = new(
            run => run.Look(22, seen => seen.Pending with { IsNoticed = false }),
            [(0, Healthy), (6, Degraded), (20, Unhealthy)],
            [(20, Restart)],
            "LSB5007"
        ),
        ["litestream overlooks a commit, and the app is silent"] = new(
            run => run.Look(4, seen => seen.Pending).Look(5, seen => seen.Idle),
            [(0, Healthy)],
            [(3, Nudge)]
        ),
        ["storage on the network refuses (credentials, bucket, server down)"] = new(
            run => run.Look(100, seen => seen.Pending with { Error = ("AccessDenied", seen.Now) }),
            [(0, Healthy), (6, Degraded), (20, Unhealthy)],
            [(3, Nudge), (8, Nudge), (18, Nudge), (38, Nudge), (68, Nudge), (98, Nudge)],
            "AccessDenied"
        ),
        ["storage on the network accepts and never answers"] = new(
            run => run.Look(45, seen => seen.Pending with { IsNoticed = false }),
            [(0, Healthy), (6, Degraded), (20, Unhealthy)],
            [(20, Restart), (40, Restart)],
            "LSB5007"
        ),
        ["the disk of a folder replica, another one than the database's, is full"] = new(
            run =>
                run.Look(30, seen => Blocked(seen, "the disk of the replica of '/data/app.db' is full"))
                    .Look(1, seen => seen.Pending),
            [(0, Degraded), (20, Unhealthy)],
            [(30, Restart)]
        ),
        ["the disk of the database is full, or has no inodes left, when the app starts"] = new(
            run =>
                run.Apply(
                    25,
                    (state, now, _) =>
                        state.FailStart(
                            StartFailurePolicy.HealthOf(now - run.At(0), Supervision.Stall),
                            StartFailurePolicy.Explain(new IOException("No space left on device"), state.Path)
                        )
                ),
            [(0, Degraded), (20, Unhealthy)],
            [],
            "LSB5004: litestream could not be started"
        ),
        ["the folder of a replica becomes read-only"] = new(
            run => run.Look(30, seen => Blocked(seen, "'/replica' is read-only")),
            [(0, Degraded), (20, Unhealthy)],
            [],
            "LSB5007: '/replica' is read-only"
        ),
        ["a file is in the place of a folder replica"] = new(
            run => run.Look(5, seen => Blocked(seen, "the folder of the replica is a file")),
            [(0, Degraded)],
            [],
            "the folder of the replica is a file"
        ),
        ["the folder of a replica does not answer (a network file system whose server is gone)"] = new(
            run =>
                run.Look(30, seen => seen.Idle with { SilentFolder = ("/replica", seen.At(0)) })
                    .Look(1, seen => seen.Idle with { FoldersAnsweredAt = seen.At(30) }),
            [(0, Healthy), (6, Degraded), (20, Unhealthy), (30, Healthy)],
            []
        ),
        ["the disk of a database and its folder replica has little room left"] = new(
            run =>
                run.Look(1, seen => seen.Idle with { Room = new(99, 100) })
                    .Apply(
                        1,
                        (state, _, _) =>
                            state.Excluded is null
                                ? state.ExcludeForRoom(DatabasePolicy.ExplainNoRoom(state.Path, new(99, 100)))
                                : state
                    )
                    .Look(1, seen => seen.Idle with { Room = new(125, 100) })
                    .Look(1, seen => seen.Idle with { Room = new(125 + Supervision.File.Size, 100) }),
            [(0, Healthy), (1, Degraded)],
            [(0, ExcludeForRoom), (3, CheckLineage)],
            "LSB5016"
        ),
        ["another database's replica is in the place of a folder replica, at the start or while the app runs"] = new(
            run => run.Look(8, Wiped),
            [(0, Healthy), (7, Degraded)],
            [(7, Restart)],
            "has lost its snapshots",
            NeedsNewLineage: true
        ),
        ["a folder replica is deleted or emptied"] = new(
            run => run.Look(20, seen => seen.Idle).Look(2, Wiped),
            [(0, Healthy), (21, Degraded)],
            [(21, Restart)],
            "has lost its snapshots",
            NeedsNewLineage: true
        ),
        ["a file is missing in the middle of a replica (0.5)"] = new(
            run =>
                run.Look(20, seen => seen.Idle)
                    .Look(
                        60,
                        seen =>
                            seen.Pending with
                            {
                                Lag = seen.Now - seen.At(20),
                                Gap = new("file", new TxIdPosition(3), new TxIdPosition(5)),
                            }
                    )
                    .Look(1, seen => seen.Idle),
            [(0, Healthy), (22, Unhealthy), (80, Healthy)],
            []
        ),
        ["the database is deleted while the app runs"] = new(
            run => run.Look(5, seen => seen.Idle).Look(2, seen => seen.Idle with { File = null }),
            [(0, Healthy)],
            [(6, CheckLineage)]
        ),
        ["the database is replaced by another file, by rename or by delete and copy"] = new(
            run =>
                run.Look(1, seen => seen.Idle)
                    .Look(
                        1,
                        seen =>
                            seen.Idle with
                            {
                                File = Supervision.File with { Identity = new(8, 1, 4712) },
                            }
                    ),
            [(0, Healthy)],
            [(1, CheckLineage)]
        ),
        ["the database is cut to nothing"] = new(
            run => run.Look(1, seen => seen.Idle with { File = Supervision.File with { Size = 0 } }),
            [(0, Healthy)],
            [(0, CheckLineage)]
        ),
        [
            "a replica whose lineage must be checked cannot be read, at a start or when a database has changed"
        ] = Unanswered("LSB4005", "no route to host"),
        [
            "the state folder of a database is lost, and the disk has no room for a copy of the backup, "
                + "which would tell whether it is of this database"
        ] = Unanswered("LSB4009", "the disk has only 1 MB free"),
        ["the state folder next to the database is lost"] = new(
            run =>
                run.Apply(1, (state, _, _) => state.CheckLineage())
                    .Look(1, seen => seen.Idle)
                    .Apply(1, (state, _, _) => state.Accept(Supervision.File))
                    .Look(1, seen => seen.Idle),
            [(0, Healthy)],
            [(1, CheckLineage)]
        ),
        [
            "the database that is configured has no file, or no table of the app's own: a wrong path, "
                + "another provider setting, an app that makes it later"
        ] = new(
            run =>
            {
                run.Apply(1, (state, now, limits) => Hold(state, Admission.NoTable, now, limits));
                return run.Look(29, seen => Held(seen, Admission.NoTable)).Look(1, seen => Held(seen, Admission.Admit));
            },
            [(0, Healthy), (20, Degraded)],
            [(30, CheckLineage)],
            "LSB5017"
        ),
        ["the app sets a rollback journal"] = new(
            run =>
            {
                run.Apply(1, (state, now, limits) => Hold(state, Admission.Wait, now, limits));
                run.Look(1, seen => Held(seen, Admission.RollbackJournal));
                return run.Apply(
                    1,
                    (state, _, _) =>
                        state.Exclude(
                            Exclusion.Refused,
                            AdmissionPolicy.Refuse(state.Path, JournalEvidence.Possible)
                        )
                );
            },
            [(0, Healthy), (2, Unhealthy)],
            [(1, Refuse)],
            "LSB5019"
        ),
        ["SIGKILL of the app, under load too (out of memory, `docker kill`)"] = FullCopy(),
        [
            "litestream loses its read lock on the WAL while it runs "
                + "(its own table was away when it checkpointed, for example)"
        ] = FullCopy(begin: 3),
        ["litestream is slow to start, while the app writes and checkpoints"] = FullCopy(begin: 60),
        ["another process that writes to the database is killed while it commits"] = FullCopy(begin: 12),
        [
            "a litestream that the app did not start is at work on the database "
                + "(a service, `litestream replicate -exec`)"
        ] = new(
            run => run.Look(25, seen => seen.Idle, Chain(run, "LSB5003: process 7", isBlocked: true)),
            [(0, Degraded), (20, Unhealthy)],
            [],
            "LSB5003"
        ),
        [
            "a full copy is needed and the app has the database open with two SQLite libraries "
                + "(System.Data.SQLite beside Microsoft.Data.Sqlite)"
        ] = new(
            run => run.Look(60, seen => seen.Idle, Chain(run, "LSB5028: at the next start", needsRestart: true)),
            [(0, Degraded)],
            [],
            "LSB5028"
        ),
        ["a full copy is needed and a connection reads all the time"] = new(
            run => run.Look(25, seen => seen.Idle, Chain(run, "LSB5026: it cannot begin", isBlocked: true)),
            [(0, Degraded), (20, Unhealthy)],
            [],
            "LSB5026"
        ),
        ["a litestream in another container has written to the replica"] = new(
            run =>
                run.Apply(
                        1,
                        (state, _, _) =>
                            state.Exclude(Exclusion.Traced, new("LSB5023", LitestreamSeverity.Error, "traces"))
                    )
                    .Look(60, seen => seen.Idle),
            [(0, Degraded)],
            [],
            "LSB5023"
        ),
        ["the page size of a database is changed while the app is down (`VACUUM`)"] = new(
            run =>
                run.Apply(
                        1,
                        (state, _, _) =>
                            state.Exclude(Exclusion.Refused, new("LSB5029", LitestreamSeverity.Error, "pages"))
                    )
                    .Look(60, seen => seen.Idle),
            [(0, Unhealthy)],
            [],
            "LSB5029"
        ),
        ["heavy writes: 9 MB/s from several threads, with and without `wal_checkpoint(TRUNCATE)` after each commit"] =
            new(
                run =>
                    run.Look(60, seen => seen.Pending with { UploadedAt = seen.Now, LagBytes = 90 << 20 })
                        .Look(1, seen => seen.Idle),
                [(0, Healthy), (6, Degraded), (20, Unhealthy), (60, Healthy)],
                [(3, Nudge), (8, Nudge), (18, Nudge), (38, Nudge)]
            ),
    };

    public static TheoryData<string> Faults => [.. Rows.Keys];

    public static TheoryData<string> FaultsDecidedOnce => [.. FaultDecisions.Table.Keys];

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_noticed_in_time_and_has_done_what_it_calls_for(string fault)
    {
        var row = Rows[fault];

        var run = row.Run(new Supervision());

        Assert.Equal(row.Healths, run.Healths.SkipWhile((one, i) => i == 0 && run.Healths is [_, (0, _), ..]));
        Assert.Equal(row.Actions, run.Actions);
        Assert.Equal(row.NeedsNewLineage, run.State.NeedsNewLineage);
        if (row.Problem is not null)
            Assert.Contains(row.Problem, run.State.Problem ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(FaultsDecidedOnce))]
    public void A_fault_is_decided_once_as_the_table_says(string fault)
    {
        var decision = FaultDecisions.Table[fault];

        Assert.Equal(decision.Expected, decision.Decide());
    }

    [Fact]
    public void Every_row_of_the_table_of_faults_is_decided_here_or_has_a_reason_why_not() =>
        Assert.Empty(Findings(ReadTable()));

    [Theory]
    [InlineData("a new fault", "no decision: a new fault")]
    [InlineData("", "not in the table: litestream is frozen (SIGSTOP)")]
    public void A_row_without_a_decision_and_a_decision_without_a_row_are_found_out(string other, string finding)
    {
        const string Row = "\n| litestream is frozen (SIGSTOP) |";
        var table = ReadTable();
        Assert.Contains(Row, table, StringComparison.Ordinal);

        Assert.Contains(finding, Findings(table.Replace(Row, $"\n| {other} |", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_file_that_the_app_has_not_made_yet_is_healthy()
    {
        var run = new Supervision { State = new DatabaseState(Supervision.Path) };

        run.Look(60, seen => seen.Idle with { File = null });

        Assert.Empty(run.Actions);
        Assert.Equal(Healthy, run.State.Health);
    }

    [Fact]
    public void A_listed_storage_that_does_not_answer_is_named_and_litestream_runs_on()
    {
        var run = new Supervision();

        run.Look(300, seen => seen.Pending with { Storage = new("it does not answer", default) });

        Assert.DoesNotContain(run.Actions, one => one.Action == Restart);
        Assert.Equal([(0, Healthy), (6, Degraded), (20, Unhealthy)], run.Healths);
        Assert.Contains("LSB5007", run.State.Problem, StringComparison.Ordinal);
        Assert.Contains("it does not answer", run.State.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_litestream_that_sends_nothing_though_its_storage_answers_again_is_stuck()
    {
        var run = new Supervision();

        run.Look(300, seen => seen.Pending with { Storage = new("it does not answer", default) })
            .Look(21, seen => seen.Pending with { Storage = new(null, seen.At(300)) });

        Assert.Equal([(320, Restart)], run.Actions.Where(one => one.Action == Restart));
    }

    [Fact]
    public void A_large_snapshot_takes_as_long_as_it_takes()
    {
        var file = Supervision.File with { Size = 600 * Thresholds.SlowestUpload };

        var run = new Supervision { State = new DatabaseState(Supervision.Path).Accept(file) };
        run.Look(
            640,
            seen =>
                seen.Pending with
                {
                    File = file,
                    SnapshotSince = seen.At(0),
                    UploadedAt = seen.Now,
                }
        );

        Assert.Equal([(620, Restart)], run.Actions);
    }

    [Fact]
    public void One_that_answers_no_nudge_with_an_error_is_stuck()
    {
        var run = new Supervision();

        run.Look(30, seen => seen.Pending with { Error = ("timeout", seen.At(0)) });

        // The first nudge comes after 3 s; 20 s after that it has said nothing.
        Assert.Equal((23, Restart), run.Actions.First(one => one.Action == Restart));
        Assert.Equal("no data of '/data/app.db' has arrived for 23 s (timeout)", run.Reason);
    }

    [Fact]
    public void A_lock_error_of_the_app_is_in_the_health_for_a_minute()
    {
        var run = new Supervision();
        run.State = run.State with { LockErrorAt = run.At(0) };

        run.Look(70, seen => seen.Idle);

        Assert.Equal([(0, Degraded), (60, Healthy)], run.Healths.Skip(1));
        Assert.Empty(run.Actions);
    }

    private static string ReadTable() => System.IO.File.ReadAllText(Repository.In("docs", "faults.md"));

    private static List<string> Findings(string table)
    {
        var faults = table
            .Split('\n')
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal))
            .Skip(1)
            .Select(line => line.Split('|')[1].Trim())
            .ToList();
        var decided = Rows.Keys.Union(FaultDecisions.Table.Keys).ToList();
        var reasons = FaultDecisions.WithoutDecision.Keys;
        return
        [
            .. faults.Except(decided).Except(reasons).Select(fault => $"no decision: {fault}"),
            .. decided.Union(reasons).Except(faults).Select(fault => $"not in the table: {fault}"),
            .. decided.Intersect(reasons).Select(fault => $"decided, so it needs no reason: {fault}"),
        ];
    }

    /// <summary>A full copy has to follow from a second on, and arrives 5 s later.</summary>
    private static Row FullCopy(int begin = 0) =>
        new(
            run =>
                run.Look(begin, seen => seen.Idle)
                    .Look(5, seen => seen.Idle, Chain(run, "LSB5025: a full copy is being sent"))
                    .Look(1, seen => seen.Idle),
            begin == 0
                ? [(0, Degraded), (5, Healthy)]
                : [(0, Healthy), (begin, Degraded), (begin + 5, Healthy)],
            []
        );

    private static ChainStanding Chain(
        Supervision run,
        string problem,
        bool needsRestart = false,
        bool isBlocked = false
    ) => new(problem, needsRestart, isBlocked, BrokenSince: run.Now);

    /// <summary>Whose lineage the replica holds is asked for 30 s.</summary>
    private static Row Unanswered(string code, string trouble) =>
        new(
            run =>
                run.Apply(
                        30,
                        (state, now, limits) =>
                            (state.Exclusion == Exclusion.Question ? state : state.CheckLineage()).AwaitLineage(
                                new(code, LitestreamSeverity.Error, trouble),
                                now - run.At(0),
                                limits
                            )
                    )
                    .Look(1, seen => seen.Idle),
            [(0, Degraded), (20, Unhealthy)],
            [(30, CheckLineage)],
            trouble
        );

    private static DatabaseObservation Blocked(Supervision seen, string obstacle) =>
        seen.Pending with
        {
            Folders = new FolderProbe { Obstacle = obstacle },
        };

    private static DatabaseObservation Wiped(Supervision seen) =>
        seen.Idle with
        {
            Folders = new FolderProbe { Lineage = Generation, IsWiped = true },
        };

    private static DatabaseObservation Held(Supervision seen, Admission admission) =>
        seen.Idle with
        {
            Held = new(admission, false, false),
        };

    private static DatabaseState Hold(
        DatabaseState state,
        Admission admission,
        DateTimeOffset now,
        DatabaseLimits limits
    ) => DatabasePolicy.DecideHeld(state, new(admission, false, false), now, limits).State;

    private sealed record Row(
        Func<Supervision, Supervision> Run,
        (int Second, LitestreamHealth Health)[] Healths,
        (int Second, DatabaseAction Action)[] Actions,
        string? Problem = null,
        bool NeedsNewLineage = false
    );
}
