using System.Text.Json;
using System.Text.RegularExpressions;
using Litestream.Configuration;

namespace Litestream.Tests.Names;

/// <summary>
/// The lists of known names are those that the code, the schema and the docs have: a new name that is forgotten here
/// would be called unknown.
/// </summary>
public sealed class NameRegistryTests
{
    private static readonly string Root = FindRoot();

    [Fact]
    public void The_settings_are_those_of_the_schema_with_the_same_words()
    {
        var section = JsonDocument
            .Parse(File.ReadAllBytes(Path.Combine(Root, "src", "Litestream.Hosting", "ConfigurationSchema.json")))
            .RootElement.GetProperty("properties")
            .GetProperty("Litestream")
            .GetProperty("properties");
        var schema = section
            .EnumerateObject()
            .SelectMany(one =>
                one.Value.TryGetProperty("properties", out var inner)
                    ? inner.EnumerateObject().Select(child => (Name: $"{one.Name}:{child.Name}", Schema: child.Value))
                    : [(one.Name, one.Value)]
            );

        Assert.Equal(
            schema
                .Select(setting =>
                    $"{setting.Name} {(IsList(setting.Schema) ? "list" : "")} {string.Join('|', Words(setting.Schema))}"
                )
                .Order(StringComparer.Ordinal),
            SettingNames
                .All.Select(setting =>
                    $"{setting.Name} {(setting.IsList ? "list" : "")} {string.Join('|', setting.Words)}"
                )
                .Order(StringComparer.Ordinal)
        );

        static bool IsList(JsonElement schema) =>
            schema.TryGetProperty("type", out var type) && type.ToString().Contains("array", StringComparison.Ordinal);

        static IEnumerable<string> Words(JsonElement schema) =>
            schema.TryGetProperty("enum", out var words)
                ? words.EnumerateArray().Select(word => word.GetString()!)
                : [];
    }

    [Fact]
    public void The_properties_are_those_that_the_targets_read_and_all_are_documented()
    {
        var read = TargetFiles()
            .SelectMany(file =>
                Regex
                    .Matches(File.ReadAllText(file), @"\$\((Litestream\w*)|<(Litestream[A-Za-z]*DependsOn)>")
                    .Select(match => match.Groups[1].Value + match.Groups[2].Value)
            )
            .Concat(PropertyNames.Verbs.Keys.Select(verb => verb + "DependsOn"))
            .Distinct(StringComparer.Ordinal);
        var docs = string.Concat(
            Directory
                .EnumerateFiles(Path.Combine(Root, "docs"), "*.md")
                .Append(Path.Combine(Root, "README.md"))
                .Select(File.ReadAllText)
        );

        Assert.Equal(read.Order(StringComparer.Ordinal), PropertyNames.All.Order(StringComparer.Ordinal));

        // Two are for the packages among themselves, and the lists of targets are documented as one.
        Assert.All(
            PropertyNames.All.Where(name =>
                !name.EndsWith("DependsOn", StringComparison.Ordinal)
                && !name.StartsWith("LitestreamExecutable", StringComparison.Ordinal)
            ),
            name => Assert.Contains($"`{name}", docs, StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Each_verb_takes_what_its_target_hands_to_its_task()
    {
        var text = File.ReadAllText(Path.Combine(Root, "buildTransitive", "Litestream.Build.Commands.targets"));
        var targets = Regex
            .Matches(text, @"<Target\s+Name=""(Litestream\w+)"".*?</Target>", RegexOptions.Singleline)
            .ToDictionary(
                match => match.Groups[1].Value,
                match =>
                    Regex
                        .Matches(match.Value, @"\w+=""\$\((Litestream\w+)\)""")
                        .Select(property => property.Groups[1].Value)
                        .Where(property => !property.EndsWith("DependsOn", StringComparison.Ordinal))
                        .Order(StringComparer.Ordinal)
            );

        Assert.Equal(
            targets.Keys.Order(StringComparer.Ordinal),
            PropertyNames.Verbs.Keys.Order(StringComparer.Ordinal)
        );
        Assert.All(
            targets,
            target => Assert.Equal(target.Value, PropertyNames.Verbs[target.Key].Order(StringComparer.Ordinal))
        );
    }

    [Fact]
    public void The_metadata_is_what_the_package_defines()
    {
        var definition = Regex
            .Match(
                File.ReadAllText(Path.Combine(Root, "buildTransitive", "Litestream.Build.props")),
                "<ItemDefinitionGroup>.*?</ItemDefinitionGroup>",
                RegexOptions.Singleline
            )
            .Value;

        Assert.Equal(
            Regex.Matches(definition, @"<(\w+) />").Select(match => match.Groups[1].Value),
            PropertyNames.DatabaseMetadata
        );
    }

    [Fact]
    public void The_variables_are_those_that_the_code_and_the_docs_name()
    {
        var code = Directory
            .EnumerateFiles(Path.Combine(Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file =>
                !Path.GetRelativePath(Root, file).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")
            )
            .SelectMany(file =>
                Regex
                    .Matches(File.ReadAllText(file), @"""(LITESTREAM_[A-Z_]+)""")
                    .Select(match => match.Groups[1].Value)
            )
            .Where(name => name != EnvPlaceholders.DollarVariable && !name.EndsWith('_'))
            .ToHashSet(StringComparer.Ordinal);

        Assert.Equal(code.Order(StringComparer.Ordinal), EnvironmentNames.All.Order(StringComparer.Ordinal));
        var docs = string.Concat(
            Directory
                .EnumerateFiles(Path.Combine(Root, "docs"), "*.md")
                .Append(Path.Combine(Root, "README.md"))
                .Select(File.ReadAllText)
        );
        Assert.Empty(
            Regex
                .Matches(docs, @"\bLITESTREAM_[A-Z_]+\b")
                .Select(match => match.Value)
                .Where(name => !name.EndsWith('_'))
                .Except(EnvironmentNames.All)
        );
    }

    private static IEnumerable<string> TargetFiles() =>
        new[]
        {
            "buildTransitive",
            Path.Combine("src", "Litestream.Build"),
            Path.Combine("src", "Litestream.Executable"),
        }
            .SelectMany(folder =>
                Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories)
            )
            .Where(file => Path.GetExtension(file) is ".targets" or ".props")
            .Where(file =>
                !Path.GetRelativePath(Root, file).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")
            );

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Litestream.Build.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException("The tests do not lie in the repository.");
    }
}
