using Microsoft.AspNetCore.DataProtection;

namespace Litestream.Dashboard.Access;

/// <summary>
/// What a form of the dashboard carries, and a page of another site cannot know. It needs no cookie: it holds for one
/// user, for twelve hours, and where the app protects data with keys of its own, on all its instances.
/// </summary>
internal sealed class RequestToken(IDataProtectionProvider? provider)
{
    private const string Purpose = "Litestream.Dashboard.RequestToken";

    /// <summary>The name of its form field.</summary>
    public const string Field = "__token";

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private readonly ITimeLimitedDataProtector _own = new EphemeralDataProtectionProvider()
        .CreateProtector(Purpose)
        .ToTimeLimitedDataProtector();

    private readonly ITimeLimitedDataProtector? _apps = provider?.CreateProtector(Purpose).ToTimeLimitedDataProtector();

    public string Create(string user)
    {
        try
        {
            return (_apps ?? _own).Protect(user, Lifetime);
        }
        catch (Exception) when (_apps is not null)
        {
            // The app's keys may be in a storage that does not answer: the dashboard is needed most then.
            return _own.Protect(user, Lifetime);
        }
    }

    public bool IsValid(string? token, string user) =>
        token is { Length: > 0 and <= 2000 } && (IsValid(_own, token, user) || IsValid(_apps, token, user));

    private static bool IsValid(ITimeLimitedDataProtector? protector, string token, string user)
    {
        try
        {
            return protector?.Unprotect(token) == user;
        }
        catch (Exception)
        {
            // No token of it, too old, or the app's keys do not answer.
            return false;
        }
    }

    /// <summary>Whether a page of this site sent the form, as far as the browser says.</summary>
    public static bool IsSameOrigin(HttpRequest request)
    {
        // No page can set this one. A proxy may change the host, with which the origin is compared else.
        if (request.Headers["Sec-Fetch-Site"] is { Count: > 0 } site)
            return site == "same-origin" || site == "none";
        if (request.Headers.Origin is not { Count: > 0 } origin)
            return true;

        // Without the scheme: where a proxy ends TLS, the app may not know it.
        var host = request.Host;
        return Uri.TryCreate(origin, UriKind.Absolute, out var from)
            && from.Host.Trim('[', ']').Equals(host.Host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase)
            && (from.IsDefaultPort ? host.Port is null or 80 or 443 : host.Port == from.Port);
    }
}
