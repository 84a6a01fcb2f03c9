using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Litestream.Build.Tests.Acquisition;

/// <summary>
/// A release server on the loopback interface: plain sockets, so that it can also break off in the middle of an answer.
/// </summary>
public sealed class Upstream : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<string, (byte[] Content, int Sent, bool Reset)> _files = new();
    private readonly CancellationTokenSource _end = new();
    private int _requests;

    public Upstream()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Requests => Volatile.Read(ref _requests);

    public string Authority => _listener.LocalEndpoint.ToString()!;

    public string Url(string file) => $"http://{Authority}/{file}";

    /// <param name="file">The name that the URL ends with.</param>
    /// <param name="content">What it is.</param>
    /// <param name="sent">How many bytes are sent before the connection is closed; all of them when null.</param>
    /// <param name="reset">Whether the connection is then reset instead of closed.</param>
    public string Serve(string file, byte[] content, int? sent = null, bool reset = false)
    {
        _files[$"/{file}"] = (content, sent ?? content.Length, reset);
        return Url(file);
    }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = AnswerAsync(await _listener.AcceptTcpClientAsync(_end.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                var path = (await reader.ReadLineAsync(_end.Token))?.Split(' ')[1] ?? "";
                while (await reader.ReadLineAsync(_end.Token) is { Length: > 0 })
                {
                    // Headers do not matter here.
                }

                Interlocked.Increment(ref _requests);
                var found = _files.TryGetValue(path, out var file);
                var head = found ? "HTTP/1.1 200 OK" : "HTTP/1.1 404 Not Found";
                var length = found ? file.Content.Length : 0;
                await stream.WriteAsync(
                    Encoding.ASCII.GetBytes(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                        )
                    ),
                    _end.Token
                );
                if (found)
                    await stream.WriteAsync(file.Content.AsMemory(0, file.Sent), _end.Token);
                if (file.Reset)
                    client.LingerState = new LingerOption(enable: true, seconds: 0);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The client has gone away.
            }
        }
    }
}
