using System.Globalization;
using Litestream.Configuration;
using Litestream.Diagnostics;

namespace Litestream.Releases.V03;

/// <summary>How far a replica has come.</summary>
/// <param name="Position">The place that it has reached at least; null when it has nothing of the generation.</param>
/// <param name="IsExact">False when it may have come further: a list says where the last segment begins, not how much
/// is in it.</param>
/// <param name="Newest">When its newest segment was made; null when not known.</param>
internal sealed record ReplicaReach(ReplicaPosition? Position, bool IsExact, DateTimeOffset? Newest = null)
{
    public static readonly ReplicaReach Nothing = new(null, true);
}

/// <summary>Asks how far a replica has come.</summary>
internal interface IReplicaProgress
{
    /// <summary>How long to wait between two questions, at least.</summary>
    TimeSpan Pause { get; }

    /// <summary>Null when there is nobody to ask.</summary>
    /// <exception cref="LitestreamException">The storage cannot be reached.</exception>
    Task<ReplicaReach?> ReadAsync(string generation, CancellationToken cancellationToken);
}

/// <summary>
/// A file replica: its segments say it themselves, unless they are encrypted (then there is no answer).
/// </summary>
internal sealed class FileReplicaProgress(string folder) : IReplicaProgress
{
    private (string Name, long Length, long? Unpacked)? _last;

    public TimeSpan Pause => TimeSpan.FromMilliseconds(5);

    public Task<ReplicaReach?> ReadAsync(string generation, CancellationToken cancellationToken) =>
        Task.FromResult(Read(generation));

    /// <inheritdoc cref="IReplicaProgress.ReadAsync" />
    public ReplicaReach? Read(string generation)
    {
        try
        {
            var newest = new DirectoryInfo(Path.Combine(folder, "generations", generation, "wal"))
                .EnumerateFiles("*.wal.lz4")
                .Select(file => (File: file, Start: Parse(file.Name)))
                .Where(file => file.Start is not null)
                .OrderByDescending(file => file.Start)
                .FirstOrDefault();
            if (newest.Start is not { } start)
                return ReplicaReach.Nothing;

            if (_last is not { } last || last.Name != newest.File.Name || last.Length != newest.File.Length)
                _last = last = (newest.File.Name, newest.File.Length, Lz4Frame.UnpackedLength(newest.File.FullName));
            return last.Unpacked is { } length
                ? new ReplicaReach(
                    new ReplicaPosition(generation, start.Index, start.Offset + length),
                    true,
                    newest.File.LastWriteTimeUtc
                )
                : null;
        }
        catch (Exception e) when (e is DirectoryNotFoundException or FileNotFoundException)
        {
            return ReplicaReach.Nothing;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB4005",
                $"The replica {folder} cannot be read: {e.Message}",
                innerException: e
            );
        }
    }

    private static (long Index, long Offset)? Parse(string name) =>
        name.Length == "00000000_00000000.wal.lz4".Length
        && long.TryParse(name.AsSpan(0, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var index)
        && long.TryParse(
            name.AsSpan(9, 8),
            NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture,
            out var offset
        )
            ? (index, offset)
            : null;
}

/// <summary>
/// What the replicator's metrics say: the end of the last segment whose upload has been confirmed (0.3).
/// </summary>
internal sealed class MetricsProgress(string address, string database, string replica, ShadowWal shadow)
    : IReplicaProgress,
        IDisposable
{
    // Who does not answer is not asked again.
    private readonly ReplicatorMetrics _metrics = new(address, TimeSpan.FromSeconds(2));

    public TimeSpan Pause => TimeSpan.FromMilliseconds(10);

    public async Task<ReplicaReach?> ReadAsync(string generation, CancellationToken cancellationToken)
    {
        if (
            await _metrics.ReadAsync(cancellationToken).ConfigureAwait(false) is not { } answer
            || !answer.Knows(database)
        )
            return null;

        // The numbers of a generation that has just ended stay until the first upload of the next one: no replica is
        // ahead of what is sent to it.
        return
            answer.Uploaded(database, replica) is var (index, offset)
            && new ReplicaPosition(generation, index, offset) is var position
            && shadow.Newest(generation) is { } newest
            && newest.Reaches(position)
            ? new ReplicaReach(position, true)
            : ReplicaReach.Nothing;
    }

    public void Dispose() => _metrics.Dispose();
}

/// <summary>
/// The list of a replica's segments, by the executable. It says where the last one begins, not what is in it.
/// </summary>
internal sealed class ListedProgress(BackupCatalog client, EffectiveDatabase database, string replica, TimeSpan pause)
    : IReplicaProgress
{
    public TimeSpan Pause => pause;

    public async Task<ReplicaReach?> ReadAsync(string generation, CancellationToken cancellationToken)
    {
        try
        {
            var segments = await client
                .WalSegmentsAsync(database, replica, generation, cancellationToken)
                .ConfigureAwait(false);
            return segments.MaxBy(segment => (segment.Index, segment.Offset)) is { } last
                ? new ReplicaReach(new ReplicaPosition(generation, last.Index, last.Offset), false, last.Created)
                : ReplicaReach.Nothing;
        }
        catch (LitestreamException e) when (e.Diagnostic.Code is "LSB3001" or "LSB3005")
        {
            throw new LitestreamException("LSB4005", e.Diagnostic.Message, innerException: e);
        }
    }
}

/// <summary>Asks for one replica whoever can tell: its files, else the replicator, else the list.</summary>
internal sealed class ReplicaWatch : IDisposable
{
    private static readonly TimeSpan ListPause = TimeSpan.FromMilliseconds(250);

    private readonly List<IReplicaProgress> _sources = [];
    private readonly ListedProgress _list;

    public ReplicaWatch(
        ReplicaSettings settings,
        string? metricsAddress,
        EffectiveDatabase database,
        BackupCatalog client,
        ShadowWal shadow
    )
    {
        Settings = settings;
        _list = new ListedProgress(client, database, settings.Name, ListPause);
        if (settings.Folder is { } folder)
            _sources.Add(new FileReplicaProgress(folder));
        if (metricsAddress is not null)
            _sources.Add(new MetricsProgress(metricsAddress, database.Path, settings.Name, shadow));
        _sources.Add(_list);
    }

    public ReplicaSettings Settings { get; }

    /// <summary>The last answer.</summary>
    public ReplicaReach? Reach { get; private set; }

    /// <summary>Whether that is what the replicator says about itself.</summary>
    public bool IsByMetrics => _sources[0] is MetricsProgress;

    public TimeSpan Pause => _sources[0].Pause;

    /// <summary>Who does not answer is not asked again.</summary>
    /// <exception cref="LitestreamException">The storage cannot be reached.</exception>
    public async Task AskAsync(string generation, CancellationToken cancellationToken)
    {
        while (
            (Reach = await _sources[0].ReadAsync(generation, cancellationToken).ConfigureAwait(false)) is null
            && _sources.Count > 1
        )
            _sources.RemoveAt(0);
    }

    /// <summary>Whether the replica has anything of the generation.</summary>
    public async Task<bool> IsListedAsync(string generation, CancellationToken cancellationToken)
    {
        try
        {
            return await _list.ReadAsync(generation, cancellationToken).ConfigureAwait(false) is { Position: not null };
        }
        catch (LitestreamException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        foreach (var metrics in _sources.OfType<MetricsProgress>())
            metrics.Dispose();
    }
}
