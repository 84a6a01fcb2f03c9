using System.Text;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Verbs;

/// <summary>Any command of the executable, with the app's configuration.</summary>
internal sealed record RunVerb : Verb
{
    /// <summary>The command line after <c>litestream</c>, word by word.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        if (Arguments.Count == 0)
            throw new LitestreamException("LSB3006", "Say what to run: -p:LitestreamArguments=\"generations app.db\".");
        if (Arguments[0] == "replicate")
        {
            throw new LitestreamException(
                "LSB3006",
                "LitestreamRun does not start a replicator: the app owns it, and a second one on the same database "
                    + "destroys the backup. LitestreamReplicate does, where nobody replicates yet."
            );
        }

        var config = host.LoadConfig();
        var executable = host.FindExecutable();
        var result = await config
            .WithFileAsync(file =>
                new LitestreamCommand(executable, config.Variables)
                {
                    Secrets = config.Secrets,
                    WorkingDirectory = host.Directory,
                }.RunAsync(Complete(config, file), cancellationToken)
            )
            .ConfigureAwait(false);
        foreach (
            var line in result
                .StandardOutput.ReplaceLineEndings("\n")
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
        )
        {
            host.Print(line);
            host.Add(line);
        }

        CommandTable.ThrowIfFailed(Arguments[0], result);
    }

    /// <summary>The words of a command line; quotes (single or double) keep spaces together.</summary>
    /// <exception cref="LitestreamException">LSB3006: a quote is not closed.</exception>
    public static IReadOnlyList<string> Split(string commandLine)
    {
        var arguments = new List<string>();
        var current = new StringBuilder();
        var quote = '\0';
        var open = false;
        foreach (var character in commandLine)
        {
            if (quote != '\0')
            {
                if (character == quote)
                    quote = '\0';
                else
                    current.Append(character);
            }
            else if (character is '"' or '\'')
            {
                quote = character;
                open = true;
            }
            else if (char.IsWhiteSpace(character))
            {
                if (open)
                    arguments.Add(current.ToString());
                current.Clear();
                open = false;
            }
            else
            {
                current.Append(character);
                open = true;
            }
        }

        if (quote != '\0')
            throw new LitestreamException(
                "LSB3006",
                $"LitestreamArguments has an opening {quote} without a closing one."
            );
        if (open)
            arguments.Add(current.ToString());
        return arguments;
    }

    /// <summary>
    /// Adds our configuration and gives databases their one absolute path: the executable compares paths as strings.
    /// </summary>
    private List<string> Complete(EffectiveConfig config, string configFile)
    {
        var complete = new List<string> { Arguments[0] };
        if (
            Arguments[0] != "version"
            && !Arguments.Any(argument =>
                argument is "-config" or "--config"
                || argument.StartsWith("-config=", StringComparison.Ordinal)
                || argument.StartsWith("--config=", StringComparison.Ordinal)
            )
        )
            complete.AddRange(["-config", configFile]);
        foreach (var argument in Arguments.Skip(1))
        {
            var database = config.Databases.FirstOrDefault(database =>
                database.ConfiguredPath == argument || database.Name == argument
            );
            complete.Add(database?.Path ?? argument);
        }

        return complete;
    }
}
