using System.Text.RegularExpressions;

namespace Litestream.Diagnostics;

/// <summary>Takes secrets out of what people get to see.</summary>
internal sealed partial class SecretMask
{
    /// <summary>Masking less than this would make a text unreadable and hide little.</summary>
    private const int ShortestPassword = 4;

    /// <summary>
    /// Keys and tokens are made by machines and long; a short value under such a name is a word or a number.
    /// </summary>
    private const int ShortestKey = 8;

    private readonly string[] _secrets;

    /// <summary>
    /// Knows the values of the variables whose names say that they are secret: from four characters where the name
    /// speaks of a password or a secret, from eight where it
    /// speaks of a key or a token.
    /// </summary>
    public SecretMask(IEnumerable<KeyValuePair<string, string>> variables) =>
        _secrets = [
            .. variables
                .Where(v =>
                    v.Value.Length
                    >= (
                        Password().IsMatch(v.Key) ? ShortestPassword
                        : IsSecretName(v.Key) ? ShortestKey
                        : int.MaxValue
                    )
                )
                .SelectMany(v =>
                    new[] { v.Value, Uri.EscapeDataString(v.Value), Quote(v.Value), Quote(Quote(v.Value)) }
                )
                .Distinct()
                .OrderByDescending(v => v.Length),
        ];

    /// <summary>
    /// Whether the value of a variable or an option with this name is a secret. KEYCLOAK_PORT is none, nor is KEY_FILE,
    /// which says where one is.
    /// </summary>
    public static bool IsSecretName(string name) =>
        Password().IsMatch(name) || (Key().IsMatch(name) && !WhereOne().IsMatch(name));

    // In a line of JSON a quotation mark has a backslash before it; in a message that quotes another, two.
    private static string Quote(string text) => text.Replace("\\", "\\\\").Replace("\"", "\\\"");

    public string Mask(string text)
    {
        foreach (var secret in _secrets)
            text = text.Replace(secret, "***");
        return text;
    }

    [GeneratedRegex("secret|passw|passphrase", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Password();

    // A token, or KEY as the end of a word: API_KEY, APIKEY, KEY_1, ACCESS_KEY_ID, AccessKeyId; not KEYCLOAK_PORT, not
    // keyboard.
    [GeneratedRegex(
        "(?i:token)|(?:KEY|[Kk]ey)(?:[Ss]|(?:ID|[Ii]d)s?)?(?![A-Za-z])|[Kk]ey(?=[A-Z])",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Key();

    [GeneratedRegex(
        "(?:path|file|dir|directory|folder|name|url|uri|host|port)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex WhereOne();
}
