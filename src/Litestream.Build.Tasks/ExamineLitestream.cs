using System.Globalization;
using Litestream.Commands;
using Litestream.Doctor;
using Microsoft.Build.Framework;
using Task = System.Threading.Tasks.Task;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamDoctor: checks everything that a person would check by hand. Changes nothing.</summary>
[MSBuildMultiThreadableTask]
public sealed class ExamineLitestream : LitestreamVerb
{
    /// <summary>The version of the SDK at work.</summary>
    public string SdkVersion { get; set; } = "";

    /// <summary>How long one replica may take to answer; empty for 30 s.</summary>
    public string Timeout { get; set; } = "";

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken cancellationToken)
    {
        var options = new DoctorOptions
        {
            Config = ConfigOptions(required: false),
            Executable = FindExecutable,
            ExpectedSha256 = Expected(),
            SdkVersion = SdkVersion.Length == 0 ? null : SdkVersion,
        };
        if (OptionValue.Duration("LitestreamTimeout", Timeout) is { } limit)
            options = options with { ReplicaTimeout = limit };

        var findings = await LitestreamDoctor.ExamineAsync(options, cancellationToken).ConfigureAwait(false);
        var width = findings.Max(f => f.Subject.Length);
        foreach (var finding in findings)
        {
            Print($"{Text(finding.Level).ToLowerInvariant(),-8} {finding.Subject.PadRight(width)}  {finding.Message}{(finding.Code is null ? "" : $" ({finding.Code})")}");
            if (finding.Action is not null)
                Print($"{"",-8} {new string(' ', width)}  -> {finding.Action}");
        }

        Result = [.. findings.Select(f => Item(f.Subject, ("Level", f.Level), ("Message", f.Message), ("Action", f.Action), ("Code", f.Code)))];
        var errors = findings.Where(f => f.Level == FindingLevel.Error).ToList();
        if (errors.Count > 0)
        {
            Report(new(
                "LSB3011",
                LitestreamSeverity.Error,
                string.Create(CultureInfo.InvariantCulture, $"{errors.Count} of {findings.Count} checks failed. {string.Join(" ", errors.Select(f => $"{f.Subject}: {f.Message}{(f.Action is null ? "" : $" {f.Action}")}"))}")));
        }

        string? Expected()
        {
            try
            {
                return FindPackagedExecutable()?.Sha256;
            }
            catch (LitestreamException)
            {
                // Told when the executable is looked for.
                return null;
            }
        }
    }
}
