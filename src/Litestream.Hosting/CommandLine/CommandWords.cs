using System.Text.RegularExpressions;

namespace Litestream.Hosting.CommandLine;

/// <summary>
/// The library's messages name verbs and options as the targets do; here they are said as they are typed for the app.
/// </summary>
internal static partial class CommandWords
{
    private static readonly Dictionary<string, string> Options = new(StringComparer.Ordinal)
    {
        ["VerifyLevel"] = "--level",
        ["VerifyWrite"] = "--no-write",
        ["DrillQuery"] = "--query",
        ["TxId"] = "--txid",
    };

    public static string Translate(string text)
    {
        text = text.Replace(", RestoreOptions.Force)", ")", StringComparison.Ordinal);
        text = RunTarget().Replace(text, "litestream run -- $1");
        text = Verb().Replace(text, match => $"litestream {match.Groups[1].Value.ToLowerInvariant()}");
        text = All().Replace(text, "--all");
        return Option()
            .Replace(
                text,
                match =>
                    Options.GetValueOrDefault(match.Groups[1].Value)
                    ?? "--" + Hump().Replace(match.Groups[1].Value, "-$0").ToLowerInvariant()
            );
    }

    [GeneratedRegex("(?:-t:LitestreamRun )?-p:LitestreamArguments=\"([^\"]*)\"", RegexOptions.CultureInvariant)]
    private static partial Regex RunTarget();

    [GeneratedRegex(
        "(?:-t:)?\\bLitestream(Databases|Config|Env|Generations|Snapshots|Wal|Ltx|Restore|Pull|Verify|Drill|Doctor|Replicate|Version|Run|Status)\\b",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Verb();

    [GeneratedRegex("\\bLitestreamDatabase=\\*", RegexOptions.CultureInvariant)]
    private static partial Regex All();

    // Not the item of a project.
    [GeneratedRegex(
        "(?<!<)\\bLitestream(Database|Output|Timestamp|Replica|Generation|Index|TxId|Parallelism|IfDbNotExists|IfReplicaExists|Force|Diff|DryRun|Timeout|Arguments|VerifyLevel|VerifyWrite|StartReplicator|DrillQuery)\\b(?:=true|=false)?",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Option();

    [GeneratedRegex("(?<=[a-z])[A-Z]", RegexOptions.CultureInvariant)]
    private static partial Regex Hump();
}
