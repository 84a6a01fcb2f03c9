using System.Globalization;
using Litestream.Commands;
using Litestream.Configuration;

namespace Litestream.Verbs;

/// <summary>What can be seen on this machine, and what the running app tells. Starts no process, opens no database, asks no replica.</summary>
internal sealed record StatusVerb : Verb
{
    /// <summary>Path as configured, path of the file, or connection string name; empty or <c>*</c> for all.</summary>
    public string? Database { get; init; }

    public override Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var rows = new List<string[]>();
        var notes = new List<string>();
        foreach (var database in host.LoadConfig().ChooseMany(OptionValue.Trim(Database) ?? "*"))
        {
            var (generation, index, offset) = Position(database);
            var status = !File.Exists(database.Path) ? "no database" : Directory.Exists(database.MetaPath) ? "ok" : "not initialized";
            var wal = new FileInfo(database.Path + "-wal") is { Exists: true } file ? file.Length : (long?)null;
            var running = RunningStatus.Of(database);
            var own = running.DatabaseStatus;
            rows.Add([
                database.ConfiguredPath,
                status,
                running.App is { } app ? $"process {app.ProcessId}" : "",
                running.Status?.State.ToString() ?? "",
                own is null ? "" : own.Health == LitestreamHealth.Healthy ? $"{VerbItem.Text(own.Lag)}s" : own.Health.ToString(),
                running.Status is { } told ? VerbItem.Text(told.Restarts) : "",
                running.ReplicatorProcessId is { } replicator ? $"process {replicator}" : "",
                generation ?? "",
                index is null ? "" : $"{index:x8}:{offset:x8}",
                VerbItem.Text(wal)]);
            if (running.App is null)
                notes.Add($"{database.ConfiguredPath}: no app that tells of it runs on this machine");
            if ((own?.Problem ?? running.Status?.LastError) is { } problem)
                notes.Add($"{database.ConfiguredPath}: {problem}");
            host.Add(
                database.ConfiguredPath,
                ("Path", database.Path),
                ("Status", status),
                ("App", running.App?.ProcessId),
                ("AppStartedAt", running.App?.StartedAt),
                ("State", running.Status?.State),
                ("Since", running.Status?.Since),
                ("Health", own?.Health),
                ("Problem", own?.Problem),
                ("Lag", own?.Lag),
                ("LagBytes", own?.LagBytes),
                ("LastSync", own?.LastSync),
                ("Restarts", running.Status?.Restarts),
                ("LastRestartReason", running.Status?.LastRestartReason),
                ("LastError", running.Status?.LastError),
                ("Replicator", running.ReplicatorProcessId),
                ("Generation", generation),
                ("Index", index),
                ("Offset", offset),
                ("WalSize", wal));
        }

        host.PrintTable(["database", "status", "app", "state", "lag", "restarts", "replicator", "generation", "position", "wal"], rows);
        notes.ForEach(host.Print);
        return Task.CompletedTask;
    }

    /// <summary>How far the executable has read: release line 0.3 keeps a copy of the WAL for each generation, one file for each index.</summary>
    private static (string? Generation, long? Index, long? Offset) Position(EffectiveDatabase database)
    {
        var current = Path.Combine(database.MetaPath, "generation");
        if (!File.Exists(current))
            return default;
        var generation = PlainFile.ReadAllText(current).Trim();
        var folder = Path.Combine(database.MetaPath, "generations", generation, "wal");
        var last = Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateFiles("*.wal").MaxBy(file => file.Name, StringComparer.Ordinal) : null;
        return long.TryParse(Path.GetFileNameWithoutExtension(last?.Name), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var index)
            ? (generation, index, last!.Length)
            : (generation, null, null);
    }
}
