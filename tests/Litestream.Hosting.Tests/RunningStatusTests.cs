using Litestream.Configuration;
using Litestream.Replication;
using Microsoft.Extensions.Time.Testing;

namespace Litestream.Hosting.Tests;

/// <summary>What another process learns about the app.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class RunningStatusTests
{
    private const UnixFileMode OwnersOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Fact]
    public async Task Another_process_sees_the_state_the_restarts_and_that_all_has_arrived_until_the_app_ends()
    {
        using var folder = new AppFolder();
        Assert.Null(Of(folder).App);
        using var app = folder.Start();
        var status = await UntilAsync(
            folder,
            app,
            now =>
                now
                    is
                {
                    Status.State: LitestreamState.Replicating,
                    DatabaseStatus: { LastSync: not null, LagBytes: 0 }
                }
        );

        Assert.Equal(app.Id, status.App!.ProcessId);
        Assert.Equal(Path.Combine(folder.App, "HostedApp"), status.App.Executable);
        Assert.NotNull(status.App.StartedAt);
        Assert.Equal(Assert.Single(folder.Replicators()), status.Status!.ProcessId);
        Assert.Equal(status.Status.ProcessId, status.ReplicatorProcessId);
        Assert.Equal(
            (0, TimeSpan.Zero, 0L),
            (status.Status.Restarts, status.DatabaseStatus!.Lag, status.DatabaseStatus.LagBytes)
        );
        Assert.NotNull(status.DatabaseStatus.Replicated);
        Assert.Equal(OwnersOnly, File.GetUnixFileMode(StatusFile.PathFor(folder.Database)));

        await AppFolder.SignalAsync("KILL", status.Status.ProcessId!.Value);
        status = await UntilAsync(
            folder,
            app,
            now => now is { Status: { Restarts: 1, State: LitestreamState.Replicating } }
        );
        Assert.Contains("exit code", status.Status!.LastRestartReason, StringComparison.Ordinal);
        Assert.Contains("LSB5004", status.Status.LastError, StringComparison.Ordinal);

        await app.TellAsync("stop");
        await app.EndedAsync();
        Assert.Equal((null, null, null), (Of(folder).App, Of(folder).Status, Of(folder).ReplicatorProcessId));
        Assert.False(File.Exists(StatusFile.PathFor(folder.Database)));
    }

    [Fact]
    public async Task Commits_that_do_not_arrive_are_seen_as_lag_with_the_problem()
    {
        using var folder = new AppFolder();

        // So long that it is seen before litestream is replaced.
        folder.Environment["Litestream__StallTimeout"] = "60s";
        using var app = folder.Start();
        var status = await UntilAsync(
            folder,
            app,
            now =>
                now
                    is
                {
                    Status.State: LitestreamState.Replicating,
                    DatabaseStatus: { LastSync: not null, LagBytes: 0 }
                }
        );
        await AppFolder.SignalAsync("STOP", status.Status!.ProcessId!.Value);
        await app.TellAsync("row silent");

        status = await UntilAsync(
            folder,
            app,
            now => now is { Status.State: LitestreamState.Stalled, DatabaseStatus.Health: not LitestreamHealth.Healthy }
        );

        Assert.True(status.DatabaseStatus!.Lag > TimeSpan.Zero);
        Assert.Contains("LSB5007", status.DatabaseStatus.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_app_has_left_that_was_stopped_by_a_signal_is_not_healthy_until_it_continues()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await UntilAsync(folder, app, now => now.Status?.State == LitestreamState.Replicating);

        await AppFolder.SignalAsync("STOP", app.Id);
        var status = await UntilAsync(folder, app, now => now.Status?.State == LitestreamState.Stalled);
        Assert.Equal(LitestreamHealth.Unhealthy, status.DatabaseStatus?.Health);
        Assert.Contains("kill -CONT", status.Status!.LastError, StringComparison.Ordinal);

        await AppFolder.SignalAsync("CONT", app.Id);
        await UntilAsync(folder, app, now => now.Status?.State == LitestreamState.Replicating);
        await app.TellAsync("stop");
        await app.EndedAsync();
    }

    [Fact]
    public async Task What_a_killed_app_has_left_is_not_believed_and_its_litestream_is_still_named()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        var status = await UntilAsync(folder, app, now => now.Status?.State == LitestreamState.Replicating);

        // Frozen, so that it is still there: it ends when it next writes to the pipe of the dead app.
        await AppFolder.SignalAsync("STOP", status.ReplicatorProcessId!.Value);
        await AppFolder.SignalAsync("KILL", app.Id);
        await app.EndedAsync();

        Assert.True(File.Exists(StatusFile.PathFor(folder.Database)));
        Assert.Equal((null, null), (Of(folder).App, Of(folder).Status));
        Assert.Equal(status.ReplicatorProcessId, Of(folder).ReplicatorProcessId);
    }

    [Fact]
    public async Task A_file_of_a_process_whose_number_another_one_has_by_now_is_not_believed()
    {
        using var folder = new AppFolder();
        var own = StatusFile.IdentityOf(Environment.ProcessId)!;
        new StatusFile(
            own,
            null,
            DateTimeOffset.UtcNow,
            new LitestreamStatus(LitestreamState.Failed, null, null, 0, null)
        ).Write(folder.Database);
        Assert.Equal(
            (Environment.ProcessId, LitestreamState.Failed),
            (Of(folder).App?.ProcessId, Of(folder).Status?.State)
        );

        new StatusFile(
            own with
            {
                StartTicks = own.StartTicks - 1,
            },
            null,
            DateTimeOffset.UtcNow,
            new LitestreamStatus(LitestreamState.Failed, null, null, 0, null)
        ).Write(folder.Database);
        Assert.Equal((null, null), (Of(folder).App, Of(folder).Status));

        await File.WriteAllTextAsync(
            StatusFile.PathFor(folder.Database),
            "{\"version\":1,\"app\":",
            TestContext.Current.CancellationToken
        );
        Assert.Equal((null, null), (Of(folder).App, Of(folder).Status));
    }

    [Fact]
    public async Task An_app_in_which_it_is_off_says_so()
    {
        using var folder = new AppFolder();
        folder.Environment["DOTNET_ENVIRONMENT"] = "Development";
        using var app = folder.Start();

        var status = await UntilAsync(folder, app, now => now.Status?.State == LitestreamState.Disabled);

        Assert.Equal(app.Id, status.App!.ProcessId);
        Assert.Null(status.ReplicatorProcessId);
        await app.TellAsync("stop");
        await app.EndedAsync();
        Assert.False(File.Exists(StatusFile.PathFor(folder.Database)));
    }

    [Fact]
    public async Task An_app_that_cannot_replicate_says_why()
    {
        using var folder = new AppFolder();
        File.Delete(folder.Executable);
        using var app = folder.Start();

        var status = await UntilAsync(folder, app, now => now.Status?.State == LitestreamState.Failed);

        Assert.Equal(app.Id, status.App!.ProcessId);
        Assert.Contains("LSB5001", status.Status!.LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_apps_on_one_database_the_one_that_replicates_it_is_seen()
    {
        using var folder = new AppFolder();
        using var app = folder.Start();
        await UntilAsync(folder, app, now => now.Status?.State == LitestreamState.Replicating);
        using var second = folder.Start();
        await second.SaysAsync("LSB5003");
        await second.StatusAsync("Waiting");
        folder.Environment["Litestream__Enabled"] = "false";
        using var third = folder.Start();
        await third.SaysAsync("started ");
        await third.StatusAsync("Disabled");

        var seen = await UntilAsync(folder, app, now => now.Status?.State == LitestreamState.Replicating);
        Assert.Equal(app.Id, seen.App?.ProcessId);

        await app.TellAsync("stop");
        await app.EndedAsync();
        await UntilAsync(
            folder,
            second,
            now => now.App?.ProcessId == second.Id && now.Status?.State == LitestreamState.Replicating
        );
    }

    [Fact]
    public async Task What_changes_all_the_time_is_written_once_a_second_and_what_does_not_change_is_not_written_again()
    {
        using var folder = new AppFolder();
        var database = new EffectiveDatabase("orders.db", folder.Database, null, null, []);
        var restarts = 0;
        var changes = true;
        LitestreamStatus Now() =>
            new(
                LitestreamState.Restarting,
                null,
                null,
                Volatile.Read(ref changes) ? Interlocked.Increment(ref restarts) : restarts,
                null
            );
        using var stop = new CancellationTokenSource();
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var asked = 0;
        var publishing = new StatusPublisher(
            () => [database],
            () =>
            {
                Interlocked.Increment(ref asked);
                return Now();
            },
            time
        ).RunAsync(stop.Token);
        var written = new SortedSet<DateTimeOffset>();
        await LaterAsync(
            () => RunningStatus.Of(database).WrittenAt is { } at && written.Add(at) && written.Count == 3,
            "it was written three times"
        );
        Volatile.Write(ref changes, false);
        var before = Volatile.Read(ref asked);
        await LaterAsync(() => Volatile.Read(ref asked) > before + 1, "it was looked at again");
        var last = RunningStatus.Of(database).WrittenAt;
        before = Volatile.Read(ref asked);
        await LaterAsync(() => Volatile.Read(ref asked) > before + 1, "it was looked at again");

        Assert.Equal(last, RunningStatus.Of(database).WrittenAt);
        Assert.All(
            written.Zip(written.Skip(1)),
            pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromSeconds(1), $"{pair}")
        );
        await stop.CancelAsync();
        await publishing;
        Assert.False(File.Exists(StatusFile.PathFor(folder.Database)));

        Task LaterAsync(Func<bool> condition, string what) =>
            AppFolder.UntilAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromMilliseconds(100));
                    return condition();
                },
                what
            );
    }

    private static RunningStatus Of(AppFolder folder) =>
        RunningStatus.Of(new EffectiveDatabase("orders.db", folder.Database, null, null, []));

    private static async Task<RunningStatus> UntilAsync(
        AppFolder folder,
        AppProcess app,
        Func<RunningStatus, bool> condition
    )
    {
        RunningStatus? seen = null;
        await AppFolder.UntilAsync(
            () => condition(seen = Of(folder)),
            () => $"the status was as expected; it is {seen}\n{app.Output}"
        );
        return seen!;
    }
}
