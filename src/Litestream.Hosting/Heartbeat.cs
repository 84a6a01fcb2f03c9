using System.Net;
using System.Net.Sockets;
using Litestream.Diagnostics;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Calls a URL for as long as everything arrives, so that somebody outside notices when it no longer does: also when
/// the app, its log or the machine is gone.
/// </summary>
internal sealed class Heartbeat(Uri url, ILogger logger, TimeProvider time, Func<OverallHealth> health)
{
    private bool _isFailing;

    public TimeSpan Interval { get; init; } = Thresholds.HeartbeatInterval;

    /// <summary>Runs until it is cancelled; fails never.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            // Without a propagator there is no activity either: the path may be a token and must not get into traces.
            using var client = new HttpClient(
                new SocketsHttpHandler
                {
                    AllowAutoRedirect = false,
                    UseCookies = false,
                    ActivityHeadersPropagator = null,
                }
            )
            {
                Timeout = Thresholds.HeartbeatPatience,
            };
            client.DefaultRequestHeaders.UserAgent.ParseAdd("Litestream.Hosting");
            for (long? last = null; ;)
            {
                if (
                    health().IsHealthy
                    && (last is null || time.GetElapsedTime(last.Value) >= Interval)
                )
                {
                    last = time.GetTimestamp();
                    await BeatAsync(client, cancellationToken).ConfigureAwait(false);
                }

                await Task.Delay(Interval < Thresholds.Look ? Interval : Thresholds.Look, time, cancellationToken)
                    .ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host stops.
        }
        catch (Exception exception)
        {
            Fail(exception.GetType().Name);
        }
    }

    private async Task BeatAsync(HttpClient client, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await client
                .GetAsync(url, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
                .ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
            {
                _isFailing = false;
                return;
            }

            var isRedirect = answer.StatusCode is >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest;
            Fail($"it returned {(int)answer.StatusCode}{(isRedirect ? ", and redirects are not followed" : "")}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Fail($"no answer within {NumberText.Seconds(Thresholds.HeartbeatPatience)} s");
        }
        catch (HttpRequestException exception)
        {
            // Not the whole message: it may quote what it is about.
            Fail(
                exception.InnerException is SocketException socket
                    ? socket.Message
                    : exception.HttpRequestError.ToString()
            );
        }
    }

    private void Fail(string why)
    {
        if (!_isFailing)
        {
            _isFailing = true;
            ReplicatorLog.Warning(
                logger,
                new LitestreamDiagnostic(
                    "LSB5011",
                    LitestreamSeverity.Warning,
                    $"The heartbeat URL at '{url.Scheme}://{url.Host}' cannot be called: {why}. Replication is not "
                        + $"affected. The call is repeated every minute; this is logged once until a call succeeds."
                )
            );
        }
    }
}
