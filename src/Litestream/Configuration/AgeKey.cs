namespace Litestream.Configuration;

/// <summary>Keys of age (X25519), as release line 0.3 reads them: text with one key on each line. Empty lines and lines
/// that begin with <c>#</c> are ignored.</summary>
internal static class AgeKey
{
    private const string Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

    /// <summary>Why the executable would refuse a text as keys, as the end of a sentence; null when it takes it. Says
    /// nothing of the keys themselves.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isSecret">Whether they are identities; else recipients.</param>
    public static string? Problem(string text, bool isSecret)
    {
        var (prefix, what) = isSecret
            ? ("AGE-SECRET-KEY-", "secret key (AGE-SECRET-KEY-1...)")
            : ("age", "public key (age1...)");
        var keys = text.Split('\n').Select(line => line.EndsWith('\r') ? line[..^1] : line).ToList();
        keys.RemoveAll(line => line.Length == 0 || line[0] == '#');
        return keys.Count == 0 ? $"contains no {what}"
            : keys.TrueForAll(key => Length(key, prefix) == 32) ? null
            : $"is not a valid {what}";
    }

    /// <summary>The bytes in a key (Bech32), -1 when it is none with this prefix or its check digits are
    /// wrong.</summary>
    private static int Length(string key, string prefix)
    {
        var separator = key.LastIndexOf('1');
        if (separator < 0 || key[..separator] != prefix || key.Length < separator + 7 || key.Length > 1000)
            return -1;
        if (key.Any(char.IsAsciiLetterLower) && key.Any(char.IsAsciiLetterUpper))
            return -1;

        var lower = key.ToLowerInvariant();
        var check = 1u;
        var digitsOf = lower[(separator + 1)..].Select(c => Alphabet.IndexOf(c, StringComparison.Ordinal)).ToList();
        var prefixOf = lower[..separator];
        foreach (
            var part in prefixOf.Select(c => c >> 5).Append(0).Concat(prefixOf.Select(c => c & 31)).Concat(digitsOf)
        )
        {
            check = Step(check) ^ (uint)part;
        }

        if (check != 1 || digitsOf.Contains(-1))
            return -1;

        // Eight bits from five: what is left over has to be less than five bits, all zero.
        var digits = digitsOf.Count - 6;
        var last = digits == 0 ? 0 : digitsOf[digits - 1];
        var spare = digits * 5 % 8;
        return spare < 5 && (last & ((1 << spare) - 1)) == 0 ? digits * 5 / 8 : -1;
    }

    private static uint Step(uint check)
    {
        ReadOnlySpan<uint> generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
        var top = check >> 25;
        check = (check & 0x1ffffff) << 5;
        for (var i = 0; i < 5; i++)
        {
            if (((top >> i) & 1) == 1)
                check ^= generator[i];
        }

        return check;
    }
}
