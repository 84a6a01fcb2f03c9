using System.Runtime.InteropServices;

namespace Litestream.Hosting;

/// <summary>
/// Takes SIGTERM and SIGINT while the host is being built, when the host's own handlers are not there yet: without it
/// the app would end at once and leave
/// the restore that it waits for running alone.
/// </summary>
internal sealed class SignalWatch : IDisposable
{
    private readonly object _gate = new();

    // Never disposed: a signal's thread may still be about to cancel it, and without a timer it holds nothing.
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration _interrupt;
    private bool _ended;

    public SignalWatch()
    {
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => OnSignal(context, 143));
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => OnSignal(context, 130));
    }

    public CancellationToken Token => _source.Token;

    /// <summary>
    /// What a process that dies of the signal would end with; 0 when none came. Final after <see cref="Dispose"/>.
    /// </summary>
    public int ExitCode { get; private set; }

    public void Dispose()
    {
        lock (_gate)
            _ended = true;

        _terminate.Dispose();
        _interrupt.Dispose();
    }

    internal void OnSignal(PosixSignalContext context, int exitCode)
    {
        lock (_gate)
        {
            // Nothing looks at the exit code any more: the signal does what it would have done without us.
            if (_ended)
                return;

            context.Cancel = true;
            ExitCode = exitCode;
        }

        try
        {
            _source.Cancel();
        }
        catch (AggregateException)
        {
            // What was to be cancelled failed at it; on the thread of a signal that would end the process.
        }
    }
}
