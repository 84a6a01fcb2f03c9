using Litestream.Diagnostics;
using Litestream.Replication;

namespace Litestream.Verbs;

/// <summary>Waits until what is committed now has arrived. Litestream's own <c>sync</c> is not used: on release line
/// 0.5 it can make litestream miss commits.</summary>
internal static class SyncVerb
{
    public static async Task RunAsync(VerbHost host, VerbOptions given, CancellationToken cancellationToken)
    {
        var (timeout, replica) = (given.Duration(OptionName.Timeout), given.Text(OptionName.Replica));
        var config = host.LoadConfig();
        var databases = config.ChooseMany(given.Text(OptionName.Database) ?? "*");
        var executable = host.PrepareExecutable();
        var results = await Task.WhenAll(
                databases.Select(database =>
                    CommitSync.RunAsync(executable, config, database, replica, timeout, cancellationToken)
                )
            )
            .ConfigureAwait(false);
        host.PrintTable(
            ["database", "arrived", "message"],
            [
                .. results.Select(result =>
                    (string[])
                        [
                            result.Database.ConfiguredPath,
                            result.HasArrived ? "yes" : "no",
                            result.HasArrived ? result.Text.In(host.Words) : result.Code!,
                        ]
                ),
            ]
        );
        foreach (var result in results)
        {
            host.Add(
                result.Database.ConfiguredPath,
                ("Path", result.Database.Path),
                ("HasArrived", result.HasArrived),
                ("Code", result.Code),
                ("Message", result.Text),
                ("Replica", result.Replica),
                ("Committed", result.Committed),
                ("Replicated", result.Replicated),
                ("Lag", result.Lag),
                ("LagBytes", result.LagBytes),
                ("Duration", result.Duration)
            );
        }

        foreach (var result in results.Where(result => !result.HasArrived))
            host.Report(new(result.Code!, LitestreamSeverity.Error, result.Text));
    }
}
