namespace Litestream.Diagnostics;

/// <summary>How a flag is written: the same forms for options, settings, properties and URLs.</summary>
internal static class FlagText
{
    /// <summary>The forms, as a message lists them.</summary>
    public const string Forms = "true or false (also 1 or 0, yes or no, on or off)";

    /// <summary>The flag, in any case and with white space around it; null when it is something else.</summary>
    public static bool? Parse(string? text) =>
        text?.Trim().ToUpperInvariant() switch
        {
            "TRUE" or "1" or "YES" or "ON" => true,
            "FALSE" or "0" or "NO" or "OFF" => false,
            _ => null,
        };
}
