using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;

namespace Litestream.Doctor;

/// <summary>What other release lines than the executable's have left, in the replicas and beside the
/// database.</summary>
internal sealed class LineExamination(
    LitestreamExecutable executable,
    EffectiveDatabase database,
    DatabaseFindings findings
)
{
    public void Run()
    {
        try
        {
            if (NewerBackup.Find(executable, database) is { } newer)
            {
                findings.Add(
                    FindingLevel.Error,
                    newer.Diagnostic.Text,
                    code: newer.Diagnostic.Code
                );
            }

            foreach (var older in executable.Line.Older)
            {
                foreach (var folder in database.Replicas.Select(replica => replica.Folder).OfType<string>())
                    ExamineReplica(older, folder);
            }
        }
        catch (LitestreamException)
        {
            // The list of the replica says that it cannot be read.
        }

        foreach (var other in ReleaseLine.All.Where(line => line.Name != executable.Line.Name))
            ExamineState(other);
    }

    private void ExamineReplica(ReleaseLine older, string folder)
    {
        if (older.Layout.Find(folder) is not { } left)
            return;
        var since = executable.Line.Layout.Find(folder)?.Oldest;
        if (since is null)
        {
            findings.Add(
                FindingLevel.Note,
                $"The backup in '{folder}' is of litestream {older.Name} ({ByteSize.Text(left.Bytes)}, until "
                    + $"{left.Newest:u}). This executable restores it.",
                $"Start the app: it then sends a full copy for litestream {executable.Line.Name}."
            );
        }
        else
        {
            findings.Add(
                FindingLevel.Note,
                $"'{left.Folder}' ({ByteSize.Text(left.Bytes)}) is the backup that litestream {older.Name} made from "
                    + $"{left.Oldest:u} to {left.Newest:u}. A restore to a moment before {since:u} needs it, and "
                    + $"nothing removes it.",
                $"Keep it while you may need those moments. Then delete the folder, but only after {VerbName.Verify} "
                    + $"reports Verified for the database."
            );
        }
    }

    private void ExamineState(ReleaseLine other)
    {
        var line = executable.Line;
        if (other.LastRead(database.MetaPath) is not { } last || !(line.LastRead(database.MetaPath) > last))
            return;
        var entries = other
            .LocalEntries.Select(name => Path.Combine(database.MetaPath, name))
            .Where(path => Directory.Exists(path) || File.Exists(path))
            .ToList();
        findings.Add(
            FindingLevel.Note,
            $"{string.Join(" and ", entries.Select(path => $"'{path}'"))} "
                + $"({ByteSize.Text(entries.Sum(RestoreLeftovers.Size))}) "
                + $"{(entries.Count == 1 ? "is" : "are")} left of litestream {other.Name}, which replicated the "
                + $"database until {last:u}. Nothing reads {(entries.Count == 1 ? "it" : "them")} any more.",
            $"Delete {(entries.Count == 1 ? "it" : "them")}."
                + (
                    database.Replicas.All(replica => replica.Folder is not null)
                        ? ""
                        : $" The replica may hold files of litestream {other.Name} too (generations/ or ltx/), which "
                            + $"litestream {line.Name} does not list."
                )
        );
    }
}
