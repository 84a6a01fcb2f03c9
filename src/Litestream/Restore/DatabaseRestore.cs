using System.Diagnostics;
using Litestream.Configuration;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;
using Litestream.Releases.V03;
using Litestream.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;

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
    /// The file keeps owner and mode of the one that it replaces (Unix); a new one has mode 0600 (release line 0.3
    /// makes it so), and, where root restores a lost database, the owner of its folder. A missing parent folder is
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
    /// <exception cref="LitestreamException">LSB0003, LSB2008, LSB3001, LSB3005, LSB3008, LSB4001 to LSB4009; LSB4104:
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

        RestoreCommand.CheckOptions(request);
        var named = Path.GetFullPath(request.Output ?? request.Database.Path);
        if (ConfigPath.Problem(named) is { } problem)
            throw new LitestreamException("LSB1015", problem);
        var target = new Target(named, FollowLink(named), IsDatabase(request.Config, named));

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
                $"The restore of {request.Database.Path} was ended because it took longer than "
                    + $"{NumberText.Seconds(request.Timeout!.Value)} s. Nothing was put in place.",
                innerException: e
            );
        }
        catch (Exception e) when (IsDiskFull(e))
        {
            throw new LitestreamException(
                "LSB4009",
                $"The disk of {Path.GetDirectoryName(target.File)} is full: {request.Database.Path} was not "
                    + $"restored, and nothing is left of the attempt. Free some space, or restore to another disk.",
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
            throw new LitestreamException(
                "LSB3008",
                $"One output, {options.Output}, cannot hold {databases.Count} databases. Without it they go to "
                    + $"files of their own beside the databases, or in place."
            );

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
    internal static bool IsPending(string databasePath) => RestoreFolder.AnyFor(FollowLink(databasePath));

    /// <summary>Whether a living process restores to this database's path.</summary>
    /// <param name="databasePath">The database.</param>
    /// <param name="holder">Who holds its lock, as far as the record tells.</param>
    internal static bool IsAtWork(string databasePath, ProcessIdentity? holder) =>
        RestoreFolder.IsAtWork(FollowLink(databasePath), holder);

    /// <summary>
    /// Finishes or takes back what a killed restore to this database's path had begun. The caller holds the database's
    /// lock.
    /// </summary>
    /// <exception cref="LitestreamException">LSB4008: it can be neither finished nor taken back.</exception>
    internal static void Recover(string databasePath, Action<LogLine>? onLine)
    {
        var file = FollowLink(databasePath);
        if (RestoreFolder.AnyInterrupted(file) && OpenDatabases.Find(file, out _) is [var user, ..])
            throw new LitestreamException(
                "LSB4008",
                $"A restore of {file} was interrupted, and it can be neither finished nor taken back while "
                    + $"process {user.Id} ({user.Name}) has {user.File} open. End that process, then start again."
            );
        RestoreFolder.RemoveLeftovers(file, onLine);
        RestoreFolder.RefuseForeign(file);
    }

    private static async Task<RestoreResult> RestoreAsync(
        LitestreamExecutable executable,
        RestoreRequest request,
        Target target,
        Action<LogLine>? onLine,
        CancellationToken cancellationToken
    )
    {
        var interrupted = RestoreFolder.AnyInterrupted(target.File);
        if (!interrupted)
        {
            RestoreFolder.RemoveLeftovers(target.File, onLine);
            if (CheckTarget(target, request) is { } early)
                return new RestoreResult(request.Database, early, target.Named);
        }

        RestoreFolder.RemoveSideLeftovers(request.Database.Path);
        var shared = IsShared(target, request) || interrupted;
        using var locks = shared ? Lock(target, request) : null;
        if (interrupted)
        {
            RefuseOpen(target, onLine: null);
            RestoreFolder.RemoveLeftovers(target.File, onLine);
        }

        if (shared)
            RestoreFolder.RefuseForeign(target.File);
        if (interrupted && CheckTarget(target, request) is { } recovered)
            return new RestoreResult(request.Database, recovered, target.Named);

        // An app that starts sees the folder and keeps away; one that came before is found after it.
        using var folder = RestoreFolder.Create(target.File);
        if (shared)
            RefuseOpen(target, onLine);

        var source = await new RestoreCommand(executable, request, folder.Path, folder.Restored, onLine)
            .RunAsync(cancellationToken)
            .ConfigureAwait(false);
        if (source is null)
            return NoBackup(request, target);

        RestoredFile.Check(folder.Restored, request, onLine, cancellationToken);
        if (request.Detach)
            Detach(folder.Restored, request);

        // Before the last look at who uses the place, as it takes long, and before it gets a mode that may let nobody
        // write.
        Finish(target, folder, onLine);
        cancellationToken.ThrowIfCancellationRequested();

        // Meanwhile the file may have been made, by the app or by another restore, or opened.
        if (CheckTarget(target, request) is { } late)
            return new RestoreResult(request.Database, late, target.Named);
        if (shared)
            RefuseOpen(target, onLine: null);

        var bytes = new FileInfo(folder.Restored).Length;
        var id = LiveDatabase.ReadIdentityInFile(folder.Restored).Id;
        var swap = FileSwap.Plan(target.File, MetaPath(request, target), request.Force, request.Time);
        if (!swap.Run(folder, onLine))
            return request.IfDatabaseNotExists
                ? new RestoreResult(request.Database, RestoreOutcome.DatabaseExists, target.Named)
                : throw Exists(target.File);

        // It goes on with the history of the replica: without this, whoever replicates would take it for another
        // database.
        if (MetaPath(request, target) is { } metaPath && !request.Detach)
            DatabaseHistory.WriteRestored(target.File, metaPath, id);

        return new RestoreResult(request.Database, RestoreOutcome.Restored, target.Named)
        {
            MovedAside = swap.Moves,
            Source = source.Generation.Length == 0 ? null : source,
            Bytes = bytes,
        };
    }

    private static async Task<RestoreResult> PlanAsync(
        LitestreamExecutable executable,
        RestoreRequest request,
        Target target,
        Action<LogLine>? onLine,
        CancellationToken cancellationToken
    )
    {
        if (RestoreFolder.AnyInterrupted(target.File))
            FileSwap.Say(
                onLine,
                "WARN",
                $"A restore of {target.File} was interrupted; a restore begins with finishing it or taking it back"
            );
        if (CheckTarget(target, request) is { } early)
            return new RestoreResult(request.Database, early, target.Named);

        if (IsShared(target, request))
        {
            foreach (var path in LockedPaths(target, request))
            {
                var record = DatabaseLock.Peek(path);
                if (record.App?.IsRunning() == true)
                    throw Held(path, record);
                RefuseOrphan(path, record);
            }

            RefuseOpen(target, onLine);
        }

        return
            await BackupSelection.FindAsync(executable, request, cancellationToken).ConfigureAwait(false) is { } found
            ? new RestoreResult(request.Database, RestoreOutcome.WouldRestore, target.Named)
            {
                MovedAside = FileSwap.Plan(target.File, MetaPath(request, target), request.Force, request.Time).Moves,
                Source = found.Source,
                Bytes = found.Bytes,
            }
            : NoBackup(request, target);
    }

    private static RestoreResult NoBackup(RestoreRequest request, Target target) =>
        request.IfReplicaExists
            ? new RestoreResult(request.Database, RestoreOutcome.NoBackup, target.Named)
            : throw new LitestreamException(
                "LSB4002",
                $"There is no backup of {request.Database.Path} in {RestoreCommand.Places(request)}. If it should "
                    + $"be there, check the replica's path and, for a folder, that its volume is mounted."
            );

    private static string? MetaPath(RestoreRequest request, Target target) =>
        request
            .Config.Databases.FirstOrDefault(database =>
                DatabasePath.Real(database.Path) == DatabasePath.Real(target.Named)
            )
            ?.MetaPath
        ?? (request.Detach ? EffectiveDatabase.MetaPathOf(target.File) : null);

    /// <summary>Whether others may be at work at that place.</summary>
    private static bool IsShared(Target target, RestoreRequest request) =>
        target.IsDatabase
        || request.Force
        || FileSwap.Existing(target.File).Any()
        || (MetaPath(request, target) is { } metaPath && Directory.Exists(metaPath));

    private static bool IsDatabase(EffectiveConfig config, string path) =>
        config.Databases.Any(database => DatabasePath.Real(database.Path) == DatabasePath.Real(path));

    /// <summary>
    /// SQLite follows a link at the database's path and keeps its own files beside what the link leads to.
    /// </summary>
    private static string FollowLink(string path) =>
        new FileInfo(path).LinkTarget is not null && DatabasePath.Real(path) is var real && Path.Exists(real)
            ? real
            : path;

    /// <summary>An outcome when nothing is to be done, null to go on.</summary>
    private static RestoreOutcome? CheckTarget(Target target, RestoreRequest request)
    {
        // A link that leads somewhere was followed.
        if (Directory.Exists(target.File) || new FileInfo(target.File).LinkTarget is not null)
            throw Exists(target.File);
        if (request.Force)
            return null;
        if (File.Exists(target.File))
            return request.IfDatabaseNotExists ? RestoreOutcome.DatabaseExists : throw Exists(target.File);

        var leftovers = FileSwap.Existing(target.File).ToList();
        if (leftovers.Count > 0)
            throw new LitestreamException(
                "LSB4004",
                $"Beside {target.File}, which is not there, lies what belongs to a lost "
                    + $"database: {string.Join(", ", leftovers.Select(Path.GetFileName))}. SQLite would apply "
                    + $"it to the "
                    + $"restored file and damage it. Move it away (it may hold the last changes), then "
                    + $"restore again; or "
                    + $"force the restore (LitestreamForce=true, RestoreOptions.Force), which moves it aside."
            );
        return null;
    }

    private static LitestreamException Exists(string output)
    {
        var file = new FileInfo(output);
        if (Directory.Exists(output) || file.LinkTarget is not null)
            return new LitestreamException(
                "LSB4001",
                $"{output} "
                    + $"{(Directory.Exists(output) ? "is a folder" : $"is a link to {file.LinkTarget}, which is not there")}. "
                    + $"A restore never replaces it: move it away, or restore to another file."
            );
        return new LitestreamException(
            "LSB4001",
            $"{output} is there "
                + $"already{(file is { Exists: true, Length: 0 } ? ", though it is empty (0 bytes)" : "")}. A restore "
                + $"never replaces a file unless it is forced to, and then moves it aside: force it "
                + $"(LitestreamForce=true, RestoreOptions.Force), move the file away, or restore to another file."
        );
    }

    /// <summary>
    /// The lock of the place is taken under the name that its app knows, and, where that is a link, under the name that
    /// it leads to.
    /// </summary>
    private static IEnumerable<string> LockedPaths(Target target, RestoreRequest request) =>
        new[] { target.Named, target.File }
            .Distinct(StringComparer.Ordinal)
            .Where(path => path != request.HeldLock?.DatabasePath);

    /// <exception cref="LitestreamException">LSB4006: another process holds it, or left a replicator;
    /// LSB0003.</exception>
    private static DatabaseLocks Lock(Target target, RestoreRequest request)
    {
        var paths = LockedPaths(target, request).ToList();
        var locks = DatabaseLocks.TryAcquire(paths, out var path, out var holder) ?? throw Held(path, holder);
        try
        {
            // Its record stays: it is what the next start of the app ends it by.
            foreach (var (_, found) in locks.Found)
                RefuseOrphan(target.Named, found);
            locks.Write(new LockRecord(ProcessIdentity.Of(Environment.ProcessId), null));
            return locks;
        }
        catch
        {
            locks.Dispose();
            throw;
        }
    }

    private static LitestreamException Held(string path, LockRecord holder)
    {
        if (holder.App is not { } app || !app.IsRunning())
            return new LitestreamException(
                "LSB4006",
                $"Another process replicates or restores {path}: it holds {DatabaseLock.PathFor(path)}. End it, "
                    + $"then restore again; or restore to another file."
            );

        var does = holder.Replicator is { } replicator
            ? $"replicates {path} (with litestream, process {replicator.ProcessId})"
            : $"restores or begins to replicate {path}";
        return new LitestreamException(
            "LSB4006",
            app.ProcessId == Environment.ProcessId
                ? $"This process itself {does}. Restore to another file, or in place while its host is not running."
                : $"Process {app.ProcessId} ({app.Executable}) {does}. Stop that app, on the command line with "
                    + $"`kill {app.ProcessId}`, then restore again; or restore to another file."
        );
    }

    /// <exception cref="LitestreamException">LSB4006.</exception>
    private static void RefuseOrphan(string path, LockRecord record)
    {
        if (record.LivingReplicators.FirstOrDefault() is { } orphan)
            throw new LitestreamException(
                "LSB4006",
                $"A litestream of an app that has ended still replicates {path}: process {orphan.ProcessId} "
                    + $"({orphan.Executable}). End it with `kill {orphan.ProcessId}`, which lets it send what "
                    + $"is missing; "
                    + $"or restore to another file."
            );
    }

    /// <exception cref="LitestreamException">LSB4006.</exception>
    private static void RefuseOpen(Target target, Action<LogLine>? onLine)
    {
        if (OpenDatabases.Find(target.File, out var unseen) is not { } users)
        {
            FileSwap.Say(
                onLine,
                "WARN",
                $"Whether a process has {target.File} open cannot be seen on this system: make sure that none has"
            );
            return;
        }

        if (unseen > 0)
            FileSwap.Say(
                onLine,
                "INFO",
                $"{unseen} processes of other users were not looked at; of those, only one that has {target.File} "
                    + $"open in WAL mode would have been seen"
            );
        if (users.Count == 0)
            return;

        var what = users.Select(user =>
            user.Id == Environment.ProcessId
                ? $"this process itself ({user.Id}) has {user.File} open"
                : $"process {user.Id} ({user.Name}) has {user.File} open"
        );
        var others = users.Where(user => user.Id != Environment.ProcessId).Select(user => user.Id).ToList();
        var stop =
            others.Count == 0
                ? "Close its connections (SqliteConnection.ClearAllPools() for pooled ones)"
                : $"End {(others.Count == 1 ? "it" : "them")}, on the command line with "
                    + $"`kill {string.Join(' ', others)}`";
        throw new LitestreamException(
            "LSB4006",
            $"{target.File} cannot be replaced while it is in use: {string.Join("; ", what)}. {stop}, then restore "
                + $"again; or restore to another file."
        );
    }

    private static void Finish(Target target, RestoreFolder folder, Action<LogLine>? onLine)
    {
        try
        {
            using var restored = folder.OpenRestored();
            RandomAccess.FlushToDisk(restored);
            TakeOver(target, restored, onLine);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException(
                "LSB4007",
                $"The restored file cannot be put in place as {target.File}: {e.Message} Nothing has changed.",
                innerException: e
            );
        }
    }

    /// <summary>
    /// The restored file gets the owner and the mode of the one that it takes the place of. A lost database that root
    /// restores is given to whom its folder belongs.
    /// </summary>
    private static void TakeOver(Target target, SafeFileHandle restored, Action<LogLine>? onLine)
    {
        if (OperatingSystem.IsWindows())
            return;

        var existing = target.File;
        try
        {
            if (!File.Exists(existing))
            {
                if (target.IsDatabase && !DatabaseOwner.TryGive(restored, existing))
                    FileSwap.Say(
                        onLine,
                        "WARN",
                        $"{existing} cannot be given to the owner of its folder: whether its app can open it "
                            + $"depends on whom that runs as"
                    );
                return;
            }

            var (owner, own) = (UnixCalls.Status(existing, followLinks: false), UnixCalls.Status(restored));
            if (owner is { IsFile: false })
                throw new IOException($"Somebody else has put something in the place of {existing}.");
            if (owner is not null && own is not null && (owner.User, owner.Group) != (own.User, own.Group))
                UnixCalls.ChangeOwner(restored, owner);
            File.SetUnixFileMode(restored, owner?.Mode ?? File.GetUnixFileMode(existing));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new LitestreamException(
                "LSB0003",
                $"The restored file cannot be given to the owner of {existing}, so its app could not use "
                    + $"it: {e.Message}. Nothing was put in place. Restore as that user, or as root.",
                innerException: e
            );
        }
    }

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

    /// <summary>
    /// Without the executable's tables it has no number, and what has none does not go on with any history.
    /// </summary>
    private static void Detach(string restored, RestoreRequest request)
    {
        try
        {
            LiveDatabase.RemoveIdentity(restored);
        }
        catch (SqliteException e)
        {
            throw new LitestreamException(
                "LSB4003",
                $"The restored copy of {request.Database.Path} cannot be made a database of its own: {e.Message} "
                    + $"Nothing was put in place.",
                innerException: e
            );
        }
    }

    /// <summary>Where a restore goes.</summary>
    /// <param name="Named">The path that was asked for.</param>
    /// <param name="File">The same, or what the link at that path leads to.</param>
    /// <param name="IsDatabase">Whether it is the place of a database in the configuration.</param>
    private sealed record Target(string Named, string File, bool IsDatabase);
}
