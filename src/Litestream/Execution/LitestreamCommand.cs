using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Text;
using CliWrap;
using Litestream.Diagnostics;
using Litestream.FileSystem;

namespace Litestream.Execution;

/// <summary>How a command ended and what it wrote, secrets masked.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="StandardOutput">What it wrote to standard output; with a line callback only the last 1000
/// lines.</param>
/// <param name="StandardError">What it wrote to standard error; likewise.</param>
public sealed record CommandResult(int ExitCode, string StandardOutput, string StandardError);

/// <summary>Runs the executable with a list of arguments, never through a shell.</summary>
/// <param name="executable">What to run.</param>
/// <param name="variables">Environment variables on top of the inherited ones.</param>
public sealed class LitestreamCommand(LitestreamExecutable executable, IReadOnlyDictionary<string, string> variables)
{
    private const int KeptLines = 1000;

    /// <summary>Less is what a Go program says to itself: a byte in 20 s. An answer of a storage has headers.</summary>
    private const long LeastBytes = 256;

    private static readonly TimeSpan LongestLook = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// How long the child may take to end after it was asked to (SIGTERM); then it is killed. Default 5 s.
    /// </summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long it may neither say, read (from the network too) nor write anything before it is ended; null: without
    /// limit. Release line 0.3 itself waits for a storage that accepts
    /// connections and never answers without an end.
    /// </summary>
    internal TimeSpan? Patience { get; init; }

    /// <summary>The folder that it writes to. Not every system tells what a process reads and writes.</summary>
    internal string? WritesTo { get; init; }

    /// <summary>Where it runs; null: where this process does.</summary>
    internal string? WorkingDirectory { get; init; }

    /// <summary>Secrets that are not known from the names of variables.</summary>
    internal SecretMask? Secrets { get; init; }

    /// <summary>Runs it to its end. Both streams are always read, so a chatty child never blocks.</summary>
    /// <param name="arguments">The arguments, each passed on as it is.</param>
    /// <param name="cancellationToken">Cancelling asks the child to end, waits <see cref="StopTimeout"/>, then kills
    /// it; the task ends when the child has.</param>
    /// <param name="onLine">Gets every line of both streams, one at a time.</param>
    /// <exception cref="LitestreamException">LSB2008: the executable cannot be started. LSB4005, with an
    /// <see cref="OperationCanceledException"/> in it: it was silent for longer than the
    /// <see cref="Patience"/>.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the child has ended.</exception>
    public async Task<CommandResult> RunAsync(
        IReadOnlyList<string> arguments,
        CancellationToken cancellationToken,
        Action<LogLine>? onLine = null
    )
    {
        ArgumentNullException.ThrowIfNull(arguments);
        cancellationToken.ThrowIfCancellationRequested();

        var mask = new SecretMask(ProcessVariables.Read().Concat(variables));
        string Mask(string text) => mask.Mask(Secrets?.Mask(text) ?? text);

        var gate = new object();
        ExceptionDispatchInfo? callbackFailure = null;
        var count = 0;
        var isSilent = false;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var kill = new CancellationTokenSource();
        var output = new Queue<string>();
        var error = new Queue<string>();

        PipeTarget Read(Queue<string> lines) =>
            PipeTarget.ToDelegate(
                raw =>
                {
                    var line = Mask(raw);
                    lock (gate)
                    {
                        count++;
                        lines.Enqueue(line);
                        if (onLine is null)
                            return;
                        if (lines.Count > KeptLines)
                            lines.Dequeue();
                        try
                        {
                            if (callbackFailure is null)
                                onLine(LogLine.Parse(line));
                        }
#pragma warning disable CA1031 // It would stop the reading, and with it the child: it is thrown again after its end.
                        catch (Exception e)
#pragma warning restore CA1031
                        {
                            callbackFailure = ExceptionDispatchInfo.Capture(e);
                            stop.Cancel();
                        }
                    }
                },
                Encoding.UTF8
            );

        int exitCode;
        try
        {
            var running = Cli.Wrap(executable.Path)
                .WithArguments(arguments)
                .WithWorkingDirectory(WorkingDirectory ?? Directory.GetCurrentDirectory())
                .WithEnvironmentVariables(variables.ToDictionary(v => v.Key, v => (string?)v.Value))
                .WithStandardOutputPipe(Read(output))
                .WithStandardErrorPipe(Read(error))
                .WithValidation(CommandResultValidation.None)
                .ExecuteAsync(kill.Token, OperatingSystem.IsWindows() ? stop.Token : CancellationToken.None);

            // SIGTERM rather than CliWrap's interrupt: a shell that starts an app in the background makes its children
            // ignore SIGINT.
            await using var asking = stop
                .Token.Register(() =>
                {
                    if (!OperatingSystem.IsWindows() && !running.Task.IsCompleted)
                        UnixCalls.Terminate(running.ProcessId);
                    kill.CancelAfter(StopTimeout);
                })
                .ConfigureAwait(false);
            if (
                Patience is { } patience
                && await IsSilentAsync(running.Task, running.ProcessId, () => Volatile.Read(ref count), patience)
                    .ConfigureAwait(false)
            )
            {
                isSilent = true;
                await stop.CancelAsync().ConfigureAwait(false);
            }

            exitCode = (await running.ConfigureAwait(false)).ExitCode;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            exitCode = -1;
        }
        catch (Win32Exception e)
        {
            throw new LitestreamException(
                "LSB2008",
                $"The Litestream executable '{executable.Path}' cannot be started: "
                    + $"{e.InnerException?.Message ?? e.Message} It may be for another system or processor, or on a "
                    + $"volume that allows no execution (noexec).",
                innerException: e
            );
        }

        callbackFailure?.Throw();
        cancellationToken.ThrowIfCancellationRequested();
        if (isSilent)
        {
            throw new LitestreamException(
                "LSB4005",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The storage does not answer: `litestream {arguments[0]}` neither printed, read nor wrote "
                        + $"anything for {Patience!.Value.TotalSeconds:0.###} s, and was ended."
                ),
                innerException: new OperationCanceledException()
            );
        }

        return new CommandResult(exitCode, Join(output), Join(error));
    }

    /// <summary>
    /// The bytes that a process has read and written by now, from and to files, pipes and the network; null where the
    /// system does not tell.
    /// </summary>
    internal static (long Read, long Written)? Bytes(int processId)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        try
        {
            var values = NonDatabaseFile
                .ReadLines($"/proc/{processId}/io")
                .Select(line => line.Split(": "))
                .ToDictionary(pair => pair[0], pair => long.Parse(pair[1], CultureInfo.InvariantCulture));
            return (values["rchar"], values["wchar"]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or KeyNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Waits until it has ended (false), or has shown no sign of life for too long (true).</summary>
    private async Task<bool> IsSilentAsync(Task ended, int processId, Func<int> lines, TimeSpan patience)
    {
        var look = patience / 20 < LongestLook ? patience / 20 : LongestLook;
        (int Lines, long Bytes, (long, DateTime) Files) seen = (-1, 0, default);
        for (
            var since = Stopwatch.GetTimestamp();
            await Task.WhenAny(ended, Task.Delay(look, CancellationToken.None)).ConfigureAwait(false) != ended;

        )
        {
            var (read, written) = Bytes(processId) ?? default;
            var now = (Lines: lines(), Bytes: read + written, Files: Files());
            if (now.Lines != seen.Lines || now.Files != seen.Files || now.Bytes - seen.Bytes >= LeastBytes)
                (seen, since) = (now, Stopwatch.GetTimestamp());
            else if (Stopwatch.GetElapsedTime(since) >= patience)
                return true;
        }

        return false;
    }

    private (long Bytes, DateTime Written) Files()
    {
        var (bytes, written) = (0L, DateTime.MinValue);
        foreach (var file in WritesTo is null ? [] : new DirectoryInfo(WritesTo).EnumerateFiles())
        {
            // Gone since it was listed: no file of that name, with a time long ago.
            bytes += file.Exists ? file.Length : 0;
            written = file.LastWriteTimeUtc > written ? file.LastWriteTimeUtc : written;
        }

        return (bytes, written);
    }

    private static string Join(Queue<string> lines) => lines.Count == 0 ? "" : string.Join('\n', lines) + '\n';
}
