using System.Globalization;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases.V03;
using Litestream.Replication;
using Litestream.Sqlite;

namespace Litestream.Doctor;

/// <summary>Everything about one database. Its file is opened by SQLite only, which alone can do it where this
/// process has it open.</summary>
internal sealed partial class DatabaseExamination(
    DoctorOptions options,
    LitestreamExecutable? executable,
    EffectiveConfig config,
    EffectiveDatabase database,
    List<Finding> findings
)
{
    private const long Megabyte = 1024 * 1024;

    private static readonly string[] Sidecars = ["-wal", "-shm", "-journal"];
    private static readonly TimeSpan BehindAfter = TimeSpan.FromMinutes(5);

    private readonly string _folder = Path.GetDirectoryName(database.Path)!;
    private readonly FileInfo _file = new(database.Path);

    private FileInfo Wal => new(database.Path + "-wal");

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        ExamineFolder();
        if (ExamineFile())
            ExamineHeader();
        ExamineLeftovers();
        ExamineReplicators();
        ExamineRunningApp();
        if (database.Replicas.Count == 0)
            Add(FindingLevel.Error, "It has no replica: nothing is backed up.", "Add one under `replicas:`.");
        ExamineReplicaFolders();
        if (executable is not null && database.Replicas.Count > 0)
            await ExamineBackupAsync(executable, cancellationToken).ConfigureAwait(false);
    }

    private void Add(FindingLevel level, MessageText message, MessageText? action = null, string? code = null) =>
        findings.Add(Finding.Of(level, database.ConfiguredPath, message, action, code));

    private void ExamineFolder()
    {
        if (!Directory.Exists(_folder))
        {
            Add(
                FindingLevel.Warning,
                $"Its folder {_folder} does not exist.",
                "Create it, mount its volume, or correct the path: SQLite creates files, not folders."
            );
            return;
        }

        if (!OperatingSystem.IsWindows() && !UnixCalls.IsWritable(_folder))
            Add(
                FindingLevel.Warning,
                $"The user at work here may not write into {_folder}.",
                "The app's user must: SQLite and Litestream create files beside the database.",
                "LSB0003"
            );

        if (Mounts.Of(_folder) is not { } drive)
            return;
        if (Mounts.NetworkFormat(drive) is { } format)
            Add(
                FindingLevel.Warning,
                $"{_folder} is on a network file system ({format}): SQLite's locks and WAL mode do not work "
                    + $"reliably there.",
                "Keep the database on a local disk, and let the replica go over the network."
            );

        try
        {
            var needed = Math.Max(_file.Exists ? _file.Length : 0, 64 * Megabyte);
            var free = drive.AvailableFreeSpace;
            var text = $"{Size(free)} free on {drive.Name}";
            if (free < Megabyte)
                Add(FindingLevel.Error, $"{text}: commits and replication fail.", "Free some space at once.");
            else if (free < needed)
                Add(
                    FindingLevel.Warning,
                    $"{text}; a restore, a verification or a folder replica needs about {Size(needed)} here.",
                    "Free some space."
                );
            else
                Add(FindingLevel.Ok, $"{text}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Add(
                FindingLevel.Note,
                $"The free space of {drive.Name} cannot be told: {e.Message}",
                "Look at it by hand."
            );
        }
    }

    /// <summary>False when there is no database to look into.</summary>
    private bool ExamineFile()
    {
        if (Directory.Exists(database.Path))
        {
            Add(FindingLevel.Error, $"{database.Path} is a folder.", "Name the database file itself.", "LSB1015");
            return false;
        }

        if (!_file.Exists)
        {
            if (Sidecars.Where(suffix => File.Exists(database.Path + suffix)).ToList() is { Count: > 0 } sidecars)
            {
                Add(
                    FindingLevel.Error,
                    $"{database.Path} does not exist, but "
                        + $"its {string.Join(", ", sidecars)} {(sidecars.Count == 1 ? "does" : "do")}: what a "
                        + $"lost database "
                        + $"left behind.",
                    "Move it away (it may hold the last changes), then restore. SQLite would apply it to any file "
                        + "put there.",
                    "LSB4004"
                );
            }
            else
            {
                Add(
                    FindingLevel.Note,
                    $"{database.Path} does not exist. The app restores it at start if there is a backup, or "
                        + $"creates it.",
                    $"If it should be there, check the path; `{VerbName.Restore}` brings it back."
                );
            }

            return false;
        }

        if (_file.Length == 0)
        {
            Add(
                FindingLevel.Warning,
                $"{database.Path} is empty (0 bytes).",
                "If it should not be, move it away and restore."
            );
            return false;
        }

        return true;
    }

    private void ExamineHeader()
    {
        var size = $"{database.Path}, {Size(_file.Length)}";
        switch (LiveDatabase.ReadFormat(database.Path, out var why))
        {
            case DatabaseFormat.Unread:
                Add(FindingLevel.Ok, $"{size}. Its header is left alone: {why}");
                return;
            case DatabaseFormat.NoDatabase:
                Add(
                    FindingLevel.Error,
                    $"{size}, is not a SQLite database, or an encrypted one: Litestream cannot replicate it.",
                    "Correct the path. For an encrypted database use another kind of backup.",
                    "LSB1007"
                );
                return;
            case DatabaseFormat.NotReadable:
                Add(
                    FindingLevel.Error,
                    $"{database.Path} cannot be read: {why}",
                    "Check its owner and mode.",
                    "LSB0003"
                );
                return;
            case DatabaseFormat.Wal:
                Add(FindingLevel.Ok, $"{size}, journal mode WAL.");
                break;
            default:
                Add(
                    FindingLevel.Note,
                    $"{size}, journal mode with a rollback journal.",
                    "Nothing: Litestream switches it to WAL when it first replicates it."
                );
                break;
        }

        if (Wal is { Exists: true } wal && wal.Length > Math.Max(100 * Megabyte, _file.Length))
        {
            Add(
                FindingLevel.Warning,
                $"Its -wal has {Size(wal.Length)}, more than the database: it is not checkpointed.",
                "Look for a reader that never ends, and whether a replicator runs."
            );
        }
    }

    private void ExamineLeftovers()
    {
        try
        {
            var places = RestoreLeftovers.Places(database.Path, database.MetaPath);
            var aside = RestoreLeftovers.Find(places);
            if (aside.Count > 0)
            {
                Add(
                    FindingLevel.Note,
                    $"A restore moved aside what was there before: {string.Join(", ", aside)}.",
                    "Delete it when nothing is missing in the restored database."
                );
            }

            var working = RestoreLeftovers.Working(places);
            if (working.Count > 0)
            {
                Add(
                    FindingLevel.Note,
                    $"A restore is at work or was killed: {string.Join(", ", working.Select(path => $"'{path}'"))}.",
                    "The next restore removes what a killed one left."
                );
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Add(
                FindingLevel.Warning,
                $"The folder '{_folder}' cannot be listed: {e.Message}",
                "Check its owner and mode.",
                "LSB0003"
            );
        }
    }

    private void ExamineReplicators()
    {
        var record = DatabaseLock.Peek(database.Path);
        var app = record.App is { } a && a.IsRunning() ? a : null;
        var replicator = record.Replicator is { } r && r.IsRunning() ? r : null;
        if (app is not null && replicator is not null)
            Add(
                FindingLevel.Ok,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Replicated by process {replicator.ProcessId} ({replicator.Executable}), which "
                        + $"process {app.ProcessId} ({app.Executable}) runs."
                )
            );
        else if (app is not null)
            Add(
                FindingLevel.Note,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Process {app.ProcessId} ({app.Executable}) holds its lock; it runs no litestream at the moment."
                ),
                "Look at that app's log (category Litestream)."
            );
        else if (replicator is not null)
            Add(
                FindingLevel.Warning,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"A litestream of an app that was killed still runs as process {replicator.ProcessId}."
                ),
                "Start the app again: it ends that process properly and takes over."
            );

        var others = OpenDatabases.Replicators(database.Path).Where(id => id != replicator?.ProcessId).ToList();
        if (others.Count == 0)
            return;

        var ids = string.Join(", ", others.Select(id => id.ToString(CultureInfo.InvariantCulture)));
        if (replicator is not null || others.Count > 1)
            Add(
                FindingLevel.Error,
                $"More than one litestream has it open: also process {ids}. Two replicators destroy the backup.",
                $"End all of them but one, then delete nothing and try a restore ({VerbName.Verify}).",
                "LSB5003"
            );
        else
            Add(
                FindingLevel.Warning,
                $"Process {ids} is a litestream that nobody here started, and it replicates this database.",
                "Do not let the app replicate as well (Litestream:Enabled=false), or end that process: two "
                    + "replicators destroy the backup.",
                "LSB5003"
            );
    }

    /// <summary>What the running app itself reports: the doctor never finds well what the app's own health does
    /// not.</summary>
    private void ExamineRunningApp()
    {
        if (RunningStatus.Of(database).Status is not { } status)
            return;
        var overall = OverallHealth.Of(status, options.Time.GetUtcNow());
        foreach (var problem in overall.Problems)
        {
            var code = Code().Match(problem).Value;
            var message = $"The running app says that it is {overall.Word}: {problem}";
            Add(
                FindingLevel.Error,
                message,
                "See the page of the code, and the app's log (category Litestream).",
                code.Length > 0 ? code : null
            );
        }

        if (overall.Problems.Count > 0)
            return;
        if (status.State == LitestreamState.Disabled)
            Add(
                FindingLevel.Note,
                "The running app replicates nothing: Litestream is off in it.",
                "Set Litestream:Enabled to true there if it should."
            );
        else if (overall.IsProven)
            Add(FindingLevel.Ok, "The running app says that what is committed arrives.");
        else
            Add(
                FindingLevel.Note,
                $"The running app does not know yet whether what is committed arrives ({status.State}).",
                "Look again in a minute."
            );
    }

    private void ExamineReplicaFolders()
    {
        foreach (var replica in database.Replicas)
        {
            if (replica.Folder is { } folder && Mounts.AreTheSame(database.Path, folder))
            {
                Add(
                    FindingLevel.Warning,
                    $"Its replica is a folder on the same disk ({replica.Location}): it helps against a lost file, "
                        + $"not against a lost disk.",
                    "Set LitestreamReplicaUrl (or Litestream:ReplicaUrl where the app runs) to storage elsewhere.",
                    "LSB1101"
                );
            }
        }
    }

    private async Task ExamineBackupAsync(LitestreamExecutable found, CancellationToken cancellationToken)
    {
        var client = new BackupCatalog(found, config) { Timeout = options.ReplicaTimeout };
        foreach (var replica in database.Replicas.Where(replica => replica.IsKnown))
        {
            try
            {
                var generations = await client
                    .GenerationsAsync(database, replica.Name, cancellationToken)
                    .ConfigureAwait(false);
                Judge(replica, generations.Max(g => g.End));
            }
            catch (LitestreamException e)
            {
                Add(
                    FindingLevel.Error,
                    $"Its replica {replica.Location} does not answer as it should: {e.Diagnostic.Message}",
                    $"Check address, credentials ({VerbName.Env}) and network; then run {VerbName.Generations}.",
                    e.Diagnostic.Code
                );
            }
        }
    }

    private void Judge(ConfiguredReplica replica, DateTimeOffset? newest)
    {
        if (newest is null)
        {
            if (_file.Exists)
                Add(
                    FindingLevel.Warning,
                    $"There is no backup in {replica.Location} yet.",
                    $"Start the app (or {VerbName.Replicate}) and look again.",
                    "LSB4002"
                );
            else
                Add(
                    FindingLevel.Note,
                    $"There is no backup in {replica.Location}, and no database either.",
                    "Nothing, before the first start."
                );
            return;
        }

        var age = options.Time.GetUtcNow() - newest.Value;
        var text = $"The newest backup in {replica.Location} is {Age(age)} old";
        var written = new[] { _file, Wal }.Where(f => f.Exists).Select(f => (DateTimeOffset?)f.LastWriteTimeUtc).Max();
        if (written - newest > BehindAfter)
            Add(
                FindingLevel.Warning,
                $"{text}, and the database was written {Age(options.Time.GetUtcNow() - written!.Value)} ago: the "
                    + $"changes between are not backed up.",
                $"Start the app (or {VerbName.Replicate}); if it runs, look at its log for errors, then "
                    + $"{VerbName.Verify}.",
                "LSB4101"
            );
        else
            Add(FindingLevel.Ok, $"{text}.");
    }

    private static string Size(long bytes) => ByteSize.Text(bytes);

    private static string Age(TimeSpan age) =>
        age switch
        {
            { Ticks: < 0 } => "0 s",
            { TotalMinutes: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{age.TotalSeconds:0} s"),
            { TotalHours: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{age.TotalMinutes:0} min"),
            { TotalDays: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{age.TotalHours:0} h"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{age.TotalDays:0} days"),
        };

    [GeneratedRegex(@"LSB\d{4}", RegexOptions.CultureInvariant)]
    private static partial Regex Code();
}
