using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Replication;

namespace Litestream.Verbs;

/// <summary>
/// What can be seen on this machine, and what the running app tells. Starts no process, opens no database, asks no
/// replica.
/// </summary>
internal static class StatusVerb
{
    private const string NoApp = "No running app reports on this database.";

    private const string NotYetSeen = "The app has started and has not yet seen that its commits arrive.";

    public static Task RunAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var rows = new List<string[]>();
        var notes = new List<string>();
        var unhealthy = new List<string>();
        foreach (var database in host.LoadConfig().ChooseMany(options.Text(OptionName.Database) ?? "*"))
        {
            var (lineage, position) = Position(database);
            var status =
                !File.Exists(database.Path) ? "no database"
                : Directory.Exists(database.MetaPath) ? "initialized"
                : "not initialized";
            var wal = new FileInfo(database.Path + "-wal") is { Exists: true } file ? file.Length : (long?)null;
            var running = RunningStatus.Of(database);
            var own = running.DatabaseStatus;
            var health = Word(running);
            rows.Add([
                health,
                database.ConfiguredPath,
                status,
                running.App is { } app ? $"process {app.ProcessId}" : "",
                running.Status?.State.ToString() ?? "",
                own is null ? "" : $"{VerbItem.Text(own.Lag)}s",
                running.Status is { } told ? VerbItem.Text(told.Restarts) : "",
                running.ReplicatorProcessId is { } replicator ? $"process {replicator}" : "",
                HasGeneration(position) ? lineage ?? "" : "",
                position?.ToString().Split('/')[^1] ?? "",
                VerbItem.Text(wal),
            ]);
            if (running.App is null)
                notes.Add($"{database.ConfiguredPath}: {NoApp}");
            var problems = Problems(running);
            notes.AddRange(problems.Select(problem => $"{database.ConfiguredPath}: {problem}"));
            if (problems.Count == 0 && running.Status?.LastError is { } error)
                notes.Add($"{database.ConfiguredPath}: {error}");
            if (health != nameof(LitestreamHealth.Healthy))
            {
                var why =
                    problems.Count > 0 ? $": {string.Join(" ", problems)}"
                    : Reason(running, health) is { } reason ? $": {reason}"
                    : "";
                unhealthy.Add($"{database.ConfiguredPath} is {health}{why}");
            }

            host.Add(
                database.ConfiguredPath,
                [
                ("Path", database.Path),
                ("Status", status),
                ("App", running.App?.ProcessId),
                ("AppStartedAt", running.App?.StartedAt),
                ("State", running.Status?.State),
                ("Since", running.Status?.Since),
                ("Health", health),
                ("Problem", problems.Count > 0 ? string.Join(" ", problems) : null),
                ("Lag", own?.Lag),
                ("LagBytes", own?.LagBytes),
                ("LastSync", own?.LastSync),
                ("Restarts", running.Status?.Restarts),
                ("LastRestartReason", running.Status?.LastRestartReason),
                ("LastError", running.Status?.LastError),
                ("Replicator", running.ReplicatorProcessId),
                .. (position?.Fields ?? [new("Generation", lineage ?? "")]).Select(field =>
                    (field.Key, (object?)field.Value)
                ),
                ("WalSize", wal),
                ]
            );
        }

        host.PrintTable(
            [
                "health",
                "database",
                "files",
                "app",
                "state",
                "lag",
                "restarts",
                "replicator",
                "generation",
                "position",
                "wal",
            ],
            rows
        );
        notes.ForEach(note => host.Print(note));

        // A script must not take "not known" for "backed up".
        if (unhealthy.Count > 0)
        {
            host.Report(
                new(
                    "LSB5020",
                    LitestreamSeverity.Error,
                    $"Not every database is Healthy. {string.Join("; ", unhealthy)}"
                )
            );
        }

        return Task.CompletedTask;
    }

    /// <summary>The health that the running app reports; <c>Unknown</c> where none does, <c>Off</c> where it replicates
    /// nothing.</summary>
    private static string Word(RunningStatus running) =>
        running.Status switch
        {
            null => "Unknown",
            { State: LitestreamState.Disabled } => "Off",
            { } status => OverallHealth.Of(status, DateTimeOffset.UtcNow).Word,
        };

    private static string? Reason(RunningStatus running, string health) =>
        running switch
        {
            { App: null } => NoApp,
            { Status: not null } when health == "Unknown" => NotYetSeen,
            _ => null,
        };

    private static IReadOnlyList<string> Problems(RunningStatus running) =>
        running.Status is { } status ? OverallHealth.Of(status, DateTimeOffset.UtcNow).Problems : [];

    /// <summary>Release line 0.5 has none.</summary>
    private static bool HasGeneration(ReplicaPosition? position) =>
        position is null || position.Fields.Any(field => field.Key == "Generation");

    /// <summary>How far the executable has read. That of another release line may have left its own files.</summary>
    private static (string? Lineage, ReplicaPosition? Position) Position(EffectiveDatabase database) =>
        ReleaseLine
            .All.Select(line => line.State(database.MetaPath))
            .Where(state => state.Lineage() is not null)
            .OrderByDescending(state => state.LastWrite(state.Lineage()!) ?? DateTimeOffset.MinValue)
            .Select(state => (state.Lineage(), state.Newest(state.Lineage()!)))
            .FirstOrDefault();
}
