using System.Text.RegularExpressions;

namespace Litestream.Hosting.Tests;

/// <summary>
/// docs/release-lines.md says of each feature with which release lines its tests run. That they ran and passed, test.sh
/// says from their results.
/// </summary>
public sealed partial class FeatureTableTests
{
    private const string Update = "LSB_UPDATE_DOCS";

    private static readonly string s_page = Repository.In("docs", "release-lines.md");

    [Fact]
    public void The_table_of_features_says_with_which_lines_their_tests_run()
    {
        var (text, tests) = (File.ReadAllText(s_page), SourceTest.All());
        var table = Table().Match(text).Groups[1].Value;
        var expected = string.Join('\n', table.Split('\n').Select(row => Row(row, tests)));
        Assert.NotEmpty(table);
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            File.WriteAllText(s_page, text.Replace(table, expected, StringComparison.Ordinal));
            return;
        }

        Assert.True(
            expected == table,
            $"The table of features in docs/release-lines.md is not what the tests say: {Update}=1 with this test "
                + $"writes it. It has to be\n{expected}"
        );
    }

    /// <summary>
    /// People write the feature, what differs, the tests, and "checked" in place of "run". The rest of the two columns
    /// comes from the tests.
    /// </summary>
    private static string Row(string row, IReadOnlyDictionary<string, SourceTest> tests)
    {
        var cells = row.Trim('|').Split('|').Select(cell => cell.Trim()).ToList();
        Assert.True(cells.Count == 5, $"A row has not five cells: {row}");
        var names = TestName().Matches(cells[4]).Select(match => match.Groups[1].Value).ToList();
        Assert.True(names.Count > 0, $"A row names no test: {row}");
        Assert.All(names, name => Assert.True(tests.ContainsKey(name), $"There is no test {name}."));
        foreach (var (at, line) in new[] { (1, "0.3"), (2, "0.5") })
        {
            cells[at] = (names.Exists(name => (tests[name].Line ?? line) == line), cells[at]) switch
            {
                (false, _) => "not there",
                (true, "checked") => "checked",
                _ => "run",
            };
        }

        return $"| {string.Join(" | ", cells)} |";
    }

    [GeneratedRegex(
        @"\| Feature \|[^\n]*\n\|[-| ]*\n((?:\|[^\n]*\n)*\|[^\n]*)",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Table();

    [GeneratedRegex("`(\\w+)`", RegexOptions.CultureInvariant)]
    private static partial Regex TestName();
}
