using Litestream.Diagnostics;

namespace Litestream.Configuration;

/// <summary>What a setting takes.</summary>
internal enum SettingKind
{
    /// <summary>A text of a form of its own, or one of its words.</summary>
    Text,

    /// <summary>What <see cref="FlagText"/> reads.</summary>
    Flag,

    /// <summary>What <see cref="DurationText.Wait"/> reads.</summary>
    Duration,

    /// <summary>A size, or a share of a disk.</summary>
    Size,

    /// <summary>An http or https URL.</summary>
    Url,

    /// <summary>Several texts, whose names are numbers below the setting's.</summary>
    List,
}

/// <summary>One setting of the section <c>Litestream</c>.</summary>
/// <param name="Name">Its name below the section, with <c>:</c> between segments.</param>
/// <param name="Words">The words that it takes; empty where it takes anything else.</param>
internal sealed record SettingName(string Name, params IReadOnlyList<string> Words)
{
    /// <summary>What it takes.</summary>
    public SettingKind Kind { get; init; }

    /// <summary>The variable that the executable gets it as, where that variable is not set; null for none.</summary>
    public string? Variable { get; init; }

    /// <summary>What a value has to be that the setting does not take; null for one that it takes, or that only the
    /// running app understands.</summary>
    public string? Refusal(string value) =>
        Kind switch
        {
            SettingKind.Flag => FlagText.Parse(value) is null ? $"{FlagText.Forms}." : null,
            SettingKind.Duration => DurationText.Wait(value) is null ? $"{DurationText.WaitForms}." : null,
            _ when Words.Count > 0 && !Words.Contains(value.Trim(), StringComparer.OrdinalIgnoreCase) =>
                $"{NearestName.Choice(Words)}.{NearestName.DidYouMean(value.Trim(), Words)}",
            _ => null,
        };
}

/// <summary>
/// Every setting of the section <c>Litestream</c>: nothing reads what is not here. The JSON schema is made from these
/// and from the table in docs/hosting.md.
/// </summary>
internal static class SettingNames
{
    /// <summary>The section, as an app's configuration has it.</summary>
    public const string Section = "Litestream";

    /// <summary>All settings.</summary>
    public static readonly IReadOnlyList<SettingName> All =
    [
        new("Enabled") { Kind = SettingKind.Flag },
        new("ConfigPath"),
        new("ExecutablePath"),
        new("RestoreOnStart", "IfMissing", "Required", "Never"),
        new("ShutdownTimeout") { Kind = SettingKind.Duration },
        new("ReplicateDiscovered") { Kind = SettingKind.Flag },
        new("StallTimeout") { Kind = SettingKind.Duration },
        new("FreeSpaceFloor") { Kind = SettingKind.Size },
        new("OnFailure", "KeepRunning", "StopApp"),
        new("AdoptReplica") { Kind = SettingKind.Flag },
        new("DatabasePatterns") { Kind = SettingKind.List },
        new("NotReplicated") { Kind = SettingKind.List },
        new("HeartbeatUrl") { Kind = SettingKind.Url },
        new("Verification:Interval") { Kind = SettingKind.Duration },
        new("Verification:Timeout") { Kind = SettingKind.Duration },
        new("Verification:Level", "Position", "Quick", "Full"),
        new("Dashboard:Username"),
        new("Dashboard:Password"),
        new("Dashboard:AllowHttp") { Kind = SettingKind.Flag },
        new("ReplicaUrl"),
        new("ReplicaBucket") { Variable = ReplicaOverride.BucketVariable },
        new("ReplicaRegion") { Variable = "LITESTREAM_REPLICA_REGION" },
        new("ReplicaEndpoint") { Variable = "LITESTREAM_REPLICA_ENDPOINT" },
        new("AccessKeyId") { Variable = "LITESTREAM_ACCESS_KEY_ID" },
        new("SecretAccessKey") { Variable = "LITESTREAM_SECRET_ACCESS_KEY" },
    ];

    /// <summary>
    /// Whether something reads the setting; case does not matter, as nowhere in .NET's configuration.
    /// </summary>
    /// <param name="name">Below the section.</param>
    public static bool IsKnown(string name) =>
        Find(name) is not null
        || All.Any(known =>
            known.Kind == SettingKind.List
            && name.StartsWith(known.Name + ":", StringComparison.OrdinalIgnoreCase)
        );

    /// <summary>The setting of this name, or null.</summary>
    /// <param name="name">Below the section.</param>
    public static SettingName? Find(string name) =>
        All.FirstOrDefault(known => name.Equals(known.Name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The setting that somebody who wrote this name probably meant, or null.</summary>
    /// <param name="name">Below the section.</param>
    public static string? Nearest(string name)
    {
        // Another separator, or none: Verification_Interval, VerificationInterval.
        if (All.FirstOrDefault(known => Letters(known.Name) == Letters(name)) is { } same)
            return same.Name;

        // Segment by segment, so that a long section does not make its settings alike.
        var segments = name.Split(':');
        var candidates = All.Select(known => known.Name.Split(':'))
            .Where(known => known.Length == segments.Length)
            .ToList();
        for (var i = 0; i < segments.Length; i++)
        {
            if (NearestName.Of(segments[i], candidates.Select(known => known[i]).Distinct()) is not { } nearest)
                return null;
            candidates.RemoveAll(known => known[i] != nearest);
        }

        return string.Join(':', candidates[0]);
    }

    private static string Letters(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToUpperInvariant();
}
