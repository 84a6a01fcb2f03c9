using Litestream.Diagnostics;
using Litestream.Releases;
using Litestream.Restore;
using Litestream.Sqlite;

namespace Litestream.Verbs;

/// <summary>
/// One database from its replica, or all; an existing file is replaced only when that is asked for, and then kept
/// aside.
/// </summary>
internal sealed record RestoreVerb : Verb
{
    /// <summary>
    /// Path as configured, path of the file, connection string name, or <c>*</c>; empty for the only one.
    /// </summary>
    public string? Database { get; init; }

    /// <summary>The file to restore to; empty for the database's own place.</summary>
    public string? Output { get; init; }

    /// <summary>The moment to go back to; empty for the newest.</summary>
    public string? Timestamp { get; init; }

    /// <summary>The name of a replica; empty for the executable's own choice.</summary>
    public string? Replica { get; init; }

    /// <summary>A generation; empty for the newest.</summary>
    public string? Generation { get; init; }

    /// <summary>The last WAL index that is applied; empty for all.</summary>
    public string? Index { get; init; }

    /// <summary>The transaction to go back to: release line 0.5.</summary>
    public string? TxId { get; init; }

    /// <summary>How many WAL segments are fetched at once; empty for the executable's default.</summary>
    public string? Parallelism { get; init; }

    /// <summary>An existing file is a success and is left alone.</summary>
    public string? IfDbNotExists { get; init; }

    /// <summary>A replica without a backup is a success.</summary>
    public string? IfReplicaExists { get; init; }

    /// <summary>An existing database is moved aside.</summary>
    public string? Force { get; init; }

    /// <summary>The file becomes a database of its own: production's data for development.</summary>
    public bool Detach { get; init; }

    /// <summary>Restores to a file of its own, and shows what putting it in place would undo.</summary>
    public string? Diff { get; init; }

    /// <summary>Only says what would be done.</summary>
    public string? DryRun { get; init; }

    /// <summary>How long it may take; empty for no limit.</summary>
    public string? Timeout { get; init; }

    /// <summary>More arguments for the executable's <c>restore</c>.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var output = OptionValue.Path("LitestreamOutput", Output, host.Directory);
        var transaction = OptionValue.Trim(TxId);
        var diff = OptionValue.Flag("LitestreamDiff", Diff) ?? false;
        var options = new RestoreOptions
        {
            InPlace = output is null && !diff,
            Output = output,
            Timestamp = OptionValue.Trim(Timestamp) is { } time ? PointInTime.Parse(time, TimeProvider.System) : null,
            Replica = OptionValue.Trim(Replica),
            Generation = OptionValue.Generation("LitestreamGeneration", Generation),
            Index = OptionValue.Index("LitestreamIndex", Index),
            Parallelism = OptionValue.Count("LitestreamParallelism", Parallelism),
            IfDatabaseNotExists = OptionValue.Flag("LitestreamIfDbNotExists", IfDbNotExists) ?? false,
            IfReplicaExists = OptionValue.Flag("LitestreamIfReplicaExists", IfReplicaExists) ?? false,
            Force = OptionValue.Flag("LitestreamForce", Force) ?? false,
            Detach = Detach,
            DryRun = OptionValue.Flag("LitestreamDryRun", DryRun) ?? false,
            Timeout = OptionValue.Duration("LitestreamTimeout", Timeout),
            Arguments = Arguments,
        };
        var all = OptionValue.Trim(Database) == "*";
        Refuse(
            all && output is not null,
            "LitestreamOutput names one file, and LitestreamDatabase=* may be several databases. Restore them one "
                + "by one, or in place."
        );
        Refuse(
            all && (options.Generation is not null || options.Index is not null || transaction is not null),
            "A generation, an index and a transaction belong to one database, and LitestreamDatabase=* may be "
                + "several. LitestreamTimestamp goes for all of them."
        );
        Refuse(
            options.Timestamp is not null && options.Index is not null,
            "LitestreamTimestamp and LitestreamIndex both say how far to go. Leave one of them out."
        );
        Refuse(
            options.Force && options.IfDatabaseNotExists,
            "LitestreamForce replaces an existing database, and LitestreamIfDbNotExists leaves it alone. Leave one "
                + "of them out."
        );
        Refuse(
            transaction is not null && options.Timestamp is not null,
            "LitestreamTxId and LitestreamTimestamp both say how far to go. Leave one of them out."
        );
        Refuse(
            transaction is not null && options.Index is not null,
            "LitestreamTxId is for release line 0.5, LitestreamIndex for 0.3. Leave one of them out."
        );

        Refuse(
            diff && (options.Force || options.DryRun),
            "LitestreamDiff compares a restored copy with the database, so it goes neither with LitestreamForce nor "
                + "with LitestreamDryRun. Leave one of them out."
        );

        if (options.Timestamp is { } moment)
            host.Print($"As of {PointInTime.Describe(moment, TimeProvider.System)}");
        var config = host.LoadConfig();
        var databases = config.ChooseMany(OptionValue.Trim(Database));
        if (diff && databases.FirstOrDefault(database => !File.Exists(database.Path)) is { } lost)
            throw new LitestreamException(
                "LSB3008",
                $"There is nothing to compare a copy with: {lost.Path} does not exist. Restore it without "
                    + $"LitestreamDiff. Nothing was started."
            );
        var executable = host.PrepareExecutable();
        if (transaction is not null)
        {
            var version = await executable.GetVersionAsync(cancellationToken).ConfigureAwait(false);
            if (executable.Line.Refuse("restore -txid", version, "") is { } refusal)
                throw refusal;
            options = options with { Arguments = ["-txid", transaction, .. options.Arguments] };
        }

        var results = all
            ? await DatabaseRestore
                .RunAllAsync(executable, config, databases, options, host.Detail, cancellationToken)
                .ConfigureAwait(false)
            :
            [
                await DatabaseRestore
                    .RunAsync(executable, options.For(config, databases[0]), host.Detail, cancellationToken)
                    .ConfigureAwait(false),
            ];
        foreach (var result in results)
        {
            Show(host, result);
            var difference =
                diff && result.Outcome == RestoreOutcome.Restored
                    ? await CompareAsync(host, result, cancellationToken).ConfigureAwait(false)
                    : null;
            host.Add(
                result.Output,
                [
                ("Database", result.Database.ConfiguredPath),
                ("Path", result.Database.Path),
                ("Outcome", result.Outcome),
                ("MovedAside", string.Join(';', result.MovedAside.Select(moved => moved.To))),
                ("Replica", result.Source?.Replica),
                .. (result.Source?.Fields ?? []).Select(field => (field.Key, (object?)field.Value)),
                ("BackupTime", result.Source?.Time),
                ("Bytes", result.Bytes),
                ("Duration", result.Duration),
                ("Difference", difference),
                ("Code", result.Error?.Diagnostic.Code),
                ("Message", result.Error?.Diagnostic.Message),
                ]
            );
        }
    }

    /// <summary>Null where the two cannot be compared; the restored file is there all the same.</summary>
    private static async Task<DatabaseDifference?> CompareAsync(
        VerbHost host,
        RestoreResult result,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var difference = await DatabaseDiff
                .CompareAsync(result.Database.Path, result.Output, cancellationToken: cancellationToken)
                .ConfigureAwait(false);
            foreach (var line in difference.ToString().TrimEnd().Split(Environment.NewLine))
                host.Print(line);
            return difference;
        }
        catch (LitestreamException exception)
        {
            host.Report(exception.Diagnostic);
            return null;
        }
    }

    private static void Refuse(bool wrong, string why)
    {
        if (wrong)
            throw new LitestreamException("LSB3008", $"{why} Nothing was started.");
    }

    private static void Show(VerbHost host, RestoreResult result)
    {
        var would = result.Outcome == RestoreOutcome.WouldRestore;
        var from = result.Source is { } source
            ? $" from {source.Replica}, {source}{(source.Time is { } time ? $", as of {VerbItem.Text(time)}" : "")}"
            : "";
        foreach (var moved in result.MovedAside)
            host.Print($"{(would ? "Would move" : "Moved")} {moved.From} to {moved.To}");
        switch (result.Outcome)
        {
            case RestoreOutcome.Restored:
                host.Print(
                    $"Restored {result.Database.ConfiguredPath} "
                        + $"to {result.Output}{from}: {VerbItem.Text(result.Bytes)} bytes "
                        + $"in {VerbItem.Text(result.Duration)} s"
                );
                break;
            case RestoreOutcome.WouldRestore:
                host.Print($"Would restore {result.Database.ConfiguredPath} to {result.Output}{from}");
                break;
            case RestoreOutcome.DatabaseExists:
                host.Print($"{result.Output} exists; nothing was restored");
                break;
            case RestoreOutcome.NoBackup:
                host.Print($"There is no backup of {result.Database.ConfiguredPath} yet; nothing was restored");
                break;
            default:
                host.Report(result.Error!.Diagnostic);
                break;
        }
    }
}
