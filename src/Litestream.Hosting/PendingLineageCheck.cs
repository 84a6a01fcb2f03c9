using Litestream.Diagnostics;
using Litestream.FileSystem;
using Litestream.Replication;
using Litestream.Sqlite;

namespace Litestream.Hosting;

/// <summary>
/// Asks whether a database continues the lineage in its replicas, until that is answered. It is not waited
/// for long: storage that is not there, or the folder of a replica that hangs, concerns the databases in it only.
/// </summary>
internal sealed class PendingLineageCheck
{
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LineageCheck _check;
    private readonly string _path;
    private readonly TimeProvider _time;
    private volatile LitestreamDiagnostic? _trouble;

    // Written before each try; read when a try has answered.
    private (FileStamp? File, (bool Readable, long? Id) Number) _about;

    /// <param name="check">Knows the answer.</param>
    /// <param name="path">The database.</param>
    /// <param name="wasThere">Whether another file lay in its place while the app ran.</param>
    /// <param name="folder">Gives a private folder for a copy of the backup; fails where there is no room for
    /// one.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the executable, and the asking.</param>
    public PendingLineageCheck(
        LineageCheck check,
        string path,
        bool wasThere,
        Func<string> folder,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        (_check, _path, _time, WasThere, Since) = (check, path, time, wasThere, time.GetUtcNow());

        Answer = AskAsync(folder, cancellationToken);
        Tried = Task.WhenAny(Answer, _tried.Task);
    }

    public bool WasThere { get; }

    /// <summary>When it was asked first.</summary>
    public DateTimeOffset Since { get; }

    /// <summary>Ends when it is answered, or could not be answered at once.</summary>
    public Task Tried { get; }

    public Task<LineageResult> Answer { get; }

    /// <summary>Why there is no answer yet; null while it is not known.</summary>
    public LitestreamDiagnostic? Trouble => _trouble;

    /// <summary>Why the executable must not be used with the replica, where that is the answer.</summary>
    public LitestreamException? Newer => _check.Newer;

    /// <summary>Whether the answer is about another file than the one that is there now.</summary>
    public bool IsOutdated
    {
        get
        {
            var now = Look();
            var isSame = (now.File, _about.File) switch
            {
                (null, null) => true,
                ({ } file, { } asked) => file.IsSameFile(asked) && (file.Size == 0) == (asked.Size == 0),
                _ => false,
            };
            return !isSame || (now.Number.Readable && _about.Number.Readable && now.Number.Id != _about.Number.Id);
        }
    }

    private async Task<LineageResult> AskAsync(Func<string> folder, CancellationToken cancellationToken)
    {
        for (var pause = Thresholds.FirstLineagePause; ;)
        {
            try
            {
                // Not on one of the app's pooled threads, at each try: a disk that hangs does not return.
                return await Task
                    .Factory.StartNew(
                        () =>
                        {
                            _about = Look();
                            return _check.CheckAsync(folder(), cancellationToken);
                        },
                        cancellationToken,
                        TaskCreationOptions.LongRunning,
                        TaskScheduler.Default
                    )
                    .Unwrap()
                    .ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                _trouble =
                    (e as LitestreamException)?.Diagnostic
                    ?? new LitestreamDiagnostic("LSB4005", LitestreamSeverity.Error, e.Message);
                _tried.TrySetResult();
            }

            var longest =
                _trouble.Code is "LSB4003" or "LSB4009"
                    ? Thresholds.LongestUselessPause
                    : Thresholds.LongestLineagePause;
            await Task.Delay(pause, _time, cancellationToken).ConfigureAwait(false);
            pause = pause * 2 < longest ? pause * 2 : longest;
        }
    }

    private (FileStamp? File, (bool Readable, long? Id) Number) Look() =>
        (FileStamp.Of(_path), LiveDatabase.ReadIdentityInFile(_path));
}
