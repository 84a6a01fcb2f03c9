using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Sqlite;

namespace Litestream.Doctor;

/// <summary>Checks the file of a database, its folder, and the files next to it. Only SQLite opens the file, because
/// only SQLite can do so safely while this process has it open.</summary>
internal sealed class FileExamination(EffectiveDatabase database, DatabaseFindings findings)
{
    private const long Megabyte = 1024 * 1024;

    private static readonly string[] Sidecars = ["-wal", "-shm", "-journal"];

    private readonly string _folder = Path.GetDirectoryName(database.Path)!;
    private readonly FileInfo _file = new(database.Path);

    private FileInfo Wal => new(database.Path + "-wal");

    public void Run()
    {
        ExamineFolder();
        if (ExamineFile())
            ExamineHeader();
        ExamineLeftovers();
    }

    private void ExamineFolder()
    {
        if (!Directory.Exists(_folder))
        {
            findings.Add(
                FindingLevel.Warning,
                $"Its folder '{_folder}' does not exist.",
                "Create it, mount its volume, or correct the path: SQLite creates files, not folders."
            );
            return;
        }

        if (!OperatingSystem.IsWindows() && !UnixCalls.IsWritable(_folder))
        {
            findings.Add(
                FindingLevel.Warning,
                $"This user may not write to '{_folder}'.",
                "The app's user must have that permission: SQLite and Litestream create files next to the database.",
                "LSB0003"
            );
        }

        if (Mounts.Of(_folder) is not { } drive)
            return;
        if (Mounts.NetworkFormat(drive) is { } format)
        {
            findings.Add(
                FindingLevel.Warning,
                $"'{_folder}' is on a network file system ({format}): SQLite's locks and WAL mode do not work reliably "
                    + $"there.",
                "Keep the database on a local disk, and let only the replica use the network."
            );
        }

        try
        {
            var needed = Math.Max(_file.Exists ? _file.Length : 0, 64 * Megabyte);
            var free = drive.AvailableFreeSpace;
            var text = $"{ByteSize.Text(free)} free on {drive.Name}";
            if (free < Megabyte)
            {
                findings.Add(FindingLevel.Error, $"{text}: commits and replication fail.", "Free some space at once.");
            }
            else if (free < needed)
            {
                findings.Add(
                    FindingLevel.Warning,
                    $"{text}; a restore, a verification or a folder replica needs about {ByteSize.Text(needed)} here.",
                    "Free some space."
                );
            }
            else
            {
                findings.Add(FindingLevel.Ok, $"{text}.");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            findings.Add(
                FindingLevel.Note,
                $"The free space of '{drive.Name}' cannot be read: {e.Message}",
                "Check it by hand."
            );
        }
    }

    /// <summary>False when there is no database to look into.</summary>
    private bool ExamineFile()
    {
        if (Directory.Exists(database.Path))
        {
            findings.Add(
                FindingLevel.Error,
                $"'{database.Path}' is a folder.",
                "Name the database file itself.",
                "LSB1015"
            );
            return false;
        }

        if (!_file.Exists)
        {
            if (Sidecars.Where(suffix => File.Exists(database.Path + suffix)).ToList() is { Count: > 0 } sidecars)
            {
                findings.Add(
                    FindingLevel.Error,
                    $"'{database.Path}' does not exist, but its {string.Join(", ", sidecars)} "
                        + $"{(sidecars.Count == 1 ? "does" : "do")}: files of a deleted database remain.",
                    "Move them away (they may hold the last changes), then restore. SQLite would apply them to any "
                        + "file put there.",
                    "LSB4004"
                );
            }
            else
            {
                findings.Add(
                    FindingLevel.Note,
                    $"'{database.Path}' does not exist. The app restores it at start if there is a backup, or creates "
                        + $"it.",
                    $"If it should exist, check the path; `{VerbName.Restore}` brings it back."
                );
            }

            return false;
        }

        if (_file.Length == 0)
        {
            findings.Add(
                FindingLevel.Warning,
                $"'{database.Path}' is empty (0 bytes).",
                "If it should not be, move it away and restore."
            );
            return false;
        }

        return true;
    }

    private void ExamineHeader()
    {
        var size = $"'{database.Path}', {ByteSize.Text(_file.Length)}";
        switch (LiveDatabase.ReadFormat(database.Path, out var why))
        {
            case DatabaseFormat.Unread:
                findings.Add(FindingLevel.Note, $"{size}. Its header was not read: {why}");
                return;
            case DatabaseFormat.Damaged:
                findings.Add(
                    FindingLevel.Error,
                    $"{size}, is damaged: {why}",
                    $"Keep the file, and restore the database from its backup ({VerbName.Restore})."
                );
                return;
            case DatabaseFormat.NoDatabase:
                findings.Add(
                    FindingLevel.Error,
                    $"{size}, is not a SQLite database, or is encrypted: Litestream cannot replicate it.",
                    "Correct the path. For an encrypted database, use another kind of backup.",
                    "LSB1007"
                );
                return;
            case DatabaseFormat.NotReadable:
                findings.Add(
                    FindingLevel.Error,
                    $"'{database.Path}' cannot be read: {why}",
                    "Check its owner and mode.",
                    "LSB0003"
                );
                return;
            case DatabaseFormat.Wal:
                findings.Add(FindingLevel.Ok, $"{size}, journal mode WAL.");
                break;
            default:
                findings.Add(
                    FindingLevel.Note,
                    $"{size}, with a rollback journal instead of a WAL.",
                    "Nothing to do: Litestream sets WAL mode when it first replicates the database."
                );
                break;
        }

        if (Wal is { Exists: true } wal && wal.Length > Math.Max(100 * Megabyte, _file.Length))
        {
            findings.Add(
                FindingLevel.Warning,
                $"Its -wal has {ByteSize.Text(wal.Length)}, more than the database: it is not checkpointed.",
                "Look for a reader that never ends, and check whether a replicator runs."
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
                findings.Add(
                    FindingLevel.Note,
                    $"A restore moved the old files aside: {string.Join(", ", aside)}.",
                    "Delete them when you know that the restored database is complete."
                );
            }

            var working = RestoreLeftovers.Working(places);
            if (working.Count > 0)
            {
                findings.Add(
                    FindingLevel.Note,
                    $"A restore runs or was killed: {string.Join(", ", working.Select(path => $"'{path}'"))}.",
                    "The next restore removes the files of a killed one."
                );
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            findings.Add(
                FindingLevel.Warning,
                $"The folder '{_folder}' cannot be listed: {e.Message}",
                "Check its owner and mode.",
                "LSB0003"
            );
        }
    }
}
