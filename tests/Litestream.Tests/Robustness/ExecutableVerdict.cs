using System.Diagnostics;
using System.Text;

namespace Litestream.Tests.Robustness;

/// <summary>What the real executable says of a litestream.yml.</summary>
/// <param name="IsRefused">It ended with an error, or a panic.</param>
/// <param name="Output">What it printed.</param>
internal sealed record ExecutableVerdict(bool IsRefused, string Output)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>
    /// <c>litestream databases</c> reads the file, makes everything that it names, and starts nothing.
    /// </summary>
    public static ExecutableVerdict OfDatabases(string file) => Run("databases", file, until: null);

    /// <summary><c>litestream replicate</c>, which does not end by itself.</summary>
    /// <param name="file">The configuration.</param>
    /// <param name="until">It is ended when it has printed this; null: waits for its end.</param>
    public static ExecutableVerdict OfReplicate(string file, string? until) => Run("replicate", file, until);

    private static ExecutableVerdict Run(string command, string file, string? until)
    {
        var directory = Path.GetDirectoryName(file)!;
        var start = new ProcessStartInfo(LitestreamTool.Executable.Path, [command, "-config", file])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        start.Environment.Clear();
        start.Environment["HOME"] = directory;
        foreach (var (name, value) in ConfigGrammar.Variables)
            start.Environment[name] = value;
        var output = new StringBuilder();
        var said = new TaskCompletionSource();
        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var isInTime = Task.WhenAny(process.WaitForExitAsync(), said.Task).Wait(Limit);
        var isRefused = process.HasExited && process.ExitCode != 0;
        process.Kill();
        process.WaitForExit();
        Assert.True(isInTime, $"litestream {command} did not end: {output}");
        return new ExecutableVerdict(isRefused, output.ToString());

        void Append(string? line)
        {
            lock (output)
                output.AppendLine(line);
            if (until is not null && line?.Contains(until, StringComparison.Ordinal) == true)
                said.TrySetResult();
        }
    }
}
