using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Litestream.Testing;

/// <summary>The app as a running process, leader of its own process group.</summary>
public sealed class AppProcess : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan ShortPause = TimeSpan.FromMilliseconds(50);

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    public AppProcess(AppFolder folder, string[] arguments, string? workingDirectory = null, bool isRead = true)
    {
        var command = folder.Launch([folder.Program, .. arguments]);
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            WorkingDirectory = workingDirectory ?? folder.Work,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in new[] { "DOTNET_ENVIRONMENT", "ASPNETCORE_ENVIRONMENT" })
            start.Environment.Remove(name);

        folder.SetEnvironment(start);
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Append(e.Data);
        _process.ErrorDataReceived += (_, e) => Append(e.Data);
        _process.Start();
        if (isRead)
        {
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Closes the other end of its output.</summary>
    public void CloseOutput()
    {
        _process.StandardOutput.Dispose();
        _process.StandardError.Dispose();
    }

    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public int Count(string text) => Output.Split(text).Length - 1;

    /// <summary>Waits until the app's litestream has sent something. Release line 0.5 does not say so.</summary>
    public async Task SentAsync()
    {
        if (!Repository.IsLine05)
        {
            await SaysAsync("wal segment written");
            return;
        }

        await SaysAsync("initialized db");
        await StatusAsync("Replicating after", "Healthy 0.0 s 0 bytes");
    }

    public async Task<AppProcess> SaysAsync(string text, TimeSpan? deadline = null)
    {
        var watch = Stopwatch.StartNew();
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            Assert.False(
                _process.HasExited && !await SaidAtLastAsync(text),
                $"It ended with exit code {(_process.HasExited ? _process.ExitCode : 0)} without saying '{text}'. "
                    + $"It said:\n{Output}"
            );
            Assert.True(watch.Elapsed < (deadline ?? Deadline), $"It did not say '{text}'. It said:\n{Output}");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        return this;
    }

    /// <summary>
    /// Waits until the replicator's status holds the texts. That all has arrived is believed only of a look that began
    /// after this was asked.
    /// </summary>
    public Task StatusAsync(params string[] texts) =>
        StatusAsync(
            status => texts.All(text => status.Contains(text, StringComparison.Ordinal)),
            string.Join(", ", texts),
            waited => AppFolder.PauseAfter(waited, ShortPause)
        );

    /// <summary>How long the oldest commit that has not arrived has waited, in a status of one database.</summary>
    public static TimeSpan Lag(string status) =>
        TimeSpan.FromSeconds(
            double.Parse(
                status.Split(" s ")[0].Split(' ')[^1],
                NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture
            )
        );

    /// <summary>Waits until the replicator's status meets the condition. The pauses stay short: a condition may also
    /// check each status on the way, or act on it, and must not miss one.</summary>
    public Task StatusAsync(Func<string, bool> condition, string what) =>
        StatusAsync(condition, what, _ => ShortPause);

    private async Task StatusAsync(Func<string, bool> condition, string what, Func<TimeSpan, TimeSpan> pause)
    {
        var asked = DateTimeOffset.UtcNow;
        for (var watch = Stopwatch.StartNew(); ;)
        {
            var count = Count("\nlooked ");
            await TellAsync("status");
            await AppFolder.UntilAsync(() => Count("\nlooked ") > count, () => $"it told its status\n{Output}");
            var output = Output;
            var last = output[output.LastIndexOf("\nstatus ", StringComparison.Ordinal)..].Split('\n')[1];
            var looked = long.Parse(
                output[(output.LastIndexOf("\nlooked ", StringComparison.Ordinal) + 8)..].Split('\n')[0],
                CultureInfo.InvariantCulture
            );
            if (
                condition(last)
                && (looked >= asked.UtcTicks || !last.Contains("Healthy 0.0 s 0 bytes", StringComparison.Ordinal))
            )
            {
                return;
            }

            Assert.True(
                watch.Elapsed < Deadline,
                $"Its status was not '{what}'. It said:\n{output}"
            );
            await Task.Delay(pause(watch.Elapsed), TestContext.Current.CancellationToken);
        }
    }

    public Task TellAsync(string line) => TypeAsync(line + "\n");

    public async Task TypeAsync(string keys)
    {
        await _process.StandardInput.WriteAsync(keys);
        await _process.StandardInput.FlushAsync();
    }

    public async Task<int> StopAsync()
    {
        await TellAsync("stop");
        return await EndedAsync();
    }

    public async Task<int> EndedAsync(TimeSpan? deadline = null)
    {
        using var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        source.CancelAfter(deadline ?? Deadline);
        try
        {
            await _process.WaitForExitAsync(source.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"It did not end. It said:\n{Output}");
        }

        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            // Its output ends only with the last process that has it.
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task<bool> SaidAtLastAsync(string text)
    {
        await _process.WaitForExitAsync();
        return Output.Contains(text, StringComparison.Ordinal);
    }

    private void Append(string? line)
    {
        lock (_output)
            _output.AppendLine(line);
    }
}
