using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Litestream.Diagnostics;

/// <summary>
/// A message for people that may refer to verbs and options. Whoever prints it names those in words of its own;
/// everything else stays as it was written. Made from an interpolated string; numbers are invariant.
/// </summary>
[InterpolatedStringHandler]
internal sealed class MessageText : IEquatable<MessageText>
{
    private readonly List<Func<CommandWords, string>> _parts = [];

    public MessageText(int literalLength, int formattedCount) => _parts.Capacity = formattedCount * 2 + 1;

    [return: NotNullIfNotNull(nameof(text))]
    public static implicit operator MessageText?(string? text)
    {
        if (text is null)
            return null;
        var message = new MessageText(0, 0);
        message.AppendLiteral(text);
        return message;
    }

    public static MessageText Join(string separator, IEnumerable<MessageText> texts)
    {
        var joined = new MessageText(0, 0);
        foreach (var text in texts)
        {
            if (joined._parts.Count > 0)
                joined.AppendLiteral(separator);
            joined.AppendFormatted(text);
        }

        return joined;
    }

    public void AppendLiteral(string text) => _parts.Add(_ => text);

    public void AppendFormatted<T>(T value, int alignment = 0, string? format = null)
    {
        var text = value is IFormattable formattable
            ? formattable.ToString(format, CultureInfo.InvariantCulture)
            : value?.ToString() ?? "";
        AppendLiteral(alignment < 0 ? text.PadRight(-alignment) : text.PadLeft(alignment));
    }

    public void AppendFormatted(MessageText? text) => _parts.AddRange(text?._parts ?? []);

    public void AppendFormatted(OptionName option)
    {
        var (name, property, value) = (option.Name, option.Property, option.Value);
        _parts.Add(words => words.Option(name, property, value));
    }

    public void AppendFormatted(VerbName verb)
    {
        var (name, arguments) = (verb.Name, verb.Arguments);
        _parts.Add(words => words.Verb(name, arguments));
    }

    /// <summary>The message in these words.</summary>
    public string In(CommandWords words) => string.Concat(_parts.Select(part => part(words)));

    /// <summary>In the words of the targets, with the names in code.</summary>
    public override string ToString() => In(CommandWords.Default);

    public bool Equals(MessageText? other) => other is not null && other.ToString() == ToString();

    public override bool Equals(object? obj) => Equals(obj as MessageText);

    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);
}
