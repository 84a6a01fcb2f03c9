using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.Releases;

namespace Litestream.Verification;

/// <summary>What all parts of one verification of one database share.</summary>
internal sealed class VerificationContext(
    LitestreamExecutable executable,
    EffectiveConfig config,
    EffectiveDatabase database,
    VerificationOptions options
)
{
    public const int Attempts = 2;

    public static readonly TimeSpan Slack = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan ShortestPatience = TimeSpan.FromSeconds(30);
    public static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ShortestStorageTimeout = TimeSpan.FromMinutes(1);

    public LitestreamExecutable Executable => executable;

    public EffectiveConfig Config => config;

    public EffectiveDatabase Database => database;

    public string Path => database.Path;

    public VerificationOptions Options => options;

    public ReleaseLine Line { get; } = executable.Line;

    public ReplicationSettings Settings { get; } = ReplicationSettings.Of(config, database);

    public ILocalState State { get; } = executable.Line.State(database.MetaPath);

    public TimeSpan StorageTimeout { get; } = StorageTimeoutOf(options);

    public IBackupCatalog Catalog { get; } =
        executable.Line.Catalog(executable, config, StorageTimeoutOf(options));

    public TimeProvider Time { get; } = TimeProvider.System;

    public bool Restores => options.Level != VerificationLevel.Position;

    public bool Writes => options.Write && Restores;

    /// <summary>Whether the wait ends before its time where nothing replicates.</summary>
    public bool GivesUp => options.Timeout is null || options.IsSync;

    /// <summary>What to do where nothing replicates.</summary>
    public MessageText Start { get; } = StartText(options);

    public VerificationResult Result(VerificationOutcome outcome, string? code, MessageText message) =>
        new(database, outcome, "", code) { Level = options.Level, Text = message };

    public static string Seconds(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");

    private static MessageText StartText(VerificationOptions options)
    {
        if (options.IsSync)
            return $"Start the app, or use {VerbName.Replicate}";
        return $"Start the app, or let the verification start litestream ({OptionName.StartReplicator.On})";
    }

    private static TimeSpan StorageTimeoutOf(VerificationOptions options) =>
        options.StorageTimeout
        ?? (options.Timeout > ShortestStorageTimeout ? options.Timeout.Value : ShortestStorageTimeout);
}
