namespace Litestream.Configuration;

/// <summary>Keys of age (X25519), as release line 0.3 takes them: text with one key a line; empty lines and those that
/// begin with <c>#</c> are passed over.</summary>
internal static class AgeKey
{
    private const string Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

    /// <summary>Why the executable would refuse a text as recipients, as the end of a sentence; null when it takes
    /// it.</summary>
    public static string? RecipientProblem(string text) => Problem(text, "age", "a public key (age1...)");

    /// <summary>Why the executable would refuse a text as identities; null when it takes it. Says nothing of the key
    /// itself.</summary>
    public static string? IdentityProblem(string text) =>
        Problem(text, "AGE-SECRET-KEY-", "a secret key (AGE-SECRET-KEY-1...)");

    private static string? Problem(string text, string prefix, string what)
    {
        var keys = text.Split('\n')
            .Select(line => line.EndsWith('\r') ? line[..^1] : line)
            .Where(line => line.Length > 0 && line[0] != '#')
            .ToList();
        return keys.Count == 0 ? $"has no {what[2..]} in it"
            : keys.TrueForAll(key => Length(key, prefix) == 32) ? null
            : $"is not {what}, or has a mistake in it";
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
        foreach (var c in lower.AsSpan(0, separator))
            check = Step(check) ^ (uint)(c >> 5);
        check = Step(check);
        foreach (var c in lower.AsSpan(0, separator))
            check = Step(check) ^ (uint)(c & 31);
        foreach (var c in lower.AsSpan(separator + 1))
        {
            var digit = Alphabet.IndexOf(c, StringComparison.Ordinal);
            if (digit < 0)
                return -1;
            check = Step(check) ^ (uint)digit;
        }

        if (check != 1)
            return -1;

        // Eight bits from five: what is left over has to be less than five bits, all zero.
        var digits = lower.Length - separator - 1 - 6;
        var last = digits == 0 ? 0 : Alphabet.IndexOf(lower[separator + digits], StringComparison.Ordinal);
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
