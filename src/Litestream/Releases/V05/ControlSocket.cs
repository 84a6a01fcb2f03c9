using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Litestream.Configuration;
using Litestream.FileSystem;

namespace Litestream.Releases.V05;

/// <summary>
/// The control socket of release line 0.5. Only <c>/info</c>, <c>/register</c> and <c>/unregister</c> are used:
/// <c>/sync</c>, <c>/stop</c> and <c>/start</c> lose the mark or the position, and with them commits.
/// </summary>
internal sealed class ControlSocket : IControlSocket
{
    /// <summary>How long litestream may take to close a database, which has arrived by then.</summary>
    private const int CloseSeconds = 5;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(CloseSeconds + 2);

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
        _client = new HttpClient(handler) { BaseAddress = new Uri("http://litestream") };
    }

    public string? ReplicaUrl(EffectiveConfig running, EffectiveConfig config, EffectiveDatabase database)
    {
        // Of a configured database it gives the files in a folder to the owner of the database.
        var isOwners =
            Environment.IsPrivilegedProcess
            && database.Replicas.Any(replica => replica.Folder is not null)
            && UnixCalls.Status(database.Path) is { User: not 0 };
        return isOwners ? null : RegistrationUrl.Of(running, config, database);
    }

    public Task<ControlOutcome> AddAsync(
        int processId,
        string path,
        string replicaUrl,
        CancellationToken cancellationToken
    ) =>
        PostAsync(
            processId,
            "register",
            new ControlRequest(path) { ReplicaUrl = replicaUrl },
            (code, answer) => code == HttpStatusCode.OK && answer?.Status == "registered",
            cancellationToken
        );

    /// <remarks>An error means that the last sync has failed: litestream does not have the database any more.</remarks>
    public Task<ControlOutcome> RemoveAsync(int processId, string path, CancellationToken cancellationToken) =>
        PostAsync(
            processId,
            "unregister",
            new ControlRequest(path) { Timeout = CloseSeconds },
            (code, _) => code is HttpStatusCode.OK or HttpStatusCode.InternalServerError,
            cancellationToken
        );

    public void Dispose() => _client.Dispose();

    private async Task<ControlOutcome> PostAsync(
        int processId,
        string command,
        ControlRequest request,
        Func<HttpStatusCode, ControlAnswer?, bool> isDone,
        CancellationToken cancellationToken
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        var outcome = ControlOutcome.NotAsked;
        try
        {
            var info = await _client.GetStringAsync("/info", limit.Token).ConfigureAwait(false);
            if (Read(info)?.Pid != processId)
                return outcome;

            outcome = ControlOutcome.Unknown;
            var text = JsonSerializer.Serialize(request, ControlJson.Default.ControlRequest);
            using var content = new StringContent(text, Encoding.UTF8, "application/json");
            using var response = await _client.PostAsync($"/{command}", content, limit.Token).ConfigureAwait(false);
            var answer = await response.Content.ReadAsStringAsync(limit.Token).ConfigureAwait(false);
            return isDone(response.StatusCode, Read(answer)) ? ControlOutcome.Done : outcome;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            return outcome;
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
