using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Restore;
using Litestream.Sqlite;

namespace Litestream.Verbs;

/// <summary>
/// One database from its replica, or all; an existing file is replaced only when that is asked for, and then kept
/// aside.
/// </summary>
internal static class RestoreVerb
{
    public static Task RestoreAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken) =>
        RunAsync(host, options, detach: false, cancellationToken);

    /// <summary>The file becomes a database of its own: production's data for development.</summary>
    public static Task PullAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken) =>
        RunAsync(host, options, detach: true, cancellationToken);

    private static async Task RunAsync(
        VerbHost host,
        VerbOptions given,
        bool detach,
        CancellationToken cancellationToken
    )
    {
        var output = given.Path(OptionName.Output, host.Directory);
        var diff = given.Flag(OptionName.Diff) ?? false;
        var choice = given.Text(OptionName.Database);
        var options = new RestoreOptions
        {
            InPlace = output is null && !diff,
            Output = output,
            Timestamp = given.Moment(OptionName.Timestamp),
            Replica = given.Text(OptionName.Replica),
            Generation = given.Generation(OptionName.Generation),
            Index = given.Index(OptionName.Index),
            TxId = given.TxId(OptionName.TxId),
            Parallelism = given.Count(OptionName.Parallelism),
            IfDatabaseNotExists = given.Flag(OptionName.IfDbNotExists) ?? false,
            IfReplicaExists = given.Flag(OptionName.IfReplicaExists) ?? false,
            Force = given.Flag(OptionName.Force) ?? false,
            Detach = detach,
            DryRun = given.Flag(OptionName.DryRun) ?? false,
            Timeout = given.Duration(OptionName.Timeout),
            Arguments = given.Words(OptionName.Arguments),
        };
        var all = choice == "*";
        RefuseContradictions(options, all, diff);
        if (options.Timestamp is { } moment)
            host.Print($"As of {PointInTime.Describe(moment, TimeProvider.System)}");
        var config = host.LoadConfig();
        var databases = config.ChooseMany(choice);
        if (diff && databases.FirstOrDefault(database => !File.Exists(database.Path)) is { } lost)
        {
            throw new LitestreamException(
                "LSB3008",
                $"'{lost.Path}' does not exist, so there is nothing to compare a copy with. Restore it without "
                    + $"{OptionName.Diff}. Nothing was started."
            );
        }

        var executable = host.PrepareExecutable();
        void OnLine(LogLine line)
        {
            if (!line.IsResult)
                host.Detail(line);
        }

        var results = all
            ? await DatabaseRestore
                .RunAllAsync(executable, config, databases, options, OnLine, cancellationToken)
                .ConfigureAwait(false)
            :
            [
                await DatabaseRestore
                    .RunAsync(executable, options.For(config, databases[0]), OnLine, cancellationToken)
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
                ("Message", result.Error?.Diagnostic.Text),
                ]
            );
        }
    }

    private static void RefuseContradictions(RestoreOptions options, bool all, bool diff)
    {
        Refuse(
            all && options.Output is not null,
            $"{OptionName.Output} names one file, but {OptionName.All} may be several databases. Restore them one "
                + $"by one, or in place."
        );
        Refuse(
            all && (options.Generation is not null || options.Index is not null || options.TxId is not null),
            $"A generation, an index and a transaction belong to one database, but {OptionName.All} may be several. "
                + $"Use {OptionName.Timestamp}, which works for all of them."
        );
        Refuse(
            options.Timestamp is not null && options.Index is not null,
            $"{OptionName.Timestamp} and {OptionName.Index} both say how far to restore. Remove one of them."
        );
        Refuse(
            options.Force && options.IfDatabaseNotExists,
            $"{OptionName.Force} replaces an existing database, and {OptionName.IfDbNotExists} keeps it. Remove one of "
                + $"them."
        );
        Refuse(
            options.TxId is not null && options.Timestamp is not null,
            $"{OptionName.TxId} and {OptionName.Timestamp} both say how far to restore. Remove one of them."
        );
        Refuse(
            options.TxId is not null && options.Index is not null,
            $"{OptionName.TxId} is for release line 0.5, {OptionName.Index} for 0.3. Remove one of them."
        );
        Refuse(
            diff && (options.Force || options.DryRun),
            $"{OptionName.Diff} compares a restored copy with the database, so it cannot be used with "
                + $"{OptionName.Force} or {OptionName.DryRun}. Remove one of them."
        );
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

    private static void Refuse(bool wrong, MessageText why)
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
