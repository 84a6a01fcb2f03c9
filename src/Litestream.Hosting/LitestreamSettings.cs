using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Verification;
using Microsoft.Extensions.Configuration;

namespace Litestream.Hosting;

/// <summary>What happens at start to a database that does not exist.</summary>
internal enum RestoreOnStart
{
    /// <summary>It is restored; without a backup the app starts with none.</summary>
    IfMissing,

    /// <summary>It is restored; without a backup the app does not start.</summary>
    Required,

    /// <summary>Nothing.</summary>
    Never,
}

/// <summary>What happens when replication has failed for good.</summary>
internal enum OnFailure
{
    /// <summary>The app goes on without.</summary>
    KeepRunning,

    /// <summary>The app is stopped in order, with exit code 1.</summary>
    StopApp,
}

/// <summary>The configuration section <c>Litestream</c>, read by hand: reflection binding does not survive trimming.</summary>
internal sealed record LitestreamSettings
{
    public const string Section = "Litestream";

    /// <summary>.NET's timers end at 49 days, and nobody waits for a day.</summary>
    private static readonly TimeSpan LongestDuration = TimeSpan.FromDays(1);

    public required bool Enabled { get; init; }

    public string? ExecutablePath { get; init; }

    public required string ConfigPath { get; init; }

    public RestoreOnStart RestoreOnStart { get; init; }

    public TimeSpan ShutdownTimeout { get; init; }

    /// <summary>After so long without progress litestream is started again.</summary>
    public TimeSpan StallTimeout { get; init; }

    /// <summary>With less room on its disk, a database with a replica in a folder on the same disk is not replicated.</summary>
    public FreeSpaceFloor FreeSpaceFloor { get; init; }

    public OnFailure OnFailure { get; init; }

    public bool AdoptReplica { get; init; }

    /// <summary>Null: yes, unless litestream.yml is the user's own.</summary>
    public bool? ReplicateDiscovered { get; init; }

    /// <summary>Paths of databases that have no backup on purpose, with <c>;</c> between them.</summary>
    public string? NotReplicated { get; init; }

    public Uri? HeartbeatUrl { get; init; }

    /// <summary>Null: never.</summary>
    public TimeSpan? VerificationInterval { get; init; }

    public TimeSpan? VerificationTimeout { get; init; }

    public VerificationLevel VerificationLevel { get; init; }

    /// <summary>Reads the section. A relative <c>ConfigPath</c> is relative to <paramref name="applicationDirectory"/>, where the build puts the file.</summary>
    /// <exception cref="LitestreamException">LSB1019: a value that is not understood; the message names the key.</exception>
    public static LitestreamSettings Read(IConfiguration configuration, bool isDevelopment, string applicationDirectory)
    {
        var section = configuration.GetSection(Section);
        return new LitestreamSettings
        {
            Enabled = ReadBoolean(section, nameof(Enabled)) ?? !isDevelopment,
            ExecutablePath = Text(section, nameof(ExecutablePath)),
            ConfigPath = Path.GetFullPath(Text(section, nameof(ConfigPath)) ?? "litestream.yml", applicationDirectory),
            RestoreOnStart = ReadRestoreOnStart(section),
            ShutdownTimeout = ReadDuration(section, nameof(ShutdownTimeout)) ?? TimeSpan.FromSeconds(30),
            StallTimeout = ReadDuration(section, nameof(StallTimeout)) ?? TimeSpan.FromSeconds(20),
            FreeSpaceFloor = ReadFloor(section),
            OnFailure = ReadOnFailure(section),
            AdoptReplica = ReadBoolean(section, nameof(AdoptReplica)) ?? false,
            ReplicateDiscovered = ReadBoolean(section, nameof(ReplicateDiscovered)),
            NotReplicated = ReadList(section, nameof(NotReplicated)),
            HeartbeatUrl = ReadUrl(section, nameof(HeartbeatUrl)),
            VerificationInterval = ReadDuration(section, "Verification:Interval"),
            VerificationTimeout = ReadDuration(section, "Verification:Timeout"),
            VerificationLevel = ReadVerificationLevel(section),
        };
    }

    private static string? Text(IConfigurationSection section, string key) =>
        section[key] is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;

    /// <summary>A list (<c>NotReplicated:0</c>), or one text with <c>;</c> in it.</summary>
    private static string? ReadList(IConfigurationSection section, string key)
    {
        var entries = section.GetSection(key).GetChildren().Select(child => child.Value).Append(section[key]).Where(value => !string.IsNullOrWhiteSpace(value));
        return string.Join(';', entries) is { Length: > 0 } text ? text : null;
    }

    private static bool? ReadBoolean(IConfigurationSection section, string key) => Text(section, key)?.ToUpperInvariant() switch
    {
        null => null,
        "TRUE" or "1" or "YES" or "ON" => true,
        "FALSE" or "0" or "NO" or "OFF" => false,
        _ => throw Wrong(section, key, "true or false"),
    };

    private static RestoreOnStart ReadRestoreOnStart(IConfigurationSection section) => Text(section, nameof(RestoreOnStart))?.ToUpperInvariant() switch
    {
        null or "IFMISSING" => RestoreOnStart.IfMissing,
        "REQUIRED" => RestoreOnStart.Required,
        "NEVER" => RestoreOnStart.Never,
        _ => throw WrongWord(section, nameof(RestoreOnStart)),
    };

    private static FreeSpaceFloor ReadFloor(IConfigurationSection section) => Text(section, nameof(FreeSpaceFloor)) is not { } text
        ? FreeSpaceFloor.Default
        : FreeSpaceFloor.Parse(text) ?? throw Wrong(section, nameof(FreeSpaceFloor), "a size such as 500MB or 2GB, a share of the disk such as 5%, or 0 for none");

    private static OnFailure ReadOnFailure(IConfigurationSection section) => Text(section, nameof(OnFailure))?.ToUpperInvariant() switch
    {
        null or "KEEPRUNNING" => OnFailure.KeepRunning,
        "STOPAPP" => OnFailure.StopApp,
        _ => throw WrongWord(section, nameof(OnFailure)),
    };

    private static VerificationLevel ReadVerificationLevel(IConfigurationSection section) => Text(section, "Verification:Level")?.ToUpperInvariant() switch
    {
        "POSITION" => VerificationLevel.Position,
        "QUICK" => VerificationLevel.Quick,
        null or "FULL" => VerificationLevel.Full,
        _ => throw WrongWord(section, "Verification:Level"),
    };

    /// <summary>It may hold a token, so its value is in no message.</summary>
    private static Uri? ReadUrl(IConfigurationSection section, string key) => Text(section, key) is not { } text
        ? null
        : Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? url
            : throw new LitestreamException("LSB1019", $"The setting {section.Path}:{key} is no http or https URL.");

    private static TimeSpan? ReadDuration(IConfigurationSection section, string key)
    {
        if (Text(section, key) is not { } text)
        {
            return null;
        }

        // TimeSpan reads "30" as thirty days, which nobody means: a number needs its unit.
        (string Unit, Func<double, TimeSpan> Of)[] units =
            [("ms", TimeSpan.FromMilliseconds), ("s", TimeSpan.FromSeconds), ("m", TimeSpan.FromMinutes), ("h", TimeSpan.FromHours)];
        foreach (var (unit, of) in units)
        {
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase) &&
                double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) &&
                number is > 0 and < 1e8 && of(number) is var duration && duration <= LongestDuration)
            {
                return duration;
            }
        }

        return text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span) && span > TimeSpan.Zero && span <= LongestDuration
            ? span
            : throw Wrong(section, key, "a positive duration such as 00:00:30 or 30s, at most a day");
    }

    private static LitestreamException WrongWord(IConfigurationSection section, string key)
    {
        var words = SettingNames.All.Single(setting => setting.Name == key).Words;
        return Wrong(section, key, NearestName.Choice(words), NearestName.DidYouMean(section[key]!, words));
    }

    private static LitestreamException Wrong(IConfigurationSection section, string key, string expected, string meant = "") =>
        new("LSB1019", $"The setting {section.Path}:{key} has the value '{section[key]}'; it must be {expected}.{meant}");
}
