using System.Text.RegularExpressions;

namespace Litestream.Hosting.Tests;

/// <summary>
/// docs/faults.md says of each fault which tests run it. What it says is true, and nothing is missing.
/// </summary>
public sealed partial class FaultTableTests
{
    private static readonly IReadOnlyDictionary<string, SourceTest> Tests = SourceTest.All();

    [Fact]
    public void Every_row_of_the_table_of_faults_is_run_by_tests_that_know_its_codes_and_every_fault_test_is_in_it() =>
        Assert.Empty(Findings(ReadTable()));

    [Theory]
    [InlineData(
        "`A_replica_that_is_deleted_gets_a_new_snapshot`",
        "`A_replica_that_is_gone`",
        "there is no test A_replica_that_is_gone"
    )]
    [InlineData("`A_replica_that_is_deleted_gets_a_new_snapshot`", "", "a row names no test")]
    [InlineData(
        "`A_replica_that_is_deleted_gets_a_new_snapshot`",
        "not run",
        "A_replica_that_is_deleted_gets_a_new_snapshot is in no row"
    )]
    [InlineData("LSB5012", "LSB5998", "there is no page of LSB5998")]
    [InlineData("LSB5012", "LSB5013", "no test of its row knows LSB5013")]
    public void A_table_that_is_wrong_is_found_out(string right, string wrong, string finding)
    {
        var table = ReadTable();
        Assert.Contains(right, table, StringComparison.Ordinal);

        Assert.Contains(
            Findings(table.Replace(right, wrong, StringComparison.Ordinal)),
            found => found.Contains(finding, StringComparison.Ordinal)
        );
    }

    private static string ReadTable() => File.ReadAllText(Repository.In("docs", "faults.md"));

    private static List<string> Findings(string table)
    {
        var findings = new List<string>();
        var named = new HashSet<string>(StringComparer.Ordinal);
        foreach (var row in table.Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(1))
        {
            var cells = row.Trim().Trim('|').Split('|');
            var names = TestName().Matches(cells[^1]).Select(match => match.Groups[1].Value).ToList();
            if (cells.Length != 6 || (names.Count == 0 && cells[^1].Trim() != "not run"))
                findings.Add($"a row names no test: {row}");

            findings.AddRange(names.Where(name => !Tests.ContainsKey(name)).Select(name => $"there is no test {name}"));
            named.UnionWith(names);
            foreach (var code in Code().Matches(row).Select(match => match.Value).Distinct())
            {
                if (!File.Exists(Repository.In("docs", "diagnostics", code + ".md")))
                    findings.Add($"there is no page of {code}");

                if (
                    !names.Exists(name =>
                        Tests.TryGetValue(name, out var test) && test.Source.Contains(code, StringComparison.Ordinal)
                    )
                )
                {
                    findings.Add($"no test of its row knows {code}: {row}");
                }
            }
        }

        findings.AddRange(
            Tests
                .Where(test => test.Value.IsOfFaults && !named.Contains(test.Key))
                .Select(test => $"{test.Key} is in no row")
        );
        return findings;
    }

    [GeneratedRegex("`(\\w+)`", RegexOptions.CultureInvariant)]
    private static partial Regex TestName();

    [GeneratedRegex(@"\bLSB\d{4}\b", RegexOptions.CultureInvariant)]
    private static partial Regex Code();
}
