using System.Text.RegularExpressions;
using Litestream.Configuration;
using Litestream.Verbs;

namespace Litestream.Tests.Configuration;

/// <summary>
/// The lists of known names are those that the code and the docs have: a new name that is forgotten here
/// would be called unknown.
/// </summary>
public sealed class NameRegistryTests
{
    [Fact]
    public void The_properties_are_those_that_the_targets_read_and_all_are_documented()
    {
        var read = TargetFiles()
            .SelectMany(file =>
                Regex
                    .Matches(File.ReadAllText(file), @"\$\((Litestream\w*)|<(Litestream[A-Za-z]*DependsOn)>")
                    .Select(match => match.Groups[1].Value + match.Groups[2].Value)
            )
            .Concat(Verb.All.Select(verb => verb.Target + "DependsOn"))
            .Distinct(StringComparer.Ordinal);
        var docs = string.Concat(
            Directory
                .EnumerateFiles(Repository.In("docs"), "*.md")
                .Append(Repository.In("README.md"))
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
    public void Each_verb_has_a_target_and_each_option_is_handed_to_its_task()
    {
        var text = File.ReadAllText(Repository.In("buildTransitive", "Litestream.Build.Commands.targets"));

        Assert.Equal(
            Regex
                .Matches(
                    text,
                    @"<Target\s+Name=""(Litestream\w+)"".*?<LitestreamVerb Name=""(\w+)""",
                    RegexOptions.Singleline
                )
                .Select(match => (match.Groups[1].Value, match.Groups[2].Value))
                .Order(),
            Verb.All.Select(verb => (verb.Target, verb.Name)).Order()
        );
        Assert.Equal(
            Regex
                .Matches(text, @"(Litestream\w+)=""\$\(\1\)""")
                .Select(match => match.Groups[1].Value)
                .Order(StringComparer.Ordinal),
            Verb.All.SelectMany(verb => verb.Options)
                .Select(option => option.Property)
                .Distinct()
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void The_metadata_is_what_the_package_defines()
    {
        var definition = Regex
            .Match(
                File.ReadAllText(Repository.In("buildTransitive", "Litestream.Build.props")),
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
            .EnumerateFiles(Repository.In("src"), "*.cs", SearchOption.AllDirectories)
            .Where(file =>
                !Path.GetRelativePath(Repository.Root, file)
                    .Split(Path.DirectorySeparatorChar)
                    .Any(part => part is "bin" or "obj")
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
                .EnumerateFiles(Repository.In("docs"), "*.md")
                .Append(Repository.In("README.md"))
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
                Directory.EnumerateFiles(Repository.In(folder), "*", SearchOption.AllDirectories)
            )
            .Where(file => Path.GetExtension(file) is ".targets" or ".props")
            .Where(file =>
                !Path.GetRelativePath(Repository.Root, file)
                    .Split(Path.DirectorySeparatorChar)
                    .Any(part => part is "bin" or "obj")
            );
}
