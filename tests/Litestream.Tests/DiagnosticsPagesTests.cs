using System.Text.RegularExpressions;

namespace Litestream.Tests;

public sealed partial class DiagnosticsPagesTests
{
    private static readonly string[] Sections = ["## What happened", "## Why it matters", "## How to fix it"];

    [Fact]
    public void Every_code_in_the_source_has_a_page()
    {
        var codes = CodesInTheSource();

        Assert.NotEmpty(codes);
        Assert.Empty(codes.Except(CodesWithAPage()));
    }

    [Fact]
    public void Every_page_is_about_a_code_in_the_source() => Assert.Empty(CodesWithAPage().Except(CodesInTheSource()));

    [Fact]
    public void Every_page_has_its_code_a_title_and_the_three_sections() =>
        Assert.All(
            CodesWithAPage(),
            code =>
            {
                var lines = File.ReadAllLines(PageOf(code));

                Assert.Matches($"^# {code}: \\S", lines[0]);
                string[] sections = [.. lines.Where(line => line.StartsWith("## ", StringComparison.Ordinal))];
                Assert.Equal(Sections, sections);
            }
        );

    [Fact]
    public void The_table_of_all_codes_has_every_page_with_its_title()
    {
        var rows = File.ReadAllLines(Repository.In("docs", "diagnostics", "README.md"))
            .Where(line => line.StartsWith("| [LSB", StringComparison.Ordinal))
            .ToList();

        var expected = CodesWithAPage()
            .Select(code => $"| [{code}]({code}.md) | {File.ReadLines(PageOf(code)).First()[$"# {code}: ".Length..]} |")
            .ToList();
        Assert.Equal(expected, rows);
    }

    /// <summary>
    /// Comments may speak of codes too; what a user can get to see stands in a string or in an attribute.
    /// </summary>
    private static SortedSet<string> CodesInTheSource()
    {
        string[] folders = ["src", "buildTransitive", Path.Combine("runtimes", "Acquire")];
        var codes = folders
            .SelectMany(folder =>
                Directory.EnumerateFiles(Repository.In(folder), "*", SearchOption.AllDirectories)
            )
            .Where(file => Path.GetExtension(file) is ".cs" or ".targets" or ".props")
            .Where(file =>
                !Path.GetRelativePath(Repository.Root, file)
                    .Split(Path.DirectorySeparatorChar)
                    .Any(part => part is "bin" or "obj")
            )
            .SelectMany(file => File.ReadLines(file))
            .Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal))
            .SelectMany(line => Code().Matches(line))
            .Select(match => match.Value);
        return new SortedSet<string>(codes, StringComparer.Ordinal);
    }

    private static SortedSet<string> CodesWithAPage() =>
        new(
            Directory
                .EnumerateFiles(Repository.In("docs", "diagnostics"), "LSB*.md")
                .Select(file => Path.GetFileNameWithoutExtension(file)),
            StringComparer.Ordinal
        );

    private static string PageOf(string code) => Repository.In("docs", "diagnostics", $"{code}.md");

    [GeneratedRegex(@"\bLSB\d{4}\b", RegexOptions.CultureInvariant)]
    private static partial Regex Code();
}
