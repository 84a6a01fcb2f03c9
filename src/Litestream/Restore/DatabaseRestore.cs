using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases;
using Litestream.Sqlite;

namespace Litestream.Restore;

/// <summary>The restore that never destroys anything.</summary>
public static class DatabaseRestore
{
    /// <summary>More would wait for the same disk and the same network.</summary>
    private const int AtOnce = 4;

    /// <summary>
    /// Restores into a private folder beside the output, checks the file (<c>PRAGMA quick_check</c>) and moves it into
    /// place. What is there stays, unless
    /// <see cref="RestoreRequest.Force"/> says otherwise; then it is moved aside. A process that is killed at any
    /// moment leaves the old database or the new one, whole: what it had
    /// begun to move is finished or taken back by the next restore to that place, or the next start of the app.
    /// The file keeps owner and mode of the one that it replaces (Unix); a new one has mode 0600, and, where
    /// root restores a lost database, the owner of its folder. A missing parent folder is
    /// made.
    /// </summary>
    /// <remarks>
    /// At the database's own path, and when something is or may be replaced, the lock of the database is taken, and a
    /// process that has the database open is an error. On other systems than
    /// Linux open files cannot be seen; the lines say so.
    /// Storage that cannot be reached is LSB4005, never <see cref="RestoreOutcome.NoBackup"/>. What cannot be told
    /// apart from an empty replica: a folder
    /// that is not there (a volume that is not mounted, an SFTP path that does not exist).
    /// When the output is the database's own path, the executable's state folder
    /// (<see cref="EffectiveDatabase.MetaPath"/>) of the lost file is moved aside.
    /// A moment after the last change (<see cref="RestoreRequest.Timestamp"/>) gives the newest state, where release
    /// line 0.3 itself finds nothing.
    /// </remarks>
    /// <param name="executable">What restores.</param>
    /// <param name="request">What to restore, and where to.</param>
    /// <param name="onLine">Gets the lines of the executable and of the restore itself.</param>
    /// <param name="cancellationToken">Ends the executable and leaves nothing behind; no effect once files are being
    /// moved.</param>
    /// <exception cref="LitestreamException">LSB0003, LSB2008, LSB3001, LSB3005, LSB3008, LSB4001 to LSB4009, LSB4011;
    /// LSB4104:
    /// it cannot be detached, as there is no SQLite library.</exception>
    public static async Task<RestoreResult> RunAsync(
        LitestreamExecutable executable,
        RestoreRequest request,
        Action<LogLine>? onLine,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(executable);
        ArgumentNullException.ThrowIfNull(request);

        var dialect = executable.Line.Restore;
        RestoreCommand.CheckOptions(request, dialect);
        dialect.Check(request.Selection);
        var named = Path.GetFullPath(request.Output ?? request.Database.Path);
        if (ConfigPath.Problem(named) is { } problem)
            throw new LitestreamException("LSB1015", problem);
        var target = RestoreTarget.Of(named, request);

        var started = Stopwatch.GetTimestamp();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (request.Timeout is { } timeout)
            limit.CancelAfter(timeout);
        try
        {
            var result = request.DryRun
                ? await PlanAsync(executable, request, target, onLine, limit.Token).ConfigureAwait(false)
                : await RestoreAsync(executable, request, target, onLine, limit.Token).ConfigureAwait(false);
            return result with { Duration = Stopwatch.GetElapsedTime(started) };
        }
        catch (OperationCanceledException e)
            when (!cancellationToken.IsCancellationRequested && limit.IsCancellationRequested)
        {
            throw new LitestreamException(
                "LSB3005",
                $"The restore of '{request.Database.Path}' was cancelled because it took longer than "
                    + $"{NumberText.Seconds(request.Timeout!.Value)} s. No file was changed.",
                innerException: e
            );
        }
        catch (Exception e) when (IsDiskFull(e))
        {
            throw new LitestreamException(
                "LSB4009",
                $"The disk of '{Path.GetDirectoryName(target.File)}' is full, so '{request.Database.Path}' was "
                    + $"not restored. No partial files remain. Free some space, or restore to another disk.",
                innerException: e
            );
        }
    }

    /// <summary>
    /// Restores several databases at once. One that fails does not stop the others: its result has
    /// <see cref="RestoreOutcome.Failed"/> and the error.
    /// </summary>
    /// <param name="executable">What restores.</param>
    /// <param name="config">The effective configuration.</param>
    /// <param name="databases">Which of its databases.</param>
    /// <param name="options">How; an <see cref="RestoreOptions.Output"/> is for one database only.</param>
    /// <param name="onLine">Gets the lines of all of them, one at a time.</param>
    /// <param name="cancellationToken">Ends all of them.</param>
    /// <returns>One result for each database, in their order.</returns>
    /// <exception cref="LitestreamException">LSB3008: one output for several databases, or an output together with in
    /// place.</exception>
    public static async Task<IReadOnlyList<RestoreResult>> RunAllAsync(
        LitestreamExecutable executable,
        EffectiveConfig config,
        IReadOnlyList<EffectiveDatabase> databases,
        RestoreOptions options,
        Action<LogLine>? onLine,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(databases);
        ArgumentNullException.ThrowIfNull(options);
        if (databases.Count > 1 && options.Output is not null)
        {
            throw new LitestreamException(
                "LSB3008",
                $"The output '{options.Output}' is one file and cannot hold {databases.Count} databases. Omit it to "
                    + $"restore each database to its own file next to the original, or in place."
            );
        }

        var gate = new object();
        void OneAtATime(LogLine line)
        {
            lock (gate)
                onLine?.Invoke(line);
        }

        var requests = databases.Select(database => options.For(config, database)).ToList();
        var results = new RestoreResult[requests.Count];
        await Parallel
            .ForAsync(
                0,
                requests.Count,
                new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
                async (i, token) =>
                {
                    try
                    {
                        results[i] = await RunAsync(executable, requests[i], OneAtATime, token).ConfigureAwait(false);
                    }
                    catch (LitestreamException e)
                    {
                        results[i] = new RestoreResult(
                            databases[i],
                            RestoreOutcome.Failed,
                            Path.GetFullPath(requests[i].Output ?? databases[i].Path)
                        )
                        {
                            Error = e,
                        };
                    }
                }
            )
            .ConfigureAwait(false);
        return results;
    }

    /// <summary>Whether a restore to this database's path is under way, or was killed and left something.</summary>
    internal static bool IsPending(string databasePath) => RestoreFolder.AnyFor(RestoreTarget.FollowLink(databasePath));

    /// <summary>Whether a living process restores to this database's path.</summary>
    /// <param name="databasePath">The database.</param>
    /// <param name="holder">Who holds its lock, as far as the record tells.</param>
    internal static bool IsAtWork(string databasePath, ProcessIdentity? holder) =>
        RestoreFolder.IsAtWork(RestoreTarget.FollowLink(databasePath), holder);

    /// <summary>
    /// Finishes or takes back what a killed restore to this database's path had begun. The caller holds the database's
    /// lock.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4008: it can be neither finished nor taken back.</exception>
    internal static void Recover(string databasePath, Action<LogLine>? onLine)
    {
        var file = RestoreTarget.FollowLink(databasePath);
        if (RestoreFolder.AnyInterrupted(file) && OpenDatabases.Find(file, out _) is [var user, ..])
        {
            throw new LitestreamException(
                "LSB4008",
                $"A restore of '{file}' was interrupted and can be neither finished nor undone while "
                    + $"process {user.Id} ({user.Name}) has '{user.File}' open. End that process, then start again."
            );
        }

        RestoreFolder.RemoveLeftovers(file, onLine);
        RestoreFolder.RefuseForeign(file);
    }

    private static async Task<RestoreResult> RestoreAsync(
        LitestreamExecutable executable,
        RestoreRequest request,
        RestoreTarget target,
        Action<LogLine>? onLine,
        CancellationToken cancellationToken
    )
    {
        var interrupted = RestoreFolder.AnyInterrupted(target.File);
        if (!interrupted)
        {
            RestoreFolder.RemoveLeftovers(target.File, onLine);
            if (target.Check(request) is { } early)
                return new RestoreResult(request.Database, early, target.Named);
        }

        RestoreFolder.RemoveSideLeftovers(request.Database.Path);
        var shared = target.IsShared(request) || interrupted;
        using var locks = shared ? RestoreLocks.Acquire(target, request) : null;
        if (interrupted)
        {
            RestoreLocks.RefuseOpen(target, onLine: null);
            RestoreFolder.RemoveLeftovers(target.File, onLine);
        }

        if (shared)
            RestoreFolder.RefuseForeign(target.File);
        if (interrupted && target.Check(request) is { } recovered)
            return new RestoreResult(request.Database, recovered, target.Named);

        // An app that starts sees the folder and keeps away; one that came before is found after it.
        using var folder = RestoreFolder.Create(target.File);
        if (shared)
            RestoreLocks.RefuseOpen(target, onLine);

        var source = await new RestoreCommand(executable, request, folder.Path, folder.Restored, onLine)
            .RunAsync(cancellationToken)
            .ConfigureAwait(false);
        if (source is null)
            return NoBackup(request, target);

        RestoredFile.Check(folder.Restored, request, onLine, cancellationToken);
        if (request.Detach)
            RestoredFile.Detach(folder.Restored, request);

        // Before the last look at who uses the place, as it takes long, and before it gets a mode that may forbid
        // writing.
        RestoredFile.Finish(target, folder, onLine);
        cancellationToken.ThrowIfCancellationRequested();

        // Meanwhile the file may have been made, by the app or by another restore, or opened.
        if (target.Check(request) is { } late)
            return new RestoreResult(request.Database, late, target.Named);
        if (shared)
            RestoreLocks.RefuseOpen(target, onLine: null);

        var bytes = new FileInfo(folder.Restored).Length;
        var id = LiveDatabase.ReadIdentityInFile(folder.Restored).Id;
        var swap = ReplaceTransaction.Plan(target.File, target.MetaPath(request), request.Force, request.Time);
        if (!swap.Run(folder, onLine))
        {
            return request.IfDatabaseNotExists
                ? new RestoreResult(request.Database, RestoreOutcome.DatabaseExists, target.Named)
                : throw target.Exists();
        }

        // It continues the lineage of the replica: without this, whoever replicates would take it for another
        // database.
        if (target.MetaPath(request) is { } metaPath && !request.Detach)
            DatabaseIdentity.WriteRestored(target.File, metaPath, id);

        return new RestoreResult(request.Database, RestoreOutcome.Restored, target.Named)
        {
            MovedAside = swap.Moves,
            Source = source.Lineage.Length == 0 ? null : source,
            Bytes = bytes,
        };
    }

    private static async Task<RestoreResult> PlanAsync(
        LitestreamExecutable executable,
        RestoreRequest request,
        RestoreTarget target,
        Action<LogLine>? onLine,
        CancellationToken cancellationToken
    )
    {
        if (RestoreFolder.AnyInterrupted(target.File))
        {
            ReplaceTransaction.Say(
                onLine,
                "WARN",
                $"A restore of '{target.File}' was interrupted; the next restore finishes or undoes it first"
            );
        }

        if (target.Check(request) is { } early)
            return new RestoreResult(request.Database, early, target.Named);

        if (target.IsShared(request))
        {
            RestoreLocks.Refuse(target, request);
            RestoreLocks.RefuseOpen(target, onLine);
        }

        return
            (
                await request.PlanAsync(executable, cancellationToken).ConfigureAwait(false)
                ?? await TryOlderAsync(executable, request, cancellationToken).ConfigureAwait(false)
            )
                is { } found
            ? new RestoreResult(request.Database, RestoreOutcome.WouldRestore, target.Named)
            {
                MovedAside = ReplaceTransaction
                    .Plan(target.File, target.MetaPath(request), request.Force, request.Time)
                    .Moves,
                Source = found.Source,
                Bytes = found.Bytes,
            }
            : NoBackup(request, target);
    }

    /// <summary>A backup of an older release line that this executable restores and does not list, in storage that is
    /// no
    /// folder: only a restore, to a scratch file, tells of it.</summary>
    private static async Task<RestorePlan?> TryOlderAsync(
        LitestreamExecutable executable,
        RestoreRequest request,
        CancellationToken cancellationToken
    )
    {
        if (
            executable.Line.Older.Count == 0
            || request.TxId is not null
            || request.Database.Replicas.All(replica => replica.Folder is not null)
        )
        {
            return null;
        }

        using var copy = new ScratchCopy(executable, request.Config, request.Database, request.Patience);
        return await copy.RestoreAsync(request.Selection, cancellationToken).ConfigureAwait(false) is { } source
            ? new RestorePlan(source, copy.Bytes)
            : null;
    }

    private static RestoreResult NoBackup(RestoreRequest request, RestoreTarget target) =>
        request.IfReplicaExists
            ? new RestoreResult(request.Database, RestoreOutcome.NoBackup, target.Named)
            : throw new LitestreamException(
                "LSB4002",
                $"There is no backup of '{request.Database.Path}' in {request.Places}. If there should be one, "
                    + $"check the replica's path and, for a folder, that its volume is mounted."
            );

    private static bool IsDiskFull(Exception e) =>
        e switch
        {
            LitestreamException { Diagnostic.Code: "LSB4008" } => false,
            LitestreamException litestream => litestream.Diagnostic.Code == "LSB4009"
                || (litestream.InnerException is { } inner && IsDiskFull(inner)),
            IOException io when OperatingSystem.IsWindows() => (io.HResult & 0xFFFF) is 0x70 or 0x27,
            IOException io => io.HResult is 28 or 122,
            _ => false,
        };
}
