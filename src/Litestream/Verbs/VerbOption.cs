using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>How an option is given on a command line of the app.</summary>
internal enum VerbOptionKind
{
    /// <summary>With a text.</summary>
    Text,

    /// <summary>By its name alone.</summary>
    Flag,

    /// <summary>Which database: as the first argument, with a text, or all of them.</summary>
    Database,

    /// <summary>As the last argument, or with a text.</summary>
    Argument,

    /// <summary>All words that follow.</summary>
    Words,

    /// <summary>Not at all: the app does not have it.</summary>
    None,
}

/// <summary>An option of a verb.</summary>
/// <param name="Name">On a command line of the app.</param>
/// <param name="Property">In a build.</param>
/// <param name="Kind">How it is given.</param>
/// <param name="Form">What the help shows in the place of a text.</param>
/// <param name="Help">What it means.</param>
internal sealed record VerbOption(string Name, string Property, VerbOptionKind Kind, string Form, string Help)
{
    /// <summary>Which database is meant.</summary>
    public static VerbOption Database { get; } =
        Of(
            OptionName.Database,
            VerbOptionKind.Database,
            "database",
            "Its path as configured, the path of its file, or the name of its connection string"
        );

    /// <summary>What the property is when the flag is given.</summary>
    public string SetTo { get; private init; } = "true";

    public static VerbOption Text(OptionName name, string form, string help) =>
        Of(name, VerbOptionKind.Text, form, help);

    public static VerbOption Argument(OptionName name, string form, string help) =>
        Of(name, VerbOptionKind.Argument, form, help);

    public static VerbOption Flag(OptionName name, string help) =>
        Of(name, VerbOptionKind.Flag, "", help) with
        {
            SetTo = name.Value ?? "true",
        };

    public static VerbOption Words(OptionName name, string help) =>
        Of(name, VerbOptionKind.Words, name.Name.TrimStart('-'), help);

    /// <summary>A property that the app's command has no option for.</summary>
    public static VerbOption OfBuild(OptionName name) => Of(name, VerbOptionKind.None, "", "");

    private static VerbOption Of(OptionName name, VerbOptionKind kind, string form, string help) =>
        new(name.Name, name.Property, kind, form, help);
}
