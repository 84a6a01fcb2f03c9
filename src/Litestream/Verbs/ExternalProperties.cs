namespace Litestream.Verbs;

/// <summary>What a build was given from outside its project files.</summary>
/// <param name="Global">The names of the global properties: <c>-p:</c> on the command line, or an MSBuild task.</param>
/// <param name="Variables">The names of the environment variables, each of which MSBuild takes for a property.</param>
/// <param name="ProjectText">The text of the project's files: a property that they use is the user's own.</param>
internal sealed record ExternalProperties(
    IReadOnlyCollection<string> Global,
    IReadOnlyCollection<string> Variables,
    string ProjectText
)
{
    /// <summary>The names of the global properties without a value: <c>-p:LitestreamTimestamp=$MOMENT</c> where the
    /// variable is not set.</summary>
    public IReadOnlyCollection<string> Empty { get; init; } = [];

    /// <summary>
    /// Properties that nothing reads. A variable only where its name is like that of a property: others may be
    /// anybody's.
    /// </summary>
    public IEnumerable<string> Unknown() =>
        Global
            .Concat(Variables.Where(name => PropertyNames.IsOurs(name) && PropertyNames.Nearest(name) is not null))
            .Where(name => PropertyNames.IsOurs(name) && !PropertyNames.IsKnown(name))
            .Where(name => !ProjectText.Contains($"$({name})", StringComparison.OrdinalIgnoreCase))
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .Order(StringComparer.OrdinalIgnoreCase);

    /// <summary>Properties of some verb, by the names that they have in the docs.</summary>
    public IEnumerable<string> OfVerbs() =>
        PropertyNames.All.Where(name =>
            PropertyNames.IsOfVerb(name) && Global.Contains(name, StringComparer.OrdinalIgnoreCase)
        );
}
