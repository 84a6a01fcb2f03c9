using Litestream.Configuration;
using Litestream.Diagnostics;

namespace Litestream.Verbs;

/// <summary>
/// Names in a project and on the command line of a build that no target reads: said with the name that was probably
/// meant. Looks at names, never at values.
/// </summary>
internal static class UnknownProperties
{
    /// <summary>The properties of all verbs that choose what a verb is about.</summary>
    private static readonly string[] OfAllVerbs = ["LitestreamContentRoot", "LitestreamConfigFile"];

    /// <summary>LSB1053 for each name in a project file that none of the targets reads, LSB1061 for each item with a
    /// wildcard.</summary>
    /// <param name="files">Each file with its text.</param>
    public static IEnumerable<LitestreamDiagnostic> OfProject(IReadOnlyList<(string File, string Text)> files) =>
        ProjectNames
            .Unknown(files)
            .Select(name =>
                Explain(name) with
                {
                    File = name.File,
                    Line = name.Line,
                    Column = name.Column,
                }
            );

    private static LitestreamDiagnostic Explain(ProjectName name) =>
        name.Kind switch
        {
            ProjectNameKind.Wildcard => new(
                "LSB1061",
                LitestreamSeverity.Warning,
                $"'{name.Name}' names only the files that exist while the app is built: those of a server are not "
                    + "replicated. Remove the item, and write the pattern in the setting Litestream:DatabasePatterns "
                    + "(appsettings.json)."
            ),
            ProjectNameKind.Property => UnknownNames.Misspelling(
                $"'{name.Name}' is not a property of Litestream and has no effect. {MeantProperty(name.Name)}"
            ),
            ProjectNameKind.Item => UnknownNames.Misspelling(
                $"Litestream has no item '{name.Name}', so it has no effect. "
                    + $"Did you mean '{PropertyNames.DatabaseItem}'?"
            ),
            _ => UnknownNames.Misspelling(
                $"{PropertyNames.DatabaseItem} has no metadata '{name.Name}', so it has no effect. "
                    + (
                        NearestName.Of(name.Name, PropertyNames.DatabaseMetadata) is { } nearest
                            ? $"Did you mean '{nearest}'?"
                            : $"It has {string.Join(" and ", PropertyNames.DatabaseMetadata)}."
                    )
            ),
        };

    /// <summary>
    /// LSB1053 for metadata of items that came from elsewhere than the files that were looked at, where it is like one
    /// that is read.
    /// </summary>
    /// <param name="metadata">Names of custom metadata.</param>
    /// <param name="files">The files that were looked at: what is written there is said with its place.</param>
    public static IEnumerable<LitestreamDiagnostic> OfMetadata(
        IEnumerable<string> metadata,
        IReadOnlyList<(string File, string Text)> files
    ) =>
        metadata
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .Where(name => !PropertyNames.DatabaseMetadata.Contains(name, StringComparer.OrdinalIgnoreCase))
            .Where(name => !files.Any(file => file.Text.Contains(name, StringComparison.OrdinalIgnoreCase)))
            .Select(name => (Name: name, Meant: NearestName.Of(name, PropertyNames.DatabaseMetadata)))
            .Where(name => name.Meant is not null)
            .Select(name =>
                UnknownNames.Misspelling(
                    $"{PropertyNames.DatabaseItem} has no metadata '{name.Name}', so it has no effect. "
                        + $"Did you mean '{name.Meant}'?"
                )
            );

    /// <summary>What was given on the command line of a build, or as a variable, and is not a property.</summary>
    /// <param name="given">What the build was given.</param>
    public static IEnumerable<LitestreamDiagnostic> OfBuild(ExternalProperties given) =>
        given
            .Unknown()
            .Select(name =>
                UnknownNames.Misspelling(
                    $"'{name}' is not a property of Litestream and has no effect. {MeantProperty(name)}"
                )
            );

    /// <summary>
    /// LSB3019 for what is not a property, LSB3020 for a property of another verb, LSB3008 for one without a value. An
    /// error wherever the verb would do something else than what was asked for.
    /// </summary>
    /// <param name="verb">The verb.</param>
    /// <param name="given">What it was given.</param>
    /// <param name="files">The project's files with their text.</param>
    public static IEnumerable<LitestreamDiagnostic> OfVerb(
        Verb verb,
        ExternalProperties given,
        IReadOnlyList<(string File, string Text)> files
    )
    {
        foreach (var name in given.Unknown())
            yield return NoProperty(name);

        foreach (var name in ProjectNames.Unknown(files).Where(name => name.Kind == ProjectNameKind.Property))
        {
            if (PropertyNames.Nearest(name.Name) is { } nearest && PropertyNames.IsOfVerb(nearest))
            {
                yield return NoProperty(name.Name) with
                {
                    File = name.File,
                    Line = name.Line,
                    Column = name.Column,
                };
            }
        }

        // What a script says whose variable is not set. Taken for "not given", it would be the newest backup, or the
        // database in the project's folder.
        foreach (
            var name in OfAllVerbs
                .Concat(verb.Options.Select(option => option.Property))
                .Where(name => given.Empty.Contains(name, StringComparer.OrdinalIgnoreCase))
        )
        {
            yield return new(
                "LSB3008",
                LitestreamSeverity.Error,
                $"{name} is empty. Set it, or remove it from the command line. Nothing was started."
            );
        }

        foreach (var name in given.OfVerbs().Where(name => !verb.Takes(name)))
        {
            // What says which backup is restored must not be lost on a verb that restores, and that nothing is to be
            // changed on none that changes something.
            var restores = verb.Takes(OptionName.Timestamp.Property) || verb.Takes(OptionName.From.Property);
            var ofRestore = restores && Verb.All.First(one => one.Name == "restore").Takes(name);
            var ofDiff = restores && name is "LitestreamFrom" or "LitestreamTo";
            var dry = name == "LitestreamDryRun" && (verb.StartsLitestream || verb.IsOfBuild);
            MessageText remedy = $"Remove it.";
            if (ofRestore)
                remedy = $"Remove it, or use {VerbName.Restore}.";
            yield return ofRestore || ofDiff || dry
                ? new(
                    "LSB3020",
                    LitestreamSeverity.Error,
                    $"{verb.Target} does not take {name}. {remedy} Nothing was started."
                )
                : new(
                    "LSB3020",
                    LitestreamSeverity.Warning,
                    $"{verb.Target} does not take {name}: it has no effect on this target."
                );
        }
    }

    private static LitestreamDiagnostic NoProperty(string name) =>
        new(
            "LSB3019",
            LitestreamSeverity.Error,
            $"'{name}' is not a property of Litestream. {MeantProperty(name)} Nothing was started."
        );

    private static string MeantProperty(string name) =>
        PropertyNames.Nearest(name) is { } nearest
            ? $"Did you mean '{nearest}'?"
            : "Remove it, or correct its name: README.md and docs/commands.md list all properties.";
}
