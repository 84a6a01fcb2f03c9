using Litestream.Diagnostics;
using Litestream.Replication;
using Microsoft.Extensions.Logging;

namespace Litestream.Hosting;

/// <summary>
/// Adds the databases that match a pattern as soon as they are there. What cannot be added is tried again, and named in
/// the status meanwhile.
/// </summary>
internal sealed class PatternWatch(
    ReplicationPlan plan,
    RuntimeDatabases runtime,
    Action<Func<LitestreamStatus, LitestreamStatus>> updateStatus,
    ILogger logger,
    TimeProvider time
)
{
    private readonly Dictionary<string, (string Code, DateTimeOffset At)> _refused = new(StringComparer.Ordinal);
    private string? _failure;

    /// <summary>Runs until it is cancelled; fails never.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(Thresholds.PatternLook, time, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
                return;
            try
            {
                await LookAsync(cancellationToken).ConfigureAwait(false);
                _failure = null;
            }
            catch (Exception exception)
            {
                // The next look may do better. The same is logged once.
                if (_failure != exception.Message)
                {
                    ReplicatorLog.Error(
                        logger,
                        UnexpectedError.Diagnostic(exception, "New databases of a pattern may not be found.")
                    );
                }

                _failure = exception.Message;
            }
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        var known = plan.Databases.Select(database => database.Path).ToHashSet(StringComparer.Ordinal);
        var found = plan.Patterns.Find(plan.Config.Resolve);
        var again = time.GetUtcNow() - Thresholds.LongestLineagePause;
        var wanted = found
            .Where(database => !known.Contains(database.Path) && !plan.MeantNotReplicated.Contains(database.Path))
            .Where(database => !runtime.IsRemoved(database.Path))
            .Where(database => !_refused.TryGetValue(database.Path, out var last) || last.At <= again)
            .ToList();
        var there = found.Select(database => database.Path).ToHashSet(StringComparer.Ordinal);
        runtime.KeepRemoved(there);
        var gone = _refused.Keys.Where(path => !there.Contains(path) || known.Contains(path)).ToList();
        gone.ForEach(path => _refused.Remove(path));
        await Task.WhenAll(
                wanted.Select(async database =>
                {
                    var error = await TryAddAsync(database.ConfiguredPath, cancellationToken).ConfigureAwait(false);
                    lock (_refused)
                        Note(database.Path, error);
                })
            )
            .ConfigureAwait(false);
        if (gone.Count + wanted.Count > 0)
            Publish(gone);
        var empty = plan.FindEmptyPatterns();
        updateStatus(status =>
            status.EmptyPatterns.SequenceEqual(empty) ? status : status with { EmptyPatterns = empty }
        );
    }

    private async Task<LitestreamDiagnostic?> TryAddAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await runtime.AddAsync(path, null, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (LitestreamException exception)
        {
            return exception.Diagnostic;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return UnexpectedError.Diagnostic(exception, $"'{path}' is not replicated.");
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private void Note(string path, LitestreamDiagnostic? error)
    {
        if (error is null || error.Code == "LSB5041")
        {
            _refused.Remove(path);
            return;
        }

        if (_refused.GetValueOrDefault(path).Code != error.Code)
            ReplicatorLog.Error(logger, error);

        _refused[path] = (error.Code, time.GetUtcNow());
    }

    /// <summary>What is supervised says for itself how it does.</summary>
    private void Publish(IEnumerable<string> gone) =>
        updateStatus(status =>
            status with
            {
                NotReplicated =
                [
                    .. status
                        .NotReplicated.Except(gone)
                        .Union(_refused.Keys)
                        .Where(path => plan.Databases.All(database => database.Path != path)),
                ],
            }
        );
}
