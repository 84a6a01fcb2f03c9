using Litestream.Configuration;
using Litestream.Diagnostics;

namespace Litestream.Releases;

/// <summary>Asks how far a replica has come.</summary>
internal interface IProgressSource
{
    /// <summary>How long to wait between two questions, at least.</summary>
    TimeSpan Pause { get; }

    /// <summary>Null when there is no answer.</summary>
    /// <exception cref="LitestreamException">The storage cannot be reached.</exception>
    Task<ReplicaProgress?> ReadAsync(string lineage, CancellationToken cancellationToken);
}

/// <summary>A replica in a folder: its files show it.</summary>
internal sealed class FolderProgress(Func<string, ReplicaProgress?> read) : IProgressSource
{
    public TimeSpan Pause => TimeSpan.FromMilliseconds(5);

    public Task<ReplicaProgress?> ReadAsync(string lineage, CancellationToken cancellationToken) =>
        Task.FromResult(read(lineage));
}

/// <summary>What the metrics of the executable say.</summary>
internal sealed class MetricsProgress(string address, string database, string replica, ILocalState state)
    : IProgressSource,
        IDisposable
{
    private readonly ReplicatorMetrics _metrics = new(address, TimeSpan.FromSeconds(2));

    public TimeSpan Pause => TimeSpan.FromMilliseconds(10);

    public async Task<ReplicaProgress?> ReadAsync(string lineage, CancellationToken cancellationToken) =>
        await _metrics.ReadAsync(cancellationToken).ConfigureAwait(false) is { } answer && answer.Knows(database)
            ? state.Sent(lineage, answer, database, replica) is { } position
                ? new ReplicaProgress(position, true)
                : ReplicaProgress.Nothing
            : null;

    public void Dispose() => _metrics.Dispose();
}

/// <summary>What is in the replica, as the executable lists it.</summary>
internal sealed class ListedProgress(IBackupCatalog catalog, EffectiveDatabase database, string replica)
    : IProgressSource
{
    public TimeSpan Pause => TimeSpan.FromMilliseconds(250);

    public async Task<ReplicaProgress?> ReadAsync(string lineage, CancellationToken cancellationToken)
    {
        try
        {
            return await catalog.ProgressAsync(database, replica, lineage, cancellationToken).ConfigureAwait(false);
        }
        catch (LitestreamException e) when (e.Diagnostic.Code is "LSB3001" or "LSB3005")
        {
            throw new LitestreamException("LSB4005", e.Diagnostic.Message, innerException: e);
        }
    }
}

/// <summary>Asks for one replica the source that answers: its files, else the metrics, else the list.</summary>
internal sealed class ReplicaProbe : IDisposable
{
    private readonly List<IProgressSource> _sources = [];
    private readonly ListedProgress _list;

    public ReplicaProbe(
        ReleaseLine line,
        ReplicaSettings settings,
        string? metricsAddress,
        EffectiveDatabase database,
        IBackupCatalog catalog
    )
    {
        Settings = settings;
        _list = new ListedProgress(catalog, database, settings.Name);
        if (settings.Folder is { } folder)
            _sources.Add(new FolderProgress(line.Layout.Reader(folder)));
        if (metricsAddress is not null && line.ReportsProgress)
        {
            _sources.Add(
                new MetricsProgress(metricsAddress, database.Path, settings.Name, line.State(database.MetaPath))
            );
        }

        _sources.Add(_list);
    }

    public ReplicaSettings Settings { get; }

    /// <summary>The last answer.</summary>
    public ReplicaProgress? Progress { get; private set; }

    /// <summary>Whether that is what the executable says about itself.</summary>
    public bool IsByMetrics => _sources[0] is MetricsProgress;

    public TimeSpan Pause => _sources[0].Pause;

    /// <summary>A source without an answer is not asked again.</summary>
    /// <exception cref="LitestreamException">The storage cannot be reached.</exception>
    public async Task AskAsync(string lineage, CancellationToken cancellationToken)
    {
        while (
            (Progress = await _sources[0].ReadAsync(lineage, cancellationToken).ConfigureAwait(false)) is null
            && _sources.Count > 1
        )
        {
            _sources.RemoveAt(0);
        }
    }

    /// <summary>Whether the replica has anything of the lineage.</summary>
    public async Task<bool> IsListedAsync(string lineage, CancellationToken cancellationToken)
    {
        try
        {
            return await _list.ReadAsync(lineage, cancellationToken).ConfigureAwait(false) is { Position: not null };
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
