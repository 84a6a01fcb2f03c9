using Microsoft.Build.Framework;
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

            items.Add(Item(
                database.ConfiguredPath,
                ("Name", database.Name),
                ("Key", database.Key),
                ("Path", database.Path),
                ("Exists", File.Exists(database.Path)),
                ("ReplicaType", string.Join(",", database.Replicas.Select(replica => replica.Type))),
                ("Replica", string.Join(", ", database.Replicas.Select(replica => replica.Location)))));
        }

        PrintTable(["database", "name", "path", "exists", "replica"], rows);
        Result = [.. items];
        return Task.CompletedTask;
    }
}
