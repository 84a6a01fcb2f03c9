using System.Text.RegularExpressions;
using Litestream.Diagnostics;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Litestream.Configuration;

/// <summary>What YAML 1.2 takes in a text and 1.1 does not, and what a tag makes of it.</summary>
internal static partial class YamlScalarRules
{
    /// <summary>A text as the executable has it.</summary>
    /// <param name="scalar">As YamlDotNet has it.</param>
    /// <param name="raw">The file.</param>
    /// <param name="isInFlow">Whether it is between brackets.</param>
    /// <param name="error">Makes the exception where the executable would not read it.</param>
    public static YamlScalar Read(
        Scalar scalar,
        string raw,
        bool isInFlow,
        Func<string, Mark, LitestreamException> error
    )
    {
        var (text, style, start) = (scalar.Value, StyleOf(scalar), scalar.Start);
        if (Problem(scalar, raw, isInFlow) is { } problem)
            throw error(problem, start);

        if (!scalar.Tag.IsEmpty)
        {
            // What a variable will be is not known here.
            (text, style) = EnvPlaceholders.HasVariables(text)
                ? (text, scalar.Tag.Value == "tag:yaml.org,2002:str" ? YamlStyle.DoubleQuoted : style)
                : GoYaml.Untag(scalar.Tag.Value, text)
                    ?? throw error(
                        "This value does not match its tag (`!!`), so Litestream would not start. Remove the tag.",
                        start
                    );
        }

        // No file system and no storage takes it in a name, and nothing else is longer because of it.
        return text.Contains('\0')
            ? throw error("This value contains a null character (`\\0`). Remove it.", start)
            : new YamlScalar(text, style) { Line = (int)start.Line, Column = (int)start.Column };
    }

    private static string? Problem(Scalar scalar, string raw, bool isInFlow)
    {
        var isPlain = isInFlow && scalar.Style == ScalarStyle.Plain;
        if (isPlain && scalar.Value.StartsWith(':'))
        {
            return "Between `{` and `}`, or `[` and `]`, Litestream reads a `:` before a text as the start of a value. "
                + "Put the text in quotes.";
        }

        if (isPlain && scalar.Value.Contains('?'))
        {
            return "Between `{` and `}`, or `[` and `]`, Litestream reads `?` as the end of a text. Put the text in "
                + "quotes.";
        }

        var (start, end) = ((int)scalar.Start.Index, Math.Min((int)scalar.End.Index, raw.Length));
        return scalar.Style == ScalarStyle.DoubleQuoted && start < end && EscapedSlash().IsMatch(raw[start..end])
            ? "Litestream does not know the escape `\\/`. Write `/` alone, or use single quotes."
            : null;
    }

    private static YamlStyle StyleOf(Scalar scalar) =>
        scalar.Style switch
        {
            ScalarStyle.SingleQuoted => YamlStyle.SingleQuoted,
            ScalarStyle.DoubleQuoted => YamlStyle.DoubleQuoted,
            ScalarStyle.Literal or ScalarStyle.Folded => YamlStyle.Block,
            _ => YamlStyle.Plain,
        };

    [GeneratedRegex(@"(?<!\\)(\\\\)*\\/")]
    private static partial Regex EscapedSlash();
}
