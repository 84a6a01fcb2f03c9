using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Replication;

namespace Litestream.Verbs;

/// <summary>Replicates in the foreground until Ctrl+C or SIGTERM, then sends what was committed last.</summary>
internal static class ForegroundVerb
{
    public static async Task RunAsync(VerbHost host, VerbOptions given, CancellationToken cancellationToken)
    {
        // What is not replicated would not be backed up, so there is no choice.
        if (given.Text(OptionName.Database) is { } one and not "*")
        {
            throw new LitestreamException(
                "LSB3008",
                $"{OptionName.Database} is '{one}', but {VerbName.Replicate} replicates every database of the "
                    + $"configuration. Remove the property, or set LitestreamConfigFile to a yml that has only this "
                    + $"database."
            );
        }

        var config = host.ConfigOptions();
        var options = new ForegroundReplicationOptions
        {
            Exec = given.Text(OptionName.Exec),
            Arguments = given.Words(OptionName.Arguments),
        };
        if (
            (given.Duration(OptionName.Timeout) ?? SettingValue.Duration(config.GetSetting, "ShutdownTimeout")) is
            { } limit
        )
        {
            options = options with { StopTimeout = limit };
        }

        var databases = host.LoadConfig().Databases;
        if (VerifyScope.OfReplicate(host.ProjectFolder, databases.Select(database => database.Path)) is { } notice)
            host.Report(notice);
        foreach (var target in databases.SelectMany(d => d.Replicas.Select(r => $"{d.Path} -> {r.Describe()}")))
            host.Print(target);
        host.Print("Ctrl+C sends the last commits and stops.");

        await host.UntilEndOfProcessAsync(
                options.StopTimeout,
                () =>
                    ForegroundReplication.RunAsync(
                        host.FindExecutable(),
                        config,
                        options,
                        line => host.Print(line.Level.Length == 0 ? line.Message : $"{line.Level,-5} {line.Display}"),
                        host.Report,
                        cancellationToken
                    )
            )
            .ConfigureAwait(false);
    }
}
