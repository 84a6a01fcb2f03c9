using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Litestream.FileSystem;

namespace Litestream.Databases;

/// <summary>
/// Whether a project asked for this package itself. It did where the reference stands in the project file, in a file
/// that is named after the project (Shop.props), or in another file under a condition that names the project. It did
/// not where a file gives the reference to every project that imports it, nor where a library brings it.
/// </summary>
internal static partial class PackageReferenceOrigin
{
    private const string Package = "Litestream.Build";

    /// <summary>Decides for the files in which the project's references to the package stand.</summary>
    /// <param name="projectFile">The project file.</param>
    /// <param name="definingFiles">Where the references stand; none where a library brings the package.</param>
    public static bool IsOwn(string projectFile, IEnumerable<string> definingFiles)
    {
        var files = definingFiles.ToList();
        return files.Count > 0
            && (MentionsPackage(Read(projectFile)) || files.Exists(file => IsOwn(projectFile, file, Read(file))));
    }

    /// <summary>Decides for one file.</summary>
    /// <param name="projectFile">The project file.</param>
    /// <param name="definingFile">Where the reference stands.</param>
    /// <param name="content">What is in it; null when that cannot be read.</param>
    internal static bool IsOwn(string projectFile, string definingFile, XDocument? content)
    {
        var name = Path.GetFileNameWithoutExtension(projectFile);
        var file = Path.GetFileName(definingFile);
        if (IsSame(projectFile, definingFile) || file.StartsWith(name + ".", StringComparison.OrdinalIgnoreCase))
            return true;
        return References(content)
            .Any(reference =>
                reference
                    .AncestorsAndSelf()
                    .Select(element => element.Attribute("Condition")?.Value)
                    .OfType<string>()
                    .Any(condition => Names(condition, projectFile))
            );
    }

    /// <summary>
    /// Whether a condition holds for this project by its name: '$(MSBuildProjectName)' == 'Shop', and the like.
    /// </summary>
    internal static bool Names(string condition, string projectFile)
    {
        var name = Path.GetFileNameWithoutExtension(projectFile);
        var file = Path.GetFileName(projectFile);
        var folder = Path.GetFileName(Path.GetDirectoryName(projectFile)) ?? "";
        var isOfFolder =
            folder.Length > 0 && condition.Contains("MSBuildProjectDirectory", StringComparison.OrdinalIgnoreCase);
        return condition.Contains("MSBuildProject", StringComparison.OrdinalIgnoreCase)
            && Literal()
                .Matches(condition)
                .Where(literal => !literal.Groups[1].Success)
                .Select(literal => literal.Groups[2].Value.Replace('\\', '/').TrimEnd('/'))
                .Any(literal =>
                    Is(literal, name)
                    || Is(literal, file)
                    || EndsWith(literal, file)
                    || (isOfFolder && EndsWith(literal, folder))
                );

        static bool Is(string literal, string text) => literal.Equals(text, StringComparison.OrdinalIgnoreCase);

        // A property such as $(MSBuildThisFileDirectory) ends with a slash of its own.
        static bool EndsWith(string literal, string text) =>
            literal.EndsWith("/" + text, StringComparison.OrdinalIgnoreCase)
            || literal.EndsWith(")" + text, StringComparison.OrdinalIgnoreCase);
    }

    private static bool MentionsPackage(XDocument? project) => References(project).Any();

    private static IEnumerable<XElement> References(XDocument? content) =>
        (content?.Descendants() ?? [])
            .Where(element => element.Name.LocalName == "PackageReference")
            .Where(element => HasPackage(element.Attribute("Include")) || HasPackage(element.Attribute("Update")));

    private static bool HasPackage(XAttribute? names) =>
        names is not null
        && names.Value.Split(';', StringSplitOptions.TrimEntries).Contains(Package, StringComparer.OrdinalIgnoreCase);

    private static XDocument? Read(string file)
    {
        try
        {
            using var stream = NonDatabaseFile.OpenRead(file);
            return XDocument.Load(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or XmlException)
        {
            return null;
        }
    }

    private static bool IsSame(string left, string right) =>
        left.Equals(right, OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);

    /// <summary>A text in quotation marks, and whether it is what something must not be.</summary>
    [GeneratedRegex("(!=\\s*)?'((?:\\$\\([^)']*\\)|[^'$])*)'", RegexOptions.CultureInvariant)]
    private static partial Regex Literal();
}
