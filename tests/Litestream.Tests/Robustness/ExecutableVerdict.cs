using System.Diagnostics;

namespace Litestream.Tests.Robustness;

/// <summary>What the real executable says of a litestream.yml.</summary>
/// <param name="IsRefused">It ended with an error, or a panic.</param>
/// <param name="Output">What it printed.</param>
internal sealed record ExecutableVerdict(bool IsRefused, string Output)
{
    /// <summary>
    /// <c>litestream databases</c> reads the file, makes everything that it names, and starts nothing.
    /// </summary>
    public static ExecutableVerdict OfDatabases(string file) =>
        Run(["databases", "-config", file], Path.GetDirectoryName(file)!, TimeSpan.FromSeconds(20), mayRun: false);

    /// <summary>
    /// <c>litestream replicate</c>, which is ended when it still runs after a while: then it has taken the file.
    /// </summary>
    public static ExecutableVerdict OfReplicate(string file, TimeSpan patience) =>
        Run(["replicate", "-config", file], Path.GetDirectoryName(file)!, patience, mayRun: true);

    private static ExecutableVerdict Run(string[] arguments, string directory, TimeSpan patience, bool mayRun)
    {
        var start = new ProcessStartInfo(LitestreamTool.Executable.Path, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        start.Environment.Clear();
        start.Environment["HOME"] = directory;
        foreach (var (name, value) in ConfigGrammar.Variables)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        var ended = process.WaitForExit(patience);
        if (!ended)
        {
            process.Kill();
            Assert.True(mayRun, "litestream databases did not end.");
        }

        process.WaitForExit();
        return new ExecutableVerdict(
            ended && process.ExitCode != 0,
            output.GetAwaiter().GetResult() + error.GetAwaiter().GetResult()
        );
    }
}
