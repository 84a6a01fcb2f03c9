using System.Globalization;
using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;

namespace Litestream.Doctor;

/// <summary>The processes that replicate a database, and what the running app reports.</summary>
internal sealed partial class ProcessExamination(
    DoctorOptions options,
    EffectiveDatabase database,
    DatabaseFindings findings
)
{
    public void Run()
    {
        ExamineReplicators();
        ExamineRunningApp();
    }

    private void ExamineReplicators()
    {
        var record = DatabaseLock.Peek(database.Path);
        var app = record.App is { } a && a.IsRunning() ? a : null;
        var replicator = record.Replicator is { } r && r.IsRunning() ? r : null;
        if (app is not null && replicator is not null)
        {
            findings.Add(
                FindingLevel.Ok,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Process {app.ProcessId} ({app.Executable}) replicates it through process "
                        + $"{replicator.ProcessId} ({replicator.Executable})."
                )
            );
        }
        else if (app is not null)
        {
            findings.Add(
                FindingLevel.Note,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Process {app.ProcessId} ({app.Executable}) holds its lock, but runs no litestream at the moment."
                ),
                "Look at that app's log (category Litestream)."
            );
        }
        else if (replicator is not null)
        {
            findings.Add(
                FindingLevel.Warning,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"A litestream of an app that was killed still runs as process {replicator.ProcessId}."
                ),
                "Start the app again: it kills that process and sends a full copy."
            );
        }

        var others = OpenDatabases.Replicators(database.Path).Where(id => id != replicator?.ProcessId).ToList();
        if (others.Count == 0)
            return;

        var ids = string.Join(", ", others.Select(id => id.ToString(CultureInfo.InvariantCulture)));
        if (replicator is not null || others.Count > 1)
        {
            findings.Add(
                FindingLevel.Error,
                $"More than one litestream has it open: also process {ids}. Two replicators destroy the backup.",
                $"End all but one of them. Delete nothing, and test a restore ({VerbName.Verify}).",
                "LSB5003"
            );
        }
        else
        {
            findings.Add(
                FindingLevel.Warning,
                $"Process {ids} is a litestream that no app here started, and it replicates this database.",
                "Do not let the app replicate as well (Litestream:Enabled=false), or end that process: two "
                    + "replicators destroy the backup.",
                "LSB5003"
            );
        }
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
            var message = $"The running app reports {overall.Word}: {problem}";
            findings.Add(
                FindingLevel.Error,
                message,
                "See the page of the code, and the app's log (category Litestream).",
                code.Length > 0 ? code : null
            );
        }

        if (overall.Problems.Count > 0)
            return;
        if (status.State == LitestreamState.Disabled)
        {
            findings.Add(
                FindingLevel.Note,
                "The running app replicates nothing: Litestream is switched off in it.",
                "If it should replicate, set Litestream:Enabled to true where it runs."
            );
        }
        else if (overall.IsProven)
        {
            findings.Add(FindingLevel.Ok, "The running app reports that commits arrive in the replica.");
        }
        else
        {
            findings.Add(
                FindingLevel.Note,
                $"The running app has not yet seen that commits arrive in the replica ({status.State}).",
                "Check again in a minute."
            );
        }
    }

    [GeneratedRegex(@"LSB\d{4}", RegexOptions.CultureInvariant)]
    private static partial Regex Code();
}
