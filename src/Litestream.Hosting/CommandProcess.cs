using System.Globalization;
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
    public static bool HasMoved { get; set; }

    /// <summary>Whether this process was begun as a command.</summary>
    public static bool HasEntered => _startDirectory is not null;

    /// <summary>What runs a command in the place of the app; set where the build has arranged for commands.</summary>
    public static Func<LitestreamReplicator, IReadOnlyList<string>, CancellationToken, Task<int>>? RunAsync
    {
        get;
        set;
    }

    /// <summary>From now on this process is a command's.</summary>
    public static void Begin() => _startDirectory = Directory.GetCurrentDirectory();

    /// <summary>From now on what the app writes to standard output goes to standard error.</summary>
    public static void DivertOutput()
    {
        lock (Gate)
        {
            if (_output is not null)
            {
                return;
            }

            // Opened before, so it keeps the real one.
            _output = TextWriter.Synchronized(new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true });
            if (!OperatingSystem.IsWindows())
            {
                UnixCalls.SendOutputToError();
            }

            Console.SetOut(Console.Error);
        }
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
            { Line: > 0 } => string.Create(
                CultureInfo.InvariantCulture,
                $"{diagnostic.File}({diagnostic.Line},{Math.Max(diagnostic.Column, 1)}): "
            ),
            _ => $"{diagnostic.File}: ",
        };
        return $"{severity} {diagnostic.Code}: {place}{diagnostic.Text.In(words).ReplaceLineEndings(" ")}";
    }
}
