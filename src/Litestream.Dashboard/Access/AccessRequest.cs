using System.Net;

namespace Litestream.Dashboard.Access;

/// <summary>What a request shows of who sent it.</summary>
/// <param name="Remote">The address at the other end of the connection; null for a Unix socket and a test
/// server.</param>
/// <param name="Local">The address at this end.</param>
/// <param name="Host">The host that it names, without the port.</param>
internal sealed record AccessRequest(IPAddress? Remote, IPAddress? Local, string Host)
{
    /// <summary>The headers that a proxy adds.</summary>
    private static readonly string[] ProxyHeaders =
    [
        "Forwarded",
        "Via",
        "CDN-Loop",
        "X-Real-IP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "Fastly-Client-IP",
    ];

    /// <summary>What others of them begin with, and what ASP.NET Core makes of those.</summary>
    private static readonly string[] ProxyPrefixes = ["X-Forwarded-", "X-Original-"];

    /// <summary>What the authorization middleware leaves, for the check of ASP.NET Core that it has run.</summary>
    private const string AuthorizationRan = "__AuthorizationMiddlewareWithEndpointInvoked";

    public bool IsHttps { get; init; }

    /// <summary>Whether a proxy has passed it on, or it claims so.</summary>
    public bool IsForwarded { get; init; }

    /// <summary>Whether the app's own authorization has let it through.</summary>
    public bool IsAuthorized { get; init; }

    /// <summary>Whether a page of another site made the browser ask, other than by a link.</summary>
    public bool IsFromOtherSite { get; init; }

    /// <summary>The header Authorization.</summary>
    public string? Authorization { get; init; }

    /// <summary>Whether it comes from this machine to this machine, past no proxy, by a name that only this machine
    /// has.</summary>
    public bool IsDirectLocal => IsLoopback(Remote) && IsLoopback(Local) && !IsForwarded && IsLoopbackName(Host);

    public static AccessRequest Of(HttpContext context)
    {
        var (connection, request) = (context.Connection, context.Request);
        return new AccessRequest(connection.RemoteIpAddress, connection.LocalIpAddress, request.Host.Host)
        {
            IsHttps = request.IsHttps,

            // No browser speaks HTTP/1.0 any more; a proxy that adds no header often does.
            IsForwarded =
                request.Headers.Keys.Any(IsOfProxy) || request.Protocol is "HTTP/1.0" or "HTTP/0.9",
            IsAuthorized = IsAuthorizedByApp(context),
            IsFromOtherSite =
                request.Headers["Sec-Fetch-Mode"] != "navigate" && !RequestToken.IsSameOrigin(request),
            Authorization = request.Headers.Authorization,
        };
    }

    private static bool IsOfProxy(string header) =>
        ProxyHeaders.Contains(header, StringComparer.OrdinalIgnoreCase)
        || ProxyPrefixes.Any(prefix => header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    /// <summary>The authorization middleware has refused what the app's own rules refuse: whoever gets here has
    /// passed them. AllowAnonymous switches it off.</summary>
    private static bool IsAuthorizedByApp(HttpContext context) =>
        context.GetEndpoint() is { } endpoint
        && context.Items.ContainsKey(AuthorizationRan)
        && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null
        && (
            endpoint.Metadata.GetMetadata<IAuthorizeData>() is not null
            || endpoint.Metadata.GetMetadata<AuthorizationPolicy>() is not null
        );

    private static bool IsLoopback(IPAddress? address) =>
        address is not null && IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    /// <summary>A page of another site can make a browser here ask here by a name of its own (DNS rebinding).</summary>
    private static bool IsLoopbackName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IsLoopback(address));
}
