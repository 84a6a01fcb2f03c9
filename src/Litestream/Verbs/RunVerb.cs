using System.Text;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Verbs;

/// <summary>Any command of the executable, with the app's configuration.</summary>
internal static class RunVerb
{
    public static async Task RunAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var arguments = options.Words(OptionName.Arguments);
        if (arguments.Count == 0)
        {
            throw new LitestreamException(
                "LSB3006",
                $"There is no command to run. Example: {VerbName.Running("ltx app.db")}."
            );
        }

        if (arguments[0] == "replicate")
        {
            throw new LitestreamException(
                "LSB3006",
                $"{VerbName.Run} does not start a replicator: the app owns it, and a second one on the same database "
                    + $"destroys the backup. If no replicator runs yet, use {VerbName.Replicate}."
            );
        }

        if (UpstreamCommands.Refuse(arguments[0], isRun: true, [.. arguments.Skip(1)]) is { } refused)
            throw refused;
        var config = host.LoadConfig();
        var executable = host.FindExecutable();
        var result = await config
            .WithFileAsync(file =>
                new LitestreamCommand(executable, config.Variables)
                {
                    Secrets = config.Secrets,
                    WorkingDirectory = host.Directory,
                }.RunAsync(Complete(arguments, config, file), cancellationToken)
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

        CommandTable.ThrowIfFailed(arguments[0], result);
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
        {
            throw new LitestreamException(
                "LSB3006",
                $"{OptionName.Arguments} has an opening {quote} without a closing one."
            );
        }

        if (open)
            arguments.Add(current.ToString());
        return arguments;
    }

    /// <summary>
    /// Adds our configuration and gives databases their one absolute path: the executable compares paths as strings.
    /// </summary>
    private static List<string> Complete(
        IReadOnlyList<string> arguments,
        EffectiveConfig config,
        string configFile
    )
    {
        var complete = new List<string> { arguments[0] };
        if (
            arguments[0] is not ("version" or "info" or "list")
            && !arguments.Any(argument =>
                argument is "-config" or "--config"
                || argument.StartsWith("-config=", StringComparison.Ordinal)
                || argument.StartsWith("--config=", StringComparison.Ordinal)
            )
        )
        {
            complete.AddRange(["-config", configFile]);
        }

        foreach (var argument in arguments.Skip(1))
        {
            var database = config.Databases.FirstOrDefault(database =>
                database.ConfiguredPath == argument || database.Name == argument
            );
            complete.Add(database?.Path ?? argument);
        }

        return complete;
    }
}
