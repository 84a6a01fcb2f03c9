using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Hosting.CommandLine;

/// <summary>
/// The begin of a process of the app that was started for one of Litestream's commands, before the app's own code.
/// </summary>
internal static class CommandEntry
{
    public const string DirectoryOption = "--directory";

    /// <summary>
    /// Before anything of the app runs: gives the command its output, and the app the directory that it runs in.
    /// </summary>
    /// <param name="appAssembly">The name of the app's assembly.</param>
    public static void Enter(string appAssembly)
    {
        CommandProcess.RunAsync = LitestreamCommandLine.RunAsync;

        // The hook and the initializer may both be there; the directory has changed by the second time.
        if (
            CommandProcess.Arguments is not { } arguments
            || CommandProcess.HasEntered
            || !HostEvents.IsEntryAssembly(appAssembly)
        )
        {
            return;
        }

        CommandProcess.DivertOutput();
        LitestreamDiagnostic? problem;
        try
        {
            CommandProcess.Begin();
            problem = FindDirectory(arguments) ?? ShortSwitch(arguments);
        }
        catch (Exception exception)
        {
            problem = UnexpectedError.Diagnostic(exception, "The command was not done.");
        }

        // Now, before the app's own code meets a directory without its settings and fails in its own way.
        if (problem is not null)
        {
            var exitCode =
                problem.Code == UnexpectedError.Code ? CommandProcess.Failed : LitestreamCommandLine.WrongUsage;
            LitestreamCommandLine.Refuse(problem, arguments, CommandProcess.Output, exitCode);

            // The command has had its answer: that no host was built is no news.
            HostEvents.HostIsBuilt();
            Environment.Exit(exitCode);
        }
    }

    /// <summary>Why the app cannot run in a directory that was named on the command line; null when it can.</summary>
    public static LitestreamDiagnostic? DirectoryProblem(string named)
    {
        LitestreamDiagnostic Wrong(string why) =>
            new("LSB3008", LitestreamSeverity.Error, $"{DirectoryOption} is {why}. Nothing was started.");
        if (string.IsNullOrWhiteSpace(named))
        {
            return Wrong("empty");
        }

        if (named.Contains('\0', StringComparison.Ordinal))
        {
            return Wrong("no path: it has a null character");
        }

        var directory = Path.GetFullPath(named, CommandProcess.StartDirectory);
        return Directory.Exists(directory)
            ? null
            : Wrong(
                File.Exists(directory) ? $"'{named}', and that is a file" : $"'{named}', and there is no such directory"
            );
    }

    /// <summary>
    /// An app finds its settings and its relative databases in the directory that it is started in. A command is given
    /// from anywhere: in a directory that has no settings of
    /// the app it goes to the app's own folder, before a host looks for them.
    /// </summary>
    /// <returns>Why it cannot; null when it can.</returns>
    private static LitestreamDiagnostic? FindDirectory(IReadOnlyList<string> arguments)
    {
        if (ValueOf(DirectoryOption, arguments) is { } named)
        {
            if (DirectoryProblem(named) is { } problem)
            {
                return problem;
            }

            try
            {
                Directory.SetCurrentDirectory(Path.GetFullPath(named, CommandProcess.StartDirectory));
                return null;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return new(
                    "LSB3008",
                    LitestreamSeverity.Error,
                    $"{DirectoryOption} is '{named}', and it cannot be entered: {exception.Message.TrimEnd('.')}. "
                        + $"Nothing was started."
                );
            }
        }

        if (
            !File.Exists(Path.Combine(CommandProcess.StartDirectory, "appsettings.json"))
            && !IsSame(CommandProcess.StartDirectory, ApplicationFolder.FullName)
        )
        {
            Directory.SetCurrentDirectory(ApplicationFolder.FullName);
            CommandProcess.HasMoved = true;
        }

        return null;
    }

    /// <summary>
    /// The app hands its arguments to .NET's configuration, which takes all other forms and throws at this one.
    /// </summary>
    private static LitestreamDiagnostic? ShortSwitch(IReadOnlyList<string> arguments) =>
        arguments.FirstOrDefault(argument =>
            argument.StartsWith('-')
            && !argument.StartsWith("--", StringComparison.Ordinal)
            && argument.Contains('=', StringComparison.Ordinal)
        )
            is { } refused
            ? new(
                "LSB3006",
                LitestreamSeverity.Error,
                $"'{refused}' cannot be given to an app: .NET's configuration refuses it. Write '-{refused}', which "
                    + $"is the same to litestream, or a space for the '='."
            )
            : null;

    private static string? ValueOf(string option, IReadOnlyList<string> arguments)
    {
        for (var i = 0; i < arguments.Count && arguments[i] != "--"; i++)
        {
            if (arguments[i] == option && i + 1 < arguments.Count)
            {
                return arguments[i + 1];
            }

            if (arguments[i].StartsWith(option + "=", StringComparison.Ordinal))
            {
                return arguments[i][(option.Length + 1)..];
            }
        }

        return null;
    }

    private static bool IsSame(string left, string right) =>
        string.Equals(
            Path.TrimEndingDirectorySeparator(left),
            Path.TrimEndingDirectorySeparator(right),
            OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal
        );
}
