using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>
/// The folder that release line 0.3 writes to for a <c>file:</c> URL. It is Go's own text of the URL without its
/// scheme: percent signs stay, a space becomes
/// <c>%20</c>, a host becomes the first folder, a query and a fragment become a part of the name.
/// </summary>
internal static partial class FileUrl
{
    /// <summary>The folder as the executable has it, not yet absolute; null when this is not a file URL, when it names
    /// no folder, or when the executable refuses it.</summary>
    public static string? Folder(string url)
    {
        const string Scheme = "file:";
        if (!url.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || url.Any(char.IsControl))
            return null;

        var rest = url[Scheme.Length..];
        var end = rest.IndexOfAny(['?', '#']);
        var tail = end < 0 ? "" : Tail(rest[end..]);
        if (end >= 0)
            rest = rest[..end];

        // `file:relative`: Go keeps what follows as it is.
        if (!rest.StartsWith('/'))
            return Existing(Clean(rest + tail));

        var authority = "";
        if (rest.StartsWith("//", StringComparison.Ordinal))
        {
            var slash = rest.IndexOf('/', 2);
            (authority, rest) = slash < 0 ? (rest[2..], "") : (rest[2..slash], rest[slash..]);
        }

        if (Escaped(rest) is not { } path)
            return null;
        return Existing(Clean((authority.Length > 0 ? "//" + authority : "") + path + tail));
    }

    /// <summary>The query stays as it is; a fragment is escaped, and one that is empty goes.</summary>
    private static string Tail(string text)
    {
        var hash = text.IndexOf('#');
        if (hash < 0)
            return text;

        var fragment = text[(hash + 1)..];
        return text[..hash] + (fragment.Length == 0 ? "" : "#" + (Escaped(fragment, "!()*", "?") ?? fragment));
    }

    /// <summary>Without a folder it would be the working directory of whoever starts the executable.</summary>
    private static string? Existing(string cleaned) => cleaned is "." or "/" ? null : cleaned;

    /// <summary>Go's <c>URL.EscapedPath</c>, or with other characters <c>URL.EscapedFragment</c>; null where it refuses
    /// the text.</summary>
    /// <param name="path">The text.</param>
    /// <param name="allowed">What may stand there as it is, when nothing else has to be escaped.</param>
    /// <param name="kept">What is never escaped.</param>
    private static string? Escaped(string path, string allowed = "!'()*[]", string kept = "")
    {
        if (BadEscape().IsMatch(path))
            return null;
        if (path.All(c => IsPlain(c) || c == '%' || allowed.Contains(c) || kept.Contains(c)))
            return path;

        // An escape is a byte, whatever it is a part of.
        var text = new StringBuilder();
        for (var i = 0; i < path.Length; i++)
        {
            byte[] bytes;
            if (path[i] == '%')
            {
                bytes = [byte.Parse(path.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)];
                i += 2;
            }
            else
            {
                var length = char.IsHighSurrogate(path[i]) && i + 1 < path.Length ? 2 : 1;
                bytes = Encoding.UTF8.GetBytes(path.Substring(i, length));
                i += length - 1;
            }

            foreach (var one in bytes)
            {
                text.Append(
                    one < 0x80 && (IsPlain((char)one) || kept.Contains((char)one))
                        ? $"{(char)one}"
                        : string.Create(CultureInfo.InvariantCulture, $"%{one:X2}")
                );
            }
        }

        return text.ToString();
    }

    private static bool IsPlain(char c) => char.IsAsciiLetterOrDigit(c) || "-_.~$&+,/:;=@".Contains(c);

    /// <summary>Go's <c>path.Clean</c>.</summary>
    private static string Clean(string path)
    {
        var isRooted = path.StartsWith('/');
        var parts = new List<string>();
        foreach (var part in path.Split('/'))
        {
            if (part is "" or ".")
                continue;
            if (part != "..")
                parts.Add(part);
            else if (parts.Count > 0 && parts[^1] != "..")
                parts.RemoveAt(parts.Count - 1);
            else if (!isRooted)
                parts.Add(part);
        }

        var text = (isRooted ? "/" : "") + string.Join('/', parts);
        return text.Length == 0 ? "." : text;
    }

    [GeneratedRegex("%(?![0-9A-Fa-f]{2})")]
    private static partial Regex BadEscape();
}
