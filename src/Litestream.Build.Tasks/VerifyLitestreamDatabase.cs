using Litestream.Commands;
using Litestream.Verification;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamVerify: proves for one database, or for all, that what is committed arrives and comes back. Starts a replicator only when asked to.</summary>
[MSBuildMultiThreadableTask]
public sealed class VerifyLitestreamDatabase : LitestreamVerb
{
    /// <summary>Path as configured, path of the file, or connection string name; empty or <c>*</c> for all: a check that leaves one out is worth less than one too many.</summary>
    public string Database { get; set; } = "";

    /// <summary>The name of a replica; empty for the database's own choice.</summary>
    public string Replica { get; set; } = "";

    /// <summary>How much is proved; empty for Full.</summary>
    public string Level { get; set; } = "";

    /// <summary>False: no row is written into the database.</summary>
    public string Write { get; set; } = "";

    /// <summary>True: where nobody replicates a database, litestream does for the time of the verification.</summary>
    public string StartReplicator { get; set; } = "";

    /// <summary>How long a commit may take to arrive; empty for what follows from the database's own intervals.</summary>
    public string Timeout { get; set; } = "";

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        var options = new VerificationOptions
        {
            Level = OptionValue.Word<VerificationLevel>("LitestreamVerifyLevel", Level) ?? VerificationLevel.Full,
            Write = OptionValue.Flag("LitestreamVerifyWrite", Write) ?? true,
            StartReplicator = OptionValue.Flag("LitestreamStartReplicator", StartReplicator) ?? false,
            Timeout = OptionValue.Duration("LitestreamTimeout", Timeout),
            Replica = OptionValue.Trim(Replica),
        };
        var config = LoadConfig();
        var choice = OptionValue.Trim(Database) ?? "*";
        _ = config.ChooseMany(choice);
        var client = CreateClient(config);
        IReadOnlyList<VerificationResult> results = [];
        async Task VerifyAsync() => results = choice == "*"
            ? await client.VerifyAllAsync(options, cancellationToken).ConfigureAwait(false)
            : [await client.VerifyAsync(choice, options, cancellationToken).ConfigureAwait(false)];
        await (options.StartReplicator ? UntilEndOfProcessAsync(VerificationOptions.ReplicatorStopTimeout, VerifyAsync) : VerifyAsync()).ConfigureAwait(false);

        PrintTable(["database", "outcome", "message"], [.. results.Select(result => (string[])[result.Database.ConfiguredPath, result.Outcome.ToString(), result.Message])]);
        Result = [.. results.Select(result => Item(
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
            ("Duration", result.Duration)))];
        foreach (var result in results.Where(result => result.Outcome != VerificationOutcome.Verified))
            Report(new(result.Code ?? "LSB4103", LitestreamSeverity.Error, result.Message));
    }
}
