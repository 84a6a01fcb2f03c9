using System.Net;

namespace Litestream.Dashboard.Access;

/// <summary>What becomes of a request.</summary>
internal enum AccessOutcome
{
    Allowed,

    /// <summary>Requests from elsewhere are refused: 404, as if there were no dashboard.</summary>
    Closed,

    /// <summary>A password would go over the network in the clear: 403.</summary>
    NotEncrypted,

    /// <summary>A page of another site asked: 403.</summary>
    OtherSite,

    /// <summary>Without the right name and password: 401.</summary>
    Unauthorized,

    /// <summary>After too many wrong passwords: 429.</summary>
    TooManyFailures,
}

/// <summary>What becomes of a request, and what the log says of it.</summary>
/// <param name="Outcome">What becomes of it.</param>
/// <param name="User">Who it is, where it is allowed; null where the app knows.</param>
/// <param name="Reason">For the log, where it is refused: what to do to open it.</param>
internal sealed record AccessDecision(AccessOutcome Outcome, string? User = null, string Reason = "")
{
    /// <summary>How long to wait before the next try.</summary>
    public TimeSpan RetryAfter { get; init; }
}

/// <summary>Who gets in. Closed unless something opens it.</summary>
internal sealed class AccessPolicy(FailureLimiter failures)
{
    private const string HowToOpen =
        "To open it, add RequireAuthorization(...) to MapLitestreamDashboard, or set Litestream:Dashboard:Password.";

    /// <summary>What each browser does first: no reason for a warning.</summary>
    public const string NoPassword = "no name and password were sent.";

    public AccessDecision Decide(AccessRequest request, BasicCredentials? credentials)
    {
        // First: a closed dashboard gives the same answer to all.
        if (!request.IsAuthorized && credentials is null && !request.IsDirectLocal)
        {
            return new(
                AccessOutcome.Closed,
                Reason: $"only direct requests from this machine are allowed ({Describe(request)}). {HowToOpen}"
            );
        }

        if (request.IsFromOtherSite)
            return new(AccessOutcome.OtherSite, Reason: "a page of another site asked for it.");
        if (request.IsAuthorized)
            return new(AccessOutcome.Allowed);
        if (credentials is null)
            return new(AccessOutcome.Allowed, "local");
        if (!request.IsHttps && !request.IsDirectLocal && !credentials.AllowHttp)
        {
            return new(
                AccessOutcome.NotEncrypted,
                Reason: "the password would be sent without encryption. Use https; behind a proxy that ends TLS, add "
                    + "UseForwardedHeaders, or set Litestream:Dashboard:AllowHttp to true."
            );
        }

        if (request.Authorization is not { } authorization)
            return new(AccessOutcome.Unauthorized, Reason: NoPassword);
        var (isRight, wait) = failures.Try(request.Remote, () => credentials.Matches(authorization));
        return wait is { } seconds
                ? new(AccessOutcome.TooManyFailures, Reason: "too many wrong passwords.") { RetryAfter = seconds }
            : isRight ? new(AccessOutcome.Allowed, credentials.Username)
            : new(AccessOutcome.Unauthorized, Reason: "the name or the password is wrong.");
    }

    private static string Describe(AccessRequest request) =>
        request.IsForwarded ? "this one was forwarded by a proxy"
        : request.Remote is null || !IPAddress.IsLoopback(request.Remote) ? "this one came from elsewhere"
        : $"this one was for the host '{Shown(request.Host)}'";

    private static string Shown(string host) =>
        string.Concat(host.Take(60).Select(c => char.IsLetterOrDigit(c) || c is '.' or '-' or ':' ? c : '?'));
}
