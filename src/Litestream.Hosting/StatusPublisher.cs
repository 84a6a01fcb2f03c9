using Litestream.Configuration;
using Litestream.FileSystem;
using Litestream.Replication;

namespace Litestream.Hosting;

/// <summary>
/// Tells other processes the status: one file for each database, written when something changes and at most once a
/// second.
/// </summary>
internal sealed class StatusPublisher(
    Func<IReadOnlyList<EffectiveDatabase>> databases,
    Func<LitestreamStatus> status,
    TimeProvider time
)
{
    private readonly ProcessIdentity? _app = StatusFile.IdentityOf(Environment.ProcessId);
    private readonly DateTimeOffset? _startedAt = StatusFile.StartOf(Environment.ProcessId);
    private readonly Dictionary<string, LitestreamStatus> _written = new(StringComparer.Ordinal);
    private Dictionary<string, EffectiveDatabase> _published = [];

    /// <summary>Publishes until it is cancelled, then takes back what stands there. Fails never.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            Publish();
            await Task.Delay(Thresholds.Look, time, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        foreach (var database in _published.Values)
            StatusFile.Remove(database);
    }

    private void Publish()
    {
        // Who waits for the lock has nothing to say: the file is the holder's.
        var now = status();
        if (_app is null || now.State == LitestreamState.Waiting)
            return;

        var published = databases().ToDictionary(database => database.Path, StringComparer.Ordinal);
        foreach (var removed in _published.Where(one => !published.ContainsKey(one.Key)))
        {
            StatusFile.Remove(removed.Value);
            _written.Remove(removed.Key);
        }

        _published = published;
        var own = now.Databases.ToLookup(database => database.Path, StringComparer.Ordinal);
        foreach (var database in published.Values)
            Publish(database, now with { Databases = [.. own[database.Path]] });
    }

    private void Publish(EffectiveDatabase database, LitestreamStatus own)
    {
        if (
            (_written.GetValueOrDefault(database.Path) is { } before && IsSame(before, own))
            || !Directory.Exists(Path.GetDirectoryName(database.Path))
            || IsAnothers(database)
        )
        {
            return;
        }

        // What could not be written is tried again.
        if (new StatusFile(_app!, _startedAt, time.GetUtcNow(), own).Write(database.Path))
            _written[database.Path] = own;
        else
            _written.Remove(database.Path);
    }

    private bool IsAnothers(EffectiveDatabase database) =>
        DatabaseLock.Peek(database.Path).App is { } holder && holder != _app && holder.IsRunning();

    /// <summary>
    /// As records are compared, but for the lists, each of which is a new one, and for what is not published.
    /// </summary>
    private static bool IsSame(LitestreamStatus one, LitestreamStatus other) =>
        Bare(one) == Bare(other)
        && PublishedDatabases(one).SequenceEqual(PublishedDatabases(other))
        && one.NotReplicated.SequenceEqual(other.NotReplicated)
        && one.OpenNotReplicated.SequenceEqual(other.OpenNotReplicated)
        && one.EmptyPatterns.SequenceEqual(other.EmptyPatterns);

    private static LitestreamStatus Bare(LitestreamStatus status) =>
        status with
        {
            Databases = [],
            NotReplicated = [],
            OpenNotReplicated = [],
            EmptyPatterns = [],
            LastRestarts = [],
            LookedAt = null,
        };

    private static IEnumerable<LitestreamDatabaseStatus> PublishedDatabases(LitestreamStatus status) =>
        status.Databases.Select(database => database with { LookedAt = null });
}
