using Litestream.Verbs;

namespace Litestream.Hosting.CommandLine;

/// <summary>
/// Replicates as the app does, in a process of its own: with its settings, its lock, its supervision and its drain,
/// until it is cancelled.
/// </summary>
internal sealed record ReplicateVerb : Verb
{
    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var command = (CommandVerbHost)host;
        host.ReportUnknownNames();
        foreach (
            var target in command.Plan.Databases.SelectMany(database =>
                database.Replicas.Select(replica => $"{database.Path} -> {replica.Describe()}")
            )
        )
        {
            host.Print(target);
        }

        host.Print("Ctrl+C or SIGTERM stops it and sends what was committed last.");
        await command.Replicator.ReplicateAsync(command.Plan, cancellationToken).ConfigureAwait(false);
    }
}
