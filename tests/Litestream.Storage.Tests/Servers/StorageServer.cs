using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Litestream.Storage.Tests.Servers;

/// <summary>
/// A real storage server on loopback, a process of its own for one test. It can be stopped, started again on the same
/// port with what it holds, and frozen.
/// </summary>
internal abstract class StorageServer(string name) : IAsyncDisposable
{
    /// <summary>The variable of the configuration that holds the secret.</summary>
    public const string SecretVariable = "STORAGE_SECRET";

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    private readonly StringBuilder _output = new();
    private Process? _process;

    /// <summary>0 until it has been started.</summary>
    public int Port { get; protected set; }

    /// <summary>What opens it; null where that is a file.</summary>
    public abstract string? Secret { get; }

    /// <summary>The keys of its replica in litestream.yml.</summary>
    public abstract IReadOnlyDictionary<string, string> Replica { get; }

    protected string Folder { get; } = Directory.CreateTempSubdirectory(name + "-").FullName;

    /// <summary>What the server says when it is ready, with its port in a group of that name.</summary>
    protected abstract Regex Ready { get; }

    protected abstract ProcessStartInfo Command { get; }

    private int ProcessId => _process!.Id;

    public async Task StartAsync()
    {
        var command = Command;
        (command.RedirectStandardInput, command.RedirectStandardOutput, command.RedirectStandardError) = (
            true,
            true,
            true
        );
        lock (_output)
            _output.Clear();

        _process = new Process { StartInfo = command };
        _process.OutputDataReceived += (_, e) => OnLine(e.Data);
        _process.ErrorDataReceived += (_, e) => OnLine(e.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Port = int.Parse((await HeardAsync(Ready)).Groups["port"].Value, CultureInfo.InvariantCulture);
    }

    /// <summary>Ends it at once, with all that it has started.</summary>
    public async Task StopAsync()
    {
        if (_process is { } process)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    /// <summary>It accepts connections, for the system does that, and never answers.</summary>
    public Task FreezeAsync() => AppFolder.SignalAsync("STOP", ProcessId);

    public Task ThawAsync() => AppFolder.SignalAsync("CONT", ProcessId);

    /// <summary>A published app that replicates to it.</summary>
    public AppFolder App()
    {
        var folder = new AppFolder(name);
        Configure(folder, Replica);
        folder.Environment[SecretVariable] = Secret;
        return folder;
    }

    /// <summary>The same, of an app that has run and stopped in order.</summary>
    public async Task<AppFolder> ReplicatedAsync()
    {
        var folder = App();
        using var app = folder.Start();
        await folder.SettledAsync(app);
        await app.TellAsync("stop");
        await app.EndedAsync();
        return folder;
    }

    public static void Configure(AppFolder folder, IReadOnlyDictionary<string, string> replica) =>
        folder.WriteConfig(string.Join("\n        ", replica.Select(pair => $"{pair.Key}: {pair.Value}")));

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        TestFolder.Delete(Folder);
    }

    /// <summary>Tells it something on its standard input, and waits for the line that answers.</summary>
    protected async Task<Match> AnswerAsync(string command, Regex answer)
    {
        await _process!.StandardInput.WriteLineAsync(command);
        return await HeardAsync(answer);
    }

    private async Task<Match> HeardAsync(Regex line)
    {
        Match found;
        for (var watch = Stopwatch.StartNew(); !(found = line.Match(Output)).Success; await Task.Delay(20))
        {
            Assert.False(
                _process!.HasExited,
                $"{name} ended with exit code {(_process.HasExited ? _process.ExitCode : 0)}. It said:\n{Output}"
            );
            Assert.True(watch.Elapsed < Deadline, $"{name} did not say '{line}' in time. It said:\n{Output}");
        }

        return found;
    }

    /// <summary>For a server that cannot choose one itself.</summary>
    protected static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    private void OnLine(string? line)
    {
        lock (_output)
            _output.AppendLine(line);
    }
}
