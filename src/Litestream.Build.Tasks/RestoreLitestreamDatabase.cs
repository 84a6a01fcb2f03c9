using Litestream.Restore;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamRestore: one database from its replica, never over an existing file.</summary>
[MSBuildMultiThreadableTask]
public sealed class RestoreLitestreamDatabase : LitestreamVerb
{
    /// <summary>Path as configured, absolute path, or connection string name; empty for the only one.</summary>
    public string Database { get; set; } = "";

    /// <summary>The file to restore to, relative to the content root; empty for the database's own place.</summary>
    public string Output { get; set; } = "";

    /// <summary>An existing file is a success and is left alone.</summary>
    public bool IfDbNotExists { get; set; }

    /// <summary>A replica without a backup is a success.</summary>
    public bool IfReplicaExists { get; set; }

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        var config = LoadConfig();
        var database = config.Choose(Database);
        var output = Output.Length == 0 ? database.Path : Path.GetFullPath(Output, ContentRoot);
        var result = await DatabaseRestore.RunAsync(
            FindExecutable(),
            new RestoreRequest(config, database)
            {
                Output = output,
                IfDatabaseNotExists = IfDbNotExists,
                IfReplicaExists = IfReplicaExists,
            },
            line => Log.LogMessage(MessageImportance.Normal, "{0}", line.Message),
            cancellationToken).ConfigureAwait(false);
        Print(result.Outcome switch
        {
            RestoreOutcome.Restored => $"Restored {database.ConfiguredPath} to {output}",
            RestoreOutcome.DatabaseExists => $"{output} exists; nothing was restored",
            _ => $"There is no backup of {database.ConfiguredPath} yet; nothing was restored",
        });

        var item = new TaskItem(EscapeForItem(output));
        item.SetMetadata("Database", EscapeForItem(database.ConfiguredPath));
        item.SetMetadata("Outcome", result.Outcome.ToString());
        Result = [item];
    }
}
