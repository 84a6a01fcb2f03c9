using System.Buffers;
using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>A URL as the executable (Go's <c>net/url</c>) takes it apart; it refuses some that others read and the
/// other way round.</summary>
/// <param name="Scheme">In lower case; empty when there is none.</param>
/// <param name="User">What stands before the <c>@</c>, up to a colon; null when there is no <c>@</c>.</param>
/// <param name="Host">The host with its port.</param>
/// <param name="Path">The path, undecoded; all of the rest where there is no <c>//</c>.</param>
internal sealed partial record GoUrl(string Scheme, string? User, string Host, string Path)
{
    private static readonly SearchValues<char> UserCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:~!$&'()*+,;=%@"
    );

    /// <summary>What ASCII a host may have; anything that is not ASCII is let through.</summary>
    private static readonly SearchValues<char> HostCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~!$&'()*+,;=:[]<>\"%"
    );

    /// <summary>The port after the host's last colon; empty when there is none.</summary>
    public string Port => PortForm().Match(Host).Groups[1].Value;

    /// <summary>The host without its port.</summary>
    public string HostName => PortForm().Replace(Host, "");

    /// <summary>Takes a URL apart.</summary>
    /// <param name="text">All of it, variables expanded.</param>
    /// <param name="problem">Why the executable would refuse it, as the end of a sentence that begins with "The URL";
    /// "" when it would not.</param>
    public static GoUrl? Parse(string text, out string problem)
    {
        problem = "";
        var cut = text.IndexOf('#');
        var (whole, fragment) = cut < 0 ? (text, "") : (text[..cut], text[(cut + 1)..]);
        if (whole.Any(c => c is < ' ' or '\u007f'))
            return Refuse("contains a control character", out problem);
        if (whole == "*")
            return new GoUrl("", null, "", "*");
        if (!TryScheme(whole, out var scheme, out var rest))
            return Refuse("begins with a colon", out problem);

        var query = rest.IndexOf('?');
        if (query >= 0)
            rest = rest[..query];
        if (!rest.StartsWith('/'))
        {
            if (scheme.Length == 0 && rest.Split('/')[0].Contains(':'))
                return Refuse("has no scheme before its first colon", out problem);
            if (scheme.Length > 0)
                return BadEscape(fragment) ? Refuse(Escape, out problem) : new GoUrl(scheme, null, "", rest);
        }

        string? user = null;
        var host = "";
        if (
            rest.StartsWith("//", StringComparison.Ordinal)
            && (scheme.Length > 0 || !rest.StartsWith("///", StringComparison.Ordinal))
        )
        {
            var slash = rest.IndexOf('/', 2);
            var authority = slash < 0 ? rest[2..] : rest[2..slash];
            rest = slash < 0 ? "" : rest[slash..];
            var at = authority.LastIndexOf('@');
            host = authority[(at + 1)..];
            if (HostProblem(host) is { } wrong)
                return Refuse(wrong, out problem);
            if (at >= 0)
            {
                var userinfo = authority[..at];
                if (userinfo.AsSpan().ContainsAnyExcept(UserCharacters))
                {
                    return Refuse(
                        "has a character before the `@` that must be written as % and two digits",
                        out problem
                    );
                }

                if (BadEscape(userinfo))
                    return Refuse(Escape, out problem);
                user = userinfo.Split(':')[0];
            }
        }

        return BadEscape(rest) || BadEscape(fragment)
            ? Refuse(Escape, out problem)
            : new GoUrl(scheme, user, host, rest);
    }

    private const string Escape = "has a `%` without two hexadecimal digits after it";

    private static GoUrl? Refuse(string why, out string problem)
    {
        problem = why;
        return null;
    }

    private static bool TryScheme(string text, out string scheme, out string rest)
    {
        var match = SchemeForm().Match(text);
        (scheme, rest) = (match.Groups[1].Value.ToLowerInvariant(), text[match.Length..]);
        return !text.StartsWith(':');
    }

    private static string? HostProblem(string host)
    {
        var port = "";
        var name = host;
        if (host.StartsWith('['))
        {
            var end = host.LastIndexOf(']');
            if (end < 0)
                return "has a host that begins with `[` and has no `]`";
            port = host[(end + 1)..];
        }
        else if (host.LastIndexOf(':') is >= 0 and var colon)
        {
            port = host[colon..];
        }

        if (port.Length > 0 && (port[0] != ':' || port.AsSpan(1).ContainsAnyExceptInRange('0', '9')))
            return "has a port that is not a number";

        // In brackets a zone may follow %25, and has rules of its own.
        var zone = host.StartsWith('[') ? host.IndexOf("%25", StringComparison.Ordinal) : -1;
        if (zone >= 0)
            name = host[..zone] + host[host.LastIndexOf(']')..];
        foreach (var c in name)
        {
            if (char.IsAscii(c) && !HostCharacters.Contains(c))
                return c == ' ' ? "has a space in the host" : $"has a `{c}` in the host";
        }

        // In a host only what is not ASCII may be written so.
        return BadHostEscape().IsMatch(name) ? "has a `%` in the host" : null;
    }

    private static bool BadEscape(string text) => EscapeForm().IsMatch(text);

    [GeneratedRegex(@":([^:\]]*)\z")]
    private static partial Regex PortForm();

    [GeneratedRegex(@"\A([A-Za-z][A-Za-z0-9+.-]*):")]
    private static partial Regex SchemeForm();

    [GeneratedRegex("%(?![0-9A-Fa-f]{2})")]
    private static partial Regex EscapeForm();

    [GeneratedRegex("%(?!25|[89A-Fa-f][0-9A-Fa-f])")]
    private static partial Regex BadHostEscape();
}
