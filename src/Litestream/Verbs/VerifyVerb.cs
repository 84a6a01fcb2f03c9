using Litestream.Diagnostics;
using Litestream.Replication;
using Litestream.Verification;

namespace Litestream.Verbs;

/// <summary>
/// Proves for one database, or for all, that what is committed arrives and comes back. Starts a replicator only when
/// asked to.
/// </summary>
internal sealed record VerifyVerb : Verb
{
    /// <summary>
    /// Path as configured, path of the file, or connection string name; empty or <c>*</c> for all: a check that leaves
    /// one out is worth less than one too many.
    /// </summary>
    public string? Database { get; init; }

    /// <summary>The name of a replica; empty for the database's own choice.</summary>
    public string? Replica { get; init; }

    /// <summary>How much is proved; empty for Full, in the folder of a project for Position.</summary>
    public string? Level { get; init; }

    /// <summary>False: no row is written into the database.</summary>
    public string? Write { get; init; }

    /// <summary>True: where nobody replicates a database, litestream does for the time of the verification.</summary>
    public string? StartReplicator { get; init; }

    /// <summary>
    /// How long a commit may take to arrive; empty for what follows from the database's own intervals.
    /// </summary>
    public string? Timeout { get; init; }

    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var level = OptionValue.Word<VerificationLevel>("LitestreamVerifyLevel", Level);
        var write = OptionValue.Flag("LitestreamVerifyWrite", Write);
        var options = new VerificationOptions
        {
            StartReplicator = OptionValue.Flag("LitestreamStartReplicator", StartReplicator) ?? false,
            Timeout = OptionValue.Duration("LitestreamTimeout", Timeout),
            Replica = OptionValue.Trim(Replica),
        };
        var config = host.LoadConfig();
        var choice = OptionValue.Trim(Database) ?? "*";
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
            results = [.. results.Select(result => result with { Message = $"{result.Message} {limit}" })];
        host.PrintTable(
            ["database", "outcome", "message"],
            [
                .. results.Select(result =>
                    (string[])[result.Database.ConfiguredPath, result.Outcome.ToString(), Cell(result)]
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
                ("Message", result.Message),
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
            host.Report(new(result.Code ?? "LSB4103", LitestreamSeverity.Error, result.Message));
    }

    /// <summary>What is wrong stands in the error that follows, once.</summary>
    private static string Cell(VerificationResult result) =>
        result.Outcome == VerificationOutcome.Verified ? result.Message : result.Code ?? "LSB4103";
}
