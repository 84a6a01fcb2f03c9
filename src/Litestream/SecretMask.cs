namespace Litestream;

/// <summary>Takes secrets out of what people get to see.</summary>
internal sealed class SecretMask
{
    private static readonly string[] SecretWords = ["SECRET", "PASSWORD", "KEY", "TOKEN"];

    private readonly string[] _secrets;

    /// <summary>Knows the values of the variables whose names say that they are secret. Values of fewer than four characters are left: masking them would make the text unreadable and hide little.</summary>
    public SecretMask(IEnumerable<KeyValuePair<string, string>> variables) =>
        _secrets = [.. variables
            .Where(v => IsSecretName(v.Key))
            .SelectMany(v => new[] { v.Value, Uri.EscapeDataString(v.Value), Quote(v.Value), Quote(Quote(v.Value)) })
            .Where(v => v.Length >= 4)
            .Distinct(StringComparer.Ordinal)
            .OrderByDescending(v => v.Length)];

    public static bool IsSecretName(string name) => SecretWords.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase));

    // In a line of JSON a quotation mark has a backslash before it; in a message that quotes another, two.
    private static string Quote(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    public string Mask(string text)
    {
        foreach (var secret in _secrets)
            text = text.Replace(secret, "***", StringComparison.Ordinal);
        return text;
    }
}
