using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>
/// One operation as it is given on a command line. Its options are the text that was typed; null or empty where none
/// was.
/// </summary>
internal abstract record Verb
{
    /// <summary>Does it.</summary>
    /// <exception cref="LitestreamException">It could not be done; what could be is among the host's items.</exception>
    public abstract Task RunAsync(VerbHost host, CancellationToken cancellationToken);
}
