using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Litestream.Configuration;

namespace Litestream.Releases.V05;

/// <summary>
/// The control socket of release line 0.5. Only <c>/info</c>, <c>/register</c> and <c>/unregister</c> are used:
/// <c>/sync</c>, <c>/stop</c> and <c>/start</c> lose the mark or the position, and with them commits.
/// </summary>
internal sealed class ControlSocket : IControlSocket
{
    /// <summary>How long litestream may take to close a database, which has arrived by then.</summary>
    private const int CloseSeconds = 5;

    private readonly HttpClient _client;

    /// <param name="path">The socket.</param>
    public ControlSocket(string path)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    var endPoint = new UnixDomainSocketEndPoint(path);
                    await socket.ConnectAsync(endPoint, cancellationToken).ConfigureAwait(false);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        _client = new HttpClient(handler)
        {
            BaseAddress = new Uri("http://litestream"),
            Timeout = TimeSpan.FromSeconds(2 * CloseSeconds),
        };
    }

    public string? ReplicaUrl(EffectiveConfig running, EffectiveConfig config, EffectiveDatabase database) =>
        RegistrationUrl.Of(running, config, database);

    public async Task<bool> AddAsync(int processId, string path, string replicaUrl) =>
        await PostAsync(processId, "register", new ControlRequest(path) { ReplicaUrl = replicaUrl })
            .ConfigureAwait(false)
            is { StatusCode: HttpStatusCode.OK, Answer.Status: "registered" };

    /// <remarks>An error means that the last sync has failed: litestream does not have the database any more.</remarks>
    public async Task<bool> RemoveAsync(int processId, string path) =>
        await PostAsync(processId, "unregister", new ControlRequest(path) { Timeout = CloseSeconds })
            .ConfigureAwait(false)
            is { StatusCode: HttpStatusCode.OK or HttpStatusCode.InternalServerError };

    public void Dispose() => _client.Dispose();

    private async Task<(HttpStatusCode StatusCode, ControlAnswer? Answer)?> PostAsync(
        int processId,
        string command,
        ControlRequest request
    )
    {
        try
        {
            var info = await _client.GetStringAsync("/info").ConfigureAwait(false);
            if (Read(info)?.Pid != processId)
                return null;
            using var content = new StringContent(
                JsonSerializer.Serialize(request, ControlJson.Default.ControlRequest),
                Encoding.UTF8,
                "application/json"
            );
            using var response = await _client.PostAsync($"/{command}", content).ConfigureAwait(false);
            return (response.StatusCode, Read(await response.Content.ReadAsStringAsync().ConfigureAwait(false)));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            return null;
        }
    }

    private static ControlAnswer? Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, ControlJson.Default.ControlAnswer);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>What litestream is asked.</summary>
internal sealed record ControlRequest(string Path)
{
    public string? ReplicaUrl { get; init; }

    /// <summary>In seconds.</summary>
    public int? Timeout { get; init; }
}

/// <summary>What it answers, as far as it is used.</summary>
internal sealed record ControlAnswer(string? Status, int? Pid);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlAnswer))]
internal sealed partial class ControlJson : JsonSerializerContext;
