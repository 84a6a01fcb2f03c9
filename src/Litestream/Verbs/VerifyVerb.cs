using Litestream.Diagnostics;
using Litestream.Replication;
using Litestream.Verification;

namespace Litestream.Verbs;

/// <summary>
/// Proves for one database, or for all, that what is committed arrives and comes back. Starts a replicator only when
/// asked to.
/// </summary>
internal static class VerifyVerb
{
    public static async Task RunAsync(VerbHost host, VerbOptions given, CancellationToken cancellationToken)
    {
        var level = given.Word<VerificationLevel>(OptionName.VerifyLevel);
        var write = given.Flag(OptionName.NoWrite);
        var options = new VerificationOptions
        {
            StartReplicator = given.Flag(OptionName.StartReplicator) ?? false,
            Timeout = given.Duration(OptionName.Timeout),
            Replica = given.Text(OptionName.Replica),
        };
        var config = host.LoadConfig();

        // A check that excludes one is worth less than one too many.
        var choice = given.Text(OptionName.Database) ?? "*";
        var scope = VerifyScope.Of(
            level,
            write,
            options.StartReplicator,
            host.ProjectFolder,
            config.ChooseMany(choice).Select(database => database.Path)
        );
        if (scope.Notice is { } notice)
            host.Report(notice);
        options = options with { Level = scope.Level, Write = scope.Write };
        var executable = host.PrepareExecutable();
        IReadOnlyList<VerificationResult> results = [];
        async Task VerifyAsync() =>
            results =
                choice == "*"
                    ? await DatabaseVerification
                        .RunAllAsync(
                            executable,
                            config,
                            config.Databases,
                            options,
                            cancellationToken,
                            VerificationReplicator.RunAsync
                        )
                        .ConfigureAwait(false)
                    :
                    [
                        await DatabaseVerification
                            .RunAsync(
                                executable,
                                config,
                                config.Choose(choice),
                                options,
                                cancellationToken,
                                VerificationReplicator.RunAsync
                            )
                            .ConfigureAwait(false),
                    ];
        await (
            options.StartReplicator
                ? host.UntilEndOfProcessAsync(VerificationOptions.ReplicatorStopTimeout, VerifyAsync)
                : VerifyAsync()
        ).ConfigureAwait(false);

        if (scope.Limit is { } limit)
            results = [.. results.Select(result => result with { Text = $"{result.Text} {limit}" })];
        host.PrintTable(
            ["database", "outcome", "message"],
            [
                .. results.Select(result =>
                    (string[])[result.Database.ConfiguredPath, result.Outcome.ToString(), Cell(host, result)]
                ),
            ]
        );
        foreach (var result in results)
        {
            host.Add(
                result.Database.ConfiguredPath,
                ("Path", result.Database.Path),
                ("Level", result.Level),
                ("Outcome", result.Outcome),
                ("Code", result.Code),
                ("Message", result.Text),
                ("Replica", result.Replica),
                ("Committed", result.Committed),
                ("Replicated", result.Replicated),
                ("Lag", result.Lag),
                ("LagBytes", result.LagBytes),
                ("Tables", result.RowCounts?.Count),
                ("Rows", result.RowCounts?.Values.Sum()),
                ("RestoredBytes", result.RestoredBytes),
                ("ArrivalTime", result.ArrivalTime),
                ("RestoreTime", result.RestoreTime),
                ("Duration", result.Duration)
            );
        }

        foreach (var result in results.Where(result => result.Outcome != VerificationOutcome.Verified))
            host.Report(new(result.Code ?? "LSB4103", LitestreamSeverity.Error, result.Text));
    }

    /// <summary>What is wrong stands in the error that follows, once.</summary>
    private static string Cell(VerbHost host, VerificationResult result) =>
        result.Outcome == VerificationOutcome.Verified ? result.Text.In(host.Words) : result.Code ?? "LSB4103";
}
