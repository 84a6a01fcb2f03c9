using System.Text;
using Litestream.Commands;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamRun: any command of the executable, with the project's configuration.</summary>
[MSBuildMultiThreadableTask]
public sealed class RunLitestream : LitestreamVerb
{
    /// <summary>The command line after <c>litestream</c>; quotes (single or double) keep spaces together.</summary>
    public string Arguments { get; set; } = "";

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        var arguments = Split(Arguments);
        if (arguments.Count == 0)
            throw new LitestreamException("LSB3006", "Say what to run: -p:LitestreamArguments=\"generations app.db\".");
        if (arguments[0] == "replicate")
        {
            throw new LitestreamException(
                "LSB3006",
                "LitestreamRun does not start a replicator: the app owns it, and a second one on the same database destroys the backup. LitestreamReplicate does, where nobody replicates yet.");
        }

        var config = LoadConfig();
        var executable = FindExecutable();
        var result = await config.WithFileAsync(file => new LitestreamCommand(executable, config.Variables) { Secrets = config.Secrets }
            .RunAsync(Complete(arguments, config, file), cancellationToken))
            .ConfigureAwait(false);
        var lines = result.StandardOutput.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var line in lines)
            Print(line);
        Result = [.. lines.Select(line => new TaskItem(EscapeForItem(line)))];
        CommandTable.ThrowIfFailed(arguments[0], result);
    }

    /// <summary>Adds our configuration and gives databases their one absolute path: the executable compares paths as strings.</summary>
    private static List<string> Complete(List<string> arguments, Configuration.EffectiveConfig config, string configFile)
    {
        var complete = new List<string> { arguments[0] };
        if (arguments[0] != "version" && !arguments.Exists(argument => argument is "-config" or "--config" || argument.StartsWith("-config=", StringComparison.Ordinal) || argument.StartsWith("--config=", StringComparison.Ordinal)))
            complete.AddRange(["-config", configFile]);
        foreach (var argument in arguments.Skip(1))
        {
            var database = config.Databases.FirstOrDefault(database => database.ConfiguredPath == argument || database.Name == argument);
            complete.Add(database?.Path ?? argument);
        }

        return complete;
    }

    internal static List<string> Split(string commandLine)
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
            throw new LitestreamException("LSB3006", $"LitestreamArguments has an opening {quote} without a closing one.");
        if (open)
            arguments.Add(current.ToString());
        return arguments;
    }
}
