using System.Globalization;
using System.Security.Claims;
using Litestream.Dashboard.Actions;
using Litestream.Diagnostics;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Logging;

namespace Litestream.Dashboard.Access;

/// <summary>Lets requests in, or answers them. For any number of threads.</summary>
internal sealed class AccessGate
{
    private static readonly TimeSpan RefusalLogPause = TimeSpan.FromMinutes(1);

    private readonly AccessPolicy _policy;
    private readonly Func<HttpContext, bool> _isReadOnly;
    private readonly IConfiguration _configuration;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly object _gate = new();
    private readonly Dictionary<string, DateTimeOffset> _logged = new(StringComparer.Ordinal);
    private volatile BasicCredentials? _credentials;

    /// <param name="isReadOnly">Whether a request may only look.</param>
    /// <param name="configuration">Has the name and the password.</param>
    /// <param name="logger">Gets what is refused.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="LitestreamException">LSB1019: a setting is wrong.</exception>
    public AccessGate(
        Func<HttpContext, bool> isReadOnly,
        IConfiguration configuration,
        ILogger logger,
        TimeProvider time
    )
    {
        (_isReadOnly, _configuration, _logger, _time) = (isReadOnly, configuration, logger, time);
        _policy = new AccessPolicy(new FailureLimiter(time));
        _credentials = BasicCredentials.Read(configuration, ProcessVariables.Read());
    }

    /// <summary>Who may get in. What is refused is answered here.</summary>
    public async Task<Visit?> EnterAsync(HttpContext context)
    {
        // Before routing, the app's output cache does not know that this is not to be kept.
        if (context.Features.Get<IOutputCacheFeature>() is { } cache)
            cache.Context.AllowCacheStorage = false;
        var request = AccessRequest.Of(context);
        var decision = _policy.Decide(request, Credentials());

        // Without them a closed dashboard looks like none.
        if (decision.Outcome != AccessOutcome.Closed)
            Answer.AddHeaders(context.Response);
        switch (decision.Outcome)
        {
            case AccessOutcome.Allowed:
                var user = decision.User ?? NameOf(context.User);
                return new Visit(user, BasePathOf(context), _isReadOnly(context))
                {
                    Filter = Answer.Cut(context.Request.Query["filter"]),
                };
            case AccessOutcome.Closed:
                LogRefusal(context, StatusCodes.Status404NotFound, decision.Reason);
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return null;
            case AccessOutcome.NotEncrypted or AccessOutcome.OtherSite:
                await RefuseAsync(context, StatusCodes.Status403Forbidden, decision.Reason).ConfigureAwait(false);
                return null;
            case AccessOutcome.TooManyFailures:
                var seconds = Math.Ceiling(decision.RetryAfter.TotalSeconds);
                context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
                await RefuseAsync(context, StatusCodes.Status429TooManyRequests, decision.Reason).ConfigureAwait(false);
                return null;
            default:
                context.Response.Headers.WWWAuthenticate = "Basic realm=\"Litestream\", charset=\"UTF-8\"";
                await RefuseAsync(context, StatusCodes.Status401Unauthorized, decision.Reason).ConfigureAwait(false);
                return null;
        }
    }

    /// <summary>Not every login gives a name.</summary>
    internal static string NameOf(ClaimsPrincipal user) =>
        new[] { user.Identity?.Name, user.FindFirst(ClaimTypes.NameIdentifier)?.Value, user.FindFirst("sub")?.Value }
            .FirstOrDefault(name => !string.IsNullOrEmpty(name)) ?? "somebody";

    /// <summary>Answers, and says why in the log.</summary>
    public Task RefuseAsync(HttpContext context, int status, string reason)
    {
        LogRefusal(context, status, reason);
        return Answer.TextAsync(context, status, $"Refused: {reason}");
    }

    /// <summary>One line for each kind of refusal, at most once a minute: whoever asks must not fill the log.</summary>
    private void LogRefusal(HttpContext context, int status, string reason)
    {
        if (reason == AccessPolicy.NoPassword)
            return;
        var now = _time.GetUtcNow();

        // Without what the request says of itself.
        var kind = $"{status} {reason.Split('\'')[0]}";
        lock (_gate)
        {
            if (_logged.TryGetValue(kind, out var last) && now - last < RefusalLogPause)
                return;
            _logged[kind] = now;
        }

        DashboardLog.Refused(_logger, BasePathOf(context), status, reason);
    }

    /// <summary>As they are now: settings may change while the app runs. With a wrong one, nothing changes.</summary>
    private BasicCredentials? Credentials()
    {
        try
        {
            return _credentials = BasicCredentials.Read(_configuration, ProcessVariables.Read());
        }
        catch (LitestreamException)
        {
            return _credentials;
        }
    }

    /// <summary>Where the dashboard is mounted: what was asked for, without the part of it that its own route has.
    /// </summary>
    private static string BasePathOf(HttpContext context)
    {
        var path = context.Request.PathBase.Add(context.Request.Path).ToUriComponent().TrimEnd('/');
        var own = context.GetEndpoint()?.Metadata.GetMetadata<OwnPath>()?.Segments ?? 0;
        for (var i = 0; i < own; i++)
            path = path[..path.LastIndexOf('/')];
        return path;
    }
}

/// <summary>A request that may go on.</summary>
internal sealed record Visit(string User, string BasePath, bool IsReadOnly)
{
    private string? _token;

    public string Filter { get; init; } = "";

    /// <summary>One for the whole request: an event stream would send all forms again and again.</summary>
    public string Token(RequestToken tokens) => _token ??= tokens.Create(User);
}

/// <summary>How many segments of a path the dashboard's own route has.</summary>
internal sealed record OwnPath(int Segments);
