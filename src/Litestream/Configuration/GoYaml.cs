using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Litestream.Configuration;

/// <summary>What the executable's parser takes a scalar for.</summary>
internal enum GoYamlKind
{
    Null,
    Flag,
    Integer,
    Float,
    Text,
}

/// <summary>How the executable's parser (YAML 1.1 as Go reads it) takes a scalar: which plain words are flags, which
/// are numbers, what a tag does.</summary>
internal static partial class GoYaml
{
    private const string Core = "tag:yaml.org,2002:";

    /// <summary>What a scalar without quotes is.</summary>
    public static GoYamlKind KindOf(string plain) =>
        plain switch
        {
            "" or "~" or "null" or "Null" or "NULL" => GoYamlKind.Null,
            _ when Flag().IsMatch(plain) => GoYamlKind.Flag,
            _ when Integer(plain) is not null => GoYamlKind.Integer,
            _ when Float(plain) is not null => GoYamlKind.Float,
            _ => GoYamlKind.Text,
        };

    /// <summary>The number that the executable keeps for a setting that is a whole number: <c>0x10</c>, <c>010</c>,
    /// <c>1_000</c>, <c>1e3</c>. Null when it refuses the value.</summary>
    public static long? Number(string plain) =>
        Integer(plain) is { } whole
            ? whole >= long.MinValue && whole <= long.MaxValue
                ? (long)whole
                : null
            : Float(plain) is { } number && number < 9223372036854775808d
                ? number >= -9223372036854775808d
                    ? (long)number
                    : long.MinValue
                : null;

    /// <summary>Whether a number has decimals that would be cut off.</summary>
    public static bool HasDecimals(string plain) =>
        Integer(plain) is null && Float(plain) is { } number && number != Math.Floor(number);

    /// <summary>
    /// A scalar with a tag as the same one without: its text and whether it is in quotes then. A tag of somebody's own
    /// makes it a text.
    /// </summary>
    /// <param name="tag">The tag with its full name.</param>
    /// <param name="text">The text.</param>
    /// <returns>Null when the executable would not read it.</returns>
    public static (string Text, YamlStyle Style)? Untag(string tag, string text)
    {
        if (!tag.StartsWith(Core, StringComparison.Ordinal))
            return (text, YamlStyle.DoubleQuoted);

        var kind = KindOf(text);
        (string, YamlStyle)? plain = (text, YamlStyle.Plain);
        switch (tag[Core.Length..])
        {
            case "str":
                return (text, YamlStyle.DoubleQuoted);
            case "binary":
                return Binary(text) is { } decoded ? (decoded, YamlStyle.DoubleQuoted) : null;
            case "null":
                return kind == GoYamlKind.Null ? plain : null;
            case "bool":
                return kind == GoYamlKind.Flag ? plain : null;
            case "int":
                return kind == GoYamlKind.Integer ? plain : null;
            case "float":
                return kind is GoYamlKind.Integer or GoYamlKind.Float ? plain : null;
            case "timestamp":
                return Timestamp().IsMatch(text) ? plain : null;
            default:
                return (text, YamlStyle.DoubleQuoted);
        }
    }

    /// <summary>A whole number, null when it is none or has more than 64 bits.</summary>
    private static decimal? Integer(string plain)
    {
        if (plain.Length == 0 || !(char.IsAsciiDigit(plain[0]) || plain[0] is '+' or '-'))
            return null;

        var digits = plain.Replace("_", "");
        var negative = digits[0] == '-';
        if (digits[0] is '+' or '-')
            digits = digits[1..];
        var (radix, skip) = digits switch
        {
            ['0', 'x' or 'X', _, ..] => (16, 2),
            ['0', 'o' or 'O', _, ..] => (8, 2),
            ['0', 'b' or 'B', _, ..] => (2, 2),
            ['0', _, ..] => (8, 1),
            _ => (10, 0),
        };
        if (digits.Length == skip)
            return null;

        var value = 0m;
        foreach (var digit in digits.AsSpan(skip))
        {
            var worth = char.IsAsciiHexDigit(digit) ? Convert.ToInt32(digit.ToString(), 16) : radix;
            value = value * radix + worth;
            if (worth >= radix || value > ulong.MaxValue)
                return null;
        }

        return negative
            ? value > 9223372036854775808m
                ? null
                : -value
            : value;
    }

    private static double? Float(string plain) =>
        plain switch
        {
            ".inf" or ".Inf" or ".INF" or "+.inf" or "+.Inf" or "+.INF" => double.PositiveInfinity,
            "-.inf" or "-.Inf" or "-.INF" => double.NegativeInfinity,
            ".nan" or ".NaN" or ".NAN" => double.NaN,
            _ when FloatForm().IsMatch(plain)
                    && plain[0] != '_'
                    && double.TryParse(
                        plain.Replace("_", ""),
                        NumberStyles.Float,
                        CultureInfo.InvariantCulture,
                        out var number
                    )
                    && double.IsFinite(number) => number,
            _ => null,
        };

    private static string? Binary(string text)
    {
        // Go's decoder passes over line breaks alone, .NET's over any white space.
        if (text.AsSpan().IndexOfAny(' ', '\t') >= 0)
            return null;

        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Convert.FromBase64String(text));
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>What YAML 1.1 takes for true and false.</summary>
    [GeneratedRegex(@"\A(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)\z")]
    private static partial Regex Flag();

    [GeneratedRegex(@"\A[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9][0-9_]*)?\z")]
    private static partial Regex FloatForm();

    [GeneratedRegex(@"\A[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?\z")]
    private static partial Regex Timestamp();
}
