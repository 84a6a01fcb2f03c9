using System.Globalization;
using Litestream.Dashboard.Access;
using Litestream.Dashboard.Monitoring;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Hosting;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;
using Litestream.Verification;
using Microsoft.Extensions.Logging;

namespace Litestream.Dashboard.Actions;

/// <summary>
/// Runs what is asked for on the dashboard: at most one action for each database and three in all. Remembers the last
/// 20. For any number of threads.
/// </summary>
internal sealed class ActionRunner(
    LitestreamReplicator replicator,
    DashboardMonitor monitor,
    ILogger logger,
    TimeProvider time,
    CancellationToken stopping
)
{
    private const int MostRunning = 3;
    private const int MostRemembered = 20;
    private static readonly TimeSpan Limit = TimeSpan.FromHours(1);

    private readonly List<DashboardAction> _actions = [];
    private int _last;

    /// <summary>The actions, the newest first.</summary>
    public IReadOnlyList<DashboardAction> Actions
    {
        get
        {
            lock (_actions)
                return [.. _actions.AsEnumerable().Reverse()];
        }
    }

    /// <summary>Starts an action.</summary>
    /// <returns>Why it is not started; null when it is.</returns>
    public string? Start(ActionKind kind, string database, DateTimeOffset? moment, string user)
    {
        user = UserName.Shown(user);
        DashboardAction action;
        lock (_actions)
        {
            var running = _actions.Where(one => one.State == ActionState.Running).ToList();
            if (running.Any(one => one.Database == database))
                return "Another action for this database is still running. Wait for it to end.";
            if (running.Count >= MostRunning)
                return $"{MostRunning} actions are still running. Wait for one of them to end.";
            action = new DashboardAction(++_last, kind, database, user, time.GetUtcNow())
            {
                Moment = moment,
                Restored = monitor.Read(database, record => record.Listing?.StateAt(moment)),
            };
            _actions.Add(action);
            var old = _actions.FindIndex(one => one.State != ActionState.Running);
            if (_actions.Count > MostRemembered && old >= 0)
                _actions.RemoveAt(old);
        }

        var name = Name(kind);
        DashboardLog.Started(logger, user, name, database);
        replicator.RecentLog.Add(
            time.GetUtcNow(),
            LogLevel.Information,
            $"Dashboard: '{user}' started {name} of '{database}'."
        );
        _ = Task.Run(() => RunAsync(action), CancellationToken.None);
        return null;
    }

    /// <summary>The action as people name it.</summary>
    public static string Name(ActionKind kind) =>
        kind switch
        {
            ActionKind.Verify => "a full verification",
            ActionKind.Drill => "a fire drill",
            _ => "a restore to a side file",
        };

    private async Task RunAsync(DashboardAction action)
    {
        void Change(Func<DashboardAction, DashboardAction> change)
        {
            lock (_actions)
            {
                var index = _actions.FindIndex(one => one.Id == action.Id);
                if (index >= 0)
                    _actions[index] = change(_actions[index]);
            }
        }

        DashboardAction End(DashboardAction last, bool isGood, string result) =>
            last with
            {
                State = isGood ? ActionState.Succeeded : ActionState.Failed,
                Progress = "",
                Result = result,
            };

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        limit.CancelAfter(Limit);
        var end = limit.Token;
        try
        {
            switch (action.Kind)
            {
                case ActionKind.Verify:
                    var verified = await replicator
                        .VerifyAsync(action.Database, $"Verification for '{action.User}'", end)
                        .ConfigureAwait(false);
                    var isVerified = verified.Outcome == VerificationOutcome.Verified;
                    Change(last =>
                        End(last, isVerified, isVerified ? verified.Message : $"{verified.Code}: {verified.Message}")
                    );
                    break;
                case ActionKind.Drill:
                    var drill = await AgainAsync(() =>
                            replicator.CreateClient().DrillAsync(action.Database, cancellationToken: end)
                        )
                        .ConfigureAwait(false);
                    if (drill.ContentMatches)
                        monitor.NoteProof(drill.Database, action.StartedAt, "fire drill");
                    Change(last => End(last, true, Describe(drill)));
                    break;
                default:
                    await RestoreAsync(action, Change, End, end).ConfigureAwait(false);
                    break;
            }
        }
        catch (LitestreamException e)
        {
            if (IsDisproof(action, e.Diagnostic))
                monitor.NoteDisproof(action.Database, time.GetUtcNow(), e.Diagnostic.ToString());
            Change(last => End(last, false, e.Diagnostic.ToString()));
        }
        catch (OperationCanceledException)
        {
            var why = stopping.IsCancellationRequested
                ? "The app stopped before the action ended."
                : "Cancelled after one hour, the limit for an action.";
            Change(last => End(last, false, why));
        }
        catch (Exception e)
        {
            Change(last => End(last, false, UnexpectedError.Diagnostic(e, "The action failed.").ToString()));
        }

        monitor.ListSoon(action.Database);
        if (Actions.FirstOrDefault(one => one.Id == action.Id) is { } ended)
        {
            var name = Name(ended.Kind);
            var level = ended.State == ActionState.Failed ? LogLevel.Warning : LogLevel.Information;
            DashboardLog.Ended(logger, level, name, ended.Database, ended.User, ended.State, ended.Result);
        }
    }

    private async Task RestoreAsync(
        DashboardAction action,
        Action<Func<DashboardAction, DashboardAction>> change,
        Func<DashboardAction, bool, string, DashboardAction> end,
        CancellationToken cancellationToken
    )
    {
        RequireRoom(action.Database);
        var client = replicator.CreateClient();
        var options = new RestoreOptions { Timestamp = action.Moment, Output = HiddenFile(action.Database) };
        var progress = new DirectProgress(line => change(last => last with { Progress = line.Message }));
        var restored = await AgainAsync(() =>
                client.RestoreAsync(action.Database, options, progress, cancellationToken)
            )
            .ConfigureAwait(false);
        change(last => last with { Output = restored.Output, Progress = "comparing with the live database" });
        var size = restored.Bytes.ToString("N0", CultureInfo.InvariantCulture);
        try
        {
            var difference = await client
                .DiffAsync(restored.Output, action.Database, cancellationToken)
                .ConfigureAwait(false);
            change(last =>
                end(
                    last with { Difference = difference },
                    true,
                    $"Restored, {size} bytes. Differences: {difference.Summary()}."
                )
            );
        }
        catch (LitestreamException e)
        {
            // Without a live file, or a library to read it with, the restored file is as good.
            change(last => end(last, true, $"Restored, {size} bytes. Not compared: {e.Diagnostic}"));
        }
    }

    /// <summary>Where databases are named by patterns, the app would replicate the restored file as one more of them,
    /// and at the next start restore it after somebody has deleted it. A name with a dot in front matches none. Null
    /// without patterns.</summary>
    private string? HiddenFile(string database)
    {
        if (replicator.CurrentPlan is not { Patterns.IsEmpty: false })
            return null;
        var name = $".{Path.GetFileNameWithoutExtension(database)}-{ReplaceTransaction.Stamp(time)}";
        return ReplaceTransaction.Unused(
            Path.Combine(Path.GetDirectoryName(database)!, name),
            Path.GetExtension(database)
        );
    }

    /// <summary>The restored file is beside the database: a full disk would stop the app.</summary>
    private void RequireRoom(string database)
    {
        var folder = Path.GetDirectoryName(database)!;
        if (replicator.CurrentPlan is not { } plan || ReplicaFolders.Space(folder) is not var (free, total))
            return;
        var floor = plan.Settings.FreeSpaceFloor.Of(total);
        if (ScratchRoom.Missing(free - floor, ScratchRoom.Needed(database)) is null)
            return;
        throw new LitestreamException(
            "LSB4009",
            $"'{database}' was not restored to a side file: its disk has {ByteSize.Text(free)} free, and "
                + $"{ByteSize.Text(floor)} must stay free for the app (Litestream:FreeSpaceFloor). Free some space, "
                + $"or restore to another disk with {VerbName.Restore} and {OptionName.Output}."
        );
    }

    /// <summary>Once more when a part of the backup is missing: retention may have removed what was about to be
    /// fetched.</summary>
    private static async Task<T> AgainAsync<T>(Func<Task<T>> run)
    {
        try
        {
            return await run().ConfigureAwait(false);
        }
        catch (LitestreamException e) when (RestoreErrors.IsHole(e.Diagnostic))
        {
            return await run().ConfigureAwait(false);
        }
    }

    /// <summary>What says something about the newest backup, and not about the machine or the storage. That there is
    /// no backup says so only where something had arrived.</summary>
    private bool IsDisproof(DashboardAction action, LitestreamDiagnostic found) =>
        IsOfNewest(action)
        && (
            found.Code is "LSB4003" or "LSB4103"
            || RestoreErrors.IsHole(found)
            || (found.Code == "LSB4002" && monitor.Read(action.Database, record => record.HasArrived))
        );

    /// <summary>Whether it reads the newest backup: an older one says nothing of it.</summary>
    private static bool IsOfNewest(DashboardAction action) =>
        action.Kind == ActionKind.Drill || action is { Kind: ActionKind.Restore, Moment: null };

    private static string Describe(DrillResult drill) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"Restored and checked in {drill.RecoveryTime.TotalSeconds:0.0} s, {drill.Bytes:N0} bytes. "
        )
        + $"{drill.RecoveryPointNote} {drill.ContentNote}";

    /// <summary>Reports on the thread that has something to report.</summary>
    private sealed class DirectProgress(Action<LogLine> report) : IProgress<LogLine>
    {
        public void Report(LogLine value) => report(value);
    }
}
