using Litestream.Diagnostics;
using Litestream.Verification;

namespace Litestream.Verbs;

/// <summary>The fire drill. Touches no database: it restores to a scratch file and removes it.</summary>
internal static class DrillVerb
{
    public static async Task RunAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var drill = new DrillOptions
        {
            Query = options.Text(OptionName.Query),
            Timestamp = options.Moment(OptionName.Timestamp),
            Replica = options.Text(OptionName.Replica),
            Timeout = options.Duration(OptionName.Timeout),
        };
        if (drill.Timestamp is { } moment)
            host.Print($"As of {PointInTime.Describe(moment, TimeProvider.System)}");
        var config = host.LoadConfig();
        var databases = config.ChooseMany(options.Text(OptionName.Database));
        var executable = host.PrepareExecutable();
        var rows = new List<string[]>();
        var notes = new List<string>();
        foreach (var database in databases)
        {
            try
            {
                var result = await DatabaseDrill
                    .RunAsync(executable, config, database, drill, cancellationToken)
                    .ConfigureAwait(false);
                var answer = string.Join(
                    ", ",
                    result.Answer.Select(column => $"{column.Key}={column.Value ?? "NULL"}")
                );
                rows.Add([
                    database.ConfiguredPath,
                    result.RecoveryPoint is { } point ? $"{VerbItem.Text(point)}s" : "unknown",
                    $"{VerbItem.Text(result.RecoveryTime)}s",
                    VerbItem.Text(result.Bytes),
                    answer,
                ]);
                notes.AddRange(
                    new[] { result.RecoveryPointNote, result.ContentNote, result.IntegrityNote }
                        .Where(note => note.Length > 0)
                        .Select(note => $"{database.ConfiguredPath}: {note}")
                );
                host.Add(
                    database.ConfiguredPath,
                    ("Path", database.Path),
                    ("RecoveryPoint", result.RecoveryPoint),
                    ("RecoveryPointNote", result.RecoveryPointNote),
                    ("RecoveryTime", result.RecoveryTime),
                    ("RestoreTime", result.RestoreTime),
                    ("Generation", result.Generation),
                    ("IntegrityNote", result.IntegrityNote),
                    ("ContentNote", result.ContentNote),
                    ("BackupTime", result.BackupTime),
                    ("Bytes", result.Bytes),
                    ("Answer", answer)
                );
            }
            catch (LitestreamException exception)
            {
                // One that fails does not hide how the others did.
                host.Report(exception.Diagnostic);
            }
        }

        if (rows.Count > 0)
            host.PrintTable(["database", "would be lost (RPO)", "took (RTO)", "bytes", "answer"], rows);
        notes.ForEach(note => host.Print(note));
    }
}
