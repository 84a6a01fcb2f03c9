using Litestream.Configuration;
using Litestream.Dashboard.Monitoring;
using Litestream.Diagnostics;
using Litestream.Hosting;
using Litestream.Releases.V03;
using Litestream.Replication;
using Litestream.Verification;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Litestream.Dashboard.Tests;

/// <summary>What the dashboard remembers of a database, and how it waits.</summary>
public sealed class MonitorTests
{
    private static readonly DateTimeOffset s_start = new(2026, 11, 30, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_database_that_somebody_looked_at_does_not_keep_the_processor_busy()
    {
        await using var host = await DashboardHost.StartAsync();
        var time = new CountingTime(s_start);
        using var end = new CancellationTokenSource();
        var monitor = new DashboardMonitor(
            host.App.Services.GetRequiredService<LitestreamReplicator>(),
            NullLogger.Instance,
            time
        );

        // A page of a database that is gone.
        monitor.NoteView("/gone.db");
        monitor.Start(end.Token);
        for (var round = 1; round <= 3; round++)
        {
            // Each of the three loops waits on the clock.
            await AppFolder.UntilAsync(() => time.Timers >= 3 * round, "each loop waits");
            time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.False(monitor.IsViewed);
        await end.CancelAsync();
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_folder_that_does_not_answer_is_named_and_not_waited_for()
    {
        var token = TestContext.Current.CancellationToken;
        await using var host = await DashboardHost.StartAsync();
        var made = host.App.Services.GetRequiredService<LitestreamReplicator>().CreateClient();
        var client = new LitestreamClient(made.Executable, made.Config) { Timeout = TimeSpan.FromMilliseconds(100) };
        var database = Assert.Single(made.Config.Databases);
        using var answer = new ManualResetEventSlim();
        var hung = FolderQueue.LookAsync(host.Replica, () => answer.Wait(Timeout.Infinite, token), token);

        var error = await Assert.ThrowsAsync<LitestreamException>(() =>
            BackupListing.ReadAsync(client, database, TimeProvider.System, token)
        );
        Assert.Equal("LSB4005", error.Diagnostic.Code);

        answer.Set();
        Assert.True(await hung);
        var listing = await BackupListing.ReadAsync(made, database, TimeProvider.System, token);
        Assert.NotNull(listing.ListedAt);
    }

    [Theory]
    [InlineData(VerificationOutcome.Inconclusive, VerificationLevel.Full, false)]
    [InlineData(VerificationOutcome.Lagging, VerificationLevel.Full, false)]
    [InlineData(VerificationOutcome.Verified, VerificationLevel.Position, false)]
    [InlineData(VerificationOutcome.Verified, VerificationLevel.Quick, false)]
    [InlineData(VerificationOutcome.Verified, VerificationLevel.Full, true)]
    public void A_full_verification_that_failed_counts_until_a_full_one_ends_well(
        VerificationOutcome next,
        VerificationLevel level,
        bool isOver
    )
    {
        var record = new DatabaseRecord();
        record.NoteVerification(Result(VerificationOutcome.Verified, VerificationLevel.Full), s_start);
        record.NoteVerification(Result(VerificationOutcome.Failed, VerificationLevel.Full), s_start.AddMinutes(30));
        record.NoteVerification(Result(next, level), s_start.AddMinutes(31));
        Assert.Equal(isOver ? null : s_start.AddMinutes(30), record.DisproofAt);
        Assert.Equal("LSB4103: what was found", record.Disproof);
    }

    [Fact]
    public void A_quick_verification_that_failed_counts_until_a_quick_one_ends_well()
    {
        var record = new DatabaseRecord();
        record.NoteVerification(Result(VerificationOutcome.Failed, VerificationLevel.Quick), s_start);
        var position = Result(VerificationOutcome.Verified, VerificationLevel.Position);
        record.NoteVerification(position, s_start.AddMinutes(1));
        Assert.Equal(s_start, record.DisproofAt);
        record.NoteVerification(Result(VerificationOutcome.Verified, VerificationLevel.Quick), s_start.AddMinutes(2));
        Assert.Null(record.DisproofAt);

        // What a drill has found is not less than before because a quick verification fails too.
        record.NoteDisproof(s_start.AddMinutes(3), "LSB4003: damaged", VerificationLevel.Full);
        record.NoteVerification(Result(VerificationOutcome.Failed, VerificationLevel.Quick), s_start.AddMinutes(4));
        record.NoteVerification(Result(VerificationOutcome.Verified, VerificationLevel.Quick), s_start.AddMinutes(5));
        Assert.Equal(s_start.AddMinutes(4), record.DisproofAt);

        // A drill that compared the content, while the failure is still the newest verification.
        record.NoteVerification(Result(VerificationOutcome.Failed, VerificationLevel.Full), s_start.AddMinutes(6));
        record.NoteProof(s_start.AddMinutes(7), "fire drill");
        record.NoteVerification(Result(VerificationOutcome.Failed, VerificationLevel.Full), s_start.AddMinutes(6));
        Assert.Null(record.DisproofAt);
        Assert.Equal((s_start.AddMinutes(7), "fire drill"), (record.ProofAt, record.ProofBy));
    }

    [Theory]
    [InlineData(VerificationOutcome.NotReplicating)]
    [InlineData(VerificationOutcome.Lagging)]
    public void A_commit_that_did_not_arrive_counts_until_a_verification_ends_well(VerificationOutcome outcome)
    {
        var record = new DatabaseRecord();
        record.NoteVerification(Result(VerificationOutcome.Verified, VerificationLevel.Full), s_start);
        record.NoteVerification(Result(outcome, VerificationLevel.Full), s_start.AddMinutes(1));
        var expected = (s_start.AddMinutes(1), "LSB4103: what was found");
        Assert.Equal(expected, record.NotArrived);

        // Nothing was learnt.
        var inconclusive = Result(VerificationOutcome.Inconclusive, VerificationLevel.Full);
        record.NoteVerification(inconclusive, s_start.AddMinutes(2));
        Assert.Equal(expected, record.NotArrived);
        record.NoteVerification(
            Result(VerificationOutcome.Verified, VerificationLevel.Position),
            s_start.AddMinutes(3)
        );
        Assert.Null(record.NotArrived);

        // A drill that compared the content, while the commit is still the newest verification.
        record.NoteVerification(Result(outcome, VerificationLevel.Full), s_start.AddMinutes(4));
        record.NoteProof(s_start.AddMinutes(5), "fire drill");
        record.NoteVerification(Result(outcome, VerificationLevel.Full), s_start.AddMinutes(4));
        Assert.Null(record.NotArrived);
    }

    [Fact]
    public void A_proof_does_not_end_what_was_found_while_it_ran()
    {
        var record = new DatabaseRecord();
        record.NoteDisproof(s_start.AddMinutes(5), "LSB4003: damaged", VerificationLevel.Full);
        record.NoteProof(s_start.AddMinutes(10), "fire drill", TimeSpan.FromMinutes(5));
        var verified = Result(VerificationOutcome.Verified, VerificationLevel.Full);
        record.NoteVerification(verified with { Duration = TimeSpan.FromMinutes(6) }, s_start.AddMinutes(11));
        Assert.Equal(s_start.AddMinutes(5), record.DisproofAt);
        Assert.Null(record.ProofAt);

        // It is the same with a commit that did not arrive.
        record.NoteVerification(verified with { Duration = TimeSpan.FromMinutes(4) }, s_start.AddMinutes(12));
        Assert.Null(record.DisproofAt);
        record.NoteVerification(Result(VerificationOutcome.Lagging, VerificationLevel.Full), s_start.AddMinutes(20));
        record.NoteVerification(verified with { Duration = TimeSpan.FromMinutes(2) }, s_start.AddMinutes(21));
        Assert.NotNull(record.NotArrived);
        Assert.Equal(s_start.AddMinutes(12), record.ProofAt);
        record.NoteVerification(verified with { Duration = TimeSpan.FromMinutes(1) }, s_start.AddMinutes(22));
        Assert.Null(record.NotArrived);
        Assert.Equal(s_start.AddMinutes(22), record.ProofAt);
    }

    [Fact]
    public async Task What_was_proved_of_another_replica_proves_nothing()
    {
        await using var host = await DashboardHost.StartAsync();
        var replicator = host.App.Services.GetRequiredService<LitestreamReplicator>();
        var database = Assert.Single(replicator.CurrentPlan!.Databases);
        using var end = new CancellationTokenSource();
        var monitor = new DashboardMonitor(replicator, NullLogger.Instance, TimeProvider.System);
        monitor.Start(end.Token);
        await AppFolder.UntilAsync(
            () => monitor.Read(database.Path, record => record.Places.Length > 0),
            "the database is seen"
        );
        var elsewhere = database with { Replicas = [new ConfiguredReplica("file", "file", "/elsewhere")] };
        monitor.NoteProof(elsewhere, DateTimeOffset.UtcNow, "fire drill");
        Assert.Null(monitor.Read(database.Path, record => record.ProofAt));
        monitor.NoteProof(database, DateTimeOffset.UtcNow, "fire drill");
        Assert.NotNull(monitor.Read(database.Path, record => record.ProofAt));
        await end.CancelAsync();
    }

    [Fact]
    public void Only_a_later_position_of_the_same_lineage_is_an_arrival_and_a_first_one_if_commits_had_waited()
    {
        static GenerationPosition At(string generation, long index) => new(generation, index, 0);
        var record = new DatabaseRecord();
        void Note(GenerationPosition? position, bool isPending, int minute) =>
            record.NotePosition(position, isPending, s_start.AddMinutes(minute));

        // What had arrived when the app started.
        Note(At("a", 2), false, 1);
        Assert.Null(record.ArrivedAt);
        Note(At("a", 1), false, 2);
        Note(At("a", 1), false, 3);
        Assert.Null(record.ArrivedAt);
        Note(At("a", 2), false, 4);
        Assert.Equal(s_start.AddMinutes(4), record.ArrivedAt);
        Note(At("b", 5), true, 5);
        Assert.Equal(s_start.AddMinutes(4), record.ArrivedAt);
        Note(At("c", 0), false, 6);
        Assert.Equal(s_start.AddMinutes(6), record.ArrivedAt);

        var first = new DatabaseRecord();
        first.NotePosition(null, true, s_start);
        first.NotePosition(At("a", 0), false, s_start.AddMinutes(1));
        Assert.Equal(s_start.AddMinutes(1), first.ArrivedAt);
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task A_replica_that_is_empty_ends_the_proof()
    {
        await using var host = await DashboardHost.StartAsync();
        host.Run("INSERT INTO Rows (Text) VALUES ('kept')");
        await AppFolder.UntilAsync(() => ReplicaFiles.All(host.Replica).Count > 0, "something has arrived");
        using var end = new CancellationTokenSource();
        var replicator = host.App.Services.GetRequiredService<LitestreamReplicator>();
        var monitor = new DashboardMonitor(replicator, NullLogger.Instance, TimeProvider.System);
        monitor.Start(end.Token);
        monitor.NoteView(host.Database);
        await AppFolder.UntilAsync(
            () => monitor.Read(host.Database, record => record.Listing?.To is not null),
            "the backup is listed"
        );
        Assert.Null(monitor.Read(host.Database, record => record.DisproofAt));
        var database = Assert.Single(replicator.CurrentPlan!.Databases);
        monitor.NoteProof(database, DateTimeOffset.UtcNow, "fire drill");
        Assert.NotNull(monitor.Read(host.Database, record => record.ProofAt));
        await AppFolder.UntilAsync(
            () =>
            {
                // Again, for litestream may send it once more.
                foreach (var file in ReplicaFiles.All(host.Replica))
                    File.Delete(file);
                monitor.ListSoon(host.Database);
                monitor.NoteView(host.Database);
                return monitor.Read(host.Database, record => record.DisproofAt is not null);
            },
            "the empty replica was seen"
        );
        Assert.StartsWith(
            "LSB4002: the replica is empty.",
            monitor.Read(host.Database, record => record.Disproof),
            StringComparison.Ordinal
        );
        await end.CancelAsync();
    }

    [Fact]
    [Trait("Line", "0.5")]
    public async Task What_release_line_0_3_has_left_in_the_replica_is_in_the_restore_window()
    {
        await using var host = await DashboardHost.StartAsync();
        await AppFolder.UntilAsync(() => ReplicaFiles.All(host.Replica).Count > 0, "something has arrived");
        var snapshots = Directory.CreateDirectory(
            Path.Combine(host.Replica, "generations", "0123456789abcdef", "snapshots")
        );
        foreach (var (index, age) in new[] { (0, 3), (1, 2) })
        {
            var file = Path.Combine(snapshots.FullName, $"{index:x8}.snapshot.lz4");
            await File.WriteAllBytesAsync(file, new byte[100], TestContext.Current.CancellationToken);
            File.SetLastWriteTimeUtc(file, s_start.UtcDateTime.AddHours(-age));
        }

        var client = host.App.Services.GetRequiredService<LitestreamReplicator>().CreateClient();
        var listing = await BackupListing.ReadAsync(
            client,
            Assert.Single(client.Config.Databases),
            TimeProvider.System,
            TestContext.Current.CancellationToken
        );
        Assert.Equal((s_start.AddHours(-3), s_start.AddHours(-2)), (listing.From, listing.OlderTo));
        Assert.True(listing.To > listing.OlderTo);
        var row = Assert.Single(listing.Rows, one => one.Kind == "release line 0.3");
        Assert.Equal((s_start.AddHours(-3), s_start.AddHours(-2), 200L), (row.Start, row.Created, row.Size));
        Assert.NotEmpty(listing.Moments);
        Assert.Null(listing.StateAt(s_start.AddHours(-4)));
        Assert.Equal(s_start.AddHours(-2.5), listing.StateAt(s_start.AddHours(-2.5)));
        Assert.Equal(s_start.AddHours(-2), listing.StateAt(listing.Moments[0].AddSeconds(-1)));
    }

    [Theory]
    [InlineData(4, null)]
    [InlineData(5, null)]
    [InlineData(6, 5)]
    [InlineData(8, 5)]
    [InlineData(9, 5)]
    [InlineData(10, 9)]
    public void A_moment_of_the_backup_is_restored_from_the_next_second_on(int moment, int? state)
    {
        var listing = new BackupListing(s_start) { Moments = [s_start.AddSeconds(5), s_start.AddSeconds(9)] };
        Assert.Equal(
            state is { } seconds ? s_start.AddSeconds(seconds) : null,
            listing.StateAt(s_start.AddSeconds(moment))
        );
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(9, 9)]
    [InlineData(12, 9)]
    public void With_0_3_a_moment_after_the_last_one_of_the_backup_gives_that_one(int moment, int state)
    {
        var listing = new BackupListing(s_start) { From = s_start, To = s_start.AddSeconds(9) };
        Assert.Equal(s_start.AddSeconds(state), listing.StateAt(s_start.AddSeconds(moment)));
        Assert.Null(listing.StateAt(null));
    }

    private static VerificationResult Result(VerificationOutcome outcome, VerificationLevel level) =>
        new(
            new EffectiveDatabase("app.db", "/data/app.db", null, null, []),
            outcome,
            "what was found",
            outcome == VerificationOutcome.Verified ? null : "LSB4103"
        )
        {
            Level = level,
        };

    /// <summary>Counts who waits on it.</summary>
    private sealed class CountingTime(DateTimeOffset start) : FakeTimeProvider(start)
    {
        private int _timers;

        public int Timers => Volatile.Read(ref _timers);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _timers);
            return timer;
        }
    }
}
