using System.Runtime.InteropServices;

namespace Litestream.Hosting;

/// <summary>
/// Takes SIGTERM and SIGINT while the host is being built, when the host's own handlers are not there yet: without it the app would end at once and leave
/// the restore that it waits for running alone.
/// </summary>
internal sealed class SignalWatch : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration _interrupt;

    public SignalWatch()
    {
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => OnSignal(context, 143));
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => OnSignal(context, 130));
    }

    public CancellationToken Token => _source.Token;

    /// <summary>What a process that dies of the signal would end with.</summary>
    public int ExitCode { get; private set; }

    public void Dispose()
    {
        _terminate.Dispose();
        _interrupt.Dispose();
        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context, int exitCode)
    {
        context.Cancel = true;
        ExitCode = exitCode;
        _source.Cancel();
    }
}
