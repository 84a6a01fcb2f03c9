using Litestream.Commands;
using Litestream.Configuration;
using Microsoft.Data.Sqlite;

namespace Litestream.Restore;

/// <summary>How a restore ended well.</summary>
public enum RestoreOutcome
{
    /// <summary>The database is there again.</summary>
    Restored,

    /// <summary>There was a database already; nothing was done.</summary>
    DatabaseExists,

    /// <summary>The replica has no backup yet; nothing was done.</summary>
    NoBackup,
}

/// <summary>What to restore, and where to.</summary>
/// <param name="Config">The effective configuration.</param>
/// <param name="Database">One of its databases.</param>
public sealed record RestoreRequest(EffectiveConfig Config, EffectiveDatabase Database)
{
    /// <summary>Where the restored file goes; null: to the database's own path.</summary>
    public string? Output { get; init; }

    /// <summary>An existing file at the output ends in <see cref="RestoreOutcome.DatabaseExists"/> instead of LSB4001.</summary>
    public bool IfDatabaseNotExists { get; init; }

    /// <summary>An empty replica ends in <see cref="RestoreOutcome.NoBackup"/> instead of LSB4002.</summary>
    public bool IfReplicaExists { get; init; }
}

/// <summary>The restore that never destroys anything.</summary>
public static class DatabaseRestore
{
    private const int SqliteCorrupt = 11;
    private const int SqliteNotADatabase = 26;

    private static readonly string[] Sidecars = ["-wal", "-shm", "-journal"];

    /// <summary>
    /// Restores into a private folder beside the output, checks the file (<c>PRAGMA quick_check</c>) and moves it into place without ever replacing one.
    /// The file has mode 0600 (release line 0.3 makes it so). A missing parent folder is made.
    /// </summary>
    /// <remarks>
    /// Storage that cannot be reached is LSB4005, never <see cref="RestoreOutcome.NoBackup"/>. What cannot be told apart from an empty replica: a folder
    /// that is not there (a volume that is not mounted, an SFTP path that does not exist).
    /// When the output is the database's own path, the executable's state folder (<see cref="EffectiveDatabase.MetaPath"/>) of the lost file is moved aside.
    /// </remarks>
    /// <exception cref="LitestreamException">LSB0003, LSB3001, LSB4001 to LSB4005.</exception>
    public static async Task<RestoreOutcome> RunAsync(LitestreamExecutable executable, RestoreRequest request, Action<LogLine>? onLine, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(executable);
        ArgumentNullException.ThrowIfNull(request);

        var output = Path.GetFullPath(request.Output ?? request.Database.Path);
        ConfigPath.Check(output, (code, message) => new LitestreamException(code, message));
        if (CheckTarget(output, request.IfDatabaseNotExists) is { } early)
            return early;

        using var folder = RestoreFolder.Create(output);
        var restored = Path.Combine(folder.Path, "restored.db");
        if (!await FetchAsync(executable, request, folder.Path, restored, onLine, cancellationToken).ConfigureAwait(false))
        {
            return request.IfReplicaExists
                ? RestoreOutcome.NoBackup
                : throw new LitestreamException("LSB4002", $"There is no backup of {request.Database.Path} in {Places(request)}. If it should be there, check the replica's path and, for a folder, that its volume is mounted.");
        }

        Check(restored, request, onLine);
        cancellationToken.ThrowIfCancellationRequested();

        // The file may have been made meanwhile, by the app or by another restore.
        if (CheckTarget(output, request.IfDatabaseNotExists) is { } late)
            return late;

        var aside = string.Equals(output, request.Database.Path, StringComparison.Ordinal) ? MoveMetaAside(request.Database.MetaPath, onLine) : null;
        var placed = false;
        try
        {
            placed = AtomicPlacement.TryPlace(restored, output);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException("LSB0003", $"The restored file cannot be moved to {output}: {e.Message}", innerException: e);
        }
        finally
        {
            if (!placed && aside is not null)
                Directory.Move(aside, request.Database.MetaPath);
        }

        if (placed)
            return RestoreOutcome.Restored;
        return request.IfDatabaseNotExists ? RestoreOutcome.DatabaseExists : throw Exists(output);
    }

    private static string Places(RestoreRequest request) =>
        request.Database.Replicas.Count == 0 ? "any replica: it has none" : string.Join(", ", request.Database.Replicas.Select(r => r.Location));

    /// <summary>An outcome when nothing is to be done, null to go on.</summary>
    private static RestoreOutcome? CheckTarget(string output, bool ifNotExists)
    {
        if (Path.Exists(output) || new FileInfo(output).LinkTarget is not null)
            return ifNotExists ? RestoreOutcome.DatabaseExists : throw Exists(output);

        var leftovers = Sidecars.Select(suffix => output + suffix).Where(Path.Exists).ToList();
        if (leftovers.Count > 0)
            throw new LitestreamException("LSB4004", $"Beside {output}, which is not there, lies what belongs to a lost database: {string.Join(", ", leftovers.Select(Path.GetFileName))}. SQLite would apply it to the restored file and damage it. Move it away (it may hold the last changes), then restore again.");
        return null;
    }

    private static LitestreamException Exists(string output)
    {
        var file = new FileInfo(output);
        var what = Directory.Exists(output) ? "is a folder" : !file.Exists && file.LinkTarget is { } link ? $"is a link to {link}, which is not there" : file is { Exists: true, Length: 0 } ? "is there already, though it is empty (0 bytes)" : "is there already";
        return new LitestreamException("LSB4001", $"{output} {what}. A restore never replaces a file: move it away, or restore to another file.");
    }

    /// <summary>False when the replica has no backup.</summary>
    private static async Task<bool> FetchAsync(LitestreamExecutable executable, RestoreRequest request, string folder, string restored, Action<LogLine>? onLine, CancellationToken cancellationToken)
    {
        var errors = new List<LogLine>();
        var noBackup = false;
        var command = new LitestreamCommand(executable, request.Config.Variables) { Secrets = request.Config.Secrets };
        var result = await command.RunAsync(
            ["restore", "-config", request.Config.Write(folder), "-o", restored, request.Database.Path],
            cancellationToken,
            line =>
            {
                noBackup |= line.Explanation.Contains("no matching backups found", StringComparison.Ordinal);
                if (line.Level == "ERROR")
                    errors.Add(line);
                onLine?.Invoke(line);
            }).ConfigureAwait(false);

        if (result.ExitCode == 0 && File.Exists(restored))
            return true;
        if (noBackup)
            return false;

        var message = errors.Count > 0
            ? string.Join("; ", errors.Select(e => e.Explanation).Distinct())
            : (result.StandardError + result.StandardOutput).Trim();
        throw new LitestreamException(
            Classify(message),
            $"{request.Database.Path} could not be restored from {Places(request)}: `litestream restore` ended with exit code {result.ExitCode}: {(message.Length == 0 ? "it said nothing" : message)}");
    }

    internal static string Classify(string message)
    {
        bool Says(params string[] words) => words.Any(w => message.Contains(w, StringComparison.OrdinalIgnoreCase));
        if (Says("no space left on device", "database not found in config", "cannot read config", "yaml:"))
            return "LSB3001";
        return Says("malformed", "cannot apply wal", "checksum", "lz4", "unexpected EOF", "not a database") ? "LSB4003" : "LSB4005";
    }

    /// <summary>Only the library that the app itself uses may look: see the provider of SQLitePCL. The connection closes the file for good (no pool) and changes nothing.</summary>
    private static void Check(string restored, RestoreRequest request, Action<LogLine>? onLine)
    {
        void Skip(string why) => onLine?.Invoke(new LogLine("WARN", $"quick_check of the restored {request.Database.Path} was skipped: {why}", new Dictionary<string, string>(), ""));

        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = restored, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA quick_check(1)";
            var answer = command.ExecuteScalar() as string;
            if (!string.Equals(answer, "ok", StringComparison.Ordinal))
                throw Damaged(request, answer ?? "no answer", null);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is SqliteCorrupt or SqliteNotADatabase)
        {
            throw Damaged(request, e.Message, e);
        }
        catch (SqliteException e)
        {
            // A collation or a module that only the app has: no proof of damage.
            Skip(e.Message);
        }
        catch (Exception e) when (e is not LitestreamException && !HasProvider())
        {
            Skip("the app brings no SQLite library for Microsoft.Data.Sqlite.");
        }
    }

    private static bool HasProvider()
    {
        try
        {
            return SQLitePCL.raw.sqlite3_libversion_number() > 0;
        }
#pragma warning disable CA1031 // It throws a bare Exception when there is none.
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }

    private static LitestreamException Damaged(RestoreRequest request, string answer, Exception? e) =>
        new("LSB4003", $"The backup of {request.Database.Path} in {Places(request)} does not give a sound database: {answer}. Nothing was put in place.", innerException: e);

    /// <summary>The state of the lost file: it says which generation goes on, and its shadow WAL may hold changes that never left. So it is kept, out of the way.</summary>
    private static string? MoveMetaAside(string metaPath, Action<LogLine>? onLine)
    {
        if (!Directory.Exists(metaPath))
            return null;

        var aside = $"{metaPath}.lost-{DateTime.UtcNow:yyyyMMdd'T'HHmmss'Z'}";
        for (var i = 2; Path.Exists(aside); i++)
            aside = $"{metaPath}.lost-{DateTime.UtcNow:yyyyMMdd'T'HHmmss'Z'}-{i}";
        try
        {
            Directory.Move(metaPath, aside);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LitestreamException("LSB0003", $"Litestream's state of the lost database, {metaPath}, cannot be moved aside: {e.Message}", innerException: e);
        }

        onLine?.Invoke(new LogLine("INFO", $"Litestream's state of the lost database was moved to {aside}", new Dictionary<string, string>(), ""));
        return aside;
    }
}
