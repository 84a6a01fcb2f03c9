using System.Globalization;
using System.Text.RegularExpressions;

namespace Litestream.Diagnostics;

/// <summary>
/// Options as people type them. Nothing typed is null; what is not understood is LSB3008, which names the option. The
/// same forms hold wherever a command is
/// given: for an MSBuild target and for the published app.
/// </summary>
internal static partial class OptionValue
{
    /// <summary>A flag, as <see cref="FlagText"/> reads it.</summary>
    public static bool? Flag(OptionName option, string? text) =>
        Trim(text) is { } value ? FlagText.Parse(value) ?? throw Wrong(option, value, FlagText.Forms) : null;

    /// <summary>How long something may take, as <see cref="DurationText"/> reads it.</summary>
    public static TimeSpan? Duration(OptionName option, string? text) =>
        Trim(text) is { } value ? DurationText.Wait(value) ?? throw Wrong(option, value, DurationText.WaitForms) : null;

    /// <summary>A path, from a directory on where it is relative.</summary>
    public static string? Path(OptionName option, string? text, string directory) =>
        Trim(text) switch
        {
            null => null,
            var value when value.Contains('\0') => throw Wrong(
                option,
                value.Replace('\0', ' '),
                "a path without a null character"
            ),
            var value => System.IO.Path.GetFullPath(value, directory),
        };

    /// <summary>A count from 1 on.</summary>
    public static int? Count(OptionName option, string? text) =>
        Trim(text) switch
        {
            null => null,
            var value
                when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0 =>
                count,
            var value => throw Wrong(option, value, "a whole number, 1 or more"),
        };

    /// <summary>A TXID as the tables have it: 16 hexadecimal digits, of which leading zeros may be missing.</summary>
    public static long? TxId(OptionName option, string? text) =>
        Trim(text) switch
        {
            null => null,
            { Length: <= 16 } value
                when long.TryParse(value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var txId)
                    && txId >= 0 => txId,
            var value => throw Wrong(
                option,
                value,
                $"a TXID as {VerbName.Ltx} prints it: 16 hexadecimal digits (000000000000002a)"
            ),
        };

    /// <summary>
    /// An index of a snapshot or a WAL segment: decimal as the tables have it, or hexadecimal after <c>0x</c>, as in
    /// the names of the replica's files.
    /// </summary>
    public static long? Index(OptionName option, string? text) =>
        Trim(text) switch
        {
            null => null,
            var value
                when uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
                    && index <= int.MaxValue => index,
            var value
                when value.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
                    && uint.TryParse(
                        value[2..],
                        NumberStyles.AllowHexSpecifier,
                        CultureInfo.InvariantCulture,
                        out var index
                    )
                    && index <= int.MaxValue => index,
            var value => throw Wrong(
                option,
                value,
                $"an index as {VerbName.Snapshots} and {VerbName.Wal} print it (12), or hexadecimal as in file names "
                    + $"(0x0c)"
            ),
        };

    /// <summary>A generation: 16 hexadecimal digits.</summary>
    public static string? Generation(OptionName option, string? text) =>
        Trim(text) switch
        {
            null => null,
            var value when GenerationForm().IsMatch(value) => value,
            var value => throw Wrong(option, value, $"16 hexadecimal digits, as {VerbName.Generations} prints them"),
        };

    /// <summary>One of a list of words, in any case.</summary>
    public static T? Word<T>(OptionName option, string? text)
        where T : struct, Enum =>
        Trim(text) switch
        {
            null => null,
            var value when Enum.GetNames<T>().Contains(value, StringComparer.OrdinalIgnoreCase) => Enum.Parse<T>(
                value,
                ignoreCase: true
            ),
            var value => throw Wrong(
                option,
                value,
                NearestName.Choice(Enum.GetNames<T>()),
                NearestName.DidYouMean(value, Enum.GetNames<T>())
            ),
        };

    /// <summary>The text without white space around it, null when nothing is left.</summary>
    public static string? Trim(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static LitestreamException Wrong(OptionName option, string value, MessageText forms, string meant = "") =>
        new(
            "LSB3008",
            $"{new OptionName(option.Name, option.Property)} is '{value}'; it must be {forms}.{meant} "
                + $"Nothing was started."
        );

    [GeneratedRegex("^[0-9a-f]{16}$", RegexOptions.CultureInvariant)]
    private static partial Regex GenerationForm();
}
