using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Litestream.Sqlite;

/// <summary>
/// Interrupts what a connection does once a token is cancelled. Again and again: an interrupt between two statements
/// is forgotten by the next one.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly object _gate = new();
    private readonly SqliteConnection _connection;
    private readonly CancellationTokenRegistration _registration;
    private Timer? _timer;
    private bool _isOver;

    public Interruption(SqliteConnection connection, CancellationToken cancellationToken)
    {
        _connection = connection;
        _registration = cancellationToken.Register(Begin);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            _timer?.Dispose();
        }

        _registration.Dispose();
    }

    private void Begin()
    {
        lock (_gate)
        {
            if (!_isOver)
                _timer = new Timer(_ => Interrupt(), null, TimeSpan.Zero, Pause);
        }
    }

    private void Interrupt()
    {
        lock (_gate)
        {
            if (!_isOver)
                raw.sqlite3_interrupt(_connection.Handle!);
        }
    }
}
