using Litestream.Commands;
using Litestream.Configuration;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>What the verbs have in common that list what is in the replicas of one database, or of all of them.</summary>
public abstract class LitestreamListing : LitestreamVerb
{
    /// <summary>Path as configured, path of the file, connection string name, or <c>*</c>; empty for the only one.</summary>
    public string Database { get; set; } = "";

    /// <summary>The name of a replica; empty for all.</summary>
    public string Replica { get; set; } = "";

    /// <summary>The time limit of each listing; empty for the default.</summary>
    public string Timeout { get; set; } = "";

    /// <summary>Not for these: whatever the executable's command takes has a property.</summary>
    public string Arguments { get; set; } = "";

    /// <summary>The name of the target.</summary>
    private protected abstract string Target { get; }

    /// <summary>The columns after <c>database</c>.</summary>
    private protected abstract IReadOnlyList<string> Columns { get; }

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        if (OptionValue.Trim(Arguments) is not null)
            throw new LitestreamException("LSB3008", $"{Target} passes no LitestreamArguments on: LitestreamDatabase and LitestreamReplica say all there is to say. LitestreamRun runs any command.");
        var timeout = OptionValue.Duration("LitestreamTimeout", Timeout);
        ReadOptions();

        var config = LoadConfig();
        var databases = config.ChooseMany(OptionValue.Trim(Database));
        var client = CreateClient(config, timeout);
        var rows = new List<IReadOnlyList<string>>();
        var items = new List<ITaskItem>();
        foreach (var database in databases)
        {
            try
            {
                foreach (var (cells, item) in await ListAsync(client, database, OptionValue.Trim(Replica), cancellationToken).ConfigureAwait(false))
                {
                    rows.Add([database.ConfiguredPath, .. cells]);
                    item.SetMetadata("Database", EscapeForItem(database.ConfiguredPath));
                    item.SetMetadata("Path", EscapeForItem(database.Path));
                    items.Add(item);
                }
            }
            catch (LitestreamException exception)
            {
                // One database that cannot be listed does not hide the others.
                Report((await OtherLineAsync(client, database, exception, cancellationToken).ConfigureAwait(false)).Diagnostic);
            }
        }

        if (rows.Count > 0 || !Log.HasLoggedErrors)
            PrintTable(["database", .. Columns], rows);
        Result = [.. items];
    }

    /// <summary>Reads options of the verb's own.</summary>
    private protected virtual void ReadOptions()
    {
    }

    /// <summary>The rows of one database, each as cells and as an item.</summary>
    private protected abstract Task<IEnumerable<(IReadOnlyList<string> Cells, ITaskItem Item)>> ListAsync(LitestreamClient client, EffectiveDatabase database, string? replica, CancellationToken cancellationToken);

    /// <summary>The executable is only asked for its version when a command failed: then it may be that its release line does not have it.</summary>
    private async Task<LitestreamException> OtherLineAsync(LitestreamClient client, EffectiveDatabase database, LitestreamException exception, CancellationToken cancellationToken)
    {
        if (exception.Diagnostic.Code != "LSB3001")
            return exception;
        var version = await client.VersionAsync(cancellationToken).ConfigureAwait(false);
        return version.StartsWith("0.3.", StringComparison.Ordinal)
            ? exception
            : new LitestreamException("LSB3009", $"{Target} is for release line 0.3, whose replicas have generations, snapshots and WAL segments; this is litestream {version}, which keeps LTX files: -t:LitestreamRun -p:LitestreamArguments=\"ltx -level all '{database.ConfiguredPath}'\" lists them (-level 9: the snapshots).", innerException: exception);
    }
}
