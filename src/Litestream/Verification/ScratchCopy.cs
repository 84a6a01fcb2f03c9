using System.Globalization;
using Litestream.Commands;
using Litestream.Configuration;
using Litestream.Restore;
using Microsoft.Data.Sqlite;

namespace Litestream.Verification;

/// <summary>A database restored into a private folder for temporary files, to be looked at and thrown away. What a killed process leaves there, the next one removes.</summary>
internal sealed class ScratchCopy : IDisposable
{
    private const int Corrupt = 11;
    private const int NotADatabase = 26;

    private readonly RestoreFolder _folder;
    private readonly LitestreamExecutable _executable;
    private readonly EffectiveConfig _config;
    private readonly EffectiveDatabase _database;

    public ScratchCopy(LitestreamExecutable executable, EffectiveConfig config, EffectiveDatabase database)
    {
        _folder = RestoreFolder.Create(System.IO.Path.Combine(System.IO.Path.GetTempPath(), "litestream.db"));
        (_executable, _config, _database) = (executable, config, database);
    }

    public string Path => System.IO.Path.Combine(_folder.Path, "restored.db");

    public long Bytes => new FileInfo(Path).Length;

    public void Dispose() => _folder.Dispose();

    /// <summary>Restores; false when there is no backup.</summary>
    /// <param name="arguments">Which state: <c>-replica</c>, <c>-timestamp</c> and so on.</param>
    /// <param name="cancellationToken">Ends the executable.</param>
    /// <exception cref="LitestreamException">LSB3001, LSB4003, LSB4005.</exception>
    public async Task<bool> RestoreAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (exitCode, errors, said) = await RunAsync(Path, arguments, cancellationToken).ConfigureAwait(false);
        if (exitCode == 0 && File.Exists(Path))
            return true;
        if (said.Contains("no matching backup", StringComparison.Ordinal) || said.Contains("no snapshots available", StringComparison.Ordinal))
            return false;
        var message = errors.Count > 0 ? string.Join("; ", errors.Distinct()) : said.Trim();
        throw new LitestreamException(RestoreCommand.Classify(message), $"`litestream restore` ended with exit code {exitCode}: {(message.Length == 0 ? "it said nothing" : message)}");
    }

    /// <summary>
    /// The database as it was at just this place, which restores of release line 0.3 cannot give (they know whole WALs and times): all WALs before are applied by
    /// the executable, the last one is only fetched, cut and applied here. Null when that did not work.
    /// </summary>
    public async Task<string?> RestoreUpToAsync(ReplicaPosition position, string replica, CancellationToken cancellationToken)
    {
        var output = System.IO.Path.Combine(_folder.Path, "cut.db");
        var restored = output + ".tmp";
        var wal = System.IO.Path.Combine(_folder.Path, "fetched-wal");
        var index = position.Index.ToString("x8", CultureInfo.InvariantCulture);

        // The executable fetches each WAL into a file of this name, then applies it in the place of `-wal`. SQLite follows no link there: it stops with the WAL fetched and all others applied.
        File.CreateSymbolicLink($"{restored}-{index}-wal", wal);
        await RunAsync(output, ["-replica", replica, "-generation", position.Generation, "-index", index], cancellationToken).ConfigureAwait(false);
        if (!File.Exists(restored) || new FileInfo(wal) is not { Exists: true } fetched || fetched.Length < position.Offset || new FileInfo(restored + "-wal").LinkTarget is null)
            return null;

        File.Delete(restored + "-wal");
        File.Delete(restored + "-shm");
        using (var file = File.OpenHandle(wal, FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.SetLength(file, position.Offset);
        File.Move(wal, restored + "-wal");
        return restored;
    }

    /// <summary>Opens a restored file. It is nobody else's.</summary>
    public static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    /// <summary>What is wrong with the file; null when it is sound.</summary>
    /// <param name="connection">A connection to it.</param>
    /// <param name="full"><c>integrity_check</c> rather than <c>quick_check</c>.</param>
    /// <param name="cancellationToken">Interrupts the check.</param>
    public static string? Damage(SqliteConnection connection, bool full, CancellationToken cancellationToken)
    {
        using var interrupt = cancellationToken.Register(() => SQLitePCL.raw.sqlite3_interrupt(connection.Handle!));
        try
        {
            var answer = LiveDatabase.Scalar(connection, full ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)") as string;
            return string.Equals(answer, "ok", StringComparison.Ordinal) ? null : answer ?? "no answer";
        }
        catch (SqliteException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (SqliteException e) when (IsDamage(e))
        {
            return e.Message;
        }
    }

    public static bool IsDamage(SqliteException e) => e.SqliteErrorCode is Corrupt or NotADatabase;

    private async Task<(int ExitCode, List<string> Errors, string Said)> RunAsync(string output, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var said = new List<string>();
        var command = new LitestreamCommand(_executable, _config.Variables) { Secrets = _config.Secrets };
        var result = await command.RunAsync(
            ["restore", "-config", _config.Write(_folder.Path), .. arguments, "-o", output, _database.Path],
            cancellationToken,
            line =>
            {
                said.Add(line.Text);
                if (line.Level == "ERROR")
                    errors.Add(line.Explanation);
            }).ConfigureAwait(false);
        return (result.ExitCode, errors, string.Join('\n', said));
    }
}
