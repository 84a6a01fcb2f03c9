using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;

namespace Litestream.Doctor;

/// <summary>Everything about one database. Its file is opened by SQLite only, which alone can do it where this
/// process has it open.</summary>
internal sealed class DatabaseExamination(
    DoctorOptions options,
    LitestreamExecutable? executable,
    EffectiveConfig config,
    EffectiveDatabase database,
    List<Finding> all
)
{
    private static readonly TimeSpan BehindAfter = TimeSpan.FromMinutes(5);

    private readonly DatabaseFindings _findings = new(database, all);
    private readonly FileInfo _file = new(database.Path);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        new FileExamination(database, _findings).Run();
        new ProcessExamination(options, database, _findings).Run();
        if (database.Replicas.Count == 0)
            _findings.Add(FindingLevel.Error, "It has no replica: nothing is backed up.", "Add one under `replicas:`.");
        ExamineReplicaFolders();
        if (executable is null || database.Replicas.Count == 0)
            return;
        new LineExamination(executable, database, _findings).Run();
        await ExamineBackupAsync(executable, cancellationToken).ConfigureAwait(false);
    }

    private void ExamineReplicaFolders()
    {
        foreach (var replica in database.Replicas)
        {
            if (replica.Folder is { } folder && Mounts.AreTheSame(database.Path, folder))
            {
                _findings.Add(
                    FindingLevel.Warning,
                    $"Its replica is a folder on the same disk ('{replica.Location}'): it helps against a lost file, "
                        + $"not against a lost disk.",
                    "Set LitestreamReplicaUrl (or Litestream:ReplicaUrl where the app runs) to storage elsewhere.",
                    "LSB1101"
                );
            }
        }
    }

    private async Task ExamineBackupAsync(LitestreamExecutable found, CancellationToken cancellationToken)
    {
        var client = found.Line.Catalog(found, config, options.ReplicaTimeout);
        foreach (var replica in database.Replicas.Where(replica => replica.IsKnown))
        {
            try
            {
                var lineages = await client
                    .LineagesAsync(database, replica.Name, cancellationToken)
                    .ConfigureAwait(false);
                var older = replica.Folder is { } folder
                    ? found.Line.Older.Max(line => line.Layout.Find(folder)?.Newest)
                    : null;
                CompareAge(replica, lineages.Select(lineage => lineage.End).Append(older).Max());
            }
            catch (LitestreamException e)
            {
                _findings.Add(
                    FindingLevel.Error,
                    $"Its replica '{replica.Location}' cannot be listed: {e.Diagnostic.Message}",
                    $"Check the address, the credentials ({VerbName.Env}) and the network.",
                    e.Diagnostic.Code
                );
            }
        }
    }

    private void CompareAge(ConfiguredReplica replica, DateTimeOffset? newest)
    {
        if (newest is null)
        {
            if (_file.Exists)
            {
                _findings.Add(
                    FindingLevel.Warning,
                    $"There is no backup in '{replica.Location}' yet.",
                    $"Start the app (or {VerbName.Replicate}), and check again.",
                    "LSB4002"
                );
            }
            else
            {
                _findings.Add(
                    FindingLevel.Note,
                    $"There is no backup in '{replica.Location}', and no database either.",
                    "Nothing to do before the first start."
                );
            }

            return;
        }

        var age = options.Time.GetUtcNow() - newest.Value;
        var text = $"The newest backup in '{replica.Location}' is {Age(age)} old";
        var written = new[] { _file, new FileInfo(database.Path + "-wal") }
            .Where(f => f.Exists)
            .Select(f => (DateTimeOffset?)f.LastWriteTimeUtc)
            .Max();
        if (written - newest > BehindAfter)
        {
            _findings.Add(
                FindingLevel.Warning,
                $"{text}, but the database was written to {Age(options.Time.GetUtcNow() - written!.Value)} ago: the "
                    + $"changes in between are not backed up.",
                $"Start the app (or {VerbName.Replicate}). If it runs, look for errors in its log, then run "
                    + $"{VerbName.Verify}.",
                "LSB4101"
            );
        }
        else
        {
            _findings.Add(FindingLevel.Ok, $"{text}.");
        }
    }

    private static string Age(TimeSpan age) =>
        age switch
        {
            { Ticks: < 0 } => "0 s",
            { TotalMinutes: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{age.TotalSeconds:0} s"),
            { TotalHours: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{age.TotalMinutes:0} min"),
            { TotalDays: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{age.TotalHours:0} h"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{age.TotalDays:0} days"),
        };
}

/// <summary>The findings about one database.</summary>
internal sealed class DatabaseFindings(EffectiveDatabase database, List<Finding> all)
{
    public void Add(FindingLevel level, MessageText message, MessageText? action = null, string? code = null) =>
        all.Add(Finding.Of(level, database.ConfiguredPath, message, action, code));
}
