using Litestream.Configuration;
using Litestream.Dashboard.Actions;
using Litestream.Diagnostics;
using Litestream.Hosting;
using Litestream.Replication;
using Litestream.Verification;
using Microsoft.Extensions.Logging;

namespace Litestream.Dashboard.Monitoring;

/// <summary>
/// Watches the replicator's status for the dashboard, twice a second, and remembers the last hour. While somebody looks
/// it also lists the backups and measures the files, in the background: a page waits for none of it. One for each
/// replicator; for any number of threads.
/// </summary>
internal sealed class DashboardMonitor(LitestreamReplicator replicator, ILogger logger, TimeProvider time)
{
    /// <summary>How often the status is looked at.</summary>
    public static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan ViewMemory = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ListingAge = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan SoonAge = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SizeAge = TimeSpan.FromSeconds(10);

    /// <summary>With more databases than this, so many times its own duration is waited after a listing: it must not
    /// take the processor.</summary>
    private const int ListingPause = 100;

    private const int FewDatabases = 8;

    private readonly Dictionary<string, DatabaseRecord> _records = new(StringComparer.Ordinal);
    private long _viewedAt = DateTimeOffset.MinValue.UtcTicks;
    private volatile string? _focus;
    private volatile string? _reported;

    /// <summary>Starts watching, until it is cancelled. What fails is logged, and tried again.</summary>
    public void Start(CancellationToken cancellationToken)
    {
        _ = Task.Run(() => RepeatAsync(Tick, Observe, cancellationToken), CancellationToken.None);
        _ = Task.Run(() => RepeatAsync(SizeAge, Measure, cancellationToken), CancellationToken.None);
        _ = Task.Run(() => ListAsync(cancellationToken), CancellationToken.None);
    }

    /// <summary>Somebody looks.</summary>
    /// <param name="database">The database that is shown in full; null for all.</param>
    public void NoteView(string? database)
    {
        if (Interlocked.Exchange(ref _viewedAt, time.GetUtcNow().UtcTicks) < Recently || database is not null)
            _focus = database;
    }

    /// <summary>Whether somebody has looked within the last minute.</summary>
    public bool IsViewed => Interlocked.Read(ref _viewedAt) >= Recently;

    /// <summary>Reads what is remembered of a database, and nothing else happens to it meanwhile.</summary>
    public T Read<T>(string path, Func<DatabaseRecord, T> read)
    {
        lock (_records)
            return read(RecordOf(path));
    }

    /// <summary>A drill or a full verification has ended well.</summary>
    /// <param name="database">With the replicas that it has read: of others it proves nothing.</param>
    /// <param name="begun">When it was begun.</param>
    /// <param name="by">What it was.</param>
    public void NoteProof(EffectiveDatabase database, DateTimeOffset begun, string by)
    {
        var now = time.GetUtcNow();
        lock (_records)
        {
            var record = RecordOf(database.Path);
            if (record.Places == PlacesOf(database))
                record.NoteProof(now, by, now - begun);
        }
    }

    /// <summary>A drill or a restore has found that what comes back is wrong.</summary>
    public void NoteDisproof(string path, DateTimeOffset at, string what)
    {
        lock (_records)
            RecordOf(path).NoteDisproof(at, what, VerificationLevel.Full);
    }

    /// <summary>The backups of a database are listed again as soon as possible.</summary>
    public void ListSoon(string path)
    {
        lock (_records)
            RecordOf(path).IsStale = true;
    }

    private long Recently => (time.GetUtcNow() - ViewMemory).UtcTicks;

    /// <summary>One that is not remembered where the database was not seen, or is gone.</summary>
    private DatabaseRecord RecordOf(string path) => _records.GetValueOrDefault(path) ?? new DatabaseRecord();

    private void Report(Exception exception)
    {
        var diagnostic = UnexpectedError.Diagnostic(exception, "The dashboard could not look at the backups.");
        if (_reported != exception.Message)
            DashboardLog.Failed(logger, diagnostic);
        _reported = exception.Message;
    }

    private async Task RepeatAsync(TimeSpan interval, Action act, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                act();
            }
            catch (Exception e)
            {
                Report(e);
            }

            await Task.Delay(interval, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Observe()
    {
        var (status, now) = (replicator.Status, time.GetUtcNow());
        var places = (replicator.CurrentPlan?.Databases ?? []).ToDictionary(
            database => database.Path,
            database => PlacesOf(database),
            StringComparer.Ordinal
        );
        var replicated = status.Databases.Select(database => database.Path).ToHashSet(StringComparer.Ordinal);
        lock (_records)
        {
            // What was proved of a replica says nothing of another one.
            foreach (
                var gone in _records
                    .Where(one =>
                        places.GetValueOrDefault(one.Key, "") != one.Value.Places || !replicated.Contains(one.Key)
                    )
                    .Select(one => one.Key)
                    .ToList()
            )
            {
                _records.Remove(gone);
            }

            foreach (var database in status.Databases)
            {
                if (!_records.TryGetValue(database.Path, out var record))
                {
                    record = new() { Places = places.GetValueOrDefault(database.Path, "") };
                    _records.Add(database.Path, record);
                }

                Observe(record, database, now);
            }
        }
    }

    private void Observe(DatabaseRecord record, LitestreamDatabaseStatus database, DateTimeOffset now)
    {
        if (database.LookedAt is not null)
            record.Samples.Add(now, database.Lag, replicator.WalBytes(database.Path));
        record.NotePosition(database.Replicated, database.Lag > TimeSpan.Zero, now);

        // One that was begun before the database got another replica is reported after it.
        if (
            database is { Verification: { } verification, VerifiedAt: { } verifiedAt }
            && PlacesOf(verification.Database) == record.Places
        )
        {
            record.NoteVerification(verification, verifiedAt);
        }
    }

    private static string PlacesOf(EffectiveDatabase database) =>
        string.Join('\n', database.Replicas.Select(replica => replica.Location));

    private void Measure()
    {
        if (!IsViewed)
            return;
        foreach (var database in replicator.Status.Databases)
        {
            var (size, wal) = (LengthOf(database.Path), LengthOf($"{database.Path}-wal"));
            lock (_records)
            {
                var record = RecordOf(database.Path);
                (record.Size, record.WalSize) = (size, wal);
            }
        }
    }

    private static long? LengthOf(string path)
    {
        try
        {
            var file = new FileInfo(path);
            return file.Exists ? file.Length : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var pause = Tick;
            try
            {
                if (IsViewed && Next() is { } database)
                {
                    var start = time.GetTimestamp();
                    await ListAsync(database, cancellationToken).ConfigureAwait(false);

                    // The database that somebody looks at does not wait for the others.
                    if (database.Path != _focus && replicator.Status.Databases.Count > FewDatabases)
                        pause += time.GetElapsedTime(start) * ListingPause;
                }
            }
            catch (Exception e)
            {
                Report(e);
            }

            await WaitAsync(pause, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends early when somebody looks at a database that was not listed lately.</summary>
    private async Task WaitAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        var end = time.GetUtcNow() + pause;
        do
            await Task.Delay(Tick, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!cancellationToken.IsCancellationRequested && time.GetUtcNow() < end && !IsFocusDue());
    }

    private bool IsFocusDue()
    {
        if (!IsViewed || _focus is not { } path)
            return false;
        lock (_records)
            return _records.ContainsKey(path) && IsDue(path);
    }

    /// <summary>A first backup is soon there; what cannot be listed may be back soon.</summary>
    private bool IsDue(string path) =>
        RecordOf(path) is not { IsStale: false, Listing: { } listing }
        || listing.TriedAt
            < time.GetUtcNow() - (listing.Error is null && listing.To is not null ? ListingAge : SoonAge);

    /// <summary>The database whose backups are to be listed next; null when all were listed lately.</summary>
    private EffectiveDatabase? Next()
    {
        var databases = replicator.CurrentPlan?.Databases ?? [];
        var focus = _focus;
        lock (_records)
        {
            return databases
                .Where(database => _records.ContainsKey(database.Path) && IsDue(database.Path))
                .OrderBy(database => database.Path == focus ? 0 : 1)
                .ThenBy(database => RecordOf(database.Path).Listing?.TriedAt ?? DateTimeOffset.MinValue)
                .FirstOrDefault();
        }
    }

    private async Task ListAsync(EffectiveDatabase database, CancellationToken cancellationToken)
    {
        lock (_records)
            RecordOf(database.Path).IsStale = false;
        BackupListing listing;
        var start = time.GetUtcNow();
        try
        {
            listing = await BackupListing
                .ReadAsync(replicator.CreateClient(), database, time, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (Exception e)
        {
            var why = e is LitestreamException known
                ? known.Diagnostic
                : UnexpectedError.Diagnostic(e, "The backups could not be listed.");
            listing = new BackupListing(time.GetUtcNow()) { Error = why.ToString() };
        }

        lock (_records)
        {
            var record = RecordOf(database.Path);

            if (listing is { Error: null, To: null } && record.ProofAt is not null)
            {
                record.NoteDisproof(
                    start,
                    "LSB4002: the replica is empty. There is no backup to restore any more.",
                    VerificationLevel.Full
                );
            }

            // What was there is better than nothing, with its age.
            record.Listing =
                listing.Error is not null && record.Listing is { } before
                    ? before with { TriedAt = listing.TriedAt, Error = listing.Error }
                    : listing;
        }
    }
}
