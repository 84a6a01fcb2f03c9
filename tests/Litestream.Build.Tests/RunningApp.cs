using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Litestream.Build.Tests;

/// <summary>
/// A published app that runs as a process of its own, in a session of its own so that its whole group can be signalled.
/// </summary>
public sealed partial class RunningApp : IDisposable
{
    /// <summary>For a slow machine, on which a build takes minutes and a process 20 s to start.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(10);

    /// <summary>A litestream that sends its last commits on a slow machine is not killed.</summary>
    private static readonly Dictionary<string, string?> s_patience = new() { ["Litestream__ShutdownTimeout"] = "3m" };

    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Process _process;

    private RunningApp(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Output => string.Join('\n', _lines);

    public int Id => _process.Id;

    public static RunningApp Start(
        string file,
        IEnumerable<string> arguments,
        string workingDirectory,
        IReadOnlyDictionary<string, string?>? environment = null
    )
    {
        var start = new ProcessStartInfo("setsid")
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(file);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (
            var (name, value) in Workspace
                .CleanEnvironment.Concat(s_patience)
                .Concat(environment ?? new Dictionary<string, string?>())
        )
        {
            start.Environment[name] = value;
        }

        return new RunningApp(Process.Start(start)!);
    }

    public void WriteLine(string line) => _process.StandardInput.WriteLine(line);

    public async Task WaitForAsync(string text)
    {
        var watch = Stopwatch.StartNew();
        while (!HasSaid(text))
        {
            Assert.False(
                _process.HasExited && !await SaidAtLastAsync(text),
                $"The app ended before it said '{text}':\n{Output}"
            );
            Assert.True(watch.Elapsed < s_deadline, $"The app did not say '{text}':\n{Output}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits until something is in a replica that is a folder.</summary>
    public async Task SendsToAsync(string replica)
    {
        var watch = Stopwatch.StartNew();
        while (ReplicaFiles.Changes(replica).Count == 0)
        {
            Assert.False(_process.HasExited, $"The app ended before it sent anything to '{replica}':\n{Output}");
            Assert.True(watch.Elapsed < s_deadline, $"The app sent nothing to '{replica}':\n{Output}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    public void Signal(string name) => SignalId(_process.Id, name);

    /// <summary>Signals the app and every process that it started: what Ctrl+C and systemd do.</summary>
    public void SignalGroup(string name) => SignalId(-_process.Id, name);

    /// <summary>Signals what the command runs that the app was started with: its only child.</summary>
    public void SignalChild(string name) =>
        SignalId(
            int.Parse(
                File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children"),
                CultureInfo.InvariantCulture
            ),
            name
        );

    public async Task<int> WaitForExitAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(s_deadline);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"The app did not end:\n{Output}");
        }

        return _process.ExitCode;
    }

    /// <summary>Processes that run this executable.</summary>
    public static IReadOnlyList<int> ProcessesOf(string executable)
    {
        var found = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id))
                continue;
            try
            {
                if (
                    File.ResolveLinkTarget(Path.Combine(folder, "exe"), returnFinalTarget: false)?.FullName
                    == executable
                )
                {
                    found.Add(id);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It ended while we looked.
            }
        }

        return found;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            SignalGroup("KILL");
        _process.WaitForExit();
        _process.Dispose();
    }

    private bool HasSaid(string text) => _lines.Any(line => line.Contains(text, StringComparison.Ordinal));

    /// <summary>What it has said may be read only after its end.</summary>
    private async Task<bool> SaidAtLastAsync(string text)
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return HasSaid(text);
    }

    private void Add(string? line)
    {
        if (line is not null)
            _lines.Enqueue(line);
    }

    private static void SignalId(int id, string name)
    {
        var number = name switch
        {
            "INT" => 2,
            "KILL" => 9,
            _ => 15,
        };
        Assert.Equal(0, Kill(id, number));
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int id, int signal);
}
