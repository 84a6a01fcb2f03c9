using System.Globalization;
using Litestream.Commands;
using Litestream.Configuration;
using Litestream.Locking;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamStatus: what can be seen on this machine. Starts no process, opens no database, asks no replica.</summary>
[MSBuildMultiThreadableTask]
public sealed class ShowLitestreamStatus : LitestreamVerb
{
    /// <summary>Path as configured, path of the file, or connection string name; empty or <c>*</c> for all.</summary>
    public string Database { get; set; } = "";

    /// <inheritdoc />
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        var rows = new List<string[]>();
        var items = new List<ITaskItem>();
        foreach (var database in LoadConfig().ChooseMany(OptionValue.Trim(Database) ?? "*"))
        {
            var (generation, index, offset) = Position(database);
            var status = !File.Exists(database.Path) ? "no database" : Directory.Exists(database.MetaPath) ? "ok" : "not initialized";
            var wal = new FileInfo(database.Path + "-wal") is { Exists: true } file ? file.Length : (long?)null;
            var replicator = Replicator(database);
            rows.Add([database.ConfiguredPath, status, replicator is null ? "" : $"process {replicator.ProcessId}", generation ?? "", index is null ? "" : $"{index:x8}:{offset:x8}", Text(wal)]);
            items.Add(Item(
                database.ConfiguredPath,
                ("Path", database.Path),
                ("Status", status),
                ("Replicator", replicator?.ProcessId),
                ("Generation", generation),
                ("Index", index),
                ("Offset", offset),
                ("WalSize", wal)));
        }

        PrintTable(["database", "status", "replicator", "generation", "position", "wal"], rows);
        Result = [.. items];
        return Task.CompletedTask;
    }

    /// <summary>The litestream that an app has left word of in its lock file, if that very process runs. One that somebody started by hand leaves none.</summary>
    private static ProcessIdentity? Replicator(EffectiveDatabase database) =>
        DatabaseLock.Peek(database.Path).Replicator is { } process && process.IsRunning() ? process : null;

    /// <summary>How far the executable has read: release line 0.3 keeps a copy of the WAL for each generation, one file for each index.</summary>
    private static (string? Generation, long? Index, long? Offset) Position(EffectiveDatabase database)
    {
        var current = Path.Combine(database.MetaPath, "generation");
        if (!File.Exists(current))
            return default;
        var generation = File.ReadAllText(current).Trim();
        var folder = Path.Combine(database.MetaPath, "generations", generation, "wal");
        var last = Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateFiles("*.wal").MaxBy(file => file.Name, StringComparer.Ordinal) : null;
        return long.TryParse(Path.GetFileNameWithoutExtension(last?.Name), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var index)
            ? (generation, index, last!.Length)
            : (generation, null, null);
    }
}
