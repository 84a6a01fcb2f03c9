using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>
/// What a value of litestream.yml is once its variables have their values. The executable expands the file before it
/// parses it, so in a value without a block
/// style the variable's own quotes go, and what follows <c> #</c> is a comment.
/// </summary>
internal static class ScalarText
{
    /// <summary>The value as far as it is known: what has no value stays a variable
    /// (<see cref="EnvPlaceholders">marked</see>).</summary>
    /// <param name="scalar">The value as it was read.</param>
    /// <param name="lookup">The value of a variable; null or empty when it has none.</param>
    public static string Known(YamlScalar scalar, Func<string, string?> lookup) =>
        EnvPlaceholders.Names(scalar.Text).All(name => lookup(name) is { Length: > 0 })
            ? Of(scalar, lookup)
            : EnvPlaceholders.ExpandKnown(scalar.Text, lookup);

    /// <summary>The value as the executable sees it: what has no value is nothing.</summary>
    /// <inheritdoc cref="Known" />
    public static string Of(YamlScalar scalar, Func<string, string?> lookup)
    {
        var text = EnvPlaceholders.Expand(scalar.Text, lookup);
        if (scalar.Style != YamlStyle.Plain || !EnvPlaceholders.HasVariables(scalar.Text) || text.Length == 0)
            return text;
        try
        {
            return YamlReader.Read("", $"value: {text}", expandVariables: false)["value"] is YamlScalar parsed
                ? parsed.IsNull
                    ? ""
                    : parsed.Text
                : text;
        }
        catch (LitestreamException)
        {
            // The executable would not parse the file; the effective one gives it this text in a block, where
            // everything is a text.
            return text;
        }
    }
}
