using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Passes everything on to the app's log on a thread of its own. A log may wait for ever (the console's does when
/// nothing reads the pipe it writes to), and replication must not wait with it: what does not fit is dropped, and
/// counted when the log continues.
/// </summary>
internal sealed class BackgroundLogger : ILogger, IDisposable
{
    private const int Capacity = 4096;

    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly Channel<Action> _lines = Channel.CreateBounded<Action>(
        new BoundedChannelOptions(Capacity) { SingleReader = true }
    );
    private long _dropped;

    public BackgroundLogger(ILogger log, TimeProvider time)
    {
        (_log, _time) = (log, time);
        new Thread(WriteAll) { IsBackground = true, Name = "Litestream log" }.Start();
    }

    /// <summary>The last lines, also those that the log has not taken yet.</summary>
    public RecentLog Recent { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => _log.IsEnabled(logLevel);

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        Recent.Add(_time.GetUtcNow(), logLevel, formatter(state, exception));

        // With the scopes and the activity of the one who says it.
        var context = ExecutionContext.Capture();
        void Write(object? unused) => _log.Log(logLevel, eventId, state, exception, formatter);
        if (
            !_lines.Writer.TryWrite(
                context is null ? () => Write(null) : () => ExecutionContext.Run(context, Write, null)
            )
        )
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    /// <summary>Waits until all that was said so far is written, or the time is up.</summary>
    public void Flush(TimeSpan patience)
    {
        // Not disposed: the thread may come to it later.
        var isWritten = new ManualResetEventSlim();
        if (_lines.Writer.TryWrite(isWritten.Set))
            isWritten.Wait(patience);
    }

    /// <summary>Ends the thread once all is written; what is said after that is lost.</summary>
    public void Dispose() => _lines.Writer.TryComplete();

    private void WriteAll()
    {
        while (_lines.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (_lines.Reader.TryRead(out var write))
            {
                try
                {
                    write();
                    if (Interlocked.Exchange(ref _dropped, 0) is > 0 and var count)
                        ReplicatorLog.LinesDropped(_log, count);
                }
                catch (Exception)
                {
                    // A log that fails must not end the app; the next line may do better.
                }
            }
        }
    }
}
