using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Databases that are added and removed while the app runs: checked and restored here, then handed to the session. For
/// any number of threads.
/// </summary>
internal sealed class RuntimeDatabases(ReplicatorStart start, ReplicatorLifetime lifetime, ILogger logger)
{
    // What is being added, by path.
    private readonly Dictionary<string, (Task Task, EffectiveDatabase? Database)> _underWay = [];
    private Task? _beginning;

    // What is being removed, by the path that all links lead to: it can be added again when that has ended.
    private readonly Dictionary<string, Task> _leaving = new(StringComparer.Ordinal);

    // What was removed by the app, and a pattern must not bring back.
    private readonly HashSet<string> _removed = new(StringComparer.Ordinal);

    /// <summary>What is being added: restored, if it is missing, and checked. Absolute paths.</summary>
    public IReadOnlyList<string> BeingAdded
    {
        get
        {
            lock (_underWay)
                return [.. _underWay.Keys];
        }
    }

    /// <summary>Whether the app has removed it, and has neither added it again nor deleted its file since.</summary>
    public bool IsRemoved(string path)
    {
        lock (_underWay)
            return _removed.Contains(path);
    }

    /// <summary>Forgets what was removed and is not there any more.</summary>
    public void KeepRemoved(IReadOnlySet<string> there)
    {
        lock (_underWay)
            _removed.IntersectWith(there);
    }

    /// <inheritdoc cref="LitestreamReplicator.AddDatabaseAsync" />
    public async Task AddAsync(string path, string? replicaUrl, CancellationToken cancellationToken)
    {
        if (await SessionAsync(path, cancellationToken).ConfigureAwait(false) is not var (plan, session))
            return;

        Check(path);
        var absolute = ConfigPath.FollowLink(plan.Config.Resolve(path));
        var real = DatabasePath.Real(absolute);
        while (true)
        {
            Task? leaving;
            Task? adding = null;
            var isOwn = false;
            lock (_underWay)
            {
                if (!_leaving.TryGetValue(real, out leaving))
                {
                    _removed.Remove(absolute);
                    isOwn = !_underWay.TryGetValue(absolute, out var one);
                    if (isOwn)
                    {
                        one.Task = Task.Run(
                            () => AddAsync(plan, session, path, absolute, replicaUrl, cancellationToken),
                            CancellationToken.None
                        );
                        _underWay[absolute] = one;
                    }

                    adding = one.Task;
                }
            }

            if (adding is null)
            {
                // What is being removed counts as replicated until that has ended, and is not afterwards.
                await (leaving ?? Task.CompletedTask)
                    .WaitAsync(cancellationToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                continue;
            }

            try
            {
                await adding.WaitAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (OperationCanceledException) when (!isOwn && !cancellationToken.IsCancellationRequested)
            {
                // Whoever added it first has given up.
            }
        }
    }

    /// <inheritdoc cref="LitestreamReplicator.RemoveDatabaseAsync" />
    public async Task RemoveAsync(string path, CancellationToken cancellationToken)
    {
        Check(path);
        if (start.Plan is not { } plan || lifetime.Session is not { } session)
            return;

        var absolute = ConfigPath.FollowLink(plan.Config.Resolve(path));
        var real = DatabasePath.Real(absolute);
        Task? removal;
        lock (_underWay)
        {
            if (!_leaving.TryGetValue(real, out removal))
            {
                var added = _underWay.GetValueOrDefault(absolute).Task ?? Task.CompletedTask;
                removal = Task.Run(() => RemoveAsync(plan, session, absolute, real, added), CancellationToken.None);
                _leaving[real] = removal;
            }
        }

        await removal.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private static void Check(string path)
    {
        if ((ConfigPath.Problem(path) ?? ConfigPath.NoPath(path)) is { } problem)
            throw new LitestreamException("LSB1015", problem);
    }

    /// <summary>Ends when the database is removed, or is known to stay.</summary>
    /// <param name="plan">What is replicated.</param>
    /// <param name="session">What replicates it.</param>
    /// <param name="absolute">The database.</param>
    /// <param name="real">The path that all links lead to.</param>
    /// <param name="added">Ends when it has been added, where that was under way.</param>
    private async Task RemoveAsync(
        ReplicationPlan plan,
        ReplicationSession session,
        string absolute,
        string real,
        Task added
    )
    {
        try
        {
            await added.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (plan.Find(absolute) is not { } database)
                return;

            lock (_underWay)
                _removed.Add(database.Path);

            try
            {
                await session.RemoveAsync(database.Path).ConfigureAwait(false);
            }
            catch (LitestreamException)
            {
                lock (_underWay)
                    _removed.Remove(database.Path);

                throw;
            }
        }
        finally
        {
            lock (_underWay)
                _leaving.Remove(real);
        }
    }

    private async Task AddAsync(
        ReplicationPlan plan,
        ReplicationSession session,
        string path,
        string absolute,
        string? replicaUrl,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await AddNewAsync(plan, session, path, absolute, replicaUrl, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_underWay)
                _underWay.Remove(absolute);
        }
    }

    private async Task AddNewAsync(
        ReplicationPlan plan,
        ReplicationSession session,
        string path,
        string absolute,
        string? replicaUrl,
        CancellationToken cancellationToken
    )
    {
        if (plan.Find(absolute) is { } known)
        {
            CheckSamePlace(plan, known, path, replicaUrl);
            ThrowIfRefused(session, known.Path);
            return;
        }

        var added = new AddedDatabase(new EffectiveDatabase(path, absolute, null, null, []), replicaUrl);
        var (config, database) = plan.With(added);
        Reserve(plan, database);
        var wasThere = File.Exists(absolute);
        await new RestoreGate(plan.Settings, config, plan.FindExecutable, logger)
            .RunAsync([database], cancellationToken)
            .ConfigureAwait(false);
        var wasRestored = !wasThere && File.Exists(absolute);
        var question = await session.AddAsync(new Addition(added, config, database, wasRestored)).ConfigureAwait(false);
        if (question is not null)
        {
            await Task.WhenAny(question.Tried, Task.Delay(Thresholds.LineagePatience, cancellationToken))
                .ConfigureAwait(false);
            switch (question.Answer.IsCompletedSuccessfully ? question.Answer.Result : LineageResult.Same)
            {
                case LineageResult.Other:
                    throw new LitestreamException(SessionLineage.ExplainOther(database));
                case LineageResult.Unreadable:
                    throw question.Newer!;
            }
        }

        ThrowIfRefused(session, absolute);
    }

    /// <summary>Where replication runs; null where it is off.</summary>
    private async Task<(ReplicationPlan Plan, ReplicationSession Session)?> SessionAsync(
        string path,
        CancellationToken cancellationToken
    )
    {
        if (start.IsOff)
            return null;

        Task beginning;
        lock (_underWay)
        {
            if (start.Idle is not null && !lifetime.IsStopping && _beginning is not { IsCompleted: false })
                _beginning = Task.Run(start.BeginIdleAsync, CancellationToken.None);

            beginning = _beginning ?? Task.CompletedTask;
        }

        await beginning.WaitAsync(cancellationToken).ConfigureAwait(false);

        if (start.Plan is { } plan && lifetime is { IsStopping: false, Session: { } session })
            return (plan, session);

        if (start is { Plan: { } without, Executable: null })
        {
            // Which says why there is none.
            without.FindExecutable();
        }

        throw SessionChanges.Closed(path, "added");
    }

    /// <summary>Two that are added at once must not restore from one replica.</summary>
    private void Reserve(ReplicationPlan plan, EffectiveDatabase database)
    {
        lock (_underWay)
        {
            var places = database.Replicas.Select(PlaceOf).ToHashSet(StringComparer.Ordinal);
            var underWay = _underWay.Values.Select(one => one.Database).OfType<EffectiveDatabase>();
            var others = plan.Databases.Concat(underWay);
            if (
                others.FirstOrDefault(other =>
                    other.Path != database.Path && other.Replicas.Any(replica => places.Contains(PlaceOf(replica)))
                ) is
                { } same
            )
            {
                throw new LitestreamException(
                    "LSB1011",
                    $"The databases '{same.Path}' and '{database.Path}' have the same replica path, "
                        + $"'{database.Replicas[0].Location}'. A restore would take the backup that was written last: "
                        + "give each database its own path."
                );
            }

            _underWay[database.Path] = (_underWay[database.Path].Task, database);
        }

        string PlaceOf(ConfiguredReplica replica) =>
            replica.Folder is { } folder ? plan.Options.Folders.Find(folder) : replica.Location;
    }

    private static void CheckSamePlace(ReplicationPlan plan, EffectiveDatabase known, string path, string? replicaUrl)
    {
        if (replicaUrl is null)
            return;

        var asked = plan.With(new AddedDatabase(new EffectiveDatabase(path, known.Path, null, null, []), replicaUrl));
        var (here, there) = (Locations(known), Locations(asked.Database));
        if (here != there)
        {
            throw new LitestreamException(
                "LSB1012",
                $"'{known.Path}' is already replicated to '{here}', so it was not added with '{there}'. "
                    + "Two replicators on one file damage the backup: remove it first."
            );
        }
    }

    private static string Locations(EffectiveDatabase database) =>
        string.Join(", ", database.Replicas.Select(replica => replica.Location));

    private static void ThrowIfRefused(ReplicationSession session, string path)
    {
        if (session.RefusalOf(path) is { } refusal)
            throw new LitestreamException(refusal);
    }
}
