using Litestream.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.Extensions.Hosting;

/// <summary>Litestream's commands in an app that adds Litestream itself.</summary>
public static class LitestreamCommandLineExtensions
{
    /// <summary>
    /// Answers <c>dotnet App.dll litestream &lt;verb&gt; ...</c>: call it right after <c>Build()</c>, before anything
    /// opens a database, and end the app with what it returns.
    /// Nothing of the host is started. An app that gets the zero-code start from the build needs no call: there the
    /// command runs, and the process ends, inside <c>Build()</c>.
    /// <code>
    /// if (await app.RunLitestreamCommandAsync(args) is { } exitCode)
    ///     return exitCode;
    /// </code>
    /// </summary>
    /// <param name="host">The app's host, with <c>AddLitestream()</c>, not started.</param>
    /// <param name="args">The app's arguments.</param>
    /// <param name="cancellationToken">Ends the command; SIGTERM and Ctrl+C do too.</param>
    /// <returns>
    /// Null when the first argument is not <c>litestream</c>: the app continues. Else the exit code: 0 done, 1 failed,
    /// 2 wrong usage, 130 or 143 after a signal. What was wrong has been written to standard error. </returns>
    /// <exception cref="InvalidOperationException">There is no <c>AddLitestream()</c> in the host.</exception>
    public static async Task<int?> RunLitestreamCommandAsync(
        this IHost host,
        string[] args,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(args);
        return args is [CommandProcess.Word, .. var arguments]
            ? await host
                .Services.GetRequiredService<LitestreamReplicator>()
                .RunCommandAsync(arguments, cancellationToken)
                .ConfigureAwait(false)
            : null;
    }
}
