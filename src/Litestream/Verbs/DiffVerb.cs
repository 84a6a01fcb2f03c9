using Litestream.Diagnostics;
using Litestream.Restore;

namespace Litestream.Verbs;

/// <summary>What changed between two moments. Changes no database: it restores to scratch files and removes them.
/// </summary>
internal static class DiffVerb
{
    public static async Task RunAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var from = options.Moment(OptionName.From);
        var isToNow =
            options.Text(OptionName.To) is not { } text
            || text.Equals(PointInTime.Now, StringComparison.OrdinalIgnoreCase);
        var to = isToNow ? null : options.Moment(OptionName.To);
        var replica = options.Text(OptionName.Replica);
        var timeout = options.Duration(OptionName.Timeout);
        var config = host.LoadConfig();
        var databases = config.ChooseMany(options.Text(OptionName.Database));
        var executable = host.PrepareExecutable();
        foreach (var database in databases)
        {
            try
            {
                await TimeLimit
                    .RunAsync(
                        timeout,
                        $"The comparison of '{database.Path}'",
                        async token =>
                        {
                            var changes = await PastDiff
                                .RunAsync(executable, config, database, from, to, replica, token)
                                .ConfigureAwait(false);
                            foreach (var line in changes.ToString().TrimEnd().Split(Environment.NewLine))
                                host.Print(line);
                            host.Add(
                                database.ConfiguredPath,
                                ("Path", database.Path),
                                ("From", from),
                                ("To", to),
                                ("FromBackupTime", changes.FromBackupTime),
                                ("ToBackupTime", changes.ToBackupTime),
                                ("Same", changes.IsSame),
                                ("Changes", changes)
                            );
                        },
                        cancellationToken
                    )
                    .ConfigureAwait(false);
            }
            catch (LitestreamException exception) when (databases.Count > 1)
            {
                // One that fails does not hide the others.
                host.Report(exception.Diagnostic);
            }
        }
    }
}
