using System.Text.RegularExpressions;

namespace Litestream.Hosting.Tests;

/// <summary>A test of any test project, from its source.</summary>
/// <param name="IsOfFaults">Whether it is one of the tests of faults that run an app.</param>
/// <param name="Line">The release line that it is for; null: for each.</param>
/// <param name="Source">What stands from its attribute to the next test's.</param>
internal sealed partial record SourceTest(bool IsOfFaults, string? Line, string Source)
{
    /// <summary>All tests, by name.</summary>
    public static IReadOnlyDictionary<string, SourceTest> All()
    {
        var tests = new Dictionary<string, SourceTest>(StringComparer.Ordinal);
        foreach (
            var file in Directory.EnumerateFiles(Repository.In("tests"), "*Tests.cs", SearchOption.AllDirectories)
        )
        {
            var source = File.ReadAllText(file);
            var starts = Test().Matches(source);
            var ofClass = starts.Count == 0 ? null : LineOf(source[..starts[0].Index]);
            for (var i = 0; i < starts.Count; i++)
            {
                var end = i + 1 < starts.Count ? starts[i + 1].Index : source.Length;
                var runsAnApp = starts[i].Groups[1].Value == "Task";
                tests[starts[i].Groups[2].Value] = new SourceTest(
                    runsAnApp && file.EndsWith("FaultTests.cs", StringComparison.Ordinal),
                    ofClass ?? LineOf(starts[i].Value),
                    source[starts[i].Index..end]
                );
            }
        }

        return tests;
    }

    private static string? LineOf(string attributes) =>
        LineTrait().Match(attributes) is { Success: true } match ? match.Groups[1].Value : null;

    [GeneratedRegex(
        @"\[(?:Fact|Theory)[^\n]*\n(?:\s*\[[^\n]*\n)*\s*public (?:static )?(?:async )?(Task|void) (\w+)\(",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Test();

    [GeneratedRegex(@"^\s*\[Trait\(""Line"", ""([^""]+)""\)\]", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex LineTrait();
}
