using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamDatabases: what is replicated and where it goes. Starts no process.</summary>
[MSBuildMultiThreadableTask]
public sealed class ListLitestreamDatabases : LitestreamVerb
{
    /// <inheritdoc />
    protected override Task RunAsync(CancellationToken cancellationToken)
    {
        var config = LoadConfig();
        var rows = new List<string[]>();
        var items = new List<ITaskItem>();
        foreach (var database in config.Databases)
        {
            var replicas = string.Join(", ", database.Replicas.Select(replica => $"{replica.Type}: {replica.Location}"));
            rows.Add([database.ConfiguredPath, database.Name ?? "", database.Path, File.Exists(database.Path) ? "yes" : "no", replicas]);

            var item = new TaskItem(EscapeForItem(database.ConfiguredPath));
            item.SetMetadata("Name", database.Name ?? "");
            item.SetMetadata("Key", database.Key ?? "");
            item.SetMetadata("Path", EscapeForItem(database.Path));
            item.SetMetadata("Exists", File.Exists(database.Path) ? "true" : "false");
            item.SetMetadata("ReplicaType", string.Join(",", database.Replicas.Select(replica => replica.Type)));
            item.SetMetadata("Replica", EscapeForItem(string.Join(", ", database.Replicas.Select(replica => replica.Location))));
            items.Add(item);
        }

        PrintTable(["database", "name", "path", "exists", "replica"], rows);
        Result = [.. items];
        return Task.CompletedTask;
    }
}
