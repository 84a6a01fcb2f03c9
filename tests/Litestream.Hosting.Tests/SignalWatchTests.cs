using System.Runtime.InteropServices;

namespace Litestream.Hosting.Tests;

/// <summary>Signals while the host is being built.</summary>
public sealed class SignalWatchTests
{
    [Fact]
    public void A_signal_while_it_watches_ends_the_wait_and_says_how_the_app_ends()
    {
        using var watch = new SignalWatch();
        var signal = new PosixSignalContext(PosixSignal.SIGTERM);

        watch.OnSignal(signal, 143);

        Assert.True(signal.Cancel);
        Assert.True(watch.Token.IsCancellationRequested);
        Assert.Equal(143, watch.ExitCode);
    }

    [Fact]
    public void A_signal_that_arrives_when_it_has_ended_does_what_it_would_have_done_without_it()
    {
        var watch = new SignalWatch();
        watch.Dispose();
        var signal = new PosixSignalContext(PosixSignal.SIGINT);

        watch.OnSignal(signal, 130);

        Assert.False(signal.Cancel);
        Assert.Equal(0, watch.ExitCode);
    }
}
