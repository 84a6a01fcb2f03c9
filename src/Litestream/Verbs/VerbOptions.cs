using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>
/// What was typed for the options of a verb; null where nothing was. A value that is not understood is LSB3008.
/// </summary>
/// <param name="given">The texts, by property.</param>
/// <param name="words">The words of an option that takes all that follow, where they came one by one.</param>
internal sealed class VerbOptions(IReadOnlyDictionary<string, string?> given, IReadOnlyList<string>? words = null)
{
    public string? Text(OptionName option) => OptionValue.Trim(Raw(option));

    public bool? Flag(OptionName option) => OptionValue.Flag(option, Raw(option));

    public TimeSpan? Duration(OptionName option) => OptionValue.Duration(option, Raw(option));

    public string? Path(OptionName option, string directory) => OptionValue.Path(option, Raw(option), directory);

    public int? Count(OptionName option) => OptionValue.Count(option, Raw(option));

    public long? Index(OptionName option) => OptionValue.Index(option, Raw(option));

    public long? TxId(OptionName option) => OptionValue.TxId(option, Raw(option));

    public string? Generation(OptionName option) => OptionValue.Generation(option, Raw(option));

    public T? Word<T>(OptionName option)
        where T : struct, Enum => OptionValue.Word<T>(option, Raw(option));

    public DateTimeOffset? Moment(OptionName option) =>
        Text(option) is { } time ? PointInTime.Parse(time, TimeProvider.System) : null;

    /// <summary>The words of a command line.</summary>
    /// <exception cref="LitestreamException">LSB3006: a quote is not closed.</exception>
    public IReadOnlyList<string> Words(OptionName option) => words ?? RunVerb.Split(Raw(option) ?? "");

    private string? Raw(OptionName option) => given.GetValueOrDefault(option.Property);
}
