using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;

namespace Litestream.Releases;

/// <summary>Runs the commands of the executable that list something, each only so long.</summary>
/// <param name="executable">What is started.</param>
/// <param name="config">What it is started with.</param>
/// <param name="timeout">How long each may take; then it is ended, with LSB3005. Null: 150 s. Release line 0.5 tries
/// for 2 minutes to connect, and then says why it cannot.</param>
internal sealed class CatalogCommands(LitestreamExecutable executable, EffectiveConfig config, TimeSpan? timeout)
{
    public TimeSpan Timeout { get; } = timeout ?? TimeSpan.FromSeconds(150);

    public Task<string> VersionAsync(CancellationToken cancellationToken) =>
        LimitAsync("version", executable.GetVersionAsync, cancellationToken);

    /// <exception cref="LitestreamException">LSB3009: the release line has no such command; LSB3005.</exception>
    public async Task<CommandResult> RunAsync(
        string command,
        IReadOnlyList<string> arguments,
        CancellationToken cancellationToken
    )
    {
        // One of no known line fails with its own reason.
        if (
            executable is { Line.KnowsPositions: true, Version: { } version }
            && executable.Line.Refuse(command, version) is { } refused
        )
        {
            throw refused;
        }

        return await LimitAsync(
                command,
                limited =>
                    config.WithFileAsync(file =>
                        new LitestreamCommand(executable, config.Variables) { Secrets = config.Secrets }.RunAsync(
                            [command, "-config", file, .. arguments],
                            limited
                        )
                    ),
                cancellationToken
            )
            .ConfigureAwait(false);
    }

    private async Task<T> LimitAsync<T>(
        string command,
        Func<CancellationToken, Task<T>> run,
        CancellationToken cancellationToken
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Timeout);
        try
        {
            return await run(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OperationCanceledException e)
        {
            throw new LitestreamException(
                "LSB3005",
                $"`litestream {command}` was ended because it took longer than {NumberText.Seconds(Timeout)} s. "
                    + "The storage may not answer, or it holds very many files.",
                innerException: e
            );
        }
    }
}
