using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Hosting;

/// <summary>
/// A process of the app that was started for one of Litestream's commands: its first argument is <c>litestream</c>.
/// Standard output is for the answer of the command then, so
/// everything else that writes to it (the app before its host is built, its loggers) gets standard error. Process-wide
/// by nature, like <see cref="HostEvents"/>.
/// </summary>
internal static class CommandProcess
{
    public const string Word = "litestream";

    /// <summary>The exit code of a command that failed.</summary>
    public const int Failed = 1;

    /// <summary>The exit code of a command that was asked for in a wrong way.</summary>
    public const int WrongUsage = 2;

    public const string DirectoryOption = "--directory";

    private static readonly object Gate = new();
    private static TextWriter? _output;
    private static string? _startDirectory;

    /// <summary>What comes after the word; null in any other process.</summary>
    public static IReadOnlyList<string>? Arguments { get; } =
        Environment.GetCommandLineArgs() is [_, Word, .. var arguments] ? arguments : null;

    /// <summary>Where the answer goes.</summary>
    public static TextWriter Output => _output ?? Console.Out;

    /// <summary>
    /// The directory that the process was started in: where relative paths on its command line start.
    /// </summary>
    public static string StartDirectory => _startDirectory ?? Directory.GetCurrentDirectory();

    /// <summary>
    /// Whether the app's settings and relative databases are looked for in another directory than that.
    /// </summary>
    public static bool HasMoved { get; private set; }

    /// <summary>
    /// Before anything of the app runs: gives the command its output, and the app the directory that it runs in.
    /// </summary>
    /// <param name="appAssembly">The name of the app's assembly.</param>
    /// <param name="refuse">Answers a command that cannot be given; gets why, what was typed, where the answer goes and
    /// the exit code.</param>
    public static void Enter(
        string appAssembly,
        Action<LitestreamDiagnostic, IReadOnlyList<string>, TextWriter, int> refuse
    )
    {
        // The hook and the initializer may both be there; the directory has changed by the second time.
        if (Arguments is null || _startDirectory is not null || !HostEvents.IsEntryAssembly(appAssembly))
            return;

        DivertOutput();
        LitestreamDiagnostic? problem;
        try
        {
            _startDirectory = Directory.GetCurrentDirectory();
            problem = FindDirectory(Arguments) ?? ShortSwitch(Arguments);
        }
        catch (Exception exception)
        {
            problem = UnexpectedError.Diagnostic(exception, "The command did not run.");
        }

        // Now, before the app's own code meets a directory without its settings and fails in its own way.
        if (problem is not null)
        {
            var exitCode = problem.Code == UnexpectedError.Code ? Failed : WrongUsage;
            refuse(problem, Arguments, Output, exitCode);

            // The command has had its answer: that no host was built need not be logged.
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
            return Wrong("empty");

        if (named.Contains('\0', StringComparison.Ordinal))
            return Wrong("not a path: it contains a null character");

        var directory = Path.GetFullPath(named, StartDirectory);
        return Directory.Exists(directory)
            ? null
            : Wrong(
                File.Exists(directory) ? $"'{named}', which is a file" : $"'{named}', which does not exist"
            );
    }

    /// <summary>A finding as one line, as compilers write it.</summary>
    /// <param name="diagnostic">The finding.</param>
    /// <param name="words">How verbs and options are named.</param>
    public static string Line(LitestreamDiagnostic diagnostic, CommandWords words)
    {
        var severity = diagnostic.Severity switch
        {
            LitestreamSeverity.Error => "error",
            LitestreamSeverity.Warning => "warning",
            _ => "note",
        };
        var place = diagnostic switch
        {
            { File: null } => "",
            { Line: > 0 } => FormattableString.Invariant(
                $"{diagnostic.File}({diagnostic.Line},{Math.Max(diagnostic.Column, 1)}): "
            ),
            _ => $"{diagnostic.File}: ",
        };
        return $"{severity} {diagnostic.Code}: {place}{diagnostic.Text.In(words).ReplaceLineEndings(" ")}";
    }

    /// <summary>From now on what the app writes to standard output goes to standard error.</summary>
    public static void DivertOutput()
    {
        lock (Gate)
        {
            if (_output is not null)
                return;

            // Opened before, so it keeps the real one.
            _output = TextWriter.Synchronized(new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true });
            if (!OperatingSystem.IsWindows())
                UnixCalls.SendOutputToError();

            Console.SetOut(Console.Error);
        }
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
                return problem;

            try
            {
                Directory.SetCurrentDirectory(Path.GetFullPath(named, StartDirectory));
                return null;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return new(
                    "LSB3008",
                    LitestreamSeverity.Error,
                    $"{DirectoryOption} is '{named}', which cannot be entered: {exception.Message.TrimEnd('.')}. "
                        + $"Nothing was started."
                );
            }
        }

        if (
            !File.Exists(Path.Combine(StartDirectory, "appsettings.json"))
            && !IsSame(StartDirectory, ApplicationFolder.FullName)
        )
        {
            Directory.SetCurrentDirectory(ApplicationFolder.FullName);
            HasMoved = true;
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
                $"'{refused}' cannot be passed to an app: .NET's configuration rejects it. Write '-{refused}', which "
                    + $"means the same to litestream, or a space instead of the '='."
            )
            : null;

    private static string? ValueOf(string option, IReadOnlyList<string> arguments)
    {
        for (var i = 0; i < arguments.Count && arguments[i] != "--"; i++)
        {
            if (arguments[i] == option && i + 1 < arguments.Count)
                return arguments[i + 1];

            if (arguments[i].StartsWith(option + "=", StringComparison.Ordinal))
                return arguments[i][(option.Length + 1)..];
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
