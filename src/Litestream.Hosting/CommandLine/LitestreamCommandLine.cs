using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Litestream.Diagnostics;
using Litestream.Verbs;

namespace Litestream.Hosting.CommandLine;

/// <summary>
/// The commands of the published app: the verbs of the targets, with the same names and codes, and exit codes that a
/// script can react to.
/// </summary>
internal static class LitestreamCommandLine
{
    private const int Failed = CommandProcess.Failed;
    private const int WrongUsage = CommandProcess.WrongUsage;

    /// <summary>Runs one command to its end. Errors are reported, not thrown.</summary>
    /// <param name="replicator">Of the app's host; not started.</param>
    /// <param name="arguments">What was typed after <c>litestream</c>.</param>
    /// <param name="output">Standard output.</param>
    /// <param name="signal">The exit code of the signal that cancelled it; 0 where none did.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <returns>
    /// 0: done; 1: a check or an operation failed; 2: it was asked for in a wrong way, nothing was done.
    /// </returns>
    public static async Task<int> RunAsync(
        LitestreamReplicator replicator,
        IReadOnlyList<string> arguments,
        TextWriter output,
        Func<int> signal,
        CancellationToken cancellationToken
    )
    {
        var host = new CommandVerbHost(replicator, output, IsJson(arguments));
        CommandVerb? verb = null;
        int exitCode;
        try
        {
            var (root, verbs) = CommandDefinitions.Create();
            var result = CommandLineParser.Parse(
                root,
                [.. arguments],
                new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false }
            );
            verb = verbs.Find(verb => verb.Command == result.CommandResult.Command);
            if (result.Action is HelpAction help)
            {
                return await result
                    .InvokeAsync(
                        new InvocationConfiguration
                        {
                            Output = output,
                            Error = Console.Error,
                            EnableDefaultExceptionHandler = false,
                        },
                        cancellationToken
                    )
                    .ConfigureAwait(false);
            }

            Refuse(result, root, verb?.Command);
            await verb!.Verb.RunAsync(host, verb.Read(result), cancellationToken).ConfigureAwait(false);
            exitCode = host.HasErrors ? CommandProcess.Failed : 0;
        }
        catch (LitestreamException exception)
        {
            foreach (var diagnostic in exception.Diagnostics)
                host.Report(diagnostic);

            exitCode = IsWrongUsage(exception.Diagnostic.Code) ? WrongUsage : CommandProcess.Failed;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            host.Report(
                new(
                    "LSB0004",
                    LitestreamSeverity.Error,
                    "The command was cancelled. Everything that it had started has ended. Run it again."
                )
            );
            exitCode = signal() is > 0 and var code ? code : CommandProcess.Failed;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            host.Report(NoRoom(exception));
            exitCode = CommandProcess.Failed;
        }
        catch (Exception exception)
        {
            host.Report(UnexpectedError.Diagnostic(exception, "The command did not finish."));
            exitCode = CommandProcess.Failed;
        }

        try
        {
            host.Finish(verb?.Command.Name ?? "", exitCode);
            return exitCode;
        }
        catch (IOException exception)
        {
            host.Report(NoRoom(exception));
            return CommandProcess.Failed;
        }
        catch (Exception exception)
        {
            host.Report(UnexpectedError.Diagnostic(exception, "The answer could not be written."));
            return CommandProcess.Failed;
        }
    }

    /// <summary>Answers a command that is refused before there is a host.</summary>
    public static void Refuse(
        LitestreamDiagnostic problem,
        IReadOnlyList<string> arguments,
        TextWriter output,
        int exitCode
    )
    {
        var host = new CommandVerbHost(null!, output, IsJson(arguments));
        host.Report(problem);
        try
        {
            host.Finish("", exitCode);
        }
        catch (IOException exception)
        {
            host.Report(NoRoom(exception));
        }
    }

    private static bool IsJson(IReadOnlyList<string> arguments) =>
        arguments.TakeWhile(argument => argument != "--").Contains(CommandDefinitions.Json.Name);

    private static LitestreamDiagnostic NoRoom(Exception exception) =>
        new(
            "LSB0003",
            LitestreamSeverity.Error,
            $"{exception.Message.TrimEnd('.')}. Check the permissions and the free space of that folder."
        );

    /// <summary>The codes of what somebody typed and can type differently.</summary>
    private static bool IsWrongUsage(string code) =>
        code
            is "LSB3002"
                or "LSB3003"
                or "LSB3006"
                or "LSB3007"
                or "LSB3008"
                or "LSB3009"
                or "LSB3014"
                or "LSB3015"
                or "LSB3022"
                or "LSB3024";

    private static void Refuse(ParseResult result, Command root, Command? verb)
    {
        if (verb is null && result.UnmatchedTokens is [var wrong, ..] && !wrong.StartsWith('-'))
        {
            if (UpstreamCommands.Refuse(wrong) is { } refused)
                throw refused;

            var names = root.Subcommands.Select(command => command.Name).ToList();
            throw Wrong(
                $"Unknown command '{wrong}'.{NearestName.DidYouMean(wrong, names)} "
                    + $"Commands: {string.Join(", ", names)}."
            );
        }

        // A word too many is not taken for a name.
        var words = verb is null or { Name: "run" }
            ? result.UnmatchedTokens
            : result.UnmatchedTokens.Concat(result.CommandResult.Tokens.Select(token => token.Value));
        if (words.FirstOrDefault(word => word.StartsWith('-')) is { } unknown)
        {
            var name = unknown.Split('=')[0];
            var options = root
                .Options.Where(option => option.Recursive)
                .Concat(verb?.Options ?? [])
                .Select(option => option.Name)
                .Distinct()
                .ToList();
            throw Wrong(
                $"{(verb is null ? "litestream" : $"litestream {verb.Name}")} has no option "
                    + $"'{name}'.{NearestName.DidYouMean(name, options)}"
                    + $"{(verb?.Name == "run" ? " Put arguments for litestream itself after '--'." : "")} "
                    + $"--help lists the options."
            );
        }

        if (verb is null)
        {
            throw Wrong(
                $"Name a command: {string.Join(", ", root.Subcommands.Select(command => command.Name))}. --help "
                    + $"explains them."
            );
        }

        if (result.UnmatchedTokens is [var extra, ..])
            throw Wrong($"litestream {verb.Name} does not accept '{extra}'. --help lists what it accepts.");

        if (result.Errors is [var error, ..])
            throw Wrong($"{error.Message} --help lists what litestream {verb.Name} accepts.");

        // What a script says whose variable is not set. Taken for "not given", it would be the live database's own
        // place, or all databases.
        if (
            verb.Name != "run"
            && result.CommandResult.Children.FirstOrDefault(given =>
                given.Tokens.Any(token => string.IsNullOrWhiteSpace(token.Value))
            )
                is { } empty
        )
        {
            throw new LitestreamException(
                "LSB3008",
                $"{(empty is OptionResult option ? option.Option.Name : ArgumentName(empty, result, verb))} is empty. "
                    + "Nothing was started."
            );
        }

        if (
            result.GetValue(CommandDefinitions.RunDirectory) is { } directory
            && CommandProcess.DirectoryProblem(directory) is { } problem
        )
        {
            throw new LitestreamException(problem);
        }
    }

    /// <summary>A single argument is the last one.</summary>
    private static string ArgumentName(SymbolResult empty, ParseResult result, Command verb) =>
        verb.Arguments is [_, var last]
        && (empty == result.GetResult(last) || result.GetResult(last) is not { Tokens.Count: > 0 })
            ? $"The {last.Name}"
            : "The database";

    public static LitestreamException Wrong(string message) => new("LSB3014", message);
}
