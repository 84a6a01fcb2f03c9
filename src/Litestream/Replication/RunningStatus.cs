using System.Text.Json;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>A running process that has a database.</summary>
/// <param name="ProcessId">Its id.</param>
/// <param name="Executable">Its program; empty where the system does not tell.</param>
/// <param name="StartedAt">When it was started; null where the system does not tell.</param>
public sealed record RunningApp(int ProcessId, string Executable, DateTimeOffset? StartedAt);

/// <summary>
/// What the app that runs on this machine tells about the replication of one database: seen by another process, from
/// what the app leaves beside the database. Asks no storage, opens no
/// database, starts nothing. What a killed app has left is recognized (process id and start) and never believed. An app
/// in another container, and for anybody but root one of another user, is not seen.
/// </summary>
/// <param name="Database">The database.</param>
public sealed record RunningStatus(EffectiveDatabase Database)
{
    /// <summary>
    /// The app that replicates the database, or would (off, failed); else another process that holds its lock, such as
    /// a restore. Null: none runs.
    /// </summary>
    public RunningApp? App { get; init; }

    /// <summary>
    /// What that app says; null when none runs, or when it is a process that says nothing (a restore,
    /// <c>LitestreamReplicate</c>). At most a second old, but for the lag, which grows meanwhile.
    /// </summary>
    public LitestreamStatus? Status { get; init; }

    /// <summary>The database's own part of <see cref="Status"/>; null where the app has not got to it.</summary>
    public LitestreamDatabaseStatus? DatabaseStatus => Status is { Databases: [var database, ..] } ? database : null;

    /// <summary>When <see cref="Status"/> was written, which is done when it changes; null without one.</summary>
    public DateTimeOffset? WrittenAt { get; init; }

    /// <summary>
    /// The litestream that replicates the database, as the lock's record names it: also one that outlived its app. Null
    /// when none runs.
    /// </summary>
    public int? ReplicatorProcessId { get; init; }

    /// <summary>Looks at one database.</summary>
    public static RunningStatus Of(EffectiveDatabase database)
    {
        ArgumentNullException.ThrowIfNull(database);
        var record = DatabaseLock.Peek(database.Path);
        var holder = record.App?.IsRunning() == true ? record.App : null;
        var file =
            StatusFile.Read(database) is { IsOfRunningApp: true } found && (holder is null || holder == found.App)
                ? found
                : null;
        return new RunningStatus(database)
        {
            App =
                file is not null ? new RunningApp(file.App.ProcessId, file.App.Executable, file.AppStartedAt)
                : holder is not null
                    ? new RunningApp(holder.ProcessId, holder.Executable, StatusFile.StartOf(holder.ProcessId))
                : null,
            Status = file is not null && ProcessIdentity.IsStopped(file.App.ProcessId) ? OfStopped(file) : file?.Status,
            WrittenAt = file?.WrittenAt,
            ReplicatorProcessId = record.LivingReplicators.FirstOrDefault()?.ProcessId,
        };
    }

    /// <summary>
    /// What an app says that was stopped by a signal: it has not looked since, and its file says what was true before.
    /// Pure.
    /// </summary>
    internal static LitestreamStatus OfStopped(StatusFile file)
    {
        if (
            file.Status.State
            is not (LitestreamState.Starting or LitestreamState.Replicating or LitestreamState.Stalled)
        )
        {
            return file.Status;
        }

        var id = NumberText.Of(file.App.ProcessId);
        var problem =
            $"LSB5007: the app (process {id}) was stopped by a signal (SIGSTOP), so it is unknown whether commits "
            + $"arrive. Resume it: `kill -CONT {id}`";
        return file.Status with
        {
            State = LitestreamState.Stalled,
            LastError = problem,
            Databases =
            [
                .. file.Status.Databases.Select(database =>
                    database with
                    {
                        Health = LitestreamHealth.Unhealthy,
                        Problem = database.Problem ?? problem,
                    }
                ),
            ],
        };
    }

    /// <summary>Looks at all databases of a configuration, in their order.</summary>
    public static IReadOnlyList<RunningStatus> Find(EffectiveConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return [.. config.Databases.Select(Of)];
    }

    /// <summary>Writes it as a JSON object; docs/api.md has its shape.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var form = Status is null
            ? new RunningStatusForm { Path = Database.Path, ReplicatorProcessId = ReplicatorProcessId }
            : new RunningStatusForm(Database.Path, Status);
        JsonSerializer.Serialize(
            json,
            form with
            {
                App = App,
                WrittenAt = WrittenAt,
            },
            StatusJson.Default.RunningStatusForm
        );
    }
}
