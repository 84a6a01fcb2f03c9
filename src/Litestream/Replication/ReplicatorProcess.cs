using System.ComponentModel;
using System.Globalization;
using System.Text.RegularExpressions;
using CliWrap;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;

namespace Litestream.Replication;

/// <summary>
/// One running <c>litestream replicate</c>. Both of its pipes are read to the end: a full one stops replication, a
/// closed one kills it.
/// </summary>
internal sealed partial class ReplicatorProcess : IDisposable
{
    private const int Killed = 137;
    private const int Unknown = -1;

    /// <summary>
    /// What it says when Ctrl+\ reaches it: it has no handler for that, ends at once and prints where it was.
    /// </summary>
    private const string QuitLine = "SIGQUIT: quit";

    private readonly CancellationTokenSource _kill = new();
    private readonly CancellationTokenSource _interrupt = new();
    private readonly SecretMask _secrets;
    private readonly Action<LogLine> _onLine;
    private long _shutdownSeenAt = long.MaxValue;
    private long _terminatedAt;

    private ReplicatorProcess(
        LitestreamExecutable executable,
        string configPath,
        EffectiveConfig config,
        IReadOnlyList<string> arguments,
        Action<LogLine> onLine,
        DateTimeOffset startedAt
    )
    {
        _secrets = config.Secrets;
        _onLine = onLine;
        StartedAt = startedAt;
        var pipe = PipeTarget.ToDelegate(OnLine);
        CommandTask<CliWrap.CommandResult> task;
        try
        {
            task = Cli.Wrap(executable.Path)
                .WithArguments(["replicate", "-config", configPath, .. arguments])
                .WithEnvironmentVariables(
                    config.Variables.ToDictionary(
                        variable => variable.Key,
                        variable => (string?)variable.Value,
                        StringComparer.Ordinal
                    )
                )
                .WithValidation(CommandResultValidation.None)
                .WithStandardOutputPipe(pipe)
                .WithStandardErrorPipe(pipe)
                .ExecuteAsync(_kill.Token, _interrupt.Token);
        }
        catch (Exception exception) when (exception is Win32Exception or IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB2008",
                $"'{executable.Path}' cannot be executed: {exception.Message}",
                innerException: exception
            );
        }

        ProcessId = task.ProcessId;
        Exited = WaitAsync(task);
    }

    public int ProcessId { get; }

    public DateTimeOffset StartedAt { get; }

    /// <summary>
    /// Ends with the exit code when the process has ended and all it wrote has been read. Never fails.
    /// </summary>
    public Task<int> Exited { get; }

    /// <summary>The last line of level ERROR, null when there was none.</summary>
    public string? LastError { get; private set; }

    /// <summary>
    /// Why it could not open its metrics address; it continues without one. Null when it could, or has none.
    /// </summary>
    public string? AddressError { get; private set; }

    /// <summary>
    /// True when another process asked it to stop before we did: Ctrl+C and service managers signal the whole
    /// group. What was committed
    /// after that is not in the replica.
    /// </summary>
    public bool WasStoppedByOthers => Interlocked.Read(ref _shutdownSeenAt) < Interlocked.Read(ref _terminatedAt);

    /// <summary>It was asked to stop.</summary>
    public bool WasToldToStop => Interlocked.Read(ref _shutdownSeenAt) != long.MaxValue;

    /// <exception cref="LitestreamException">LSB2008: it cannot be executed.</exception>
    public static ReplicatorProcess Start(
        LitestreamExecutable executable,
        string configPath,
        EffectiveConfig config,
        IReadOnlyList<string> arguments,
        Action<LogLine> onLine,
        DateTimeOffset startedAt
    ) => new(executable, configPath, config, arguments, onLine, startedAt);

    /// <summary>Asks it to send what is missing and end.</summary>
    public void Terminate(DateTimeOffset now)
    {
        // Its log has milliseconds, so that is what can be compared.
        Interlocked.Exchange(ref _terminatedAt, now.ToUnixTimeMilliseconds());
        if (Exited.IsCompleted)
            return;

        if (OperatingSystem.IsWindows())
            _interrupt.Cancel();
        else
            UnixCalls.Terminate(ProcessId);
    }

    /// <summary>Ends it by force; where it has ended already nothing happens.</summary>
    public void Kill()
    {
        if (!Exited.IsCompleted)
            _kill.Cancel();
    }

    public void Dispose()
    {
        _kill.Dispose();
        _interrupt.Dispose();
    }

    private static async Task<int> WaitAsync(CommandTask<CliWrap.CommandResult> task)
    {
        try
        {
            return (await task.ConfigureAwait(false)).ExitCode;
        }
        catch (OperationCanceledException)
        {
            return Killed;
        }
        catch (Exception)
        {
            // It has ended, but its pipes could not be read to the end, or its exit code is not to be had.
            return Unknown;
        }
    }

    private void OnLine(string text)
    {
        try
        {
            var line = LogLine.Parse(_secrets.Mask(text));
            if (line.Level == "ERROR")
            {
                LastError = line.Explanation;
                if (line.Message == "cannot start metrics server")
                {
                    AddressError =
                        line.Fields.TryGetValue("error", out var error) || line.Fields.TryGetValue("err", out error)
                            ? error
                            : line.Message;
                }
            }
            else if (
                line.Message.StartsWith("signal received", StringComparison.Ordinal)
                && DateTimeOffset.TryParse(
                    Timestamp().Match(text).Value,
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal,
                    out var time
                )
            )
            {
                Interlocked.Exchange(ref _shutdownSeenAt, time.ToUnixTimeMilliseconds());
            }
            else if (text == QuitLine)
            {
                Interlocked.Exchange(ref _shutdownSeenAt, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
            }

            _onLine(line);
        }
        catch (Exception)
        {
            // A logger that fails must not stop the reading: the child would hang on a full pipe.
        }
    }

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)", RegexOptions.CultureInvariant)]
    private static partial Regex Timestamp();
}
