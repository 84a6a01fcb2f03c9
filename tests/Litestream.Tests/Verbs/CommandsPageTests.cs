using System.Text.RegularExpressions;
using Litestream.Verbs;

namespace Litestream.Tests.Verbs;

/// <summary>docs/commands.md has the verbs and options that are defined.</summary>
public sealed class CommandsPageTests
{
    private const string Update = "LSB_UPDATE_DOCS";

    private static readonly string s_page = Path.Combine(RepositoryRoot(), "docs", "commands.md");

    [Fact]
    public void The_table_of_verbs_is_made_from_the_definitions()
    {
        var text = File.ReadAllText(s_page);
        var table = Regex.Match(text, @"\| Target \| In the app.*?(?=\n\n)", RegexOptions.Singleline).Value;
        var expected = string.Join(
            '\n',
            Verb.All.Select(verb => Row(verb, text))
                .Prepend("|---|---|---|---|")
                .Prepend("| Target | In the app: `litestream ...` | What it does | Starts litestream |")
        );
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(s_page, text.Replace(table, expected, StringComparison.Ordinal));
            return;
        }

        Assert.True(
            expected == table,
            $"The table of verbs in docs/commands.md is not that of Verb.All: {Update}=1 with this test writes it. "
                + $"It has to be\n{expected}"
        );
    }

    [Fact]
    public void The_section_of_a_verb_has_its_properties_and_no_others()
    {
        var sections = Regex.Split(File.ReadAllText(s_page), @"^(?=## )", RegexOptions.Multiline);
        var general = sections.Single(section => section.StartsWith("## With the targets", StringComparison.Ordinal));
        foreach (
            var section in sections.Where(section => section.StartsWith("## Litestream", StringComparison.Ordinal))
        )
        {
            var heading = section[..section.IndexOf('\n', StringComparison.Ordinal)];
            var verbs = Verb.All.Where(verb => Regex.IsMatch(heading, $@"\b{verb.Target}\b")).ToList();
            Assert.NotEmpty(verbs);
            var defined = verbs.SelectMany(verb => verb.Options).Select(option => option.Property).ToHashSet();
            var documented = Regex
                .Matches(section, @"^\| (`Litestream[^|]*) \|", RegexOptions.Multiline)
                .SelectMany(row => Regex.Matches(row.Groups[1].Value, @"`(Litestream\w+)`"))
                .Select(property => property.Groups[1].Value)
                .Where(name => !Verb.All.Any(verb => verb.Target == name));

            Assert.Empty(documented.Where(property => !defined.Contains(property)).Select(one => $"{heading}: {one}"));
            Assert.Empty(
                defined
                    .Where(property => !(section + general).Contains($"`{property}`", StringComparison.Ordinal))
                    .Where(property => !section.Contains($"-p:{property}=", StringComparison.Ordinal))
                    .Select(one => $"{heading}: {one}")
            );
        }
    }

    [Fact]
    public void An_option_has_the_name_of_its_property_unless_the_page_says_so()
    {
        var text = File.ReadAllText(s_page);

        Assert.All(
            Verb.All.SelectMany(verb => verb.Options).Where(option => option.Kind != VerbOptionKind.None),
            option =>
                Assert.True(
                    option.Name == Dashed(option.Property)
                        || text.Contains($"`{option.Name}` (`{option.Property}", StringComparison.Ordinal)
                        || text.Contains($"`{option.Property}` is `{option.Name}`", StringComparison.Ordinal),
                    $"{option.Name} is {option.Property}"
                )
        );
    }

    private static string Row(Verb verb, string page)
    {
        var heading = Regex.Match(page, $@"^## (.*\b{verb.Target}\b.*)$", RegexOptions.Multiline).Groups[1].Value;
        Assert.True(heading.Length > 0, $"docs/commands.md has no section '## {verb.Target}'.");
        var anchor = Regex.Replace(heading.ToLowerInvariant(), "[^a-z ]", "").Replace(' ', '-');
        var usage = verb.Options.Select(Usage).OfType<string>().Prepend(verb.Name);
        var app = verb.IsOfBuild ? "" : $"`{string.Join(' ', usage)}` ";
        var help = char.ToLowerInvariant(verb.Help[0]) + verb.Help[1..];
        return $"| [`{verb.Target}`](#{anchor}) | {app}| {help.Replace("|", "\\|", StringComparison.Ordinal)} "
            + $"| {(verb.StartsLitestream ? "yes" : "no")} |";
    }

    private static string? Usage(VerbOption option) =>
        option.Kind switch
        {
            VerbOptionKind.Database => "[database]",
            VerbOptionKind.Argument => $"<{option.Form}>",
            VerbOptionKind.Words => "-- <anything>",
            VerbOptionKind.None => null,
            _ => $"[{option.Name}]",
        };

    private static string Dashed(string property) =>
        "--" + Regex.Replace(property["Litestream".Length..], "(?<=[a-z])[A-Z]", "-$0").ToLowerInvariant();

    private static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Litestream.Build.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException("The tests are not in the repository.");
    }
}
