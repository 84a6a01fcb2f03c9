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
    /// <summary>The app continues without.</summary>
    KeepRunning,

    /// <summary>The app is stopped in order, with exit code 1.</summary>
    StopApp,
}

/// <summary>
/// The configuration section <c>Litestream</c>, read by hand: reflection binding does not survive trimming.
/// </summary>
internal sealed record LitestreamSettings
{
    public const string Section = "Litestream";

    public required bool Enabled { get; init; }

    public string? ExecutablePath { get; init; }

    public required string ConfigPath { get; init; }

    public RestoreOnStart RestoreOnStart { get; init; }

    public TimeSpan ShutdownTimeout { get; init; }

    /// <summary>After so long without progress litestream is started again.</summary>
    public TimeSpan StallTimeout { get; init; }

    /// <summary>
    /// With less room on its disk, a database with a replica in a folder on the same disk is not replicated.
    /// </summary>
    public FreeSpaceFloor FreeSpaceFloor { get; init; }

    public OnFailure OnFailure { get; init; }

    /// <summary>Databases by pattern; null for none.</summary>
    public string? DatabasePatterns { get; init; }

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

    /// <summary>
    /// Reads the section. A relative <c>ConfigPath</c> is relative to <paramref name="applicationDirectory"/>, where
    /// the build puts the file.
    /// </summary>
    /// <exception cref="LitestreamException">LSB1019: a value that is not understood; the message names the
    /// key.</exception>
    public static LitestreamSettings Read(IConfiguration configuration, bool isDevelopment, string applicationDirectory)
    {
        var section = configuration.GetSection(Section);
        string? Get(string key) => configuration[key];
        return new LitestreamSettings
        {
            Enabled = SettingValue.Flag(Get, nameof(Enabled)) ?? !isDevelopment,
            ExecutablePath = SettingValue.Text(Get, nameof(ExecutablePath)),
            ConfigPath = Path.GetFullPath(
                SettingValue.Text(Get, nameof(ConfigPath)) ?? "litestream.yml",
                applicationDirectory
            ),
            RestoreOnStart = SettingValue.Word<RestoreOnStart>(Get, nameof(RestoreOnStart)) ?? RestoreOnStart.IfMissing,
            ShutdownTimeout = SettingValue.Duration(Get, nameof(ShutdownTimeout)) ?? TimeSpan.FromSeconds(30),
            StallTimeout = SettingValue.Duration(Get, nameof(StallTimeout)) ?? TimeSpan.FromSeconds(20),
            FreeSpaceFloor = ReadFloor(Get),
            OnFailure = SettingValue.Word<OnFailure>(Get, nameof(OnFailure)) ?? OnFailure.KeepRunning,
            AdoptReplica = SettingValue.Flag(Get, nameof(AdoptReplica)) ?? false,
            ReplicateDiscovered = SettingValue.Flag(Get, nameof(ReplicateDiscovered)),
            DatabasePatterns = ReadList(section, nameof(DatabasePatterns)),
            NotReplicated = ReadList(section, nameof(NotReplicated)),
            HeartbeatUrl = ReadUrl(Get),
            VerificationInterval = SettingValue.Duration(Get, "Verification:Interval"),
            VerificationTimeout = SettingValue.Duration(Get, "Verification:Timeout"),
            VerificationLevel =
                SettingValue.Word<VerificationLevel>(Get, "Verification:Level") ?? VerificationLevel.Full,
        };
    }

    /// <summary>A list (<c>NotReplicated:0</c>), or one text with <c>;</c> in it.</summary>
    private static string? ReadList(IConfigurationSection section, string key)
    {
        var entries = section
            .GetSection(key)
            .GetChildren()
            .Select(child => child.Value)
            .Append(section[key])
            .Where(value => !string.IsNullOrWhiteSpace(value));
        return string.Join(';', entries) is { Length: > 0 } text ? text : null;
    }

    private static FreeSpaceFloor ReadFloor(Func<string, string?> get)
    {
        const string Forms = "a size such as 500MB or 2GB, a share of the disk such as 5%, or 0 for none.";
        return SettingValue.Text(get, nameof(FreeSpaceFloor)) is not { } text
            ? FreeSpaceFloor.Default
            : FreeSpaceFloor.Parse(text)
                ?? throw new LitestreamException("LSB1019", SettingValue.Wrong(nameof(FreeSpaceFloor), text, Forms));
    }

    /// <summary>It may hold a token, so its value is in no message.</summary>
    private static Uri? ReadUrl(Func<string, string?> get)
    {
        if (SettingValue.Text(get, nameof(HeartbeatUrl)) is not { } text)
            return null;
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? url
            : throw new LitestreamException(
                "LSB1019",
                $"The setting {Section}:{nameof(HeartbeatUrl)} is not an http or https URL."
            );
    }
}
