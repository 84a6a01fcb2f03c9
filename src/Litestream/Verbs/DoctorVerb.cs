using Litestream.Diagnostics;
using Litestream.Doctor;

namespace Litestream.Verbs;

/// <summary>Checks everything that a person would check by hand. Changes nothing.</summary>
internal static class DoctorVerb
{
    public static async Task RunAsync(VerbHost host, VerbOptions options, CancellationToken cancellationToken)
    {
        var examination = new DoctorOptions
        {
            Config = host.ConfigOptions(required: false),
            Executable = host.FindExecutable,
            ExpectedSha256 = host.ExpectedSha256,
            SdkVersion = OptionValue.Trim(host.Fact("SdkVersion")),
        };
        if (options.Duration(OptionName.Timeout) is { } limit)
            examination = examination with { ReplicaTimeout = limit };

        host.ReportUnknownNames();
        var findings = await LitestreamDoctor.ExamineAsync(examination, cancellationToken).ConfigureAwait(false);
        var width = findings.Max(f => f.Subject.Length);
        foreach (var finding in findings)
        {
            host.Print(
                $"{finding.Level.ToString().ToLowerInvariant(),-8} {finding.Subject.PadRight(width)} "
                    + $" {finding.Text}{(finding.Code is null ? "" : $" ({finding.Code})")}"
            );
            if (finding.ActionText is { } action)
                host.Print($"{"",-8} {new string(' ', width)}  -> {action}");
            host.Add(
                finding.Subject,
                ("Level", finding.Level),
                ("Message", finding.Text),
                ("Action", finding.ActionText),
                ("Code", finding.Code)
            );
        }

        var errors = findings.Where(f => f.Level == FindingLevel.Error).ToList();
        if (errors.Count > 0)
        {
            host.Report(
                new(
                    "LSB3011",
                    LitestreamSeverity.Error,
                    $"{errors.Count} of {findings.Count} checks failed. "
                        + $"{MessageText.Join(" ", errors.Select(Describe))}"
                )
            );
        }
    }

    private static MessageText Describe(Finding finding)
    {
        MessageText text = $"{finding.Subject}: {finding.Text}";
        return finding.ActionText is { } action ? MessageText.Join(" ", [text, action]) : text;
    }
}
