namespace Litestream.Commands;

/// <summary>How a command ended and what it wrote, secrets masked.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="StandardOutput">What it wrote to standard output; with a line callback only the last 1000 lines.</param>
/// <param name="StandardError">What it wrote to standard error; likewise.</param>
public sealed record CommandResult(int ExitCode, string StandardOutput, string StandardError);

/// <summary>Runs the executable with a list of arguments, never through a shell.</summary>
/// <param name="executable">What to run.</param>
/// <param name="variables">Environment variables on top of the inherited ones.</param>
public sealed class LitestreamCommand(LitestreamExecutable executable, IReadOnlyDictionary<string, string> variables)
{
    /// <summary>How long the child may take to end after it was asked to (SIGTERM); then it is killed. Default 5 s.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Runs it to its end. Both streams are always read, so a chatty child never blocks.</summary>
    /// <param name="arguments">The arguments, each passed on as it is.</param>
    /// <param name="cancellationToken">Cancelling asks the child to end, waits <see cref="StopTimeout"/>, then kills it; the task ends when the child has.</param>
    /// <param name="onLine">Gets every line of both streams, one at a time.</param>
    /// <exception cref="LitestreamException">LSB2008: the executable cannot be started.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the child has ended.</exception>
    public Task<CommandResult> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken, Action<LogLine>? onLine = null)
    {
        _ = executable;
        _ = variables;
        throw new NotSupportedException();
    }
}
