using System.Xml;
using System.Xml.Linq;

namespace Litestream.Verbs;

/// <summary>What a name in a project file stands for.</summary>
internal enum ProjectNameKind
{
    /// <summary>A property.</summary>
    Property,

    /// <summary>An item.</summary>
    Item,

    /// <summary>Metadata of an item <c>LitestreamDatabase</c>.</summary>
    Metadata,

    /// <summary>What such an item includes, where it has a wildcard: MSBuild itself replaces it.</summary>
    Wildcard,
}

/// <summary>A name that begins with Litestream, or metadata of one that does, and where it is written.</summary>
/// <param name="Kind">What it stands for.</param>
/// <param name="Name">As it is written.</param>
/// <param name="File">The project file.</param>
/// <param name="Line">1-based.</param>
/// <param name="Column">1-based.</param>
internal sealed record ProjectName(ProjectNameKind Kind, string Name, string File, int Line, int Column);

/// <summary>
/// The names that project files give to Litestream, as they are written: MSBuild itself takes any name for any purpose
/// and says nothing.
/// </summary>
internal static class ProjectNames
{
    /// <summary>What every item may have, metadata or not.</summary>
    private static readonly string[] OfEveryItem = (
        "Include Exclude Remove Update Condition Label KeepMetadata RemoveMetadata KeepDuplicates MatchOnMetadata "
        + "MatchOnMetadataOptions"
    ).Split(' ');

    /// <summary>
    /// The names in one file that are known to none of our targets. A name that a file uses itself, as
    /// <c>$(LitestreamBucket)</c>, is the user's own.
    /// </summary>
    /// <param name="files">Each file with its text: the project, and what it is imported into it from its own
    /// folders.</param>
    public static IReadOnlyList<ProjectName> Unknown(IReadOnlyList<(string File, string Text)> files)
    {
        var names = files
            .SelectMany(file => Read(file.File, file.Text))
            .Where(name =>
                name.Kind switch
                {
                    ProjectNameKind.Property => !PropertyNames.IsKnown(name.Name),
                    ProjectNameKind.Item => !name.Name.Equals(
                        PropertyNames.DatabaseItem,
                        StringComparison.OrdinalIgnoreCase
                    ),
                    ProjectNameKind.Wildcard => true,
                    _ => !PropertyNames.DatabaseMetadata.Contains(name.Name, StringComparer.OrdinalIgnoreCase),
                }
            );
        return [.. names.Where(name => !files.Any(file => Uses(file.Text, name)))];
    }

    /// <summary>Whether a file takes the value of a name.</summary>
    private static bool Uses(string text, ProjectName name)
    {
        bool Has(string reference) => text.Contains(reference, StringComparison.OrdinalIgnoreCase);
        return name.Kind switch
        {
            ProjectNameKind.Property => Has($"$({name.Name})") || Has($"$({name.Name}."),
            ProjectNameKind.Wildcard => false,
            ProjectNameKind.Item => Has($"@({name.Name}") || Has($"%({name.Name}."),
            _ => Has($"%({name.Name})") || Has($"%({PropertyNames.DatabaseItem}.{name.Name})"),
        };
    }

    private static List<ProjectName> Read(string file, string text)
    {
        var names = new List<ProjectName>();
        XDocument document;
        try
        {
            document = XDocument.Parse(text, LoadOptions.SetLineInfo);
        }
        catch (XmlException)
        {
            // MSBuild has read it, so it has changed since.
            return names;
        }

        void Add(ProjectNameKind kind, string name, IXmlLineInfo place) =>
            names.Add(new ProjectName(kind, name, file, place.LineNumber, place.LinePosition));

        foreach (var group in document.Descendants())
        {
            switch (group.Name.LocalName)
            {
                case "PropertyGroup":
                    foreach (var property in group.Elements().Where(one => PropertyNames.IsOurs(one.Name.LocalName)))
                        Add(ProjectNameKind.Property, property.Name.LocalName, property);
                    break;
                case "ItemGroup" or "ItemDefinitionGroup":
                    foreach (var item in group.Elements().Where(item => PropertyNames.IsOurs(item.Name.LocalName)))
                    {
                        Add(ProjectNameKind.Item, item.Name.LocalName, item);
                        if (!item.Name.LocalName.Equals(PropertyNames.DatabaseItem, StringComparison.OrdinalIgnoreCase))
                            continue;
                        if (item.Attribute("Include") is { } include && include.Value.Contains('*'))
                            Add(ProjectNameKind.Wildcard, include.Value, include);
                        foreach (
                            var attribute in item.Attributes()
                                .Where(one =>
                                    !one.IsNamespaceDeclaration
                                    && !OfEveryItem.Contains(one.Name.LocalName, StringComparer.OrdinalIgnoreCase)
                                )
                        )
                        {
                            Add(ProjectNameKind.Metadata, attribute.Name.LocalName, attribute);
                        }

                        foreach (var element in item.Elements())
                            Add(ProjectNameKind.Metadata, element.Name.LocalName, element);
                    }

                    break;
            }
        }

        return names;
    }
}
