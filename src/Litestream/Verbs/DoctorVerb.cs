using System.Globalization;
using Litestream.Diagnostics;
using Litestream.Doctor;

namespace Litestream.Verbs;

/// <summary>Checks everything that a person would check by hand. Changes nothing.</summary>
internal sealed record DoctorVerb : Verb
{
    /// <summary>The version of the SDK at work; empty where there is none.</summary>
    public string? SdkVersion { get; init; }

    /// <summary>The SHA-256 that the executable should have; null: there is nothing to compare it with.</summary>
    public string? ExpectedSha256 { get; init; }

    /// <summary>How long one replica may take to answer; empty for 30 s.</summary>
    public string? Timeout { get; init; }

    public override async Task RunAsync(VerbHost host, CancellationToken cancellationToken)
    {
        var options = new DoctorOptions
        {
            Config = host.ConfigOptions(required: false),
            Executable = host.FindExecutable,
            ExpectedSha256 = ExpectedSha256,
            SdkVersion = OptionValue.Trim(SdkVersion),
        };
        if (OptionValue.Duration("LitestreamTimeout", Timeout) is { } limit)
            options = options with { ReplicaTimeout = limit };

        host.ReportUnknownNames();
        var findings = await LitestreamDoctor.ExamineAsync(options, cancellationToken).ConfigureAwait(false);
        var width = findings.Max(f => f.Subject.Length);
        foreach (var finding in findings)
        {
            host.Print(
                $"{finding.Level.ToString().ToLowerInvariant(),-8} {finding.Subject.PadRight(width)} "
                    + $" {finding.Message}{(finding.Code is null ? "" : $" ({finding.Code})")}"
            );
            if (finding.Action is not null)
                host.Print($"{"",-8} {new string(' ', width)}  -> {finding.Action}");
            host.Add(
                finding.Subject,
                ("Level", finding.Level),
                ("Message", finding.Message),
                ("Action", finding.Action),
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
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{errors.Count} of {findings.Count} checks "
                            + $"failed. "
                            + $"{string.Join(" ", errors.Select(f => $"{f.Subject}: {f.Message}{(f.Action is null ? "" : $" {f.Action}")}"))}"
                    )
                )
            );
        }
    }
}
