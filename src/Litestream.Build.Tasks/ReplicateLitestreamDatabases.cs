using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Replication;
using Litestream.Verbs;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamReplicate: replicates until Ctrl+C or SIGTERM, then sends what was committed last.</summary>
[MSBuildMultiThreadableTask]
public sealed class ReplicateLitestreamDatabases : LitestreamVerb
{
    /// <summary>Empty or <c>*</c>: what is not replicated would not be backed up, so there is no choice.</summary>
    public string Database { get; set; } = "";

    /// <summary>A command that litestream runs and lives as long as.</summary>
    public string Exec { get; set; } = "";

    /// <summary>More arguments of <c>litestream replicate</c>.</summary>
    public string Arguments { get; set; } = "";

    /// <summary>
    /// How long the last commits may take when it is stopped; empty: <c>Litestream:ShutdownTimeout</c> of the app, else
    /// 30 s.
    /// </summary>
    public string Timeout { get; set; } = "";

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        if (OptionValue.Trim(Database) is { } one and not "*")
            throw new LitestreamException(
                "LSB3008",
                $"LitestreamDatabase is '{one}', but LitestreamReplicate replicates every database of the "
                    + $"configuration. Leave the property out, or name a yml with this one only in "
                    + $"LitestreamConfigFile."
            );
        var config = ConfigOptions();
        var options = new ForegroundReplicationOptions
        {
            Exec = OptionValue.Trim(Exec),
            Arguments = RunVerb.Split(Arguments),
        };
        if (
            (
                OptionValue.Duration("LitestreamTimeout", Timeout)
                ?? SettingValue.Duration(config.GetSetting, "ShutdownTimeout")
            ) is
            { } limit
        )
        {
            options = options with { StopTimeout = limit };
        }

        var databases = LoadConfig().Databases;
        if (VerifyScope.OfReplicate(ProjectFolder, databases.Select(database => database.Path)) is { } notice)
            Report(notice);
        foreach (var target in databases.SelectMany(d => d.Replicas.Select(r => $"{d.Path} -> {r.Describe()}")))
            Print(target);
        Print("Ctrl+C stops it and sends what was committed last.");

        await UntilEndOfProcessAsync(
                options.StopTimeout,
                () =>
                    ForegroundReplication.RunAsync(
                        FindExecutable(),
                        config,
                        options,
                        line => Print(line.Level.Length == 0 ? line.Message : $"{line.Level,-5} {line.Display}"),
                        Report,
                        cancellationToken
                    )
            )
            .ConfigureAwait(false);
    }
}
