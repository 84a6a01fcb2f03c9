using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Litestream.Diagnostics;
using Litestream.Execution;
using Litestream.FileSystem;

namespace Litestream.Restore;

/// <summary>
/// Puts a restored file into place, and moves what was there aside. Several files cannot be renamed in one step, so a
/// record of all steps is written first:
/// whoever comes after a process that was killed in between takes them back, or sees that they were all done.
/// </summary>
/// <remarks>
/// The database itself is moved first and comes back last: while a file is at its place, all that belongs to it is
/// there too, and nothing that does not.
/// </remarks>
internal sealed class ReplaceTransaction
{
    private const string RecordName = "moves.json";

    private readonly string _output;

    private ReplaceTransaction(string output, string? folder, IReadOnlyList<MovedFile> moves)
    {
        _output = output;
        Folder = folder;
        Moves = moves;
    }

    /// <summary>What is moved aside, in this order.</summary>
    public IReadOnlyList<MovedFile> Moves { get; }

    /// <summary>
    /// The folder that they are moved into; null when there is at most a state folder of the executable, which stays
    /// beside.
    /// </summary>
    private string? Folder { get; }

    /// <summary>What has to go when a file comes to this place.</summary>
    /// <param name="output">The place.</param>
    /// <param name="metaPath">The executable's state of the database at that place; null where there is none.</param>
    /// <param name="force">Whether a database there goes too. Otherwise there was none a moment ago, and one that has
    /// appeared since stays.</param>
    /// <param name="time">Dates the set.</param>
    public static ReplaceTransaction Plan(string output, string? metaPath, bool force, TimeProvider time)
    {
        List<string> files = force ? [.. Existing(output)] : [];
        var folder = files.Count == 0 ? null : Unused($"{output}.replaced-{Stamp(time)}", "");
        var moves = files.ConvertAll(file => new MovedFile(file, Path.Combine(folder!, Path.GetFileName(file))));
        if (metaPath is not null && Directory.Exists(metaPath))
        {
            // Elsewhere it may be on another volume, where a rename cannot take it.
            var beside = folder is not null && Path.GetDirectoryName(metaPath) == Path.GetDirectoryName(output);
            moves.Add(
                new MovedFile(
                    metaPath,
                    beside
                        ? Path.Combine(folder!, Path.GetFileName(metaPath))
                        : Unused($"{metaPath}.lost-{Stamp(time)}", "")
                )
            );
        }

        return new ReplaceTransaction(output, folder, moves);
    }

    /// <summary>The database, its <c>-wal</c>, <c>-shm</c> and <c>-journal</c>, those that are there.</summary>
    public static IEnumerable<string> Existing(string output) =>
        DatabasePath.Endings.Select(ending => output + ending).Where(IsThere);

    public static string Stamp(TimeProvider time) =>
        time.GetUtcNow().UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    public static string Unused(string stem, string extension)
    {
        var path = stem + extension;
        for (var i = 2; IsThere(path); i++)
            path = $"{stem}-{i}{extension}";
        return path;
    }

    /// <summary>
    /// Whether files were moved from this restore folder's output and it was not seen yet how that ended.
    /// </summary>
    public static bool IsRecorded(string restoreFolder) => File.Exists(Path.Combine(restoreFolder, RecordName));

    /// <summary>
    /// Does it: in the end the restored file is at its place and everything else aside, or nothing has changed.
    /// </summary>
    /// <returns>False when a file has appeared at the place meanwhile; then nothing has changed.</returns>
    /// <exception cref="LitestreamException">LSB4007: it failed, and everything was put back; LSB4008: that failed too,
    /// and the record is kept for the next run.</exception>
    public bool Run(RestoreFolder work, Action<LogLine>? onLine)
    {
        var placed = false;
        try
        {
            if (Moves.Count > 0)
                MoveAside(work, onLine);
            placed = AtomicPlacement.TryPlace(
                RestoreFolder.RestoredIn(work.Held.Inside),
                _output,
                () => WriteOnce(work.Held)
            );
        }
        catch (Exception e)
        {
            // Whoever listens to the lines may have failed too: what has begun is taken back in any case.
            placed = IsRecorded(work.Held.Inside)
                ? Recover(work.Held, null)
                : File.Exists(_output) && IsDone(RestoreFolder.RestoredIn(work.Held.Inside));
            if (!placed && e is (IOException or UnauthorizedAccessException))
            {
                throw new LitestreamException(
                    "LSB4007",
                    $"The restored file cannot be moved to '{_output}': {e.Message} All other files are back where "
                        + $"they were.",
                    innerException: e
                );
            }

            if (!placed)
                throw;
        }

        if (!placed)
        {
            Recover(work.Held, null);
            return false;
        }

        try
        {
            // Until the new names are on the disk, the record has to be.
            UnixCalls.FlushFolder(Path.GetDirectoryName(_output)!);
            File.Delete(Path.Combine(work.Held.Inside, RecordName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is done all the same; whoever finds the record sees that.
            Say(
                onLine,
                "WARN",
                $"'{_output}' was restored, but may not survive a power failure now: {e.Message}"
            );
        }

        return true;
    }

    /// <summary>Takes back what the record in this restore folder says, unless all of it was done.</summary>
    /// <returns>True when all of it was done.</returns>
    /// <exception cref="LitestreamException">LSB4008.</exception>
    public static bool Recover(DirectoryHandle restoreFolder, Action<LogLine>? onLine)
    {
        if (!IsRecorded(restoreFolder.Inside))
            return false;

        var record = Path.Combine(restoreFolder.Inside, RecordName);
        try
        {
            var swap = Read(record);
            var done = swap.IsDone(RestoreFolder.RestoredIn(restoreFolder.Inside));
            if (!done)
                swap.TakeBack();
            UnixCalls.FlushFolder(Path.GetDirectoryName(swap._output)!);

            // First of all the record: without the rest of the folder it would say something else.
            File.Delete(record);
            var replaced =
                swap.Moves.Count == 0 ? "" : $"; the files that it replaced are in '{swap.Folder ?? swap.Moves[0].To}'";
            Say(
                onLine,
                "WARN",
                done
                    ? $"A restore of '{swap._output}' was interrupted after it had finished{replaced}"
                    : $"A restore of '{swap._output}' was interrupted; all files are back where they were"
            );
            return done;
        }
        catch (Exception e)
            when (e
                    is IOException
                        or UnauthorizedAccessException
                        or JsonException
                        or KeyNotFoundException
                        or InvalidOperationException
                        or ArgumentException
            )
        {
            throw new LitestreamException(
                "LSB4008",
                $"An interrupted restore cannot be undone: {e.Message} Correct that and try again. Or move the "
                    + $"files back by hand ('{Path.Combine(restoreFolder.Path, RecordName)}' lists the moves) and "
                    + $"delete '{restoreFolder.Path}'.",
                innerException: e
            );
        }
    }

    public static void Say(Action<LogLine>? onLine, string level, string message) =>
        onLine?.Invoke(new LogLine(level, message, new Dictionary<string, string>(), message));

    private static bool IsThere(string path) => Path.Exists(path) || new FileInfo(path).LinkTarget is not null;

    private void MoveAside(RestoreFolder work, Action<LogLine>? onLine)
    {
        var owner = UnixCalls.Status(_output);
        Write(work.Held);
        if (Folder is not null)
            MakeFolder(work.Held, owner);

        // Whoever opens the place once the database has gone makes an empty one, and SQLite deletes the log that it
        // finds beside that. By its second name the log stays.
        var linked = Moves.Where(move => HoldsChanges(move) && AtomicPlacement.TryLink(move.From, move.To)).ToList();
        foreach (var move in Moves)
        {
            if (!linked.Contains(move))
                Move(move.From, move.To);
            else if (AreOne(move.From, move.To))
                File.Delete(move.From);
            else if (IsThere(move.From))
                throw new IOException($"Another process has created '{move.From}' in the meantime.");
            Say(onLine, "INFO", $"'{move.From}' was moved to '{move.To}'");
        }

        if (Folder is not null)
            UnixCalls.FlushFolder(Folder);
        RefuseOpened();
    }

    /// <summary>Made and given away where no other user can put anything in its place; then it gets its name.</summary>
    private void MakeFolder(DirectoryHandle work, FileStatus? owner)
    {
        var made = Path.Combine(work.Inside, "replaced");
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(made);
        else
            Directory.CreateDirectory(made, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (owner is not null)
        {
            using var held =
                DirectoryHandle.TryOpen(made)
                ?? throw new IOException($"Another process has replaced '{made}'.");
            held.Give(owner);
        }

        Directory.Move(made, Folder!);
    }

    /// <summary>
    /// Who opened the database between the last look and its move has it open under its new name, and his log is at
    /// the old place, where SQLite would take it for the restored file's.
    /// </summary>
    /// <exception cref="IOException">Somebody did.</exception>
    private void RefuseOpened()
    {
        if (DatabasePath.Endings.Skip(1).Select(ending => _output + ending).FirstOrDefault(IsThere) is { } companion)
            throw new IOException($"Another process has created '{companion}' in the meantime.");
        foreach (var path in Moves.Where(move => move.From == _output).Select(move => move.To).Append(_output))
        {
            if (OpenDatabases.Find(path, out _) is [var user, ..])
                throw new IOException($"Process {user.Id} ({user.Name}) has opened '{_output}' in the meantime.");
        }
    }

    /// <summary>The <c>-wal</c> or the <c>-journal</c>: without it the database lacks changes or is damaged.</summary>
    private bool HoldsChanges(MovedFile move) => move.From == _output + "-wal" || move.From == _output + "-journal";

    private static bool AreOne(string path, string other) =>
        UnixCalls.Status(path) is { } status && UnixCalls.Status(other)?.Identity == status.Identity;

    private static void Move(string from, string to)
    {
        if (IsThere(to))
            throw new IOException($"Another process has created '{to}' in the meantime.");

        // A rename and nothing else: not to be seen half done.
        if (Directory.Exists(from))
            Directory.Move(from, to);
        else
            File.Move(from, to, overwrite: !OperatingSystem.IsWindows());
    }

    /// <summary>
    /// The restored file has its new name; the old one may be there still where a name was added and then the other
    /// removed.
    /// </summary>
    private bool IsDone(string restored)
    {
        var (file, source) = (new FileInfo(_output), new FileInfo(restored));
        return !source.Exists
            || (file.Exists && file.Length == source.Length && file.LastWriteTimeUtc == source.LastWriteTimeUtc);
    }

    private void TakeBack()
    {
        var database = Moves.FirstOrDefault(move => move.From == _output);
        if (IsThere(_output) && (database is null || IsThere(database.To)))
        {
            // The placeholder of a file system without hard links; anything else is somebody's, and in the way of what
            // is to come back there.
            if (
                new FileInfo(_output) is { Exists: true, Length: 0, LinkTarget: null }
                && OpenDatabases.Find(_output, out _) is not { Count: > 0 }
            )
            {
                File.Delete(_output);
            }
            else if (Folder is not null)
            {
                throw new IOException($"Another process has created '{_output}' in the meantime.");
            }
        }

        var isMoved = database is null || IsThere(database.To);
        if (
            Moves.FirstOrDefault(move =>
                (move == database || (isMoved && HoldsChanges(move))) && !IsThere(move.From) && !IsThere(move.To)
            ) is
            { } lost
        )
        {
            throw new IOException($"'{lost.From}' is missing, and so is '{lost.To}'.");
        }

        foreach (var move in Moves.Reverse().Where(move => IsThere(move.To)))
        {
            // A second name. While the database has not been moved, its app may have continued with it, and the log be
            // an old one.
            if (AreOne(move.From, move.To) || (!isMoved && HoldsChanges(move)))
            {
                File.Delete(move.To);
                continue;
            }

            // What belongs to the database has to be back on the disk before it is.
            if (move == database)
                UnixCalls.FlushFolder(Path.GetDirectoryName(_output)!);
            Move(move.To, move.From);
        }

        if (Folder is not null && Directory.Exists(Folder))
            Directory.Delete(Folder);
    }

    /// <summary>Where nothing was moved there is no record yet.</summary>
    private void WriteOnce(DirectoryHandle restoreFolder)
    {
        if (!IsRecorded(restoreFolder.Inside))
            Write(restoreFolder);
    }

    private void Write(DirectoryHandle restoreFolder)
    {
        var path = Path.Combine(restoreFolder.Inside, RecordName);
        using (var file = NonDatabaseFile.CreateNew(path + ".new"))
        {
            JsonSerializer.Serialize(file, new SwapForm(_output, Folder, Moves), SwapJson.Default.SwapForm);
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path);
        UnixCalls.FlushFolder(restoreFolder.Inside);
        UnixCalls.FlushFolder(Path.GetDirectoryName(restoreFolder.Path)!);
    }

    private static ReplaceTransaction Read(string record)
    {
        using var json = JsonDocument.Parse(NonDatabaseFile.ReadAllBytes(record));
        var root = json.RootElement;
        return new ReplaceTransaction(
            root.GetProperty("output").GetString()!,
            root.GetProperty("folder").GetString(),
            [
                .. root.GetProperty("moves")
                    .EnumerateArray()
                    .Select(move => new MovedFile(
                        move.GetProperty("from").GetString()!,
                        move.GetProperty("to").GetString()!
                    )),
            ]
        );
    }
}

/// <summary>The record of all steps as its JSON has it.</summary>
internal sealed record SwapForm(string Output, string? Folder, IReadOnlyList<MovedFile> Moves);

[JsonSerializable(typeof(SwapForm))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    GenerationMode = JsonSourceGenerationMode.Metadata
)]
internal sealed partial class SwapJson : JsonSerializerContext;
