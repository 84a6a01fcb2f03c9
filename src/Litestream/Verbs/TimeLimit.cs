using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>How long a verb may take.</summary>
internal static class TimeLimit
{
    /// <param name="limit">The time; null: without limit.</param>
    /// <param name="what">What is ended, with its article, such as <c>The query</c>.</param>
    /// <param name="run">Ends when it is cancelled.</param>
    /// <param name="cancellationToken">Ends it earlier.</param>
    /// <exception cref="LitestreamException">LSB3005: it took longer.</exception>
    public static async Task RunAsync(
        TimeSpan? limit,
        string what,
        Func<CancellationToken, Task> run,
        CancellationToken cancellationToken
    )
    {
        using var source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (limit is { } time)
            source.CancelAfter(time);
        try
        {
            await run(source.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e)
            when (!cancellationToken.IsCancellationRequested && source.IsCancellationRequested)
        {
            throw new LitestreamException(
                "LSB3005",
                $"{what} was cancelled because it took longer than {NumberText.Seconds(limit!.Value)} s "
                    + $"({OptionName.Timeout}).",
                innerException: e
            );
        }
    }
}
