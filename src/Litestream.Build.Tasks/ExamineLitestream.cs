using Litestream.Diagnostics;
using Litestream.Verbs;
using Microsoft.Build.Framework;

namespace Litestream.Build.Tasks;

/// <summary>LitestreamDoctor: checks everything that a person would check by hand. Changes nothing.</summary>
[MSBuildMultiThreadableTask]
public sealed class ExamineLitestream : LitestreamVerb
{
    /// <summary>The version of the SDK at work.</summary>
    public string SdkVersion { get; set; } = "";

    /// <summary>How long one replica may take to answer; empty for 30 s.</summary>
    public string Timeout { get; set; } = "";

    private protected override Verb Create() =>
        new DoctorVerb
        {
            SdkVersion = SdkVersion,
            ExpectedSha256 = Expected(),
            Timeout = Timeout,
        };

    private string? Expected()
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
