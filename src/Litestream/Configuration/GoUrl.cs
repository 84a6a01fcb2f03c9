using System.Buffers;

namespace Litestream.Configuration;

/// <summary>A URL as the executable (Go's <c>net/url</c>) takes it apart; it refuses some that others read and the
/// other way round.</summary>
/// <param name="Scheme">In lower case; empty when there is none.</param>
/// <param name="User">What stands before the <c>@</c>, up to a colon; null when there is no <c>@</c>.</param>
/// <param name="Host">The host with its port.</param>
/// <param name="Path">The path, undecoded; all of the rest where there is no <c>//</c>.</param>
internal sealed record GoUrl(string Scheme, string? User, string Host, string Path)
{
    private static readonly SearchValues<char> UserCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:~!$&'()*+,;=%@"
    );

    /// <summary>What ASCII a host may have; anything that is not ASCII is let through.</summary>
    private static readonly SearchValues<char> HostCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~!$&'()*+,;=:[]<>\"%"
    );

    /// <summary>The port after the host's last colon; empty when there is none.</summary>
    public string Port =>
        Host.LastIndexOf(':') is >= 0 and var colon && colon > Host.LastIndexOf(']') ? Host[(colon + 1)..] : "";

    /// <summary>The host without its port.</summary>
    public string HostName =>
        Host.LastIndexOf(':') is >= 0 and var colon && colon > Host.LastIndexOf(']') ? Host[..colon] : Host;

    /// <summary>Takes a URL apart.</summary>
    /// <param name="text">All of it, variables expanded.</param>
    /// <param name="problem">Why the executable would refuse it, as the end of a sentence that begins with "The URL";
    /// "" when it would not.</param>
    public static GoUrl? Parse(string text, out string problem)
    {
        problem = "";
        var cut = text.IndexOf('#', StringComparison.Ordinal);
        var (whole, fragment) = cut < 0 ? (text, "") : (text[..cut], text[(cut + 1)..]);
        if (whole.Any(c => c is < ' ' or '\u007f'))
            return Refuse("has a control character in it", out problem);
        if (whole == "*")
            return new GoUrl("", null, "", "*");
        if (!TryScheme(whole, out var scheme, out var rest))
            return Refuse("begins with a colon", out problem);

        var query = rest.IndexOf('?', StringComparison.Ordinal);
        if (query >= 0)
            rest = rest[..query];
        if (!rest.StartsWith('/'))
        {
            if (scheme.Length == 0 && rest.Split('/')[0].Contains(':', StringComparison.Ordinal))
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
                    return Refuse(
                        "has a character before the `@` that has to be written as % and two digits",
                        out problem
                    );
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
        (scheme, rest) = ("", text);
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsAsciiLetter(text[i]))
                continue;
            if (text[i] == ':')
            {
                (scheme, rest) = (text[..i].ToLowerInvariant(), text[(i + 1)..]);
                return i > 0;
            }

            if (i == 0 || !(char.IsAsciiDigit(text[i]) || text[i] is '+' or '-' or '.'))
                return true;
        }

        return true;
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

        for (var i = name.IndexOf('%', StringComparison.Ordinal); i >= 0; i = name.IndexOf('%', i + 1))
        {
            // In a host only what is not ASCII may be written so.
            if (
                i + 2 >= name.Length
                || !char.IsAsciiHexDigit(name[i + 1])
                || !char.IsAsciiHexDigit(name[i + 2])
                || (name[i + 1] < '8' && !name.AsSpan(i).StartsWith("%25"))
            )
                return "has a `%` in the host";
        }

        return null;
    }

    private static bool BadEscape(string text)
    {
        for (var i = text.IndexOf('%', StringComparison.Ordinal); i >= 0; i = text.IndexOf('%', i + 1))
        {
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
                return true;
            i += 2;
        }

        return false;
    }
}
