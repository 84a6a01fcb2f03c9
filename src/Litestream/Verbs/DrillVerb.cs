using Litestream.Diagnostics;
using Litestream.Verification;

namespace Litestream.Verbs;

/// <summary>The fire drill. Touches no database: it restores to a scratch file and removes it.</summary>
internal sealed record DrillVerb : Verb
{
    /// <summary>
    /// Path as configured, path of the file, connection string name, or <c>*</c>; empty for the only one.
    /// </summary>
    public string? Database { get; init; }

    /// <summary>The name of a replica; empty for the executable's own choice.</summary>
    public string? Replica { get; init; }

    /// <summary>The moment to go back to; empty for the newest.</summary>
    public string? Timestamp { get; init; }

    /// <summary>A query that must return a row; empty for none.</summary>
    public string? Query { get; init; }

    /// <summary>How long it may take; empty for no limit.</summary>
    public string? Timeout { get; init; }

    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var options = new DrillOptions
        {
            Query = OptionValue.Trim(Query),
            Timestamp = OptionValue.Trim(Timestamp) is { } time ? PointInTime.Parse(time, TimeProvider.System) : null,
            Replica = OptionValue.Trim(Replica),
            Timeout = OptionValue.Duration("LitestreamTimeout", Timeout),
        };
        if (options.Timestamp is { } moment)
            host.Print($"As of {PointInTime.Describe(moment, TimeProvider.System)}");
        var config = host.LoadConfig();
        var databases = config.ChooseMany(OptionValue.Trim(Database));
        var executable = host.PrepareExecutable();
        var rows = new List<string[]>();
        var notes = new List<string>();
        foreach (var database in databases)
        {
            try
            {
                var result = await DatabaseDrill
                    .RunAsync(executable, config, database, options, cancellationToken)
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
        notes.ForEach(host.Print);
    }
}
