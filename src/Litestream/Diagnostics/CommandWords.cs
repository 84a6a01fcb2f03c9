namespace Litestream.Diagnostics;

/// <summary>How verbs and options are named to whoever reads a message: here as the targets have them.</summary>
internal class CommandWords
{
    /// <summary>Where no front end prints it, in a log or an exception: with the names in code.</summary>
    public static readonly CommandWords Default = new CodeWords();

    /// <summary>A verb.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="arguments">What it is to run; null for the verb alone.</param>
    public virtual string Verb(string name, string? arguments) =>
        arguments is null ? Target(name) : $"-t:{Target(name)} -p:{OptionName.Arguments.Property}=\"{arguments}\"";

    /// <summary>An option.</summary>
    /// <param name="name">Its name on a command line.</param>
    /// <param name="property">Its property.</param>
    /// <param name="value">The value that is meant; null for the option alone.</param>
    public virtual string Option(string name, string property, string? value) =>
        value is null ? property : $"{property}={value}";

    /// <summary>The target of a verb.</summary>
    public static string Target(string verb) => $"Litestream{char.ToUpperInvariant(verb[0])}{verb[1..]}";

    private sealed class CodeWords : CommandWords
    {
        public override string Option(string name, string property, string? value) =>
            base.Option(name, property, value)
            + (
                value is null
                    ? ""
                    : property switch
                    {
                        "LitestreamForce" => ", RestoreOptions.Force",
                        "LitestreamVerifyWrite" => ", VerificationOptions.Write",
                        "LitestreamStartReplicator" => ", VerificationOptions.StartReplicator",
                        _ => "",
                    }
            );
    }
}
